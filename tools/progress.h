// The progress of tuning on stderr: one line, rewritten in place on a terminal,
// and a plain line every few seconds elsewhere.
#pragma once
#include <chrono>
#include <map>
#include <string>

#include "tc/autotune/tuner.h"
#include "tc/te/workload.h"

namespace tc::cli {

class ProgressLine {
 public:
  /// `interval_s` is between plain lines.
  ProgressLine(const Workload& workload, double interval_s, bool accel);
  /// Takes a trial in, and prints if it is time to.
  void update(const autotune::Progress& progress);
  /// Prints if it is time to; to be called often.
  void tick();
  /// Takes the line off a terminal.
  void clear();

  /// "37/64  best 812 us 2640 GFLOP/s  21.3 trials/s  33 ok 3 crash".
  [[nodiscard]] std::string text() const;

 private:
  using Clock = std::chrono::steady_clock;
  void show();
  std::string name_;
  double flops_;
  bool accel_;
  double interval_s_;
  int width_;
  Clock::time_point begin_ = Clock::now(), shown_ = begin_;
  autotune::Progress last_;
  std::map<autotune::Status, int64_t> statuses_;
};

/// "33 ok, 3 crash".
[[nodiscard]] std::string histogram(const std::map<autotune::Status, int64_t>& statuses);

/// While one exists, SIGINT, SIGTERM and SIGHUP set a flag instead of ending the process;
/// a second signal ends it at once.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  [[nodiscard]] static bool stopped();
};

}  // namespace tc::cli
