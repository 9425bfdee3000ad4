// Where trials run. The tuner hands jobs to an Executor and takes results; it
// does not know about processes. One executor runs workers on this machine;
// one for several machines can be put behind the same five functions.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tc/autotune/json.h"
#include "tc/autotune/record.h"

namespace tc::autotune {

/// Wall-clock limits of one job. Each clock starts when the worker takes up
/// that phase, so a job that waits in a queue loses nothing.
struct JobLimits {
  double build_s = 10;
  double run_s = 10;
};

/// How a job ended. `reply` is the worker's own answer, an empty object where
/// the worker did not live to give one.
struct JobResult {
  uint64_t id = 0;
  Status status = Status::unknown;
  std::string message;
  Json reply = Json::object();
  double build_s = 0;
};

/// Runs jobs, each {workload, target, decisions, seed, ...}: built in parallel,
/// then checked and timed one at a time. Every job submitted gives exactly one
/// result, whatever happens to it.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Queues a job; never waits.
  virtual uint64_t submit(Json job, const JobLimits& limits) = 0;
  /// The results that have arrived, waiting up to `timeout` for the first.
  virtual std::vector<JobResult> wait(std::chrono::milliseconds timeout) = 0;
  /// Stops everything that is queued or running; their results are `cancelled`.
  virtual void cancel_all() = 0;
  /// How many jobs can be built at once.
  [[nodiscard]] virtual size_t workers() const = 0;
  /// Why no job can run any more, if so: every further job is `cancelled`.
  [[nodiscard]] virtual Check failure() const = 0;
};

}  // namespace tc::autotune
