#include "tc/runtime/module.h"

#include <gtest/gtest.h>

#include <string>

#include "tc/runtime/tensor.h"
#include "tc/runtime/timer.h"

namespace tc::runtime {
namespace {

constexpr DLDataType kF32 = {kDLFloat, 32, 1};

struct ModuleTest : testing::Test {
  Module module;
  Function scale;
  void SetUp() override {
    const Status loaded = Module::load(TC_TEST_KERNEL, &module);
    ASSERT_TRUE(loaded) << loaded.text;
    const Status found = module.find("scale", &scale);
    ASSERT_TRUE(found) << found.text;
  }
};

TEST_F(ModuleTest, CallsACompiledFunction) {
  EXPECT_STREQ(scale.spec().workload, "scale dtype=f32");
  Tensor x({1000}, kF32), y({1000}, kF32);
  x.fill_integers(1, -9, 9);
  y.poison();
  const DLTensor* args[] = {x.dl(), y.dl()};
  const Status status = scale.call(args);
  ASSERT_TRUE(status) << status.text;
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(y.get(i), 2 * x.get(i));
}

TEST_F(ModuleTest, RefusalsCarryTheCodeAndText) {
  Tensor x({8}, kF32);
  const DLTensor* args[] = {x.dl(), x.dl()};
  const Status status = scale.call(args);
  EXPECT_EQ(status.code, "runtime.arg.overlap");
  EXPECT_NE(status.text.find("argument 1 (y) is written"), std::string::npos);
}

TEST_F(ModuleTest, FunctionOutlivesTheModule) {
  module = Module();
  Tensor x({3}, kF32), y({3}, kF32);
  const DLTensor* args[] = {x.dl(), y.dl()};
  EXPECT_TRUE(scale.call(args));
}

TEST_F(ModuleTest, NamesMissingSymbols) {
  Function function;
  EXPECT_EQ(module.find("absent", &function).code, "runtime.module.symbol");
  const Status status = module.find("without_spec", &function);
  EXPECT_EQ(status.code, "runtime.module.symbol");
  EXPECT_NE(status.text.find("has no symbol without_spec_spec"), std::string::npos) << status.text;
  EXPECT_FALSE(function.valid());
}

TEST_F(ModuleTest, RefusesAnotherAbi) {
  Function function;
  EXPECT_EQ(module.find("stale", &function).text,
            "error[runtime.abi]: stale was compiled for runtime ABI 2, the runtime has 1\n"
            "  fix  compile it again with the tc that the runtime came with");
}

TEST(Module, ALibraryMayCarryItsOwnRuntimeAndBeUnloaded) {
  Tensor x({1000}, kF32), y({1000}, kF32);
  const DLTensor* args[] = {x.dl(), y.dl()};
  for (int round = 0; round < 20; ++round) {  // each one starts workers and stops them
    Module module;
    Function scale;
    ASSERT_TRUE(Module::load(TC_TEST_OWN_KERNEL, &module));
    ASSERT_TRUE(module.find("scale", &scale));
    x.fill(round);
    ASSERT_TRUE(scale.call(args));
    EXPECT_EQ(y.get(999), 2 * round);
    // The reason stands in the library's runtime, not in ours.
    tc_set_error("none", "");
    EXPECT_EQ(scale.call({args, 1}).code, "runtime.arg.count");
    EXPECT_STREQ(tc_last_error(), "error[none]: ");
  }
}

TEST(Module, NamesTheFileItCannotOpen) {
  Module module;
  const Status status = Module::load("no_such_library.so", &module);
  EXPECT_EQ(status.code, "runtime.module.open");
  EXPECT_EQ(status.text.rfind("error[runtime.module.open]: cannot load no_such_library.so\n  loader  ", 0),
            0u);
  EXPECT_FALSE(module.valid());
  Function function;
  EXPECT_EQ(module.find("f", &function).code, "runtime.module.open");
  EXPECT_EQ(function.call({}).code, "runtime.module.symbol");
}

TEST(Status, ReadsTheCodeOfAnErrorText) {
  EXPECT_EQ(status_of_error_text("error[a.b]: c").code, "a.b");
  EXPECT_EQ(status_of_error_text("").code, "runtime.failed");
  EXPECT_EQ(status_of_error_text("error[").code, "runtime.failed");
  EXPECT_EQ(status_of_error_text("error[]: x").code, "runtime.failed");
  EXPECT_EQ(status_of_error_text(nullptr).code, "runtime.failed");
}

TEST(Timer, ClockIsMonotonicAndRatesArePositive) {
  const int64_t start = now_ns();
  EXPECT_GE(now_ns(), start);
  EXPECT_GE(fma_peak_gflops(), 0);
  const Bandwidth bandwidth = measure_bandwidth(1 << 20, 2);
  EXPECT_GT(bandwidth.read_gbs, 0);
  EXPECT_GT(bandwidth.copy_gbs, 0);
  EXPECT_EQ(measure_bandwidth(0, 1).read_gbs, 0);
}

}  // namespace
}  // namespace tc::runtime
