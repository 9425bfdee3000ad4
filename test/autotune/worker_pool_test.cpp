// Each misdeed of a worker, and that nothing is left behind.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>

#include "autotune/records.h"
#include "tc/autotune/local_executor.h"

namespace tc::autotune {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Processes, zombies aside, whose command line holds `tag`.
int alive_with(const std::string& tag) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read_text(entry.path() / "cmdline").find(tag) != std::string::npos) ++n;
  }
  return n;
}

/// Whether that number falls to zero within two seconds.
bool all_gone(const std::string& tag) {
  const auto end = steady_clock::now() + milliseconds(2000);
  while (alive_with(tag) > 0) {
    if (steady_clock::now() > end) return false;
    ::usleep(2000);
  }
  return true;
}

class Pool : public testing::Test {
 protected:
  explicit Pool(size_t workers = 1)
      : tag_("--tag-" + std::to_string(::getpid()) + "-" + std::to_string(++serial_)) {
    LocalOptions o;
    o.worker = TC_FAKE_WORKER;
    o.args = {tag_};
    o.workers = workers;
    o.memory_bytes = int64_t{400} << 20;
    pool_ = LocalExecutor::create(o).value();
  }
  ~Pool() override {
    pool_.reset();
    EXPECT_EQ(alive_with(tag_), 0) << "a process was left behind";
  }
  JobResult run(const std::string& act, JobLimits limits = {5, 5}) {
    const uint64_t id = pool_->submit({{"act", act}}, limits);
    const auto results = pool_->wait(std::chrono::seconds(20));
    EXPECT_EQ(results.size(), 1u);
    if (results.empty()) return {};
    EXPECT_EQ(results[0].id, id);
    return results[0];
  }
  /// The misdeed has this status and message, and the next job is well.
  void expect(const std::string& act, Status status, const std::string& message, JobLimits limits = {5, 5}) {
    const JobResult r = run(act, limits);
    EXPECT_EQ(to_string(r.status), to_string(status)) << act << ": " << r.message;
    EXPECT_NE(r.message.find(message), std::string::npos) << act << ": " << r.message;
    const JobResult next = run("");
    EXPECT_EQ(next.status, Status::ok) << "after " << act << ": " << next.message;
  }

  static inline int serial_ = 0;
  std::string tag_;
  std::unique_ptr<LocalExecutor> pool_;
};

TEST_F(Pool, ReportsWhatTheWorkerReplies) {
  const JobResult r = run("fine");
  EXPECT_EQ(r.status, Status::ok);
  EXPECT_EQ(r.reply["run_ns"].size(), 3u);
  EXPECT_EQ(r.reply["steps"], "split y 8; vectorize x");
  EXPECT_GE(r.build_s, 0);
  EXPECT_EQ(run("not_an_object").status, Status::ok) << "a part that is no object is an empty one";
}

TEST_F(Pool, ContainsCrashes) {
  expect("segv", Status::crash, "was killed by SIGSEGV while running");
  expect("build_segv", Status::crash, "was killed by SIGSEGV while building");
  expect("abort", Status::crash, "was killed by SIGABRT (assertion failed: x > 0) while running");
  expect("exit0", Status::crash, "exited with code 0 while running");
}

TEST_F(Pool, ContainsEndlessLoops) {
  expect("loop", Status::run_timeout, "longer than 0.2 s", {5, 0.2});
  expect("build_loop", Status::build_timeout, "longer than 0.2 s", {0.2, 5});
  expect("stop_itself", Status::run_timeout, "longer than 0.2 s", {5, 0.2});
  expect("close_channel", Status::run_timeout, "longer than 0.2 s", {5, 0.2});
}

TEST_F(Pool, RecognisesMemoryExhaustion) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the address space is not limited under a sanitizer";
#endif
  expect("memory", Status::out_of_memory, "bad_alloc");
  expect("memory_abort", Status::out_of_memory, "bad_alloc");
  expect("ask_to_die", Status::out_of_memory, "SIGKILL");
}

TEST_F(Pool, ContainsFloods) {
  expect("flood", Status::ok, "");
  expect("flood_stderr", Status::ok, "");
}

