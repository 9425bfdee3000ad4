// Random programs of the property generator on random machines: whatever part of them the
// device takes, the whole is what te evaluation gives, in every order that is legal.
#include "property/random_workload.h"
#include "tc/isa/random.h"
#include "tc/te/graph.h"
#include "try_legal.h"

namespace tc::accel {
namespace {

test::RandomProgram draw_program(uint64_t seed) {
  if (seed % 2) return test::WorkloadDice(seed, true).roll();
  test::RandomOptions options;
  static constexpr int64_t kPoints[] = {200, 600, 1500};
  options.max_points = kPoints[seed % 3];
  options.integers = true;
  if (seed % 10 == 0) options.min_stages = 3, options.max_stages = 8;
  return test::random_program(seed, options);
}

// TC_ACCEL_ROUNDS: how many, TC_ACCEL_FIRST: from which seed.
TEST(Property, ProgramsComputeWhatTeEvaluationDoes) {
  const char* first = std::getenv("TC_ACCEL_FIRST");
  const uint64_t begin = first ? std::strtoull(first, nullptr, 10) : 1;
  Tally tally;
  int64_t on_device = 0;
  for (uint64_t seed = begin; seed < begin + static_cast<uint64_t>(rounds(200)) && !HasFailure(); ++seed) {
    const test::RandomProgram p = draw_program(seed);
    Draw draw{Rng(seed)};
    const isa::MachineConfig config = draw(0, 3) ? isa::random_config(draw.rng) : isa::MachineConfig{};
    SCOPED_TRACE(p.text + "\n" + isa::to_json(config));
    on_device += !legalize(p.args, config).value().ops.empty();
    try_computation(p.args, config, draw, seed, 20, tally);
  }
  tally.report();
  RecordProperty("on_device", static_cast<int>(on_device));
  std::printf("%lld of %lld programs have parts on the device\n", static_cast<long long>(on_device),
              static_cast<long long>(tally.rounds));
  EXPECT_GE(on_device * 3, tally.rounds) << "the generator makes too little for the device";
}

}  // namespace
}  // namespace tc::accel
