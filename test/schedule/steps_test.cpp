// What each step does to the lowered program, before and after: every file of
// test/golden/schedule shows its last step.
#include <set>

#include "schedule/golden.h"

namespace tc::test {
namespace {

std::string lowered(const ParsedGraph& g, const std::vector<Step>& steps) {
  Schedule s(g.outputs);
  const Check error = s.apply(steps);
  TC_REQUIRE(!error, *error);
  const Lowered low = lower(s, g.args).value();
  std::string out = ir::to_string(low.func) + "\n";
  for (const Pack& p : low.packs) out += ir::to_string(p.func) + "\n";
  return out;
}

class StepGolden : public testing::TestWithParam<fs::path> {};

TEST_P(StepGolden, ShowsBeforeAndAfter) {
  const ScheduleCase c = read_case(GetParam(), "---- before\n");
  std::vector<Step> steps = parse_steps(c.steps).value();
  ASSERT_FALSE(steps.empty());
  const std::string after = lowered(c.graph, steps);
  steps.pop_back();
  expect_golden(GetParam(), c, "---- before\n" + lowered(c.graph, steps) + "---- after\n" + after);
}
INSTANTIATE_TEST_SUITE_P(Files, StepGolden, testing::ValuesIn(files_of("schedule")), name_of);

TEST(StepGoldens, ShowEveryStep) {
  std::set<std::string> shown, all;
  for (const fs::path& f : files_of("schedule"))
    shown.emplace(to_string(parse_steps(read_case(f, "---- before\n").steps).value().back().kind));
  for (size_t k = 0; k < kNumStepKinds; ++k) all.emplace(to_string(static_cast<StepKind>(k)));
  EXPECT_EQ(shown, all);
}

// Two axes of one name, and one named like a dimension.
TEST(Stage, FindsAReduceAxisWhateverItsName) {
  const Tensor a = placeholder({4, 9, 3}, kF32, "A");
  const ReduceAxis p = reduce_axis(0, 9, "k"), q = reduce_axis(0, 3, "k"), r = reduce_axis(0, 9, "y");
  const Tensor c = compute({4}, [&](Expr y) { return sum(a(y, p, q), {p, q}); }, "C", {"y"});
  const Tensor d = compute({4}, [&](Expr y) { return sum(a(y, r, 0), r); }, "D", {"y"});
  Schedule s({c, d});
  EXPECT_EQ(s[c].axis(p).name, "k");
  EXPECT_EQ(s[c].axis(q).name, "k1");
  EXPECT_EQ(s[d].axis(r).name, "y1");
  const Stage cache = s.cache_write(c, Scope::stack);
  EXPECT_EQ(cache.axis(q).name, "k1");
  try {
    (void)s[d].axis(p);
    ADD_FAILURE() << "k is no axis of D";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "schedule.axis.unknown");
  }
}

// The text of a schedule makes it again, with the names that steps chose.
TEST(StepGoldens, ReplayFromText) {
  for (const fs::path& f : files_of("schedule")) {
    const ScheduleCase c = read_case(f, "---- before\n");
    Schedule s(c.graph.outputs), again(c.graph.outputs);
    ASSERT_FALSE(s.apply(parse_steps(c.steps).value())) << f;
    ASSERT_FALSE(again.apply(parse_steps(s.text()).value())) << f;
    EXPECT_EQ(again.text(), s.text());
    EXPECT_EQ(again.loops(), s.loops());
  }
}

TEST(Stage, KnowsItsSteps) {
  const Tensor a = placeholder({8, 9}, kF32, "A");
  const Tensor b = compute({8, 9}, [&](Expr y, Expr x) { return a(y, x) + a(y, x); }, "B");
  const Tensor c = compute({8, 9}, [&](Expr y, Expr x) { return b(y, x) * a(y, x); }, "C");
  Schedule s({c});
  EXPECT_TRUE(s[c].steps().empty());
  const auto [yo, yi] = s[c].split(s[c].axes()[0], 4);
  s[b].compute_at(s[c], yo);
  s[c].vectorize(s[c].axes()[1]);
  EXPECT_EQ(to_text(s[c].steps()), "split C y factor=4 into=yo,yi\nvectorize C x\n");
  EXPECT_EQ(to_text(s[b].steps()), "compute_at B C yo\n");
}

}  // namespace
}  // namespace tc::test
