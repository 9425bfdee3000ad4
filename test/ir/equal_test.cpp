#include "tc/ir/equal.h"

#include <gtest/gtest.h>

#include "ir/random_ir.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

const BufferRef kTable = buffer("T", kI64, {int_imm(4), int_imm(4)});
Stmt loop(const VarRef& v, Stmt body) {
  return for_(v, int_imm(0), int_imm(4), LoopMode::serial, std::move(body));
}
Stmt set(const VarRef& a, const VarRef& b) { return store(kTable, {a, b}, int_imm(0)); }

TEST(Equal, UpToNamesAndIdentities) {
  const auto f = parse_func("func f(A: f32[4]) { for x in [0, +4) { let p = x A[p] = 1.0 } }").value();
  const auto g = parse_func("func g(B: f32[4]) { for y in [0, +4) { let q = y B[q] = 1.0 } }").value();
  const auto h = parse_func("func g(B: f32[4]) { for y in [0, +4) { let q = y B[y] = 1.0 } }").value();
  EXPECT_TRUE(equal(f, g));
  EXPECT_EQ(hash(f), hash(g));
  EXPECT_FALSE(equal(f, h));
  EXPECT_NE(hash(f), hash(h));
}

// A variable bound in two places keeps no number of the first one.
TEST(Equal, VariablesBoundAgain) {
  const VarRef v = var("v"), u = var("u"), a = var("a"), b = var("b"), c = var("c");
  const Stmt left = seq({loop(v, set(v, v)), loop(v, loop(u, set(v, u)))});
  const Stmt same = seq({loop(a, set(a, a)), loop(b, loop(c, set(b, c)))});
  const Stmt other = seq({loop(a, set(a, a)), loop(b, loop(c, set(c, c)))});
  EXPECT_TRUE(equal(left, same));
  EXPECT_EQ(hash(left), hash(same));
  EXPECT_FALSE(equal(left, other));
}

TEST(Equal, FreeVariablesAreThemselves) {
  const VarRef x = var("x"), y = var("x");
  EXPECT_TRUE(equal(Expr(x) + 1, Expr(x) + 1));
  EXPECT_FALSE(equal(Expr(x) + 1, Expr(y) + 1));
  EXPECT_FALSE(equal(Expr(x), Expr()));
  EXPECT_TRUE(equal(Expr(), Expr()));
}

TEST(Equal, ConstantsByBits) {
  EXPECT_FALSE(equal(float_imm(0.0), float_imm(-0.0)));
  EXPECT_TRUE(equal(float_imm(__builtin_nan("")), float_imm(__builtin_nan(""))));
  EXPECT_FALSE(equal(int_imm(1), int_imm(1, kI32)));
}

// Extents that parameters name are bound by the function.
TEST(Equal, NamedExtents) {
  const auto f = [](const char* text) { return parse_func(text).value(); };
  EXPECT_TRUE(equal(f("func f(A: f32[n, m]) { A[n - 1, m - 1] = 1.0 }"),
                    f("func f(A: f32[p, q]) { A[p - 1, q - 1] = 1.0 }")));
  EXPECT_EQ(hash(f("func f(A: f32[n, m]) { A[n - 1, 0] = 1.0 }")),
            hash(f("func f(A: f32[p, q]) { A[p - 1, 0] = 1.0 }")));
  EXPECT_FALSE(equal(f("func f(A: f32[n, m]) { A[n - 1, 0] = 1.0 }"),
                     f("func f(A: f32[p, q]) { A[q - 1, 0] = 1.0 }")));
  EXPECT_FALSE(equal(f("func f(A: f32[n, n]) {}"), f("func f(A: f32[p, q]) {}")));
}

// Any two random programs with the same text are equal, and others are not.
TEST(Equal, AgreesWithText) {
  std::vector<std::pair<std::string, FuncRef>> programs;
  testing::RandomOptions small{.stmts = 1, .expr_depth = 1, .floats = false, .vectors = false};
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const FuncRef f = testing::RandomIr(seed, small).func();
    programs.emplace_back(to_string(f), f);
  }
  for (const auto& [text, f] : programs)
    for (const auto& [other_text, g] : programs) {
      if (text == other_text) {
        EXPECT_TRUE(equal(f, g)) << text;
      }
      if (equal(f, g)) {
        EXPECT_EQ(hash(f), hash(g)) << text << other_text;
      }
    }
}

TEST(Equal, MadeApartBySubstitution) {
  const VarRef x = var("x"), y = var("y");
  const Expr e = (Expr(x) + 1) * Expr(y);
  EXPECT_TRUE(equal(substitute(e, VarMap{{x, y}}), (Expr(y) + 1) * Expr(y)));
}

}  // namespace
}  // namespace tc::ir
