// The convolutions of ResNet-18 and matrix products of odd sizes, whole, on the default machine and
// on two others: every element in program order, in time and in random orders. Takes minutes:
// only where TC_ACCEL_RESNET holds the number of random orders.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "run_legal.h"
#include "tc/te/workload.h"

namespace tc::accel {
namespace {

const char* const kWorkloads[] = {
    "qconv2d n=1 c=64 h=56 w=56 k=64 r=3 s=3 pad=1 bias=1 act=relu shift=8",             // C2
    "qconv2d n=1 c=64 h=56 w=56 k=64 r=1 s=1 bias=1 act=relu shift=8",                   // C3
    "qconv2d n=1 c=64 h=56 w=56 k=128 r=3 s=3 stride=2 pad=1 bias=1 act=relu shift=8",   // C4
    "qconv2d n=1 c=64 h=56 w=56 k=128 r=1 s=1 stride=2 bias=1 act=relu shift=8",         // C5
    "qconv2d n=1 c=128 h=28 w=28 k=128 r=3 s=3 pad=1 bias=1 act=relu shift=8",           // C6
    "qconv2d n=1 c=128 h=28 w=28 k=256 r=3 s=3 stride=2 pad=1 bias=1 act=relu shift=8",  // C7
    "qconv2d n=1 c=128 h=28 w=28 k=256 r=1 s=1 stride=2 bias=1 act=relu shift=8",        // C8
    "qconv2d n=1 c=256 h=14 w=14 k=256 r=3 s=3 pad=1 bias=1 act=relu shift=8",           // C9
    "qconv2d n=1 c=256 h=14 w=14 k=512 r=3 s=3 stride=2 pad=1 bias=1 act=relu shift=8",  // C10
    "qconv2d n=1 c=256 h=14 w=14 k=512 r=1 s=1 stride=2 bias=1 act=relu shift=8",        // C11
    "qconv2d n=1 c=512 h=7 w=7 k=512 r=3 s=3 pad=1 bias=1 act=relu shift=8",             // C12
    "qmatmul m=1 n=1 k=1 bias=1",
    "qmatmul m=1 n=1000 k=512 bias=1 shift=8",
    "qmatmul m=1024 n=33 k=17 bias=1 shift=5",
    "qmatmul m=255 n=257 k=129 bias=1 shift=6 round=1",
    "matmul m=127 n=1023 k=65 dtype=i8",
    "max_pool2d n=1 c=64 h=112 w=112 r=3 s=3 stride=2 pad=1 dtype=i8",
    "qadd shape=1x56x56x64 act=relu",
    "qdepthwise_conv2d n=1 c=96 h=28 w=28 r=3 s=3 pad=1 bias=1 shift=5 act=relu"};

class Resnet : public testing::TestWithParam<const char*> {};

TEST_P(Resnet, IsExactInEveryOrder) {
  const char* orders = std::getenv("TC_ACCEL_RESNET");
  if (!orders) GTEST_SKIP() << "set TC_ACCEL_RESNET to a number of random orders";
  const std::vector<Tensor> args = parse_workload(GetParam()).value().build().args;
  const std::vector<HostTensor> want = make_args(args, 1, Fill::uniform);
  ASSERT_FALSE(evaluate(args, views_of(want)));
  for (const std::string_view name : isa::builtin_config_names()) {
    const isa::MachineConfig config = isa::builtin_config(name).value();
    SCOPED_TRACE(std::string(name));
    const Legalized l = legalize(args, config).value();
    ASSERT_EQ(l.ops.size(), 1u);
    const auto c = compile_all(default_schedule(l, config).value(), l.args, config);
    ASSERT_TRUE(c) << c.error().str();
    const auto run = [&](const sim::RunOptions& options) {
      const std::vector<HostTensor> got = make_args(args, 1, Fill::uniform);
      const Check error = run_all(c.value(), views_of(got), options);
      ASSERT_FALSE(error) << error->str();
      EXPECT_EQ(std::memcmp(want.back().data(), got.back().data(), want.back().bytes()), 0);
    };
    run({.order = sim::Order::program});
    run({.order = sim::Order::timed});
    for (int64_t k = 0; k < std::atoll(orders); ++k)
      run({.order = sim::Order::random, .seed = static_cast<uint64_t>(k)});
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, Resnet, testing::ValuesIn(kWorkloads));

}  // namespace
}  // namespace tc::accel
