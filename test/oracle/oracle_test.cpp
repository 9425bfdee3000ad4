// The oracle itself: schedules known to be wrong have the fault that they have, and
// those known to be right have none; and a little of what oracle_fuzz does.
#include <gtest/gtest.h>

#include "oracle/execute.h"
#include "oracle/judge.h"
#include "tc/ir/parse.h"

namespace tc::test::oracle {
namespace {

const std::string kSum = R"(func main(A: f32[6, 8], S: f32[6]) {
  compute S[y] = sum(A[y, k], k in [0, +8))
})";
const std::string kChain = R"(func main(A: f32[6, 8], D: f32[6, 8], E: f32[6, 8]) {
  alloc T: f32[6, 8]
  compute T[y, x] = A[y, x] + 1.0
  alloc U: f32[6, 8]
  compute U[y, x] = T[y, x] * 2.0
  compute D[y, x] = U[y, x] + T[y, x]
  compute E[y, x] = A[y, x] * 2.0
})";

/// What goes wrong: "none: why" where a step has no meaning, "" where nothing does.
std::string fault(const std::string& program, const std::string& steps) {
  Model m(from_func(ir::parse_func(program).value()).value().outputs);
  for (const Step& step : parse_steps(steps).value())
    if (const Meaning meaning = m.apply(step); meaning.kind != Meaning::some) return "none: " + meaning.why;
  const auto f = execute(m);
  return f ? f->what : "";
}

TEST(Oracle, FindsRaces) {
  EXPECT_EQ(fault(kSum, "parallel S k"), "iterations race on S[0]");
  EXPECT_EQ(fault(kSum, "split S k factor=4\nparallel S ki"), "iterations race on S[0]");
  EXPECT_EQ(fault(kSum, "split S k factor=8\nparallel S ko"), "");  // of one iteration
  EXPECT_EQ(fault(kSum, "reorder S k,y\nparallel S y"), "");
  EXPECT_EQ(fault(kSum, "parallel S y"), "");
}

TEST(Oracle, FindsOrdersOfFloatsThatHadNoLeave) {
  EXPECT_EQ(fault(kSum, "vectorize S k"), "lanes fold floats in another order");
  EXPECT_EQ(fault(kSum, "vectorize S k reassociate"), "");
  EXPECT_EQ(fault(kSum, "split S k factor=2\nrfactor S ko position=0"),
            "partial results fold floats in another order");
  EXPECT_EQ(fault(kSum, "split S k factor=3\nrfactor S ki position=1 reassociate\nparallel S_rf ki"), "");
  EXPECT_EQ(fault(kSum, "split S k factor=3\nrfactor S ki position=1 reassociate\nparallel S ki"),
            "iterations race on S[0]");
}

TEST(Oracle, FindsReadsOfWhatIsNotThere) {
  EXPECT_EQ(fault(kChain, "compute_at T U y"), "T[0, 0] is touched where its stage is not computed");
  EXPECT_EQ(fault(kChain, "compute_at U D y\ncompute_at T D y"), "");
  EXPECT_EQ(fault(kChain, "compute_at U D x\ncompute_at T D y"), "");
  EXPECT_EQ(fault(kChain, "compute_at U D y\ncompute_at T D x"),
            "T[0, 0] is touched where its stage is not computed");
  EXPECT_EQ(fault(kChain, "compute_at U D y\ncompute_at T D y\ncompute_root U"),
            "T[0, 0] is touched where its stage is not computed");
  EXPECT_EQ(fault(kChain, "compute_at E D y"), "E[0, 0] is read where nothing was written");  // by the caller
  EXPECT_EQ(fault(kChain, "compute_inline E"), "the output E is not computed");
}

TEST(Oracle, FindsElementsThatShareAPlace) {
  EXPECT_EQ(fault(kChain, "layout T dims=y,x%4"), "T[0, 0] is read where another element is kept");
  EXPECT_EQ(fault(kChain, "layout T dims=x/4,y,x%4"), "");
  EXPECT_EQ(fault(kChain, "layout T dims=y,x%8"), "");
  EXPECT_EQ(fault(kChain, "layout A dims=y"), "A[0, 0] is read where another element is kept");
}

TEST(Oracle, KnowsWhatHasNoMeaning) {
  for (const char* step :
       {"split S z factor=2", "split S y factor=0", "fuse S y,k", "fuse S k,y", "vectorize A y",
        "compute_at S S y", "compute_inline S", "init_at A y", "rfactor S y position=0", "layout S dims=y",
        "cache_read S scope=stack", "parallel S y\nsplit S y factor=2", "parallel S y\nvectorize S y"})
    EXPECT_TRUE(fault(kSum, step).starts_with("none: ")) << step << ": " << fault(kSum, step);
}

TEST(Oracle, FoldsEveryTermOnce) {
  for (const char* steps :
       {"init_at S k", "split S k factor=3\ninit_at S ko", "reorder S k,y\ninit_at S y", "split S k parts=5",
        "cache_write S scope=stack\ncompute_at S_w S y", "split S y factor=4\nvectorize S yi",
        "split S k factor=3\nrfactor S ko position=0 reassociate\nrfactor S_rf ki position=2 reassociate"})
    EXPECT_EQ(fault(kSum, steps), "") << steps;
}

