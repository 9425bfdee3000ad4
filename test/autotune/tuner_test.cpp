// The whole loop with the fake worker: a synthetic cost, planted misdeeds.
#include "tc/autotune/tuner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "autotune/records.h"
#include "tc/autotune/local_executor.h"

namespace tc::autotune {
namespace {

/// What the fake worker times: least at x = 11, y = 5, 1000 ns. `kinds` plants
/// candidates that crash (1), are wrong and fast (2, 4), unchecked and fast (3),
/// or fail (5).
SpaceFn space_with(std::vector<int64_t> kinds) {
  return [kinds](Choices& c) -> Expected<Features> {
    const auto x = static_cast<float>(c.range("x", 0, 15));
    const auto y = static_cast<float>(c.range("y", 0, 15));
    const auto kind = static_cast<float>(c.option("kind", kinds));
    if (x == 15) return Error("schedule.test", "x must not be 15");
    return Features{x, y, kind, x * y};
  };
}

Task task_with(std::vector<int64_t> kinds) {
  return {WorkloadKey("matmul m=64 n=64 k=64"), sample_target(), space_with(std::move(kinds))};
}

std::unique_ptr<LocalExecutor> pool(size_t workers = 2) {
  LocalOptions o;
  o.worker = TC_FAKE_WORKER;
  o.workers = workers;
  return LocalExecutor::create(o).value();
}

std::vector<std::string> trial_points(const std::string& path) {
  std::vector<std::string> out;
  const LogFile file = read_log(path).value();
  for (const Record& r : file.records)
    if (r.kind == "trial") out.push_back(r.decisions.str());
  return out;
}

TEST(Tune, FindsTheBestAndLogsEveryTrial) {
  const TemporaryDir dir;
  const auto executor = pool();
  TuneOptions o;
  o.trials = 96;
  o.log_path = dir.file("log.jsonl");
  o.build = {"0.1.0", "19.1.7"};
  int64_t reported = 0;
  o.on_progress = [&](const Progress& p) { reported += !p.finals; };
  const TuneResult r = tune(task_with({0}), *executor, o).value();
  EXPECT_EQ(r.end, TuneEnd::trials);
  EXPECT_EQ(r.measured, 96);
  EXPECT_EQ(reported, 96);
  ASSERT_TRUE(r.best);
  EXPECT_LE(r.best->cost(), 2000) << r.best->decisions.str();
  EXPECT_EQ(r.best->kind, "final");
  EXPECT_EQ(r.best->run_ns.size(), 9u) << "three rounds pooled";
  EXPECT_EQ(r.best->steps, "split y 8; vectorize x");
  EXPECT_GT(r.invalid, 0u);
  EXPECT_NE(r.first_message.at(Status::invalid).find("x must not be 15"), std::string::npos);
  EXPECT_TRUE(r.warnings.empty());
  EXPECT_EQ(trial_points(o.log_path).size(), 96u);
  EXPECT_EQ(Log::load(std::vector{o.log_path}).value().best(task_with({0}).workload, sample_target())->id,
            r.best->id);
}

TEST(Tune, WrongAndCrashingCandidatesNeverWin) {
  const TemporaryDir dir;
  const auto executor = pool();
  TuneOptions o;
  o.trials = 120;
  o.log_path = dir.file("log.jsonl");
  const TuneResult r = tune(task_with({0, 1, 2, 3, 4, 5}), *executor, o).value();
  EXPECT_EQ(r.measured, 120);
  ASSERT_TRUE(r.best);
  EXPECT_EQ(r.best->decisions.get("kind"), 0);
  EXPECT_GE(r.best->cost(), 980);
  const LogFile file = read_log(o.log_path).value();
  for (const Record& record : file.records)
    EXPECT_TRUE(!record.ok() || record.decisions.get("kind") == 0) << to_line(record);
  for (const Status s : {Status::crash, Status::wrong_result, Status::run_error})
    EXPECT_GT(r.statuses.at(s), 0) << to_string(s);
  EXPECT_NE(r.first_message.at(Status::crash).find("SIGSEGV"), std::string::npos);
}

TEST(Tune, ResumesWithoutRepeating) {
  const TemporaryDir dir;
  const auto executor = pool();
  const Task task = task_with({0, 1, 2});
  TuneOptions o;
  o.trials = 40;
  o.log_path = dir.file("log.jsonl");
  ASSERT_TRUE(tune(task, *executor, o));
  o.trials = 90;
  const TuneResult more = tune(task, *executor, o).value();
  EXPECT_EQ(more.resumed, 40);
  EXPECT_EQ(more.measured, 50);
  const auto points = trial_points(o.log_path);
  EXPECT_EQ(points.size(), 90u);
  EXPECT_EQ(std::set<std::string>(points.begin(), points.end()).size(), 90u);
  const std::string text = read_text(o.log_path);
  const TuneResult again = tune(task, *executor, o).value();
  EXPECT_EQ(again.measured, 0);
  EXPECT_EQ(again.best->id, more.best->id);
  EXPECT_EQ(read_text(o.log_path), text) << "nothing to tune, nothing written";
}

TEST(Tune, TrialsOfAnotherCodeGeneratorDoNotCount) {
  const TemporaryDir dir;
  const auto executor = pool();
  const Task task = task_with({0, 5});
  TuneOptions o;
  o.trials = 24;
  o.finalists = 0;
  o.log_path = dir.file("log.jsonl");
  o.build = {"0.1.0", "19.1.7", 1};
  const TuneResult old = tune(task, *executor, o).value();
  o.build.code = 2;
  o.trials = 20;
  const TuneResult now = tune(task, *executor, o).value();
  EXPECT_EQ(now.resumed, 0);
  EXPECT_EQ(now.measured, 20);
  ASSERT_EQ(now.warnings.size(), 1u);
  EXPECT_EQ(now.warnings[0],
            "24 trials of the log were measured with another code generator (0.1.0 1, now 2): they are not "
            "counted, and the fastest are measured again");
  ASSERT_TRUE(now.best);
  EXPECT_EQ(now.best->build.code, 2);
  const auto points = trial_points(o.log_path);
  EXPECT_EQ(std::set<std::string>(points.begin() + 24, points.end()).size(), 20u);
  EXPECT_TRUE(std::find(points.begin() + 24, points.end(), old.best->decisions.str()) != points.end());
  EXPECT_EQ(Log::load(std::vector{o.log_path}).value().best(task.workload, sample_target())->build.code, 2);
  o.trials = 21;
  const TuneResult again = tune(task, *executor, o).value();
  EXPECT_EQ(again.resumed, 20);
  EXPECT_EQ(again.measured, 1);
}

TEST(Tune, OtherTasksInTheLogAreLeftAlone) {
  const TemporaryDir dir;
  const auto executor = pool();
  TuneOptions o;
  o.trials = 8;
  o.log_path = dir.file("log.jsonl");
  Task task = task_with({0});
  ASSERT_TRUE(tune(task, *executor, o));
  task.target.threads = 1;
  EXPECT_EQ(tune(task, *executor, o).value().resumed, 0);
  task.workload = WorkloadKey("matmul m=65 n=64 k=64");
  EXPECT_EQ(tune(task, *executor, o).value().resumed, 0);
}

TEST(Tune, SameSeedAndMeasurementsSameTrials) {
  const auto points = [&] {
    const TemporaryDir dir;
    const auto executor = pool(1);
    TuneOptions o;
    o.trials = 64;
    o.seed = 9;
    o.finalists = 0;
    o.log_path = dir.file("log.jsonl");
    EXPECT_TRUE(tune(task_with({0, 5}), *executor, o));
    return trial_points(o.log_path);
  };
  EXPECT_EQ(points(), points());
}

TEST(Tune, EndsWhenTheSpaceIsExhausted) {
  const auto executor = pool();
  Task task = task_with({0});
  task.space = [](Choices& c) -> Expected<Features> {
    return Features{static_cast<float>(c.range("x", 9, 12))};
  };
  const TuneResult r = tune(task, *executor).value();
  EXPECT_EQ(r.end, TuneEnd::exhausted);
  EXPECT_EQ(r.measured, 4);
  EXPECT_EQ(r.best->decisions.str(), "x=11");
}

TEST(Tune, StopsEarlyAndInTime) {
  const auto executor = pool();
  TuneOptions o;
  o.trials = 100000;
  o.early_stop = 20;
  EXPECT_EQ(tune(task_with({0}), *executor, o).value().end, TuneEnd::early_stop);
  o.early_stop = 0;
  o.time_budget_s = 0.3;
  Task task = task_with({0});
  task.space = [](Choices& c) -> Expected<Features> {
    for (const char* name : {"x", "y", "a", "b", "c"}) c.range(name, 0, 100);
    return Features{1};
  };
  const TuneResult r = tune(task, *executor, o).value();
  EXPECT_EQ(r.end, TuneEnd::time);
  EXPECT_LT(r.elapsed_s, 1.3);
}

/// A worker that hangs, whatever it is asked.
class Hanging final : public Executor {
 public:
  uint64_t submit(Json, const JobLimits&) override { return ++last_; }
  std::vector<JobResult> wait(std::chrono::milliseconds timeout) override {
    longest_wait = std::max(longest_wait, timeout);
    std::vector<JobResult> out;
    for (uint64_t id = 1; cancelled_ && id <= last_; ++id)
      out.push_back({id, Status::cancelled, "", Json::object(), 0});
    return out;
  }
  void cancel_all() override { cancelled_ = true; }
  [[nodiscard]] size_t workers() const override { return 1; }
  [[nodiscard]] Check failure() const override { return std::nullopt; }
  std::chrono::milliseconds longest_wait{0};

