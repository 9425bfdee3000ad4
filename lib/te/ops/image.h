// Images, windows and padding: what convolutions and pooling share. Private to
// lib/te/ops.
#pragma once
#include "check.h"

namespace tc::op {

/// Where the dimensions of an image stand.
struct ImageDims {
  int n, c, h, w;
  explicit ImageDims(Layout layout)
      : n(0),
        c(layout == Layout::nhwc ? 3 : 1),
        h(layout == Layout::nhwc ? 1 : 2),
        w(layout == Layout::nhwc ? 2 : 3) {}
};

[[nodiscard]] Shape image_shape(Layout layout, const Extent& n, const Extent& c, const Extent& h,
                                const Extent& w);
[[nodiscard]] Expr image_at(const Tensor& x, Layout layout, const Expr& n, const Expr& c, const Expr& h,
                            const Expr& w);
/// The names of the axes of an image, `channel` that of its channels.
[[nodiscard]] std::vector<std::string> image_axes(Layout layout, const std::string& channel);
[[nodiscard]] std::string_view image_layout(Layout layout);  // "[n, h, w, c]"

/// How to mend a weight that does not fit x in layout `used`: `fix`, or the other layout
/// where both fit it.
[[nodiscard]] std::string fix_layout(Layout used, bool other_fits, std::string_view fix);

void require_pair(std::string_view op, std::string_view argument, const Pair& p, int64_t low);
void require_padding(std::string_view op, const Padding& p);

/// How many windows of `kernel` elements, `dilation` apart, fit when they move by `stride`.
[[nodiscard]] Extent window_count(std::string_view op, std::string_view which, const Extent& extent,
                                  int64_t padding, int64_t kernel, int64_t stride, int64_t dilation);
/// A term of a sum over a window at (h, w) of the padded image: `term` of the element
/// where it lies inside the image, else zero. The padding takes no part in the sum.
[[nodiscard]] Expr padded_term(const Tensor& x, Layout layout, const Padding& p, const Expr& n, const Expr& c,
                               const Expr& h, const Expr& w, const std::function<Expr(const Expr&)>& term);
/// Stage NAME_pad: x with `fill` around it; x itself where nothing is added.
[[nodiscard]] Tensor pad_image(const Tensor& x, Layout layout, const Padding& p, const Expr& fill);

/// What pooling looks at: the image, padded with `fill`, and a window of it for each element of `shape`.
struct Windows {
  Tensor padded;
  Shape shape;
  ReduceAxis r, s;
};
[[nodiscard]] Windows windows_of(std::string_view op, const Tensor& x, const PoolOptions& o,
                                 const Expr& fill);

}  // namespace tc::op
