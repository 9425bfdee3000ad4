// The convolutions of ResNet-18 and matrix products of odd sizes, whole, on the default machine and
// on two others: every element in program order, in time and in random orders. Takes minutes:
// only where TC_ACCEL_RESNET holds the number of random orders.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "resnet_layers.h"
#include "run_legal.h"
#include "tc/te/workload.h"

namespace tc::accel {
namespace {

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

INSTANTIATE_TEST_SUITE_P(Layers, Resnet, testing::ValuesIn(kResnetLayers));

}  // namespace
}  // namespace tc::accel
