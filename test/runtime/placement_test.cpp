#include "../../runtime/cpu/placement.h"

#include <gtest/gtest.h>

#include "../../runtime/cpu/cpus.h"

namespace tc::runtime {
namespace {

TEST(Placement, WorkersNeverShareACpuWithTheCaller) {
  uint16_t cpus[CPU_SETSIZE];
  const int count = list_cpus(cpus, CPU_SETSIZE);
  ASSERT_GE(count, 1);
  for (int threads = 1; threads <= count && threads <= 16; ++threads) {
    Placement placement;
    placement.cut(threads, cpus[0]);
    for (int i = 0; i < count; ++i) {
      placement.caller_moved_to(cpus[i]);
      EXPECT_TRUE(placement.is_caller_at(cpus[i]));
      cpu_set_t taken;
      CPU_ZERO(&taken);
      CPU_SET(cpus[i], &taken);
      for (int worker = 1; worker < threads; ++worker) {
        cpu_set_t mask, common;
        ASSERT_TRUE(placement.cpus_of(worker, &mask));
        EXPECT_GE(CPU_COUNT(&mask), 1);
        CPU_AND(&common, &taken, &mask);
        EXPECT_EQ(CPU_COUNT(&common), 0) << "worker " << worker << " of " << threads;
        CPU_OR(&taken, &taken, &mask);
      }
    }
  }
}

TEST(Placement, MoreThreadsThanCpusAreNotBound) {
  Placement placement;
  placement.cut(count_cpus() + 1, 0);
  cpu_set_t mask;
  EXPECT_FALSE(placement.cpus_of(1, &mask));
  EXPECT_EQ(placement.caller_moved_to(0), Placement::kNone);
  EXPECT_EQ(placement.caller_moved_to(-1), Placement::kNone);
}

TEST(Cpus, LimitsAreSane) { EXPECT_GE(cgroup_cpu_limit(), 0); }

}  // namespace
}  // namespace tc::runtime
