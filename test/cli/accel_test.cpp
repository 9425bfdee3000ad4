// tensorc asm and tensorc sim, run as users run them.
#include "command_fixture.h"
#include "tc/isa/assembler.h"

namespace tc::test {
namespace {

// C = A x W^T for tiles of the default machine.
constexpr const char* kText = R"(.region A input 0x0 16
.region W constant 0x100 256
.region C output 0x400 16
.segment 0x0 i8
  1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
.segment 0x200 uop
  dst=0 src=0 wgt=0
.code
  load.uop dram_base=128 y_size=1 x_size=1
  load.inp dram_base=@A y_size=1 x_size=1
  load.wgt dram_base=@W y_size=1 x_size=1 push_next
  gemm reset uop_end=1 iter_out=1 iter_in=1
  gemm uop_end=1 iter_out=1 iter_in=1 pop_prev
  alu.add use_imm imm=7 uop_end=1 iter_out=1 iter_in=1 push_next
  store.out dram_base=@C y_size=1 x_size=1 pop_prev push_prev
  load.uop pop_next
  finish
)";

class AccelCommand : public Command {};

TEST_F(AccelCommand, AssemblesDisassemblesAndRuns) {
  const std::string text = write("a.s", kText), program = path("a.bin");
  const Finished assembled = run({"asm", text, "-o", program});
  EXPECT_EQ(assembled.exit, 0) << assembled.err;
  EXPECT_EQ(assembled.out, "9 instructions, 1040 bytes of DRAM\n");
  const Finished back = run({"asm", "--disassemble", program});
  EXPECT_EQ(back.exit, 0) << back.err;
  EXPECT_EQ(isa::assemble(back.out).value(), isa::assemble(kText).value());

  const Finished ran = run({"sim", program, "--timeline", path("t.json"), "--dram", path("dram")});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("output C  16 bytes"), std::string::npos) << ran.out;
  EXPECT_EQ(read(path("dram")).substr(0x400, 16), std::string(16, '\x07'));  // W is zero
  const auto trace = autotune::parse_json(read(path("t.json")));
  ASSERT_TRUE(trace.ok());
  EXPECT_GT(trace.value()["traceEvents"].size(), 9U);
  EXPECT_EQ(run({"sim", text}).out, ran.out);  // text runs too
}

TEST_F(AccelCommand, JsonHasTheCounters) {
  const std::string text = write("a.s", kText);
  const Json timed = json({"sim", text}, 0);
  EXPECT_GT(timed["cycles"], 100);
  EXPECT_EQ(timed["micro_ops"]["gemm"], 1);
  EXPECT_EQ(timed["bytes"]["wgt"], 256);
  EXPECT_EQ(timed["insns"]["load"], 4);
  for (const Json& unit : timed["units"]) {
    int64_t sum = 0;
    for (const Json& n : unit) sum += n.get<int64_t>();
    EXPECT_EQ(sum, timed["cycles"]);
  }
  const Json random = json({"sim", text, "--order", "random", "--seed", "3"}, 0);
  EXPECT_EQ(random["cycles"], 0);
  EXPECT_EQ(random["outputs"], timed["outputs"]);
  EXPECT_EQ(json({"asm", text, "--words"}, 0)["words"][8]["words"], "0x0000000000000003 0x0000000000000000");
}

TEST_F(AccelCommand, AMachineMayDifferInTimeOnly) {
  const std::string text = write("a.s", kText), program = path("a.bin");
  run({"asm", text, "-o", program});
  const std::string slow = write("slow.json", R"({"dram_latency": 500})");
  EXPECT_GT(json({"sim", program, "--config", slow}, 0)["cycles"], json({"sim", program}, 0)["cycles"]);
  const std::string vta = write("vta.json", R"({"TARGET": "pynq", "HW_VER": "0.0.2", "LOG_BLOCK": 4})");
  EXPECT_EQ(json({"sim", program, "--config", vta}, 0)["machine"], "pynq");
  refuses({"sim", program, "--config", write("block.json", R"({"LOG_BLOCK": 5})")}, 3, "sim.machine");
  refuses({"sim", program, "--config", write("bad.json", R"({"LOG_BLOK": 5})")}, 3, "isa.config.key");
}

TEST_F(AccelCommand, WrongInputIsRefused) {
  const std::string text = write("a.s", kText), program = path("a.bin");
  run({"asm", text, "-o", program});
  refuses({"asm", path("missing.s"), "-o", program}, 3, "io.read");
  refuses({"asm", write("b.s", ".code\n  gem\n")}, 3, "isa.asm.mnemonic");
  refuses({"asm", "--disassemble", write("text", "hello")}, 3, "isa.file.magic");
  refuses({"sim", write("cut.bin", read(program).substr(0, 100))}, 3, "isa.file.size");
  refuses({"sim", write("stuck.s", ".code\nload.uop pop_prev\nfinish\n")}, 3, "sim.deadlock");
  refuses({"sim", write("long.s", ".code\ngemm reset uop_end=1 iter_out=16383 iter_in=16383\nfinish\n"),
           "--no-check", "--max-work", "1000"},
          3, "sim.limit");
  refuses({"sim", write("big.s", ".dram 4000000000000\n.code\nfinish\n")}, 3, "sim.dram.size");
  refuses({"sim", text, "--order", "backwards"}, 2, "cli.usage");
  refuses({"sim", text, "--order", "random", "--timeline", path("t.json")}, 2, "cli.usage");
  refuses({"sim", text, "--timeline", path("no/such/folder")}, 1, "io.write");
}

const Words kWorkload = {"qmatmul m=9 n=20 k=33 shift=4"};

