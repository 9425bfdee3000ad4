// Convolutions with padding and a fused epilogue.
#include "conv.h"

namespace tc::accel::test {
namespace {

TEST(AccelConv, PaddingIsMadeByTheLoads) {
  const Conv c(machine(1, 4, 4), 1, 2, 2, 6, 3, 1, 1);
  const Ran ran = expect_right(c.args(), c.schedule({.co = 2, .h = 6, .w = 6, .ci = 1}), c.config);
  // one load of an image with zeros around it each
  EXPECT_EQ(ran.code.stats.loads, 2 + 2 + 1);
  EXPECT_EQ(ran.counters.gemm_uops, 2 * 2 * 36 * 9);
}

TEST(AccelConv, OneInstructionATile) {
  // 3x3 taps on 14x14 results: the rows and columns of results are the loops, taps and
  // channels micro-ops
  const Conv c(machine(1, 16, 16), 1, 2, 2, 14, 3, 1, 1);
  const Ran ran = expect_right(c.args(), c.schedule({.co = 1, .h = 14, .w = 14, .ci = 1}), c.config, 1);
  EXPECT_EQ(ran.code.stats.gemms, 2 * (1 + 2));
  EXPECT_EQ(ran.code.stats.uops, 9 + 1 + 1);  // reset and immediates share theirs; the bias has its own
}

// Virtual threads and double buffers load while others compute; values and work stay.
TEST(AccelConv, LatencyIsHidden) {
  const Conv c(machine(1, 8, 8), 1, 3, 2, 8, 3, 1, 1);
  const Conv::Tiles plain{.co = 1, .h = 8, .w = 8, .ci = 1};
  Conv::Tiles threads = plain, twice = plain;
  threads.threads = 2, twice.double_buffer = true;
  const Ran a = expect_right(c.args(), c.schedule(plain), c.config, 1);
  const Ran b = expect_right(c.args(), c.schedule(threads), c.config, 5);
  const Ran d = expect_right(c.args(), c.schedule(twice), c.config, 5);
  EXPECT_EQ(a.counters.gemm_uops, b.counters.gemm_uops);
  EXPECT_EQ(b.code.stats.inp_tiles, 2 * a.code.stats.inp_tiles);
  EXPECT_EQ(d.code.stats.wgt_tiles, 2 * a.code.stats.wgt_tiles);
  EXPECT_LT(b.counters.cycles, a.counters.cycles);
  EXPECT_LT(d.counters.cycles, a.counters.cycles);
}

TEST(AccelConv, TilesOfAllSizes) {
  for (const int64_t stride : {1, 2})
    for (const int64_t kernel : {1, 3})
      for (const int64_t h : {1, 3, 8})
        for (const int64_t w : {2, 5}) {
          const Conv c(machine(2, 8, 4), 2, 3, 3, 9, kernel, stride, kernel / 2);
          expect_right(c.args(), c.schedule({.co = 2, .h = h, .w = w, .ci = 2}), c.config, 1);
        }
}

}  // namespace
}  // namespace tc::accel::test
