// Reductions within lanes, C[i] = C[i] op vreduce(op, e), and how a loop of them
// is kept in vector accumulators. Private to lib/ir.
#pragma once
#include "effects.h"

namespace tc::ir {

/// C[i] = ((C[i] op t1) op t2) ..., some of the terms being vreduce(op, vector).
struct LaneSum {
  BinaryOp op = BinaryOp::add;
  std::vector<Expr> vectors, rest;
};
/// `s` in this form; nothing where it has another one or no vectors.
[[nodiscard]] std::optional<LaneSum> lane_sum_of(const Store& s, const SlotMap& slots);

/// x op identity == x, and identity op x == x, but for a NaN's payload; of min and max
/// identity op NaN is the identity.
[[nodiscard]] Expr identity_of(BinaryOp op, DType type);

/// The values combined pairwise.
[[nodiscard]] Expr combine_tree(BinaryOp op, std::vector<Expr> values);

}  // namespace tc::ir
