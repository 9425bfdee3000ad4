// Files of schedule goldens: comment lines, a function in te form, "----", steps,
// and then what the test makes of them. TC_BLESS=1 rewrites that last part.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/schedule/lower.h"

namespace tc::test {

namespace fs = std::filesystem;

struct ScheduleCase {
  std::string input, expected;  // the input ends with the steps
  ParsedGraph graph;
  std::string steps;
};

inline ScheduleCase read_case(const fs::path& path, const std::string& marker) {
  std::stringstream file;
  file << std::ifstream(path).rdbuf();
  const std::string text = file.str();
  ScheduleCase c;
  const size_t end = std::min(text.find("\n" + marker), text.size() - 1) + 1;
  c.input = text.substr(0, end);
  c.expected = text.substr(end);
  const size_t cut = c.input.find("\n----\n");
  TC_REQUIRE(cut != std::string::npos, Error("io.golden", "no line ---- in " + path.string()));
  c.graph = from_func(ir::parse_func(c.input.substr(0, cut), path.string()).value()).value();
  c.steps = c.input.substr(cut + 6);
  return c;
}

/// Compares, or with TC_BLESS=1 writes.
inline void expect_golden(const fs::path& path, const ScheduleCase& c, const std::string& got) {
  if (std::getenv("TC_BLESS"))
    std::ofstream(path) << c.input << got;
  else
    EXPECT_EQ(got, c.expected) << path;
}

inline std::vector<fs::path> files_of(const char* folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(TC_SOURCE_DIR) / "test/golden" / folder))
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}
/// A test's name from its file's.
inline std::string name_of(const testing::TestParamInfo<fs::path>& info) {
  std::string name = info.param.stem().string();
  for (char& ch : name)
    if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
  return name;
}

}  // namespace tc::test
