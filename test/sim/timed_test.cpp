// The cycle model against timelines worked out by hand. Unless said otherwise memory
// gives 8 bytes a cycle after 50 cycles, in bursts of 64 bytes (8 cycles), and
// fetch sends one instruction a cycle from the cycle after its burst arrived.
#include <gtest/gtest.h>

#include "tc/isa/assembler.h"
#include "tc/sim/timeline.h"

namespace tc::sim {
namespace {

RunResult timed(const std::string& text, bool check = true) {
  const isa::Program p = isa::assemble(text).value();
  Dram dram = Dram::of(p).value();
  return run(p, dram, {.order = Order::timed, .check_order = check, .timeline = true}).value();
}

std::string events(const RunResult& r) {
  std::string out;
  std::vector<Event> sorted = r.timeline;
  std::sort(sorted.begin(), sorted.end(), [](const Event& a, const Event& b) { return a.insn < b.insn; });
  for (const Event& e : sorted)
    out += std::to_string(e.insn) + ":" + std::to_string(e.ready) + "," + std::to_string(e.start) + "," +
           std::to_string(e.end) + " ";
  return out;
}

// Two bursts of four instructions are asked for at 0 and arrive at 58 and 66, so that
// instructions are sent at 59 60 61 62 and 67 68 69 70.
//   0 load.uop   59: 50 + 1 cycle for 4 bytes                       -> 110
//   1 load.inp   60: asks for 110; the port is free then; 8 cycles  -> 118
//   2 load.wgt   118: 50, then 4 bursts of 8                        -> 200
//   3 gemm       110: 4 micro-ops and the latency of 4              -> 118
//   4 gemm       waits 118 to 200 for the token of 2; 4 + 4         -> 208
//   5 store.out  waits 68 to 208 for the token of 4; 50 + 8         -> 266
//   6 load.uop   waits 208 to 266 for the token of 5; 1             -> 267
//   7 finish     1                                                  -> 268
TEST(Timed, OneTileByHand) {
  const RunResult r = timed(R"(
.dram 8192
.segment 0 uop
  dst=0 src=0 wgt=0
.code
  load.uop y_size=1 x_size=1
  load.inp y_size=1 x_size=4
  load.wgt y_size=1 x_size=1 push_next
  gemm reset uop_end=1 iter_out=4 iter_in=1 dst_out=1
  gemm uop_end=1 iter_out=4 iter_in=1 dst_out=1 src_out=1 pop_prev push_next
  store.out dram_base=256 y_size=1 x_size=4 pop_prev push_prev
  load.uop pop_next
  finish
)");
  EXPECT_EQ(events(r),
            "0:59,59,110 1:60,60,118 2:118,118,200 3:110,110,118 4:118,200,208 5:68,208,266 6:208,266,267 "
            "7:267,267,268 ");
  const Counters& c = r.counters;
  EXPECT_EQ(c.cycles, 268);
  EXPECT_EQ(c.unit[0], (UnitCycles{.busy = 58 + 82, .wait_insn = 60, .idle = 68}));
  EXPECT_EQ(c.unit[1],
            (UnitCycles{.busy = 51 + 8 + 8 + 2, .wait_insn = 59, .wait_prev = 82, .wait_next = 58}));
  EXPECT_EQ(c.unit[2], (UnitCycles{.busy = 58, .wait_insn = 68, .wait_prev = 140, .idle = 2}));
  EXPECT_EQ(c.memory_busy, 16 + 1 + 8 + 32 + 8);
  EXPECT_EQ(c.gemm_cycles, 16);
  EXPECT_EQ(c.compute_dma_cycles, 51);
  EXPECT_EQ(c.occupied(), 8);
  EXPECT_EQ(c.gemm_uops, 4);
  EXPECT_EQ(c.insn_bytes, 128);
  EXPECT_EQ(c.uop_bytes, 4);
  EXPECT_EQ(c.inp_bytes, 64);
  EXPECT_EQ(c.wgt_bytes, 256);
  EXPECT_EQ(c.out_bytes, 64);
  EXPECT_EQ(c.data_bytes(), 388);
  EXPECT_EQ(c.insns, (std::array<int64_t, 5>{4, 1, 2, 1, 0}));
}

// Load (from 59) and compute (from 60) transfer two bursts each and take turns:
// load 109-117, compute 117-125, load 125-133, compute 133-141.
TEST(Timed, TheMemoryPortTakesTurns) {
  const RunResult r = timed(
      ".dram 4096\n.code\nload.inp y_size=1 x_size=8 push_next\nload.acc y_size=1 x_size=2\nload.uop "
      "pop_prev\nfinish\n");
  EXPECT_EQ(events(r), "0:59,59,133 1:60,60,141 2:141,141,142 3:142,142,143 ");
  EXPECT_EQ(r.counters.memory_busy, 8 + 4 * 8);
}

// Rows of 16 bytes at 3 bytes a cycle take 6 cycles each: 59 + 50 + 2 * 6.
TEST(Timed, RowsBeginNewBursts) {
  const RunResult r = timed(
      ".config dram_bytes_per_cycle=3\n.dram 4096\n.code\nload.inp y_size=2 x_size=1 x_stride=9 "
      "push_next\nload.uop pop_prev\nfinish\n");
  EXPECT_EQ(r.timeline[0].start, 67);  // fetch: 48 bytes, 50 + 16
  EXPECT_EQ(r.timeline[0].end, 67 + 50 + 12);
}

// An instruction writes at most one element a cycle, padding included: 31 x 31.
TEST(Timed, PaddingTakesTime) {
  const RunResult r = timed(
      ".dram 4096\n.code\nload.inp y_size=1 x_size=1 y_pad0=15 y_pad1=15 x_pad0=15 x_pad1=15 "
      "push_next\nload.uop pop_prev\nfinish\n");
  EXPECT_EQ(r.timeline[0].end - r.timeline[0].start, 961);
  const RunResult only =
      timed(".dram 4096\n.code\nload.inp x_size=1 y_pad0=3 push_next\nload.uop pop_prev\nfinish\n");
  EXPECT_EQ(only.timeline[0].end - only.timeline[0].start, 3);
}

// 16 numbers in 4 lanes are 4 groups, 2 cycles apart: 3 micro-ops take 24 cycles, and 4 to drain.
TEST(Timed, AluTakesItsIntervalForEachGroupOfLanes) {
  const std::string text =
      ".dram 64\n.code\nload.acc y_pad0=3 x_size=1\nload.uop y_pad0=1 x_size=1\nalu.add use_imm uop_end=1 "
      "iter_out=3 iter_in=1 dst_out=1\nfinish\n";
  const RunResult r = timed(".config alu_interval=2 alu_lanes=4\n" + text);
  EXPECT_EQ(r.timeline[2].end - r.timeline[2].start, 28);
  EXPECT_EQ(r.counters.alu_uops, 3);
  EXPECT_EQ(r.counters.occupied(), 12);
  EXPECT_EQ(r.counters.alu_cycles, 28);
  EXPECT_EQ(timed(text).timeline[2].end - timed(text).timeline[2].start, 3 + 4);
}

// Sent at 59 60 61 62 63 64. Load 59-60 gives the only token; the second is done at 61
// and waits for room until compute, after its gemm (61 + 100 + 4), pops at 165.
TEST(Timed, AFullTokenQueueHoldsItsSender) {
  const RunResult r = timed(R"(
.config token_depth=1
.code
  load.inp push_next
  load.inp push_next
  gemm reset uop_end=1 iter_out=100 iter_in=1
  load.uop pop_prev
  load.uop pop_prev
  finish
)",
                            false);
  EXPECT_EQ(events(r), "0:59,59,60 1:60,60,165 2:61,61,165 3:165,165,166 4:166,166,167 5:167,167,168 ");
  EXPECT_EQ(r.counters.unit[0], (UnitCycles{.busy = 2, .wait_insn = 59, .wait_push = 104, .idle = 3}));
}

// A queue of one: while the gemm runs (59-163) one instruction waits in it, and fetch
// holds the next from 61 on, until the queue is free at 163.
TEST(Timed, AFullQueueHoldsFetch) {
  const RunResult r = timed(
      ".config queue_depth=1\n.code\ngemm reset uop_end=1 iter_out=100 "
      "iter_in=1\nload.uop\nload.uop\nfinish\n",
      false);
  EXPECT_EQ(events(r), "0:59,59,163 1:163,163,164 2:164,164,165 3:165,165,166 ");
  EXPECT_EQ(r.counters.fetch_blocked, 102);
}

// With room for four instructions the second burst is asked for at 62, when the first
// four have been sent: 62 + 50 + 8 = 120, sent at 121.
TEST(Timed, FetchAsksWhenItHasRoom) {
  const RunResult r = timed(
      ".config "
      "fetch_depth=4\n.code\nload.uop\nload.uop\nload.uop\nload.uop\nload.uop\nload.uop\nload.uop\nfinish\n");
  EXPECT_EQ(
      events(r),
      "0:59,59,60 1:60,60,61 2:61,61,62 3:62,62,63 4:121,121,122 5:122,122,123 6:123,123,124 7:124,124,125 ");
  EXPECT_EQ(r.counters.unit[1].wait_insn, 59 + 58);
}

TEST(Timed, TheTraceIsJsonWithEveryInstruction) {
  const isa::Program p = isa::assemble(".code\nload.inp push_next\nload.uop pop_prev\nfinish\n").value();
  Dram dram = Dram::of(p).value();
  const RunResult r = run(p, dram, {.order = Order::timed, .timeline = true}).value();
  const std::string trace = chrome_trace(p, r);  // 48 bytes of instructions: 50 + 6, sent from 57 on
  EXPECT_NE(
      trace.find(
          R"({"name":"load.inp","ph":"X","pid":0,"tid":0,"ts":57,"dur":1,"args":{"number":0,"insn":"load.inp push_next"}})"),
      std::string::npos)
      << trace;
  EXPECT_NE(table(r.counters).find("cycles 60"), std::string::npos) << table(r.counters);
}

}  // namespace
}  // namespace tc::sim
