// The command tensorc, run as users run it: what each subcommand prints, its
// exit codes, its JSON, and inputs that are wrong on purpose.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "command_fixture.h"
#include "tc/autotune/log.h"

namespace tc::test {
namespace {

namespace fs = std::filesystem;

const char* kSmall = "matmul m=24 n=32 k=16";

// Tuning of one small workload into a log.
class CommandTune : public Command {
 protected:
  Finished tune(const std::string& log, const std::string& trials = "6") const {
    return run({"tune", kSmall, "--trials", trials, "--log", log, "--threads", "1"});
  }
};

TEST_F(Command, HelpAndVersionAreData) {
  for (const Words& words :
       {Words{"--help"}, Words{"--version"}, Words{"tune", "--help"}, Words{"log", "check", "--help"}}) {
    const Finished f = run(words);
    EXPECT_EQ(f.exit, 0);
    EXPECT_NE(f.out, "");
    EXPECT_EQ(f.err, "");
  }
}

TEST_F(Command, WrongUsageExits2) {
  refuses({"frobnicate"}, 2, "cli.usage");
  refuses({"run"}, 2, "cli.usage");
  refuses({"run", kSmall, "--no-such-option"}, 2, "cli.usage");
  refuses({"tune", kSmall, "--trials", "-3"}, 2, "cli.usage");
  refuses({"tune", kSmall, "--trials", "99999999999999999999"}, 2, "cli.usage");
  refuses({"compile", kSmall, "--emit", "exe"}, 2, "cli.usage");
  refuses({"run", kSmall, "relu m=4 n=4"}, 2, "cli.usage");
  refuses({"run", kSmall, "--threads", "4000"}, 2, "cli.threads");
  refuses({"log", "bogus"}, 2, "cli.usage");
  EXPECT_EQ(run({}).exit, 2);
  // What is wrong is named, and what was meant where that is near.
  EXPECT_EQ(run({"frobnicate"}).err.substr(0, 47), "error[cli.usage]: there is no command frobnicat");
  const auto fix = [&](Words words) { return json(std::move(words), 2)["error"]["fix"]; };
  EXPECT_EQ(fix({"tunee"}), "did you mean tune? tensorc --help");
  EXPECT_EQ(fix({"log", "chek", "l"}), "did you mean check? tensorc log --help");
  EXPECT_EQ(fix({"run", kSmall, "--chekc"}), "did you mean --check? tensorc run --help");
  EXPECT_EQ(fix({"run", kSmall, "--zzzz=3"}), "tensorc run --help");
}

TEST_F(Command, WrongInputExits3) {
  refuses({"run", "matmull m=4 n=4 k=4"}, 3, "workload.operator");
  refuses({"run", "matmul m=4 n=4 k=four"}, 3, "workload.value");
  refuses({"run", ""}, 3, "workload.syntax");
  refuses({"run", "graph: func f("}, 3, "ir.parse");
  refuses({"run", kSmall, "--target", "cpu -mcpu=pentium9"}, 3, "codegen.target");
  refuses({"run", kSmall, "--log", path("missing")}, 3, "log.missing");
  refuses({"run", kSmall, "--log", folder_.string()}, 3, "log.read");
  refuses({"bench", "@" + path("missing")}, 3, "io.read");
  refuses({"opt", path("missing"), "--passes", "cpu"}, 3, "io.read");
  refuses({"tune", kSmall, "--search", "genetic", "--log", path("l")}, 3, "autotune.search.name");
  refuses({"tune", kSmall, "--target", "cpu -mcpu=x86-64", "--log", path("l")}, 3, "autotune.options.target");
}

TEST_F(Command, WhatDoesNotFitIntoMemoryIsRefusedFirst) {
  refuses({"run", "matmul m=500000 n=500000 k=1"}, 1, "cli.memory");
}

TEST_F(Command, BytesThatAreNoTextDoNoHarm) {
  const std::string bytes = "\xff\xfe\x01 \xc3(";
  for (const Words& words : {Words{"run", bytes}, Words{"tune", bytes}, Words{"bench", bytes},
                             Words{"run", kSmall, "--target", bytes}})
    EXPECT_EQ(json(words, 3).contains("error"), true);
  EXPECT_EQ(run({"opt", "-", "--passes", "cpu"}, bytes).exit, 3);
  EXPECT_EQ(run({"opt", "-", "--passes", "cpu"}, std::string(100'000, '(')).exit, 3);
}

TEST_F(Command, RunChecks) {
  const Finished f = run({"run", kSmall, "--check"});
  EXPECT_EQ(f.exit, 0) << f.err;
  EXPECT_NE(f.out.find("bit by bit"), std::string::npos) << f.out;
  const Json j = json({"run", "softmax m=5 n=7", "--check", "--seed", "3"}, 0);
  EXPECT_EQ(j["workload"], "softmax m=5 n=7 dtype=f32");
  ASSERT_EQ(j["checks"].size(), 2U);
  for (const Json& c : j["checks"]) EXPECT_TRUE(c["passed"]);
  EXPECT_EQ(j["checks"][0]["elements"], 35);
}

TEST_F(Command, AwkwardShapesRun) {
  for (const char* w :
       {"matmul m=0 n=4 k=4", "matmul m=3 n=5 k=0", "matmul m=1 n=1 k=1", "sum m=1 n=13 axis=1",
        "relu shape=7x1x3", "graph: func f(A: f32[7], C: f32[7]) { compute C[i] = A[i] * A[i] }"})
    EXPECT_EQ(run({"run", w, "--check", "--rounds", "1"}).exit, 0) << w;
}

TEST_F(Command, WordsOfAWorkloadNeedNoQuotes) {
  EXPECT_EQ(json({"run", "matmul", "m=24", "n=32", "k=16"}, 0)["workload"],
            "matmul m=24 n=32 k=16 dtype=f32");
}

TEST_F(Command, CompileWritesWhatItSays) {
  const Json j =
      json({"compile", kSmall, "-o", path("out"), "--emit", "obj,header,so,llvm,asm,ir,schedule"}, 0);
  EXPECT_EQ(j["files"].size(), 9U);
  for (const Json& file : j["files"]) EXPECT_GT(fs::file_size(file.get<std::string>()), 0U) << file;
  EXPECT_EQ(j["schedule"].get<std::string>().rfind("default", 0), 0U);
  const Finished text = run({"compile", kSmall, "-o", "-", "--emit", "schedule"});
  EXPECT_EQ(text.out, j["steps"]);
  EXPECT_NE(text.err.find("schedule  default"), std::string::npos);
  refuses({"compile", kSmall, "-o", write("file", "x") + "/sub"}, 1, "io.write");
}

TEST_F(Command, OptRunsPassesOnText) {
  run({"compile", kSmall, "-o", path("out"), "--emit", "ir"});
  const std::string nested = path("out/matmul.nested.tc");
  const Finished all = run({"opt", nested, "--passes", "cpu", "--verify", "--time"});
  EXPECT_EQ(all.exit, 0) << all.err;
  EXPECT_EQ(all.out, read(path("out/matmul.target.tc")));
  EXPECT_NE(all.err.find("flatten"), std::string::npos);
  const Finished dumps = run({"opt", nested, "--passes", "simplify,unroll", "--print-after-all"});
  EXPECT_NE(dumps.out.find("---- 00 input\n"), std::string::npos);
  EXPECT_NE(dumps.out.find("---- 02 unroll"), std::string::npos);
  EXPECT_EQ(run({"opt", nested, "--passes", "simplify", "--stop-after", "0"}).out, read(nested));
  EXPECT_EQ(run({"opt", "-", "--passes", "simplify"}, read(nested)).exit, 0);
  EXPECT_EQ(json({"opt", nested, "--passes", "simplify,unroll"}, 0)["steps"].size(), 3U);
  refuses({"opt", nested, "--passes", "unrol"}, 3, "ir.pass");
  refuses({"opt", nested, "--passes", "to_registers,share_subexprs,flatten,peel_tails,share_subexprs,unrol"},
          3, "ir.pass");
  refuses({"opt", path("out/matmul.te.tc"), "--passes", "cpu"}, 3, "ir.pass.form");
  refuses({"opt", write("bad.tc", "func f(A: f32[4]) {\n  A[0] = \n}"), "--passes", "cpu"}, 3, "ir.parse");
}

TEST_F(Command, InterpretSaysWhoWroteAnElement) {
  const std::string f = write("f.tc",
                              "func f(A: f32[4], C: f32[4]) {\n"
                              "  for y in [0, +4) {\n"
                              "    C[y] = 0.0\n"
                              "    for k in [0, +2) { C[y] = C[y] + 1.0 }\n"
                              "  }\n"
                              "}\n");
  EXPECT_EQ(run({"interpret", f}).out, "C [4]: 2 2 2 2\n");
  EXPECT_EQ(run({"interpret", f, "--watch", "C[3]"}).out,
            "C[3] is written 3 times\n"
            "         0.0  C[y] = 0.0  at y = 3\n"
            "         1.0  C[y] = C[y] + 1.0  at y = 3, k = 0\n"
            "         2.0  C[y] = C[y] + 1.0  at y = 3, k = 1\n");
  EXPECT_NE(run({"interpret", f, "--watch", "C[3]", "--max-writes", "1"}).err.find("the first 1 of 3"),
            std::string::npos);
  EXPECT_EQ(json({"interpret", f, "--watch", "C[ 0 ]"}, 0)["watch"]["writes"][2]["loops"]["k"], 1);
  refuses({"interpret", f, "--watch", "T[0]"}, 3, "ir.interpret.watch");
  refuses({"interpret", f, "--watch", "C[4]"}, 3, "ir.interpret.watch");
  for (const char* bad : {"C", "[1]", "C[", "C[1", "C[x]", "C[1,]", "C[1 2]", "C[1]x"})
    refuses({"interpret", f, "--watch", bad}, 2, "cli.watch");
  refuses({"interpret", write("n.tc", "func f(A: f32[n]) { A[0] = 1.0 }")}, 2, "cli.shape");
  refuses({"interpret", write("race.tc", "func f(A: f32[4]) { for x in [0, +4) parallel { A[0] = 1.0 } }")},
          3, "ir.interpret.race");
}

TEST_F(CommandTune, BucketsAreTunedOneByOneAndAppliedTogether) {
  const std::string log = path("log.jsonl"), sized = "matmul m=1..4..16 n=32 k=16";
  const Finished f = run({"tune", sized, "--trials", "2", "--log", log, "--threads", "1"});
  EXPECT_EQ(f.exit, 0) << f.err;
  for (const char* bucket : {"matmul m=1..4 n=32 k=16 dtype=f32: ", "\nmatmul m=5..16 n=32 k=16 dtype=f32: "})
    EXPECT_NE(f.out.find(bucket), std::string::npos) << f.out;
  EXPECT_EQ(std::count(f.out.begin(), f.out.end(), '\n'), 2) << f.out;
  EXPECT_EQ(json({"log", "best", log}, 0)["best"].size(), 2U);

  const Json applied = json({"run", sized, "--check", "--log", log, "--threads", "1", "--rounds", "1"}, 0);
  EXPECT_NE(applied["schedule"].get<std::string>().find("m=1..4: tuned: "), std::string::npos) << applied;
  EXPECT_NE(applied["schedule"].get<std::string>().find("m=5..16: tuned: "), std::string::npos) << applied;
  ASSERT_EQ(applied["calls"].size(), 6U);
  EXPECT_EQ(applied["calls"][3]["workload"], "matmul m=5 n=32 k=16 dtype=f32");
  for (const Json& call : applied["calls"])
    for (const Json& check : call["checks"]) EXPECT_EQ(check["passed"], true) << call;
  const Json at = json({"run", sized, "--check", "--at", "m=100", "--at", "m=3", "--rounds", "1"}, 0);
  ASSERT_EQ(at["calls"].size(), 2U);
  EXPECT_EQ(at["calls"][0]["workload"], "matmul m=100 n=32 k=16 dtype=f32");
  for (const char* wrong : {"k=3", "m=0", "m=x", "m", "", "m=3 k=3"})
    refuses({"run", sized, "--at", wrong}, 2, "cli.usage");
  refuses({"run", kSmall, "--at", "m=3"}, 2, "cli.usage");

  const Json bench = json({"bench", sized, "--log", log, "--threads", "1", "--rounds", "1", "--no-naive"}, 0);
  ASSERT_EQ(bench["results"].size(), 6U);
  EXPECT_GT(bench["results"][5]["tuned"]["speed"], 0);
  const Json files = json({"compile", sized, "--log", log, "-o", path("out")}, 0);
  EXPECT_NE(read(path("out/matmul.h")).find("int64_t m"), std::string::npos) << read(path("out/matmul.h"));
  EXPECT_NE(files["steps"].get<std::string>().find("# if m <= 4\n"), std::string::npos);
  refuses({"show", sized}, 2, "cli.usage");
  EXPECT_NE(run({"show", "matmul m=5..16 n=32 k=16", "--log", log, "--threads", "1"}).out.find("for "),
            std::string::npos);
}

TEST_F(CommandTune, TuneLogsAndBuildsApply) {
  const std::string log = path("log.jsonl");
  const Finished f = tune(log);
  EXPECT_EQ(f.exit, 0) << f.err;
  EXPECT_NE(f.out.find("6 trials: 6 ok"), std::string::npos) << f.out;
  EXPECT_EQ(
      json({"tune", kSmall, "--trials", "6", "--log", log, "--threads", "1"}, 0)["results"][0]["resumed"], 6);
  const Json applied = json({"run", kSmall, "--check", "--log", log, "--threads", "1"}, 0);
  EXPECT_EQ(applied["schedule"].get<std::string>().rfind("tuned", 0), 0U) << applied["schedule"];

  EXPECT_EQ(json({"log", "check", log}, 0)["ok"], true);
  const Json best = json({"log", "best", log}, 0);
  ASSERT_EQ(best["best"].size(), 1U);
  EXPECT_EQ(best["best"][0]["workload"], "matmul m=24 n=32 k=16 dtype=f32");
  EXPECT_GT(best["best"][0]["ns"], 0);
  EXPECT_EQ(json({"log", "stats", log}, 0)["tasks"][0]["trials"], 6);
  const Json merged = json({"log", "merge", log, log, "-o", path("merged.jsonl")}, 0);
  EXPECT_EQ(merged["duplicates"], merged["written"]);
  const Finished printed = run({"log", "merge", log, log});
  EXPECT_EQ(printed.exit, 0);
  EXPECT_EQ(printed.out, read(path("merged.jsonl"))) << "without -o to stdout, the records alone";
  EXPECT_NE(printed.err.find("bad lines left out"), std::string::npos);
  EXPECT_EQ(json({"log", "merge", log}, 0)["records"].size(), merged["written"]);
  for (const char* what : {"check", "best", "stats"}) EXPECT_NE(run({"log", what, log}).out, "");

  const Json bench =
      json({"bench", kSmall, "relu m=8 n=8", "--log", log, "--threads", "1", "--rounds", "3"}, 0);
  ASSERT_EQ(bench["results"].size(), 2U);
  EXPECT_GT(bench["results"][0]["tuned"]["speed"], 0);
  EXPECT_FALSE(bench["results"][1].contains("tuned"));
  EXPECT_NE(run({"bench", kSmall, "--rounds", "1"}).out.find("GFLOP/s"), std::string::npos);
}

TEST_F(Command, SeveralWorkloadsMayStandInAFile) {
  const std::string list = write("list", "# two\n  " + std::string(kSmall) + "  # one\n\nrelu m=8 n=8\n");
  const Json j = json({"tune", "@" + list, "--trials", "2", "--log", path("l.jsonl"), "--threads", "1"}, 0);
  EXPECT_EQ(j["results"].size(), 2U);
}

TEST_F(CommandTune, DamagedLogsAreReportedAndPassedOver) {
  const std::string log = path("log.jsonl");
  ASSERT_EQ(tune(log, "2").exit, 0);
  write("damaged.jsonl", "not json\n" + read(log) + "{\"v\":1,\"kind\":");
  const Json j = json({"log", "check", path("damaged.jsonl")}, 3);
  EXPECT_EQ(j["files"][0]["bad_lines"], 2);
  EXPECT_EQ(j["files"][0]["bad"][0]["line"], 1);
  const Finished used =
      run({"run", kSmall, "--log", path("damaged.jsonl"), "--threads", "1", "--rounds", "1"});
  EXPECT_EQ(used.exit, 0);
  EXPECT_NE(used.out.find("tuned: "), std::string::npos) << used.out;
  EXPECT_NE(used.err.find("warning: "), std::string::npos);
  write("random", std::string("\0\xff\n{}\n[]\n\"\n", 11) + std::string(5000, '{'));
  EXPECT_EQ(run({"log", "check", path("random")}).exit, 3);
  EXPECT_EQ(run({"log", "best", path("random")}).exit, 0);
}

TEST_F(Command, WithoutAWorkerNothingIsTuned) {
  const Words words = command({"tune", kSmall, "--trials", "3", "--log", path("l.jsonl"), "--threads", "1"});
  Process missing(words, "", {{"TC_WORKER", "/nowhere"}});
  EXPECT_EQ(missing.wait().exit, 1);
  Process other(words, "", {{"TC_WORKER", "/bin/true"}});  // starts, and is no worker
  const Finished f = other.wait();
  EXPECT_EQ(f.exit, 1);
  EXPECT_NE(f.err.find("autotune.worker.start"), std::string::npos) << f.err;
}

TEST_F(Command, NoValidCandidateExits5) {
  // No candidate is built in a microsecond.
  const Json j = json({"tune", kSmall, "--trials", "3", "--log", path("l.jsonl"), "--threads", "1",
                       "--build-limit", "0.000001"},
                      5);
  EXPECT_TRUE(j["results"][0]["best"].is_null());
  EXPECT_EQ(j["results"][0]["statuses"]["build_timeout"], 3);
  EXPECT_TRUE(j["results"][0]["messages"].contains("build_timeout"));
}

TEST_F(Command, InterruptingTheTunerKeepsTheLog) {
  const std::string log = path("log.jsonl");
  for (const int signal : {SIGINT, SIGTERM}) {
    Process p(command({"tune", "matmul m=96 n=96 k=96", "--trials", "100000", "--log", log, "--threads", "1",
                       "--interval", "0.1", "--json"}),
              "", {{"TC_CACHE_DIR", path("cache")}});
    while (p.running() && p.err().find(" ok") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto start = std::chrono::steady_clock::now();
    p.signal(signal);
    const Finished f = p.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - start,
              std::chrono::seconds(5));  // one, on a machine of its own
    EXPECT_EQ(f.exit, 130) << f.err;
    const auto result = autotune::parse_json(f.out);
    ASSERT_TRUE(result.ok()) << f.out;
    EXPECT_TRUE(result.value()["interrupted"]);
    const auto file = autotune::read_log(log);
    ASSERT_TRUE(file.ok());
    EXPECT_GT(file.value().records.size(), 0U);
    EXPECT_EQ(file.value().bad_lines, 0);
  }
}

TEST_F(Command, ShowPrintsLoopsAndWritesAPage) {
  const Finished text = run({"show", kSmall});
  EXPECT_EQ(text.exit, 0) << text.err;
  EXPECT_NE(text.out.find("for "), std::string::npos);
  EXPECT_NE(text.out.find("FLOP"), std::string::npos);
  const std::string steps = write("steps", "split C y factor=8 into=yo,yi\nparallel C yo\n");
  const Json shown = json({"show", kSmall, "--steps", steps, "-o", path("page.html")}, 0);
  EXPECT_EQ(shown["steps"], read(steps));
  EXPECT_EQ(read(path("page.html")).rfind("<!DOCTYPE html>", 0), 0U);
  refuses({"show", kSmall, "--steps", write("wrong", "split D y factor=8")}, 3, "schedule.stage.unknown");
  refuses({"show", kSmall, "-o", path("no/such/folder/page.html")}, 1, "io.write");
}

TEST_F(Command, WorkloadsListsTheTable) {
  EXPECT_NE(run({"workloads"}).out.find("matmul: "), std::string::npos);
  EXPECT_GT(json({"workloads"}, 0)["workloads"].size(), 20U);
}

TEST_F(Command, DoctorTriesTheParts) {
  const Json j = json({"doctor", "--no-measure"}, 0);
  EXPECT_TRUE(j["ok"]) << j.dump(1);
  EXPECT_GE(j["threads"], 1);
  EXPECT_NE(run({"doctor", "--no-measure"}).out.find("compiler      works"), std::string::npos);
}

TEST_F(Command, EndlessInputsEnd) {
  refuses({"log", "check", "/dev/zero"}, 3, "log.read");
  refuses({"tune", kSmall, "--trials", "2", "--threads", "1", "--log", "/dev/full"}, 3, "log.read");
  refuses({"opt", "/dev/zero", "--passes", "cpu"}, 3, "io.read.size");
  refuses({"bench", "@/dev/zero"}, 3, "io.read.size");
}

TEST_F(Command, AFullDiskIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  Process p({"/bin/sh", "-c", command({"workloads"})[0] + " workloads > /dev/full"});
  EXPECT_EQ(p.wait().exit, 1);
  EXPECT_EQ(run({"run", kSmall, "--rounds", "1", "--log", "/dev/null"}).exit, 0);
}

}  // namespace
}  // namespace tc::test
