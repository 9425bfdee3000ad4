// What one instruction does to the state of the chip and to DRAM. Nothing else
// writes scratchpads, so no two simulators can disagree about values; when
// instructions run is the business of tc/sim/run.h.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tc/isa/layout.h"
#include "tc/sim/dram.h"

namespace tc::sim {

/// Micro-ops that an instruction runs: iterations times micro-ops, 0 for DMA.
[[nodiscard]] int64_t micro_ops(const isa::Insn& insn);

class Machine {
 public:
  /// A chip whose scratchpads hold zeros. Error as isa::validate(config).
  [[nodiscard]] static Expected<Machine> make(const isa::MachineConfig& config);

  [[nodiscard]] const isa::MachineConfig& config() const { return config_; }
  [[nodiscard]] const isa::Layout& layout() const { return layout_; }

  /// Runs one instruction, tokens aside. Everything is checked before anything is
  /// written: sim.sram (a scratchpad is left), sim.dram (memory is left), sim.uop (a
  /// micro-op reaches outside a scratchpad), each with the instruction and the number.
  /// An instruction that Layout::check refuses is refused here too.
  [[nodiscard]] Check execute(const isa::Insn& insn, Dram& dram);
  /// The errors of execute, found without running iterations: nothing changes.
  [[nodiscard]] Check check(const isa::Insn& insn, const Dram& dram) const;

  // The scratchpads. INP and WGT as stored in DRAM, little-endian; a tile of ACC is
  // batch x block_out numbers, sign-extended from acc_bits.
  [[nodiscard]] std::span<const uint8_t> inp() const { return inp_; }
  [[nodiscard]] std::span<const uint8_t> wgt() const { return wgt_; }
  [[nodiscard]] std::span<const int32_t> acc() const { return acc_; }
  [[nodiscard]] std::span<const uint32_t> uop() const { return uop_; }

  /// Equal contents; the configuration is compared as well.
  friend bool operator==(const Machine& a, const Machine& b) {
    return a.config_ == b.config_ && a.inp_ == b.inp_ && a.wgt_ == b.wgt_ && a.acc_ == b.acc_ &&
           a.uop_ == b.uop_;
  }

 private:
  friend class Sequencer;  // looks at what an instruction would touch between check and perform
  Machine(const isa::MachineConfig& config, isa::Layout layout);
  /// Runs what check has passed.
  void perform(const isa::Insn& insn, Dram& dram);
  void run(const isa::Load& load, const Dram& dram);
  void run(const isa::Store& store, Dram& dram) const;
  void run(const isa::Gemm& gemm);
  void run(const isa::Alu& alu);
  void run(const isa::Finish&) {}
  void multiply(const isa::Gemm& gemm);

  isa::MachineConfig config_;
  isa::Layout layout_;
  std::vector<uint8_t> inp_, wgt_;
  std::vector<int32_t> acc_;
  std::vector<uint32_t> uop_;
};

}  // namespace tc::sim
