#include "tc/ir/affine.h"

#include <gtest/gtest.h>

namespace tc::ir {
namespace {

const VarRef x = var("x"), y = var("y"), n = var("n");
const Expr X = x, Y = y, N = n;

TEST(Affine, EqualSumsBecomeEqualExpressions) {
  const auto form = [](const Expr& e) { return from_affine(to_affine(e).value()); };
  EXPECT_TRUE(same_expr(form(X * 8 + Y + 3), form(3 + Y + 4 * X + X * 4)));
  EXPECT_TRUE(same_expr(form((X + 1) * N), form(N + N * X)));
  EXPECT_TRUE(same_expr(form((X * 8 + Y) * N + X), form(X + Y * N + N * (8 * X))));
  EXPECT_TRUE(is_int(form((X + 1) * N - X * N - N), 0));
  EXPECT_TRUE(same_expr(form(3 - X), form(-X + 3)));
  EXPECT_TRUE(same_expr(form(form(X * N + Y * N - 4)), form(X * N + Y * N - 4)));
}

TEST(Affine, AtomsHideVariables) {
  const VarRef vars[] = {x};
  EXPECT_TRUE(to_affine(X * 3 + Y / 4 + N * Y, vars));
  EXPECT_FALSE(to_affine(X / 4, vars));
  EXPECT_FALSE(to_affine(X * N, vars));
  EXPECT_EQ(to_affine(X * 3 - X + Y, vars)->coef_of(X), 2);
  EXPECT_FALSE(to_affine(cast(kI32, X)));
}

TEST(Affine, StridesMayBeSymbolic) {
  EXPECT_EQ(constant_stride_of(X * 3 + Y / 4 - X, *x), 2);
  EXPECT_EQ(constant_stride_of(Y / 4, *x), 0);
  EXPECT_EQ(constant_stride_of(X / 4, *x), std::nullopt);
  EXPECT_FALSE(stride_of(X * X, *x));
  EXPECT_TRUE(same_expr(stride_of((X + 2) * N + X + Y, *x).value(), N + 1));
}

TEST(Affine, OverflowGivesNothing) {
  EXPECT_FALSE(to_affine(X * int_imm(INT64_MAX) * 2));
  EXPECT_FALSE(to_affine((X + int_imm(INT64_MAX)) + (Y + int_imm(1))));
}

}  // namespace
}  // namespace tc::ir
