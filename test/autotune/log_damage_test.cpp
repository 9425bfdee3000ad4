// The log against hostile files, killed writers and rival writers.
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <set>

#include "autotune/records.h"
#include "tc/support/rng.h"

namespace tc::autotune {
namespace {

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

/// Damages `text` once, at random.
void damage(std::string& text, Rng& rng) {
  const size_t at = rng.below(text.size() + 1);
  switch (rng.below(7)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << rng.below(8)));
      break;
    case 1:
      text.resize(at);
      break;
    case 2:
      text.insert(at, 1 + rng.below(40), static_cast<char>(rng.below(256)));
      break;
    case 3:
      text.insert(at, "\n" + std::string(9000, 'h') + "\n");
      break;
    case 4:
      text.insert(at, "\n" + std::string(500, '[') + "\n");
      break;
    case 5:
      text.erase(at, 1 + rng.below(60));
      break;
    default:
      text.insert(at, "\n{\"v\":1,\"kind\":\"trial\",\"run_ns\":[1e999],\"x\":\"\\ud800\"}\n");
      break;
  }
}

TEST(DamagedLog, IntactRecordsAreRecoveredAndBadLinesNamed) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  std::string whole;
  std::set<std::string> good;
  for (int i = 0; i < 12; ++i) {
    good.insert(to_line(sample_record(i)));
    whole += to_line(sample_record(i)) + "\n";
  }
  LogLimits limits;
  limits.max_line = 8000;
  Rng rng(42);
  for (int n = 0; n < 1000; ++n) {
    std::string text = whole;
    for (uint64_t i = 0; i < 1 + rng.below(4); ++i) damage(text, rng);
    write_text(path, text);
    // The oracle: a line counts exactly where it is one of the lines written.
    std::vector<std::string> expect_good;
    std::vector<int64_t> expect_bad;
    std::vector<std::string> lines = split_lines(text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].ends_with('\r')) lines[i].pop_back();  // what a writer of CRLF leaves
      if (good.contains(lines[i]))
        expect_good.push_back(lines[i]);
      else if (!lines[i].empty())
        expect_bad.push_back(static_cast<int64_t>(i + 1));
    }
    const auto file = read_log(path, limits);
    ASSERT_TRUE(file);
    std::vector<std::string> got_good;
    for (const Record& r : file.value().records) got_good.push_back(to_line(r));
    std::vector<int64_t> got_bad;
    for (const BadLine& b : file.value().bad) {
      got_bad.push_back(b.line);
      EXPECT_EQ(b.code.substr(0, 4), "log.");
      EXPECT_FALSE(b.reason.empty());
    }
    ASSERT_EQ(got_good, expect_good) << "damage " << n;
    ASSERT_EQ(got_bad, expect_bad) << "damage " << n;
  }
}

TEST(DamagedLog, LineEndsAndMarksOfOtherSystemsAreNoDamage) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  std::string text = "\xef\xbb\xbf", plain;
  for (int i = 0; i < 5; ++i) {
    text += to_line(sample_record(i)) + "\r\n";
    plain += to_line(sample_record(i)) + "\n";
  }
  write_text(path, text + "\r\n");
  const LogFile file = read_log(path).value();
  EXPECT_TRUE(file.bad.empty()) << file.bad[0].str();
  std::string read;
  for (const Record& r : file.records) read += to_line(r) + "\n";
  EXPECT_EQ(read, plain);
  // a mark is at the very beginning, or it is damage
  write_text(path, to_line(sample_record(1)) + "\n\xef\xbb\xbf" + to_line(sample_record(2)) + "\n");
  EXPECT_EQ(read_log(path).value().bad.size(), 1u);
}

TEST(DamagedLog, HugeLinesAndDeepNestingAreRefusedUnread) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  write_text(path, std::string(5 << 20, '{') + "\n" + std::string(900'000, '[') + "\n" +
                       to_line(sample_record(1)) + "\n");
  const LogFile file = read_log(path).value();
  EXPECT_EQ(file.records.size(), 1u);
  ASSERT_EQ(file.bad.size(), 2u);
  EXPECT_EQ(file.bad[0].code, "log.size");
  EXPECT_EQ(file.bad[1].reason, "nested deeper than 16 levels");
}

TEST(KilledWriter, EveryReloadWorksAndNothingIsDuplicated) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  Rng rng(7);
  size_t before = 0;
  for (int kill = 0; kill < 50; ++kill) {
    // Long lines make a kill in the middle of a write likelier.
    const pid_t pid = start(
        {TC_LOG_HAMMER, path, "run" + std::to_string(kill), "0", std::to_string(2000 + rng.below(60'000))});
    ASSERT_GT(pid, 0);
    // One in five dies while starting, the others once they have written.
    const auto size = [&] {
      std::error_code none;
      const auto n = std::filesystem::file_size(path, none);
      return none ? 0 : n;
    };
    const auto at_start = size();
    for (int i = 0; i < 4000 && kill % 5 != 0 && size() == at_start; ++i) ::usleep(500);
    ::usleep(static_cast<useconds_t>(rng.below(10'000)));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const auto file = read_log(path);
    if (!file) continue;  // killed before it had made the file
    EXPECT_LE(file.value().bad.size(), 1u);
    ASSERT_GE(file.value().records.size(), before) << "a record that was there is gone";
    before = file.value().records.size();
    ASSERT_TRUE(LogWriter::open(path));
    EXPECT_TRUE(read_log(path).value().bad.empty());
  }
  std::set<std::string> ids;
  std::map<std::string, int64_t> next;
  const LogFile all = read_log(path).value();
  for (const Record& r : all.records) {
    EXPECT_TRUE(ids.insert(r.id).second) << r.id;
    // A run's records are consecutive: only the one in flight can be lost.
    EXPECT_EQ(r.id, r.run + "-" + std::to_string(next[r.run]++));
  }
  EXPECT_GT(ids.size(), 0u);
}

TEST(RivalWriters, WholeLinesInterleave) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  const pid_t a = start({TC_LOG_HAMMER, path, "a", "100", "3000"});
  const pid_t b = start({TC_LOG_HAMMER, path, "b", "100", "70000"});
  int status_a = 1, status_b = 1;
  ::waitpid(a, &status_a, 0);
  ::waitpid(b, &status_b, 0);
  EXPECT_EQ(status_a, 0);
  EXPECT_EQ(status_b, 0);
  const LogFile file = read_log(path).value();
  EXPECT_EQ(file.records.size(), 200u);
  EXPECT_TRUE(file.bad.empty());
}

}  // namespace
}  // namespace tc::autotune
