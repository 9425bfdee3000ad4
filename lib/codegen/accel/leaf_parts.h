// What the value of a store statement asks for, tiles aside.
#pragma once
#include "leaf.h"

namespace tc::accel {

struct Meaning {
  Leaf::Kind kind;
  std::vector<const ir::Load*> operands;
  std::vector<ir::Expr> padding;     // of loads: conditions of what is copied
  std::vector<ir::Expr> conditions;  // of products: where no factor is zero
  AluExpr expr;
  std::optional<AluNode::Op> reduce_op;
  AluExpr reduced;
};

/// Throws codegen.accel.alu, codegen.accel.operand, codegen.accel.type with what the device
/// cannot do.
[[nodiscard]] Meaning meaning_of(const ir::BufferRef& dst, const std::vector<ir::Expr>& index,
                                 const ir::Expr& value, const Buffers& buffers);

/// An expression over loads of acc as ALU operations; adds the loads to `operands`, each once.
/// Its values are right modulo 2^bits of its type, and the machine's accumulator holds them
/// sign-extended, but for the last operation with `cut`: there only the low `cut` bits are right.
[[nodiscard]] AluExpr alu_expr(const ir::Expr& value, int64_t cut, const Buffers& buffers,
                               std::vector<const ir::Load*>& operands);

}  // namespace tc::accel
