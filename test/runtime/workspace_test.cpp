#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tc/runtime/c_api.h"

namespace {

TEST(Workspace, IsAlignedWritableAndDistinct) {
  std::vector<void*> blocks;
  for (const int64_t bytes : {0, 1, 63, 64, 65, 4096, 100'000, 3 << 20}) {
    void* block = tc_alloc(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
    std::memset(block, 0x5a, static_cast<size_t>(bytes));
    blocks.push_back(block);
  }
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(), blocks.size());
  for (void* block : blocks) tc_free(block);
  tc_free(nullptr);
}

TEST(Workspace, SameRequestReusesTheBlock) {
  void* first = tc_alloc(1 << 20);
  tc_free(first);
  void* second = tc_alloc((1 << 20) - 100);
  EXPECT_EQ(second, first);
  // A small request does not take a large block.
  tc_free(second);
  void* small = tc_alloc(100);
  EXPECT_NE(small, first);
  tc_free(small);
}

TEST(Workspace, RefusesImpossibleSizes) {
  EXPECT_EQ(tc_alloc(-1), nullptr);
  EXPECT_STREQ(tc_last_error(),
               "error[runtime.alloc.size]: a workspace has an impossible size\n"
               "  asked  -1 bytes\n"
               "  fix    use smaller tensors or a schedule with less scratch");
  EXPECT_EQ(tc_alloc(INT64_MAX), nullptr);
  EXPECT_EQ(tc_alloc(INT64_MIN), nullptr);
}

// The sanitizers' allocators report exhaustion instead of returning it.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST(Workspace, ReportsExhaustion) {
  EXPECT_EQ(tc_alloc(int64_t{1} << 47), nullptr);
  EXPECT_EQ(std::string(tc_last_error()).rfind("error[runtime.alloc.exhausted]", 0), 0u);
}
#endif

TEST(Workspace, MovesBetweenThreadsAndManyBlocks) {
  void* made_elsewhere = nullptr;
  std::thread([&] { made_elsewhere = tc_alloc(5000); }).join();
  ASSERT_NE(made_elsewhere, nullptr);
  std::memset(made_elsewhere, 1, 5000);
  tc_free(made_elsewhere);
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> blocks;
    for (int64_t i = 0; i < 40; ++i) blocks.push_back(tc_alloc(i * 1000));
    for (void* block : blocks) tc_free(block);
  }
  std::thread([] { tc_free(tc_alloc(1 << 16)); }).join();  // its cache ends with it
}

}  // namespace
