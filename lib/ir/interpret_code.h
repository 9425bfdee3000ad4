// The register bytecode of the interpreter. interpret_compile.cpp makes it,
// interpret_run.cpp runs it. Private to lib/ir.
//
// A value is one slot a lane, in consecutive registers: integers and bool in
// `i`, in the range of their type; f64 in `d`; f32, f16 and bf16 in `f`.
#pragma once
#include <unordered_map>

#include "tc/ir/interpret.h"

namespace tc::ir::interp {

union Slot {
  int64_t i = 0;
  double d;
  float f;
};

// clang-format off
#define TC_INTERP_OPS(X)                                                                                \
  X(mov) X(spread) X(ramp)                                                                              \
  X(add_i) X(sub_i) X(mul_i) X(div_i) X(mod_i) X(min_i) X(max_i)                                        \
  X(eq_i) X(ne_i) X(lt_i) X(le_i) X(gt_i) X(ge_i) X(and_i) X(or_i) X(xor_i) X(shl_i) X(shr_i)           \
  X(add_f) X(sub_f) X(mul_f) X(div_f) X(min_f) X(max_f) X(eq_f) X(ne_f) X(lt_f) X(le_f) X(gt_f) X(ge_f) \
  X(add_d) X(sub_d) X(mul_d) X(div_d) X(min_d) X(max_d) X(eq_d) X(ne_d) X(lt_d) X(le_d) X(gt_d) X(ge_d) \
  X(other_i) X(mod_f) X(mod_d) X(wrap) X(round)                                                         \
  X(neg_i) X(neg_f) X(neg_d) X(abs_i) X(abs_f) X(abs_d) X(not_b) X(not_i) X(isnan_f) X(isnan_d)         \
  X(fma_i) X(fma_f) X(fma_d) X(math_f) X(math_d) X(pow_f) X(pow_d) X(dot) X(bits) X(select)                    \
  X(int_to_bool) X(int_to_f) X(int_to_d) X(f_to_int) X(d_to_int) X(f_to_d) X(d_to_f)                    \
  X(load) X(store) X(demand) X(alloc) X(check_extent)                                                   \
  X(assume) X(jump) X(jump_if_not) X(for_begin) X(for_next) X(end)
// clang-format on

enum class Op : uint8_t {
#define TC_X(name) name,
  TC_INTERP_OPS(TC_X)
#undef TC_X
};

/// A register operand is an index into the registers; constants lie behind
/// them and are marked by kConst until the program is complete.
inline constexpr uint32_t kConst = 1u << 31;

struct Instr {
  Op op;
  uint8_t aux = 0;  // BinaryOp, CallOp, LoopMode or whether the condition of a select is a vector
  uint16_t lanes = 1;
  DType type{};  // of the result, of the element in memory or of what is wrapped
  uint32_t dst = 0, a = 0, b = 0, c = 0;
  int64_t imm = 0;  // jump target (of for_next with the cost of an iteration above), first operand, ...
};

/// An index of a load or store: a register and whether it has a slot a lane.
struct IndexOperand {
  uint32_t reg;
  uint32_t step;
};

/// Where the code is that gives a single element of `buffer`, and of those computed
/// with it: the values of a Compute, or a load of what a `whole` has left in memory.
struct Fragment {
  const Buffer* buffer = nullptr;
  int64_t entry = 0, cost = 0;
  std::vector<uint32_t> vars, results;
  int whole = -1;
};
/// A scan or extern, which runs as a whole when the first of its elements is asked for.
struct Whole {
  int64_t entry = 0;
  std::vector<uint32_t> written;  // buffers
};

struct Program {
  FuncRef func;
  std::vector<Instr> code;
  std::vector<const StmtNode*> stmts;  // by instruction: what it belongs to; null in the prologue
  std::vector<const Var*> loops;       // by instruction: the variable of a for_begin
  std::vector<IndexOperand> operands;  // a load's or store's start at its imm
  std::vector<Slot> constants;
  std::vector<Expr> assertions;  // an assume's is at its imm
  uint32_t registers = 0;
  std::vector<const Buffer*> buffers;  // parameters first
  std::vector<bool> stored;            // by buffer: whether anything writes it
  struct Symbol {
    uint32_t reg, param, dim;  // of no parameter: its value is given by itself
    const Var* var;
    static constexpr uint32_t kNoParam = UINT32_MAX;
  };
  std::vector<Symbol> symbols;  // extents that parameters' shapes name
  std::unordered_map<const Buffer*, std::pair<uint32_t, uint32_t>> computed;  // lazy: fragment and component
  std::vector<Fragment> fragments;
  std::vector<Whole> wholes;
};

/// Code for the whole function; `lazy`: for its single elements, where a load
/// of a computed buffer computes what it needs. Throws ir.interpret.*.
[[nodiscard]] Program compile(const FuncRef& f, bool lazy);

}  // namespace tc::ir::interp
