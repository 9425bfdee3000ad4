// The operator library: the operators that networks are made of, as tensor
// expressions. An operator here is a function from tensors to tensors and
// nothing more: how its loops run is a schedule's business.
//
// Stages and axes have fixed names, since schedules address them by name. Each
// operator below lists its stages as `stage[axes | reduce axes]`, its output
// last. Operators of any rank name the axes of their data x / y x / z y x for
// 1 to 3 dimensions, i0 i1 ... for more, and reduce over k, or k0 k1 ... when
// several; the axes left over by a reduction keep their names.
//
// Errors, all with the facts operator, argument, expected and got:
//   te.op.rank   a tensor has the wrong number of dimensions
//   te.op.shape  extents do not go together
//   te.op.dtype  an element type is not allowed, or two are not the same
//   te.op.axis   an axis does not exist or is named twice
//   te.op.attr   an attribute (stride, padding, ...) is out of its range
//   te.op.empty  the operator means nothing on an extent of 0
// Extents of 0 are fine everywhere else; an empty sum is 0.
#pragma once
#include <optional>

#include "tc/te/tensor.h"

namespace tc::op {

/// The type in which products of elements of type `t` are summed, and the
/// default output type of matmul, convolution and sum: i32 for integers of up
/// to 16 bits, f32 for f16 and bf16, else `t` itself.
[[nodiscard]] DType sum_type(DType t);

/// What is applied to each element after a matmul or convolution.
enum class Act : uint8_t { none, relu, gelu, sigmoid, tanh };
[[nodiscard]] std::string_view to_string(Act act);
/// act(x); gelu is the exact one, x * (1 + erf(x / sqrt 2)) / 2. Other than none
/// and relu they need a float type.
[[nodiscard]] Expr apply(Act act, Expr x);

// ---- matrix products. Both operands have one type, or are u8 and i8 in any
// order. Elements are cast to `out` (default: sum_type) before they are
// multiplied, and summed in it.

struct MatmulOptions {
  bool transpose_a = false, transpose_b = false;
  std::optional<DType> out = {};
  std::string name = "C";
};
/// a[m,k] b[k,n] -> [m,n]; transposed operands are a[k,m] and b[n,k].
/// Stages: C[y, x | k].
[[nodiscard]] Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});
/// a[b,m,k] b[b,k,n] -> [b,m,n]; a batch of 1 goes with any other.
/// Stages: C[b, y, x | k].
[[nodiscard]] Tensor batch_matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});

struct DenseOptions {
  Act act = Act::none;
  std::optional<DType> out = {};
  std::string name = "C";
};
/// x[m,k] weight[n,k] and perhaps bias[n] of the output type -> act(x weight^T + bias) [m,n].
/// Stages: C[y, x | k]; with bias or activation also C_out[y, x].
[[nodiscard]] Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                           const DenseOptions& options = {});

// ---- convolutions and pooling. Images are [n,h,w,c] or [n,c,h,w]; types as for
// matrix products.

enum class Layout : uint8_t { nhwc, nchw };
[[nodiscard]] std::string_view to_string(Layout layout);

/// Two numbers, vertical and horizontal; one number stands for both.
struct Pair {
  int64_t y = 1, x = 1;
  Pair() = default;
  Pair(int64_t both) : y(both), x(both) {}  // NOLINT(implicit)
  Pair(int64_t vertical, int64_t horizontal) : y(vertical), x(horizontal) {}
};
/// Rows and columns added around an image, each 0 or more.
struct Padding {
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  Padding() = default;
  Padding(int64_t all) : top(all), left(all), bottom(all), right(all) {}  // NOLINT(implicit)
  Padding(int64_t y, int64_t x) : top(y), left(x), bottom(y), right(x) {}
  Padding(int64_t t, int64_t l, int64_t b, int64_t r) : top(t), left(l), bottom(b), right(r) {}
  [[nodiscard]] bool any() const { return top || left || bottom || right; }
};

struct Conv2dOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
  int64_t groups = 1;  // divides the channels and the output channels
  Layout layout = Layout::nhwc;
  Act act = Act::none;
  std::optional<DType> out = {};
  Pair output_padding = 0;  // conv2d_transpose only: less than the stride
  std::string name = "Y";
};
/// Cross-correlation. Weights: HWIO [r,s,c/groups,k] for nhwc, OIHW
/// [k,c/groups,r,s] for nchw; bias[k] of the output type. An image is
/// (h + padding - dilation * (r - 1) - 1) / stride + 1 high afterwards, rounded down.
/// Padding takes no part in the sums: a term is added only where the image is, so
/// that a kernel with infinite weights has no NaN at its border.
/// Stages: Y[n, h, w, co | r, s, ci] (nchw: Y[n, co, h, w | ci, r, s]); with bias or
/// activation also Y_out with the axes of Y. X stands for the name of the input.
[[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                            const Conv2dOptions& options = {});
/// Each channel by itself, into m channels: output channel q * m + j comes from
/// channel q. Weights [r,s,c,m] for nhwc, [c,m,r,s] for nchw; `groups` is ignored.
/// Stages: Y[n, h, w, c | r, s] (nchw: Y[n, c, h, w | r, s]); Y_out.
[[nodiscard]] Tensor depthwise_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                      const Conv2dOptions& options = {});
/// The gradient of conv2d to its input. Weights: [r,s,c,k/groups] for nhwc,
/// [c,k/groups,r,s] for nchw. An image is (h - 1) * stride - padding + r +
/// output_padding high afterwards; dilation must be 1.
/// Stages: X_pad[n, h, w, c] (nchw: [n, c, h, w]), always there, holds the image spread out by the stride;
/// Y and Y_out as conv2d.
[[nodiscard]] Tensor conv2d_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                      const Conv2dOptions& options = {});

