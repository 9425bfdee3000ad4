// Gathering of tiles into 2-D blocks, kernels of boxes: against what they stand for.
#include "../../lib/codegen/accel/blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "../../lib/codegen/accel/kernels.h"
#include "tc/support/rng.h"

namespace tc::accel {
namespace {

// What blocks write, tile by tile.
std::map<int64_t, int64_t> written(const std::vector<TileBlock>& blocks) {
  std::map<int64_t, int64_t> out;
  for (const TileBlock& b : blocks) {
    EXPECT_TRUE(b.top <= 15 && b.bottom <= 15 && b.left <= 15 && b.right <= 15);
    EXPECT_TRUE(b.top >= 0 && b.bottom >= 0 && b.left >= 0 && b.right >= 0 && b.cols > 0);
    EXPECT_TRUE(b.stride >= 0 && b.stride <= 0xffff);
    int64_t sram = b.sram;
    for (int64_t y = -b.top; y < b.rows + b.bottom; ++y)
      for (int64_t x = -b.left; x < b.cols + b.right; ++x) {
        const bool data = y >= 0 && y < b.rows && x >= 0 && x < b.cols;
        EXPECT_TRUE(out.emplace(sram++, data ? b.dram + y * b.stride + x : TileMove::kZeros).second);
      }
  }
  return out;
}

void expect_same(const std::vector<TileMove>& moves, int64_t width) {
  std::map<int64_t, int64_t> want;
  for (const TileMove& m : moves) want[m.sram] = m.dram;
  EXPECT_EQ(written(make_blocks(moves, width)), want);
}

// A window of an image of h x w tiles, which may begin outside.
std::vector<TileMove> window(int64_t h, int64_t w, int64_t y0, int64_t x0, int64_t rows, int64_t cols,
                             int64_t sram) {
  std::vector<TileMove> out;
  for (int64_t y = y0; y < y0 + rows; ++y)
    for (int64_t x = x0; x < x0 + cols; ++x)
      out.push_back({sram++, y < 0 || y >= h || x < 0 || x >= w ? TileMove::kZeros : y * w + x});
  return out;
}

TEST(Blocks, PaddedWindowIsOne) {
  const auto moves = window(8, 8, -1, -1, 10, 10, 5);
  const auto blocks = make_blocks(moves, 10);
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0], (TileBlock{.sram = 5,
                                  .dram = 0,
                                  .rows = 8,
                                  .cols = 8,
                                  .stride = 8,
                                  .top = 1,
                                  .bottom = 1,
                                  .left = 1,
                                  .right = 1}));
  EXPECT_EQ(make_blocks(window(8, 8, -1, 2, 4, 6, 0), 6).size(), 1U);   // top
  EXPECT_EQ(make_blocks(window(8, 8, 5, 4, 4, 6, 0), 6).size(), 1U);    // bottom and right
  EXPECT_EQ(make_blocks(window(8, 8, -1, -1, 2, 6, 0), 6).size(), 1U);  // one row of data
}

TEST(Blocks, Wholes) {
  EXPECT_TRUE(make_blocks({}, 0).empty());
  std::vector<TileMove> line, zeros, strided;
  for (int64_t i = 0; i < 100; ++i)
    line.push_back({i, 7 + i}), zeros.push_back({i, -1}), strided.push_back({i, 3 * i});
  EXPECT_EQ(make_blocks(line, 10).size(), 1U);
  EXPECT_EQ(make_blocks(zeros, 10).size(), 1U);
  ASSERT_EQ(make_blocks(strided, 10).size(), 1U);
  EXPECT_EQ(make_blocks(strided, 10)[0].rows, 100);
}

TEST(Blocks, LongRuns) {
  std::vector<TileMove> moves;
  for (int64_t i = 0; i < 140000; ++i) moves.push_back({i, i < 70000 ? i : TileMove::kZeros});
  expect_same(moves, 0);
}

TEST(Blocks, RandomWindows) {
  Rng rng(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<TileMove> moves;
    int64_t sram = 0;
    const int64_t h = rng.between(1, 40), w = rng.between(1, 40), rows = rng.between(1, 24),
                  cols = rng.between(1, 24);
    const int64_t y0 = rng.between(-20, 20), x0 = rng.between(-20, 20);
    for (int64_t plane = rng.between(1, 3); plane-- > 0;) {
      auto one = window(h, w, y0, x0, rows, cols, sram);
      for (TileMove& m : one) m.dram += m.dram < 0 ? 0 : plane * h * w;
      moves.insert(moves.end(), one.begin(), one.end());
      sram += rows * cols + (rng.below(4) == 0 ? 1 : 0);
    }
    expect_same(moves, rng.below(4) ? cols : static_cast<int64_t>(rng.below(30)));
  }
}

