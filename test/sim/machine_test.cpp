// What single instructions do, on values worked out by hand.
#include "tc/sim/machine.h"

#include <gtest/gtest.h>

#include "tc/isa/assembler.h"

namespace tc::sim {
namespace {

// Two by two tiles, so that products fit a comment.
constexpr std::string_view kHead = R"(
.config batch=2 block_in=2 block_out=2 uop_depth=8 inp_depth=8 wgt_depth=8 acc_depth=8
.segment 0x0 i8
  1 2 3 4   5 6 7 8   -1 -2 -3 -4
.segment 0x40 i32
  100 200 300 400  -70000 5 1073741824 -1
.segment 0x80 uop
  dst=0 src=0 wgt=0
  dst=1 src=0 wgt=1
  dst=0 src=1 wgt=0
.dram 256
.code
)";

struct Ran {
  isa::Program program;
  Machine machine;
  Dram dram;
  Check error;

  explicit Ran(const std::string& code)
      : program(isa::assemble(std::string(kHead) + code + "\nfinish\n").value()),
        machine(Machine::make(program.config).value()),
        dram(Dram::of(program).value()) {
    for (const isa::Insn& insn : program.insns)
      if (!error) error = machine.execute(insn, dram);
  }
  [[nodiscard]] std::vector<int32_t> acc(int tile) const {
    return {machine.acc().begin() + tile * 4, machine.acc().begin() + tile * 4 + 4};
  }
};

const std::string kLoads =
    "load.inp y_size=1 x_size=3 x_stride=3\n"
    "load.wgt y_size=1 x_size=3 x_stride=3\n"
    "load.acc dram_base=4 y_size=1 x_size=2 x_stride=2\n"
    "load.uop dram_base=32 y_size=1 x_size=3 x_stride=3\n";

TEST(Machine, GemmMultipliesByTheTransposedWeights) {
  // INP[0] = [1 2; 3 4], WGT[0] = [1 2; 3 4]: INP x WGT^T = [1+4 3+8; 3+8 9+16]
  Ran r(kLoads + "gemm uop_end=1 iter_out=1 iter_in=1");
  ASSERT_FALSE(r.error) << r.error->str();
  EXPECT_EQ(r.acc(0), (std::vector<int32_t>{105, 211, 311, 425}));
  EXPECT_EQ(r.acc(1), (std::vector<int32_t>{-70000, 5, 1073741824, -1}));
}

TEST(Machine, GemmLoopsOverMicroOpsAndFactors) {
  // iteration (i, j): dst = uop + i, src = uop + j: ACC[0] += INP[0] W0^T + INP[1] W0^T, ACC[1] alike
  Ran r(kLoads +
        "gemm reset uop_end=1 iter_out=2 iter_in=1 dst_out=1\n"
        "gemm uop_end=1 iter_out=2 iter_in=2 dst_out=1 src_in=1");
  ASSERT_FALSE(r.error) << r.error->str();
  // INP[1] = [5 6; 7 8]: [5+12 15+24; 7+16 21+32]
  EXPECT_EQ(r.acc(0), (std::vector<int32_t>{22, 50, 34, 78}));
  EXPECT_EQ(r.acc(1), r.acc(0));
}

TEST(Machine, LoopsWithoutIterationsDoNothing) {
  Ran before(kLoads);
  for (const char* code :
       {"gemm uop_end=1 iter_out=16383", "gemm uop_bgn=1 uop_end=1 iter_out=16383 iter_in=16383",
        "gemm uop_bgn=2 uop_end=1 iter_out=1 iter_in=1", "alu.add uop_end=1 iter_in=5"}) {
    Ran r(kLoads + code);
    ASSERT_FALSE(r.error);
    EXPECT_TRUE(r.machine == before.machine) << code;
  }
}

TEST(Machine, AluComputes) {
  const auto result = [](const std::string& code) {
    Ran r(kLoads + code + " uop_end=1 iter_out=1 iter_in=1 dst_out=0");
    EXPECT_FALSE(r.error);
    return r.acc(0);
  };
  EXPECT_EQ(result("alu.add use_imm imm=-150"), (std::vector<int32_t>{-50, 50, 150, 250}));
  EXPECT_EQ(result("alu.min use_imm imm=250"), (std::vector<int32_t>{100, 200, 250, 250}));
  EXPECT_EQ(result("alu.max use_imm imm=250"), (std::vector<int32_t>{250, 250, 300, 400}));
  EXPECT_EQ(result("alu.shr use_imm imm=3"), (std::vector<int32_t>{12, 25, 37, 50}));
  EXPECT_EQ(result("alu.shr use_imm imm=-1"), (std::vector<int32_t>{200, 400, 600, 800}));
  EXPECT_EQ(result("alu.mul use_imm imm=-2"), (std::vector<int32_t>{-200, -400, -600, -800}));
}

TEST(Machine, AluWrapsAndShiftsFar) {
  const auto result = [](const std::string& code) {
    Ran r(kLoads + code + " uop_bgn=1 uop_end=2 iter_out=1 iter_in=1");
    EXPECT_FALSE(r.error);
    return r.acc(1);
  };
  // -70000, 5, 2^30, -1
  EXPECT_EQ(result("alu.mul use_imm imm=4"), (std::vector<int32_t>{-280000, 20, 0, -4}));
  EXPECT_EQ(result("alu.mul use_imm imm=2")[2], INT32_MIN);
  EXPECT_EQ(result("alu.shr use_imm imm=100"), (std::vector<int32_t>{-1, 0, 0, -1}));
  EXPECT_EQ(result("alu.shr use_imm imm=-32768"), (std::vector<int32_t>{0, 0, 0, 0}));
  EXPECT_EQ(result("alu.shr use_imm imm=2"), (std::vector<int32_t>{-17500, 1, 268435456, -1}));
  // ACC[1] + ACC[0]
  EXPECT_EQ(result("alu.add"), (std::vector<int32_t>{-69900, 205, 1073742124, 399}));
}

TEST(Machine, LoadPadsWithZeros) {
  // one element at (1, 1) of two rows of 1 + 1 + 2
  Ran r(
      "load.acc dram_base=4 y_size=1 x_size=2 x_stride=2 sram_base=6\n"
      "load.acc dram_base=4 y_size=1 x_size=1 x_stride=7 x_pad0=1 x_pad1=2 y_pad0=1 sram_base=0");
  ASSERT_FALSE(r.error) << r.error->str();
  EXPECT_EQ(r.acc(0), (std::vector<int32_t>{0, 0, 0, 0}));
  EXPECT_EQ(r.acc(5), (std::vector<int32_t>{100, 200, 300, 400}));
  EXPECT_EQ(r.acc(6), (std::vector<int32_t>{0, 0, 0, 0}));  // the padding behind overwrote it
  EXPECT_EQ(r.acc(7), (std::vector<int32_t>{0, 0, 0, 0}));
  Ran only("load.acc y_pad0=2 x_size=1 y_size=0");
  EXPECT_FALSE(only.error);
}

TEST(Machine, Acc8ExtendsTheSign) {
  Ran r("load.acc8 dram_base=2 y_size=1 x_size=1 x_stride=1");
  EXPECT_EQ(r.acc(0), (std::vector<int32_t>{-1, -2, -3, -4}));
}

TEST(Machine, StoreCutsOff) {
  Ran r(kLoads + "store.out sram_base=0 dram_base=0x30 y_size=2 x_size=1 x_stride=2");
  ASSERT_FALSE(r.error) << r.error->str();
  const auto bytes = r.dram.bytes();
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin() + 0xc0, bytes.begin() + 0xc4),
            (std::vector<uint8_t>{100, 200, 300 - 256, 400 - 256}));
  // -70000 = 0x...fffeee90
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin() + 0xc8, bytes.begin() + 0xcc),
            (std::vector<uint8_t>{0x90, 5, 0, 0xff}));
}

