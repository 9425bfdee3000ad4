// The micro-ops of GEMM and ALU instructions: their indices one by one, and the
// check that none leaves a scratchpad. Private to runtime/sim.
#pragma once
#include <type_traits>

#include "tc/sim/machine.h"

namespace tc::sim {

/// Whether the instruction reads src (and GEMM wgt) at all.
[[nodiscard]] inline bool reads_operands(const isa::Gemm& gemm) { return !gemm.reset; }
[[nodiscard]] inline bool reads_operands(const isa::Alu& alu) { return !alu.use_imm; }

/// Error sim.uop for the first micro-op, in the order of the cache, that leaves a
/// scratchpad in some iteration. Factors are not negative, so the last is the largest.
[[nodiscard]] Check check_uops(const isa::Gemm& gemm, const Machine& machine);
[[nodiscard]] Check check_uops(const isa::Alu& alu, const Machine& machine);

/// Calls f(dst, src, wgt) for every micro-op in order, until stop() holds behind an iteration. The
/// indices are those of a checked instruction.
template <class Insn, class F, class Stop>
void for_each_uop(const Insn& insn, const Machine& machine, F&& f, Stop&& stop) {
  uint32_t dst_out = 0, src_out = 0, wgt_out = 0;
  for (uint32_t i = 0; i < insn.iter_out; ++i) {
    uint32_t dst_in = dst_out, src_in = src_out, wgt_in = wgt_out;
    for (uint32_t j = 0; j < insn.iter_in; ++j) {
      for (uint32_t u = insn.uop_bgn; u < insn.uop_end; ++u) {
        const isa::Uop uop = machine.layout().decode_trusted(machine.uop()[u]);
        f(uop.dst + dst_in, uop.src + src_in, uop.wgt + wgt_in);
      }
      if (stop()) return;
      dst_in += insn.dst_in;
      src_in += insn.src_in;
      if constexpr (std::is_same_v<Insn, isa::Gemm>) wgt_in += insn.wgt_in;
    }
    dst_out += insn.dst_out;
    src_out += insn.src_out;
    if constexpr (std::is_same_v<Insn, isa::Gemm>) wgt_out += insn.wgt_out;
  }
}
template <class Insn, class F>
void for_each_uop(const Insn& insn, const Machine& machine, F&& f) {
  for_each_uop(insn, machine, f, [] { return false; });
}

/// The instruction with those of its iterations that touch places of their own: a loop that moves
/// no index counts once.
template <class Insn>
[[nodiscard]] Insn distinct_iterations(Insn insn) {
  bool outer = insn.dst_out != 0 || insn.src_out != 0, inner = insn.dst_in != 0 || insn.src_in != 0;
  if constexpr (std::is_same_v<Insn, isa::Gemm>) outer |= insn.wgt_out != 0, inner |= insn.wgt_in != 0;
  if (!outer && insn.iter_out > 1) insn.iter_out = 1;
  if (!inner && insn.iter_in > 1) insn.iter_in = 1;
  return insn;
}

}  // namespace tc::sim
