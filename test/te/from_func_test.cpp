#include "op_check.h"
#include "random_te.h"
#include "tc/ir/equal.h"
#include "tc/ir/parse.h"

namespace tc::test {
namespace {

std::string refusal(const std::string& text) {
  const auto f = ir::parse_func(text);
  if (!f) return "does not parse: " + f.error().str();
  const auto g = from_func(f.value());
  return g ? "no error" : g.error().code();
}

TEST(FromFunc, GivesTheFunctionBack) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const RandomProgram p = random_program(seed);
    const FuncRef f = to_func(Graph::of(p.outputs), p.args);
    const auto g = from_func(f);
    ASSERT_TRUE(g) << p.text << g.error().str();
    const FuncRef again = to_func(Graph::of(g.value().outputs), g.value().args);
    EXPECT_TRUE(ir::equal(f, again)) << p.text << "\n" << ir::to_string(again);
    const auto parsed = ir::parse_func(ir::to_string(f));
    ASSERT_TRUE(parsed) << parsed.error().str();
    EXPECT_TRUE(from_func(parsed.value())) << p.text;
  }
}

TEST(FromFunc, KeepsOutputsThatOtherStagesRead) {
  const Tensor a = placeholder({4}, kF32, "A");
  const Tensor b = compute(
                   {4}, [&](Expr i) { return a(i) + 1; }, "B"),
               c = compute({4}, [&](Expr i) { return a(i) * 2; }, "C");
  const Tensor d = compute({4}, [&](Expr i) { return c(i) + b(i); }, "D");
  for (const auto& outputs : {std::vector{d}, std::vector{d, b}, std::vector{b, d}, std::vector{c, b, d}}) {
    std::vector<Tensor> args = {a};
    args.insert(args.end(), outputs.begin(), outputs.end());
    const FuncRef f = to_func(Graph::of(outputs), args);
    const ParsedGraph g = from_func(f).value();
    EXPECT_EQ(g.outputs.size(), outputs.size());
    EXPECT_TRUE(ir::equal(f, to_func(Graph::of(g.outputs), g.args))) << ir::to_string(f);
  }
}

TEST(FromFunc, RefusesWhatIsNoComputation) {
  EXPECT_EQ(refusal("func f(A: f32[4], B: f32[4]) { compute B[i] = A[i] }"), "no error");
  EXPECT_EQ(refusal("func f(A: f32[4]) { for i in [0, +4) { A[i] = 0.0 } }"), "te.func.form");
  EXPECT_EQ(refusal("func f(A: f32[4]) { }"), "te.func.form");
  EXPECT_EQ(
      refusal("func f(A: f32[4], B: f32[4]) { alloc T: f32[4] compute B[i] = T[i] compute T[i] = A[i] }"),
      "te.func.form");
  EXPECT_EQ(refusal("func f(A: f32[4], B: f32[4]) { compute B[i] = A[i] compute B[i] = A[i] }"),
            "te.func.form");
  EXPECT_EQ(refusal("func f(B: f32[4]) { compute B[i] = B[i] }"), "te.func.form");
  EXPECT_EQ(refusal("func f(A: f32[n], B: f32[n - 1]) { compute B[i] = A[i] }"), "te.shape.symbolic");
  EXPECT_EQ(refusal("func f(A: f32[4], B: f32[4611686018427387904]) { compute B[i] = A[0] }"),
            "te.shape.overflow");
  EXPECT_EQ(refusal("func f(A: f32[4], B: f32[4]) { compute B[i] = A[i] + sum(A[k], k in [0, +4)) }"),
            "te.func.form");
  EXPECT_EQ(from_func(nullptr).error().code(), "te.func.form");
}

}  // namespace
}  // namespace tc::test
