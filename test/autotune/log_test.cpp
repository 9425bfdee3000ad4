#include "tc/autotune/log.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <limits>

#include "autotune/records.h"

namespace tc::autotune {
namespace {

/// Recomputes the checksum of a line edited as JSON.
std::string sealed(Json j) {
  j.erase("crc");
  std::string line = dump_json(j);
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x", crc32(line));
  line.pop_back();
  return line + ",\"crc\":\"" + crc + "\"}";
}

TEST(Record, RoundTripsEveryField) {
  Record r = sample_record(3);
  r.message = "quotes \" and \n newlines";
  const std::string line = to_line(r);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const Record back = record_from_line(line).value();
  EXPECT_EQ(to_line(back), line);
  EXPECT_EQ(back.decisions, r.decisions);
  EXPECT_EQ(back.target, r.target);
  EXPECT_EQ(back.run_ns, r.run_ns);
  EXPECT_EQ(back.seed, r.seed);
  EXPECT_EQ(back.message, r.message);
  EXPECT_EQ(back.cost(), 1004);
}

TEST(Record, KeepsFieldsThatItDoesNotKnow) {
  Json j = Json::parse(to_line(sample_record(1)));
  j["colour"] = {{"r", 1}};
  j["target"]["sockets"] = 2;
  j["status"] = "lukewarm";
  const std::string line = sealed(j);
  const Record r = record_from_line(line).value();
  EXPECT_EQ(r.status, Status::unknown);
  const Json back = Json::parse(to_line(r));
  EXPECT_EQ(back["colour"], j["colour"]);
  EXPECT_EQ(back["target"]["sockets"], 2);
  EXPECT_EQ(back["status"], "lukewarm");
  EXPECT_TRUE(record_from_line(to_line(r)));
}

TEST(Record, RefusesNewerVersionsByName) {
  Json j = Json::parse(to_line(sample_record(1)));
  j["v"] = 2;
  const auto r = record_from_line(sealed(j));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), "log.version");
  EXPECT_EQ(r.error().message(), "written in format version 2; this tc reads up to version 1");
}

TEST(Record, AnUnearnedOkIsRefused) {
  const auto refused = [](const std::function<void(Json&)>& edit) {
    Json j = Json::parse(to_line(sample_record(1)));
    edit(j);
    const auto r = record_from_line(sealed(j));
    return !r && r.error().code() == "log.field";
  };
  EXPECT_TRUE(refused([](Json& j) { j["check"]["passed"] = false; }));
  EXPECT_TRUE(refused([](Json& j) { j.erase("check"); }));
  EXPECT_TRUE(refused([](Json& j) { j["run_ns"] = Json::array(); }));
  EXPECT_TRUE(refused([](Json& j) { j["run_ns"] = {1.0, -1.0}; }));
  EXPECT_TRUE(refused([](Json& j) { j["run_ns"] = "fast"; }));
  EXPECT_TRUE(refused([](Json& j) { j["workload"] = "matmul m=64 n=65 k=64"; }));
  EXPECT_TRUE(refused([](Json& j) { j["target"] = 3; }));
  EXPECT_TRUE(refused([](Json& j) { j["decisions"]["tile_x"] = "4"; }));
  EXPECT_TRUE(refused([](Json& j) { j.erase("steps"); }));
}

TEST(Record, OddValuesStillMakeALine) {
  Record r = sample_record(1);
  r.status = Status::crash;
  r.message = "bytes \xff\xfe";
  r.check->max_err = std::numeric_limits<double>::infinity();
  r.run_ns.clear();
  const Record back = record_from_line(to_line(r)).value();
  EXPECT_EQ(back.check->max_err, std::numeric_limits<double>::infinity());
  EXPECT_EQ(back.cost(), std::numeric_limits<double>::infinity());
}

TEST(Record, StatusNamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(Status::unknown); ++i)
    EXPECT_EQ(status_from(to_string(static_cast<Status>(i))), static_cast<Status>(i));
}

TEST(Record, MedianIsTheMiddle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), std::numeric_limits<double>::infinity());
}

TEST(Target, AppliesWhereItsIsaIsASubset) {
  const RecordTarget record = sample_target();
  RecordTarget host = record;
  host.isa = {"fma", "sse4.2", "avx2", "bmi2"};
  host.tune = {};
  EXPECT_TRUE(applies_to(record, host));
  host.isa = {"avx2"};
  EXPECT_EQ(why_not(record, host), "it needs fma, which " + host.cpu + " lacks");
  host = record;
  host.threads = 1;
  EXPECT_EQ(why_not(record, host), "it was tuned for 2 threads, not 1");
}

TEST(LogWriter, WhatIsAppendedIsRead) {
  const TemporaryDir dir;
  auto writer = LogWriter::open(dir.file("log.jsonl")).value();
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(writer.append(sample_record(i)));
  const LogFile file = read_log(dir.file("log.jsonl")).value();
  EXPECT_EQ(file.records.size(), 5u);
  EXPECT_TRUE(file.bad.empty());
  EXPECT_TRUE(writer.warnings().empty());
}