TEST(Machine, EveryBoundIsChecked) {
  const auto code_of = [](const std::string& code) {
    Ran r(kLoads + code);
    return r.error ? r.error->code() : "";
  };
  EXPECT_EQ(code_of("load.inp sram_base=7 y_size=1 x_size=1"), "");
  EXPECT_EQ(code_of("load.inp sram_base=7 y_size=1 x_size=2"), "sim.sram");
  EXPECT_EQ(code_of("load.inp sram_base=65535 y_size=65535 x_size=65535 x_pad0=15 y_pad0=15"), "sim.sram");
  EXPECT_EQ(code_of("load.inp sram_base=7 y_size=1 x_size=1 x_pad1=1"), "sim.sram");
  EXPECT_EQ(code_of("load.inp sram_base=6 y_size=1 x_size=1 y_pad1=2"), "sim.sram");
  EXPECT_EQ(code_of("load.inp dram_base=63 y_size=1 x_size=1"), "");
  EXPECT_EQ(code_of("load.inp dram_base=64 y_size=1 x_size=1"), "sim.dram");
  EXPECT_EQ(code_of("load.inp dram_base=64 y_size=0 x_size=1"), "");  // nothing is read
  EXPECT_EQ(code_of("load.inp dram_base=4294967295 y_size=1 x_size=1"), "sim.dram");
  EXPECT_EQ(code_of("load.inp y_size=2 x_size=1 x_stride=65535"), "sim.dram");
  EXPECT_EQ(code_of("store.out sram_base=8 y_size=1 x_size=1"), "sim.sram");
  EXPECT_EQ(code_of("store.out dram_base=63 y_size=1 x_size=2"), "sim.dram");
  EXPECT_EQ(code_of("gemm uop_end=9 iter_out=1 iter_in=1"), "sim.uop");
  EXPECT_EQ(code_of("gemm uop_end=1 iter_out=2 iter_in=1 dst_out=7"), "");
  EXPECT_EQ(code_of("gemm uop_end=1 iter_out=3 iter_in=1 dst_out=4"), "sim.uop");
  EXPECT_EQ(code_of("gemm uop_bgn=1 uop_end=2 iter_out=2 iter_in=1 dst_out=7"), "sim.uop");
  EXPECT_EQ(code_of("gemm uop_end=1 iter_out=1 iter_in=9 src_in=1"), "sim.uop");
  EXPECT_EQ(code_of("gemm reset uop_end=1 iter_out=1 iter_in=9 src_in=1"), "");  // does not read
  EXPECT_EQ(code_of("gemm uop_end=1 iter_out=9 iter_in=1 wgt_out=1"), "sim.uop");
  EXPECT_EQ(code_of("alu.add uop_end=1 iter_out=9 iter_in=1 src_out=1"), "sim.uop");
  EXPECT_EQ(code_of("alu.add use_imm uop_end=1 iter_out=9 iter_in=1 src_out=1"), "");
  EXPECT_EQ(code_of("alu.add use_imm uop_end=1 iter_out=16383 iter_in=16383 dst_out=7 dst_in=7"), "sim.uop");
  Ran r(kLoads + "gemm uop_end=3 iter_out=1 iter_in=9 src_in=1");
  EXPECT_NE(r.error->message().find("micro-op 0 reaches element 8 of INP, which has 8"), std::string::npos)
      << r.error->str();
  EXPECT_NE(r.error->fact_of("insn").find("gemm uop_end=3"), std::string::npos);
}

