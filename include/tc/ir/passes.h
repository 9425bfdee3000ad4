// The list of passes. Each is defined, and its before and after shown, in
// lib/ir/passes/NAME.cpp.
//
// What lower_math promises, in ulp of the result (in brackets: without fma), denormals,
// infinities and the sign of zero included, NaN giving NaN:
//
//   function   f32      f64      where
//   exp        2 (2.5)  2        all x
//   log        1        1        all x; log 0 = -inf, of x < 0 NaN
//   tanh       4 (5)    3.5      all x
//   erf        1.5      1.5      all x
//   sigmoid    4        4        all x
//   rsqrt      1.5      1.5      all x
//   sin, cos   2        3        |x| <= 2^20; beyond, less exact with |x|, but in [-1, 1]
//   pow        1        see at   all x, y, exceptions as in C; f64: 2 (1 + |y log x|) ulp
//
// f16 and bf16 are computed in f32 and rounded. test/ir/passes_math_test.cpp checks them.
#pragma once
#include <span>

#include "tc/ir/pass.h"

namespace tc::ir {

/// X(name), in alphabetical order.
#define TC_IR_PASSES(X)   \
  X(contract_fma)         \
  X(flatten)              \
  X(hoist_guards)         \
  X(hoist_invariants)     \
  X(interleave)           \
  X(lower_guards)         \
  X(lower_math)           \
  X(peel_tails)           \
  X(promote_accumulators) \
  X(share_subexprs)       \
  X(simplify)             \
  X(to_registers)         \
  X(unroll)               \
  X(vectorize)

namespace passes {
#define TC_X(name) extern const Pass name;
TC_IR_PASSES(TC_X)
#undef TC_X
}  // namespace passes

/// Every pass, by name.
[[nodiscard]] std::span<const Pass* const> all_passes();

}  // namespace tc::ir
