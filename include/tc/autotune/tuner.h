// The tuning loop: search proposes, workers build, check and time, the log
// keeps, the model learns. It resumes from its log, stops when asked within a
// tenth of a second, and prints nothing.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tc/autotune/cost_model.h"
#include "tc/autotune/executor.h"
#include "tc/autotune/log.h"
#include "tc/autotune/search.h"

namespace tc::autotune {

/// What is tuned.
struct Task {
  WorkloadKey workload;
  RecordTarget target;
  SpaceFn space;
};

/// Where a session stands; given to the progress callback after every trial.
struct Progress {
  int64_t done = 0, trials = 0;  ///< done includes those that the log had
  int64_t measured = 0;          ///< in this session
  double best_ns = 0;            ///< infinity before the first ok
  double elapsed_s = 0;
  bool finals = false;  ///< finalists are being measured again
  const Record* last = nullptr;
};

struct TuneOptions {
  int64_t trials = 64;  ///< in all, those found in the log included
  uint64_t seed = 0;
  std::string search = "evolutionary";
  size_t batch = 16;         ///< asked at a time; the model learns between batches
  double time_budget_s = 0;  ///< 0: none
  int64_t early_stop = 0;    ///< trials without a gain before stopping; 0: never
  size_t finalists = 4;      ///< best points measured again, interleaved; below 2: none
  size_t final_rounds = 3;
  JobLimits limits;
  std::string log_path;  ///< "": keep no log
  BuildStamp build;
  int model_threads = 1;
  std::vector<Sample> warm_start;  ///< trials of other workloads, groups not 0
  /// Asked at least every 100 ms; true ends the session with the log intact.
  std::function<bool()> should_stop;
  std::function<void(const Progress&)> on_progress;
};

/// Why a session ended.
enum class TuneEnd { trials, exhausted, time, early_stop, interrupted };
[[nodiscard]] std::string_view to_string(TuneEnd end);

struct TuneResult {
  TuneEnd end = TuneEnd::trials;
  std::optional<Record> best;          ///< nothing where no trial is ok
  int64_t resumed = 0;                 ///< trials that the log already had
  int64_t measured = 0;                ///< trials of this session
  size_t invalid = 0;                  ///< points that the schedule function refused; they are no trials
  std::map<Status, int64_t> statuses;  ///< over resumed and measured trials
  std::map<Status, std::string> first_message;  ///< per status, and of the refused points (invalid)
  std::vector<std::string> warnings;
  double elapsed_s = 0;
  /// Of a workload with several buckets: the result of each, as far as it went. Then `best` is none,
  /// counts and times are sums, and `end` is the last one's.
  std::vector<TuneResult> buckets;
};

/// Tunes one task. An Error only where tuning cannot go on: the log cannot be
/// written, no worker starts, a wrong option. Failing candidates are results.
[[nodiscard]] Expected<TuneResult> tune(const Task& task, Executor& executor,
                                        const TuneOptions& options = {});

/// The job that a worker gets: {workload, target, decisions, seed, limits}.
[[nodiscard]] Json make_job(const Task& task, const Point& point, uint64_t seed, const JobLimits& limits);
/// A trial's record from what the executor returned. This is where a result
/// earns its `ok`: without a passed check it becomes wrong_result, without
/// believable samples bad_reply, whatever the worker claimed.
[[nodiscard]] Record make_record(const Task& task, const Point& point, const JobResult& result);

}  // namespace tc::autotune
