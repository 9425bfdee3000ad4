// Where the pool's workers may run. The process's CPUs are cut into as many
// slices as the pool has threads; the caller, which is not bound, owns the slice
// that it happens to run in, and each worker is bound to one of the others. So
// two threads of a pool never wait for one CPU, while the kernel can still move
// a worker inside its slice away from another process.
#pragma once
#include <sched.h>

#include <cstdint>

namespace tc::runtime {

/// Plain data, guarded by the pool's lock. Worker w is in [1, threads).
class Placement {
 public:
  static constexpr int kMaxThreads = 512;
  static constexpr int kNone = -1;

  /// The number of threads that the slices are cut for; 0 before cut().
  [[nodiscard]] int threads() const { return threads_; }
  /// Forgets the slices: they are cut anew from the mask of that moment.
  void reset() { threads_ = 0; }
  /// Cuts the process's affinity mask for this many threads, the caller being
  /// on caller_cpu.
  void cut(int threads, int caller_cpu);
  /// Notes that the caller is on `cpu`. Returns the worker whose slice that
  /// was: it now has the slice which the caller left, and must be bound again.
  /// kNone where nobody must move.
  int caller_moved_to(int cpu);
  /// The CPUs of a worker. False where the mask is unknown or has fewer CPUs
  /// than threads: then the worker is not bound.
  bool cpus_of(int worker, cpu_set_t* mask) const;

  /// A cheap first question, asked at each region.
  [[nodiscard]] bool is_caller_at(int cpu) const { return cpu == caller_cpu_; }

 private:
  int threads_ = 0, num_cpus_ = 0;
  int caller_cpu_ = kNone, free_slice_ = 0;
  uint16_t cpus_[CPU_SETSIZE] = {};
  int16_t slice_of_cpu_[CPU_SETSIZE] = {};
  int16_t owner_of_slice_[kMaxThreads] = {};
  int16_t slice_of_worker_[kMaxThreads] = {};
};

}  // namespace tc::runtime
