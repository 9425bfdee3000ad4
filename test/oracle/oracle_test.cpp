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

TEST(Oracle, AgreesWithTheCompiler) {
  Tally tally;
  for (uint64_t seed = 1; seed <= 1000; ++seed) judge_random(seed, tally);
  for (const std::string& wrong : tally.wrong) ADD_FAILURE() << wrong;
  EXPECT_LE(tally.refused_share(), 0.025) << tally.text();  // docs/oracle.md says which
  for (const auto& [kind, n] : tally.kinds) EXPECT_GT(std::min(n.first, n.second), 20) << kind;
}

}  // namespace
}  // namespace tc::test::oracle
