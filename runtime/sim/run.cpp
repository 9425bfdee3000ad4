#include "tc/sim/run.h"

#include <fmt/format.h>

#include <optional>

#include "sequencer.h"
#include "tc/support/rng.h"
#include "timed.h"

namespace tc::sim {

using isa::Unit;
using Wait = Sequencer::Wait;

namespace {

constexpr Unit kAll[] = {Unit::load, Unit::compute, Unit::store};

// The first instruction of the program that may start, again and again.
Check in_program_order(Sequencer& s) {
  while (!s.all_done()) {
    while (s.can_fetch()) s.fetch();
    std::optional<Unit> first;
    bool progress = false;
    for (const Unit unit : kAll) {
      if (s.running(unit)) {
        if (s.waits_to_finish(unit) != Wait::nothing) continue;
        s.finish(unit);
        progress = true;
      }
      if (s.waits(unit) == Wait::nothing && (!first || s.current(unit) < s.current(*first))) first = unit;
    }
    if (!first && !progress) return s.deadlock();
    if (first)
      if (Check error = s.start(*first)) return error;
  }
  return std::nullopt;
}

// Fetch and the units take steps at random. The weights change now and then, so that
// also orders far from the program's occur, where one unit runs far ahead.
Check in_random_order(Sequencer& s, uint64_t seed) {
  Rng rng(seed);
  std::array<uint64_t, isa::kUnits + 1> weight{};
  std::array<bool, isa::kUnits + 1> possible{};
  for (uint64_t step = 0; !s.all_done(); ++step) {
    if (step % 16 == 0)
      for (uint64_t& w : weight) w = uint64_t{1} << (3 * rng.below(4));
    uint64_t total = 0;
    for (size_t i = 0; i < possible.size(); ++i) {
      if (i == isa::kUnits) {
        possible[i] = s.can_fetch();
      } else {
        const auto unit = static_cast<Unit>(i);
        possible[i] = (s.running(unit) ? s.waits_to_finish(unit) : s.waits(unit)) == Wait::nothing;
      }
      if (possible[i]) total += weight[i];
    }
    if (total == 0) return s.deadlock();
    uint64_t draw = rng.below(total);
    size_t chosen = 0;
    while (!possible[chosen] || draw >= weight[chosen]) {
      if (possible[chosen]) draw -= weight[chosen];
      ++chosen;
    }
    if (chosen == isa::kUnits) {
      s.fetch();
    } else if (s.running(static_cast<Unit>(chosen))) {
      s.finish(static_cast<Unit>(chosen));
    } else if (Check error = s.start(static_cast<Unit>(chosen))) {
      return error;
    }
  }
  return std::nullopt;
}

Expected<RunResult> run_on(Machine& machine, bool fresh, const isa::Program& program, Dram& dram,
                           const RunOptions& options) {
  std::optional<Hazards> hazards;
  if (options.check_order) {
    Expected<Hazards> made = Hazards::make(program, dram.size(), fresh);
    if (!made) return made.error();
    hazards = std::move(made).value();
  }
  Sequencer sequencer(program, machine, dram, hazards ? &*hazards : nullptr, options.limits);
  if (Check error = sequencer.check_neighbours()) return *error;
  RunResult result;
  if (options.order == Order::timed) {
    Expected<RunResult> timed = Timed(program, sequencer, options).run();
    if (!timed) return timed.error();
    result = std::move(timed).value();
  } else {
    Check error = options.order == Order::program ? in_program_order(sequencer)
                                                  : in_random_order(sequencer, options.seed);
    if (error) return *error;
    result.counters = sequencer.counters();
  }
  if (Check error = sequencer.check_left()) return *error;
  return result;
}

}  // namespace

Expected<RunResult> run(const isa::Program& program, Dram& dram, const RunOptions& options) {
  if (Check error = isa::validate(program)) return *error;
  Expected<Machine> machine = Machine::make(program.config);
  if (!machine) return machine.error();
  return run_on(machine.value(), true, program, dram, options);
}

Expected<RunResult> run(Machine& machine, const isa::Program& program, Dram& dram,
                        const RunOptions& options) {
  if (Check error = isa::validate(program)) return *error;
  if (!isa::same_encoding(machine.config(), program.config))
    return Error("sim.machine", "the program is made for a machine of other sizes")
        .fact("program", isa::name_beside(program.config, machine.config()))
        .fact("machine", isa::name_beside(machine.config(), program.config))
        .fact("differ in", isa::encoding_differences(program.config, machine.config()))
        .fix("make the program for this machine, or run it on its own");
  return run_on(machine, false, program, dram, options);
}

}  // namespace tc::sim
