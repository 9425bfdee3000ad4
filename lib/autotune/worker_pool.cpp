// LocalExecutor: one thread, one poll loop. A slot is a place for a worker;
// its phase says what the worker in it is doing:
//   empty -> starting -> idle -> sent -> building -> built -> granted -> running -> idle
// and every way out of a phase leads back to idle or, through a kill, to empty.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "tc/autotune/local_executor.h"
#include "worker_process.h"

namespace tc::autotune {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kTickMs = 50;  // how late an exit is noticed when a grandchild keeps the channel open
constexpr int kMaxStartFailures = 3;

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

class LocalExecutor::Pool {
 public:
  explicit Pool(LocalOptions options)
      : options_(std::move(options)),
        slots_(std::max<size_t>(options_.workers, 1)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    thread_ = std::thread([this] { loop(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake();
    thread_.join();
    ::close(wake_);
  }

  uint64_t submit(Json job, const JobLimits& limits) {
    uint64_t id;
    {
      const std::lock_guard lock(mutex_);
      id = ++last_id_;
      queue_.push_back({id, std::move(job), limits});
    }
    wake();
    return id;
  }
  std::vector<JobResult> wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, timeout, [&] { return !results_.empty(); });
    return std::exchange(results_, {});
  }
  void cancel_all() {
    {
      const std::lock_guard lock(mutex_);
      cancel_ = true;
    }
    wake();
  }
  [[nodiscard]] size_t workers() const { return slots_.size(); }
  [[nodiscard]] Check failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  [[nodiscard]] std::vector<int> pids() const {
    const std::lock_guard lock(mutex_);
    return pids_;
  }

 private:
  enum class Phase { empty, starting, idle, sent, building, built, granted, running };
  struct Job {
    uint64_t id = 0;
    Json job;
    JobLimits limits;
  };
  struct Slot {
    Phase phase = Phase::empty;
    std::unique_ptr<WorkerProcess> worker;
    Job job;
    Clock::time_point deadline = Clock::time_point::max();
    uint64_t built_order = 0;
    size_t jobs_done = 0;
    [[nodiscard]] bool busy() const { return phase >= Phase::sent; }
  };

  void wake() const {
    const uint64_t one = 1;
    // A full counter means that the loop is awake already.
    if (::write(wake_, &one, sizeof one) < 0) return;
  }

  void loop() {
    // The process's signals are for its other threads: a Ctrl-C here would be lost.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (take_commands()) {
      for (Slot& s : slots_) fill(s);
      dispatch();
      grant();
      sleep_until_something();
      for (Slot& s : slots_) watch(s);
    }
    slots_.clear();  // kills and reaps every worker
  }

  /// Obeys stop and cancel; false to stop.
  bool take_commands() {
    bool cancel;
    {
      const std::lock_guard lock(mutex_);
      pids_.clear();
      for (const Slot& s : slots_)
        if (s.worker) pids_.push_back(s.worker->pid());
      if (stop_) return false;
      cancel = std::exchange(cancel_, false);
    }
    if (!cancel) return true;
    // Kill all before reaping any: the user is waiting.
    for (const Slot& s : slots_)
      if (s.busy()) ::kill(-s.worker->pid(), SIGKILL);
    for (Slot& s : slots_)
      if (s.busy()) {
        s.worker.reset();
        finish(s, Status::cancelled, "stopped before it had a result");
      }
    cancel_queue("stopped before it was started");
    return true;
  }

  void cancel_queue(const std::string& why) {
    const std::lock_guard lock(mutex_);
    for (const Job& job : queue_) results_.push_back({job.id, Status::cancelled, why, Json::object(), 0});
    queue_.clear();
    arrived_.notify_all();
  }

  /// Starts a worker in an empty slot.
  void fill(Slot& s) {
    if (s.phase != Phase::empty) return;
    if (failure()) return cancel_queue(failure()->message());
    Expected<std::unique_ptr<WorkerProcess>> worker = WorkerProcess::spawn(options_);
    if (!worker) return start_failed(worker.error());
    s.worker = std::move(worker.value());
    s.phase = Phase::starting;
    s.jobs_done = 0;
    s.deadline = after(options_.start_s);
  }

  void start_failed(const Error& error) {
    if (++start_failures_ < kMaxStartFailures) return;
    {
      const std::lock_guard lock(mutex_);
      failure_ = error;
    }
    cancel_queue(error.message());
  }

