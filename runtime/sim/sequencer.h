// Queues, tokens and units without time: which instruction may start, and what
// starting and finishing one does. The policies drive it. Private to runtime/sim.
#pragma once
#include <array>
#include <deque>
#include <vector>

#include "hazards.h"
#include "tc/sim/run.h"

namespace tc::sim {

class Sequencer {
 public:
  /// Everything is referred to. `hazards` may be null.
  Sequencer(const isa::Program& program, Machine& machine, Dram& dram, Hazards* hazards,
            const Limits& limits);

  /// Tokens that a unit without that neighbour should pass: sim.token.neighbour.
  [[nodiscard]] Check check_neighbours() const;

  // Fetch sends instructions in order, one at a time, while the unit's queue has room.
  [[nodiscard]] bool all_fetched() const { return fetched_ == program_.insns.size(); }
  [[nodiscard]] bool can_fetch() const {
    return !all_fetched() && queued_[index(unit_[fetched_])] < queue_depth_;
  }
  void fetch() { ++queued_[index(unit_[fetched_++])]; }

  enum class Wait : uint8_t { nothing, insn, prev, next, push };
  /// What the next instruction of a unit that is not running one waits for.
  [[nodiscard]] Wait waits(isa::Unit unit) const;
  /// What a unit whose instruction is done waits for: push or nothing.
  [[nodiscard]] Wait waits_to_finish(isa::Unit unit) const;
  [[nodiscard]] bool has_more(isa::Unit unit) const {
    return next_[index(unit)] < order_[index(unit)].size();
  }
  /// The number of the next instruction of a unit, or of the one that runs.
  [[nodiscard]] uint32_t current(isa::Unit unit) const {
    return order_[index(unit)][next_[index(unit)] - (running_[index(unit)] ? 1U : 0U)];
  }
  [[nodiscard]] bool running(isa::Unit unit) const { return running_[index(unit)]; }

  /// Takes the tokens of the next instruction, which waits for nothing, and runs it.
  [[nodiscard]] Check start(isa::Unit unit);
  /// Gives its tokens; nothing must be in the way.
  void finish(isa::Unit unit);

  [[nodiscard]] bool all_done() const;
  /// Why nothing can go on.
  [[nodiscard]] Error deadlock() const;
  /// What is wrong when all is done: a finish that did not wait (not before, as what it does not wait for
  /// may be in a deadlock), and tokens that are left: sim.hazard.finish, sim.token.left.
  [[nodiscard]] Check check_left() const;

  [[nodiscard]] Counters& counters() { return counters_; }

 private:
  static size_t index(isa::Unit unit) { return static_cast<size_t>(unit); }
  struct Channel {
    std::deque<Clock> tokens;
    int64_t sent = 0;
  };
  // The channel that a unit sends to or takes from, where it has that neighbour.
  [[nodiscard]] const Channel& to(isa::Unit unit, bool next) const;
  [[nodiscard]] const Channel& from(isa::Unit unit, bool next) const;
  [[nodiscard]] Channel& to(isa::Unit unit, bool next);
  [[nodiscard]] Channel& from(isa::Unit unit, bool next);
  [[nodiscard]] Check spend(const isa::Insn& insn);
  void count(const isa::Insn& insn);
  [[nodiscard]] std::string state(isa::Unit unit, bool* root) const;
  [[nodiscard]] std::string sender(isa::Unit from, isa::Unit taker, bool* root) const;

  const isa::Program& program_;
  Machine& machine_;
  Dram& dram_;
  Hazards* hazards_;
  int64_t work_limit_, work_left_;
  size_t queue_depth_, token_depth_;
  std::vector<isa::Unit> unit_;                           // of each instruction
  std::array<std::vector<uint32_t>, isa::kUnits> order_;  // the instructions of each unit
  std::array<size_t, isa::kUnits> next_{}, queued_{};
  std::array<bool, isa::kUnits> running_{};
  std::array<Clock, isa::kUnits> clock_{};
  std::array<Channel, 4> channels_;  // load->compute, compute->load, compute->store, store->compute
  size_t fetched_ = 0;
  Check finish_too_early_;
  Counters counters_;
};

}  // namespace tc::sim