TEST(LogWriter, ATornLineIsSetAsideWithOneWarning) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl"), good = to_line(sample_record(1)) + "\n";
  const std::string torn = to_line(sample_record(2)).substr(0, 100);
  write_text(path, good + torn);
  const LogFile before = read_log(path).value();
  EXPECT_EQ(before.records.size(), 1u);
  ASSERT_EQ(before.bad.size(), 1u);
  EXPECT_EQ(before.bad[0].str(), path + ":2: the last line is torn: its writer was stopped");
  auto writer = LogWriter::open(path).value();
  EXPECT_EQ(writer.warnings().size(), 1u);
  EXPECT_EQ(read_text(path + ".torn"), torn + "\n");
  ASSERT_FALSE(writer.append(sample_record(3)));
  EXPECT_EQ(read_text(path), good + to_line(sample_record(3)) + "\n");
}

TEST(LogWriter, AWholeLastLineWithoutNewlineIsKept) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  write_text(path, to_line(sample_record(1)));
  auto writer = LogWriter::open(path).value();
  EXPECT_TRUE(writer.warnings().empty());
  ASSERT_FALSE(writer.append(sample_record(2)));
  EXPECT_EQ(read_log(path).value().records.size(), 2u);
}

TEST(LogWriter, FollowsALogThatIsReplaced) {
  const TemporaryDir dir;
  const std::string path = dir.file("log.jsonl");
  auto writer = LogWriter::open(path).value();
  ASSERT_FALSE(writer.append(sample_record(1)));
  ASSERT_FALSE(writer.append(sample_record(1)));
  const std::vector<std::string> inputs = {path};
  const MergeReport report = merge_logs(inputs, path).value();
  EXPECT_EQ(report.written, 1);
  EXPECT_EQ(report.duplicates, 1);
  ASSERT_FALSE(writer.append(sample_record(2)));
  EXPECT_EQ(read_log(path).value().records.size(), 2u);
}

TEST(LogWriter, PathsThatCannotBeAreErrors) {
  EXPECT_EQ(LogWriter::open("/no/such/dir/log").error().code(), "log.open");
  EXPECT_EQ(read_log("/no/such/log").error().code(), "log.missing");
  EXPECT_EQ(read_log("/").error().code(), "log.read");
}

TEST(Log, BestIsTheFastestThatApplies) {
  Record fast = sample_record(1), slow = sample_record(500), alien = sample_record(0),
         failed = sample_record(0);
  alien.target.isa.push_back("avx512f");
  failed.status = Status::wrong_result;
  const Log log({slow, fast, alien, failed});
  const WorkloadKey w = WorkloadKey("matmul m=64 n=64 k=64");
  EXPECT_EQ(log.best(w, sample_target())->id, fast.id);
  EXPECT_EQ(log.best(WorkloadKey("matmul m=1"), sample_target()), nullptr);
  RecordTarget other_cpu = sample_target();
  other_cpu.cpu = "zen3";
  EXPECT_EQ(log.best(w, other_cpu)->id, fast.id);
}

TEST(Log, FinalsOutrankLuckyTrials) {
  Record lucky = sample_record(1), steady = sample_record(2), lucky_final = lucky, steady_final = steady;
  lucky_final.kind = steady_final.kind = "final";
  lucky_final.run_ns = {5000};
  steady_final.run_ns = {1500};
  const WorkloadKey w = WorkloadKey("matmul m=64 n=64 k=64");
  EXPECT_EQ(Log({lucky, steady, lucky_final, steady_final}).best(w, sample_target())->cost(), 1500);
  // A trial that beats them all came later and has not had its finals yet.
  EXPECT_EQ(Log({lucky, steady, lucky_final, steady_final, sample_record(0)}).best(w, sample_target())->id,
            "id-0");
  // A final may also withdraw a point.
  steady_final.status = Status::flaky;
  EXPECT_EQ(Log({lucky, steady, lucky_final, steady_final}).best(w, sample_target())->cost(), 5000);
}

TEST(Log, LookupSaysWhatAndWhy) {
  const Log log({sample_record(1)});
  const auto look = [&](const char* text) { return log.lookup(WorkloadKey(text), sample_target()); };
  EXPECT_EQ(look("matmul m=64 n=64 k=64").source, Lookup::Source::tuned);
  const Lookup near = look("matmul m=128 n=64 k=64");
  EXPECT_EQ(near.source, Lookup::Source::nearest);
  EXPECT_EQ(near.why,
            "the log has no record of this workload; the nearest is matmul m=64 n=64 k=64 (distance 1.00)");
  const Lookup none = look("softmax n=10");
  EXPECT_EQ(to_string(none.source), "default");
  EXPECT_FALSE(none.record);
  RecordTarget weak = sample_target();
  weak.isa = {"avx2"};
  EXPECT_NE(log.lookup(WorkloadKey("matmul m=64 n=64 k=64"), weak).why.find("it needs fma"),
            std::string::npos);
}

TEST(Log, StatsCountStatuses) {
  Record failed = sample_record(9);
  failed.status = Status::crash;
  const auto stats = Log({sample_record(1), failed, sample_record(2)}).stats();
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_EQ(stats[0].trials, 3);
  EXPECT_EQ(stats[0].statuses.at(Status::ok), 2);
  EXPECT_EQ(stats[0].best_ns, 1002);
}

}  // namespace
}  // namespace tc::autotune
