// Tokens: what a program that lacks one, or has one too many, is told. Every
// verdict is the same in program order, in random orders and timed.
#include <gtest/gtest.h>

#include "tc/isa/assembler.h"
#include "tc/sim/run.h"

namespace tc::sim {
namespace {

// One tile of each kind; micro-op 0 is dst=0 src=0 wgt=0.
constexpr std::string_view kHead = R"(
.dram 8192
.segment 0 uop
  dst=0 src=0 wgt=0
.code
  load.uop y_size=1 x_size=1
)";

isa::Program program(const std::string& code, std::string_view config = ".config name=vta") {
  return isa::assemble(std::string(config) + std::string(kHead) + code, "test.s").value();
}

// The error of all orders: its code and what they agree on.
Error refused(const isa::Program& p) {
  std::vector<Error> errors;
  for (const RunOptions& options :
       {RunOptions{.order = Order::program}, RunOptions{.order = Order::timed},
        RunOptions{.order = Order::random, .seed = 1}, RunOptions{.order = Order::random, .seed = 2},
        RunOptions{.order = Order::random, .seed = 3}}) {
    Dram dram = Dram::of(p).value();
    const auto result = run(p, dram, options);
    EXPECT_FALSE(result.ok()) << disassemble(p);
    errors.push_back(result.ok() ? Error("", "") : result.error());
    EXPECT_EQ(errors.back().code(), errors.front().code()) << errors.back().str();
  }
  return errors.front();
}

void accepted(const isa::Program& p) {
  for (const Order order : {Order::program, Order::random, Order::timed}) {
    Dram dram = Dram::of(p).value();
    const auto result = run(p, dram, {.order = order, .seed = 5});
    EXPECT_TRUE(result.ok()) << result.error().str();
  }
}

const std::string kLoads = "load.inp y_size=1 x_size=1\nload.wgt y_size=1 x_size=1 push_next\n";
const std::string kGemm =
    "gemm reset uop_end=1 iter_out=1 iter_in=1\ngemm uop_end=1 iter_out=1 iter_in=1 pop_prev push_next\n";
const std::string kStore = "store.out dram_base=256 y_size=1 x_size=1 pop_prev push_prev\n";
const std::string kEnd = "load.uop pop_next\nfinish\n";

TEST(Tokens, ARightProgramRuns) { accepted(program(kLoads + kGemm + kStore + kEnd)); }

TEST(Tokens, APopBeforeItsPushInTheProgramRuns) {
  accepted(program("load.inp pop_next\nload.uop push_prev\nfinish\n"));
}

TEST(Tokens, DeadlockNamesWhoNeverSends) {
  const Error e = refused(program("gemm reset uop_end=1 iter_out=1 iter_in=1 pop_prev\nfinish\n"));
  EXPECT_EQ(
      e.str(),
      "error[sim.deadlock]: the machine is stuck: instruction 1 waits for a token that load never sends\n"
      "  load     has no instructions left\n"
      "  compute  instruction 1: gemm reset uop_end=1 iter_out=1 iter_in=1 pop_prev\n"
      "           waits for a token of load; no instruction of load sends it: all 0 of its tokens are taken\n"
      "  store    has no instructions left\n"
      "  fix      for every pop there must be a push of the neighbour, which does not wait for the pop");
}

TEST(Tokens, DeadlockNamesACircle) {
  const Error e = refused(program("load.inp pop_next push_next\nload.uop pop_prev push_prev\nfinish\n"));
  EXPECT_EQ(e.code(), "sim.deadlock");
  EXPECT_NE(e.fact_of("load").find("waits for a token of compute; instruction 2 of compute would send it"),
            std::string::npos)
      << e.str();
  EXPECT_NE(e.fact_of("compute").find("waits for a token of load; instruction 1 of load would send it"),
            std::string::npos)
      << e.str();
}

TEST(Tokens, DeadlockNamesAFullQueue) {
  // the second load fills no queue of one: the first waits in it for a token that is never fetched
  const Error e =
      refused(program("load.inp pop_next\nload.inp\nload.uop push_prev\nfinish\n", ".config queue_depth=1"));
  EXPECT_EQ(e.code(), "sim.deadlock");
  EXPECT_EQ(e.fact_of("fetch"), "instruction 2 waits for room in the queue of load, which holds 1");
  accepted(program("load.inp pop_next\nload.inp\nload.uop push_prev\nfinish\n", ".config queue_depth=2"));
}

TEST(Tokens, DeadlockNamesFullTokens) {
  const std::string code =
      "load.inp push_next\nload.inp push_next\nload.inp push_next pop_next\nload.uop pop_next\nstore.out "
      "pop_prev push_prev\nfinish\n";
  const Error e = refused(program(code, ".config token_depth=1"));
  EXPECT_EQ(e.code(), "sim.deadlock");
  EXPECT_NE(e.fact_of("load").find("is done and waits for room"), std::string::npos) << e.str();
}

TEST(Tokens, ADeadlockIsToldBeforeAFinishThatDidNotWait) {
  EXPECT_EQ(refused(program("load.inp y_size=1 x_size=1 pop_next\nfinish\n")).code(), "sim.deadlock");
}

TEST(Tokens, WhatNobodyTakesIsAnError) {
  const Error e = refused(program("load.inp push_next\nload.inp push_next\nload.uop pop_prev\nfinish\n"));
  EXPECT_EQ(e.code(), "sim.token.left");
  EXPECT_EQ(e.message(), "1 of the 2 tokens that load sends to compute are taken by nobody");
  EXPECT_EQ(refused(program("finish push_next\n")).code(), "sim.token.left");
}

TEST(Tokens, EndsOfTheLineHaveOneNeighbour) {
  EXPECT_EQ(refused(program("load.inp pop_prev\nfinish\n")).code(), "sim.token.neighbour");
  EXPECT_EQ(refused(program("load.inp push_prev\nfinish\n")).code(), "sim.token.neighbour");
  EXPECT_EQ(refused(program("store.out push_next\nfinish\n")).code(), "sim.token.neighbour");
}

TEST(Hazards, ReadingWhatAnotherUnitLoads) {
  // In an order that runs the gemm first, nothing has written what it reads yet.
  const isa::Program p = program(
      "load.inp y_size=1 x_size=1\nload.wgt y_size=1 x_size=1\nload.acc y_size=1 x_size=1\n"
      "gemm uop_end=1 iter_out=1 iter_in=1\nload.inp push_next\nload.uop pop_prev\nfinish\n");
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Dram dram = Dram::of(p).value();
    const Order order = seed == 0 ? Order::program : seed == 1 ? Order::timed : Order::random;
    const auto result = run(p, dram, {.order = order, .seed = seed});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), "sim.hazard.sram");
    EXPECT_NE(result.error().str().find("instruction 4: gemm"), std::string::npos) << result.error().str();
  }
}

