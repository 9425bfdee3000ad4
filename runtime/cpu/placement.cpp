#include "placement.h"

#include "cpus.h"

namespace tc::runtime {

void Placement::cut(int threads, int caller_cpu) {
  threads_ = threads;
  num_cpus_ = list_cpus(cpus_, CPU_SETSIZE);
  for (int16_t& slice : slice_of_cpu_) slice = kNone;
  caller_cpu_ = caller_cpu;
  free_slice_ = 0;
  if (num_cpus_ < threads) return;
  for (int slice = 0; slice < threads; ++slice) {
    const int end = (slice + 1) * num_cpus_ / threads;
    for (int i = slice * num_cpus_ / threads; i < end; ++i)
      slice_of_cpu_[cpus_[i]] = static_cast<int16_t>(slice);
  }
  if (caller_cpu >= 0 && caller_cpu < CPU_SETSIZE && slice_of_cpu_[caller_cpu] >= 0) {
    free_slice_ = slice_of_cpu_[caller_cpu];
  }
  for (int worker = 1; worker < threads; ++worker) {
    const int slice = (free_slice_ + worker) % threads;
    owner_of_slice_[slice] = static_cast<int16_t>(worker);
    slice_of_worker_[worker] = static_cast<int16_t>(slice);
  }
}

int Placement::caller_moved_to(int cpu) {
  caller_cpu_ = cpu;
  if (cpu < 0 || cpu >= CPU_SETSIZE) return kNone;
  const int slice = slice_of_cpu_[cpu];
  if (slice < 0 || slice == free_slice_) return kNone;
  const int16_t worker = owner_of_slice_[slice];
  owner_of_slice_[free_slice_] = worker;
  slice_of_worker_[worker] = static_cast<int16_t>(free_slice_);
  free_slice_ = slice;
  return worker;
}

bool Placement::cpus_of(int worker, cpu_set_t* mask) const {
  if (num_cpus_ < threads_) return false;
  const int slice = slice_of_worker_[worker];
  CPU_ZERO(mask);
  const int end = (slice + 1) * num_cpus_ / threads_;
  for (int i = slice * num_cpus_ / threads_; i < end; ++i) CPU_SET(cpus_[i], mask);
  return true;
}

}  // namespace tc::runtime
