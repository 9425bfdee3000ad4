// Expendable worker processes on this machine: a candidate may crash, hang, eat
// memory or flood its output, and costs one trial. Workers are executables
// started with posix_spawn (a bare fork would break the cost model's OpenMP),
// each leader of a process group that is killed as a whole. A candidate that
// leaves its group with setsid on purpose is not contained: this is a fence
// against bad code, not against an attacker.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tc/autotune/executor.h"

namespace tc::autotune {

struct LocalOptions {
  std::string worker;             ///< the executable, whose main calls worker_main_setup and worker_serve
  std::vector<std::string> args;  ///< after the name
  size_t workers = 1;
  int64_t memory_bytes = int64_t{4} << 30;  ///< address space of a worker, 0 for no limit
  double start_s = 30;                      ///< for a worker to report that it is ready
  size_t jobs_per_worker = 500;             ///< then it is replaced, so that leaks end
  /// Nothing builds while a candidate is timed. Off: more trials a second, noisier times.
  bool quiet = true;
};

/// The pool. Its own thread watches the workers, so time limits hold whatever
/// the caller does; destroying it kills every process that it started.
class LocalExecutor final : public Executor {
 public:
  /// Error autotune.worker.missing where `worker` cannot be executed.
  [[nodiscard]] static Expected<std::unique_ptr<LocalExecutor>> create(LocalOptions options);
  ~LocalExecutor() override;

  uint64_t submit(Json job, const JobLimits& limits) override;
  std::vector<JobResult> wait(std::chrono::milliseconds timeout) override;
  void cancel_all() override;
  [[nodiscard]] size_t workers() const override;
  /// Error autotune.worker.start after three workers in a row that did not start.
  [[nodiscard]] Check failure() const override;
  /// The process ids of the workers alive now, for diagnosis.
  [[nodiscard]] std::vector<int> pids() const;

 private:
  class Pool;
  explicit LocalExecutor(std::unique_ptr<Pool> pool);
  std::unique_ptr<Pool> pool_;
};

}  // namespace tc::autotune
