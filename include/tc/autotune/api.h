// Tuning and building by workload: what the command, the Python package and the
// demo call.
#pragma once
#include "tc/autotune/spaces.h"
#include "tc/autotune/tuner.h"
#include "tc/codegen/build.h"

namespace tc {

using autotune::Log;

struct TuneSettings {
  codegen::Target target = codegen::Target::host();
  int threads = 1;
  std::string worker;  ///< executable of the workers, and its arguments
  std::vector<std::string> worker_args;
  size_t workers = 1;
  autotune::TuneOptions options;  ///< trials, seed, log, callbacks
};

/// Tunes a workload: for a CPU with worker processes on this machine, for an accelerator by
/// simulated cycles in `workers` threads (see accel.h). A workload with several buckets is tuned
/// bucket after bucket, each with all the trials and under its own text in the log. Errors:
/// autotune.*, log.*; for an accelerator codegen.accel.nothing where it computes no part of the
/// workload, te.shape.symbolic where the workload has sizes.
[[nodiscard]] Expected<autotune::TuneResult> tune(const Workload& workload, const TuneSettings& settings);

/// Builds a workload with the best schedule that `log` has for it, else the nearest
/// workload's, else the default; Function::explain() says which and why. The
/// recorded decisions are replayed; where they no longer fit, the next best source
/// is taken and named. Of a workload with several buckets that is done for each: the function has a
/// variant a bucket, chosen by the sizes of the call (those above the greatest value run the last
/// bucket's), and explains every one in a line. Error te.shape.symbolic for an accelerator.
[[nodiscard]] Expected<Function> build(const Workload& workload, const autotune::Log& log, int threads,
                                       BuildOptions options = {});

}  // namespace tc
