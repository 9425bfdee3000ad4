// What programs for the default machine ask of VTA: docs/isa.md, "On VTA".
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "run_legal.h"
#include "tc/isa/assembler.h"
#include "tc/te/workload.h"

namespace tc::accel {
namespace {

std::vector<isa::Program> programs_of(const std::string& workload) {
  const std::vector<Tensor> args = parse_workload(workload).value().build().args;
  const Legalized l = legalize(args, {}).value();
  return compile_all(default_schedule(l, {}).value(), l.args, {}).value().programs;
}

// Calls f(instruction, its micro-ops) for all ALU instructions.
template <class F>
void for_each_alu(const isa::Program& program, F&& f) {
  const isa::Layout layout = isa::Layout::make(program.config).value();
  const sim::Dram dram = sim::Dram::of(program).value();
  std::vector<isa::Uop> cache(static_cast<size_t>(program.config.uop_depth));
  for (const isa::Insn& insn : program.insns) {
    const auto* load = std::get_if<isa::Load>(&insn.body);
    if (load && load->mem_id == isa::MemId::uop && load->x_size > 0) {
      ASSERT_EQ(load->y_size, 1u);
      for (uint32_t i = 0; i < load->x_size; ++i) {
        uint32_t word = 0;
        std::memcpy(&word, dram.bytes().data() + 4 * (uint64_t{load->dram_base} + i), sizeof word);
        cache[load->sram_base + i] = layout.decode(word).value();
      }
    }
    if (const auto* alu = std::get_if<isa::Alu>(&insn.body))
      f(*alu, std::span(cache).subspan(alu->uop_bgn, alu->uop_end - alu->uop_bgn));
  }
}

TEST(Vta, ImmediatesNameTheirTileAsSourceToo) {
  int count = 0;
  for (const char* workload :
       {"qmatmul m=17 n=33 k=20 bias=1 shift=3 round=1", "qadd shape=5x40 shift=1 mul=3",
        "qconv2d n=1 c=20 h=7 w=7 k=33 r=3 s=3 pad=1 bias=1 act=relu shift=4",
        "max_pool2d n=1 c=20 h=7 w=7 r=3 s=3 stride=2 dtype=i8", "matmul m=9 n=20 k=17 dtype=i8",
        "qdepthwise_conv2d n=1 c=20 h=6 w=6 r=3 s=3 pad=1 bias=1 shift=4"})
    for (const isa::Program& p : programs_of(workload))
      for_each_alu(p, [&](const isa::Alu& alu, std::span<const isa::Uop> uops) {
        if (!alu.use_imm) return;
        ++count;
        EXPECT_EQ(alu.src_out, alu.dst_out) << workload;
        EXPECT_EQ(alu.src_in, alu.dst_in) << workload;
        for (const isa::Uop& u : uops) EXPECT_EQ(u.src, u.dst) << workload;
      });
  EXPECT_GT(count, 40);
}

// Neither multiplications nor 8-bit loads into ACC, nor padding but of INP, nor a shift that is
// not a number of five bits with sign.
TEST(Vta, ProductsAndConvolutionsUseWhatItsHlsDesignHas) {
  for (const char* workload :
       {"qmatmul m=17 n=33 k=20 bias=1 shift=15 round=1", "qmatmul m=1 n=1 k=1 low=-3 high=5",
        "qconv2d n=2 c=20 h=7 w=7 k=33 r=3 s=3 pad=1 bias=1 act=relu shift=4",
        "qconv2d n=1 c=64 h=14 w=14 k=64 r=1 s=1 stride=2 layout=nchw shift=8"})
    for (const isa::Program& p : programs_of(workload))
      for (const isa::Insn& insn : p.insns) {
        SCOPED_TRACE(fmt::format("{}: {}", workload, isa::disassemble(insn)));
        if (const auto* load = std::get_if<isa::Load>(&insn.body)) {
          EXPECT_NE(load->mem_id, isa::MemId::acc8);
          if (load->mem_id != isa::MemId::inp) {
            EXPECT_EQ(load->x_pad0 + load->x_pad1 + load->y_pad0 + load->y_pad1, 0u);
          }
        }
        if (const auto* alu = std::get_if<isa::Alu>(&insn.body)) {
          EXPECT_NE(alu->alu_op, isa::AluOp::mul);
          if (alu->alu_op == isa::AluOp::shr) {
            EXPECT_TRUE(alu->use_imm && alu->imm >= -16 && alu->imm <= 15);
          }
        }
      }
}

}  // namespace
}  // namespace tc::accel
