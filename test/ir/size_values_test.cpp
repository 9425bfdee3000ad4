// Extents for values of their sizes, and how long expressions are when written out.
#include "tc/ir/size_values.h"

#include <gtest/gtest.h>

#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/written_size.h"

namespace tc::ir::test {
namespace {

constexpr int64_t kFar = int64_t{1} << 62;

TEST(SizeValues, AreNumbersOrNothing) {
  const VarRef n = size_var("n", 0), m = size_var("m", 0);
  const SizeMap sizes = {{n.get(), 4}};
  const Expr e = n;
  EXPECT_EQ(value_of(int_imm(7), sizes), 7);
  EXPECT_EQ(value_of(e, sizes), 4);
  EXPECT_EQ(value_of((e + 3) / 2 * 5 - e % 3, sizes), 14);
  EXPECT_EQ(value_of(max(e - 9, int_imm(0)), sizes), 0);
  EXPECT_EQ(value_of(select(e > 3, e, e / int_imm(0)), sizes), 4);
  EXPECT_EQ(value_of(m, sizes), std::nullopt);
  EXPECT_EQ(value_of(e / (e - 4), sizes), std::nullopt);
  EXPECT_EQ(value_of(e * int_imm(kFar), sizes), std::nullopt);
  EXPECT_EQ(value_of(e * int_imm(kFar) / int_imm(kFar), sizes), std::nullopt);  // a part wraps
  EXPECT_EQ(value_of(int_imm(-kFar) - int_imm(kFar) - e, sizes), std::nullopt);
  EXPECT_EQ(value_of(int_imm(kFar) + int_imm(kFar - 4) + e, sizes), std::nullopt);
  EXPECT_EQ(value_of(int_imm(kFar) + int_imm(kFar - 5) + e, sizes), 2 * (kFar - 1) + 1);
}

TEST(SizeValues, ShapesAndReductionsFitMemory) {
  const auto bad = [](const std::string& text, int64_t n) {
    const FuncRef f = parse_func(text).value();
    std::vector<VarRef> used;
    for (const BufferRef& b : f->params)
      for (const Expr& e : b->shape) collect_sizes(e, used);
    const Expr e = unfit_extent(*f, {{used.at(0).get(), n}});
    return e ? to_string(e) : "";
  };
  const std::string copy = "func f(A: f32[n], C: f32[n * 4611686018427387904]) { compute C[i] = 1.0 }";
  EXPECT_EQ(bad(copy, 0), "");
  EXPECT_EQ(bad(copy, 1), "n * 4611686018427387904");  // 2^64 bytes
  EXPECT_EQ(bad(copy, 4), "n * 4611686018427387904");
  const std::string sum =
      "func f(A: f32[n], C: f32[1]) { compute C[i] = sum(A[0], k in [0, +n * 2305843009213693952)) }";
  EXPECT_EQ(bad(sum, 2), "");
  EXPECT_EQ(bad(sum, 8), "n * 2305843009213693952");
  const std::string inner =
      "func f(A: f32[n], C: f32[n]) { alloc T: f32[n, n, n] for i in [0, +n) { C[i] = A[i] } }";
  EXPECT_EQ(bad(inner, 1000), "");
  EXPECT_EQ(bad(inner, 1 << 21), "n");
}

TEST(WrittenSize, CountsEveryUse) {
  Expr e = var("x", kF32);
  EXPECT_EQ(written_size(*e), 1);
  for (int i = 0; i < 10; ++i) e = e + e;
  EXPECT_EQ(written_size(*e), 2047);
  EXPECT_EQ(written_size(*e, 2047), 2047);
  EXPECT_EQ(written_size(*e, 2046), 2047);
  EXPECT_EQ(written_size(*e, 100), 101);
  for (int i = 0; i < 200; ++i) e = e + e;
  EXPECT_EQ(written_size(*e), kMaxWritten + 1);
}

}  // namespace
}  // namespace tc::ir::test