Words with(const Words& more) {
  Words out = {more[0], kWorkload[0]};
  out.insert(out.end(), more.begin() + 1, more.end());
  return out;
}

TEST_F(AccelCommand, CompilesAWorkloadToProgramsThatSimRuns) {
  const std::string machine = write("m.json", R"({"name": "mine", "LOG_BATCH": 1})");
  const Json done = json(with({"compile", "--target", "accel:" + machine, "-o", path("out")}), 0);
  EXPECT_TRUE(done["target"].get<std::string>().starts_with("accel:{")) << done;
  std::vector<std::string> files;
  for (const Json& f : done["files"]) files.push_back(f.get<std::string>().substr(path("out/").size()));
  EXPECT_EQ(files, (std::vector<std::string>{"libqmatmul.so", "qmatmul.qmatmul_1.s", "qmatmul.qmatmul_1.prog",
                                             "qmatmul.bundle", "qmatmul.te.tc", "qmatmul.nested.tc",
                                             "qmatmul.segments.tc"}));
  EXPECT_GT(json({"sim", path("out/qmatmul.qmatmul_1.prog")}, 0)["micro_ops"]["gemm"], 0);
  // the listing assembles to that program
  EXPECT_EQ(run({"asm", path("out/qmatmul.qmatmul_1.s"), "-o", path("again.prog")}).exit, 0);
  EXPECT_EQ(read(path("again.prog")), read(path("out/qmatmul.qmatmul_1.prog")));
}

TEST_F(AccelCommand, RunsAndChecksAWorkload) {
  const Finished ran =
      run(with({"run", "--target", "accel", "--check", "--orders", "3", "--timeline", path("t")}));
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("equal in 3 random orders"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("cycles"), std::string::npos);
  EXPECT_TRUE(autotune::parse_json(read(path("t"))).ok());
  const Json timed = json(with({"run", "--target", "accel", "--check"}), 0);
  EXPECT_GT(timed["cycles"], 0);
  EXPECT_EQ(timed["checks"].size(), 2);
  EXPECT_EQ(timed["segments"].size(), 3);
  // cycles are the same in every run
  EXPECT_EQ(json(with({"run", "--target", "accel"}), 0)["cycles"], timed["cycles"]);
  const Json bench = json(with({"bench", "--target", "accel"}), 0);
  EXPECT_EQ(bench["results"][0]["default"]["cycles"], timed["cycles"]);
}

TEST_F(AccelCommand, TunesByCyclesAndBuildsFromTheLog) {
  const std::string log = path("log.jsonl");
  const Words tune = with({"tune", "--target", "accel", "--trials", "6", "--log", log});
  const Json tuned = json(tune, 0);
  const double best = tuned["results"][0]["best"]["ns"].get<double>();  // cycles
  const Json ran = json(with({"run", "--target", "accel", "--log", log, "--check"}), 0);
  EXPECT_EQ(ran["cycles"].get<double>(), best);
  EXPECT_TRUE(ran["schedule"].get<std::string>().starts_with("tuned:")) << ran["schedule"];
  // another machine finds nothing in it
  const Json other = json(with({"run", "--target", "accel:vta-4x16x16", "--log", log}), 0);
  EXPECT_TRUE(other["schedule"].get<std::string>().starts_with("default:")) << other["schedule"];
  const Finished again = run(tune);
  EXPECT_NE(again.out.find("(6 from the log)"), std::string::npos) << again.out << again.err;
  EXPECT_NE(again.out.find(" cycles, "), std::string::npos) << again.out;
}

TEST_F(AccelCommand, SaysWhatCannotBe) {
  refuses(with({"compile", "--target", "accel", "--emit", "header", "-o", path("out")}), 1,
          "codegen.export.accel");
  refuses(with({"compile", "--emit", "program", "-o", path("out")}), 2, "cli.usage");
  refuses(with({"run", "--target", "accel:none.json"}), 3, "codegen.target.config");
  refuses(with({"run", "--orders", "2"}), 2, "cli.usage");
  refuses(with({"run", "--target", "accel:"}), 3, "codegen.target.config");
  refuses(with({"run", "--target", "accel -mcpu=znver4"}), 3, "codegen.target");
}

// All on the CPU: there is no listing, no order to check, and no cycles.
TEST_F(AccelCommand, SaysWhereThereIsNoProgram) {
  const Words softmax = {"softmax m=4 n=8", "--target", "accel"};
  const auto command = [&](Words words) {
    words.insert(words.begin() + 1, softmax.begin(), softmax.end());
    return words;
  };
  refuses(command({"compile", "--emit", "asm", "-o", path("out")}), 1, "codegen.accel.nothing");
  const Finished shown = run(command({"compile", "--emit", "asm", "-o", "-"}));
  EXPECT_EQ(shown.exit, 1) << shown.out;
  EXPECT_NE(shown.err.find("codegen.accel.nothing"), std::string::npos) << shown.err;
  const Finished ran = run(command({"run", "--orders", "3"}));
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("no random orders: there is no program for the accelerator"), std::string::npos)
      << ran.out;
  EXPECT_EQ(ran.out.find("cycles"), ran.out.npos) << ran.out;
  EXPECT_EQ(json(command({"run", "--orders", "3"}), 0)["checks"][0]["orders"], 0);
  // what was not timed has no columns of cycles
  const Finished untimed = run({"sim", write("a.s", kText), "--order", "program"});
  EXPECT_EQ(untimed.exit, 0) << untimed.err;
  EXPECT_EQ(untimed.out.find("busy"), untimed.out.npos) << untimed.out;
}

}  // namespace
}  // namespace tc::test
