// What the random schedules cover: every step, and every pair of steps of which the
// second can be legal after the first.
#include "property/coverage.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "property/random_case.h"

namespace tc::test {
namespace {

// 5,000 cases, as many as a longer property run has.
const Coverage& coverage() {
  static const Coverage made = [] {
    Coverage c;
    for (uint64_t seed = 1; seed <= 5000; ++seed) c.add(random_case_steps(random_case_program(seed), seed));
    return c;
  }();
  return made;
}

TEST(Coverage, EveryStep) {
  for (size_t k = 0; k < kNumStepKinds; ++k)
    EXPECT_GT(coverage().kept(static_cast<StepKind>(k)), 200) << to_string(static_cast<StepKind>(k));
}

// Why `second` can never be legal after `first`, in however many steps; "" where it can.
// A pair that is neither here nor in the run is one that the generator lacks. A step that
// is new needs lines here only for what it rules out.
std::string impossible(StepKind first, StepKind second, bool same_stage) {
  using enum StepKind;
  if (!same_stage) return "";  // stages are independent enough
  if (first == compute_inline) return "the stage is no more";
  if (first == cache_write && (second == init_at || second == rfactor))
    return "the stage is a copy, and folds nothing";
  const auto is = [](StepKind k, std::initializer_list<StepKind> of) {
    return std::find(of.begin(), of.end(), k) != of.end();
  };
  if (is(first, {double_buffer, storage_align, rolling_buffer}) && second == compute_inline)
    return "a stage is inlined before its storage is scheduled";
  if (is(first, {double_buffer, rolling_buffer}) && second == compute_root)
    return "the stage is kept for the iterations of a loop";
  if (is(first, {double_buffer, rolling_buffer}) && is(second, {double_buffer, rolling_buffer}) &&
      first != second)
    return "one place is a ring, or two take turns";
  if (first == storage_align && second == layout)
    return "the strides are those of the dimensions as they were";
  if (second == tensorize) {
    if (first == cache_write) return "the stage is a copy, which no intrinsic that is built in makes";
    if (first == vectorize) return "no loop around or inside an intrinsic is vectorized";
    if (first == tensorize)
      return "a stage has one intrinsic; what rfactor leaves of it is no sum of products";
  }
  return "";
}

TEST(Coverage, EveryPair) {
  for (const bool same : {true, false})
    for (size_t a = 0; a < kNumStepKinds; ++a)
      for (size_t b = 0; b < kNumStepKinds; ++b) {
        const auto first = static_cast<StepKind>(a), second = static_cast<StepKind>(b);
        const std::string why = impossible(first, second, same);
        const int64_t n = coverage().pairs(first, second, same);
        const std::string pair = fmt::format("{} then {} on {}", to_string(first), to_string(second),
                                             same ? "the same stage" : "another stage");
        if (why.empty())
          EXPECT_GT(n, 0) << pair << " is not in any of 5,000 cases\n" << coverage().table();
        else
          EXPECT_EQ(n, 0) << pair << " is legal, though " << why;
      }
}

}  // namespace
}  // namespace tc::test
