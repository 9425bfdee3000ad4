// The worker's side of LocalExecutor: what the main function of a worker
// executable calls. It talks JSON over descriptor 3 and never prints.
#pragma once
#include "tc/autotune/json.h"

namespace tc::autotune {

/// Builds, checks and times one candidate; the compiler implements it.
class Measurer {
 public:
  virtual ~Measurer() = default;
  /// Compiles the job. Returns members for the reply, e.g. {"steps": ...}. A
  /// thrown Error makes the trial `invalid` if it is the schedule's or the
  /// workload's, else `build_error`. Several workers build at once.
  virtual Json build(const Json& job) = 0;
  /// Checks the output of what was built last, then times it; nothing else is
  /// timed meanwhile. Returns {"run_ns": [...], "check": {"oracle", "elements",
  /// "max_err", "passed"}}, or {"status": "wrong_result", "message": ...}.
  virtual Json run(const Json& job) = 0;
};

/// Call first in main. Ties the worker's life to the tuner's (with its whole
/// process group), applies the limits that the tuner sends, sends stdout to
/// /dev/null. Exits with 2 and a message where no tuner is there.
void worker_main_setup();

/// Takes jobs until the tuner goes away; returns main's exit code.
[[nodiscard]] int worker_serve(Measurer& measurer);

}  // namespace tc::autotune