 private:
  uint64_t last_ = 0;
  bool cancelled_ = false;
};

TEST(Tune, AnInterruptLeavesTheLogIntact) {
  const TemporaryDir dir;
  TuneOptions o;
  o.log_path = dir.file("log.jsonl");
  Hanging hanging;
  int asked = 0;
  o.should_stop = [&] { return ++asked > 2000; };
  const TuneResult r = tune(task_with({0}), hanging, o).value();
  EXPECT_EQ(r.end, TuneEnd::interrupted);
  EXPECT_EQ(r.measured, 0);
  EXPECT_LE(hanging.longest_wait, std::chrono::milliseconds(100));
  EXPECT_EQ(read_text(o.log_path), "") << "cancelled trials are not recorded: they are tried again";

  const auto executor = pool();
  int done = 0;
  o.should_stop = [&] { return done >= 10; };
  o.on_progress = [&](const Progress&) { ++done; };
  o.trials = 1000;
  const TuneResult half = tune(task_with({0}), *executor, o).value();
  EXPECT_EQ(half.end, TuneEnd::interrupted);
  EXPECT_EQ(static_cast<int64_t>(read_log(o.log_path).value().records.size()), half.measured);
}

TEST(Tune, SaysWhenItCannotWork) {
  const auto executor = pool();
  TuneOptions o;
  o.search = "gradient";
  EXPECT_EQ(tune(task_with({0}), *executor, o).error().code(), "autotune.search.name");
  o = {};
  o.log_path = "/no/such/dir/log";
  EXPECT_EQ(tune(task_with({0}), *executor, o).error().code(), "log.open");
  LocalOptions bad;
  bad.worker = TC_FAKE_WORKER;
  bad.args = {"--never-starts"};
  const auto broken = LocalExecutor::create(bad).value();
  EXPECT_EQ(tune(task_with({0}), *broken, {}).error().code(), "autotune.worker.start");
}

TEST(MakeRecord, OkIsEarned) {
  const Task task = task_with({0});
  const auto status = [&](const char* reply) {
    return make_record(task, {}, {1, Status::ok, "", Json::parse(reply), 0}).status;
  };
  EXPECT_EQ(status(R"({"run_ns":[1,2],"check":{"oracle":"o","elements":1,"max_err":0,"passed":true}})"),
            Status::ok);
  EXPECT_EQ(status(R"({"run_ns":[1,2],"check":{"oracle":"o","elements":1,"max_err":0,"passed":1}})"),
            Status::wrong_result);
  EXPECT_EQ(status(R"({"run_ns":[1,2],"check":{"oracle":"","passed":true}})"), Status::wrong_result);
  EXPECT_EQ(status(R"({"run_ns":[1,2]})"), Status::wrong_result);
  EXPECT_EQ(status(R"({"run_ns":[],"check":{"oracle":"o","elements":1,"max_err":0,"passed":true}})"),
            Status::bad_reply);
  EXPECT_EQ(status(R"({"run_ns":[0],"check":{"oracle":"o","elements":1,"max_err":0,"passed":true}})"),
            Status::bad_reply);
  EXPECT_EQ(status(R"({"run_ns":"x","check":[],"steps":7})"), Status::wrong_result);
}

}  // namespace
}  // namespace tc::autotune
