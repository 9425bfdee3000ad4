#include "tc/isa/assembler.h"

#include <gtest/gtest.h>

#include "tc/isa/random.h"

namespace tc::isa {
namespace {

constexpr std::string_view kText = R"(; one product of tiles
.config name=small inp_depth=64
.region A input 0x0 16
.region W constant 0x100 256
.region C output 0x400 16
.segment 0x0 i8
  1 -2 3
  127 -128 0xff
.segment 0x200 uop
  dst=1 src=2 wgt=3
  0x00000005
.code
  load.uop dram_base=128 y_size=1 x_size=2 x_stride=2
  load.inp dram_base=@A y_size=1 x_size=1 x_stride=1
  load.wgt dram_base=@W y_size=1 x_size=1 x_stride=1 push_next
  gemm reset pop_prev uop_end=1 iter_out=1 iter_in=1
  alu.shr use_imm imm=-4 uop_end=1 iter_out=1 iter_in=1 push_next
  store.out dram_base=@C y_size=1 x_size=1 x_stride=1 pop_prev push_prev
  load.uop pop_next
  finish
)";

std::string code_of(std::string_view text) {
  const auto p = assemble(text);
  return p.ok() ? "" : p.error().code();
}

TEST(Assembler, ReadsAProgram) {
  const Program p = assemble(kText).value();
  EXPECT_EQ(p.config.inp_depth, 64);
  EXPECT_EQ(p.dram_bytes, 0x410u);
  ASSERT_EQ(p.segments.size(), 2u);
  EXPECT_EQ(p.segments[0].bytes, (std::vector<uint8_t>{1, 0xfe, 3, 127, 128, 255}));
  EXPECT_EQ(p.segments[1].bytes,
            (std::vector<uint8_t>{1, 0x10, 0xc0, 0, 5, 0, 0, 0}));  // 1 + (2 << 11) + (3 << 22)
  ASSERT_EQ(p.insns.size(), 8u);
  EXPECT_EQ(p.insns[2],
            (Insn{Load{.mem_id = MemId::wgt, .dram_base = 1, .y_size = 1, .x_size = 1, .x_stride = 1},
                  {.push_next = true}}));
  EXPECT_EQ(std::get<Store>(p.insns[5].body).dram_base, 0x40u);
  EXPECT_EQ(std::get<Alu>(p.insns[4].body).imm, -4);
  EXPECT_EQ(p.region("W")->kind, RegionKind::constant);
  EXPECT_EQ(p.region("X"), nullptr);
}

TEST(Assembler, TextRoundTrips) {
  const Program p = assemble(kText).value();
  const std::string text = disassemble(p);
  EXPECT_EQ(assemble(text).value(), p) << text;
  EXPECT_EQ(disassemble(assemble(text).value()), text);
}

TEST(Assembler, RandomProgramsRoundTrip) {
  Rng rng(5);
  for (int round = 0; round < 100; ++round) {
    Program p;
    p.config = random_config(rng);
    const Layout layout = Layout::make(p.config).value();
    for (uint64_t n = rng.below(50); n > 0; --n) {
      Insn insn = random_insn(rng, layout);
      if (insn.opcode() != Opcode::finish) p.insns.push_back(insn);
    }
    p.insns.push_back({});
    for (uint64_t n = rng.below(4); n > 0; --n) {
      Segment s{p.dram_bytes + rng.below(100), static_cast<SegmentKind>(rng.below(4)), {}};
      for (uint64_t bytes = rng.below(30) * 4; bytes > 0; --bytes)
        s.bytes.push_back(static_cast<uint8_t>(rng.next()));
      p.dram_bytes = s.address + s.bytes.size();
      p.segments.push_back(s);
    }
    p.regions.push_back({"r", RegionKind::scratch, 0, p.dram_bytes});
    if (rng.below(2)) p.regions.push_back({"a", RegionKind::input, 0, 0, "i8", {0, 3}});
    if (p.dram_bytes >= 96) p.regions.push_back({"b", RegionKind::output, 0, 96, "u16", {3, 1, 16}});
    if (p.dram_bytes >= 4) p.regions.push_back({"c", RegionKind::output, 0, 4, "i32", {}});
    const std::string text = disassemble(p);
    const auto back = assemble(text);
    ASSERT_TRUE(back.ok()) << back.error().str() << "\n" << text;
    ASSERT_EQ(back.value(), p) << text;
    ASSERT_EQ(load(save(p).value()).value(), p);
  }
}

TEST(Assembler, ErrorsPointAtTheWord) {
  const auto e = assemble(".code\n  load.inp sram_bas=3\n  finish\n", "a.s");
  ASSERT_FALSE(e.ok());
  EXPECT_EQ(e.error().str(),
            "error[isa.asm.field]: the instruction has no field sram_bas\n"
            "  at   a.s:2:12\n"
            "    2 |   load.inp sram_bas=3\n"
            "      |            ^^^^^^^^\n"
            "  fix  did you mean sram_base?");
  const auto range = assemble(".code\n  gemm uop_end=16384\n", "a.s");
  EXPECT_NE(range.error().str().find("      |                ^^^^^"), std::string::npos)
      << range.error().str();
}

TEST(Assembler, RefusesWhatItCannotRead) {
  const auto insn = [](const char* text) { return code_of(std::string(".code\n") + text + "\nfinish\n"); };
  EXPECT_EQ(insn("lod.inp"), "isa.asm.mnemonic");
  EXPECT_EQ(insn("load"), "isa.asm.mnemonic");
  EXPECT_EQ(insn("load.xyz"), "isa.asm.mnemonic");
  EXPECT_EQ(insn("alu.div"), "isa.asm.mnemonic");
  EXPECT_EQ(insn("gemm.inp"), "isa.asm.mnemonic");
  EXPECT_EQ(insn("load.out x_size=1"), "isa.encode.mem_id");
  EXPECT_EQ(insn("load.inp mem_id=3"), "isa.asm.field");
  EXPECT_EQ(insn("load.inp opcode=3"), "isa.asm.field");
  EXPECT_EQ(insn("load.inp x_size"), "isa.asm.words");
  EXPECT_EQ(insn("load.inp x_size="), "isa.asm.words");
  EXPECT_EQ(insn("load.inp =3"), "isa.asm.words");
  EXPECT_EQ(insn("load.inp x_size=1 x_size=1"), "isa.asm.twice");
  EXPECT_EQ(insn("load.inp x_size=one"), "isa.asm.number");
  EXPECT_EQ(insn("load.inp x_size=--1"), "isa.asm.number");
  EXPECT_EQ(insn("load.inp x_size=0x"), "isa.asm.number");
  EXPECT_EQ(insn("load.inp x_size=99999999999999999999"), "isa.asm.number");
  EXPECT_EQ(insn("load.inp x_size=65536"), "isa.encode.range");
  EXPECT_EQ(insn("load.inp dram_base=@A"), "isa.asm.region");
  EXPECT_EQ(insn("load.inp sram_base=@A"), "isa.asm.number");
  EXPECT_EQ(insn("gemm reset=2"), "isa.encode.range");
  EXPECT_EQ(insn("finish\nfinish"), "isa.program.finish");
  EXPECT_EQ(code_of(""), "isa.program.finish");
  EXPECT_EQ(code_of(".code\ngemm\n"), "isa.program.finish");
  EXPECT_EQ(code_of(".code\nfinish pop_prev\n"), "isa.encode.finish");
  EXPECT_EQ(code_of("finish"), "isa.asm.place");
  EXPECT_EQ(code_of(".cod"), "isa.asm.directive");
  EXPECT_EQ(code_of(".code 3"), "isa.asm.words");
  EXPECT_EQ(code_of(".dram 4\n.dram 4"), "isa.asm.twice");
  EXPECT_EQ(code_of(".dram -4"), "isa.asm.range");
  EXPECT_EQ(code_of(".config blok=3"), "isa.asm.field");
  EXPECT_EQ(code_of(".config batch=0"), "isa.config.range");
  EXPECT_EQ(code_of(".code\n.config batch=1"), "isa.asm.place");
  EXPECT_EQ(code_of(".segment 0 i9"), "isa.asm.kind");
  EXPECT_EQ(code_of(".segment 0 i8\n256"), "isa.asm.range");
  EXPECT_EQ(code_of(".segment 0 i8\n-129"), "isa.asm.range");
  EXPECT_EQ(code_of(".segment 0 uop\ndst=2048"), "isa.encode.range");
  EXPECT_EQ(code_of(".segment 0 uop\n0x100000000"), "isa.asm.range");
  EXPECT_EQ(code_of(".segment 0 i8\n1 2\n.segment 1 i8\n3\n.code\nfinish"), "isa.program.dram");
  EXPECT_EQ(code_of(".dram 1\n.segment 0 i8\n1 2\n.code\nfinish"), "isa.program.dram");
  EXPECT_EQ(code_of(".region A input 0 4\n.region A input 0 4"), "isa.asm.twice");
  EXPECT_EQ(code_of(".region A! input 0 4"), "isa.asm.name");
  EXPECT_EQ(code_of(".region A inputs 0 4"), "isa.asm.kind");
  EXPECT_EQ(code_of(".region A input 0 4 i8 2x2 5"), "isa.asm.words");
  EXPECT_EQ(code_of(".region A input 0 4 i8 2x"), "isa.asm.number");
  EXPECT_EQ(code_of(".region A input 0 4 i8 2x3\n.code\nfinish"), "isa.program.region");
  EXPECT_EQ(code_of(".region A input 0 4 f32 1\n.code\nfinish"), "isa.program.region");
  EXPECT_EQ(code_of(".region A input 0 4 i8 -2x-2\n.code\nfinish"), "isa.program.region");
  EXPECT_EQ(code_of(".region A input 0 0 i8 4294967296x4294967296\n.code\nfinish"), "isa.program.region");
  EXPECT_EQ(
      code_of(".region A input 9223372036854775807 9223372036854775807\n.region B input 0 1\n.code\nfinish"),
      "isa.program.dram");
  EXPECT_EQ(code_of(".region A input 1 16\n.code\nload.inp dram_base=@A\nfinish"), "isa.asm.align");
}

}  // namespace
}  // namespace tc::isa
