// Whether the check of compiled outputs finds what it should, and nothing else.
#include "tc/te/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../lib/te/error_bound.h"
#include "tc/ir/parse.h"
#include "tc/te/extern.h"
#include "tc/te/ops.h"
#include "tc/te/scan.h"

namespace tc {
namespace {

struct Case {
  std::vector<Tensor> args;
  std::vector<HostTensor> data;
  std::vector<ir::TensorView> views;
  Reference reference;

  explicit Case(std::vector<Tensor> tensors, Fill fill = Fill::uniform, size_t elements = 64)
      : args(std::move(tensors)),
        data(make_args(args, 1, fill)),
        views(views_of(data)),
        reference(args, views, fill, elements, 7) {}

  void run() const { ASSERT_FALSE(evaluate(args, views)); }
  [[nodiscard]] Comparison check() const {
    return reference.check(views, [&] { run(); });
  }
};

Case product(int64_t n, DType type, bool backwards = false) {
  const Tensor A = placeholder({3, n}, type, "A"), B = placeholder({n, 5}, type, "B");
  const ReduceAxis k = reduce_axis(0, n, "k");
  const Expr at = backwards ? Expr(ir::int_imm(n - 1)) - k : Expr(k);
  const Tensor C = compute({3, 5}, [&](Expr y, Expr x) { return sum(A(y, at) * B(at, x), k); }, "C");
  return Case({A, B, C});
}

TEST(Compare, TheReferenceItselfIsEqual) {
  for (const DType t : {kF64, kF32, kF16, kBF16}) {
    const Comparison c = product(40, t).check();
    EXPECT_TRUE(c.passed()) << c.difference;
    EXPECT_EQ(c.elements, 15);
    EXPECT_EQ(c.max_error, 0);
    EXPECT_GT(c.tolerance, 0);
  }
}

TEST(Compare, SmallIntegersAreComparedBitByBit) {
  const Tensor A = placeholder({8}, kF32, "A");
  Case c({A, compute({8}, [&](Expr i) { return A(i) * 2.0; }, "C")}, Fill::small_integers);
  EXPECT_EQ(c.check().tolerance, 0);
  const Comparison off = c.reference.check(c.views, [&] {
    c.run();
    c.data[1].set(3, std::nextafter(static_cast<float>(c.data[1].get(3)), 100.0F));
  });
  EXPECT_NE(off.difference.find("C[3] is "), std::string::npos) << off.difference;
}

TEST(Compare, AnotherOrderOfTheSumIsNoDifference) {
  for (const DType t : {kF64, kF32, kF16, kBF16}) {
    const Case c = product(1000, t), other = product(1000, t, true);
    const Comparison result = c.reference.check(c.views, [&] {
      other.run();
      std::memcpy(c.data[2].data(), other.data[2].data(), c.data[2].bytes());
    });
    EXPECT_TRUE(result.passed()) << result.difference;
    if (t == kF32 || t == kF64) {
      EXPECT_GT(result.max_error, 0);
    }
  }
}

TEST(Compare, AMissingTermIsADifference) {
  Case c = product(1000, kF32);
  const Comparison result = c.reference.check(c.views, [&] {
    c.run();
    c.data[2].set(0, c.data[2].get(0) - c.data[0].get(3) * c.data[1].get(15));  // A[0, 3] * B[3, 0]
  });
  EXPECT_NE(result.difference.find("C[0, 0] is "), std::string::npos) << result.difference;
  EXPECT_NE(result.difference.find(" +- "), std::string::npos) << result.difference;
}

class CompareTypes : public testing::TestWithParam<DType> {};

TEST_P(CompareTypes, UnwrittenElementsAreFound) {
  const DType t = GetParam();
  const Tensor A = placeholder({300}, t, "A");
  const Case c({A, compute({300}, [&](Expr i) { return A(i); }, "C")}, Fill::small_integers, 4);
  EXPECT_TRUE(c.check().passed());
  int runs = 0;
  const auto copy_all_but = [&](size_t missing) {
    ++runs;
    const auto width = static_cast<size_t>(t.bytes());
    for (size_t i = 0; i < 300; ++i)
      if (i != missing)
        std::memcpy(static_cast<char*>(c.data[1].data()) + i * width,
                    static_cast<const char*>(c.data[0].data()) + i * width, width);
  };
  const Comparison result = c.reference.check(c.views, [&] { copy_all_but(177); });
  EXPECT_EQ(result.difference, "element 177 of C was not written");
  EXPECT_EQ(runs, 2);
  // what holds the pattern rightly is no such element
  std::memset(c.data[0].data(), 0xa5, c.data[0].bytes());
  const Reference patterns(c.args, c.views, Fill::uniform, 4, 7);
  const Comparison same = patterns.check(c.views, [&] { copy_all_but(300); });
  if (!t.is_bool()) {  // 0xa5 is no bool
    EXPECT_TRUE(same.passed()) << same.difference;
  }
  EXPECT_NE(patterns.check(c.views, [&] { copy_all_but(0); }).difference, "");
}
INSTANTIATE_TEST_SUITE_P(All, CompareTypes,
                         testing::Values(kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU64, kU32, kU16,
                                         kU8, kBool),
                         [](const auto& info) { return ir::to_string(info.param); });

// A rounding may go either way only where the value is next to a boundary.
TEST(Compare, IntegersOfFloatsMayDifferWhereTheirRoundingIsInDoubt) {
  const Tensor A = placeholder({2}, kF32, "A"), B = placeholder({2}, kF32, "B");
  const Tensor C = compute({2}, [&](Expr i) { return cast(kI32, floor(A(i) + B(i))); }, "C");
  std::vector<HostTensor> data = make_args({A, B, C}, 1);
  data[0].set(0, 0.1), data[1].set(0, 0.9);  // about 1
  data[0].set(1, 0.1), data[1].set(1, 0.5);
  const auto views = views_of(data);
  const Reference reference({A, B, C}, views, Fill::uniform, 4, 1);
  const auto with = [&](int first, int second) {
    return reference.check(views, [&] { data[2].set(0, first), data[2].set(1, second); }).difference;
  };
  EXPECT_EQ(with(1, 0), "");
  EXPECT_EQ(with(0, 0), "");
  EXPECT_EQ(with(3, 0), "C[0] is 3, expected 1 +- 1.1");
  EXPECT_EQ(with(1, 1), "C[1] is 1, expected 0");
}

TEST(Compare, IntegersAreExactUpToTheFirstFunction) {
  const Tensor A = placeholder({4, 200}, kF32, "A"), B = placeholder({200, 4}, kF32, "B");
  const Comparison c = Case({A, B, op::gelu(op::matmul(A, B))}, Fill::small_integers).check();
  EXPECT_TRUE(c.passed()) << c.difference;
  EXPECT_LT(c.tolerance, 1e-3);  // 1 + erf of what is far below 0 cancels
}

// 511 additions of bf16 may lose everything; what is no number or far out is found still.
TEST(Compare, WithoutABoundTheMagnitudeIsCompared) {
  const Tensor X = placeholder({2, 512}, kBF16, "X");
  Case c({X, op::log_softmax(X)});
  const Comparison result = c.check();
  EXPECT_TRUE(result.passed()) << result.difference;
  EXPECT_EQ(result.elements, 0);
  EXPECT_EQ(result.unbounded, 64);
  for (const double wrong : {100.0, std::nan("")}) {
    const Comparison off = c.reference.check(c.views, [&] {
      c.run();
      c.data[1].set(0, wrong);
    });
    EXPECT_NE(off.difference.find("Y[0, 0] is "), std::string::npos) << off.difference;
  }
}

// The recurrence of sums stays exact; that of products grows beyond the integers that a float holds.
TEST(Compare, RecurrencesOfSmallIntegers) {
  const Tensor X = placeholder({300, 4}, kF32, "X");
  const Comparison sums = Case({X, op::cumsum(X, 0)}, Fill::small_integers).check();
  EXPECT_TRUE(sums.passed()) << sums.difference;
  EXPECT_EQ(sums.tolerance, 0);

  const Tensor H0 = placeholder({1, 4}, kF32, "H0"), s = scan_state({300, 4}, kF32, "s");
  const Tensor H = scan(H0, compute({300, 4}, [&](Expr t, Expr i) { return s(t - 1, i) * X(t, i); }, "H"), s);
  const Comparison products = Case({X, H0, H}, Fill::small_integers, 2000).check();
  EXPECT_TRUE(products.passed()) << products.difference;
  EXPECT_GT(products.tolerance, 0);
}

TEST(Compare, ExternsAreExactWhereTheyOnlyMove) {
  const Tensor X = placeholder({8}, kF32, "X");
  const auto with = [&](const std::string& value, const Tensor& read) {
    const auto f =
        ir::parse_func("func f(A: f32[8], R: f32[8]) { for i in [0, +8) { R[i] = " + value + " } }");
    return Case({X, extern_func(f.value(), {read})[0]}).check();
  };
  const Comparison moved = with("A[7 - i]", X);
  EXPECT_TRUE(moved.passed()) << moved.difference;
  EXPECT_EQ(moved.elements, 8);
  EXPECT_EQ(moved.tolerance, 0);
  EXPECT_EQ(with("A[i] * 0.5 + A[i]", X).unbounded, 8);
  EXPECT_EQ(with("A[7 - i]", op::exp(X)).unbounded, 8);  // moves what was rounded
}

TEST(Compare, EmptyOutputsPass) {
  const Tensor A = placeholder({0, 4}, kF32, "A");
  const Comparison c = Case({A, compute({0, 4}, [&](Expr y, Expr x) { return A(y, x); }, "C")}).check();
  EXPECT_TRUE(c.passed());
  EXPECT_EQ(c.elements, 0);
}

// ---- the bounds themselves: f32 against the same computation in f64

using Make = std::function<Tensor(const std::vector<Tensor>&)>;

void expect_bounded(const char* what, const std::vector<std::vector<int64_t>>& shapes, const Make& make) {
  const auto build = [&](DType t) {
    std::vector<Tensor> args;
    for (size_t i = 0; i < shapes.size(); ++i)
      args.push_back(placeholder(shapes[i], t, "X" + std::to_string(i)));
    args.push_back(make(args));
    return args;
  };
  const std::vector<Tensor> narrow = build(kF32), wide = build(kF64);
  std::vector<HostTensor> data = make_args(narrow, 3, Fill::uniform),
                          exact = make_args(wide, 3, Fill::uniform);
  for (size_t i = 0; i < shapes.size(); ++i)
    for (int64_t e = 0; e < data[i].size(); ++e) exact[i].set(e, data[i].get(e));
  ASSERT_FALSE(evaluate(narrow, views_of(data)));
  ASSERT_FALSE(evaluate(wide, views_of(exact)));
  const ErrorBounds bounds = error_bounds(Graph::of({narrow.back()}), narrow);
  ASSERT_EQ(bounds.bounds.size(), 1u) << what;
  std::vector<HostTensor> all = make_args(narrow, 3, Fill::uniform);
  all.emplace_back(kF64, narrow.back().extents());
  ASSERT_FALSE(ir::interpret(bounds.func, views_of(all))) << what;
  double largest = 0, ratio = 0;
  for (int64_t e = 0; e < data.back().size(); ++e) {
    const double error = std::abs(data.back().get(e) - exact.back().get(e)), bound = all.back().get(e);
    EXPECT_LE(error, bound) << what << " element " << e << ": " << data.back().get(e);
    EXPECT_TRUE(std::isfinite(bound)) << what << " element " << e;
    largest = std::max(largest, bound / std::max(1.0, std::abs(data.back().get(e))));
    if (bound > 0) ratio = std::max(ratio, error / bound);
  }
  // useful: within a hundredth, and not beyond all proportion to what happens
  EXPECT_LT(largest, 0.01) << what;
  EXPECT_GT(ratio, 1e-4) << what;
}

TEST(ErrorBounds, HoldAndAreOfUse) {
  using Args = std::vector<Tensor>;
  expect_bounded("matmul", {{5, 300}, {300, 7}}, [](const Args& a) { return op::matmul(a[0], a[1]); });
  expect_bounded("softmax", {{4, 50}}, [](const Args& a) { return op::softmax(a[0]); });
  expect_bounded("log_softmax", {{4, 50}}, [](const Args& a) { return op::log_softmax(a[0]); });
  expect_bounded("layer_norm", {{4, 50}, {50}, {50}},
                 [](const Args& a) { return op::layer_norm(a[0], a[1], a[2]); });
  expect_bounded("gelu", {{100}}, [](const Args& a) { return op::gelu(a[0]); });
  expect_bounded("silu of tanh", {{100}}, [](const Args& a) { return op::silu(op::tanh(a[0])); });
  expect_bounded("erf of exp", {{100}}, [](const Args& a) { return op::erf(op::exp(a[0])); });
  expect_bounded("sin + cos", {{100}}, [](const Args& a) { return op::add(op::sin(a[0]), op::cos(a[0])); });
  expect_bounded("sqrt of a sum", {{8, 40}},
                 [](const Args& a) { return op::sqrt(op::sum(op::mul(a[0], a[0]), {.axes = {1}})); });
  expect_bounded("quotients", {{64}, {64}},
                 [](const Args& a) { return op::div(a[0], op::add(op::mul(a[1], a[1]), op::exp(a[1]))); });
  expect_bounded("rsqrt and log", {{64}}, [](const Args& a) {
    return op::rsqrt(op::add(op::exp(a[0]), op::log(op::add(op::exp(a[0]), op::exp(a[0])))));
  });
  expect_bounded("pow", {{64}, {64}}, [](const Args& a) { return op::pow(op::exp(a[0]), op::tanh(a[1])); });
  expect_bounded("cumsum", {{100, 3}}, [](const Args& a) { return op::cumsum(a[0], 0); });
  expect_bounded("softmax of a cumsum", {{3, 40}},
                 [](const Args& a) { return op::softmax(op::cumsum(a[0], 1)); });
  expect_bounded("lstm", {{6, 2, 5}, {16, 5}, {16, 4}},
                 [](const Args& a) { return op::lstm(a[0], a[1], a[2]).y; });
  expect_bounded("gru", {{6, 2, 5}, {12, 5}, {12, 4}},
                 [](const Args& a) { return op::gru(a[0], a[1], a[2]).y; });
  expect_bounded("relu of a conv", {{1, 6, 6, 8}, {3, 3, 8, 4}},
                 [](const Args& a) { return op::relu(op::conv2d(a[0], a[1], {}, {.padding = 1})); });
}

TEST(ErrorBounds, OfSums) {
  EXPECT_EQ(sum_error(kF32, 1), 0);
  EXPECT_EQ(sum_error(kF32, 2), 0x1p-24 / (1 - 0x1p-24));
  EXPECT_LT(sum_error(kF32, 1e6), 1e6 * 0x1p-24 / 50);  // sqrt(n), not n
  EXPECT_NEAR(sum_error(kBF16, 129), 1, 1e-12);         // gamma of half
  EXPECT_TRUE(std::isinf(sum_error(kBF16, 1000)));
}

}  // namespace
}  // namespace tc
