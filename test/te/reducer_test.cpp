#include "tc/te/reducer.h"

#include <fmt/format.h>

#include <limits>

#include "op_check.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"

namespace tc::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Error error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  return Error("te.none", "no error");
}
Combine one(Expr (*f)(const Expr&, const Expr&)) {
  return [f](const State& a, const State& b) { return State{f(a[0], b[0])}; };
}
Expr zero(DType t) { return ir::const_of(t, 0); }

// TVM #15196: a subtraction passes as a reducer, and its meaning changes with the schedule.
TEST(Reducer, SubtractionIsRefusedWithACounterexample) {
  for (const DType t : {kF32, kI32, kI64, kU8}) {
    const Error e = error_of([&] {
      (void)reducer("sub", {t}, one([](const Expr& a, const Expr& b) { return a - b; }), {zero(t)});
    });
    EXPECT_EQ(e.code(), "te.reducer.associative");
    EXPECT_NE(e.fact_of("states"), "");
    EXPECT_NE(e.fact_of("combine(combine(a, b), c)"), e.fact_of("combine(a, combine(b, c))"));
    EXPECT_EQ(e.fact_of("combine"), "a0 - b0");
  }
}

TEST(Reducer, EachLawIsChecked) {
  const auto code = [](DType t, Expr (*f)(const Expr&, const Expr&), double identity) {
    return code_of([&] { (void)reducer("r", {t}, one(f), {ir::const_of(t, identity)}); });
  };
  // the first of two: associative, but not commutative
  EXPECT_EQ(code(kF32, [](const Expr& a, const Expr&) { return a; }, 0), "te.reducer.commutative");
  // a mean of two: commutative, but not associative
  EXPECT_EQ(
      code(kF32, [](const Expr& a, const Expr& b) { return (a + b) / 2; }, 0), "te.reducer.associative");
  EXPECT_EQ(code(kF64, [](const Expr& a, const Expr& b) { return a + b; }, 1), "te.reducer.identity");
  EXPECT_EQ(code(kI8, [](const Expr& a, const Expr& b) { return a * b; }, 0), "te.reducer.identity");
  EXPECT_EQ(code(kI32, [](const Expr& a, const Expr& b) { return min(a, b); }, 1000), "te.reducer.identity");
  // only the ends of a type tell, infinities, or numbers beyond the identity
  const auto greatest = [](const Expr& a, const Expr& b) { return max(a, b); };
  const auto least = [](const Expr& a, const Expr& b) { return min(a, b); };
  for (const DType t : {kI8, kI16, kI32})
    EXPECT_EQ(code(t, greatest, static_cast<double>(ir::min_of(t)) + 1), "te.reducer.identity");
  for (const DType t : {kU8, kU16, kU32, kI32})
    EXPECT_EQ(code(t, least, static_cast<double>(ir::max_of(t)) - 1), "te.reducer.identity");
  for (const DType t : {kF32, kF64}) {
    EXPECT_EQ(code(t, greatest, -1e30), "te.reducer.identity");
    EXPECT_EQ(code(t, least, 3e38), "te.reducer.identity");
  }
  EXPECT_EQ(code_of([&] {  // of several components, without infinities
              (void)reducer("argmax", {kF32, kI32},
                            [](const State& a, const State& b) {
                              const Expr second = ir::logical_or(
                                  b[0] > a[0], ir::logical_and(ir::eq(a[0], b[0]), b[1] < a[1]));
                              return State{select(second, b[0], a[0]), select(second, b[1], a[1])};
                            },
                            {ir::const_of(kF32, -1e30), ir::const_of(kI32, ir::max_of(kI32))});
            }),
            "te.reducer.identity");
  // but a softmax does not tell -1e30 from -inf
  EXPECT_EQ(code_of([&] {
              (void)reducer("softmax", {kF32, kF32},
                            [](const State& a, const State& b) {
                              const Expr m = max(a[0], b[0]);
                              return State{m, a[1] * exp(a[0] - m) + b[1] * exp(b[0] - m)};
                            },
                            {ir::const_of(kF32, -1e30), zero(kF32)});
            }),
            "no error");
  // a constant of the expression decides, far from the small numbers
  EXPECT_EQ(code(
                kI32, [](const Expr& a, const Expr& b) { return select(a > 1000, a, a + b); }, 0),
            "te.reducer.associative");
  EXPECT_EQ(code(
                kF32, [](const Expr& a, const Expr& b) { return a + b + a * a * b * b * 0.001; }, 0),
            "te.reducer.associative");
}

