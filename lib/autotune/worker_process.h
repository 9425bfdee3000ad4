// One worker process seen from the tuner: start, talk, watch, kill. It knows
// nothing of jobs. Not copied; used by one thread.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "tc/autotune/local_executor.h"

namespace tc::autotune {

class WorkerProcess {
 public:
  /// How a process ended.
  struct Exit {
    int code = 0, signal = 0;
    int64_t peak_bytes = 0;  ///< 0 where not known
    std::string errors;      ///< the last 4 KiB that it wrote to stderr
    /// "was killed by SIGSEGV", "exited with code 3"
    [[nodiscard]] std::string str() const;
    /// Whether memory ran out, as far as the remains can tell.
    [[nodiscard]] bool out_of_memory(int64_t memory_limit) const;
  };

  /// Starts one. Error autotune.worker.start.
  [[nodiscard]] static Expected<std::unique_ptr<WorkerProcess>> spawn(const LocalOptions& options);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// To poll; -1 once the other side has closed it.
  [[nodiscard]] int channel() const { return channel_closed_ ? -1 : channel_; }
  [[nodiscard]] int errors() const { return errors_closed_ ? -1 : errors_; }
  [[nodiscard]] bool wants_to_write() const { return !outgoing_.empty(); }

  /// The memory peak that the worker reports when it starts. Linux counts into
  /// it what the tuner used when it spawned the worker: it proves nothing.
  void set_first_peak(int64_t bytes) { first_peak_ = bytes; }

  void send(const Json& message);
  /// Moves what bytes can be moved without waiting, both ways and stderr.
  void pump();
  [[nodiscard]] std::optional<Expected<Json>> next_message();
  /// Whether the process has ended; it stays a zombie, so that its group's
  /// number stays taken, until end().
  [[nodiscard]] bool ended() const;
  /// Kills the whole group, reaps the leader, says how it had ended.
  Exit end();

 private:
  WorkerProcess() = default;
  pid_t pid_ = -1;
  int channel_ = -1, errors_ = -1;
  int64_t first_peak_ = 0;
  bool channel_closed_ = false, errors_closed_ = false;
  std::string incoming_, outgoing_, error_tail_;
};

}  // namespace tc::autotune
