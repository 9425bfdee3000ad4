// Every error of lib/schedule, with its exact text: files of
// test/golden/schedule/errors, whose last step is refused, and what only calls
// can do wrong.
#include <regex>
#include <set>

#include "schedule/golden.h"

namespace tc::test {
namespace {

class ScheduleErrors : public testing::TestWithParam<fs::path> {};

Check refused(const ScheduleCase& c, Schedule& s) {
  const auto steps = parse_steps(c.steps);
  if (!steps) return steps.error();
  for (size_t i = 0; i < steps.value().size(); ++i)
    if (auto error = s.apply(steps.value()[i])) {
      EXPECT_EQ(i + 1, steps.value().size()) << error->str();
      return error;
    }
  return std::nullopt;
}

TEST_P(ScheduleErrors, HaveThisText) {
  const ScheduleCase c = read_case(GetParam(), "---- error\n");
  Schedule s(c.graph.outputs);
  const Check error = refused(c, s);
  ASSERT_TRUE(error) << "no step is refused";
  const std::string stem = GetParam().stem().string();
  EXPECT_EQ(error->code(), "schedule." + stem.substr(0, stem.find('-')));
  EXPECT_NE(error->how_to_fix(), "") << error->str();
  expect_golden(GetParam(), c, "---- error\n" + error->str() + "\n");
}
INSTANTIATE_TEST_SUITE_P(Files, ScheduleErrors, testing::ValuesIn(files_of("schedule/errors")), name_of);

// What is refused changes nothing.
TEST(ScheduleErrorFiles, LeaveTheScheduleAsItWas) {
  for (const fs::path& f : files_of("schedule/errors")) {
    const ScheduleCase c = read_case(f, "---- error\n");
    const auto steps = parse_steps(c.steps);
    if (!steps) continue;
    Schedule s(c.graph.outputs), without(c.graph.outputs);
    ASSERT_TRUE(refused(c, s)) << f;
    ASSERT_FALSE(without.apply(std::vector<Step>(steps.value().begin(), steps.value().end() - 1))) << f;
    EXPECT_EQ(s.text(), without.text()) << f;
    EXPECT_EQ(s.loops(), without.loops()) << f;
  }
}

template <class F>
std::string text_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.str();
  }
  return "no error";
}

struct Example {
  Tensor a = placeholder({4, 6}, kF32, "A");
  Tensor t = compute({4, 6}, [&](Expr y, Expr x) { return a(y, x) + 1.0; }, "T");
  Tensor d = compute({4, 6}, [&](Expr y, Expr x) { return t(y, x) * 2.0; }, "D");
};

TEST(ScheduleCalls, RefuseWhatStepsCannotSay) {
  const Example e;
  Schedule s({e.d});
  EXPECT_EQ(text_of([&] { (void)s[e.d].axes<3>(); }), R"(error[schedule.axis.count]: D has 2 axes, not 3
  stage  D
  fix    take 2, or all of them in a vector: axes())");
  EXPECT_EQ(text_of([&] { (void)s[e.d].split(s[e.t].axis("x"), 2); }),
            R"(error[schedule.axis.stage]: x is an axis of T, not of D
  stage  D
  axis   x
  fix    name the loop of D itself ("x", where it has one of that name), or apply the step to s[T])");
  EXPECT_EQ(text_of([&] { (void)s[e.t].compute_at(s[e.d], s[e.t].axis("x")); }),
            R"(error[schedule.axis.stage]: x is an axis of T, not of D
  stage  D
  axis   x
  fix    name the loop of D inside which T is computed)");
  EXPECT_EQ(text_of([&] { (void)s[e.d].tile(s[e.d].axes(), {2}); }),
            R"(error[schedule.tile.count]: tile is given 2 axes and 1 factors
  stage  D
  fix    give one factor an axis)");
  EXPECT_EQ(text_of([&] { (void)s[placeholder({1}, kF32, "Z")]; }),
            R"(error[schedule.stage.unknown]: Z is no tensor of this computation
  fix  make the schedule of the outputs that need it)");
  EXPECT_EQ(s.text(), "");
}

TEST(ScheduleCalls, TileIsAllOrNothing) {
  const Example e;
  Schedule s({e.d});
  s[e.d].parallel(s[e.d].axis("x"));
  EXPECT_EQ(text_of([&] { (void)s[e.d].tile(s[e.d].axes(), {2, 2}); }).substr(0, 28),
            "error[schedule.axis.mode]: c");
  EXPECT_EQ(s.text(), "parallel D x\n");
}

TEST(LowerErrors, HaveThisText) {
  const Example e;
  EXPECT_EQ(lower(Schedule({e.d}), {e.a, e.t, e.d}).error().str(),
            R"(error[lower.args]: T is an intermediate and is given as an argument
  fix  make it an output of the schedule, or leave it out)");
}

// Codes in the sources of lib/schedule, and those that the tests above have seen.
TEST(ScheduleErrorFiles, ShowEveryCode) {
  std::set<std::string> shown{"schedule.axis.count", "schedule.axis.stage", "schedule.tile.count",
                              "schedule.tensorize.name", "schedule.tensorize.scope"},
      all;
  for (const fs::path& f : files_of("schedule/errors")) {
    const std::string stem = f.stem().string();
    shown.insert("schedule." + stem.substr(0, stem.find('-')));
  }
  const std::regex code(R"re("(schedule\.[a-z_.]*[a-z_])")re");
  for (const auto& entry : fs::directory_iterator(fs::path(TC_SOURCE_DIR) / "lib/schedule")) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string all_text = text.str();
    for (std::sregex_iterator it(all_text.begin(), all_text.end(), code), end; it != end; ++it)
      all.insert((*it)[1]);
  }
  all.insert({"schedule.parallel.reduce", "schedule.vectorize.reduce",
              "schedule.vthread.reduce"});  // made of two parts
  EXPECT_EQ(shown, all);
}

}  // namespace
}  // namespace tc::test
