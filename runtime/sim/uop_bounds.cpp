#include "uop_bounds.h"

#include <fmt/format.h>

#include "tc/isa/assembler.h"

namespace tc::sim {
namespace {

// Index that a micro-op reaches in the last iteration of both loops.
int64_t last(uint32_t base, int64_t out, int64_t in, const auto& insn) {
  return base + (int64_t{insn.iter_out} - 1) * out + (int64_t{insn.iter_in} - 1) * in;
}

Check check(const auto& insn, const Machine& m, auto wgt_of) {
  const isa::MachineConfig& c = m.config();
  if (insn.uop_end > c.uop_depth)
    return Error("sim.uop",
                 fmt::format("uop_end is {}; the micro-op cache holds {}", insn.uop_end, c.uop_depth))
        .fix("split the kernel into several instructions");
  constexpr bool is_gemm = std::is_same_v<std::remove_cvref_t<decltype(insn)>, isa::Gemm>;
  for (uint32_t u = insn.uop_bgn; u < insn.uop_end; ++u) {
    const isa::Uop uop = m.layout().decode_trusted(m.uop()[u]);
    const auto bad = [&](std::string_view field, std::string_view memory, int64_t index, int64_t depth) {
      return Error("sim.uop",
                   fmt::format("micro-op {} reaches element {} of {}, which has {}", u, index, memory, depth))
          .fact("uop", disassemble(uop))
          .fact("field", std::string(field))
          .fix(fmt::format("lower {0}, the iterations, or the factors {0}_out and {0}_in", field));
    };
    const int64_t dst = last(uop.dst, insn.dst_out, insn.dst_in, insn);
    if (dst >= c.acc_depth) return bad("dst", "ACC", dst, c.acc_depth);
    if (!reads_operands(insn)) continue;
    const int64_t src = last(uop.src, insn.src_out, insn.src_in, insn);
    const int64_t src_depth = is_gemm ? c.inp_depth : c.acc_depth;
    if (src >= src_depth) return bad("src", is_gemm ? "INP" : "ACC", src, src_depth);
    if (const int64_t wgt = wgt_of(uop); wgt >= c.wgt_depth) return bad("wgt", "WGT", wgt, c.wgt_depth);
  }
  return std::nullopt;
}

}  // namespace

Check check_uops(const isa::Gemm& gemm, const Machine& machine) {
  return check(gemm, machine,
               [&](const isa::Uop& uop) { return last(uop.wgt, gemm.wgt_out, gemm.wgt_in, gemm); });
}

Check check_uops(const isa::Alu& alu, const Machine& machine) {
  return check(alu, machine, [](const isa::Uop&) { return int64_t{0}; });
}

}  // namespace tc::sim
