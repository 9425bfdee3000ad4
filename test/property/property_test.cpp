// The cases that once went wrong, and the machinery of the property run itself
// (property_fuzz, which ctest starts beside this).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "property/shrink.h"

namespace tc::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> case_files() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(TC_SOURCE_DIR) / "test/property/cases"))
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

class Cases : public testing::TestWithParam<fs::path> {};

// A step of the file may have become illegal: then that was the repair.
TEST_P(Cases, Agree) {
  std::stringstream text;
  text << std::ifstream(GetParam()).rdbuf();
  ParsedCase c = parse_case(text.str());
  for (const uint64_t seed : {15, 16}) {  // both orders of parallel loops
    const Subject subject(c.program, seed);
    const Verdict v = subject.check(subject.legal(c.steps));
    EXPECT_EQ(v.kind, Verdict::agree) << v.where << "\n" << v.what;
  }
}
INSTANTIATE_TEST_SUITE_P(Files, Cases, testing::ValuesIn(case_files()),
                         [](const auto& info) { return info.param.stem().string(); });

TEST(PropertyRun, CasesAreTheSameForTheSameSeed) {
  for (uint64_t seed = 1; seed < 30; ++seed) {
    const RandomCase a = RandomCase::of(seed), b = RandomCase::of(seed);
    EXPECT_EQ(to_text(a.subject.program(), a.steps), to_text(b.subject.program(), b.steps));
  }
}

TEST(PropertyRun, CasesAreFilesThatParse) {
  for (uint64_t seed = 1; seed < 30; ++seed) {
    const RandomCase c = RandomCase::of(seed);
    const ParsedCase again = parse_case(to_text(c.subject.program(), c.steps));
    EXPECT_EQ(again.steps, c.steps);
    EXPECT_EQ(Subject(again.program, seed).legal(again.steps), c.steps);
  }
}

// A failure that needs two kinds of steps and one of the outputs: nothing else stays.
TEST(Shrink, LeavesOnlyWhatTheFailureNeeds) {
  int shrunk = 0;
  for (uint64_t seed = 1; seed < 200; ++seed) {
    const RandomCase c = RandomCase::of(seed);
    const std::string output = c.subject.program().outputs.back().name();
    const Judge judge = [&](const Subject& s, const std::vector<Step>& steps) {
      bool split = false, unroll = false, has_output = false;
      for (const Step& step : steps)
        split |= step.kind == StepKind::split, unroll |= step.kind == StepKind::unroll;
      for (const Tensor& t : s.program().outputs) has_output |= t.name() == output;
      return split && unroll && has_output ? Verdict{Verdict::differ, "here", ""} : Verdict{};
    };
    const Verdict v = judge(c.subject, c.steps);
    if (v.kind == Verdict::agree) continue;
    const Shrunk s = shrink(c.subject, c.steps, v, 400, judge);
    for (size_t i = 0; i < s.steps.size(); ++i) {  // without any one of them it does not fail
      std::vector<Step> fewer = s.steps;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      const Subject subject(s.program, seed);
      EXPECT_EQ(judge(subject, subject.legal(fewer)).kind, Verdict::agree) << to_text(s.program, s.steps);
    }
    EXPECT_EQ(Subject(s.program, seed).legal(s.steps), s.steps);
    ++shrunk;
  }
  EXPECT_GT(shrunk, 10);
}

TEST(Shrink, KeepsWhatDoesNotFailWhenSmaller) {
  const RandomCase c = RandomCase::of(5);
  const Judge judge = [&](const Subject&, const std::vector<Step>& steps) {
    return steps == c.steps ? Verdict{Verdict::differ, "here", ""} : Verdict{};
  };
  EXPECT_EQ(shrink(c.subject, c.steps, {Verdict::differ, "here", ""}, 400, judge).steps, c.steps);
}

}  // namespace
}  // namespace tc::test
