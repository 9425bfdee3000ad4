// Kernels: folding keeps the sequence and is the shortest there is; recording refuses
// what no instruction can do.
#include "tc/runtime/accel/kernel.h"

#include <gtest/gtest.h>

#include "tc/support/rng.h"

namespace tc::accel {
namespace {

using isa::Uop;

std::vector<Uop> expand(const Kernel& k) {
  std::vector<Uop> out;
  for (int64_t i = 0; i < k.outer.iterations; ++i)
    for (int64_t j = 0; j < k.inner.iterations; ++j)
      for (const Uop& u : k.uops)
        out.push_back({static_cast<uint32_t>(u.dst + i * k.outer.dst + j * k.inner.dst),
                       static_cast<uint32_t>(u.src + i * k.outer.src + j * k.inner.src),
                       static_cast<uint32_t>(u.wgt + i * k.outer.wgt + j * k.inner.wgt)});
  return out;
}

Kernel flat(std::vector<Uop> uops) { return {{}, {}, std::move(uops)}; }

// Fewest micro-ops of any pair of loops, by trying all.
size_t fewest(const std::vector<Uop>& s) {
  size_t best = s.size();
  for (size_t p = 1; p <= s.size(); ++p) {
    if (s.size() % p != 0) continue;
    for (size_t inner = 1; p * inner <= s.size(); ++inner) {
      if (s.size() % (p * inner) != 0) continue;
      Kernel k = flat({s.begin(), s.begin() + static_cast<ptrdiff_t>(p)});
      const auto loop = [&](size_t period, size_t n) {
        if (n == 1) return Loop{};
        return Loop{static_cast<int64_t>(n), int64_t{s[period].dst} - s[0].dst,
                    int64_t{s[period].src} - s[0].src, int64_t{s[period].wgt} - s[0].wgt};
      };
      k.inner = loop(p, inner);
      k.outer = loop(p * inner, s.size() / (p * inner));
      const auto falls = [](const Loop& l) { return l.dst < 0 || l.src < 0 || l.wgt < 0; };
      if (!falls(k.inner) && !falls(k.outer) && expand(k) == s) best = std::min(best, p);
    }
  }
  return best;
}

TEST(Fold, MatrixProductIsOneMicroOp) {
  std::vector<Uop> uops;
  for (uint32_t y = 0; y < 3; ++y)
    for (uint32_t k = 0; k < 4; ++k) uops.push_back({y, 4 * y + k, k});
  const Kernel k = fold(flat(uops));
  EXPECT_EQ(k, (Kernel{{3, 1, 4, 0}, {4, 0, 1, 1}, {{0, 0, 0}}}));
}

TEST(Fold, ThirdLoopStaysInMicroOps) {
  std::vector<Uop> uops;
  for (uint32_t a = 0; a < 2; ++a)
    for (uint32_t b = 0; b < 3; ++b)
      for (uint32_t c = 0; c < 5; ++c) uops.push_back({a, 10 * b + c * c, 0});
  const Kernel k = fold(flat(uops));
  EXPECT_EQ(k.uops.size(), 5u);
  EXPECT_EQ(expand(k), uops);
}

TEST(Fold, IndicesThatFallAreNotFolded) {
  const Kernel k = flat({{3, 0, 0}, {2, 0, 0}, {1, 0, 0}});
  EXPECT_EQ(fold(k), k);
}

TEST(Fold, LongLoopsAreDivided) {
  const Kernel k = fold(flat(std::vector<Uop>(40'000, Uop{1, 2, 3})));
  EXPECT_EQ(k, (Kernel{{10'000}, {4}, {{1, 2, 3}}}));
  EXPECT_EQ(fold(flat(std::vector<Uop>(16'411, Uop{}))).uops.size(), 16'411u);  // a prime
}

TEST(Fold, KeepsGivenLoopsAndUsesTheOther) {
  const Kernel k = fold({{1}, {7, 5, 0, 0}, {{0, 0, 0}, {0, 1, 0}, {0, 2, 0}}});
  EXPECT_EQ(k, (Kernel{{7, 5, 0, 0}, {3, 0, 1, 0}, {{0, 0, 0}}}));
  const Kernel full = {{2, 1, 0, 0}, {2, 2, 0, 0}, {{0, 0, 0}, {0, 1, 0}}};
  EXPECT_EQ(fold(full), full);
  EXPECT_TRUE(fold({{0}, {3}, {{0, 0, 0}}}).empty());
  EXPECT_TRUE(fold({}).empty());
}

TEST(Fold, RandomSequencesKeepTheirOrderAndAreShortest) {
  Rng rng(3);
  int folded = 0;
  for (int round = 0; round < 3000; ++round) {
    Kernel k;
    const auto loop = [&] {
      return Loop{1 + static_cast<int64_t>(rng.below(4)), static_cast<int64_t>(rng.below(3)),
                  static_cast<int64_t>(rng.below(3)), static_cast<int64_t>(rng.below(2))};
    };
    k.outer = loop();
    k.inner = loop();
    for (uint64_t n = 1 + rng.below(4); n > 0; --n)
      k.uops.push_back({static_cast<uint32_t>(rng.below(3)), static_cast<uint32_t>(rng.below(3)), 0});
    const std::vector<Uop> sequence = expand(k);
    const Kernel got = fold(flat(sequence));
    ASSERT_EQ(expand(got), sequence) << "round " << round;
    ASSERT_EQ(got.uops.size(), fewest(sequence)) << "round " << round;
    ASSERT_EQ(expand(fold(k)), sequence);
    folded += got.uops.size() < sequence.size() ? 1 : 0;
  }
  EXPECT_GT(folded, 1000);
}

TEST(Recorder, RecordsLoopsAndFolds) {
  KernelRecorder r;
  ASSERT_FALSE(r.begin_loop({6, 1, 0, 0}));
  for (uint32_t k = 0; k < 4; ++k) ASSERT_FALSE(r.push({0, k, 2 * k}));
  ASSERT_FALSE(r.end_loop());
  EXPECT_EQ(r.finish().value(), (Kernel{{6, 1, 0, 0}, {4, 0, 1, 2}, {{0, 0, 0}}}));
  EXPECT_TRUE(r.finish().value().empty());  // as new
}

TEST(Recorder, RefusesWhatNoInstructionDoes) {
  const auto code = [](const Check& error) { return error ? error->code() : ""; };
  KernelRecorder r;
  EXPECT_EQ(code(r.end_loop()), "runtime.accel.kernel");
  EXPECT_EQ(code(r.begin_loop({-1})), "runtime.accel.kernel");
  EXPECT_EQ(code(r.begin_loop({1 << 14})), "runtime.accel.kernel");
  EXPECT_EQ(code(r.begin_loop({1, -1, 0, 0})), "runtime.accel.kernel");
  EXPECT_EQ(code(r.begin_loop({2})), "");
  EXPECT_EQ(code(r.begin_loop({2})), "");
  EXPECT_EQ(code(r.begin_loop({2})), "runtime.accel.kernel");    // a third
  EXPECT_EQ(r.finish().error().code(), "runtime.accel.kernel");  // open
  EXPECT_EQ(code(r.push({})), "");
  EXPECT_EQ(code(r.end_loop()), "");
  EXPECT_EQ(code(r.push({})), "runtime.accel.kernel");         // behind the inner loop
  EXPECT_EQ(code(r.begin_loop({2})), "runtime.accel.kernel");  // beside it
  EXPECT_EQ(code(r.end_loop()), "");
  EXPECT_EQ(r.finish().value().uops.size(), 1u);
  EXPECT_EQ(code(r.push({})), "");
  EXPECT_EQ(code(r.begin_loop({2})), "runtime.accel.kernel");  // behind a micro-op
}

}  // namespace
}  // namespace tc::accel