TEST(Reducer, LawsHoldForWhatWrapsRoundsOrIsTranscendental) {
  const auto ok = [](DType t, Expr (*f)(const Expr&, const Expr&), double identity) {
    EXPECT_EQ(code_of([&] { (void)reducer("r", {t}, one(f), {ir::const_of(t, identity)}); }), "no error");
  };
  for (const DType t : {kI8, kU8, kI32, kI64, kU64}) {
    ok(t, [](const Expr& a, const Expr& b) { return b + a; }, 0);
    ok(t, [](const Expr& a, const Expr& b) { return a * b; }, 1);
    ok(t, [](const Expr& a, const Expr& b) { return ir::binary(ir::BinaryOp::bit_xor, a, b); }, 0);
    ok(t, [](const Expr& a, const Expr& b) { return a + b + a * b; }, 0);
  }
  ok(kF32, [](const Expr& a, const Expr& b) { return a + b + a * b; }, 0);
  EXPECT_EQ(code_of([&] {
              (void)reducer("norm", {kF32},
                            one([](const Expr& a, const Expr& b) { return sqrt(a * a + b * b); }),
                            {zero(kF32)}, [](const State& s) { return s[0] >= 0; });
            }),
            "no error");
}

TEST(Reducer, LogAddExpIsAReducer) {
  const auto logaddexp = [](const State& a, const State& b) {
    const Expr m = max(a[0], b[0]), d = min(a[0], b[0]) - m;
    return State{m + log(ir::const_of(kF32, 1) + exp(select(ir::eq(m, ir::float_imm(-kInf)), m, d)))};
  };
  EXPECT_EQ(code_of([&] { (void)reducer("logaddexp", {kF32}, logaddexp, {ir::float_imm(-kInf)}); }),
            "no error");
}

// Of two empty parts, the difference of the maxima is no number.
TEST(Reducer, TheUnguardedOnlineSoftmaxIsRefused) {
  const Error e = error_of([] {
    (void)reducer("softmax", {kF32, kF32},
                  [](const State& a, const State& b) {
                    const Expr m = max(a[0], b[0]);
                    return State{m, a[1] * exp(a[0] - m) + b[1] * exp(b[0] - m)};
                  },
                  {ir::float_imm(-kInf), zero(kF32)});
  });
  EXPECT_EQ(e.code(), "te.reducer.identity");
  EXPECT_EQ(e.fact_of("state"), "a = (-inf, 0)");
  EXPECT_EQ(e.fact_of("combine(identity, a)"), "(-inf, nan)");
}

// Argmax that keeps the first of equals depends on the order of the fold.
TEST(Reducer, TiesMustBeDecided) {
  const auto first = [](const State& a, const State& b) {
    return State{max(a[0], b[0]), select(a[0] >= b[0], a[1], b[1])};
  };
  const Error e = error_of(
      [&] { (void)reducer("arg", {kI32, kI64}, first, {ir::int_imm(INT32_MIN, kI32), ir::int_imm(0)}); });
  EXPECT_EQ(e.code(), "te.reducer.commutative");
}

TEST(Reducer, StatesAreRestrictedByWhere) {
  const auto mean = [](const State& a, const State& b) {  // (count, mean)
    const Expr n = a[0] + b[0];
    return State{n, a[1] + (b[1] - a[1]) * (b[0] / select(ir::eq(n, zero(kF32)), ir::const_of(kF32, 1), n))};
  };
  const State none{zero(kF32), zero(kF32)};
  EXPECT_NE(code_of([&] { (void)reducer("mean", {kF32, kF32}, mean, none); }), "no error");
  const auto r = reducer("mean", {kF32, kF32}, mean, none, [](const State& s) { return s[0] > 0; });
  // not closed
  EXPECT_EQ(code_of([&] {
              (void)reducer("mean", {kF32, kF32}, mean, none,
                            [](const State& s) { return logical_and(s[0] > 0, s[0] < 2); });
            }),
            "te.reducer.where");
  EXPECT_EQ(code_of([&] {
              (void)reducer("mean", {kF32, kF32}, mean, none, [](const State& s) { return s[0] > s[0] + 1; });
            }),
            "te.reducer.where");
  // sources must be states
  const Tensor a = placeholder({5}, kF32, "A");
  const ReduceAxis k = reduce_axis(0, 5, "k");
  const auto of = [&](const Expr& count) {
    return code_of([&] {
      (void)compute_many({}, [&](const Axes&) { return reduce_tuple(r, {count, a(k)}, {k}); }, {"N", "M"});
    });
  };
  EXPECT_EQ(of(ir::const_of(kF32, 1)), "no error");
  EXPECT_EQ(of(ir::const_of(kF32, 0)), "te.reducer.where");
  EXPECT_EQ(of(a(k)), "te.reducer.where");
}

