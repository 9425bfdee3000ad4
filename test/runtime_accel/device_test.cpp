// Devices: memory is the same for the CPU and the accelerator; queues run what they
// recorded under every policy, tell errors and survive them, and do not meet in threads.
#include "tc/runtime/accel/device.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "matmul.h"
#include "tc/isa/assembler.h"
#include "tc/sim/timeline.h"

namespace tc::accel {
namespace {

using isa::MemId, isa::Unit;
using test::Matmul, test::random_bytes, test::small_machine;

std::shared_ptr<AccelDevice> small_device(uint64_t bytes = 1 << 16) {
  return AccelDevice::make(small_machine(), bytes).value();
}

// ---- memory, of both devices

class AnyDevice : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<runtime::Device> device_ =
      GetParam() == std::string_view("cpu") ? std::shared_ptr<runtime::Device>(runtime::make_cpu_device())
                                            : small_device();
  uint64_t allocate(int64_t bytes, int64_t alignment = 1) {
    uint64_t address = 0;
    const auto status = device_->allocate(bytes, alignment, &address);
    EXPECT_TRUE(status.ok()) << status.text;
    EXPECT_EQ(address % static_cast<uint64_t>(alignment), 0u);
    return address;
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, AnyDevice, ::testing::Values("cpu", "small"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(AnyDevice, CopiesThereAndBack) {
  EXPECT_EQ(device_->name(), GetParam());
  const uint64_t a = allocate(100, 48), b = allocate(100, 7);
  std::vector<uint8_t> x(100), y(100);
  for (size_t i = 0; i < 100; ++i) x[i] = static_cast<uint8_t>(i);
  EXPECT_TRUE(device_->copy_to_device(a, x.data(), 100).ok());
  EXPECT_TRUE(device_->copy_to_device(b + 30, x.data(), 70).ok());
  EXPECT_TRUE(device_->synchronize().ok());
  EXPECT_TRUE(device_->copy_to_host(y.data(), a, 100).ok());
  EXPECT_EQ(x, y);
  EXPECT_TRUE(device_->copy_to_host(y.data(), b + 99, 1).ok());
  EXPECT_EQ(y[0], 69);
  EXPECT_TRUE(device_->copy_to_host(nullptr, a, 0).ok());
  EXPECT_TRUE(device_->free(a).ok());
  EXPECT_TRUE(device_->free(b).ok());
}

TEST_P(AnyDevice, RefusesWhatIsNoBlock) {
  uint8_t byte = 0;
  uint64_t address = 12;
  EXPECT_EQ(device_->allocate(-1, 1, &address).code, "runtime.device.size");
  EXPECT_EQ(device_->allocate(1, 0, &address).code, "runtime.device.size");
  EXPECT_EQ(device_->allocate(INT64_MAX, 1, &address).ok(), false);
  if (device_->name() != "cpu") {  // the machine that runs the tests may have this much
    EXPECT_EQ(device_->allocate(1 << 20, 1, &address).code, "runtime.device.memory");
  }
  EXPECT_EQ(address, 12u);
  const uint64_t a = allocate(16);
  EXPECT_EQ(device_->copy_to_device(a + 16, &byte, 1).code, "runtime.device.range");
  EXPECT_EQ(device_->copy_to_device(a + 15, &byte, 2).code, "runtime.device.range");
  EXPECT_EQ(device_->copy_to_host(&byte, a, -1).code, "runtime.device.range");
  EXPECT_EQ(device_->copy_to_host(&byte, ~uint64_t{0}, 1).code, "runtime.device.range");
  EXPECT_EQ(device_->free(a + 1).code, "runtime.device.free");
  EXPECT_TRUE(device_->free(a).ok());
  const auto twice = device_->free(a);
  EXPECT_EQ(twice.code, "runtime.device.free");
  EXPECT_EQ(twice.text.substr(0, 30), "error[runtime.device.free]: no");
  EXPECT_EQ(device_->copy_to_host(&byte, a, 1).code, "runtime.device.range");  // freed
}

TEST_P(AnyDevice, BlocksOfNothingAreBlocks) {
  const uint64_t a = allocate(0), b = allocate(0, 64);
  EXPECT_NE(a, b);
  uint8_t byte = 0;
  EXPECT_EQ(device_->copy_to_device(a, &byte, 1).code, "runtime.device.range");
  EXPECT_TRUE(device_->free(a).ok());
  EXPECT_TRUE(device_->free(b).ok());
}

// ---- queues

// Runs a matmul and compares; the error's code, or "".
std::string run_matmul(Queue& queue, const Matmul& matmul, uint64_t seed, sim::RunOptions options = {},
                       Completed* completed = nullptr) {
  Rng rng(seed);
  AccelDevice& device = queue.device();
  const auto a = random_bytes(rng, matmul.a_bytes()), b = random_bytes(rng, matmul.b_bytes());
  std::vector<uint8_t> c(static_cast<size_t>(matmul.c_bytes()));
  const uint64_t at_a = device.allocate(a.size(), 8).value(), at_b = device.allocate(b.size(), 16).value(),
                 at_c = device.allocate(c.size(), 8).value();
  EXPECT_TRUE(device.copy_to_device(at_a, a.data(), matmul.a_bytes()).ok());
  EXPECT_TRUE(device.copy_to_device(at_b, b.data(), matmul.b_bytes()).ok());
  const Check error = matmul.record(queue.stream(), static_cast<int64_t>(at_a), static_cast<int64_t>(at_b),
                                    static_cast<int64_t>(at_c));
  EXPECT_FALSE(error) << error->str();
  auto ran = queue.synchronize(options);
  EXPECT_TRUE(device.copy_to_host(c.data(), at_c, matmul.c_bytes()).ok());
  for (const uint64_t address : {at_a, at_b, at_c}) EXPECT_FALSE(device.release(address));
  if (!ran) return ran.error().code();
  EXPECT_EQ(c, matmul.expected(a, b)) << "seed " << seed;
  if (completed != nullptr) *completed = std::move(ran).value();
  return "";
}

TEST(Queue, ComputesUnderEveryPolicy) {
  auto device = small_device();
  Queue queue = Queue::make(device).value();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Matmul matmul{static_cast<int64_t>(seed % 4), static_cast<int64_t>(1 + seed % 3),
                        static_cast<int64_t>(seed % 5)};
    EXPECT_EQ(run_matmul(queue, matmul, seed), "");
    EXPECT_EQ(run_matmul(queue, matmul, seed, {.order = sim::Order::random, .seed = seed}), "");
    EXPECT_EQ(run_matmul(queue, matmul, seed, {.order = sim::Order::timed}), "");
  }
  EXPECT_EQ(device->memory_used(), 0u);
}

TEST(Queue, CountsAndDrawsTime) {
  Queue queue = Queue::make(small_device()).value();
  Completed done;
  ASSERT_EQ(run_matmul(queue, {3, 2, 4}, 1, {.order = sim::Order::timed, .timeline = true}, &done), "");
  EXPECT_GT(done.result.counters.cycles, 0);
  EXPECT_EQ(done.result.counters.gemm_uops, 3 * 2 * 4);
  EXPECT_EQ(done.result.counters.out_bytes, 3 * 2 * 8);
  // Two different kernels: each is loaded once.
  EXPECT_EQ(done.result.counters.uop_bytes, 2 * 4);
  EXPECT_EQ(done.result.timeline.size(), done.program.insns.size());
  EXPECT_NE(sim::chrome_trace(done.program, done.result).find("gemm"), std::string::npos);
}

TEST(Queue, TakesTheTimeOfTheDevice) {
  isa::MachineConfig slow = small_machine();
  slow.dram_latency = 500;
  Queue fast = Queue::make(small_device()).value();
  Completed done, slow_done;
  ASSERT_EQ(run_matmul(fast, {}, 1, {.order = sim::Order::timed}, &done), "");
  auto device = AccelDevice::make(slow, 1 << 16).value();
  Queue queue = Queue::make(device).value();
  ASSERT_EQ(run_matmul(queue, {}, 1, {.order = sim::Order::timed}, &slow_done), "");
  EXPECT_GT(slow_done.result.counters.cycles, done.result.counters.cycles);
  // A program that was made for the fast one, on the slow one.
  isa::Program program = slow_done.program;
  program.config = small_machine();
  program.insns = {isa::Insn{}};
  program.segments.clear();
  EXPECT_TRUE(device->run(program).ok());
  program.config.acc_depth *= 2;
  EXPECT_EQ(device->run(program).error().code(), "runtime.accel.machine");
}

// Everything that can go wrong while a program runs; afterwards the device computes.
TEST(Queue, ErrorsNameTheInstructionAndTheDeviceGoesOn) {
  auto device = small_device();
  Queue queue = Queue::make(device).value();
  CommandStream& s = queue.stream();
  const auto block = static_cast<int64_t>(device->allocate(256, 16).value());
  const Kernel one{{}, {}, {{0, 0, 0}}};
  struct Case {
    const char* code;
    const char* names;  // a part of the text
    std::function<void()> record;
    sim::RunOptions options = {};
  };
  const std::vector<Case> cases = {
      {"sim.deadlock", "instruction 0",
       [&] {
         EXPECT_FALSE(s.pop(Unit::compute, Unit::load));
         EXPECT_FALSE(s.load({.dram = block, .cols = 1}));
         EXPECT_FALSE(s.push(Unit::load, Unit::compute));
         EXPECT_FALSE(s.pop(Unit::load, Unit::compute));
         EXPECT_FALSE(s.gemm(one, true));
         EXPECT_FALSE(s.push(Unit::compute, Unit::load));
       }},
      {"sim.hazard.sram", "store.out",
       [&] {
         EXPECT_FALSE(s.gemm(one, true));
         EXPECT_FALSE(s.store({.dram = block, .cols = 1}));
       }},
      {"sim.sram", "instruction 0", [&] { EXPECT_FALSE(s.load({.sram = 4, .dram = block, .cols = 1})); }},
      {"sim.uop", "uop_end=1", [&] { EXPECT_FALSE(s.gemm({{17, 1, 0, 0}, {}, {{0, 0, 0}}}, true)); }},
      {"sim.unwritten", "gemm", [&] { EXPECT_FALSE(s.gemm(one)); }},
      {"sim.limit",
       "gemm",
       [&] { EXPECT_FALSE(s.gemm({{1000}, {1000}, one.uops}, true)); },
       {.limits = {.work = 1000}}},
      {"sim.limit",
       "cycles",
       [&] { EXPECT_FALSE(s.gemm({{1000}, {1000}, one.uops}, true)); },
       {.order = sim::Order::timed, .limits = {.cycles = 1000}}},
      {"runtime.device.range", "instruction 0",
       [&] { EXPECT_FALSE(s.load({.dram = block + 256, .cols = 1})); }},
      {"runtime.device.range", "load.inp",
       [&] { EXPECT_FALSE(s.load({.dram = block, .rows = 2, .cols = 1, .stride = 32})); }},
      {"runtime.accel.token", "1", [&] { EXPECT_FALSE(s.push(Unit::load, Unit::compute)); }},
  };
  for (const Case& c : cases) {
    c.record();
    const auto ran = queue.synchronize(c.options);
    ASSERT_FALSE(ran.ok()) << c.code;
    EXPECT_EQ(ran.error().code(), c.code) << ran.error().str();
    EXPECT_NE(ran.error().str().find(c.names), std::string::npos) << ran.error().str();
    EXPECT_TRUE(s.insns().empty());
    EXPECT_EQ(run_matmul(queue, {}, 5), "");
  }
  EXPECT_EQ(device->memory_used(), 256u);
}

TEST(Queue, NeedsRoomForMicroOps) {
  auto device = small_device(16);
  Queue queue = Queue::make(device).value();
  (void)device->allocate(16, 1).value();
  ASSERT_FALSE(queue.stream().gemm({{}, {}, {{0, 0, 0}}}, true));
  EXPECT_EQ(queue.synchronize().error().code(), "runtime.device.memory");
  EXPECT_EQ(AccelDevice::make(small_machine(), uint64_t{1} << 40).error().code(), "sim.dram.size");
}

TEST(Queue, ThreadsDoNotMeet) {
  const std::vector<std::shared_ptr<AccelDevice>> devices = {small_device(), small_device()};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      Queue queue = Queue::make(devices[t % 2]).value();
      for (uint64_t i = 0; i < 8; ++i)
        EXPECT_EQ(run_matmul(queue, {2, 2, static_cast<int64_t>(t)}, t * 100 + i,
                             {.order = sim::Order::random, .seed = i}),
                  "");
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& device : devices) EXPECT_EQ(device->memory_used(), 0u);
}

}  // namespace
}  // namespace tc::accel