  /// Whether a candidate is being timed, or waits for that.
  [[nodiscard]] bool any(Phase from, Phase to) const {
    return std::any_of(slots_.begin(), slots_.end(),
                       [&](const Slot& s) { return s.phase >= from && s.phase <= to; });
  }

  void dispatch() {
    // Quiet: what is built is timed before more is built, so that builds come in waves.
    if (options_.quiet && any(Phase::built, Phase::running)) return;
    for (Slot& s : slots_) {
      if (s.phase != Phase::idle) continue;
      {
        const std::lock_guard lock(mutex_);
        if (queue_.empty()) return;
        s.job = std::move(queue_.front());
        queue_.pop_front();
      }
      const double cpu_s = 2.0 * (s.job.limits.build_s + s.job.limits.run_s) *
                           std::max(1u, std::thread::hardware_concurrency());
      s.phase = Phase::sent;
      s.deadline = after(options_.start_s);
      s.worker->send({{"op", "job"}, {"id", s.job.id}, {"cpu_s", cpu_s}, {"job", s.job.job}});
    }
  }

  /// Gives the one token to the worker that has waited longest.
  void grant() {
    if (any(Phase::granted, Phase::running)) return;
    if (options_.quiet && any(Phase::sent, Phase::building)) return;
    Slot* next = nullptr;
    for (Slot& s : slots_)
      if (s.phase == Phase::built && (!next || s.built_order < next->built_order)) next = &s;
    if (!next) return;
    next->phase = Phase::granted;
    next->deadline = after(options_.start_s);
    next->worker->send({{"op", "run"}, {"id", next->job.id}});
  }

