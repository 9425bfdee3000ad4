#include "tc/runtime/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tc::runtime {
namespace {

TEST(Tensor, ViewIsCompactAlignedAndZero) {
  Tensor t({2, 3, 5}, *dtype_of_name("f32"));
  EXPECT_EQ(t.size(), 30);
  EXPECT_EQ(t.bytes(), 120);
  const DLTensor& view = *t.dl();
  EXPECT_EQ(view.data, t.data());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.data) % 64, 0u);
  EXPECT_EQ(std::vector<int64_t>(view.strides, view.strides + 3), (std::vector<int64_t>{15, 5, 1}));
  for (int64_t i = 0; i < t.size(); ++i) EXPECT_EQ(t.get(i), 0);
}

TEST(Tensor, KeepsItsViewWhenMoved) {
  Tensor t({4, 4}, *dtype_of_name("i32"));
  t.set(7, 42);
  const Tensor moved = std::move(t);
  EXPECT_EQ(moved.dl()->shape[1], 4);
  EXPECT_EQ(static_cast<const int32_t*>(moved.dl()->data)[7], 42);
}

TEST(Tensor, LargeOnesStartAtAHugePage) {
  Tensor t({3, 1 << 20}, *dtype_of_name("u8"));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data()) % (2 << 20), 0u);
}

TEST(Tensor, ScalarsAndEmptyTensors) {
  Tensor scalar({}, *dtype_of_name("f64"));
  EXPECT_EQ(scalar.size(), 1);
  Tensor empty({int64_t{1} << 40, int64_t{1} << 40, 0}, *dtype_of_name("f64"));
  EXPECT_EQ(empty.size(), 0);
  EXPECT_EQ(empty.dl()->data, nullptr);
  empty.fill(1);
  empty.poison();
}

TEST(Tensor, RefusesImpossibleShapes) {
  const DLDataType f32 = *dtype_of_name("f32");
  EXPECT_THROW(Tensor({-1}, f32), std::length_error);
  EXPECT_THROW(Tensor({int64_t{1} << 40, int64_t{1} << 40}, f32), std::length_error);
  EXPECT_EQ(compact_bytes(std::vector<int64_t>{3}, {kDLInt, 4, 1}), 2);  // packed
  EXPECT_FALSE(dtype_of_name("f31").has_value());
}

TEST(Tensor, EveryTypeHoldsSmallIntegers) {
  for (const char* name :
       {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"}) {
    Tensor t({256}, *dtype_of_name(name));
    t.fill_integers(3, 0, 100);
    double highest = 0;
    for (int64_t i = 0; i < t.size(); ++i) {
      EXPECT_EQ(t.get(i), std::floor(t.get(i))) << name;
      highest = std::fmax(highest, t.get(i));
    }
    EXPECT_GT(highest, 50) << name;
    EXPECT_LE(highest, 100) << name;
  }
  Tensor flags({2}, *dtype_of_name("bool"));
  flags.set(0, 3);
  EXPECT_EQ(flags.as<uint8_t>()[0], 1);
}

TEST(Tensor, EveryHalfSurvivesARoundTrip) {
  Tensor t({2}, *dtype_of_name("f16"));
  for (int bits = 0; bits < 65536; ++bits) {
    t.as<uint16_t>()[0] = static_cast<uint16_t>(bits);
    const double value = t.get(0);
    t.set(1, value);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(t.get(1)));
    } else {
      ASSERT_EQ(t.as<uint16_t>()[1], bits);
    }
  }
}

TEST(Tensor, FloatsRoundToNearestEven) {
  Tensor h({1}, *dtype_of_name("f16")), b({1}, *dtype_of_name("bf16"));
  const auto rounded = [](Tensor& t, double value) {
    t.set(0, value);
    return t.get(0);
  };
  EXPECT_EQ(rounded(h, 2049), 2048);  // halfway: to even
  EXPECT_EQ(rounded(h, 2051), 2052);
  EXPECT_EQ(rounded(h, 65519), 65504);
  EXPECT_EQ(rounded(h, 65520), INFINITY);
  EXPECT_EQ(rounded(h, -0x1p-25), 0);  // halfway to the smallest subnormal
  EXPECT_EQ(rounded(h, 0x1.8p-25), 0x1p-24);
  EXPECT_EQ(rounded(h, 0x1.ff8p-15), 0x1.ff8p-15);  // the largest subnormal
  EXPECT_EQ(rounded(h, 0x1.ffcp-15), 0x1p-14);
  EXPECT_EQ(rounded(b, 257), 256);
  EXPECT_EQ(rounded(b, 259), 260);
  EXPECT_EQ(rounded(b, -INFINITY), -INFINITY);
  EXPECT_TRUE(std::isnan(rounded(b, NAN)));
}

TEST(Tensor, IntegersWrap) {
  Tensor t({1}, *dtype_of_name("i8"));
  t.set(0, 130);
  EXPECT_EQ(t.get(0), -126);
  t.set(0, -1.9);
  EXPECT_EQ(t.get(0), -1);
  t.set(0, NAN);
  EXPECT_EQ(t.get(0), 0);
}

TEST(Tensor, PoisonIsNaNAndSeedsRepeat) {
  Tensor t({9}, *dtype_of_name("bf16"));
  t.poison();
  for (int64_t i = 0; i < 9; ++i) EXPECT_TRUE(std::isnan(t.get(i)));
  Tensor a({50}, *dtype_of_name("f32")), b({50}, *dtype_of_name("f32"));
  a.fill_uniform(7, -1, 1);
  b.fill_uniform(7, -1, 1);
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(a.get(i), b.get(i));
    EXPECT_LE(std::fabs(a.get(i)), 1);
  }
  EXPECT_NE(a.get(0), a.get(1));
}

}  // namespace
}  // namespace tc::runtime