TEST(Machine, RefusesWhatCannotBeEncoded) {
  isa::MachineConfig config;
  Machine machine = Machine::make(config).value();
  Dram dram = Dram::make(16).value();
  const isa::Insn wide{isa::Gemm{.uop_end = 1 << 20, .iter_out = 1, .iter_in = 1}, {}};
  EXPECT_EQ(machine.execute(wide, dram)->code(), "isa.encode.range");
  EXPECT_EQ(Dram::make(1 << 20, 1000).error().code(), "sim.dram.size");
  EXPECT_EQ(Dram::make(~uint64_t{0}).error().code(), "sim.dram.size");
}

TEST(Machine, NarrowAccumulatorsWrapAtTheirWidth) {
  const isa::Program p = isa::assemble(R"(
.config batch=1 block_in=4 block_out=1 inp_bits=16 wgt_bits=16 acc_bits=16 out_bits=16 uop_depth=2 inp_depth=2 wgt_depth=2 acc_depth=2
.segment 0 i16
  32767 -32768 1000 3
.segment 16 uop
  dst=0 src=0 wgt=0
.code
load.inp y_size=1 x_size=1
load.wgt y_size=1 x_size=1
load.uop dram_base=4 y_size=1 x_size=1
gemm uop_end=1 iter_out=1 iter_in=1
finish
)")
                             .value();
  Machine machine = Machine::make(p.config).value();
  Dram dram = Dram::of(p).value();
  for (const isa::Insn& insn : p.insns) ASSERT_FALSE(machine.execute(insn, dram));
  // 32767^2 + 32768^2 + 1000000 + 9 = 2148418058 = 32782 * 65536 + 16906 -> low 16 bits as signed
  const int64_t sum = 32767ll * 32767 + 32768ll * 32768 + 1000000 + 9;
  EXPECT_EQ(machine.acc()[0], static_cast<int16_t>(sum & 0xffff));
}

}  // namespace
}  // namespace tc::sim