  void sleep_until_something() {
    std::vector<pollfd> fds = {{wake_, POLLIN, 0}};
    auto until = after(kTickMs / 1000.0);
    for (const Slot& s : slots_) {
      if (!s.worker) continue;
      const auto out = static_cast<short>(s.worker->wants_to_write() ? POLLOUT : 0);
      fds.push_back({s.worker->channel(), static_cast<short>(POLLIN | out), 0});
      fds.push_back({s.worker->errors(), POLLIN, 0});
      until = std::min(until, s.deadline);
      // A dying process closes its channel a moment before it can be reaped.
      if (s.worker->channel() < 0) until = std::min(until, after(0.001));
    }
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(ms, 0, kTickMs)));
    uint64_t count;
    if (::read(wake_, &count, sizeof count) < 0) return;
  }

  /// Messages first, then the exit, then the clock: an answer that arrived in
  /// time counts, however late it is read.
  void watch(Slot& s) {
    if (!s.worker) return;
    const bool ended = s.worker->ended();  // before pump: what it wrote before its end is then all there
    s.worker->pump();
    while (s.worker) {
      auto message = s.worker->next_message();
      if (!message) break;
      if (!*message) return replace(s, Status::bad_reply, message->error().message());
      take(s, message->value());
    }
    if (!s.worker) return;
    if (ended) return bury(s);
    if (Clock::now() >= s.deadline) time_out(s);
  }

  void take(Slot& s, const Json& m) {
    const auto field = [&](const char* key) {
      return m.contains(key) && m[key].is_string() ? m[key].get<std::string>() : std::string();
    };
    const std::string phase = field("phase");
    const bool mine = m.contains("id") && m["id"].is_number_integer() && m["id"] == s.job.id;
    if (s.phase == Phase::starting && phase == "ready") {
      if (m.contains("peak") && m["peak"].is_number_integer()) s.worker->set_first_peak(m["peak"]);
      return become(s, Phase::idle, Clock::time_point::max());
    }
    if (mine && s.phase == Phase::sent && phase == "taken") {
      start_failures_ = 0;
      return become(s, Phase::building, after(s.job.limits.build_s));
    }
    if (mine && s.phase == Phase::building && phase == "built") {
      s.built_order = ++last_built_;
      return become(s, Phase::built, Clock::time_point::max());
    }
    if (mine && s.phase == Phase::granted && phase == "running")
      return become(s, Phase::running, after(s.job.limits.run_s));
    if (mine && (s.phase == Phase::building || s.phase == Phase::running) && phase == "done") {
      const Status status = status_from(field("status"));
      // A worker that gives no status that it may give is not trusted further;
      // nor is an ok that skipped the token.
      const bool odd = status == Status::unknown || status == Status::cancelled ||
                       (status == Status::ok && s.phase != Phase::running);
      if (odd) return replace(s, Status::bad_reply, "the worker's reply has no valid status");
      const bool spent = ++s.jobs_done >= options_.jobs_per_worker || status == Status::out_of_memory;
      if (spent) s.worker.reset();
      return finish(s, status, field("message"), m);
    }
    replace(s, Status::bad_reply,
            fmt::format("the worker sent an unexpected message (phase \"{}\")", phase.substr(0, 40)));
  }

  static void become(Slot& s, Phase phase, Clock::time_point deadline) {
    s.phase = phase;
    s.deadline = deadline;
  }

  /// Ends the slot's job with a result; the worker stays if it is still there.
  void finish(Slot& s, Status status, std::string message, Json reply = Json::object()) {
    const double build_s =
        reply.contains("build_s") && reply["build_s"].is_number() ? reply["build_s"].get<double>() : 0;
    {
      const std::lock_guard lock(mutex_);
      results_.push_back({s.job.id, status, std::move(message), std::move(reply), build_s});
      arrived_.notify_all();
    }
    s.job = {};
    become(s, s.worker ? Phase::idle : Phase::empty, Clock::time_point::max());
  }

  /// Kills the worker and ends its job, if it had one.
  void replace(Slot& s, Status status, std::string message) {
    const bool busy = s.busy();
    s.worker.reset();
    if (busy) return finish(s, status, std::move(message));
    if (s.phase == Phase::starting || s.phase == Phase::idle)
      start_failed(Error("autotune.worker.start", fmt::format("the worker {} did not start", options_.worker))
                       .fact("reason", message)
                       .fix("name the tc-worker that came with this tc; tensorc doctor tries it"));
    become(s, Phase::empty, Clock::time_point::max());
  }

  /// The worker ended by itself.
  void bury(Slot& s) {
    const WorkerProcess::Exit exit = s.worker->end();
    const char* during = s.phase >= Phase::built ? "while running" : "while building";
    Status status = Status::crash;
    if (exit.out_of_memory(options_.memory_bytes)) status = Status::out_of_memory;
    if (exit.signal == SIGXCPU)
      status = s.phase >= Phase::built ? Status::run_timeout : Status::build_timeout;
    replace(s, status, fmt::format("the worker {} {}", exit.str(), during));
  }

  void time_out(Slot& s) {
    switch (s.phase) {
      case Phase::building:
        return replace(s, Status::build_timeout,
                       fmt::format("building took longer than {} s", s.job.limits.build_s));
      case Phase::running:
        return replace(s, Status::run_timeout,
                       fmt::format("checking and timing took longer than {} s", s.job.limits.run_s));
      default:
        return replace(s, Status::bad_reply,
                       fmt::format("the worker did not answer within {} s", options_.start_s));
    }
  }

  const LocalOptions options_;
  // The loop's own:
  std::vector<Slot> slots_;
  uint64_t last_built_ = 0;
  int start_failures_ = 0;
  // Shared, under mutex_:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Job> queue_;
  std::vector<JobResult> results_;
  std::vector<int> pids_;
  Check failure_;
  uint64_t last_id_ = 0;
  bool stop_ = false, cancel_ = false;
  int wake_;
  std::thread thread_;
};

Expected<std::unique_ptr<LocalExecutor>> LocalExecutor::create(LocalOptions options) {
  if (::access(options.worker.c_str(), X_OK) != 0)
    return Error("autotune.worker.missing", fmt::format("the worker {} cannot be executed", options.worker))
        .fix("build tc-worker, or name its path: TC_WORKER");
  return std::unique_ptr<LocalExecutor>(new LocalExecutor(std::make_unique<Pool>(std::move(options))));
}

LocalExecutor::LocalExecutor(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
LocalExecutor::~LocalExecutor() = default;
uint64_t LocalExecutor::submit(Json job, const JobLimits& limits) {
  return pool_->submit(std::move(job), limits);
}
std::vector<JobResult> LocalExecutor::wait(std::chrono::milliseconds timeout) { return pool_->wait(timeout); }
void LocalExecutor::cancel_all() { pool_->cancel_all(); }
size_t LocalExecutor::workers() const { return pool_->workers(); }
Check LocalExecutor::failure() const { return pool_->failure(); }
std::vector<int> LocalExecutor::pids() const { return pool_->pids(); }

}  // namespace tc::autotune