TEST(Blocks, RandomMoves) {
  Rng rng(2);
  for (int round = 0; round < 3000; ++round) {
    std::vector<TileMove> moves;
    int64_t sram = 0, dram = static_cast<int64_t>(rng.below(100000));
    const auto n = static_cast<int>(rng.between(1, 60));
    for (int i = 0; i < n; ++i) {
      const bool zeros = rng.below(3) == 0;
      moves.push_back({sram, zeros ? TileMove::kZeros : dram});
      sram += rng.below(8) ? 1 : 2;
      if (rng.below(5) == 0)
        dram = static_cast<int64_t>(rng.below(100000));
      else
        dram += rng.below(6) ? 1 : 3;
    }
    if (rng.below(4) == 0) std::reverse(moves.begin(), moves.end());
    expect_same(moves, static_cast<int64_t>(rng.below(20)));
  }
}

using Triples = std::vector<std::array<int64_t, 3>>;

void run(const Kernel& k, Triples& out) {
  for (int64_t i = 0; i < k.outer.iterations; ++i)
    for (int64_t j = 0; j < k.inner.iterations; ++j)
      for (const isa::Uop& u : k.uops)
        out.push_back({u.dst + i * k.outer.dst + j * k.inner.dst, u.src + i * k.outer.src + j * k.inner.src,
                       u.wgt + i * k.outer.wgt + j * k.inner.wgt});
}

TEST(Kernels, RunEachIterationOnce) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    isa::MachineConfig config;
    config.uop_depth = int64_t{1} << rng.between(1, 10);
    std::vector<Stride> loops;
    Tiles first{2000, 2000, 2000};
    for (uint64_t n = rng.below(6); n > 0; --n) {
      const auto step = [&] { return rng.below(3) ? rng.between(0, 9) : rng.between(-9, 0); };
      loops.push_back({rng.between(1, 5), {step(), step(), step()}});
    }
    Triples want = {{first.dst, first.src, first.wgt}}, got;
    for (const Stride& l : loops) {
      Triples more;
      for (const auto& t : want)
        for (int64_t i = 0; i < l.count; ++i)
          more.push_back({t[0] + i * l.step.dst, t[1] + i * l.step.src, t[2] + i * l.step.wgt});
      want = more;
    }
    make_kernels(first, loops, config, [&](const Kernel& k) {
      EXPECT_LE(static_cast<int64_t>(k.uops.size()), config.uop_depth);
      EXPECT_TRUE(k.outer.dst >= 0 && k.outer.src >= 0 && k.outer.wgt >= 0 && k.inner.dst >= 0 &&
                  k.inner.src >= 0 && k.inner.wgt >= 0);
      run(k, got);
    });
    std::sort(want.begin(), want.end());
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, want);
  }
}

TEST(Kernels, LongLoopsAreCut) {
  isa::MachineConfig config;
  for (const int64_t count : {16383, 16384, 40001, 65535}) {
    int64_t next = 0;
    make_kernels({0, 0, 0}, {{count, {1, 1, 0}}}, config, [&](const Kernel& k) {
      ASSERT_EQ(k.uops.size(), 1U);
      EXPECT_EQ(k.uops[0].dst, next);
      EXPECT_LE(k.outer.iterations, kMaxIterations);
      next += k.outer.iterations * k.inner.iterations;
    });
    EXPECT_EQ(next, count);
  }
}

TEST(Kernels, TapsOfAConvolutionAreMicroOps) {
  // ky, kx, ci outside y, x: the order of loops does not matter
  isa::MachineConfig config;
  int kernels = 0;
  make_kernels({0, 0, 0},
               {{2, {0, 256, 9}}, {3, {0, 16, 3}}, {3, {0, 1, 1}}, {14, {14, 16, 0}}, {14, {1, 1, 0}}},
               config, [&](const Kernel& k) {
                 ++kernels;
                 EXPECT_EQ(k.uops.size(), 18U);
                 EXPECT_EQ(k.outer.iterations * k.inner.iterations, 196);
               });
  EXPECT_EQ(kernels, 1);
}

}  // namespace
}  // namespace tc::accel
