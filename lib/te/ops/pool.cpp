// max_pool2d, avg_pool2d and global_avg_pool.
#include "image.h"

namespace tc::op {

Windows windows_of(std::string_view op, const Tensor& x, const PoolOptions& o, const Expr& fill) {
  require_pair(op, "kernel", o.kernel, 1);
  require_pair(op, "stride", o.stride, 1);
  require_padding(op, o.padding);
  const Padding& p = o.padding;
  // a window that lies in the padding altogether has no maximum and no mean
  require_range(op, "padding", std::max(p.top, p.bottom), 0, o.kernel.y - 1);
  require_range(op, "padding", std::max(p.left, p.right), 0, o.kernel.x - 1);
  const ImageDims at(o.layout);
  const Extent rows = window_count(op, "height", x.dim(at.h), p.top + p.bottom, o.kernel.y, o.stride.y, 1);
  const Extent columns = window_count(op, "width", x.dim(at.w), p.left + p.right, o.kernel.x, o.stride.x, 1);
  return {pad_image(x, o.layout, p, fill), image_shape(o.layout, x.dim(0), x.dim(at.c), rows, columns),
          reduce_axis(0, o.kernel.y, "r"), reduce_axis(0, o.kernel.x, "s")};
}

namespace {

Tensor reduce_windows(const Windows& win, const PoolOptions& o,
                      Expr (*reduce)(Expr, const std::vector<ReduceAxis>&), const std::string& name) {
  const ImageDims at(o.layout);
  return compute(
      win.shape,
      [&](const Axes& i) {
        return reduce(image_at(win.padded, o.layout, i[0], i[at.c], i[at.h] * o.stride.y + win.r,
                               i[at.w] * o.stride.x + win.s),
                      {win.r, win.s});
      },
      name, image_axes(o.layout, "c"));
}

/// How many elements of a window that starts at `start` (may be negative) lie in [0, extent).
Expr inside(const Expr& start, int64_t kernel, const Extent& extent, bool before, bool after) {
  const Expr first = before ? tc::max(start, ir::int_imm(0)) : start;
  const Expr end = after ? tc::min(start + kernel, extent.expr()) : start + kernel;
  if (!before && !after) return ir::int_imm(kernel);
  // an empty image has windows of padding alone
  if (!extent.number() && !extent.at_least(1)) return tc::max(end - first, ir::int_imm(1));
  return extent == 0 ? ir::int_imm(1) : end - first;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolOptions& o) {
  require_rank("max_pool2d", "x", x, 4, image_layout(o.layout));
  require_number("max_pool2d", "x", x);
  const Expr least = ir::simple_combiner(ir::BinaryOp::max, x.dtype())->identity[0];
  return reduce_windows(windows_of("max_pool2d", x, o, least), o, &tc::max, o.name);
}

Tensor avg_pool2d(const Tensor& x, const PoolOptions& o) {
  require_rank("avg_pool2d", "x", x, 4, image_layout(o.layout));
  require_float("avg_pool2d", "x", x);
  const Windows win = windows_of("avg_pool2d", x, o, ir::const_of(x.dtype(), 0));
  const Tensor sums = reduce_windows(win, o, &tc::sum, o.name + "_sum");
  const ImageDims at(o.layout);
  const Padding& p = o.padding;
  return compute(
      win.shape,
      [&](const Axes& i) {
        Expr count = ir::int_imm(o.kernel.y * o.kernel.x);
        if (!o.count_include_pad)
          count = inside(i[at.h] * o.stride.y - p.top, o.kernel.y, x.dim(at.h), p.top > 0, p.bottom > 0) *
                  inside(i[at.w] * o.stride.x - p.left, o.kernel.x, x.dim(at.w), p.left > 0, p.right > 0);
        return sums.at(i) / tc::cast(x.dtype(), count);
      },
      o.name, image_axes(o.layout, "c"));
}

Tensor global_avg_pool(const Tensor& x, Layout layout, const std::string& name) {
  require_rank("global_avg_pool", "x", x, 4, image_layout(layout));
  require_float("global_avg_pool", "x", x);
  const ImageDims at(layout);
  const ReduceAxis r = reduce_axis(Extent(0), x.dim(at.h), "r"), s = reduce_axis(Extent(0), x.dim(at.w), "s");
  const Shape shape = image_shape(layout, x.dim(0), x.dim(at.c), 1, 1);
  const Tensor sums = compute(
      shape,
      [&](const Axes& i) {
        return tc::sum(image_at(x, layout, i[0], i[at.c], r, s), std::vector<ReduceAxis>{r, s});
      },
      name + "_sum", image_axes(layout, "c"));
  return compute(
      shape, [&](const Axes& i) { return sums.at(i) / count_along(x, {at.h, at.w}, x.dtype()); }, name,
      image_axes(layout, "c"));
}

}  // namespace tc::op