TEST(Reducer, FormIsChecked) {
  const Tensor a = placeholder({5}, kF32, "A");
  const Expr other = ir::var("z", kF32);
  const auto code = [&](const Combine& f, const State& identity) {
    return code_of([&] { (void)reducer("r", {kF32}, f, identity); });
  };
  EXPECT_EQ(code([&](const State& x, const State&) { return State{x[0] + a(0)}; }, {zero(kF32)}),
            "te.reducer.form");
  EXPECT_EQ(code([&](const State& x, const State&) { return State{x[0] + other}; }, {zero(kF32)}),
            "te.reducer.form");
  EXPECT_EQ(code([&](const State& x, const State&) { return State{x[0], x[0]}; }, {zero(kF32)}),
            "te.reducer.form");
  EXPECT_EQ(code([&](const State& x, const State&) { return State{cast(kF64, x[0])}; }, {zero(kF32)}),
            "te.reducer.form");
  EXPECT_EQ(code([&](const State& x, const State&) { return x; }, {}), "te.reducer.form");
  EXPECT_EQ(code([&](const State& x, const State&) { return x; }, {other}), "te.reducer.form");
  EXPECT_EQ(code_of([] { (void)reducer("r", {}, [](const State& x, const State&) { return x; }, {}); }),
            "te.reducer.form");
  EXPECT_EQ(code([&](const State& x, const State& y) { return State{x[0] % y[0]}; }, {zero(kF32)}),
            "te.reducer.unchecked");
}

TEST(Reducer, TextIsCheckedToo) {
  const auto code = [](std::string_view combiner) {
    const std::string text = fmt::format(
        "func f(A: f32[4], B: f32[]) {{ compute B[] = reduce {} of (A[k], k in [0, +4)) }}", combiner);
    const auto f = ir::parse_func(text);
    if (!f) return f.error().str();
    const auto g = from_func(f.value());
    return g ? std::string("no error") : g.error().code();
  };
  EXPECT_EQ(code("mine(x: f32; y: f32) -> (y + x) from (0.0)"), "no error");
  EXPECT_EQ(code("mine(x: f32; y: f32) -> (x + y) from (1.0)"), "te.reducer.identity");
  EXPECT_EQ(code("mine(x: f32; y: f32) -> (x - y) from (0.0)"), "te.reducer.associative");
  EXPECT_EQ(code("mine(x: f32; y: f32) -> (max(x, y)) from (0.0) where x >= 0.0"), "te.reducer.where");
}

TEST(Reducer, WhereStandsInTheText) {
  const std::string text =
      "func main(A: f32[5], N: f32[], M: f32[], Q: f32[]) {\n"
      "  compute N[], M[], Q[] = reduce mean_variance(a0: f32, a1: f32, a2: f32; b0: f32, b1: f32, b2: f32)";
  const Tensor a = placeholder({5}, kF32, "A");
  const ReduceAxis k = reduce_axis(0, 5, "k");
  const Expr one = ir::const_of(kF32, 1);
  const auto out = compute_many(
      {},
      [&](const Axes&) { return reduce_tuple(mean_variance_combiner(kF32), {one, a(k), zero(kF32)}, {k}); },
      {"N", "M", "Q"});
  const std::vector<Tensor> args = {a, out[0], out[1], out[2]};
  const std::string printed = ir::to_string(to_func(Graph::of(out), args));
  EXPECT_EQ(printed.substr(0, text.size()), text);
  EXPECT_NE(printed.find("from (0.0, 0.0, 0.0) where a0 > 0.0 of (1.0, A[k], 0.0, k in [0, +5))"),
            std::string::npos)
      << printed;
  const auto again = from_func(ir::parse_func(printed).value());
  ASSERT_TRUE(again) << again.error().str();
  EXPECT_EQ(ir::to_string(to_func(Graph::of(again.value().outputs), again.value().args)), printed);
}

TEST(Reducer, ExactMeansThatNothingRounds) {
  EXPECT_TRUE(is_exact(*argmax_combiner(kF32)));
  EXPECT_TRUE(is_exact(*ir::simple_combiner(ir::BinaryOp::add, kI32)));
  EXPECT_TRUE(is_exact(*ir::simple_combiner(ir::BinaryOp::max, kF32)));
  EXPECT_FALSE(is_exact(*ir::simple_combiner(ir::BinaryOp::add, kF32)));
  EXPECT_FALSE(is_exact(*softmax_combiner(kF32)));
  EXPECT_FALSE(is_exact(*mean_variance_combiner(kF64)));
}

