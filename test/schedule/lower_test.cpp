// What lowering must not take for something else.
#include "schedule/run_schedule.h"

namespace tc::test {
namespace {

// Padding is left out of a reduction only where it is the identity.
TEST(Lower, PaddingThatIsNoIdentityIsFolded) {
  for (const char* type : {"i32", "u8", "f32", "f64"})
    for (const char* op : {"sum", "prod", "min", "max"})
      for (const char* padding : {"0", "1", "3"}) {
        const std::string t = type;
        const std::string text = "func main(A: " + t + "[5, 6], S: " + t + "[5]) {\n  compute S[y] = " + op +
                                 "(if_then_else(k >= 2 && k < 6, A[y, k], " + t + "(" + padding +
                                 ")), k in [0, +8))\n}";
        expect_right(text, "");
        expect_right(text, "split S k factor=3\nreorder S ko,y,ki");
        expect_right(text, "split S k factor=3\nrfactor S ko position=0 reassociate");
      }
}

// Axes that do not begin at 0, through every step that moves them.
TEST(Lower, ReduceAxesThatBeginElsewhere) {
  const std::string text = R"(func main(A: i32[5, 12], S: i32[5]) {
  compute S[y] = sum(A[y, k] * cast(i32, k), k in [3, +8))
})";
  for (const char* steps :
       {"", "split S k factor=3", "rfactor S k position=1", "split S k factor=3\nrfactor S ki position=0",
        "split S k parts=3\nrfactor S ko position=0\ncompute_at S_rf S y", "cache_write S scope=stack",
        "cache_read A scope=stack\ncompute_at A_r S y", "vectorize S k", "reorder S k,y\ninit_at S y"})
    expect_right(text, steps);
}

}  // namespace
}  // namespace tc::test
