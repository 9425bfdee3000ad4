// conv2d and depthwise_conv2d. The formulas are written once for both layouts:
// only the order of axes differs.
#include "image.h"

namespace tc::op {
namespace {

struct Kernel {
  int64_t rows, columns, inputs, outputs;  // inputs: per group
};

Kernel kernel_of(const Tensor& w, Layout layout) {
  if (layout == Layout::nhwc) return {w.extent(0), w.extent(1), w.extent(2), w.extent(3)};
  return {w.extent(2), w.extent(3), w.extent(1), w.extent(0)};
}

void check_common(std::string_view op, const Tensor& x, const Tensor& w, std::string_view weights,
                  const Conv2dOptions& o) {
  require_rank(op, "x", x, 4, image_layout(o.layout));
  require_rank(op, "weight", w, 4, weights);
  require_product_types(op, x, "weight", w);
  require_pair(op, "stride", o.stride, 1);
  require_pair(op, "dilation", o.dilation, 1);
  require_padding(op, o.padding);
}

Layout other_than(Layout layout) { return layout == Layout::nhwc ? Layout::nchw : Layout::nhwc; }

void check_groups(const Tensor& x, const Tensor& weight, Layout layout, int64_t groups) {
  const Kernel kernel = kernel_of(weight, layout);
  const int64_t channels = x.extent(ImageDims(layout).c);
  require_range("conv2d", "groups", groups, 1, kMaxAttr);
  const auto refuse = [&](std::string_view what, int64_t n) {
    throw op_error("attr", "conv2d", "groups", fmt::format("a divisor of the {} {}", n, what),
                   std::to_string(groups), "choose groups that divide the input and the output channels");
  };
  const Layout other = other_than(layout);
  const Kernel turned = kernel_of(weight, other);
  const auto image = x.dim(ImageDims(other).c).number();
  const bool other_fits =
      image && *image % groups == 0 && turned.inputs == *image / groups && turned.outputs % groups == 0;
  if (channels % groups) refuse("input channels", channels);
  if (kernel.outputs % groups) refuse("output channels", kernel.outputs);
  TC_REQUIRE(
      kernel.inputs == channels / groups,
      op_error(
          "shape", "conv2d", "weight",
          fmt::format("of {} input channels ({} of x in {} groups)", channels / groups, channels, groups),
          std::to_string(kernel.inputs),
          fix_layout(layout, other_fits, "make weight's input channels those of x divided by groups")));
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& o) {
  const bool nhwc = o.layout == Layout::nhwc;
  check_common("conv2d", x, weight, nhwc ? "[r, s, c / groups, k]" : "[k, c / groups, r, s]", o);
  const DType t = product_type("conv2d", x, o.out);
  const ImageDims at(o.layout);
  const Kernel kernel = kernel_of(weight, o.layout);
  check_groups(x, weight, o.layout, o.groups);
  const Padding& p = o.padding;
  const Extent rows =
      window_count("conv2d", "height", x.dim(at.h), p.top + p.bottom, kernel.rows, o.stride.y, o.dilation.y);
  const Extent columns = window_count("conv2d", "width", x.dim(at.w), p.left + p.right, kernel.columns,
                                      o.stride.x, o.dilation.x);
  const ReduceAxis r = reduce_axis(0, kernel.rows, "r"), s = reduce_axis(0, kernel.columns, "s"),
                   ci = reduce_axis(0, kernel.inputs, "ci");
  const Tensor y = compute(
      image_shape(o.layout, x.dim(0), kernel.outputs, rows, columns),
      [&](const Axes& i) {
        const Expr co = i[at.c];
        const Expr channel = o.groups == 1 ? ci : co / (kernel.outputs / o.groups) * kernel.inputs + ci;
        const Expr w = nhwc ? weight(r, s, ci, co) : weight(co, ci, r, s);
        const Expr product =
            padded_term(x, o.layout, p, i[0], channel, i[at.h] * o.stride.y + r * o.dilation.y,
                        i[at.w] * o.stride.x + s * o.dilation.x,
                        [&](const Expr& image) { return tc::cast(t, image) * tc::cast(t, w); });
        return tc::sum(product, nhwc ? std::vector<ReduceAxis>{r, s, ci} : std::vector<ReduceAxis>{ci, r, s});
      },
      o.name, image_axes(o.layout, "co"));
  return epilogue("conv2d", y, bias, static_cast<size_t>(at.c), o.act, o.name, image_axes(o.layout, "co"));
}

Tensor depthwise_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& o) {
  constexpr std::string_view kOp = "depthwise_conv2d";
  const bool nhwc = o.layout == Layout::nhwc;
  check_common(kOp, x, weight, nhwc ? "[r, s, c, m]" : "[c, m, r, s]", o);
  const DType t = product_type(kOp, x, o.out);
  const ImageDims at(o.layout);
  const int64_t channels = x.extent(at.c), multiplier = weight.extent(nhwc ? 3 : 1);
  const int64_t got = weight.extent(nhwc ? 2 : 0);
  TC_REQUIRE(
      got == channels,
      op_error("shape", kOp, "weight", fmt::format("of {} channels, as x is", channels), std::to_string(got),
               fix_layout(o.layout, weight.dim(nhwc ? 0 : 2) == x.dim(ImageDims(other_than(o.layout)).c),
                          "give weight one kernel a channel of x")));
  require_range(kOp, "the multiplier of weight", multiplier, 1, kMaxAttr);
  const ReduceAxis r = reduce_axis(0, weight.extent(nhwc ? 0 : 2), "r"),
                   s = reduce_axis(0, weight.extent(nhwc ? 1 : 3), "s");
  const Padding& p = o.padding;
  const Extent rows = window_count(kOp, "height", x.dim(at.h), p.top + p.bottom, weight.extent(nhwc ? 0 : 2),
                                   o.stride.y, o.dilation.y);
  const Extent columns = window_count(kOp, "width", x.dim(at.w), p.left + p.right,
                                      weight.extent(nhwc ? 1 : 3), o.stride.x, o.dilation.x);
  const Tensor y = compute(
      image_shape(o.layout, x.dim(0), channels * multiplier, rows, columns),
      [&](const Axes& i) {
        const Expr channel = i[at.c] / multiplier, copy = i[at.c] % multiplier;
        const Expr w = nhwc ? weight(r, s, channel, copy) : weight(channel, copy, r, s);
        const Expr product =
            padded_term(x, o.layout, p, i[0], channel, i[at.h] * o.stride.y + r * o.dilation.y,
                        i[at.w] * o.stride.x + s * o.dilation.x,
                        [&](const Expr& image) { return tc::cast(t, image) * tc::cast(t, w); });
        return tc::sum(product, std::vector<ReduceAxis>{r, s});
      },
      o.name, image_axes(o.layout, "c"));
  return epilogue(kOp, y, bias, static_cast<size_t>(at.c), o.act, o.name, image_axes(o.layout, "c"));
}

}  // namespace tc::op
