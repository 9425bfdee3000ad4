// Every error of the cases has its code and says how to go on, and its text is that
// of the golden file (TC_BLESS=1 writes them). tools/list_errors.py checks that every
// code of the sources is among those that docs/errors.md shows.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "error_cases.h"
#include "tc/support/error.h"

namespace tc::test {

ErrorCase masked(ErrorCase c, const std::string& pattern, const std::string& by) {
  c.run = [run = std::move(c.run), pattern, by] {
    std::string text;
    try {
      run();
    } catch (const Error& e) {
      text = e.str();
    } catch (const ErrorText& e) {
      text = e.text;
    }
    const std::regex hidden(pattern);
    std::smatch found;
    std::string out;
    while (std::regex_search(text, found, hidden)) {
      out += text.substr(0, static_cast<size_t>(found.position(1))) + by;
      text.erase(0, static_cast<size_t>(found.position(1) + found.length(1)));
    }
    EXPECT_NE(out, "") << "nothing to hide like " << pattern << " in\n" << text;
    throw ErrorText{out + text};
  };
  return c;
}

namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string text_of(const ErrorCase& c) {
  try {
    c.run();
  } catch (const Error& e) {
    EXPECT_FALSE(e.message().empty());
    return e.str();
  } catch (const ErrorText& e) {
    return e.text;
  }
  return "no error";
}

std::string block(const ErrorCase& c) {
  std::string doing = "// ";
  for (const char ch : c.doing) {
    doing += ch;
    if (ch == '\n') doing += "// ";
  }
  const std::string text = text_of(c), head = "error[" + c.code + "]: ";
  EXPECT_EQ(text.substr(0, head.size()), head) << c.doing;
  // What to do next, or the place in a text of the user's: there the sentence says what is
  // expected. Lines of a log are only reported, and passed over.
  const std::regex remedy("\n  fix +[^ ]|\n +(\\| +)?\\^");
  EXPECT_TRUE(c.code == "log.size" || std::regex_search(text, remedy)) << "does not say what to do:\n"
                                                                       << text;
  return doing + "\n" + text + "\n";
}

class Errors : public testing::TestWithParam<ErrorFamily> {};

TEST_P(Errors, HaveThisText) {
  const ErrorFamily& family = GetParam();
  std::string text;
  for (const ErrorCase& c : family.cases) text += (text.empty() ? "" : "\n") + block(c);
  const auto path = std::filesystem::path(TC_SOURCE_DIR) / "test/golden/errors" / (family.name + ".txt");
  if (std::getenv("TC_BLESS"))
    std::ofstream(path) << text;
  else
    EXPECT_EQ(text, read(path)) << "TC_BLESS=1 writes " << path;
}

INSTANTIATE_TEST_SUITE_P(Families, Errors,
                         testing::Values(te_errors(), workload_errors(), schedule_errors(), ir_errors(),
                                         codegen_errors(), codegen_accel_errors(), runtime_errors(),
                                         tuner_errors(), log_errors(), isa_errors(), sim_errors(),
                                         accel_errors(), command_errors()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace tc::test