TEST_F(Pool, RefusesRepliesThatItCannotUnderstand) {
  expect("garbage", Status::bad_reply, "longer than the limit");
  expect("not_json", Status::bad_reply, "not valid JSON");
  expect("odd_status", Status::bad_reply, "no valid status");
  expect("build_claims_ok", Status::bad_reply, "no valid status");
}

TEST_F(Pool, NamesErrorsOfTheCompiler) {
  expect("build_error", Status::build_error, "the compiler gave up");
  expect("build_illegal", Status::invalid, "that is not legal");
}

TEST_F(Pool, KillsGrandchildren) {
  expect("grandchild", Status::ok, "");
  expect("grandchild_crash", Status::crash, "SIGSEGV");
  expect("grandchild_loop", Status::run_timeout, "", {5, 0.2});
}

class TwoWorkers : public Pool {
 protected:
  TwoWorkers() : Pool(2) {}
};

TEST_F(TwoWorkers, EveryJobGivesOneResult) {
  const std::vector<std::string> acts = {"",      "segv", "loop",       "garbage",      "", "abort",
                                         "exit0", "",     "build_segv", "memory_abort", ""};
  std::map<uint64_t, std::string> open;
  for (int round = 0; round < 4; ++round)
    for (const std::string& act : acts) open[pool_->submit({{"act", act}}, {5, 0.1})] = act;
  const auto end = steady_clock::now() + std::chrono::seconds(20);
  while (!open.empty() && steady_clock::now() < end)
    for (const JobResult& r : pool_->wait(milliseconds(100))) {
      ASSERT_EQ(open.count(r.id), 1u);
      EXPECT_EQ(r.status == Status::ok, open[r.id].empty()) << open[r.id] << ": " << r.message;
      open.erase(r.id);
    }
  EXPECT_TRUE(open.empty());
}

TEST_F(TwoWorkers, CancelsAtOnce) {
  for (int i = 0; i < 6; ++i) pool_->submit({{"act", "loop"}}, {100, 100});
  EXPECT_TRUE(pool_->wait(milliseconds(50)).empty());
  const auto start = steady_clock::now();
  pool_->cancel_all();
  size_t cancelled = 0;
  while (cancelled < 6 && steady_clock::now() - start < std::chrono::seconds(5))
    for (const JobResult& r : pool_->wait(milliseconds(100))) cancelled += r.status == Status::cancelled;
  EXPECT_EQ(cancelled, 6u);
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(run("").status, Status::ok) << "and goes on";
}

TEST(WorkerPool, SaysWhenNoWorkerStarts) {
  LocalOptions o;
  o.worker = "/no/such/worker";
  EXPECT_EQ(LocalExecutor::create(o).error().code(), "autotune.worker.missing");
  o.worker = TC_FAKE_WORKER;
  o.args = {"--never-starts"};
  const auto pool = LocalExecutor::create(o).value();
  pool->submit({{"act", ""}}, {});
  const auto results = pool->wait(std::chrono::seconds(10));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].status, Status::cancelled);
  EXPECT_EQ(pool->failure()->code(), "autotune.worker.start");
  EXPECT_NE(pool->failure()->str().find("exited with code 7"), std::string::npos);
}

TEST(WorkerPool, DiesWithItsParent) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "this sanitizer keeps signals from a loop that calls nothing";
#endif
  const std::string tag = "--tag-parent-" + std::to_string(::getpid());
  int out[2];
  ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
  const pid_t parent = start({TC_POOL_PARENT, TC_FAKE_WORKER, tag}, out[1]);
  ::close(out[1]);
  char word[6] = {};
  EXPECT_EQ(::read(out[0], word, sizeof word), 6) << "the parent is ready";
  ::close(out[0]);
  EXPECT_GE(alive_with(tag), 4) << "the parent, two workers, a grandchild or two";
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(all_gone(tag));
}

TEST(WorkerPool, AWorkerByItselfExplains) {
  const pid_t pid = start({TC_FAKE_WORKER});
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

}  // namespace
}  // namespace tc::autotune
