#include "tc/ir/interval.h"

#include <gtest/gtest.h>

namespace tc::ir {
namespace {

TEST(Interval, ArithmeticIsExactAtTheCorners) {
  const auto r = [](int64_t a, int64_t b) { return Interval::range(a, b); };
  EXPECT_EQ(r(-3, 5) * r(-2, 4), r(-12, 20));
  EXPECT_EQ(r(-7, 7) / r(2, 2), r(-4, 3));
  EXPECT_EQ(r(-7, 7) / r(-2, 3), r(-7, 7));
  EXPECT_EQ(r(8, 15) % r(8, 8), r(0, 7));
  EXPECT_EQ(r(9, 12) % r(8, 8), r(1, 4));
  EXPECT_EQ(r(7, 8) % r(8, 8), r(0, 7));
  EXPECT_EQ(r(0, 5) % r(8, 9), r(0, 5));
  EXPECT_EQ(r(-1, 5) % r(-3, -2), r(-2, 0));
  EXPECT_EQ((Interval{3, std::nullopt} / r(2, 2)), (Interval{1, std::nullopt}));
  EXPECT_EQ((r(INT64_MAX - 1, INT64_MAX) + r(1, 1)), (Interval{INT64_MAX, std::nullopt}));
}

TEST(Interval, SmallRangesContainEveryResult) {
  for (int64_t a = -4; a <= 4; ++a)
    for (int64_t b = a; b <= 4; ++b)
      for (int64_t c = -4; c <= 4; ++c)
        for (int64_t d = c; d <= 4; ++d) {
          const Interval x = Interval::range(a, b), y = Interval::range(c, d), q = x / y, m = x % y,
                         p = x * y;
          for (int64_t i = a; i <= b; ++i)
            for (int64_t j = c; j <= d; ++j) {
              ASSERT_TRUE(p.contains(i * j));
              if (j == 0) continue;
              ASSERT_TRUE(q.contains(floor_div(i, j))) << i << " / " << j;
              ASSERT_TRUE(m.contains(floor_mod(i, j))) << i << " % " << j;
            }
        }
}

TEST(Interval, SumsCancel) {
  const VarRef x = var("x"), y = var("y");
  const Expr X = x, Y = y;
  Bounds b;
  b.push(y, Interval::range(0, 7));
  EXPECT_EQ(interval_of(X * 8 + Y - X * 8, b), Interval::range(0, 7));
  EXPECT_EQ(interval_of((X + Y) * 2 - X * 2 - Y, b), Interval::range(0, 7));
  EXPECT_EQ(interval_of(X % 8, b), Interval::range(0, 7));
}

TEST(Interval, OtherTypesWrap) {
  const VarRef x = var("x", kI8), u = var("u", kU8);
  EXPECT_EQ(interval_of(Expr(x) + 1), Interval::range(-128, 127));
  EXPECT_EQ(interval_of(cast(kI32, x) + 1), Interval::range(-127, 128));
  EXPECT_EQ(interval_of(cast(kI8, u)), Interval::range(-128, 127));
  EXPECT_EQ(interval_of(cast(kU64, x)), (Interval{0, std::nullopt}));
  EXPECT_EQ(interval_of(cast(kI64, var("w", kU64))), Interval{});
}

TEST(Bounds, ConditionsNarrowRanges) {
  const VarRef x = var("x"), n = var("n");
  Bounds b;
  b.push(x, Interval::range(0, 99)).push(n, Interval{std::nullopt, 50});
  const auto m = b.mark();
  b.assume(Expr(x) < Expr(n));
  EXPECT_EQ(b.range(*x), Interval::range(0, 49));
  EXPECT_EQ(b.range(*n), Interval::range(1, 50));
  b.pop(m);
  b.assume(Expr(x) * 3 >= 7, false);
  EXPECT_EQ(b.range(*x), Interval::range(0, 2));
  b.pop(m);
  b.assume(logical_and(eq(x, int_imm(4)), Expr(n) > 3));
  EXPECT_EQ(b.range(*x), Interval::of(4));
  EXPECT_EQ(b.range(*n), Interval::range(4, 50));
  b.pop(m);
  EXPECT_EQ(b.range(*x), Interval::range(0, 99));
}

TEST(Bounds, LoopsOfSymbolicExtentHaveTheRangeOfTheirEnds) {
  const VarRef o = var("o"), i = var("i"), n = var("n");
  Bounds b;
  b.push_loop(o, int_imm(0), int_imm(4)).push_loop(i, Expr(o) * 8, min(int_imm(8), Expr(n) - Expr(o) * 8));
  EXPECT_EQ(b.range(*i).lo, 0);
  EXPECT_EQ(b.range(*i).hi, 31);
}

}  // namespace
}  // namespace tc::ir
