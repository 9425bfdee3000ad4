// Files of golden cases: input, a line "----", the exact output; cases are
// parted by lines "====". TC_BLESS=1 rewrites the outputs.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

namespace tc::ir {

inline void check_cases(const std::string& name, const std::function<std::string(const std::string&)>& run) {
  const std::string path = std::string(TC_SOURCE_DIR) + "/test/ir/golden/" + name;
  std::stringstream file;
  file << std::ifstream(path).rdbuf();
  std::string text = file.str(), blessed;
  ASSERT_FALSE(text.empty()) << path;
  const std::string part = "====\n", cut = "----\n";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(part, at), text.size());
    const std::string one = text.substr(at, end - at);
    const size_t middle = one.find(cut);
    const std::string input = one.substr(0, middle),
                      expected = middle == std::string::npos ? "" : one.substr(middle + cut.size());
    const std::string got = run(input) + "\n";
    if (!std::getenv("TC_BLESS")) {
      EXPECT_EQ(got, expected) << name << "\n" << input;
    }
    blessed += input + cut + got;
    at = end + part.size();
    if (at < text.size()) blessed += part;
  }
  if (std::getenv("TC_BLESS")) std::ofstream(path) << blessed;
}

}  // namespace tc::ir