struct PoolOptions {
  Pair kernel = 2, stride = 2;
  Padding padding = 0;  // less than the kernel
  Layout layout = Layout::nhwc;
  bool count_include_pad = false;  // avg_pool2d only: divide by the whole window at the border
  std::string name = "Y";
};
/// The greatest element of each window; padding holds the least value of the type.
/// Stages: X_pad[n, h, w, c] (nchw: [n, c, h, w]) only where some padding is not 0; Y[n, h, w, c | r, s]
/// (nchw: Y[n, c, h, w | r, s]).
[[nodiscard]] Tensor max_pool2d(const Tensor& x, const PoolOptions& options = {});
/// The mean of each window, float types. Stages: X_pad; Y_sum as Y of max_pool2d; Y.
[[nodiscard]] Tensor avg_pool2d(const Tensor& x, const PoolOptions& options = {});
/// The mean of each channel, float types: [n,h,w,c] -> [n,1,1,c], [n,c,h,w] -> [n,c,1,1];
/// of an empty image NaN. Stages: Y_sum[n, h, w, c | r, s]; Y (nchw: n, c, h, w).
[[nodiscard]] Tensor global_avg_pool(const Tensor& x, Layout layout = Layout::nhwc,
                                     const std::string& name = "Y");

// ---- elementwise. One stage, `name`, which is "" for the operator's own name.

/// X(name): functions of one tensor. abs, neg and relu take every number, the
/// others floats. gelu is the exact one; silu is x * sigmoid(x).
// clang-format off
#define TC_OP_UNARY(X)                                                                             \
  X(exp) X(log) X(sqrt) X(rsqrt) X(tanh) X(erf) X(sigmoid) X(sin) X(cos) X(floor) X(ceil) X(round) \
  X(abs) X(neg) X(relu) X(gelu) X(silu)
// clang-format on
/// X(name): functions of two tensors of one type, shapes broadcast as in numpy.
/// pow takes floats; div of integers floors, and dividing by 0 is the program's error.
#define TC_OP_BINARY(X) X(add) X(sub) X(mul) X(div) X(maximum) X(minimum) X(pow)
#define TC_X(f) [[nodiscard]] Tensor f(const Tensor& x, const std::string& name = "");
TC_OP_UNARY(TC_X)
#undef TC_X
#define TC_X(f) [[nodiscard]] Tensor f(const Tensor& a, const Tensor& b, const std::string& name = "");
TC_OP_BINARY(TC_X)
#undef TC_X
/// min(max(x, low), high), both exact in the type of x.
[[nodiscard]] Tensor clip(const Tensor& x, double low, double high, const std::string& name = "");
[[nodiscard]] Tensor cast(const Tensor& x, DType type, const std::string& name = "");
/// x[...] repeated to `shape` as numpy broadcasts.
[[nodiscard]] Tensor broadcast_to(const Tensor& x, const std::vector<int64_t>& shape,
                                  const std::string& name = "");

// ---- reductions. Negative axes count from the end; no axes means all.

struct ReduceOptions {
  std::vector<int64_t> axes = {};
  bool keepdims = false;          // reduced axes stay, with extent 1
  std::optional<DType> out = {};  // sum and prod only; default sum_type
  std::string name = "Y";
};
/// Stages: Y[... | k]. Of nothing: 0, 1, the least and the greatest value of the type
/// (for floats the infinities). Without axes to reduce (a 0-d tensor) they copy.
[[nodiscard]] Tensor sum(const Tensor& x, const ReduceOptions& options = {});
[[nodiscard]] Tensor prod(const Tensor& x, const ReduceOptions& options = {});
[[nodiscard]] Tensor max(const Tensor& x, const ReduceOptions& options = {});
[[nodiscard]] Tensor min(const Tensor& x, const ReduceOptions& options = {});
/// Float types; of nothing NaN. Stages: Y_sum[... | k], Y.
[[nodiscard]] Tensor mean(const Tensor& x, const ReduceOptions& options = {});
/// The mean of the squared distances from the mean, in one pass that neither
/// cancels nor reads x twice; float types, those of 16 bits in f32; of nothing NaN.
/// Stages: {Y_count, Y_mean, Y_squares}[... | k], computed together, Y.
[[nodiscard]] Tensor variance(const Tensor& x, const ReduceOptions& options = {});
/// log(sum of exp(x)) in one pass that does not overflow; types as variance; of nothing -inf.
/// Stages: {Y_max, Y_sum}[... | k], computed together, Y.
[[nodiscard]] Tensor logsumexp(const Tensor& x, const ReduceOptions& options = {});

