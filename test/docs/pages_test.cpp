// The generated parts of the documentation are what the code produces today.
// TC_BLESS=1 (./dev docs) writes them anew. LLVM IR is written but not compared:
// names of values and LLVM's own versions are no facts of ours.
#include "pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "accel_life.h"
#include "matmul_life.h"
#include "tc/ir/passes.h"
#include "tc/isa/layout.h"
#include "tc/te/workload.h"

namespace tc::docs {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string padded(std::string_view text, size_t width) {
  std::string out(text);
  out.resize(std::max(width, out.size()), ' ');
  return out;
}

std::string pass_table() {
  std::string out;
  for (const ir::Pass* pass : ir::all_passes())
    out += padded(pass->name, 22) + std::string(pass->summary) + "\n";
  return out;
}

std::string pipeline_table() {
  std::string out;
  int number = 0;
  for (const ir::Step& step : ir::cpu_pipeline().steps) {
    const std::string n = std::to_string(++number);
    out += std::string(n.size() < 2 ? " " : "") + n + " " + padded(step.pass->name, 22) +
           std::string(step.reason) + "\n";
  }
  return out;
}

// The text of a block; a name that is no block is a file of the tree.
std::string block_text(const std::map<std::string, std::string>& life, std::string_view name) {
  if (const auto found = life.find(std::string(name)); found != life.end()) return found->second;
  if (name == "passes") return pass_table();
  if (name == "cpu_pipeline") return pipeline_table();
  if (name == "workloads") return workload_help();
  if (name.starts_with("isa."))
    if (std::string table = isa::table(name.substr(4), {}); !table.empty()) return table;
  const fs::path file = fs::path(TC_SOURCE_DIR) / name;
  if (!fs::is_regular_file(file)) throw std::runtime_error("there is no block or file " + std::string(name));
  return read(file);
}

std::vector<fs::path> pages() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(TC_SOURCE_DIR))
    if (entry.path().extension() == ".md") out.push_back(entry.path());
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TC_SOURCE_DIR) / "docs"))
    if (entry.path().extension() == ".md") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Pages, BlocksAreReplacedAndTheRestIsKept) {
  std::vector<std::string> names;
  const std::string page =
      "a\n<!-- generated: one -->\n```cpp\nold\nold\n```\nb\n<!-- generated: two -->\n```\n```\n";
  EXPECT_EQ(
      regenerate(
          page,
          [](std::string_view n, std::string_view old) { return std::string(old) + "new " + std::string(n); },
          &names),
      "a\n<!-- generated: one -->\n```cpp\nold\nold\nnew one\n```\nb\n<!-- generated: two -->\n```\nnew "
      "two\n```\n");
  EXPECT_EQ(names, (std::vector<std::string>{"one", "two"}));
  EXPECT_THROW(
      regenerate(
          "<!-- generated: one -->\ntext\n", [](std::string_view, std::string_view) { return ""; }, &names),
      std::runtime_error);
}

TEST(Pages, GeneratedBlocksAreUpToDate) {
  std::map<std::string, std::string> life = life_of_a_matmul();
  life.merge(life_on_the_accelerator());
  const bool bless = std::getenv("TC_BLESS") != nullptr;
  const BlockText text_now = [&](std::string_view name, std::string_view old) {
    return name == "matmul.llvm" && !bless ? std::string(old) : block_text(life, name);
  };
  std::vector<std::string> names;
  for (const fs::path& file : pages()) {
    const std::string page = read(file);
    const std::string now = regenerate(page, text_now, &names);
    if (bless && now != page)
      std::ofstream(file) << now;
    else
      EXPECT_EQ(page, now) << file << " is out of date: ./dev docs writes it anew";
  }
  for (const auto& [name, text] : life)
    EXPECT_TRUE(std::count(names.begin(), names.end(), name)) << "no page shows the block " << name;
}

}  // namespace
}  // namespace tc::docs
