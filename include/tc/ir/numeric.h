// The arithmetic of the semantics in expr.h on plain values: what constant
// folding, the interpreter and the tests share.
#pragma once
#include <cstdint>

#include "tc/ir/expr.h"

namespace tc::ir {

/// `v` reduced modulo 2^bits into an integer or bool type.
[[nodiscard]] int64_t wrap(DType type, int64_t v);
/// `v` rounded to nearest even in a float type.
[[nodiscard]] double round_to(DType type, double v);
/// Bits of an f16 or bf16 value and back.
[[nodiscard]] uint16_t to_f16_bits(float v);
[[nodiscard]] float from_f16_bits(uint16_t bits);
[[nodiscard]] uint16_t to_bf16_bits(float v);
[[nodiscard]] float from_bf16_bits(uint16_t bits);

/// op on integers of `type` (comparisons give 0 or 1); nothing where it
/// divides by zero or shifts out of range.
[[nodiscard]] std::optional<int64_t> fold_int(BinaryOp op, DType type, int64_t a, int64_t b);
/// op on floats of `type`, rounded to it; not for comparisons or bit operations.
[[nodiscard]] double fold_float(BinaryOp op, DType type, double a, double b);
[[nodiscard]] bool fold_compare(BinaryOp op, double a, double b);
/// Float to integer as the semantics have it: truncate, saturate, NaN is 0.
[[nodiscard]] int64_t float_to_int(DType type, double v);
/// An integer of type `from` to nearest even in a float type, rounded once.
[[nodiscard]] double int_to_float(DType to, DType from, int64_t v);

}  // namespace tc::ir
