#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tc/runtime/c_api.h"

namespace {

/// Runs a callable as a loop body.
template <class F>
int32_t parallel_for(int64_t extent, F body) {
  return tc_parallel_for([](void* closure, int64_t begin,
                            int64_t end) -> int32_t { return (*static_cast<F*>(closure))(begin, end); },
                         &body, extent);
}

/// Runs a loop over `extent` and checks that every index ran exactly once.
void expect_each_once(int64_t extent) {
  std::vector<std::atomic<int>> runs(static_cast<size_t>(extent));
  EXPECT_EQ(parallel_for(extent,
                         [&](int64_t begin, int64_t end) {
                           for (int64_t i = begin; i < end; ++i) runs[static_cast<size_t>(i)].fetch_add(1);
                           return 0;
                         }),
            0);
  for (const auto& count : runs) ASSERT_EQ(count.load(), 1) << "extent " << extent;
}

struct ParallelFor : testing::Test {
  ~ParallelFor() override { tc_set_num_threads(0); }
};

TEST_F(ParallelFor, RunsEachIndexOnce) {
  for (const int32_t threads : {1, 2, 3, 8}) {
    tc_set_num_threads(threads);
    for (const int64_t extent : {0, 1, 2, 3, 5, 7, 13, 64, 97, 1009, 10007}) expect_each_once(extent);
  }
}

TEST_F(ParallelFor, NegativeExtentRunsNothing) {
  EXPECT_EQ(parallel_for(-5, [](int64_t, int64_t) { return 1; }), 0);
}

TEST_F(ParallelFor, SplitsIntoEvenPartsOfWhichTheCallerRunsTheFirst) {
  tc_set_num_threads(2);
  const int64_t extent = 2 * 1000 + 1;
  const auto caller = std::this_thread::get_id();
  std::atomic<int> parts = 0, by_caller = 0;
  EXPECT_EQ(parallel_for(extent,
                         [&](int64_t begin, int64_t end) {
                           parts.fetch_add(1);
                           EXPECT_GE(end - begin, extent / tc_num_threads());
                           EXPECT_LE(end - begin, extent / tc_num_threads() + 1);
                           if (begin == 0) by_caller.fetch_add(std::this_thread::get_id() == caller ? 1 : 0);
                           return 0;
                         }),
            0);
  EXPECT_EQ(parts.load(), tc_num_threads());
  EXPECT_EQ(by_caller.load(), 1);
}

TEST_F(ParallelFor, ManyRegionsInARowAndAfterSleep) {
  tc_set_num_threads(2);
  int64_t counts[2] = {};
  for (int i = 0; i < 20000; ++i) {
    // Now and then the worker is left alone for longer than it spins.
    if (i % 5000 == 4999) usleep(3000);
    parallel_for(2, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) ++counts[j];
      return 0;
    });
  }
  EXPECT_EQ(counts[0], 20000);
  EXPECT_EQ(counts[1], 20000);
}

TEST_F(ParallelFor, LongWorkerPartLetsTheCallerSleep) {
  tc_set_num_threads(2);
  int64_t done = 0;
  parallel_for(2, [&](int64_t begin, int64_t end) {
    if (end == 2) {
      usleep(3000);
      done = begin + 1;
    }
    return 0;
  });
  EXPECT_GT(done, 0);
}

TEST_F(ParallelFor, NestedLoopsRunSerially) {
  tc_set_num_threads(2);
  std::atomic<int64_t> sum = 0;
  EXPECT_EQ(parallel_for(10,
                         [&](int64_t begin, int64_t end) {
                           const auto self = std::this_thread::get_id();
                           for (int64_t i = begin; i < end; ++i) {
                             parallel_for(100, [&](int64_t from, int64_t to) {
                               EXPECT_EQ(std::this_thread::get_id(), self);
                               EXPECT_EQ(to - from, 100);
                               sum.fetch_add(to - from);
                               return 0;
                             });
                           }
                           return 0;
                         }),
            0);
  EXPECT_EQ(sum.load(), 1000);
}

