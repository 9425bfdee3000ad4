// Which CPUs this process may use, and how many of them it should.
#pragma once
#include <sched.h>

#include <cstdint>

namespace tc::runtime {

/// Fills `cpus` with the ascending CPU numbers of the process's affinity mask,
/// at most `capacity` of them, and returns how many. 0 where the mask cannot be
/// read; then nothing should be bound.
int list_cpus(uint16_t* cpus, int capacity);

/// Number of CPUs in the affinity mask, >= 1.
int count_cpus();

/// CPUs' worth of time that the process's cgroups allow (v2 cpu.max or v1
/// cfs quota, the tightest on the path to the root), rounded up; 0: no limit.
int cgroup_cpu_limit();

}  // namespace tc::runtime
