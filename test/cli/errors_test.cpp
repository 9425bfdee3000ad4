// Every error of the cases has its code, and its text is that of the golden
// file (TC_BLESS=1 writes them). docs/errors.md lists all codes: see codes_test.py.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "error_cases.h"
#include "tc/support/error.h"

namespace tc::test {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string block(const ErrorCase& c) {
  std::string doing = "// ";
  for (const char ch : c.doing) {
    doing += ch;
    if (ch == '\n') doing += "// ";
  }
  try {
    c.run();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), c.code) << c.doing << "\n" << e.str();
    EXPECT_FALSE(e.message().empty());
    return doing + "\n" + e.str() + "\n";
  }
  ADD_FAILURE() << c.code << ": no error from\n" << c.doing;
  return doing + "\n";
}

void compare(const ErrorFamily& family) {
  std::string text;
  for (const ErrorCase& c : family.cases) text += (text.empty() ? "" : "\n") + block(c);
  const auto path = std::filesystem::path(TC_SOURCE_DIR) / "test/golden/errors" / (family.name + ".txt");
  if (std::getenv("TC_BLESS")) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(text, read(path)) << "TC_BLESS=1 writes " << path;
}

TEST(Errors, Schedule) { compare(schedule_errors()); }
TEST(Errors, Te) { compare(te_errors()); }
TEST(Errors, Workload) { compare(workload_errors()); }
TEST(Errors, Ir) { compare(ir_errors()); }
TEST(Errors, Runtime) { compare(runtime_errors()); }
TEST(Errors, Log) { compare(log_errors()); }
TEST(Errors, CodegenAccel) { compare(codegen_accel_errors()); }
TEST(Errors, Isa) { compare(isa_errors()); }
TEST(Errors, Sim) { compare(sim_errors()); }
TEST(Errors, Other) { compare(other_errors()); }

}  // namespace
}  // namespace tc::test
