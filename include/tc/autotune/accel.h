// Tuning for an accelerator: the same tuner, spaces and log as for the CPU, with simulated
// cycles as the cost. A record's run_ns holds one sample, the cycles as nanoseconds of a
// machine of 1 GHz; they are the same in every run, so that nothing is measured twice.
#pragma once
#include <memory>

#include "tc/autotune/executor.h"
#include "tc/autotune/record.h"
#include "tc/autotune/space.h"
#include "tc/codegen/accel_schedule.h"
#include "tc/codegen/target.h"
#include "tc/sim/run.h"
#include "tc/te/workload.h"

namespace tc::autotune {

/// The machine as a record has it: kind accel, its name, and each of its sizes as `isa`.
[[nodiscard]] RecordTarget record_target(const isa::MachineConfig& config);

/// A plan for each device result, drawn so that all fit the scratchpads: the tiles of the
/// result, the part of the contraction that is loaded at a time, the order of loops, what is kept, and the
/// axis of the virtual threads. Errors autotune.choices.*, and codegen.accel.capacity where
/// a result fits in no tiles.
[[nodiscard]] Expected<std::vector<accel::DevicePlan>> draw_plans(const accel::Legalized& legalized,
                                                                  const isa::MachineConfig& config,
                                                                  Choices& choices);

/// The space of a computation on a machine. Features describe the transfers and products of the
/// lowered form. Error codegen.accel.nothing where the device computes none of it.
[[nodiscard]] Expected<SpaceFn> make_accel_space(const WorkloadGraph& graph,
                                                 const isa::MachineConfig& config);

/// What simulating a computation with some plans came to.
struct AccelTrial {
  sim::Counters counters;  ///< all device programs together; of the one program, if there is one
  std::string steps;
  int64_t elements = 0;  ///< of the results, compared with te evaluation
};

/// A workload made ready for trials: legalised, inputs packed, expectations computed. Trials may
/// run in several threads.
class AccelBench {
 public:
  /// Errors: codegen.accel.nothing, and those of legalize. `seed` draws inputs and elements.
  [[nodiscard]] static Expected<std::shared_ptr<const AccelBench>> make(const WorkloadGraph& graph,
                                                                        const isa::MachineConfig& config,
                                                                        uint64_t seed = 0);
  ~AccelBench();
  [[nodiscard]] const accel::Legalized& legalized() const;
  /// Compiles, runs in the cycle model, and compares elements drawn from each result with te
  /// evaluation. Errors: codegen.accel.*, sim.*, and autotune.accel.wrong where an element differs.
  [[nodiscard]] Expected<AccelTrial> run(const std::vector<accel::DevicePlan>& plans) const;

 private:
  struct State;
  explicit AccelBench(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Runs jobs in threads of this process: a simulated program cannot harm it, and its work is
/// bounded by the simulator's limits.
[[nodiscard]] std::unique_ptr<Executor> make_accel_executor(const isa::MachineConfig& config, size_t workers);

}  // namespace tc::autotune
