// Functions compiled once for all sizes.
#include <gtest/gtest.h>

#include <cstring>

#include "tc/codegen/build.h"
#include "tc/ir/interpret.h"
#include "tc/ir/print.h"
#include "tc/runtime/c_api.h"
#include "tc/te/evaluate.h"
#include "tc/te/ops.h"

namespace tc {
namespace {

DLTensor dl_of(const HostTensor& t) {
  DLTensor d{};
  d.data = t.data();
  d.device = {kDLCPU, 0};
  d.ndim = static_cast<int32_t>(t.shape().size());
  d.dtype = codegen::dl_type(t.dtype());
  d.shape = const_cast<int64_t*>(t.shape().data());
  return d;
}

Function build_here(const Schedule& s, const std::vector<Tensor>& args) {
  BuildOptions options;
  options.compile.use_cache = false;
  options.passes.verify = true;
  return build(s, args, options).value();
}

// One set of tensors of the sizes, with inputs that are small integers.
std::vector<HostTensor> tensors_for(const std::vector<Tensor>& args,
                                    const std::vector<std::pair<VarRef, int64_t>>& sizes, uint64_t seed) {
  return make_args(bind_sizes(args, sizes).args, seed);
}

Check run(const Function& f, const std::vector<HostTensor>& tensors) {
  std::vector<DLTensor> all;
  for (const HostTensor& t : tensors) all.push_back(dl_of(t));
  std::vector<const DLTensor*> pointers;
  for (const DLTensor& t : all) pointers.push_back(&t);
  return f.run(pointers);
}

// The compiled function against evaluate, for values of its one size.
void expect_right(const Function& f, const std::vector<Tensor>& args, const VarRef& n,
                  std::initializer_list<int64_t> values) {
  for (const int64_t value : values) {
    const auto expected = tensors_for(args, {{n, value}}, 7), got = tensors_for(args, {{n, value}}, 7);
    ASSERT_EQ(evaluate(args, views_of(expected)), std::nullopt) << value;
    const Check wrong = run(f, got);
    ASSERT_EQ(wrong, std::nullopt) << value << ": " << (wrong ? wrong->str() : "");
    for (size_t i = 0; i < args.size(); ++i)
      EXPECT_EQ(std::memcmp(expected[i].data(), got[i].data(), expected[i].bytes()), 0)
          << args[i].name() << " for " << n->name << " = " << value << "\n"
          << f.ir("target");
  }
}

struct Product {
  VarRef n = size_var("n");
  Tensor A = placeholder({n, 40}, kF32, "A"), B = placeholder({40, 24}, kF32, "B");
  Tensor C = op::matmul(A, B);
  std::vector<Tensor> args{A, B, C};
};

TEST(Sizes, AFunctionWithoutScheduleServesEverySize) {
  const Product p;
  expect_right(build_here(Schedule({p.C}), p.args), p.args, p.n, {0, 1, 2, 7, 33});
}

TEST(Sizes, ATiledProductHasAMainLoopWithoutConditions) {
  const Product p;
  Schedule s({p.C});
  const auto [y, x] = s[p.C].axes<2>();
  const auto [k] = s[p.C].reduce_axes<1>();
  const auto t = s[p.C].tile({y, x}, {4, 8});
  s[p.C].reorder({t[0], t[1], k, t[2], t[3]});
  s[p.C].parallel(t[0]).unroll(t[2]).vectorize(t[3]);
  const Function f = build_here(s, p.args);
  expect_right(f, p.args, p.n, {0, 1, 3, 4, 5, 8, 31});
}

TEST(Sizes, IntermediatesAreAllocatedAtTheCall) {
  const VarRef n = size_var("n");
  const Tensor A = placeholder({n, 12}, kF32, "A"), W = placeholder({12, 16}, kF32, "W");
  const Tensor P = op::matmul(A, W, {.name = "P"}), R = op::relu(P, "R"),
               S = op::sum(R, {.axes = {1}, .name = "S"});
  const std::vector<Tensor> args{A, W, S};
  Schedule s({S});
  s[P].vectorize(s[P].axes()[1]);
  expect_right(build_here(s, args), args, n, {0, 1, 5, 16});
  const auto [o, i] = s[S].split(s[S].axes()[0], 4);
  s[R].compute_at(s[S], o);
  s[P].compute_at(s[S], o);
  s[S].parallel(o);
  expect_right(build_here(s, args), args, n, {0, 1, 3, 4, 5, 17});
}

TEST(Sizes, AnAxisThatIsReducedMayHaveASize) {
  const VarRef n = size_var("n");
  const Tensor A = placeholder({6, n}, kI32, "A"), B = placeholder({n, 5}, kI32, "B");
  const Tensor C = op::matmul(A, B);
  const std::vector<Tensor> args{A, B, C};
  Schedule s({C});
  const auto [k] = s[C].reduce_axes<1>();
  const auto [ko, ki] = s[C].split(k, 8);
  Stage rf = s[C].rfactor(ki, 0);
  rf.vectorize(rf.axes()[0]);
  expect_right(build_here(s, args), args, n, {0, 1, 7, 8, 9, 30});
}

TEST(Sizes, FusedAndSplitIntoParts) {
  const VarRef n = size_var("n"), m = size_var("m");
  const Tensor A = placeholder({n, m}, kF32, "A");
  const Tensor B = compute({n, m}, [&](Expr y, Expr x) { return A(y, x) * 2 + cast(kF32, y); }, "B");
  const std::vector<Tensor> args{A, B};
  for (const int how : {0, 1, 2}) {
    Schedule s({B});
    const auto [y, x] = s[B].axes<2>();
    if (how == 2) {
      const auto [o, i] = s[B].split_parts(y, 3);
      s[B].parallel(o);
    } else {
      const Axis f = s[B].fuse({y, x});
      const auto [o, i] = s[B].split(f, 4);
      if (how == 1) s[B].vectorize(i).parallel(o);
    }
    const Function f = build_here(s, args);
    for (const auto& [a, b] : {std::pair{0, 5}, {5, 0}, {1, 1}, {3, 7}, {8, 4}}) {
      const auto want = tensors_for(args, {{n, a}, {m, b}}, 3), got = tensors_for(args, {{n, a}, {m, b}}, 3);
      ASSERT_EQ(evaluate(args, views_of(want)), std::nullopt);
      const Check wrong = run(f, got);
      ASSERT_EQ(wrong, std::nullopt) << (wrong ? wrong->str() : "");
      EXPECT_EQ(std::memcmp(want[1].data(), got[1].data(), want[1].bytes()), 0)
          << how << " " << a << " " << b;
    }
  }
}

TEST(Sizes, AStencilWithWindowsOfTheSize) {
  const VarRef n = size_var("n", 2);
  const Tensor A = placeholder({n}, kF32, "A");
  const Tensor P = compute({n}, [&](Expr i) { return A(i) + 1; }, "P");
  const Tensor Q = compute({Expr(n) - 2}, [&](Expr i) { return P(i) + P(i + 1) + P(i + 2); }, "Q");
  const std::vector<Tensor> args{A, Q};
  Schedule s({Q});
  const auto [o, i] = s[Q].split(s[Q].axes()[0], 8);
  s[P].compute_at(s[Q], o);
  s[Q].vectorize(i);
  expect_right(build_here(s, args), args, n, {2, 3, 9, 10, 11, 40});
}

TEST(Sizes, ConvolutionsOfAnyBatchAndHeight) {
  const VarRef n = size_var("n"), h = size_var("h");
  const Tensor X = placeholder({n, h, 9, 4}, kF32, "X"), W = placeholder({3, 3, 4, 8}, kF32, "W");
  const Tensor Y = op::conv2d(X, W, {}, {.stride = {2}, .padding = {1}});
  const std::vector<Tensor> args{X, W, Y};
  Schedule s({Y});
  s[Y].vectorize(s[Y].axes()[3]);
  const Function f = build_here(s, args);
  for (const auto& [a, b] : {std::pair{0, 5}, {2, 0}, {1, 1}, {2, 7}}) {
    const auto want = tensors_for(args, {{n, a}, {h, b}}, 3), got = tensors_for(args, {{n, a}, {h, b}}, 3);
    ASSERT_EQ(evaluate(args, views_of(want)), std::nullopt);
    const Check wrong = run(f, got);
    ASSERT_EQ(wrong, std::nullopt) << (wrong ? wrong->str() : "");
    EXPECT_EQ(std::memcmp(want[2].data(), got[2].data(), want[2].bytes()), 0) << a << " " << b;
  }
}

// ---- what a call refuses

std::string refusal(const Function& f, const std::vector<HostTensor>& tensors) {
  const Check wrong = run(f, tensors);
  return wrong ? std::string(wrong->code()) + ": " + wrong->message() : "";
}

TEST(Sizes, ExtentsMustGoTogether) {
  const VarRef n = size_var("n");
  const Tensor A = placeholder({n, 4}, kF32, "A"), B = placeholder({n, 4}, kF32, "B");
  const Tensor C = compute({n, 4}, [&](Expr y, Expr x) { return A(y, x) + B(y, x); }, "C");
  const Function f = build_here(Schedule({C}), {A, B, C});
  std::vector<HostTensor> t;
  for (const int64_t rows : {37, 40, 37}) t.emplace_back(kF32, std::vector<int64_t>{rows, 4});
  EXPECT_EQ(refusal(f, t),
            "runtime.arg.shape: main_: argument 1 (B) has extent 40 on axis 0, expected n = 37");
  t.clear();
  for (const int64_t rows : {37, 37, 36}) t.emplace_back(kF32, std::vector<int64_t>{rows, 4});
  EXPECT_EQ(refusal(f, t),
            "runtime.arg.shape: main_: argument 2 (C) has extent 36 on axis 0, expected n = 37");
}

TEST(Sizes, TheLeastValueIsChecked) {
  const VarRef n = size_var("n", 2);
  const Tensor A = placeholder({n}, kF32, "A");
  const Tensor C = compute({Expr(n) - 2}, [&](Expr i) { return A(i) + A(i + 2); }, "C");
  const Function f = build_here(Schedule({C}), {A, C});
  std::vector<HostTensor> t;
  t.emplace_back(kF32, std::vector<int64_t>{1});
  t.emplace_back(kF32, std::vector<int64_t>{0});
  EXPECT_EQ(refusal(f, t),
            "runtime.arg.shape: main_: argument 0 (A) has extent 1 on axis 0, expected n >= 2");
}

TEST(Sizes, BuffersThatWouldOverflowAreRefused) {
  const VarRef n = size_var("n"), m = size_var("m");
  const Tensor A = placeholder({n, 0}, kF32, "A"), B = placeholder({m, 0}, kF32, "B");
  const Tensor P = op::matmul(A, B, {.transpose_b = true, .name = "P"});
  const ReduceAxis i = reduce_axis(0, n, "i"), k = reduce_axis(0, m, "k");
  const Tensor C = compute(Shape(), [&](const Axes&) { return sum(P(i, k), {i, k}); }, "C");
  const std::vector<Tensor> args{A, B, C};
  const Function f = build_here(Schedule({C}), args);
  const auto call = [&](int64_t a, int64_t b) {
    std::vector<HostTensor> t;
    t.emplace_back(kF32, std::vector<int64_t>{a, 0});
    t.emplace_back(kF32, std::vector<int64_t>{b, 0});
    t.emplace_back(kF32, std::vector<int64_t>{});
    const Check wrong = run(f, t);
    return wrong ? std::string(wrong->code()) : std::to_string(t[2].get(0));
  };
  constexpr int64_t kHuge = int64_t{1} << 40;
  EXPECT_EQ(call(kHuge, kHuge), "runtime.arg.size");
  EXPECT_EQ(call(int64_t{1} << 33, int64_t{1} << 30), "runtime.arg.size");
  EXPECT_EQ(call(2, 3), "0.000000");
  EXPECT_EQ(call(0, 3), "0.000000");
}

}  // namespace
}  // namespace tc
