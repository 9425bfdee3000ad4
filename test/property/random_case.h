// The program and the schedule of a seed. Without what runs them (check.h), so that
// what they cover can be counted without a code generator.
#pragma once
#include "property/random_schedule.h"
#include "property/random_size.h"
#include "property/random_workload.h"

namespace tc::test {

inline RandomProgram random_case_program(uint64_t seed) {
  RandomOptions options;
  static constexpr int64_t kPoints[] = {200, 600, 1500};  // small programs fail in ways that are easy to see
  options.max_points = kPoints[seed % 3];
  if (seed % 5 == 0) options.min_stages = 3, options.max_stages = 8;
  RandomProgram program = seed % 4 == 3 ? WorkloadDice(seed).roll() : random_program(seed, options);
  return seed % 6 == 1 ? with_size(std::move(program), seed) : program;
}

inline std::vector<Step> random_case_steps(const RandomProgram& program, uint64_t seed) {
  Schedule s(program.outputs);
  ScheduleDice(s, seed).roll(static_cast<int>(8 + seed % 29));
  return s.steps();
}

}  // namespace tc::test
