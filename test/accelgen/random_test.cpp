// Random computations under random schedules, against the definition, in all orders.
// TC_ACCEL_ROUNDS: how many, TC_ACCEL_FIRST: from which seed; a failure names the seed.
#include <cstdlib>
#include <map>

#include "random_device.h"

namespace tc::accel::test {
namespace {

// The same function on machines with ever less room, until it does not fit: stages must share.
DeviceCode squeezed(const FuncRef& func, isa::MachineConfig config, DeviceCode code, Rng& rng) {
  for (int round = 0; round < 6; ++round) {
    const auto less = [&](int64_t used) {
      return std::max<int64_t>(2,
                               used - static_cast<int64_t>(rng.below(2 + static_cast<uint64_t>(used) / 4)));
    };
    config.acc_depth = std::min(config.acc_depth, less(code.stats.acc_tiles));
    config.inp_depth = std::min(config.inp_depth, std::max<int64_t>(2, code.stats.inp_tiles));
    auto next = compile_device(func, config);
    if (!next) break;
    code = std::move(next).value();
  }
  return code;
}

// What comes of a case: "ok", or the code of its refusal.
std::string run_case(uint64_t seed, int orders) {
  Case c = random_case(seed);
  const std::string about = "seed " + std::to_string(seed) + ": " + c.about + "\n";
  const auto low = lower(*c.schedule, c.args);
  EXPECT_TRUE(low) << about << low.error().str();
  if (!low) return low.error().code();
  const FuncRef func = with_threads(low.value().func, c.threads);
  auto code = compile_device(func, c.config);
  if (!code) {
    const std::string e = code.error().code();
    EXPECT_EQ(e, "codegen.accel.capacity") << about << code.error().str() << "\n" << ir::to_string(func);
    return e;
  }
  Rng rng(mix_seed(seed, 0x50ee));
  if (seed % 2 == 0) code = squeezed(func, c.config, std::move(code).value(), rng);
  std::vector<HostTensor> want = make_args(c.args, seed, Fill::uniform);
  const Check error = evaluate(c.args, views_of(want));
  EXPECT_FALSE(error) << error->str();
  sim::Counters counters;
  const std::string wrong = run_all(code.value().program, c.args, want, orders, &counters);
  EXPECT_EQ(wrong, "") << about << ir::to_string(func)
                       << isa::disassemble(code.value().program).substr(0, 5000);
  return wrong.empty() ? "ok" : "wrong";
}

TEST(AccelRandom, AgreesWithTheDefinition) {
  const char* rounds = std::getenv("TC_ACCEL_ROUNDS");
  const char* first = std::getenv("TC_ACCEL_FIRST");
  const uint64_t begin = first ? std::strtoull(first, nullptr, 10) : 1;
  const uint64_t count = rounds ? std::strtoull(rounds, nullptr, 10) : 300;
  std::map<std::string, int> outcomes;
  for (uint64_t seed = begin; seed < begin + count && !HasFailure(); ++seed) ++outcomes[run_case(seed, 4)];
  for (const auto& [what, n] : outcomes) std::printf("%-28s %d\n", what.c_str(), n);
  EXPECT_GT(outcomes["ok"], static_cast<int>(count * 6 / 10));
}

}  // namespace
}  // namespace tc::accel::test
