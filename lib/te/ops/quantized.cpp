// Operators on int8 with integer requantisation.
#include "tc/te/ops_quantized.h"

#include "image.h"

namespace tc::op {
namespace {

void check(const Requantize& q) {
  constexpr std::string_view kOp = "requantize";
  require_range(kOp, "mul", q.mul, -32768, 32767);
  TC_REQUIRE(q.mul != 0,
             op_error("attr", kOp, "mul", "-32768 .. 32767 but 0", "0",
                      "leave it 1 to scale by the shift alone; with 0 every element is the same"));
  require_range(kOp, "shift", q.shift, 0, 31);
  require_range(kOp, "low", q.low, -128, q.high);
  require_range(kOp, "high", q.high, q.low, 127);
}

Expr i32(int64_t value) { return ir::int_imm(value, kI32); }

Tensor map_sums(const Tensor& sums, const Tensor& bias, size_t channel, const Requantize& q,
                std::vector<std::string> axes) {
  if (bias) {
    require_dtype("requantize", "bias", bias, kI32);
    require_shape("requantize", "bias", bias, {sums.dim(static_cast<int>(channel))});
  }
  return compute(
      sums.shape(),
      [&](const Axes& i) { return requantize(bias ? sums.at(i) + bias(i[channel]) : sums.at(i), q); },
      sums.name() + "_out", std::move(axes));
}

void require_plain(std::string_view op, const Conv2dOptions& o) {
  TC_REQUIRE(o.act == Act::none, op_error("attr", op, "act", "none", std::string(to_string(o.act)),
                                          "set relu of the requantization"));
  TC_REQUIRE(!o.out || *o.out == kI32,
             op_error("attr", op, "out", "left out", text_of(*o.out), "the result is i8, its sums i32"));
}

using Conv = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Conv2dOptions&);
Tensor quantized_conv(std::string_view op, Conv conv, const Tensor& x, const Tensor& weight,
                      const Tensor& bias, const Conv2dOptions& o, const Requantize& q,
                      const std::string& channel) {
  require_dtype(op, "x", x, kI8);
  require_dtype(op, "weight", weight, kI8);
  require_plain(op, o);
  const Tensor sums = conv(x, weight, {}, o);
  return map_sums(sums, bias, static_cast<size_t>(ImageDims(o.layout).c), q, image_axes(o.layout, channel));
}

}  // namespace

Expr requantize(Expr x, const Requantize& q) {
  check(q);
  TC_REQUIRE(x->type == kI32,
             op_error("dtype", "requantize", "x", "i32", text_of(x->type), "sum in i32, or cast it"));
  if (q.mul != 1) x = std::move(x) * i32(q.mul);
  if (q.round && q.shift > 0) x = std::move(x) + i32(int64_t{1} << (q.shift - 1));
  if (q.shift > 0) x = ir::binary(ir::BinaryOp::shr, std::move(x), i32(q.shift));
  const int64_t low = q.relu ? std::max<int64_t>(q.low, 0) : q.low;
  // with relu alone a range below zero is left empty: everything is `high`
  x = tc::min(tc::max(std::move(x), i32(low)), i32(q.high));
  return tc::cast(kI8, std::move(x));
}

Tensor requantize(const Tensor& x, const Requantize& q, const std::string& name) {
  require_dtype("requantize", "x", x, kI32);
  return compute(
      x.shape(), [&](const Axes& i) { return requantize(x.at(i), q); }, name,
      axis_names(static_cast<size_t>(x.ndim())));
}

Tensor qmatmul(const Tensor& a, const Tensor& b, const Tensor& bias, const QMatmulOptions& o) {
  require_dtype("qmatmul", "a", a, kI8);
  require_dtype("qmatmul", "b", b, kI8);
  return map_sums(matmul(a, b, {.transpose_b = o.transpose_b, .name = o.name}), bias, 1, o.requantize,
                  {"y", "x"});
}

Tensor qconv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& o,
               const Requantize& q) {
  return quantized_conv("qconv2d", conv2d, x, weight, bias, o, q, "co");
}
Tensor qdepthwise_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& o,
                         const Requantize& q) {
  return quantized_conv("qdepthwise_conv2d", depthwise_conv2d, x, weight, bias, o, q, "c");
}

Tensor qavg_pool2d(const Tensor& x, const PoolOptions& o, const Requantize& q) {
  constexpr std::string_view kOp = "qavg_pool2d";
  require_rank(kOp, "x", x, 4, image_layout(o.layout));
  require_dtype(kOp, "x", x, kI8);
  const Windows win = windows_of(kOp, x, o, ir::int_imm(0, kI8));
  const ImageDims at(o.layout);
  const Tensor sums = compute(
      win.shape,
      [&](const Axes& i) {
        const Expr e = image_at(win.padded, o.layout, i[0], i[at.c], i[at.h] * o.stride.y + win.r,
                                i[at.w] * o.stride.x + win.s);
        return tc::sum(tc::cast(kI32, e), std::vector<ReduceAxis>{win.r, win.s});
      },
      o.name, image_axes(o.layout, "c"));
  return map_sums(sums, {}, 0, q, image_axes(o.layout, "c"));
}

Tensor qadd(const Tensor& a, const Tensor& b, const Requantize& q, const std::string& name) {
  require_dtype("qadd", "a", a, kI8);
  require_dtype("qadd", "b", b, kI8);
  require_shape("qadd", "b", b, a.shape());
  return compute(
      a.shape(),
      [&](const Axes& i) { return requantize(tc::cast(kI32, a.at(i)) + tc::cast(kI32, b.at(i)), q); }, name,
      axis_names(static_cast<size_t>(a.ndim())));
}

}  // namespace tc::op
