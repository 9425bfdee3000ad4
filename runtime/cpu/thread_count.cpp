// How many threads parallel loops use.
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "cpus.h"
#include "placement.h"
#include "tc/runtime/c_api.h"

namespace tc::runtime {
namespace {

// 0: not determined yet. The values are computed without a lock, since every
// thread computes the same ones.
constinit std::atomic<int32_t> g_threads{0};
constinit std::atomic<int32_t> g_default{0};

int32_t clamped(long threads) {
  int32_t most = count_cpus();
  if (most > Placement::kMaxThreads) most = Placement::kMaxThreads;
  return threads < most ? static_cast<int32_t>(threads) : most;
}

/// TC_NUM_THREADS, or 0 where it is unset or not a positive number.
long threads_from_environment() {
  const char* text = getenv("TC_NUM_THREADS");
  if (text == nullptr || *text == '\0') return 0;
  char* end = nullptr;
  errno = 0;
  const long threads = strtol(text, &end, 10);
  return errno == 0 && *end == '\0' && threads > 0 ? threads : 0;
}

int32_t default_threads() {
  int32_t threads = g_default.load(std::memory_order_relaxed);
  if (threads > 0) return threads;
  long wanted = threads_from_environment();
  if (wanted == 0) wanted = cgroup_cpu_limit();
  threads = clamped(wanted > 0 ? wanted : Placement::kMaxThreads);
  g_default.store(threads, std::memory_order_relaxed);
  return threads;
}

}  // namespace
}  // namespace tc::runtime

using namespace tc::runtime;

extern "C" void tc_set_num_threads(int32_t n) {
  g_threads.store(n > 0 ? clamped(n) : default_threads(), std::memory_order_relaxed);
}

extern "C" int32_t tc_num_threads(void) {
  int32_t threads = g_threads.load(std::memory_order_relaxed);
  if (threads > 0) return threads;
  threads = default_threads();
  // A tc_set_num_threads of another thread in the meantime wins.
  int32_t unset = 0;
  return g_threads.compare_exchange_strong(unset, threads, std::memory_order_relaxed) ? threads : unset;
}
