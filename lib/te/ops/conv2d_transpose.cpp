// conv2d_transpose: spread the image out by the stride, pad it, and convolve
// with the kernel turned by 180 degrees (Dumoulin and Visin, A guide to
// convolution arithmetic for deep learning, section 4).
#include "image.h"

namespace tc::op {
namespace {

constexpr std::string_view kOp = "conv2d_transpose";

struct Side {
  int64_t extent, stride, kernel, before, after, extra;
  /// Output elements: what conv2d with these numbers would take to `extent`.
  [[nodiscard]] int64_t output() const {
    return extent == 0 ? 0 : (extent - 1) * stride + kernel - before - after + extra;
  }
  /// Where the first element of the image stands in the spread image; negative
  /// where padding cuts it off.
  [[nodiscard]] int64_t first() const { return kernel - 1 - before; }
};

void check_side(const Side& side, std::string_view which) {
  require_range(kOp, "output_padding", side.extra, 0, side.stride - 1);
  require_range(kOp, fmt::format("the {} of the kernel", which), side.kernel, 1, kMaxAttr);
  require_range(kOp, fmt::format("the {} of x", which), side.extent, 0, kMaxAttr);
  TC_REQUIRE(side.output() >= 0,
             op_error("attr", kOp, "padding", fmt::format("at most the {} of the output before it", which),
                      fmt::format("{} + {}", side.before, side.after), "use less padding"));
}

Tensor spread(const Tensor& x, const Conv2dOptions& o, const Side& v, const Side& h) {
  const ImageDims at(o.layout);
  Shape shape = x.shape();
  shape[at.h] = v.output() + v.kernel - 1;
  shape[at.w] = h.output() + h.kernel - 1;
  return compute(
      shape,
      [&](const Axes& i) {
        Axes source = i;
        Expr inside = ir::bool_imm(true);
        for (const auto& [dim, side] : {std::pair{at.h, v}, std::pair{at.w, h}}) {
          const Expr from = i[dim] - side.first();
          source[dim] = from / side.stride;
          if (side.stride != 1) inside = ir::logical_and(inside, ir::eq(from % side.stride, ir::int_imm(0)));
          inside = ir::logical_and(inside, ir::logical_and(from >= 0, source[dim] < side.extent));
        }
        return tc::if_then_else(inside, x.at(source), ir::const_of(x.dtype(), 0));
      },
      x.name() + "_pad", image_axes(o.layout, "c"));
}

}  // namespace

Tensor conv2d_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& o) {
  const bool nhwc = o.layout == Layout::nhwc;
  require_rank(kOp, "x", x, 4, image_layout(o.layout));
  require_rank(kOp, "weight", weight, 4, nhwc ? "[r, s, c, k / groups]" : "[c, k / groups, r, s]");
  require_product_types(kOp, x, "weight", weight);
  require_pair(kOp, "stride", o.stride, 1);
  require_padding(kOp, o.padding);
  require_range(kOp, "dilation", std::max(o.dilation.y, o.dilation.x), 1, 1);
  const DType t = product_type(kOp, x, o.out);
  const ImageDims at(o.layout);
  const int64_t channels = x.extent(at.c), got = weight.extent(nhwc ? 2 : 0),
                share = weight.extent(nhwc ? 3 : 1);
  TC_REQUIRE(got == channels,
             op_error("shape", kOp, "weight", fmt::format("of {} input channels, as x is", channels),
                      std::to_string(got),
                      fix_layout(o.layout, weight.dim(nhwc ? 0 : 2) == x.dim(nhwc ? 1 : 3),
                                 "make weight's input channels those of x")));
  require_range(kOp, "groups", o.groups, 1, kMaxAttr);
  TC_REQUIRE(channels % o.groups == 0,
             op_error("attr", kOp, "groups", fmt::format("a divisor of the {} input channels", channels),
                      std::to_string(o.groups), "choose groups that divide the input channels"));
  const Side v{x.extent(at.h), o.stride.y,       weight.extent(nhwc ? 0 : 2),
               o.padding.top,  o.padding.bottom, o.output_padding.y};
  const Side h{x.extent(at.w), o.stride.x,      weight.extent(nhwc ? 1 : 3),
               o.padding.left, o.padding.right, o.output_padding.x};
  check_side(v, "height");
  check_side(h, "width");
  const Tensor padded = spread(x, o, v, h);
  const int64_t inputs = channels / o.groups;
  const ReduceAxis r = reduce_axis(0, v.kernel, "r"), s = reduce_axis(0, h.kernel, "s"),
                   ci = reduce_axis(0, inputs, "ci");
  const Tensor y = compute(
      image_shape(o.layout, x.dim(0), share * o.groups, v.output(), h.output()),
      [&](const Axes& i) {
        const Expr group = o.groups == 1 ? ir::int_imm(0) : i[at.c] / share;
        const Expr co = o.groups == 1 ? i[at.c] : i[at.c] % share;
        const Expr channel = group * inputs + ci, row = v.kernel - 1 - r, column = h.kernel - 1 - s;
        const Expr image = image_at(padded, o.layout, i[0], channel, i[at.h] + r, i[at.w] + s);
        const Expr w = nhwc ? weight(row, column, channel, co) : weight(channel, co, row, column);
        return tc::sum(tc::cast(t, image) * tc::cast(t, w),
                       nhwc ? std::vector<ReduceAxis>{r, s, ci} : std::vector<ReduceAxis>{ci, r, s});
      },
      o.name, image_axes(o.layout, "co"));
  return epilogue(kOp, y, bias, static_cast<size_t>(at.c), o.act, o.name, image_axes(o.layout, "co"));
}

}  // namespace tc::op
