// Trials in threads of this process.
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "tc/autotune/accel.h"

namespace tc::autotune {
namespace {

Status status_of(const Error& e) {
  if (e.code() == "autotune.accel.wrong") return Status::wrong_result;
  return e.code().starts_with("sim.") ? Status::run_error : Status::build_error;
}

class AccelExecutor final : public Executor {
 public:
  AccelExecutor(const isa::MachineConfig& config, size_t workers) : config_(config) {
    for (size_t i = 0; i < std::max<size_t>(workers, 1); ++i) threads_.emplace_back([this] { serve(); });
  }
  ~AccelExecutor() override {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
      queue_.clear();
    }
    changed_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  uint64_t submit(Json job, const JobLimits&) override {
    const std::scoped_lock lock(mutex_);
    queue_.push_back({++last_, std::move(job)});
    changed_.notify_all();
    return last_;
  }
  std::vector<JobResult> wait(std::chrono::milliseconds timeout) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return !results_.empty(); });
    return std::exchange(results_, {});
  }
  // What runs goes on to its end, which is near, and counts as cancelled.
  void cancel_all() override {
    const std::scoped_lock lock(mutex_);
    for (const Job& j : queue_) results_.push_back(cancelled(j.id));
    for (const uint64_t id : running_) results_.push_back(cancelled(id));
    queue_.clear(), running_.clear();
    changed_.notify_all();
  }
  [[nodiscard]] size_t workers() const override { return threads_.size(); }
  [[nodiscard]] Check failure() const override { return std::nullopt; }

 private:
  struct Job {
    uint64_t id;
    Json json;
  };
  static JobResult cancelled(uint64_t id) {
    JobResult r;
    r.id = id, r.status = Status::cancelled, r.message = "stopped before it was done";
    return r;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      const Job job = std::move(queue_.front());
      queue_.pop_front();
      running_.push_back(job.id);
      lock.unlock();
      JobResult result = run(job);
      lock.lock();
      if (std::erase(running_, job.id) > 0) results_.push_back(std::move(result));
      changed_.notify_all();
    }
  }

  JobResult run(const Job& job) {
    JobResult r;
    r.id = job.id;
    try {
      const auto bench = bench_of(job.json);
      Choices choices = Choices::replay(point_from_json(job.json.at("decisions")).value());
      const auto plans = draw_plans(bench->legalized(), config_, choices).value();
      const AccelTrial t = bench->run(plans).value();
      r.status = Status::ok;
      r.reply = {
          {"steps", t.steps},
          {"run_ns", {static_cast<double>(t.counters.cycles)}},
          {"check",
           {{"oracle", "te.evaluate_at"}, {"elements", t.elements}, {"max_err", 0}, {"passed", true}}}};
    } catch (const Error& e) {
      r.status = status_of(e), r.message = e.str();
    } catch (const std::exception& e) {
      r.status = Status::build_error, r.message = e.what();
    }
    return r;
  }

  std::shared_ptr<const AccelBench> bench_of(const Json& job) {
    const std::string text = job.at("workload").get<std::string>();
    const std::scoped_lock lock(bench_mutex_);
    if (!bench_ || bench_text_ != text) {
      bench_ = AccelBench::make(parse_workload(text).value().build(), config_, job.value("seed", uint64_t{0}))
                   .value();
      bench_text_ = text;
    }
    return bench_;
  }

  const isa::MachineConfig config_;
  std::mutex mutex_, bench_mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::vector<uint64_t> running_;
  std::vector<JobResult> results_;
  uint64_t last_ = 0;
  bool stop_ = false;
  std::shared_ptr<const AccelBench> bench_;
  std::string bench_text_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> make_accel_executor(const isa::MachineConfig& config, size_t workers) {
  return std::make_unique<AccelExecutor>(config, workers);
}

RecordTarget record_target(const isa::MachineConfig& config) {
  RecordTarget r;
  r.kind = "accel";
  r.cpu = config.name;
  const Json fields = Json::parse(isa::to_json(config));
  for (const auto& [key, value] : fields.items())
    if (key != "name") r.isa.push_back(key + "=" + value.dump());
  return r;
}

}  // namespace tc::autotune
