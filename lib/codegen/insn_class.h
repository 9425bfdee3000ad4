// What an instruction is, as people read a timeline. Private.
#pragma once
#include "tc/isa/insn.h"

namespace tc {

enum class InsnClass : uint8_t { load, compute_load, gemm, reset, alu, store, finish };
inline constexpr size_t kInsnClasses = 7;

[[nodiscard]] inline InsnClass class_of(const isa::Insn& insn) {
  switch (insn.opcode()) {
    case isa::Opcode::load:
      return isa::unit_of(insn) == isa::Unit::load ? InsnClass::load : InsnClass::compute_load;
    case isa::Opcode::gemm:
      return std::get<isa::Gemm>(insn.body).reset ? InsnClass::reset : InsnClass::gemm;
    case isa::Opcode::alu:
      return InsnClass::alu;
    case isa::Opcode::store:
      return InsnClass::store;
    case isa::Opcode::finish:
      break;
  }
  return InsnClass::finish;
}

}  // namespace tc
