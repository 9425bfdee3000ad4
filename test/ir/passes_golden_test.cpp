// Every file of test/golden/passes: a header "// run: unroll,simplify", the
// input, "----" and the exact output. TC_BLESS=1 rewrites the outputs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tc/ir/parse.h"
#include "tc/ir/pass.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class PassGolden : public testing::TestWithParam<fs::path> {};

TEST_P(PassGolden, GivesTheExactOutput) {
  const std::string text = read_text(GetParam());
  const size_t cut = text.find("\n----\n");
  ASSERT_NE(cut, std::string::npos) << "no ---- line";
  const std::string input = text.substr(0, cut), expected = text.substr(cut + 6);
  const size_t run = input.find("// run:");
  ASSERT_NE(run, std::string::npos) << "no // run: line";
  const std::string names = input.substr(run + 7, input.find('\n', run) - run - 7);
  FuncRef f = parse_func(input, GetParam().string()).value();
  const std::string got = to_string(run_pipeline(parse_pipeline(names), f)) + "\n";
  if (std::getenv("TC_BLESS"))
    std::ofstream(GetParam()) << input << "\n----\n" << got;
  else
    EXPECT_EQ(got, expected);
}

std::vector<fs::path> goldens() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(TC_SOURCE_DIR) / "test/golden/passes"))
    if (entry.path().extension() == ".tc") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Files, PassGolden, testing::ValuesIn(goldens()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace tc::ir
