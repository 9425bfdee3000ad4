// Compiled programs: saved, loaded at any place of a device, and run again and again
// with new inputs.
#include "tc/runtime/accel/executable.h"

#include <gtest/gtest.h>

#include <thread>

#include "matmul.h"
#include "tc/isa/assembler.h"

namespace tc::accel {
namespace {

using test::Matmul, test::random_bytes, test::small_machine;

// A matmul whose second operand is a constant of the program.
struct Compiled {
  Matmul matmul{2, 2, 3};
  std::vector<uint8_t> weights;
  isa::Program program;

  Compiled() {
    Rng rng(77);
    weights = random_bytes(rng, matmul.b_bytes());
    // A program's own memory is laid out with the same allocator.
    Allocator layout(1 << 16);
    const uint64_t a = layout.allocate(static_cast<uint64_t>(matmul.a_bytes()), 8).value(),
                   b = layout.allocate(weights.size(), 16).value(),
                   c = layout.allocate(static_cast<uint64_t>(matmul.c_bytes()), 8).value();
    CommandStream stream = CommandStream::make(small_machine()).value();
    EXPECT_FALSE(
        matmul.record(stream, static_cast<int64_t>(a), static_cast<int64_t>(b), static_cast<int64_t>(c)));
    const uint64_t uops = layout.allocate(static_cast<uint64_t>(stream.uop_bytes()), 4).value();
    program =
        stream.finish(static_cast<int64_t>(uops), static_cast<int64_t>(uops) + stream.uop_bytes()).value();
    program.segments.insert(program.segments.begin(), {b, isa::SegmentKind::i8, weights});
    program.regions = {
        {"A", isa::RegionKind::input, a, static_cast<uint64_t>(matmul.a_bytes()), "i8", {2, 3, 2, 4}},
        {"B", isa::RegionKind::constant, b, weights.size(), "i8", {2, 3, 4, 4}},
        {"C", isa::RegionKind::output, c, static_cast<uint64_t>(matmul.c_bytes()), "i8", {2, 2, 2, 4}}};
  }
};

TEST(Executable, SavedProgramRunsOnNewInputsAtAnyPlace) {
  const Compiled compiled;
  const std::string file = isa::save(compiled.program).value();
  auto device = AccelDevice::make(small_machine(), 1 << 16).value();
  std::vector<Executable> loaded;
  for (int i = 0; i < 3; ++i) {  // at different addresses, behind blocks of odd sizes
    (void)device->allocate(17, 1).value();
    auto executable = Executable::load(device, file);
    ASSERT_TRUE(executable.ok()) << executable.error().str();
    loaded.push_back(std::move(executable).value());
  }
  ASSERT_EQ(loaded[0].arguments().size(), 2u);
  EXPECT_EQ(loaded[0].arguments()[0].name, "A");
  EXPECT_EQ(loaded[0].arguments()[0].shape, (std::vector<int64_t>{2, 3, 2, 4}));
  EXPECT_EQ(loaded[0].arguments()[1].dtype, "i8");
  Rng rng(1);
  for (uint64_t i = 0; i < 12; ++i) {
    const auto a = random_bytes(rng, compiled.matmul.a_bytes());
    std::vector<uint8_t> c(static_cast<size_t>(compiled.matmul.c_bytes()));
    const auto ran = loaded[i % 3].run(std::vector<Input>{{"A", a}}, std::vector<Output>{{"C", c}},
                                       {.order = i % 2 ? sim::Order::timed : sim::Order::random, .seed = i});
    ASSERT_TRUE(ran.ok()) << ran.error().str();
    EXPECT_EQ(c, compiled.matmul.expected(a, compiled.weights));
  }
  loaded.clear();
  EXPECT_EQ(device->memory_used(), 3 * 17u);
}

TEST(Executable, ThreadsShareOne) {
  const Compiled compiled;
  auto device = AccelDevice::make(small_machine(), 1 << 16).value();
  const Executable executable = Executable::load(device, compiled.program).value();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Rng rng(t);
      for (int i = 0; i < 8; ++i) {
        const auto a = random_bytes(rng, compiled.matmul.a_bytes());
        std::vector<uint8_t> c(static_cast<size_t>(compiled.matmul.c_bytes()));
        EXPECT_TRUE(executable.run(std::vector<Input>{{"A", a}}, std::vector<Output>{{"C", c}}).ok());
        EXPECT_EQ(c, compiled.matmul.expected(a, compiled.weights));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(Executable, ArgumentsMustMatch) {
  const Compiled compiled;
  const Executable executable =
      Executable::load(AccelDevice::make(small_machine(), 1 << 16).value(), compiled.program).value();
  std::vector<uint8_t> a(static_cast<size_t>(compiled.matmul.a_bytes())), short_one(3);
  std::vector<uint8_t> c(static_cast<size_t>(compiled.matmul.c_bytes()));
  const auto message = [&](std::vector<Input> inputs, std::vector<Output> outputs) -> std::string {
    const auto ran = executable.run(inputs, outputs);
    if (ran.ok()) return "";
    EXPECT_EQ(ran.error().code(), "runtime.accel.argument");
    return ran.error().message();
  };
  EXPECT_EQ(message({{"A", a}}, {}), "");
  EXPECT_EQ(message({}, {{"C", c}}), "input A is missing");
  EXPECT_EQ(message({{"A", a}, {"A", a}}, {}), "input A is given twice");
  EXPECT_EQ(message({{"A", a}, {"B", a}}, {}), "the program has no input B");
  EXPECT_EQ(message({{"A", a}}, {{"A", a}}), "the program has no output A");
  EXPECT_EQ(message({{"A", a}}, {{"C", c}, {"C", c}}), "output C is given twice");
  EXPECT_EQ(message({{"A", short_one}}, {}), "input A has 3 bytes, expected 48");
  EXPECT_EQ(message({{"A", a}}, {{"C", short_one}}), "output C has 3 bytes, expected 32");
  EXPECT_EQ(message({{"a\n", a}}, {}), "the program has no input a?");
}

// ACC[0] = what DRAM holds + the input, which is stored where it came from: a second run
// must not see the first one's.
TEST(Executable, RunsDoNotSeeEarlierOnes) {
  const isa::Program program = isa::assemble(R"(
.config name=small batch=2 block_in=4 block_out=4 uop_depth=8 inp_depth=4 wgt_depth=4 acc_depth=16
.dram 128
.region x input 0x40 8 i8 2x4
.region y output 0x20 8 i8 2x4
.segment 0x0 uop
  dst=0 src=1 wgt=0
.segment 0x20 i8
  1 2 3 4 5 6 7 8
.code
  load.uop y_size=1 x_size=1
  load.acc8 dram_base=4 y_size=1 x_size=1
  load.acc8 sram_base=1 dram_base=8 y_size=1 x_size=1
  alu.add uop_end=1 iter_out=1 iter_in=1 push_next
  store.out dram_base=4 y_size=1 x_size=1 pop_prev push_prev
  load.uop pop_next
  finish
)")
                                   .value();
  auto device = AccelDevice::make(small_machine(), 1 << 12).value();
  const Executable executable = Executable::load(device, program).value();
  const std::vector<uint8_t> x(8, 10);
  for (int i = 0; i < 3; ++i) {
    std::vector<uint8_t> y(8);
    const auto ran = executable.run(std::vector<Input>{{"x", x}}, std::vector<Output>{{"y", y}});
    ASSERT_TRUE(ran.ok()) << ran.error().str();
    EXPECT_EQ(y, (std::vector<uint8_t>{11, 12, 13, 14, 15, 16, 17, 18})) << "run " << i;
  }
}

TEST(Executable, StaysInItsMemory) {
  const auto code = [](const std::string& line, uint64_t device_bytes = 4096) -> std::string {
    const auto program = isa::assemble(
        ".config name=small batch=2 block_in=4 block_out=4 uop_depth=8 inp_depth=4 wgt_depth=4 acc_depth=16\n"
        ".dram 64\n.code\n" +
        line + "\nfinish\n");
    EXPECT_TRUE(program.ok()) << program.error().str();
    auto device = AccelDevice::make(small_machine(), device_bytes).value();
    EXPECT_TRUE(device->allocate(1, 1).ok());
    const auto executable = Executable::load(device, program.value());
    return executable.ok() ? "" : executable.error().code();
  };
  EXPECT_EQ(code("load.inp dram_base=7 y_size=1 x_size=1"), "");
  EXPECT_EQ(code("load.inp dram_base=8 y_size=1 x_size=1"), "sim.dram");
  EXPECT_EQ(code("load.inp dram_base=4294967295 y_size=1 x_size=1"), "sim.dram");
  EXPECT_EQ(code("store.out y_size=65535 x_size=1 x_stride=65535"), "sim.dram");
  EXPECT_EQ(code("load.inp dram_base=4294967295 y_pad0=1 x_size=1"), "");  // zeros only
  EXPECT_EQ(code("load.wgt y_size=1 x_size=4", 64), "runtime.device.memory");
  auto other = small_machine();
  other.block_in = 8;
  EXPECT_EQ(Executable::load(AccelDevice::make(other, 4096).value(), Compiled().program).error().code(),
            "runtime.accel.machine");
  EXPECT_EQ(Executable::load(AccelDevice::make(other, 4096).value(), std::string_view("x")).error().code(),
            "isa.file.magic");
}

}  // namespace
}  // namespace tc::accel