TEST(Hazards, StoringWhatIsNotYetComputed) {
  // In time the store comes first, too: the load that the program has before it is the slower one.
  const isa::Program p = program(
      "load.acc y_size=1 x_size=1\nstore.out dram_base=256 y_size=1 x_size=1 push_prev\n"
      "load.uop pop_next\nfinish\n");
  for (const Order order : {Order::program, Order::timed}) {
    Dram dram = Dram::of(p).value();
    const auto result = run(p, dram, {.order = order});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), "sim.hazard.sram") << result.error().str();
  }
}

TEST(Hazards, LoadingWhatIsStillRead) {
  // the second load of INP may overtake the gemm
  const Error e = refused(
      program(kLoads + kGemm + "load.inp y_size=1 x_size=1 push_next\nload.uop pop_prev\n" + kStore + kEnd));
  EXPECT_EQ(e.code(), "sim.hazard.sram");
  EXPECT_NE((e.fact_of("one") + e.fact_of("other")).find("instruction 4: gemm uop_end=1"), std::string::npos)
      << e.str();
  EXPECT_NE((e.fact_of("one") + e.fact_of("other")).find("instruction 5: load.inp"), std::string::npos)
      << e.str();
  EXPECT_NE(e.message().find("INP[0] without a token between them"), std::string::npos);
  accepted(program(kLoads +
                   "gemm reset uop_end=1 iter_out=1 iter_in=1\ngemm uop_end=1 iter_out=1 iter_in=1 pop_prev "
                   "push_prev push_next\n"
                   "load.inp y_size=1 x_size=1 pop_next push_next\nload.uop pop_prev\n" +
                   kStore + kEnd));
}

