// Instructions and micro-ops as plain structs, made from isa.def. Addresses
// count elements of a scratchpad, not bytes. What they do: docs/isa.md and
// tc/sim/machine.h; how they are encoded: tc/isa/layout.h.
#pragma once
#include <cstdint>
#include <string_view>
#include <variant>

#include "tc/isa/isa.def"

namespace tc::isa {

#define TC_ISA_ENUMERATOR(name, number, ...) name = number,
enum class MemId : uint8_t { TC_ISA_MEM_IDS(TC_ISA_ENUMERATOR) };
enum class AluOp : uint8_t { TC_ISA_ALU_OPS(TC_ISA_ENUMERATOR) };
enum class Opcode : uint8_t { TC_ISA_OPCODES(TC_ISA_ENUMERATOR) };
#undef TC_ISA_ENUMERATOR

/// The three units that run instructions; each has a queue.
enum class Unit : uint8_t { load, compute, store };
inline constexpr int kUnits = 3;

[[nodiscard]] std::string_view to_string(MemId id);
[[nodiscard]] std::string_view to_string(AluOp op);
[[nodiscard]] std::string_view to_string(Opcode opcode);
[[nodiscard]] std::string_view to_string(Unit unit);

#define TC_ISA_MEMBER(name, type, width, doc) type name = {};
struct Load {
  TC_ISA_MEM_FIELDS(TC_ISA_MEMBER)
  friend bool operator==(const Load&, const Load&) = default;
};
struct Store {
  TC_ISA_MEM_FIELDS(TC_ISA_MEMBER)
  friend bool operator==(const Store&, const Store&) = default;
};
struct Gemm {
  TC_ISA_GEMM_FIELDS(TC_ISA_MEMBER)
  friend bool operator==(const Gemm&, const Gemm&) = default;
};
struct Alu {
  TC_ISA_ALU_FIELDS(TC_ISA_MEMBER)
  friend bool operator==(const Alu&, const Alu&) = default;
};
struct Finish {
  TC_ISA_FINISH_FIELDS(TC_ISA_MEMBER)
  friend bool operator==(const Finish&, const Finish&) = default;
};
struct Uop {
  TC_ISA_UOP_FIELDS(TC_ISA_MEMBER)
  friend bool operator==(const Uop&, const Uop&) = default;
};
#undef TC_ISA_MEMBER

/// Which dependence tokens an instruction takes before it starts and gives when
/// it is done. The order of units is load, compute, store.
struct Tokens {
  bool pop_prev = false, pop_next = false, push_prev = false, push_next = false;
  friend bool operator==(const Tokens&, const Tokens&) = default;
};

/// One instruction. The alternatives stand in the order of the opcodes.
struct Insn {
  std::variant<Load, Store, Gemm, Finish, Alu> body = Finish{};
  Tokens tokens;
  [[nodiscard]] Opcode opcode() const { return static_cast<Opcode>(body.index()); }
  friend bool operator==(const Insn&, const Insn&) = default;
};

/// The unit that fetch sends an instruction to: loads of INP and WGT to load,
/// stores to store, all else to compute.
[[nodiscard]] Unit unit_of(const Insn& insn);

/// Whether the instruction only passes tokens: a load or store with x_size 0.
[[nodiscard]] bool is_nop(const Insn& insn);

}  // namespace tc::isa