const std::string kWindow = R"(func main(A: i32[9, 4], D: i32[4, 4]) {
  alloc T: i32[9, 4]
  compute T[y, x] = A[y, x] + i32(1)
  compute D[y, x] = T[y * 2, x] + T[y * 2 + 1, x] + T[y * 2 + 2, x]
})";

TEST(Oracle, RunsRings) {
  EXPECT_EQ(fault(kWindow, "compute_at T D y\nrolling_buffer T"), "");
  EXPECT_EQ(fault(kWindow, "split D y factor=2\ncompute_at T D yi\nrolling_buffer T"), "");
  EXPECT_EQ(fault(kWindow, "compute_at T D x\nrolling_buffer T"), "the window of T does not move on");
  EXPECT_EQ(fault(kWindow, "reorder D x,y\ncompute_at T D y\nrolling_buffer T"), "");
  EXPECT_EQ(fault(kWindow, "split D y factor=2\ncompute_at T D yo\nrolling_buffer T"), "");
  EXPECT_EQ(fault(kWindow, "compute_at T D y\nrolling_buffer T\nparallel D y"), "iterations race on T[3, 0]");
  EXPECT_EQ(fault(kWindow, "compute_at T D y\nrolling_buffer T\nvthread D y"), "iterations race on T[3, 0]");
  EXPECT_EQ(fault(kChain, "compute_at U D y\nrolling_buffer U"), "the window of U does not move on");
}

TEST(Oracle, TriesIntrinsics) {
  const std::string product = R"(func main(A: f32[4, 6], B: f32[6, 8], C: f32[4, 8]) {
  compute C[y, x] = sum(B[k, x] * A[y, k], k in [0, +6))
})";
  const std::string other = " does not compute what gemm_f32_4x8x1 does: other operations or operands";
  EXPECT_EQ(fault(product, "reorder C k,y,x\ntensorize C y intrinsic=gemm_f32_4x8x1"), "");
  EXPECT_EQ(fault(product, "reorder C k,x,y\ntensorize C x intrinsic=gemm_f32_4x8x1"), "");
  EXPECT_EQ(fault(product, "tensorize C y intrinsic=gemm_f32_4x8x6"),
            "an intrinsic folds floats in another order");
  EXPECT_EQ(fault(product, "tensorize C y intrinsic=gemm_f32_4x8x6 reassociate"), "");
  EXPECT_EQ(fault(product, "tensorize C y intrinsic=gemm_f32_4x7x6 reassociate"),
            "the loops of C are not an intrinsic's");
  EXPECT_EQ(
      fault(product, "split C y factor=3\nreorder C yo,k,yi,x\ntensorize C yi intrinsic=gemm_f32_3x8x1"),
      "");  // the last tile runs as loops
  // rows of panels: neighbours are not apart by as much everywhere
  EXPECT_EQ(
      fault(product, "layout B dims=x/4,y,x%4\nreorder C k,y,x\ntensorize C y intrinsic=gemm_f32_4x8x1"),
      "C" + other);
  EXPECT_EQ(fault(R"(func main(A: f32[4, 6], B: f32[6, 8], C: f32[4, 8]) {
  compute C[y, x] = sum(B[k, x] + A[y, k], k in [0, +6))
})",
                  "reorder C k,y,x\ntensorize C y intrinsic=gemm_f32_4x8x1"),
            "C" + other);
}

TEST(Oracle, AsksOnlyForWhatIsThere) {
  EXPECT_EQ(fault(kChain, "prefetch D y tensor=U distance=1"), "");
  EXPECT_EQ(fault(kChain, "compute_at U D y\nprefetch D x tensor=U distance=1"), "");
  EXPECT_EQ(fault(kChain, "compute_at U D y\nprefetch D y tensor=U distance=1"),
            "none: what is asked for is computed in the loop");
  EXPECT_EQ(fault(kChain, "prefetch D y tensor=A distance=1"), "none: what is asked for is not read");
}

TEST(Oracle, KeepsTimeInOrder) {
  const std::string scan = R"(func main(X: f32[6, 8], H0: f32[1, 8], H: f32[6, 8]) {
  alloc G: f32[6, 8]
  scan {
    compute G[t, i] = if_then_else(t >= 1, H[t - 1, i] * 2.0, 0.0)
    compute H[t, i] = if_then_else(t < 1, H0[0, i], G[t, i] + X[t, i])
  }
})";
  EXPECT_EQ(fault(scan, ""), "");
  EXPECT_EQ(fault(scan, "compute_at G H i\nparallel H i"), "");
  EXPECT_EQ(fault(scan, "cache_read H scope=global readers=G"), "");
  EXPECT_EQ(fault(scan, "parallel H t"), "none: time runs in order");
  EXPECT_EQ(fault(scan, "split G t factor=2"), "none: time runs in order");
}

TEST(Oracle, AgreesWithTheCompiler) {
  Tally tally;
  for (uint64_t seed = 1; seed <= 1000; ++seed) judge_random(seed, tally);
  for (const std::string& wrong : tally.wrong) ADD_FAILURE() << wrong;
  EXPECT_LE(tally.refused_share(), 0.02) << tally.text();  // docs/oracle.md says which
  for (const auto& [kind, n] : tally.kinds) EXPECT_GT(std::min(n.first, n.second), 10) << kind;
}

}  // namespace
}  // namespace tc::test::oracle
