// The page of a schedule: well-formed, self-contained, with every step.
#include "tc/schedule/show.h"

#include <gtest/gtest.h>

#include <cctype>

#include "schedule/golden.h"

namespace tc::test {
namespace {

// The first element that is not closed where it should be, or nothing.
std::string unbalanced(std::string_view html) {
  std::vector<std::string> open;
  for (size_t i = html.find('<'); i != html.npos; i = html.find('<', i + 1)) {
    if (html[i + 1] == '!') continue;
    const bool closes = html[i + 1] == '/';
    size_t end = i + 1 + closes;
    while (std::isalnum(static_cast<unsigned char>(html[end]))) ++end;
    const std::string name(html.substr(i + 1 + closes, end - i - 1 - closes));
    if (name == "meta") continue;
    if (!closes) {
      open.push_back(name);
      // what stands in these is no markup
      if (name == "script" || name == "style") i = html.find("</" + name, i) - 1;
      continue;
    }
    if (open.empty() || open.back() != name) return "</" + name + ">";
    open.pop_back();
  }
  return open.empty() ? "" : "<" + open.back() + ">";
}

size_t count(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t i = text.find(what); i != text.npos; i = text.find(what, i + 1)) ++n;
  return n;
}

TEST(Show, PagesAreWellFormedForEveryStep) {
  for (const fs::path& f : files_of("schedule")) {
    const ScheduleCase c = read_case(f, "---- before\n");
    Schedule s(c.graph.outputs);
    ASSERT_FALSE(s.apply(parse_steps(c.steps).value())) << f;
    const std::string page = to_html(s);
    EXPECT_EQ(unbalanced(page), "") << f;
    EXPECT_EQ(count(page, "<section>"), s.steps().size() + 1) << f;
    for (const char* outside : {"http:", "https:", " src=", "@import"})
      EXPECT_EQ(page.find(outside), page.npos) << f;
    EXPECT_EQ(unbalanced(to_html(s, {.steps = false, .page = false})), "") << f;
  }
}

TEST(Show, MarksWhatAStepChanged) {
  const Tensor A = placeholder({6}, kF32, "A");
  const Tensor B = compute({6}, [&](const Axes& i) { return A.at({i[0]}) + A.at({i[0]}); }, "B", {"i"});
  Schedule s({B});
  s[B].parallel(s[B].axes()[0]);
  const std::string page = to_html(s);
  EXPECT_EQ(count(page, "line parallel new"), 1u);
  EXPECT_EQ(count(page, "line serial new"), 1u) << "the same loop before";
}

}  // namespace
}  // namespace tc::test
