// The allocator: best fit, merging, what it refuses; and against a model that keeps
// a flag for each byte.
#include "tc/runtime/accel/allocator.h"

#include <gtest/gtest.h>

#include "tc/support/rng.h"

namespace tc::accel {
namespace {

TEST(Allocator, TakesTheSmallestPlaceThatFits) {
  Allocator a(100);
  const uint64_t first = a.allocate(10).value(), second = a.allocate(5).value(),
                 third = a.allocate(20).value();
  ASSERT_EQ(a.allocate(5).value(), 35u);
  ASSERT_FALSE(a.free(first));
  ASSERT_FALSE(a.free(third));
  // Free are 10 bytes at 0, 20 at 15, 60 at 40.
  EXPECT_EQ(a.allocate(11).value(), 15u);
  EXPECT_EQ(a.allocate(9).value(), 26u);  // what is left of the 20
  EXPECT_EQ(a.allocate(9).value(), 0u);
  EXPECT_EQ(a.allocate(1).value(), 9u);
  EXPECT_EQ(second, 10u);
}

TEST(Allocator, MergesWhatIsFreed) {
  Allocator a(30);
  const uint64_t x = a.allocate(10).value(), y = a.allocate(10).value(), z = a.allocate(10).value();
  EXPECT_EQ(a.largest_free(), 0u);
  EXPECT_FALSE(a.free(x));
  EXPECT_FALSE(a.free(z));
  EXPECT_EQ(a.largest_free(), 10u);
  EXPECT_FALSE(a.free(y));  // between two free ones
  EXPECT_EQ(a.largest_free(), 30u);
  EXPECT_EQ(a.used(), 0u);
  EXPECT_EQ(a.allocate(30).value(), 0u);
}

TEST(Allocator, AlignsToAnyNumber) {
  Allocator a(100);
  (void)a.allocate(1);
  EXPECT_EQ(a.allocate(12, 12).value(), 12u);
  EXPECT_EQ(a.allocate(11, 1).value(), 1u);  // the gap is used
  EXPECT_EQ(a.allocate(20, 48).value(), 48u);
  EXPECT_EQ(a.allocate(20, 48).error().code(), "runtime.device.memory");
  EXPECT_EQ(a.allocate(1, ~uint64_t{0}).error().code(), "runtime.device.memory");
  EXPECT_EQ(a.allocate(1, 0).error().code(), "runtime.device.size");
}

TEST(Allocator, RefusesWithNumbers) {
  Allocator a(100);
  const uint64_t x = a.allocate(40).value(), y = a.allocate(40).value();
  EXPECT_FALSE(a.free(x));
  const Error full = a.allocate(50, 4).error();
  EXPECT_EQ(full.code(), "runtime.device.memory");
  EXPECT_EQ(full.fact_of("memory"), "100 bytes");
  EXPECT_EQ(full.fact_of("free"), "60 bytes, the largest piece 40");
  EXPECT_EQ(a.allocate(~uint64_t{0}).error().code(), "runtime.device.memory");
  EXPECT_EQ(a.free(x)->code(), "runtime.device.free");  // twice
  EXPECT_EQ(a.free(y + 1)->code(), "runtime.device.free");
  EXPECT_FALSE(a.check(y, 40));
  EXPECT_FALSE(a.check(y + 39, 1));
  EXPECT_FALSE(a.check(12345, 0));
  EXPECT_EQ(a.check(y, 41)->code(), "runtime.device.range");
  EXPECT_EQ(a.check(y + 40, 1)->code(), "runtime.device.range");
  EXPECT_EQ(a.check(x, 1)->code(), "runtime.device.range");
  EXPECT_EQ(a.check(y + 1, ~uint64_t{0})->code(), "runtime.device.range");
}

TEST(Allocator, NothingIsNothing) {
  Allocator a(2);
  const uint64_t x = a.allocate(0).value(), y = a.allocate(0).value();
  EXPECT_NE(x, y);
  EXPECT_EQ(a.check(x, 1)->code(), "runtime.device.range");
  EXPECT_EQ(Allocator(0).allocate(0).error().code(), "runtime.device.memory");
}

TEST(Allocator, AgreesWithAModel) {
  constexpr uint64_t kSize = 200;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    Allocator a(kSize);
    std::vector<int> owner(kSize, -1);
    std::vector<std::pair<uint64_t, uint64_t>> live;  // address, bytes
    for (int step = 0; step < 200; ++step) {
      if (rng.below(2) && !live.empty()) {
        const size_t i = rng.below(live.size());
        ASSERT_FALSE(a.free(live[i].first));
        for (uint64_t b = 0; b < live[i].second; ++b) owner[live[i].first + b] = -1;
        live.erase(live.begin() + static_cast<ptrdiff_t>(i));
        continue;
      }
      const uint64_t bytes = 1 + rng.below(40), alignment = 1 + rng.below(12);
      // The smallest free piece that holds an aligned block, by brute force.
      uint64_t best = kSize + 1, expected = 0;
      for (uint64_t begin = 0; begin < kSize;) {
        uint64_t end = begin;
        while (end < kSize && owner[end] < 0) ++end;
        const uint64_t at = (begin + alignment - 1) / alignment * alignment;
        if (at + bytes <= end && end - begin < best) best = end - begin, expected = at;
        begin = end + 1;
      }
      const auto got = a.allocate(bytes, alignment);
      ASSERT_EQ(got.ok(), best <= kSize) << "seed " << seed << " step " << step;
      if (!got) continue;
      ASSERT_EQ(got.value(), expected) << "seed " << seed << " step " << step;
      for (uint64_t b = 0; b < bytes; ++b) {
        ASSERT_EQ(owner[expected + b], -1);
        owner[expected + b] = step;
      }
      live.emplace_back(expected, bytes);
    }
    for (const auto& [address, bytes] : live) ASSERT_FALSE(a.free(address));
    EXPECT_EQ(a.largest_free(), kSize);
  }
}

}  // namespace
}  // namespace tc::accel
