#include "image.h"

namespace tc::op {

Shape image_shape(Layout layout, const Extent& n, const Extent& c, const Extent& h, const Extent& w) {
  return layout == Layout::nhwc ? Shape{n, h, w, c} : Shape{n, c, h, w};
}

Expr image_at(const Tensor& x, Layout layout, const Expr& n, const Expr& c, const Expr& h, const Expr& w) {
  return layout == Layout::nhwc ? x(n, h, w, c) : x(n, c, h, w);
}

std::vector<std::string> image_axes(Layout layout, const std::string& channel) {
  if (layout == Layout::nhwc) return {"n", "h", "w", channel};
  return {"n", channel, "h", "w"};
}

std::string_view image_layout(Layout layout) {
  return layout == Layout::nhwc ? "[n, h, w, c]" : "[n, c, h, w]";
}

std::string fix_layout(Layout used, bool other_fits, std::string_view fix) {
  if (!other_fits) return fmt::format("{}; the layout is {}", fix, to_string(used));
  const Layout other = used == Layout::nhwc ? Layout::nchw : Layout::nhwc;
  return fmt::format("the shapes fit layout {0}, and {1} is taken: give layout {0}", to_string(other),
                     to_string(used));
}

void require_pair(std::string_view op, std::string_view argument, const Pair& p, int64_t low) {
  require_range(op, argument, p.y, low, kMaxAttr);
  require_range(op, argument, p.x, low, kMaxAttr);
}

void require_padding(std::string_view op, const Padding& p) {
  for (const int64_t side : {p.top, p.left, p.bottom, p.right})
    require_range(op, "padding", side, 0, kMaxAttr);
}

Extent window_count(std::string_view op, std::string_view which, const Extent& size, int64_t padding,
                    int64_t kernel, int64_t stride, int64_t dilation) {
  require_range(op, fmt::format("the {} of the kernel", which), kernel, 1, kMaxAttr);
  const int64_t reach = dilation * (kernel - 1) + 1;  // < 2^62: both are checked attributes
  if (!size.number()) {  // windows that do not fit leave none: floor(-k / stride) + 1 for k <= stride
    const Extent slack = size + (padding - reach);
    TC_REQUIRE(
        slack.at_least(-stride),
        op_error("shape", op, fmt::format("the {} of the kernel", which),
                 fmt::format("at most that of the padded image, {}", to_string(size + padding)),
                 dilation == 1 ? std::to_string(reach)
                               : fmt::format("{} ({} dilated by {})", reach, kernel, dilation),
                 fmt::format("say how large the size is at least, size_var(\"n\", {}), or use more padding",
                             reach)));
    return slack / stride + 1;
  }
  const int64_t extent = *size.number();
  const int64_t slack = extent + padding - reach;
  if (slack >= 0) return slack / stride + 1;
  TC_REQUIRE(extent == 0,
             op_error("shape", op, fmt::format("the {} of the kernel", which),
                      fmt::format("at most {}, that of the padded image", extent + padding),
                      dilation == 1 ? std::to_string(reach)
                                    : fmt::format("{} ({} dilated by {})", reach, kernel, dilation),
                      "use more padding or a smaller kernel"));
  return 0;
}

namespace {
// Whether (h, w) of the padded image lies in the image; only the sides that are padded are tested.
Expr inside_image(const Padding& p, const Extent& height, const Extent& width, const Expr& h, const Expr& w) {
  Expr inside = ir::bool_imm(true);
  if (p.top) inside = ir::logical_and(inside, h >= p.top);
  if (p.bottom) inside = ir::logical_and(inside, h < (height + p.top).expr());
  if (p.left) inside = ir::logical_and(inside, w >= p.left);
  if (p.right) inside = ir::logical_and(inside, w < (width + p.left).expr());
  return inside;
}
}  // namespace

Expr padded_term(const Tensor& x, Layout layout, const Padding& p, const Expr& n, const Expr& c,
                 const Expr& h, const Expr& w, const std::function<Expr(const Expr&)>& term) {
  const ImageDims at(layout);
  const Expr value = term(image_at(x, layout, n, c, h - p.top, w - p.left));
  if (!p.any()) return value;
  return tc::if_then_else(inside_image(p, x.dim(at.h), x.dim(at.w), h, w), value,
                          ir::const_of(value->type, 0));
}

Tensor pad_image(const Tensor& x, Layout layout, const Padding& p, const Expr& fill) {
  if (!p.any()) return x;
  const ImageDims at(layout);
  Shape shape = x.shape();
  const auto h = static_cast<size_t>(at.h), w = static_cast<size_t>(at.w);
  const Extent height = shape[h], width = shape[w];
  shape[h] = height + (p.top + p.bottom);
  shape[w] = width + (p.left + p.right);
  return compute(
      shape,
      [&](const Axes& i) {
        const Expr inside = inside_image(p, height, width, i[h], i[w]);
        Axes source = i;
        source[at.h] = i[at.h] - p.top;
        source[at.w] = i[at.w] - p.left;
        return tc::if_then_else(inside, x.at(source), fill);
      },
      x.name() + "_pad", image_axes(layout, "c"));
}

}  // namespace tc::op
