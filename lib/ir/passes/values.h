// Judging expressions: what is worth a name, and what may be evaluated where it
// was not. Private to lib/ir.
#pragma once
#include <string>

#include "../reads_memory.h"

namespace tc::ir {

/// Whether naming it saves work. Not constants, variables and ramps; nor sums and
/// products of i64, which are addresses: code generation takes those apart into one base for
/// each loop level and constant offsets. Nor loads of register slots, which cost nothing.
[[nodiscard]] bool worth_a_name(const Expr& e);
/// A name that says where it comes from.
[[nodiscard]] std::string name_for(const Expr& e);

/// Whether evaluating it can never be an error; loads apart, which may be out of bounds or uninitialised.
[[nodiscard]] bool cannot_fail(const Expr& e);

/// if_then_else: protects what is in it from being evaluated.
[[nodiscard]] inline bool is_guard(const Expr& e) {
  return e.as<Call>() && e.as<Call>()->op == CallOp::if_then_else;
}

}  // namespace tc::ir
