// The cycle model: the policy that starts each instruction as soon as its unit is
// free, it has been fetched and its tokens are there, and that says when it is done.
// The formulas stand in docs/isa.md, section "Time". Private to runtime/sim.
#pragma once
#include "memory_port.h"
#include "sequencer.h"

namespace tc::sim {

class Timed {
 public:
  Timed(const isa::Program& program, Sequencer& sequencer, const RunOptions& options);
  [[nodiscard]] Expected<RunResult> run();

 private:
  static constexpr size_t kFetchPort = 0;  // then the units
  struct UnitState {
    int64_t end = 0;         // of the running instruction; MemoryPort::kNever while its DMA is under way
    int64_t not_before = 0;  // its end, as far as the scratchpad is concerned
    int64_t ready = -1;      // since when the next instruction could start but for tokens
    size_t event = 0;
  };

  bool step_port();
  bool step_fetch();
  Expected<bool> step_unit(isa::Unit unit);
  Check start(isa::Unit unit);
  [[nodiscard]] int64_t next_event() const;
  void account(int64_t cycles);

  const isa::Program& program_;
  const isa::MachineConfig& config_;
  Sequencer& sequencer_;
  const RunOptions& options_;
  MemoryPort port_;
  int64_t now_ = 0;
  int64_t requested_ = 0, arrived_ = 0, sent_ = 0, next_send_ = 0;  // instructions of fetch
  std::deque<int64_t> bursts_;                                      // instructions of each burst requested
  std::array<UnitState, isa::kUnits> units_{};
  RunResult result_;
};

}  // namespace tc::sim
