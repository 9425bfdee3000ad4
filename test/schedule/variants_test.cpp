// Several schedules in one function, chosen by the sizes of a call.
#include <gtest/gtest.h>

#include <cstring>

#include "tc/ir/interpret.h"
#include "tc/ir/print.h"
#include "tc/ir/verify.h"
#include "tc/schedule/lower.h"
#include "tc/te/evaluate.h"

namespace tc {
namespace {

// D[i] = (A[i] + 1) * 2 by way of T.
struct Example {
  VarRef n = size_var("n");
  Tensor a = placeholder({n, 4}, kF32, "A");
  Tensor t = compute({n, 4}, [&](Expr y, Expr x) { return a(y, x) + 1.0; }, "T");
  Tensor d = compute({n, 4}, [&](Expr y, Expr x) { return t(y, x) * 2.0; }, "D");
  std::vector<Tensor> args{a, d};
};

TEST(Variants, AreAChainOfConditions) {
  const Example e;
  Schedule inlined({e.d}), split({e.d});
  inlined[e.t].compute_inline();
  split[e.t].compute_inline();
  split[e.d].vectorize(split[e.d].axes()[1]);
  const Variant all[] = {{inlined, Expr(e.n) <= 2}, {split, Expr(e.n) <= 8}, {inlined, nullptr}};
  const auto lowered = lower(all, e.args, "f");
  ASSERT_TRUE(lowered) << lowered.error().str();
  EXPECT_EQ(ir::to_string(lowered.value().func), R"(func f(A: f32[n, 4], D: f32[n, 4]) {
  if n <= 2 {
    for y in [0, +n) {
      for x in [0, +4) {
        D[y, x] = (A[y, x] + 1.0) * 2.0
      }
    }
  } else if n <= 8 {
    for y in [0, +n) {
      for x in [0, +4) vectorized {
        D[y, x] = (A[y, x] + 1.0) * 2.0
      }
    }
  } else {
    for y in [0, +n) {
      for x in [0, +4) {
        D[y, x] = (A[y, x] + 1.0) * 2.0
      }
    }
  }
})");
}

// A stage that two variants keep in memory has a buffer in each.
TEST(Variants, KeepStagesOfTheirOwn) {
  const Example e;
  Schedule tiled({e.d});
  const auto [o, i] = tiled[e.d].split(tiled[e.d].axes()[0], 4);
  tiled[e.t].compute_at(tiled[e.d], o);
  const Variant all[] = {
      {Schedule({e.d}), Expr(e.n) < 3}, {tiled, Expr(e.n) < 7}, {Schedule({e.d}), nullptr}};
  const auto lowered = lower(all, e.args);
  ASSERT_TRUE(lowered) << lowered.error().str();
  const FuncRef& f = lowered.value().func;
  EXPECT_EQ(ir::verify(f, ir::Form::nested), std::nullopt) << ir::to_string(f);
  for (const int64_t n : {0, 1, 2, 3, 6, 7, 13}) {
    const auto bound = bind_sizes(e.args, {{e.n, n}}).args;
    const auto want = make_args(bound, 3), got = make_args(bound, 3);
    ASSERT_EQ(evaluate(bound, views_of(want)), std::nullopt);
    const Check wrong = ir::interpret(f, views_of(got));
    ASSERT_EQ(wrong, std::nullopt) << n << "\n" << wrong->str();
    EXPECT_EQ(std::memcmp(want[1].data(), got[1].data(), want[1].bytes()), 0) << n;
  }
}

TEST(Variants, AreRefusedWhereTheyLeaveCallsOut) {
  const Example e;
  const Schedule s({e.d});
  const auto message = [&](std::vector<Variant> all) {
    const auto lowered = lower(all, e.args);
    if (lowered) return std::string("none");
    EXPECT_EQ(lowered.error().code(), "lower.variants");
    return lowered.error().message();
  };
  EXPECT_EQ(message({}), "there is no variant");
  EXPECT_EQ(message({{s, nullptr}}), "none");
  EXPECT_EQ(message({{s, Expr(e.n) <= 2}}), "no variant is left for calls for which no condition holds");
  EXPECT_EQ(message({{s, nullptr}, {s, nullptr}}), "variant 0 has no condition, and hides those after it");
  for (const Expr& when : {Expr(e.n), Expr(size_var("n")) <= 2, eq(e.a(0, 0), ir::const_of(kF32, 1))})
    EXPECT_EQ(message({{s, when}, {s, nullptr}}), "the condition of variant 0 is not one over the sizes");
}

TEST(Variants, AreRefusedWithLayoutsOfTheirOwn) {
  const VarRef n = size_var("n");
  const Tensor a = placeholder({n, 8}, kF32, "A"), w = placeholder({8}, kF32, "W");
  const Tensor c = compute({n, 8}, [&](Expr y, Expr x) { return a(y, x) * w(x); }, "C");
  Schedule two({c}), four({c});
  two[w].layout({"d0/2", "d0%2"});
  four[w].layout({"d0/4", "d0%4"});
  const Variant different[] = {{two, Expr(n) <= 2}, {four, nullptr}},
                same[] = {{two, Expr(n) <= 2}, {two, nullptr}};
  const auto refused = lower(different, {a, w, c});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "lower.variants");
  EXPECT_NE(refused.error().str().find("W as d0/4"), std::string::npos) << refused.error().str();
  const auto taken = lower(same, {a, w, c});
  ASSERT_TRUE(taken) << taken.error().str();
  EXPECT_EQ(taken.value().packs.size(), 1u);
  EXPECT_EQ(ir::verify(taken.value().func, ir::Form::nested), std::nullopt)
      << ir::to_string(taken.value().func);
}

}  // namespace
}  // namespace tc