TEST(Reducer, LibraryReducersPassTheirOwnCheck) {
  for (const DType t : {kF64, kF32, kF16, kBF16}) {
    for (const auto& c :
         {mean_variance_combiner(t), softmax_combiner(t), argmax_combiner(t), argmin_combiner(t)}) {
      const Check error = check_reducer(*c);
      EXPECT_FALSE(error) << error->str();
    }
  }
  for (const DType t : {kI8, kU8, kI64, kU64})
    for (const auto& c : {argmax_combiner(t), argmin_combiner(t, kI32)}) EXPECT_FALSE(check_reducer(*c));
  EXPECT_EQ(code_of([] { (void)softmax_combiner(kI32); }), "te.dtype");
  EXPECT_EQ(code_of([] { (void)mean_variance_combiner(kI32); }), "te.dtype");
}

// ---- computed in one pass

TEST(Reducer, OnlineSoftmaxReadsItsInputOnce) {
  const Tensor x = placeholder({3, 17}, kF64, "X");
  const ReduceAxis k = reduce_axis(0, 17, "k");
  const auto ms =
      compute_many({3},
                   [&](const Axes& i) {
                     return reduce_tuple(softmax_combiner(kF64), {x(i[0], k), ir::const_of(kF64, 1)}, {k});
                   },
                   {"M", "S"});
  const Tensor y = compute({3, 17}, [&](Expr i, Expr j) { return exp(x(i, j) - ms[0](i)) / ms[1](i); }, "Y");
  expect_computes(
      {x, y}, {3, 17},
      [](const auto& in, const Index& i) {
        double total = 0;
        for (int64_t j = 0; j < 17; ++j) total += std::exp(at(in[0], {i[0], j}));
        return std::exp(at(in[0], i)) / total;
      },
      1e-14);
}

TEST(Variance, OverAnyAxes) {
  for (const auto& [axes, keep] :
       {std::pair<Index, bool>{{-1}, false}, {{0}, true}, {{}, false}, {{0, 2}, true}}) {
    const Tensor x = placeholder({2, 3, 5}, kF64, "X");
    const op::ReduceOptions o{.axes = axes, .keepdims = keep};
    const Tensor m = op::mean(x, o), v = op::variance(x, o);
    const auto means = run({x, m}), got = run({x, v});
    ASSERT_EQ(v.extents(), m.extents());
    // the definition, with the mean that op::mean gives
    const Tensor square = op::mul(x, x);
    const auto squares = run({x, op::mean(square, o)});
    for (int64_t i = 0; i < got[1].size(); ++i)
      EXPECT_NEAR(got[1].get(i), squares[1].get(i) - means[1].get(i) * means[1].get(i), 1e-12);
  }
}

// The textbook formula cancels: the difference of two squares of 1e8.
TEST(Variance, DoesNotCancel) {
  const Tensor x = placeholder({4}, kF32, "X"), y = op::variance(x);
  std::vector<HostTensor> data = make_args({x, y}, 0);
  const double values[] = {1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4};
  for (int i = 0; i < 4; ++i) data[0].set(i, values[i]);
  ASSERT_FALSE(evaluate({x, y}, views_of(data)));
  EXPECT_NEAR(data[1].get(0), 1.25, 0.1);
}

TEST(Variance, OfNothingIsNotANumber) {
  const Tensor x = placeholder({2, 0}, kF32, "X");
  const auto v = run({x, op::variance(x, {.axes = {1}})}), l = run({x, op::logsumexp(x, {.axes = {1}})});
  EXPECT_TRUE(std::isnan(v[1].get(0)));
  EXPECT_EQ(l[1].get(1), -kInf);
  EXPECT_EQ(code_of([] { (void)op::variance(placeholder({})); }), "te.op.rank");
  EXPECT_EQ(code_of([] { (void)op::variance(placeholder({3}, kI32)); }), "te.op.dtype");
  EXPECT_EQ(op::variance(placeholder({3}, kF16)).dtype(), kF16);
}

TEST(LogSumExp, DoesNotOverflow) {
  const Tensor x = placeholder({2, 3}, kF32, "X"), y = op::logsumexp(x, {.axes = {1}});
  std::vector<HostTensor> data = make_args({x, y}, 0);
  for (int i = 0; i < 6; ++i) data[0].set(i, i < 3 ? 1e4 : i == 4 ? 1 : -kInf);
  ASSERT_FALSE(evaluate({x, y}, views_of(data)));
  EXPECT_FLOAT_EQ(static_cast<float>(data[1].get(0)), static_cast<float>(1e4 + std::log(3.0)));
  EXPECT_FLOAT_EQ(static_cast<float>(data[1].get(1)), 1);
}

}  // namespace
}  // namespace tc::test
