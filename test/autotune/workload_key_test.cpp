#include "tc/autotune/workload_key.h"

#include <gtest/gtest.h>

namespace tc::autotune {
namespace {

TEST(WorkloadKey, HashIsThatOfItsText) {
  EXPECT_EQ(WorkloadKey("abc").hash(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_NE(WorkloadKey("mm m=1").hash(), WorkloadKey("mm m=2").hash());
}

TEST(WorkloadKey, DistanceIsForTheSameOperatorAndNames) {
  const auto distance = [](const char* a, const char* b) {
    return workload_distance(WorkloadKey(a), WorkloadKey(b));
  };
  EXPECT_EQ(distance("mm m=4 n=8 dtype=f32", "mm n=8 m=4 dtype=f32"), 0.0);
  EXPECT_EQ(distance("mm m=4 n=8", "mm m=16 n=8"), 2.0);
  EXPECT_EQ(distance("mm m=4 dtype=f32", "mm m=4 dtype=f16"), std::nullopt);
  EXPECT_EQ(distance("mm m=4", "dense m=4"), std::nullopt);
  EXPECT_EQ(distance("mm m=4", "mm k=4"), std::nullopt);
  EXPECT_EQ(distance("mm m=0", "mm m=4"), std::nullopt);
  EXPECT_EQ(distance("graph: func main(a0: f32[4])", "graph: func main(a0: f32[8])"), std::nullopt);
}

}  // namespace
}  // namespace tc::autotune
