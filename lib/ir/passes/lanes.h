// Arithmetic on vectors of indices that keeps ramps as ramps. Private to lib/ir.
#pragma once
#include "tc/ir/expr.h"

namespace tc::ir {

/// binary(op, a, b), where ramp + x, ramp - x and ramp * x with a uniform x become
/// ramps again, and uniform op uniform is computed once and broadcast.
[[nodiscard]] Expr lanes_binary(BinaryOp op, Expr a, Expr b);

/// The value that all lanes have, or null where they may differ. A scalar is itself.
[[nodiscard]] Expr uniform_value(const Expr& e);

/// The same vector as a ramp, where its lanes are base, base + stride, ... for a number
/// `stride`, however it is written: ramp(0, 1, 8) / 4 * 4 + ramp(0, 1, 8) % 4 is ramp(0, 1, 8).
[[nodiscard]] Expr as_ramp(const Expr& e);

}  // namespace tc::ir
