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
    EXPECT_GT(coverage().kept(static_cast<StepKind>(k)), 150) << to_string(static_cast<StepKind>(k));
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
  if (first == double_buffer || first == rolling_buffer) {
    if (second == compute_inline || second == compute_root) return "it is kept in a buffer at its place";
    if (second != first && (second == double_buffer || second == rolling_buffer))
      return "its buffer is of the other kind";
  }
  if (first == storage_align && (second == compute_inline || second == layout))
    return "its storage is aligned as it is";
  if (second == tensorize) {
    if (first == cache_write) return "the stage is a copy, which no intrinsic that is built in makes";
    if (first == vectorize) return "no loop around or inside an intrinsic is vectorized";
    if (first == tensorize)
      return "a stage has one intrinsic; what rfactor leaves of it is no sum of products";
  }
  return "";
}

// Perhaps legal, and in none of the cases yet: for these the generator has to be taught.
bool is_missing(StepKind first, StepKind second, bool same_stage) {
  using enum StepKind;
  if (!same_stage) return first == tensorize && second == tensorize;
  return (first == vthread && second == rolling_buffer) ||
         (second == tensorize && (first == rfactor || first == rolling_buffer)) ||
         (first == tensorize && second == reverse_compute_at);
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
        if (is_missing(first, second, same)) continue;
        if (why.empty())
          EXPECT_GT(n, 0) << pair << " is not in any of 5,000 cases\n" << coverage().table();
        else
          EXPECT_EQ(n, 0) << pair << " is legal, though " << why;
      }
}

}  // namespace
}  // namespace tc::test
