// Records a program of the accelerator call by call. Addresses in DRAM are bytes, those
// in scratchpads elements (tiles), as in tc/isa/insn.h. What a call cannot encode is
// refused when it is made. Order between units is the caller's: push and pop.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tc/isa/layout.h"
#include "tc/isa/program.h"
#include "tc/runtime/accel/kernel.h"

namespace tc::accel {

/// A block of rows in DRAM, which becomes consecutive in a scratchpad, with zeros
/// around it. Sizes count elements of the scratchpad.
struct Load2d {
  isa::MemId mem = isa::MemId::inp;  // inp, wgt, acc or acc8
  int64_t sram = 0;
  int64_t dram = 0;  // byte address; a multiple of the element
  int64_t rows = 1, cols = 0, stride = 0;
  int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
};

/// Consecutive elements of OUT, to rows in DRAM.
struct Store2d {
  int64_t sram = 0;
  int64_t dram = 0;
  int64_t rows = 1, cols = 0, stride = 0;
};

/// What recording kernels came to.
struct KernelCounts {
  int64_t used = 0;    // by instructions
  int64_t loaded = 0;  // into UOP: the others were there
  friend bool operator==(const KernelCounts&, const KernelCounts&) = default;
};

/// One stream, used by one thread at a time; streams know nothing of each other. A call
/// that returns an error has recorded nothing. Calls that would do nothing (no rows,
/// no micro-ops) record nothing.
class CommandStream {
 public:
  /// At most `max_insns` instructions are recorded. Error as isa::validate(config).
  [[nodiscard]] static Expected<CommandStream> make(const isa::MachineConfig& config,
                                                    size_t max_insns = size_t{1} << 22);
  CommandStream(CommandStream&&) noexcept;
  CommandStream& operator=(CommandStream&&) noexcept;
  ~CommandStream();

  // All calls: isa.encode.range where a number does not fit its field, and
  // runtime.accel.limit where the stream is full.

  /// Errors runtime.accel.align (the address is no multiple of the element),
  /// isa.encode.mem_id, runtime.accel.mem (UOP, which only kernels fill),
  /// runtime.accel.pad (no columns of data, but padding).
  [[nodiscard]] Check load(const Load2d& block);
  [[nodiscard]] Check store(const Store2d& block);

  /// ACC[dst] += INP[src] x transpose(WGT[wgt]) for each micro-op; with `reset`, = 0.
  /// A kernel of more micro-ops than UOP holds becomes several instructions; where
  /// that would change the order of what depends on it (ALU, operand in ACC, loops)
  /// it is refused: runtime.accel.uops.
  [[nodiscard]] Check gemm(const Kernel& kernel, bool reset = false);
  /// ACC[dst] = op(ACC[dst], ACC[src])
  [[nodiscard]] Check alu(isa::AluOp op, const Kernel& kernel);
  /// ACC[dst] = op(ACC[dst], imm)
  [[nodiscard]] Check alu(isa::AluOp op, const Kernel& kernel, int64_t imm);

  /// Loads the micro-ops of kernels in one transfer, before any is recorded, in the order given and
  /// as many as UOP has room for, so that compute does not wait for memory at each new kernel.
  /// Error runtime.accel.kernel where a kernel was recorded already.
  [[nodiscard]] Check preload(std::span<const Kernel* const> kernels);

  // Dependence tokens between neighbours: load - compute - store. The last
  // instruction of `from` sends one when it is done; the next one of `to` waits for one.
  // An instruction without effect is recorded where none can carry the token. Error
  // runtime.accel.token where the units are no neighbours.
  [[nodiscard]] Check push(isa::Unit from, isa::Unit to);
  [[nodiscard]] Check pop(isa::Unit from, isa::Unit to);

  /// An instruction of a unit that does nothing but take the tokens that were asked for.
  [[nodiscard]] Check pass(isa::Unit unit);

  /// The program so far: the instructions, tokens that make the end wait for all DMA,
  /// and finish; its one segment holds the micro-ops, at `uop_address`. The caller
  /// adds other segments and regions. Errors runtime.accel.token (pops and pushes of two
  /// units are not equally many), runtime.accel.align (of uop_address), and those of isa::validate.
  [[nodiscard]] Expected<isa::Program> finish(int64_t uop_address, int64_t dram_bytes) const;
  /// Bytes of micro-ops that finish places.
  [[nodiscard]] int64_t uop_bytes() const;

  [[nodiscard]] const isa::MachineConfig& config() const;
  [[nodiscard]] std::span<const isa::Insn> insns() const;  // without what finish adds
  [[nodiscard]] const KernelCounts& kernels() const;
  /// Forgets everything that was recorded.
  void clear();

 private:
  struct State;
  explicit CommandStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tc::accel
