// What loops cost: counted by hand.
#include "tc/ir/loop_stats.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tc/ir/parse.h"

namespace tc::ir {
namespace {

struct Stats {
  FuncRef func;
  std::map<std::string, LoopStats> of;  // by the loop's variable
};
Stats stats_of(const std::string& text) {
  Stats out{parse_func(text).value(), {}};
  for (const LoopStats& s : loop_stats(*out.func)) out.of[s.loop->var->name] = s;
  return out;
}
double elements(const LoopStats& s, const std::string& buffer) {
  for (const LoopTouch& t : s.touches)
    if (t.buffer->name == buffer) return t.elements;
  return -1;
}

TEST(LoopStats, CountsAMatmul) {
  const Stats s = stats_of(R"(func f(A: f32[8, 32], B: f32[32, 16], C: f32[8, 16]) {
    for y in [0, +8) serial {
      for x in [0, +16) serial {
        for k in [0, +32) serial { C[y, x] = C[y, x] + A[y, k] * B[k, x] }
      }
    }
  })");
  EXPECT_EQ(s.of.at("y").flops, 2.0 * 8 * 16 * 32);
  EXPECT_EQ(s.of.at("k").flops, 2.0 * 32);
  EXPECT_EQ(s.of.at("k").runs, 8.0 * 16);
  EXPECT_EQ(s.of.at("k").depth, 2);
  EXPECT_EQ(elements(s.of.at("k"), "A"), 32);
  EXPECT_EQ(elements(s.of.at("k"), "C"), 1);
  EXPECT_EQ(elements(s.of.at("x"), "A"), 32);
  EXPECT_EQ(elements(s.of.at("x"), "B"), 32 * 16);
  EXPECT_EQ(elements(s.of.at("y"), "A"), 8 * 32);
  for (const LoopTouch& t : s.of.at("y").touches) {
    EXPECT_TRUE(t.buffer->name != "C" || (t.read && t.written));
    EXPECT_TRUE(t.buffer->name == "C" || (t.read && !t.written));
  }
}

TEST(LoopStats, JoinsTheReadsOfAStencil) {
  const Stats s = stats_of(R"(func f(A: f32[20, 10], B: f32[18, 10]) {
    for y in [0, +18) serial {
      for x in [0, +10) serial { B[y, x] = A[y, x] + A[y + 2, x] }
    }
  })");
  EXPECT_EQ(elements(s.of.at("x"), "A"), 3 * 10);  // the box of rows y and y + 2
  EXPECT_EQ(elements(s.of.at("y"), "A"), 20 * 10);
  EXPECT_EQ(s.of.at("y").flops, 180);
}

TEST(LoopStats, IsBoundedByTheBufferUnderGuards) {
  const Stats s = stats_of(R"(func f(A: f32[10], B: f32[10]) {
    for xo in [0, +3) serial {
      for xi in [0, +4) serial { if xo * 4 + xi < 10 { B[xo * 4 + xi] = A[xo * 4 + xi] } }
    }
  })");
  EXPECT_EQ(elements(s.of.at("xo"), "A"), 10);
  EXPECT_EQ(elements(s.of.at("xi"), "B"), 4);
}

TEST(LoopStats, AnEmptyLoopTouchesNothing) {
  const Stats s = stats_of("func f(A: f32[4]) { for x in [0, +0) serial { A[x] = 1.0 + A[x] } }");
  EXPECT_EQ(s.of.at("x").flops, 0);
  EXPECT_EQ(elements(s.of.at("x"), "A"), 0);
}

TEST(LoopStats, AFusedLoopTouchesWhatItsQuotientsReach) {
  const Stats s = stats_of(R"(func f(A: i32[7, 9], B: i32[63]) {
    for y in [0, +7) serial { for hw in [0, +63) serial { B[hw] = A[hw / 9, hw % 9] + A[y, 0] } }
  })");
  EXPECT_EQ(elements(s.of.at("hw"), "A"), 63);
  EXPECT_EQ(s.of.at("hw").flops, 63) << "of integers, the arithmetic on what is stored";
}

}  // namespace
}  // namespace tc::ir
