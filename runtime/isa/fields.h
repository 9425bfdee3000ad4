// The fields of instructions as numbers, in the order of isa.def: what encoder,
// assembler and random instructions have in common. Private to runtime/isa.
#pragma once
#include <array>
#include <cstdint>

#include "tc/isa/insn.h"

namespace tc::isa::detail {

inline constexpr size_t kCommonFields = 5;  // opcode and the four tokens
inline constexpr size_t kMaxFields = 17;

/// Value i is that of Layout::fields(opcode)[i].
using Values = std::array<int64_t, kMaxFields>;

#define TC_ISA_VISIT(name, type, width, doc) f(x.name);
template <class F>
void visit(auto& x, F&& f) {
  using T = std::remove_cvref_t<decltype(x)>;
  if constexpr (std::is_same_v<T, Load> || std::is_same_v<T, Store>) {
    TC_ISA_MEM_FIELDS(TC_ISA_VISIT)
  } else if constexpr (std::is_same_v<T, Gemm>) {
    TC_ISA_GEMM_FIELDS(TC_ISA_VISIT)
  } else if constexpr (std::is_same_v<T, Alu>) {
    TC_ISA_ALU_FIELDS(TC_ISA_VISIT)
  } else if constexpr (std::is_same_v<T, Uop>) {
    TC_ISA_UOP_FIELDS(TC_ISA_VISIT)
  } else {
    TC_ISA_FINISH_FIELDS(TC_ISA_VISIT)
  }
}
#undef TC_ISA_VISIT

[[nodiscard]] Values to_values(const Insn& insn);
/// The opcode is values[0].
[[nodiscard]] Insn from_values(const Values& values);
[[nodiscard]] std::array<int64_t, 3> to_values(const Uop& uop);

}  // namespace tc::isa::detail
