// A test of the command: a folder of its own, and the command run in it as users
// run it.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "process.h"
#include "tc/autotune/json.h"

namespace tc::test {

using autotune::Json;
using Words = std::vector<std::string>;

class Command : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("tc-cli-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  [[nodiscard]] static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  [[nodiscard]] Words command(Words words) const {
    words.insert(words.begin(), std::string(TC_BINARY_DIR) + "/tools/tensorc");
    return words;
  }
  Finished run(Words words, const std::string& input = "") const {
    return Process(command(std::move(words)), input, {{"TC_CACHE_DIR", path("cache")}, {"TC_LOG", ""}})
        .wait();
  }
  /// With --json; the object must be the whole output.
  Json json(Words words, int exit) const {
    words.push_back("--json");
    const Finished f = run(words);
    EXPECT_EQ(f.exit, exit) << f.out << f.err;
    auto parsed = autotune::parse_json(f.out);
    EXPECT_TRUE(parsed.ok()) << f.out;
    return parsed ? std::move(parsed).value() : Json();
  }
  /// Runs into an error: its exit code and code, as text and as JSON.
  void refuses(const Words& words, int exit, const std::string& code) const {
    const Finished f = run(words);
    EXPECT_EQ(f.exit, exit) << words[0] << "\n" << f.out << f.err;
    EXPECT_NE(f.err.find("error[" + code + "]: "), std::string::npos) << f.err;
    EXPECT_EQ(f.out, "");
    const Json j = json(words, exit);
    ASSERT_TRUE(j.contains("error"));
    EXPECT_EQ(j["error"]["code"], code);
    EXPECT_EQ(j["exit"], exit);
  }

  std::filesystem::path folder_;
};

}  // namespace tc::test