struct ArgOptions {
  int64_t axis = -1;
  bool keepdims = false;
  DType index = kI64;  // i64 or i32
  std::string name = "Y";
};
/// The first index of the greatest (smallest) element along an axis, which must
/// not be empty (te.op.empty). NaN is passed over.
/// Stages: {Y_value, Y}[... | k], computed together.
[[nodiscard]] Tensor argmax(const Tensor& x, const ArgOptions& options = {});
[[nodiscard]] Tensor argmin(const Tensor& x, const ArgOptions& options = {});

// ---- normalisation; float types, parameters of the type of x.

/// exp(x - max) / sum of it, along one axis.
/// Stages: M[... | k] maximum, E[...] exponentials, S[... | k] their sum, Y.
[[nodiscard]] Tensor softmax(const Tensor& x, int64_t axis = -1, const std::string& name = "Y");
/// (x - max) - log(sum of exp(x - max)). Stages: M[... | k], S[... | k], L[...] = log S, Y.
[[nodiscard]] Tensor log_softmax(const Tensor& x, int64_t axis = -1, const std::string& name = "Y");

struct NormOptions {
  int64_t axes = 1;   // layer_norm: how many last axes are normalised
  int64_t axis = -1;  // batch_norm: the axis of channels
  double eps = 1e-5;
  std::string name = "Y";
};
/// (x - mean) / sqrt(variance + eps) * gamma + beta over the last axes; gamma and beta
/// have those axes' shape, and either may be left out. Two passes over x.
/// Stages: S[... | k] sum, mean[...], V[... | k] sum of squares of x - mean,
/// rstd[...] = 1 / sqrt(V / count + eps), Y.
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Tensor& gamma = {}, const Tensor& beta = {},
                                const NormOptions& options = {});
/// (x - mean) / sqrt(var + eps) * gamma + beta per channel, with statistics given.
/// Stages: scale[x] = gamma / sqrt(var + eps), Y.
[[nodiscard]] Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                                const Tensor& var, const NormOptions& options = {});

// ---- recurrences, as scans over time (te/scan.h).

/// y[.., i, ..] = x[.., 0, ..] + ... + x[.., i, ..] along an axis, in sum_type.
/// Stages: Y_0[t, ...], Y_sum[t, ...] the scan, with the axis first, Y; along axis 0 Y is the scan.
[[nodiscard]] Tensor cumsum(const Tensor& x, int64_t axis = -1, const std::string& name = "Y");

/// What a recurrent layer gives: the outputs of all times [t,b,n], and its last states [b,n].
struct Recurrent {
  Tensor y, h, c;  // c: lstm only
};
struct RecurrentOptions {
  Tensor bias = {}, recurrent_bias = {};  // [4n] or [3n]
  Tensor h0 = {}, c0 = {};                // [b,n]; default 0
  std::string name = "Y";
};
/// x[t,b,k], weight[4n,k], recurrent[4n,n], with the gates i, f, g, o one after the
/// other: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c). Hochreiter and
/// Schmidhuber, Long short-term memory, 1997, with forget gates. Float types; states of
/// 16 bits are kept in f32.
/// Stages: P[t, b, n | k] the inputs' part of the gates; the scan R[t, b, n | k], Y_c, Y_h
/// over t + 1 times, of which the first holds the initial states; Y[t, b, n].
[[nodiscard]] Recurrent lstm(const Tensor& x, const Tensor& weight, const Tensor& recurrent,
                             const RecurrentOptions& options = {});
/// The same with gates r, z, n: h = (1 - sigmoid(z)) tanh(n + sigmoid(r) n') + sigmoid(z) h,
/// where n' is the states' part, with its bias. Cho et al., 2014. Stages as lstm, without Y_c.
[[nodiscard]] Recurrent gru(const Tensor& x, const Tensor& weight, const Tensor& recurrent,
                            const RecurrentOptions& options = {});

// ---- moving elements. One stage.

/// y[i...] = x with axis j at the place where perm has j; no perm reverses all.
[[nodiscard]] Tensor transpose(const Tensor& x, const std::vector<int64_t>& perm = {},
                               const std::string& name = "Y");
/// The same elements in row-major order under another shape; one extent may be -1.
[[nodiscard]] Tensor reshape(const Tensor& x, const std::vector<int64_t>& shape,
                             const std::string& name = "Y");
/// One after the other along an axis; one type, equal extents elsewhere.
[[nodiscard]] Tensor concat(const std::vector<Tensor>& xs, int64_t axis, const std::string& name = "Y");
/// `before` and `after` elements of `value` (exact in the type) added in each dimension.
[[nodiscard]] Tensor pad(const Tensor& x, const std::vector<int64_t>& before,
                         const std::vector<int64_t>& after, double value = 0, const std::string& name = "Y");
/// x with `axis` replaced by the dimensions of `indices` (i32 or i64): y[a, i, b] =
/// x[a, indices[i], b]. Indices out of range are clamped to the nearest end.
[[nodiscard]] Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis = 0,
                            const std::string& name = "Y");

}  // namespace tc::op
