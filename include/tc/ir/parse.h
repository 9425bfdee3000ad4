// Text to IR, the inverse of print.h. The text form, by example:
//
//   func matmul(A: f32[64, n], B: f32[n, 64], C: f32[64, 64]) {
//     alloc T: f32[6, 16] register
//     alloc U: f32[16] stack double_buffer
//     for y in [0, +64) parallel {
//       prefetch A[y + 2, 0]
//       let p: i64 = y * 6 + y % 7
//       C[y, 0] = 0.0
//       if p < 49 && y >= 1 {
//         T[0, ramp(0, 1, 8)] = fma(broadcast(A[y, 0], 8), B[0, ramp(y * 8, 1, 8)], broadcast(0.0, 8))
//       } else {
//         C[y, 1] = select(y < 3, cast(f32, y), -inf)
//       }
//     }
//   }
//   compute C[y, x] = sum(A[y, k] * B[k, x], k in [0, +n))
//   compute V[y], I[y] = reduce argmax(v: f32, i: i64; w: f32, j: i64)
//       -> (max(v, w), select(v >= w, i, j)) from (-inf, 0) of (A[y, k], k, k in [0, +64))
//
// - alloc and let reach to the end of the enclosing block; { } opens a block.
// - Numbers: 3 is i64, 0.5 is f32; other types are named: i32(3), f64(0.5), f16(inf), u8(0xff).
//   f32(x) of anything but a number is cast(f32, x). true and false are bool.
// - From loose to tight: ||, &&, comparisons (which do not chain), |, ^, &, << >>, + -, * / %,
//   then the unary - (negate), ! (not, of bool) and ~ (not, of integers). neg(3) negates a number.
// - sum, prod, min, max, all and any are reductions where an axis follows (or with one argument);
//   `.1` or `.(1, 0)` after a reduction picks components.
// - A plain name in the shape of a parameter that is not yet known stands for that extent.
// - // comments run to the end of the line.
//
// The parser builds exactly what is written: it checks types as the makers do
// but folds nothing, so `x + 0` stays. It takes hostile text: every problem is
// an Error (ir.parse, or ir.type, ir.rank, ir.depth, ... of the makers) with
// the place, the line and carets.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "tc/ir/stmt.h"

namespace tc::ir {

/// What the names in a piece of text stand for.
struct ParseScope {
  std::map<std::string, VarRef, std::less<>> vars;
  std::map<std::string, BufferRef, std::less<>> buffers;
  /// Adds under the name that it has.
  ParseScope& add(const VarRef& v);
  ParseScope& add(const BufferRef& b);
};

/// A whole function; `file` is only for messages.
[[nodiscard]] Expected<FuncRef> parse_func(std::string_view text, std::string_view file = "<text>");
/// One expression.
[[nodiscard]] Expected<Expr> parse_expr(std::string_view text, const ParseScope& scope = {},
                                        std::string_view file = "<text>");
/// Statements, as in a block.
[[nodiscard]] Expected<Stmt> parse_stmt(std::string_view text, const ParseScope& scope = {},
                                        std::string_view file = "<text>");

inline constexpr int kMaxLanes = 4096, kMaxRank = 32;

}  // namespace tc::ir
