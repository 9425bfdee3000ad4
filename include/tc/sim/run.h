// Running a program: units, queues and dependence tokens, in an order that a policy
// chooses. What instructions compute is tc/sim/machine.h. A program that is right
// gives the same result under every policy; one that lacks a token is caught by
// check_order whatever the order, and is likely to differ under a random one.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "tc/isa/program.h"
#include "tc/sim/dram.h"
#include "tc/sim/machine.h"

namespace tc::sim {

/// Which of the instructions that may start goes next.
enum class Order : uint8_t {
  program,  // the first in the program
  random,   // any, by the seed: all orders that the tokens allow can occur
  timed     // as the cycle model says; only this one counts cycles
};

/// What a run may cost; passing a limit is Error sim.limit, not a hang.
struct Limits {
  /// An instruction, 16 bytes of DMA and a micro-op of 256 products or less count 1 each.
  int64_t work = int64_t{1} << 32;
  int64_t cycles = int64_t{1} << 40;
  uint64_t dram_bytes = uint64_t{1} << 30;
};

struct RunOptions {
  Order order = Order::program;
  uint64_t seed = 0;
  /// Report accesses that no token orders (sim.hazard.*) and elements that are read
  /// before anything is written (sim.unwritten).
  bool check_order = true;
  bool timeline = false;  // fill RunResult::timeline; only with Order::timed
  Limits limits = {};
};

/// Cycles of one unit; they add up to all cycles of the run.
struct UnitCycles {
  int64_t busy = 0;       // from the start of an instruction to its end
  int64_t wait_insn = 0;  // for fetch to send an instruction
  int64_t wait_prev = 0;  // for a token of the previous unit
  int64_t wait_next = 0;  // for a token of the next unit
  int64_t wait_push = 0;  // done, but a queue of tokens is full
  int64_t idle = 0;       // behind its last instruction
  friend bool operator==(const UnitCycles&, const UnitCycles&) = default;
};

/// What a run did. Those that mention cycles are 0 unless it was timed.
struct Counters {
  int64_t cycles = 0;
  std::array<UnitCycles, isa::kUnits> unit{};
  int64_t fetch_blocked = 0;  // cycles that fetch waited for room in a queue
  int64_t memory_busy = 0;    // cycles that the memory port transferred
  int64_t gemm_cycles = 0, alu_cycles = 0, compute_dma_cycles = 0;  // of compute's busy cycles

  std::array<int64_t, 5> insns{};                                      // by opcode
  int64_t insn_bytes = 0;                                              // fetched
  int64_t uop_bytes = 0, wgt_bytes = 0, inp_bytes = 0, acc_bytes = 0;  // loaded
  int64_t out_bytes = 0;                                               // stored
  int64_t gemm_uops = 0, reset_uops = 0, alu_uops = 0;  // micro-ops run: reads of the micro-op cache
  int64_t alu_slots = 0;                                // alu_uops times groups of lanes

  /// Cycles in which GEMM or ALU finished (a group of lanes of) a micro-op.
  [[nodiscard]] int64_t occupied() const { return gemm_uops + reset_uops + alu_slots; }
  [[nodiscard]] int64_t data_bytes() const {
    return uop_bytes + wgt_bytes + inp_bytes + acc_bytes + out_bytes;
  }
  friend bool operator==(const Counters&, const Counters&) = default;
};

/// One instruction in time: it waited from `ready` (when its unit was free and it was
/// in the queue) to `start`, and gave its tokens at `end`.
struct Event {
  isa::Unit unit{};
  uint32_t insn = 0;
  int64_t ready = 0, start = 0, end = 0;
  friend bool operator==(const Event&, const Event&) = default;
};

struct RunResult {
  Counters counters;
  std::vector<Event> timeline;  // in the order of the starts
};

/// Runs a program on a fresh chip. Errors: those of isa::validate and
/// Machine::execute with the instruction's number; sim.deadlock names the instruction
/// that waits, the token and who should send it; sim.token.neighbour and
/// sim.token.left over tokens that nobody can take; sim.hazard.sram, sim.hazard.dram and
/// sim.hazard.finish name two instructions that no token orders; sim.unwritten;
/// sim.limit. DRAM may have changed where an error is returned.
[[nodiscard]] Expected<RunResult> run(const isa::Program& program, Dram& dram,
                                      const RunOptions& options = {});

/// The same on a chip that keeps what earlier programs left in its scratchpads; its
/// machine must be that of the program but for time (sim.machine). Elements that
/// earlier programs wrote count as written.
[[nodiscard]] Expected<RunResult> run(Machine& machine, const isa::Program& program, Dram& dram,
                                      const RunOptions& options = {});

}  // namespace tc::sim
