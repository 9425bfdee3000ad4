// The list of passes. Each is defined, and its before and after shown, in
// lib/ir/passes/NAME.cpp.
#pragma once
#include <span>

#include "tc/ir/pass.h"

namespace tc::ir {

/// X(name), in alphabetical order.
#define TC_IR_PASSES(X) \
  X(flatten)            \
  X(lower_guards)       \
  X(peel_tails)         \
  X(simplify)           \
  X(unroll)             \
  X(vectorize)

namespace passes {
#define TC_X(name) extern const Pass name;
TC_IR_PASSES(TC_X)
#undef TC_X
}  // namespace passes

/// Every pass, by name.
[[nodiscard]] std::span<const Pass* const> all_passes();

}  // namespace tc::ir
