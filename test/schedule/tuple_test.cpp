// Folds of several values at once, of which the outputs need all, some, or one twice,
// in any order.
#include "schedule/run_schedule.h"

namespace tc::test {
namespace {

// `outputs` like "I: i64[5]"; `stored` like "I[y]"; `picked` like ".1".
std::string argmax(const std::string& outputs, const std::string& stored, const std::string& picked) {
  return "func main(A: f32[5, 7], " + outputs + ") {\n  compute " + stored +
         " = reduce argmax(v: f32, i: i64; w: f32, j: i64)"
         " -> (max(v, w), select(v > w || v == w && i < j, i, j)) from (-inf, 9223372036854775807)"
         " of (A[y, k], k, k in [0, +7))" +
         picked + "\n}";
}

const char* const kSteps[] = {
    "",
    "split {} k factor=3",
    "split {} y factor=2\nsplit {} k factor=3\nreorder {} yo,ko,yi,ki\ninit_at {} ko",
    "cache_write {} scope=stack",
    "split {} k factor=3\nrfactor {} ko",
    "rfactor {} k position=1",
    "split {} k factor=2\nrfactor {} ki\ncache_write {} scope=global",
    "parallel {} y",
    "vthread {} y"};

void expect_right_under_all(const std::string& text, const std::string& stage) {
  for (std::string steps : kSteps) {
    for (size_t at; (at = steps.find("{}")) != std::string::npos;) steps.replace(at, 2, stage);
    SCOPED_TRACE(steps);
    expect_right(text, steps);
  }
}

TEST(Tuple, AllComponents) { expect_right_under_all(argmax("V: f32[5], I: i64[5]", "V[y], I[y]", ""), "V"); }
TEST(Tuple, OneComponent) {
  expect_right_under_all(argmax("V: f32[5]", "V[y]", ".0"), "V");
  expect_right_under_all(argmax("I: i64[5]", "I[y]", ".1"), "I");
}
TEST(Tuple, InAnotherOrder) {
  expect_right_under_all(argmax("V: f32[5], I: i64[5]", "I[y], V[y]", ".(1, 0)"), "I");
}
TEST(Tuple, OneTwice) {
  expect_right_under_all(argmax("I: i64[5], J: i64[5]", "I[y], J[y]", ".(1, 1)"), "I");
  expect_right_under_all(argmax("V: f32[5], I: i64[5], J: i64[5]", "J[y], V[y], I[y]", ".(1, 0, 1)"), "J");
}

// Components that start at different values: what a tail adds to each is its own identity.
// The factors are odd, so that their product is never 0.
TEST(Tuple, ComponentsOfUnlikeIdentities) {
  const auto text = [](const std::string& outputs, const std::string& stored, const std::string& fold) {
    return "func main(A: i32[5, 7], " + outputs + ") {\n  compute " + stored + " = reduce " + fold +
           ", k in [0, +7))\n}";
  };
  const std::string odd = "A[y, k] * i32(2) + i32(1)";
  expect_right_under_all(text("S: i32[5], P: i32[5]", "S[y], P[y]",
                              "sum_and_product(s: i32, p: i32; x: i32, y: i32) -> (s + x, p * y) "
                              "from (i32(0), i32(1)) of (A[y, k], " +
                                  odd),
                         "S");
  expect_right_under_all(text("P: i32[5], M: i32[5], S: i32[5]", "P[y], M[y], S[y]",
                              "three(p: i32, m: i32, s: i32; x: i32, y: i32, z: i32) -> "
                              "(p * x, max(m, y), s + z) from (i32(1), i32(-2147483648), i32(0)) of (" +
                                  odd + ", A[y, k] - i32(100), A[y, k]"),
                         "P");
}

}  // namespace
}  // namespace tc::test
