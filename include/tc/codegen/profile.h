// What a function for the accelerator did in one run: cycles, what kept its units waiting,
// and the instructions over time. Tables and traces for people.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tc/codegen/accel.h"
#include "tc/sim/run.h"

namespace tc {

/// A program of a function, made when it was built.
struct DeviceProgram {
  std::string name;  ///< the segment's: NAME_1
  std::shared_ptr<const isa::Program> program;
  accel::CompileStats stats;
};

/// One segment of a run.
struct SegmentProfile {
  bool device = false;
  std::string name;
  double host_ms = 0;                           ///< wall clock; of the host's segments
  std::shared_ptr<const isa::Program> program;  ///< of the device's
  sim::RunResult result;                        ///< of the device's; with times only if the run was timed
};

/// One run. The device runs one program after the other, each from its own cycle 0.
struct Profile {
  std::string machine;
  std::vector<SegmentProfile> segments;

  /// Whether there are cycles: the order was timed, and some program ran.
  [[nodiscard]] bool timed() const { return cycles() > 0; }
  /// The counters of all programs together.
  [[nodiscard]] sim::Counters total() const;
  [[nodiscard]] int64_t cycles() const { return total().cycles; }
  /// Shares of all cycles: those in which GEMM or ALU finished a micro-op, and those in which
  /// GEMM did. 0 where nothing was timed.
  [[nodiscard]] double occupancy() const;
  [[nodiscard]] double gemm_utilisation() const;
  /// A line a segment, then sim::table of the total; without cycles where the run was not timed.
  [[nodiscard]] std::string table() const;
  /// The timeline in letters, a row a unit: what it did for most of a column's cycles. L load,
  /// U load of micro-ops or of ACC, G GEMM, R reset, A ALU, S store, . waiting, blank when done.
  /// Throws codegen.profile where a program ran and was not timed, or for fewer columns than one.
  [[nodiscard]] std::string timeline(int columns = 96) const;
  /// The instructions as a trace for chrome://tracing and ui.perfetto.dev, a cycle as a
  /// microsecond. The host's segments are not in it. Throws codegen.profile as timeline does.
  [[nodiscard]] std::string chrome_trace() const;
  /// The table and the timeline as one piece of HTML with a drawing inside, for notebooks;
  /// no scripts, nothing from elsewhere. Of more than `max_events` instructions the
  /// drawing joins neighbours.
  [[nodiscard]] std::string html(size_t max_events = 2000) const;
};

}  // namespace tc
