// Operators on int8 whose sums are brought back to int8 with integer arithmetic
// alone: what an accelerator without floats runs, and what the CPU computes bit by bit
// alike. Stages, layouts and errors as in ops.h; a stage NAME holds the i32 sums and
// NAME_out the i8 result.
#pragma once
#include "tc/te/ops.h"

namespace tc::op {

/// How an i32 becomes an i8: x is multiplied by `mul`, moved right by `shift` bits (floor; with
/// `round` 2^(shift-1) is added before, so that halves go up), cut to 0 below with `relu`, and
/// to [low, high]. Sums and products wrap in i32.
struct Requantize {
  int64_t mul = 1;    // -32768 .. 32767, not 0
  int64_t shift = 0;  // 0 .. 31
  bool round = false;
  bool relu = false;
  int64_t low = -128, high = 127;  // -128 <= low <= high <= 127
};
/// The element, as an expression of type i8; `x` is of type i32. Error te.op.attr.
[[nodiscard]] Expr requantize(Expr x, const Requantize& options);
/// Each element of an i32 tensor. One stage.
[[nodiscard]] Tensor requantize(const Tensor& x, const Requantize& options, const std::string& name = "Y");

/// a[m,k] b[k,n] and perhaps bias[n] of i32 -> i8 [m,n]; `transpose_b`: b[n,k].
/// Stages: C[y, x | k], C_out[y, x].
struct QMatmulOptions {
  bool transpose_b = false;
  Requantize requantize = {};
  std::string name = "C";
};
[[nodiscard]] Tensor qmatmul(const Tensor& a, const Tensor& b, const Tensor& bias = {},
                             const QMatmulOptions& options = {});

/// conv2d and depthwise_conv2d of i8 with an i32 bias; `act` and `out` of the options must be left
/// alone. Stages: Y, Y_out with the axes of Y.
[[nodiscard]] Tensor qconv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                             const Conv2dOptions& options = {}, const Requantize& requantize = {});
[[nodiscard]] Tensor qdepthwise_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                       const Conv2dOptions& options = {}, const Requantize& requantize = {});
/// The sum of each window, requantized: a mean where mul / 2^shift is about 1 / (kernel.y * kernel.x).
/// Padding counts as zeros. Stages: X_pad only where some padding is not 0; Y[n, h, w, c | r, s]; Y_out.
[[nodiscard]] Tensor qavg_pool2d(const Tensor& x, const PoolOptions& options = {},
                                 const Requantize& requantize = {});
/// a + b of one shape, summed in i32 and requantized: a residual connection. One stage.
[[nodiscard]] Tensor qadd(const Tensor& a, const Tensor& b, const Requantize& requantize = {},
                          const std::string& name = "Y");

}  // namespace tc::op