TEST(Hazards, StoringWhatIsStillWritten) {
  const Error e = refused(
      program(kLoads + kGemm + kStore + "alu.add use_imm imm=1 uop_end=1 iter_out=1 iter_in=1\n" + kEnd));
  EXPECT_EQ(e.code(), "sim.hazard.sram");
  EXPECT_NE(e.message().find("OUT[0]"), std::string::npos) << e.str();
}

TEST(Hazards, LoadingWhatIsStored) {
  // store to 0x1000, load from 0x1000: through compute it is ordered, without it is not
  const std::string load = "load.inp sram_base=1 dram_base=256 y_size=1 x_size=1";
  EXPECT_EQ(
      refused(program(kLoads + kGemm + kStore + load + " push_next\nload.uop pop_prev\n" + kEnd)).code(),
      "sim.hazard.dram");
  accepted(program(kLoads + kGemm + kStore + "load.uop pop_next push_prev\n" + load +
                   " pop_next push_next\nload.uop pop_prev\nfinish\n"));
  // the same for what compute loads, and one byte beside it is no conflict
  EXPECT_EQ(refused(program(kLoads + kGemm + kStore +
                            "load.uop dram_base=1027 sram_base=1 y_size=1 x_size=1\n" + kEnd))
                .code(),
            "sim.hazard.dram");
  accepted(
      program(kLoads + kGemm + kStore + "load.uop dram_base=1028 sram_base=1 y_size=1 x_size=1\n" + kEnd));
  accepted(
      program(kLoads + kGemm + kStore + "load.uop dram_base=1023 sram_base=1 y_size=1 x_size=1\n" + kEnd));
}

TEST(Hazards, StoringWhatIsStillLoaded) {
  EXPECT_EQ(
      refused(program(kLoads + kGemm + "load.inp sram_base=1 dram_base=256 y_size=1 x_size=1 push_next\n" +
                      kStore + "load.uop pop_prev\n" + kEnd))
          .code(),
      "sim.hazard.dram");
}

TEST(Hazards, FinishWaitsForAllDma) {
  EXPECT_EQ(refused(program("load.inp y_size=1 x_size=1\nfinish\n")).code(), "sim.hazard.finish");
  EXPECT_EQ(refused(program("load.acc y_size=1 x_size=1 push_next\nstore.out dram_base=256 y_size=1 x_size=1 "
                            "pop_prev\nfinish\n"))
                .code(),
            "sim.hazard.finish");
  accepted(program("load.inp y_size=1 x_size=1 push_next\nload.uop pop_prev\nfinish\n"));
}

TEST(Hazards, UnwrittenElementsAreNotRead) {
  const auto code = [](const std::string& text) { return refused(program(text)).code(); };
  EXPECT_EQ(code("gemm reset uop_end=2 iter_out=1 iter_in=1\nfinish\n"),
            "sim.unwritten");  // the second micro-op
  EXPECT_EQ(code("alu.add use_imm uop_end=1 iter_out=1 iter_in=1\nfinish\n"), "sim.unwritten");
  EXPECT_EQ(code("gemm reset uop_end=1 iter_out=1 iter_in=1\nalu.add uop_end=1 iter_out=1 iter_in=1 "
                 "src_out=1\nalu.add uop_end=1 iter_out=2 "
                 "iter_in=1 src_out=1\nfinish\n"),
            "sim.unwritten");
  EXPECT_EQ(code(kLoads + "gemm uop_end=1 iter_out=1 iter_in=1 pop_prev\nfinish\n"),
            "sim.unwritten");  // ACC was not reset
  EXPECT_EQ(code("load.uop push_next\nstore.out y_size=1 x_size=1 pop_prev push_prev\n" + kEnd),
            "sim.unwritten");
  accepted(program(
      "gemm reset uop_end=1 iter_out=1 iter_in=1\nalu.add use_imm uop_end=1 iter_out=1 iter_in=1\nfinish\n"));
}

