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

// What a guard of a term reads is behind the guards before it: a tail, or one on another read.
TEST(Lower, GuardsOfTermsProtectOneAnother) {
  const std::string text = R"(func main(I: i32[32], A: i32[20], S: i32[4]) {
  compute S[y] = sum(if_then_else(I[k] >= i32(4) && I[k] < i32(36), if_then_else(I[cast(i64, I[k] - i32(4))] < i32(20) && I[cast(i64, I[k] - i32(4))] >= i32(0), A[cast(i64, I[cast(i64, I[k] - i32(4))])] * cast(i32, y), i32(0)), i32(0)), k in [0, +32))
})";
  for (const char* steps :
       {"", "split S k factor=5\nunroll S ki", "split S k factor=7\nrfactor S ki position=0",
        "split S k factor=7\ncache_read A\ncompute_at A_r S ko", "split S y factor=3\nreorder S k,yo,yi",
        "split S k factor=5\nsplit S y factor=3\nreorder S ko,yo,yi,ki",
        "cache_read I\nsplit S k factor=5\ncompute_at I_r S ko", "split S y factor=3\nvectorize S yi",
        "cache_write S\nsplit S_w k factor=5"})
    expect_right(text, steps);
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
