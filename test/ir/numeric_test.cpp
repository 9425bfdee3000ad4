#include "tc/ir/numeric.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "ir/random_ir.h"

namespace tc::ir {
namespace {

TEST(Numeric, WrapKeepsTheLowBits) {
  EXPECT_EQ(wrap(kI8, 128), -128);
  EXPECT_EQ(wrap(kI8, -129), 127);
  EXPECT_EQ(wrap(kU8, -1), 255);
  EXPECT_EQ(wrap(kI64, INT64_MIN), INT64_MIN);
  EXPECT_EQ(wrap(kBool, 2), 1);
}

TEST(Numeric, EveryHalfValueReadsBack) {
  for (uint32_t u = 0; u < 65536; ++u) {
    const auto bits = static_cast<uint16_t>(u);
    const float f16 = from_f16_bits(bits), bf16 = from_bf16_bits(bits);
    if (!std::isnan(f16)) {
      EXPECT_EQ(to_f16_bits(f16), bits);
    }
    if (!std::isnan(bf16)) {
      EXPECT_EQ(to_bf16_bits(bf16), bits);
    }
    if (!std::isnan(f16)) {
      EXPECT_EQ(round_to(kF16, f16), f16);
    }
    if (!std::isnan(bf16)) {
      EXPECT_EQ(round_to(kBF16, bf16), bf16);
    }
  }
}

// Against the definition: the nearer neighbour, of two as near the even one.
TEST(Numeric, RoundsToNearestEvenOnce) {
  testing::RandomIr random(5);
  for (int i = 0; i < 200000; ++i) {
    const auto u = static_cast<uint16_t>(random.below(0x7f7f));
    const double lo = from_bf16_bits(u), hi = from_bf16_bits(static_cast<uint16_t>(u + 1)),
                 middle = (lo + hi) / 2;
    const double even = u & 1 ? hi : lo;
    EXPECT_EQ(round_to(kBF16, middle), even);
    EXPECT_EQ(round_to(kBF16, std::nextafter(middle, 0.0)), lo);
    EXPECT_EQ(round_to(kBF16, std::nextafter(middle, HUGE_VAL)), hi);
    EXPECT_EQ(round_to(kBF16, -std::nextafter(middle, HUGE_VAL)), -hi);
  }
}

TEST(Numeric, IntegersRoundOnce) {
  EXPECT_EQ(int_to_float(kF32, kI64, 9007199791611905), 9007200328482816.0);
  EXPECT_EQ(int_to_float(kBF16, kI64, 4629700416936869889), 4647714815446351872.0);
  EXPECT_EQ(int_to_float(kBF16, kI64, 4629700416936869888), 4611686018427387904.0);
  EXPECT_EQ(int_to_float(kBF16, kI64, -4629700416936869889), -4647714815446351872.0);
  EXPECT_EQ(int_to_float(kF32, kU64, -1), 0x1p64);
  EXPECT_EQ(int_to_float(kBF16, kU64, static_cast<int64_t>(0x8080000000000001u)), 0x1.02p63);
  EXPECT_EQ(int_to_float(kF16, kI64, 65520), HUGE_VAL);
  EXPECT_EQ(int_to_float(kF16, kI64, 65519), 65504.0);
}

TEST(Numeric, FloatsSaturate) {
  EXPECT_EQ(float_to_int(kI32, 1e10), INT32_MAX);
  EXPECT_EQ(float_to_int(kI64, 9.3e18), INT64_MAX);
  EXPECT_EQ(float_to_int(kI64, -9.3e18), INT64_MIN);
  EXPECT_EQ(static_cast<uint64_t>(float_to_int(kU64, 1e19)), 10000000000000000000u);
  EXPECT_EQ(float_to_int(kU32, -0.9), 0);
  EXPECT_EQ(float_to_int(kU8, std::nan("")), 0);
}

TEST(Numeric, FloorDivision) {
  for (int64_t a = -20; a <= 20; ++a)
    for (int64_t b = -7; b <= 7; ++b) {
      if (b == 0) continue;
      EXPECT_EQ(floor_div(a, b),
                static_cast<int64_t>(std::floor(static_cast<double>(a) / static_cast<double>(b))));
      EXPECT_EQ(floor_div(a, b) * b + floor_mod(a, b), a);
    }
  EXPECT_EQ(fold_int(BinaryOp::div, kI64, 1, 0), std::nullopt);
  EXPECT_EQ(fold_int(BinaryOp::shl, kI8, 1, 8), std::nullopt);
}

}  // namespace
}  // namespace tc::ir