TEST(Run, ChecksCanBeLeftOut) {
  const isa::Program p =
      program("load.inp y_size=1 x_size=1\nalu.add use_imm uop_end=1 iter_out=1 iter_in=1\nfinish\n");
  Dram dram = Dram::of(p).value();
  EXPECT_TRUE(run(p, dram, {.check_order = false}).ok());
}

TEST(Run, AChipKeepsItsScratchpads) {
  const isa::Program first = program("load.acc dram_base=1 y_size=1 x_size=1\nfinish\n");
  const isa::Program second = program("alu.add use_imm imm=5 uop_end=1 iter_out=1 iter_in=1\nfinish\n");
  Machine machine = Machine::make(first.config).value();
  Dram dram = Dram::of(first).value();
  dram.bytes()[64] = 37;
  ASSERT_TRUE(run(machine, first, dram).ok());
  ASSERT_TRUE(run(machine, second, dram).ok());
  EXPECT_EQ(machine.acc()[0], 42);
  isa::Program other = second;
  other.config.inp_depth = 1024;
  EXPECT_EQ(run(machine, other, dram).error().code(), "sim.machine");
}

TEST(Run, ErrorsNameTheInstruction) {
  const Error e = refused(program("load.acc sram_base=2048 y_size=1 x_size=1\nfinish\n"));
  EXPECT_EQ(e.code(), "sim.sram");
  EXPECT_EQ(e.fact_of("at"), "instruction 1");
  isa::Program none = program("finish\n");
  none.insns.pop_back();
  Dram dram = Dram::make(8192).value();
  EXPECT_EQ(run(none, dram).error().code(), "isa.program.finish");
}

// What an instruction reaches is looked at before it runs: each of these would take minutes.
TEST(Run, FaultsAreReportedBeforeIterationsRun) {
  const std::string uops = [] {
    std::string out = ".dram 8192\n.segment 0 uop\n";
    for (int i = 0; i < 1024; ++i) out += "  dst=0 src=1 wgt=0\n";
    return out + ".code\nload.uop y_size=1 x_size=1024 x_stride=1024\n";
  }();
  const std::string all = " uop_end=1024 iter_out=16383 iter_in=16383";
  const std::string one = "gemm reset uop_end=1 iter_out=1 iter_in=1\n";
  const std::pair<std::string, std::string> cases[] = {
      {".code\ngemm reset uop_end=1024 iter_out=16383 iter_in=16383", "sim.unwritten"},
      {uops + "gemm" + all, "sim.unwritten"},
      {uops + "alu.add use_imm" + all, "sim.unwritten"},
      {uops + one + "alu.add" + all, "sim.unwritten"},
      {uops + one + "alu.add use_imm uop_end=1024 iter_out=1024 iter_in=1024 dst_out=1 dst_in=1",
       "sim.unwritten"},
      {uops + "gemm reset dst_out=1" + all, "sim.uop"},
  };
  for (const auto& [code, expected] : cases) {
    const isa::Program p = isa::assemble(code + "\nfinish\n").value();
    for (const Order order : {Order::program, Order::random, Order::timed}) {
      Dram dram = Dram::of(p).value();
      const auto result = run(p, dram, {.order = order, .limits = {.work = INT64_MAX}});
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.error().code(), expected) << code.substr(code.rfind('\n') + 1);
    }
  }
}

TEST(Run, WorkIsLimited) {
  const isa::Program p = program("gemm reset uop_end=1 iter_out=16383 iter_in=16383\nfinish\n");
  Dram dram = Dram::of(p).value();
  for (const Order order : {Order::program, Order::random, Order::timed}) {
    const auto result = run(p, dram, {.order = order, .limits = {.work = 1'000'000}});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), "sim.limit");
    EXPECT_NE(result.error().str().find("--max-work"), std::string::npos);
  }
  const auto cycles =
      run(program(kLoads + kGemm + kStore + kEnd), dram, {.order = Order::timed, .limits = {.cycles = 100}});
  EXPECT_EQ(cycles.error().code(), "sim.limit");
  EXPECT_EQ(Dram::of(p, 100).error().code(), "sim.dram.size");
}

}  // namespace
}  // namespace tc::sim
