// Instructions with their dependence tokens, as they are recorded. Private to
// runtime/accel.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "tc/isa/insn.h"
#include "tc/support/error.h"

namespace tc::accel {

/// Tokens are first in, first out, and a unit runs its instructions in order. So a push
/// may hang on the newest instruction of its unit, if that has none and no pop was
/// asked for since, and a pop on the next; else an instruction without effect carries it.
class Recording {
 public:
  /// Appends an instruction. With `takes_pops` it waits for what pops asked for; a
  /// load of micro-ops need not.
  void append(isa::Insn insn, bool takes_pops = true);
  [[nodiscard]] Check push(isa::Unit from, isa::Unit to);
  [[nodiscard]] Check pop(isa::Unit from, isa::Unit to);
  /// An instruction without effect, which waits for what pops asked for.
  void pass(isa::Unit unit) { append_nop(unit); }
  /// Gives all pops an instruction, lets compute wait for all DMA, and ends the
  /// program. Error runtime.accel.token where pushes and pops do not match.
  [[nodiscard]] Check finish();

  [[nodiscard]] const std::vector<isa::Insn>& insns() const { return insns_; }
  [[nodiscard]] std::vector<isa::Insn>& insns() { return insns_; }

 private:
  struct Queue {
    bool pop_prev = false, pop_next = false;  // asked for, for the next instruction
    std::optional<size_t> newest;
    bool silent_dma = false;  // DMA after which compute was sent no token
  };
  static size_t index(isa::Unit unit) { return static_cast<size_t>(unit); }
  Queue& queue(isa::Unit unit) { return queues_[index(unit)]; }
  void append_nop(isa::Unit unit);

  std::vector<isa::Insn> insns_;
  std::array<Queue, isa::kUnits> queues_;
  std::array<std::array<int64_t, isa::kUnits>, isa::kUnits> pushed_{}, popped_{};  // [from][to]
};

}  // namespace tc::accel
