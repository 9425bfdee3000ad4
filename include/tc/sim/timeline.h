// A run over time, for people: the trace viewer of Chrome (chrome://tracing,
// ui.perfetto.dev) and a table.
#pragma once
#include <span>
#include <string>

#include "tc/sim/run.h"

namespace tc::sim {

/// The trace as JSON: a row a unit, one event an instruction with its text and number,
/// and one for what it waited for. A cycle is shown as a microsecond.
[[nodiscard]] std::string chrome_trace(const isa::Program& program, const RunResult& result);

/// Several runs one after the other in one trace, each with its name above it.
struct TracedRun {
  std::string name;
  const isa::Program* program = nullptr;
  const RunResult* result = nullptr;
};
[[nodiscard]] std::string chrome_trace(std::span<const TracedRun> runs);

/// Counters as an aligned table; of a run that was not timed without what is about cycles.
[[nodiscard]] std::string table(const Counters& counters);

}  // namespace tc::sim