TEST_F(ParallelFor, ConcurrentCallersAllFinish) {
  tc_set_num_threads(2);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([] {
      for (int i = 0; i < 200; ++i) expect_each_once(37);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(ParallelFor, ThreadCountMayChangeAtAnyTime) {
  std::atomic<bool> stop = false;
  std::thread changer([&] {
    for (int32_t n = 1; !stop.load(); n = n % 4 + 1) tc_set_num_threads(n);
  });
  for (int i = 0; i < 500; ++i) expect_each_once(53);
  stop = true;
  changer.join();
}

TEST_F(ParallelFor, FirstFailureInLoopOrderIsTheResult) {
  tc_set_num_threads(2);
  std::atomic<int> parts = 0;
  tc_set_error("none", "");
  const int32_t status = parallel_for(100, [&](int64_t begin, int64_t end) -> int32_t {
    parts.fetch_add(1);
    if (end != 100) return 0;
    tc_set_error("runtime.test", "the last part failed");
    return begin >= 0 ? 7 : 0;
  });
  EXPECT_EQ(status, 7);
  EXPECT_STREQ(tc_last_error(), "error[runtime.test]: the last part failed");
  EXPECT_EQ(parts.load(), tc_num_threads());
  expect_each_once(100);  // the pool still works
}

TEST_F(ParallelFor, ThreadCountStaysWithinTheMask) {
  cpu_set_t mask;
  ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
  const int cpus = CPU_COUNT(&mask);
  tc_set_num_threads(1 << 20);
  EXPECT_EQ(tc_num_threads(), cpus);
  tc_set_num_threads(1);
  EXPECT_EQ(tc_num_threads(), 1);
  tc_set_num_threads(-3);
  EXPECT_GE(tc_num_threads(), 1);
  EXPECT_LE(tc_num_threads(), cpus);
}

#if defined(__x86_64__)
TEST_F(ParallelFor, WorkersTakeTheCallersFloatMode) {
  tc_set_num_threads(2);
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8000);  // flush to zero
  std::atomic<int> flushed = 0;
  parallel_for(2, [&](int64_t begin, int64_t end) {
    if ((_mm_getcsr() & 0x8000) != 0) flushed.fetch_add(static_cast<int>(end - begin));
    return 0;
  });
  _mm_setcsr(before);
  EXPECT_EQ(flushed.load(), 2);
}
#endif

// The thread sanitizer ends a child that starts threads after fork.
#if !defined(__SANITIZE_THREAD__)
/// Runs `body` in a forked child; its exit status. A hang ends by SIGALRM.
template <class F>
int status_in_child(F body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int count_in_loop() {
  std::atomic<int64_t> sum = 0;
  const int32_t status = parallel_for(101, [&](int64_t begin, int64_t end) {
    sum.fetch_add(end - begin);
    return 0;
  });
  return status == 0 && sum == 101 ? 0 : 1;
}

TEST_F(ParallelFor, WorksInTheChildOfAFork) {
  tc_set_num_threads(2);
  expect_each_once(100);  // workers exist in the parent
  EXPECT_EQ(status_in_child(count_in_loop), 0);
  expect_each_once(100);
}

TEST_F(ParallelFor, AForkInsideALoopIsRefusedInTheChild) {
  tc_set_num_threads(2);
  if (tc_num_threads() == 1) GTEST_SKIP() << "one CPU: no loop has other threads";
  int child_status = -1;
  const pid_t parent = getpid();
  const int32_t status = parallel_for(2, [&](int64_t begin, int64_t) {
    if (begin != 0) return 0;
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      return 0;  // ends in the check below
    }
    int raw = 0;
    waitpid(child, &raw, 0);
    child_status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128;
    return 0;
  });
  if (getpid() != parent) {
    const bool refused = status != 0 && std::string(tc_last_error()).rfind("error[runtime.fork]", 0) == 0;
    _exit(refused && count_in_loop() == 0 ? 0 : 1);
  }
  EXPECT_EQ(status, 0);
  EXPECT_EQ(child_status, 0);
}

TEST_F(ParallelFor, ExitStopsTheWorkers) {
  EXPECT_EQ(status_in_child([]() -> int {
              tc_set_num_threads(2);
              if (count_in_loop() != 0) return 1;
              // Loops of later exit handlers still run.
              std::atexit([] {
                if (count_in_loop() != 0) _exit(2);
              });
              exit(0);
            }),
            0);
}
#endif

}  // namespace
