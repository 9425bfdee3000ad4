#include "tc/ir/expr.h"

#include <gtest/gtest.h>

#include "tc/ir/equal.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"

namespace tc::ir {
namespace {

TEST(Makers, FoldWhatIsExact) {
  const Expr x = var("x"), f = var("f", kF32);
  EXPECT_EQ(to_string(x + 0), "x");
  EXPECT_EQ(to_string(x * 1 + (x - x % 1) * 0), "x");
  EXPECT_EQ(to_string(int_imm(7) / int_imm(-2)), "-4");
  EXPECT_EQ(to_string(f * 1.0 + 0.0), "f + 0.0");                                     // -0.0 + 0.0 is 0.0
  EXPECT_EQ(to_string(cast(kF32, int_imm(9007199791611905))), "9007200000000000.0");  // 2^53 + 2^30, not 2^53
  EXPECT_EQ(to_string(int_imm(1) / int_imm(0)), "1 / 0");
}

TEST(Makers, RefuseWrongTypes) {
  const auto code = [](auto&& make) -> std::string {
    try {
      make();
    } catch (const Error& e) {
      return e.code();
    }
    return "";
  };
  const Expr x = var("x"), f = var("f", kF32), b = var("b", kBool);
  EXPECT_EQ(code([&] { (void)(x + f); }), "ir.type");
  EXPECT_EQ(code([&] { (void)(b + b); }), "ir.type");
  EXPECT_EQ(code([&] { (void)binary(BinaryOp::shl, f, f); }), "ir.type");
  EXPECT_EQ(code([&] { (void)call(CallOp::exp, {x}); }), "ir.type");
  EXPECT_EQ(code([&] { (void)imm_like(x, 0.5); }), "ir.type");
  EXPECT_EQ(code([&] { (void)load(buffer("A", kF32, {x}), {x, x}); }), "ir.rank");
  EXPECT_EQ(code([&] {
              Expr deep = x;
              for (int i = 0; i < 3000; ++i) deep = -deep;
            }),
            "ir.depth");
}

TEST(Makers, OperatorNames) {
  for (int i = 0; i < kNumBinaryOps; ++i) EXPECT_FALSE(to_string(static_cast<BinaryOp>(i)).empty());
  EXPECT_EQ(to_string(BinaryOp::shr), ">>");
}

// Sequences stay flat when a rewrite puts sequences into them.
TEST(Rewrite, SequencesStayFlat) {
  const auto f = parse_func("func f(A: i64[4]) { A[0] = 1 A[1] = 2 A[2] = 3 }").value();
  const FuncRef twice = rewrite_body(f, [](const Store& s) -> Stmt {
    const auto at = as_int(s.indices[0]);
    return *at == 1 ? seq({}) : seq({Stmt(&s), Stmt(&s)});
  });
  EXPECT_FALSE(verify(twice, Form::nested).has_value());
  EXPECT_EQ(to_string(twice->body), "A[0] = 1\nA[0] = 1\nA[2] = 3\nA[2] = 3");
  EXPECT_TRUE(rewrite_body(f, [](const Store&) -> Stmt { return nullptr; }).same(f));
}

// A buffer whose extent is replaced is another buffer, in all its accesses.
TEST(Substitute, ReachesTheExtentsOfAllocs) {
  const VarRef n = var("n");
  const Stmt s = parse_stmt("alloc T: f32[n + 1] T[n] = 1.0 T[0] = T[n]", ParseScope{}.add(n)).value();
  const Stmt t = substitute(s, VarMap{{n, int_imm(3)}});
  EXPECT_EQ(to_string(t), "alloc T: f32[4]\nT[3] = 1.0\nT[0] = T[3]");
  EXPECT_FALSE(verify(func("f", {}, t), Form::nested).has_value());
}

}  // namespace
}  // namespace tc::ir
