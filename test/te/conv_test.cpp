#include "op_check.h"

namespace tc::test {
namespace {

using op::Layout;

struct ConvCase {
  int64_t n, c, h, w, k, r, s;
  op::Conv2dOptions o;
};

Index image(Layout l, int64_t n, int64_t c, int64_t h, int64_t w) {
  return l == Layout::nhwc ? Index{n, h, w, c} : Index{n, c, h, w};
}
double pixel(const HostTensor& t, Layout l, int64_t n, int64_t c, int64_t h, int64_t w) {
  return at(t, image(l, n, c, h, w));
}
bool inside(const HostTensor& t, Layout l, int64_t h, int64_t w) {
  return h >= 0 && w >= 0 && h < t.shape()[l == Layout::nhwc ? 1 : 2] &&
         w < t.shape()[l == Layout::nhwc ? 2 : 3];
}
// (n, c, h, w) of an index of an image.
std::array<int64_t, 4> parts(Layout l, const Index& i) {
  if (l == Layout::nhwc) return {i[0], i[3], i[1], i[2]};
  return {i[0], i[1], i[2], i[3]};
}

std::vector<ConvCase> conv_cases() {
  std::vector<ConvCase> out;
  const auto add = [&](int64_t n, int64_t c, int64_t h, int64_t w, int64_t k, int64_t r, int64_t s,
                       op::Pair stride, op::Padding p, op::Pair dilation, int64_t groups) {
    for (const Layout l : {Layout::nhwc, Layout::nchw}) {
      op::Conv2dOptions o;
      o.stride = stride, o.padding = p, o.dilation = dilation, o.groups = groups, o.layout = l;
      out.push_back({n, c, h, w, k, r, s, o});
    }
  };
  add(1, 3, 5, 7, 4, 3, 3, 1, 1, 1, 1);
  add(2, 4, 7, 5, 6, 3, 2, {2, 1}, {1, 0, 2, 1}, 1, 2);
  add(1, 2, 9, 9, 3, 3, 3, 1, 2, 2, 1);
  add(1, 6, 8, 7, 3, 1, 1, 2, 0, 1, 3);
  add(1, 1, 3, 3, 1, 3, 3, 1, 0, 1, 1);
  add(1, 0, 3, 3, 2, 3, 3, 1, 1, 1, 1);  // no channels: sums of nothing
  add(0, 3, 4, 4, 2, 3, 3, 1, 1, 1, 1);  // no images
  add(1, 3, 0, 4, 2, 1, 1, 1, 0, 1, 1);  // no rows
  add(1, 2, 1, 1, 2, 7, 7, 3, 3, 1, 1);
  return out;
}

double conv_at(const ConvCase& t, const HostTensor& x, const HostTensor& w, const Index& index) {
  const Layout l = t.o.layout;
  const auto [n, co, h, v] = parts(l, index);
  const int64_t share = t.c / t.o.groups, group = co / (t.k / t.o.groups);
  double sum = 0;
  for (int64_t r = 0; r < t.r; ++r)
    for (int64_t s = 0; s < t.s; ++s) {
      const int64_t ih = h * t.o.stride.y + r * t.o.dilation.y - t.o.padding.top,
                    iw = v * t.o.stride.x + s * t.o.dilation.x - t.o.padding.left;
      if (!inside(x, l, ih, iw)) continue;
      for (int64_t c = 0; c < share; ++c)
        sum += pixel(x, l, n, group * share + c, ih, iw) *
               at(w, l == Layout::nhwc ? Index{r, s, c, co} : Index{co, c, r, s});
    }
  return sum;
}

int64_t out_extent(int64_t extent, int64_t pads, int64_t kernel, int64_t dilation, int64_t stride) {
  const int64_t slack = extent + pads - dilation * (kernel - 1) - 1;
  return slack < 0 ? 0 : slack / stride + 1;
}
Index conv_shape(const ConvCase& t, int64_t channels) {
  const auto& p = t.o.padding;
  return image(t.o.layout, t.n, channels,
               out_extent(t.h, p.top + p.bottom, t.r, t.o.dilation.y, t.o.stride.y),
               out_extent(t.w, p.left + p.right, t.s, t.o.dilation.x, t.o.stride.x));
}

TEST(Conv2d, AgreesWithItsDefinition) {
  for (const ConvCase& t : conv_cases()) {
    const Layout l = t.o.layout;
    const Tensor x = placeholder(image(l, t.n, t.c, t.h, t.w), kF32, "X");
    const int64_t share = t.c / t.o.groups;
    const Tensor w =
        placeholder(l == Layout::nhwc ? Index{t.r, t.s, share, t.k} : Index{t.k, share, t.r, t.s}, kF32, "W");
    expect_computes({x, w, op::conv2d(x, w, {}, t.o)}, conv_shape(t, t.k),
                    [&](const auto& in, const Index& i) { return conv_at(t, in[0], in[1], i); });
  }
}

TEST(Conv2d, AddsBiasAndActivatesInBothLayouts) {
  for (const ConvCase& t : {conv_cases()[0], conv_cases()[1]}) {
    op::Conv2dOptions o = t.o;
    o.act = op::Act::relu;
    const Layout l = o.layout;
    const Tensor x = placeholder(image(l, t.n, t.c, t.h, t.w), kF32, "X");
    const Tensor w =
        placeholder(l == Layout::nhwc ? Index{t.r, t.s, t.c, t.k} : Index{t.k, t.c, t.r, t.s}, kF32, "W");
    const Tensor bias = placeholder({t.k}, kF32, "bias");
    expect_computes({x, w, bias, op::conv2d(x, w, bias, o)}, conv_shape(t, t.k),
                    [&](const auto& in, const Index& i) {
                      return std::max(conv_at(t, in[0], in[1], i) + at(in[2], {parts(l, i)[1]}), 0.0);
                    });
  }
}

TEST(Conv2d, SumsBytesInI32) {
  const Tensor x = placeholder({1, 5, 5, 3}, kU8, "X"), w = placeholder({3, 3, 3, 2}, kI8, "W");
  ConvCase t{1, 3, 5, 5, 2, 3, 3, {}};
  t.o.padding = 1;
  const Tensor y = op::conv2d(x, w, {}, t.o);
  EXPECT_EQ(y.dtype(), kI32);
  expect_computes(
      {x, w, y}, {1, 5, 5, 2}, [&](const auto& in, const Index& i) { return conv_at(t, in[0], in[1], i); }, 0,
      Fill::uniform);
}

TEST(Conv2d, PaddingIsNoStageAndTakesNoPart) {
  const Tensor x = placeholder({1, 5, 5, 3}, kF32, "X"), w = placeholder({3, 3, 3, 2});
  op::Conv2dOptions o;
  o.padding = {0, 0, 0, 1};
  const Graph g = Graph::of({op::conv2d(x, w, {}, o)});
  ASSERT_EQ(g.ops.size(), 1u);
  EXPECT_EQ(g.ops[0]->axes[3]->name, "co");
  EXPECT_EQ(g.ops[0]->reduce_axes()[2].var->name, "ci");
}

TEST(DepthwiseConv2d, AgreesWithItsDefinition) {
  for (const Layout l : {Layout::nhwc, Layout::nchw})
    for (const int64_t mult : {1, 3}) {
      ConvCase t{2, 5, 7, 6, 0, 3, 2, {}};
      t.o.stride = {2, 1}, t.o.padding = {1, 1, 0, 1}, t.o.dilation = {1, 2}, t.o.layout = l;
      const Tensor x = placeholder(image(l, t.n, t.c, t.h, t.w), kF32, "X");
      const Tensor w =
          placeholder(l == Layout::nhwc ? Index{3, 2, 5, mult} : Index{5, mult, 3, 2}, kF32, "W");
      const Tensor bias = placeholder({5 * mult}, kF32, "bias");
      expect_computes({x, w, bias, op::depthwise_conv2d(x, w, bias, t.o)}, conv_shape(t, 5 * mult),
                      [&](const auto& in, const Index& i) {
                        const auto [n, co, h, v] = parts(l, i);
                        double sum = at(in[2], {co});
                        for (int64_t r = 0; r < 3; ++r)
                          for (int64_t s = 0; s < 2; ++s)
                            if (inside(in[0], l, h * 2 + r - 1, v + s * 2 - 1))
                              sum += pixel(in[0], l, n, co / mult, h * 2 + r - 1, v + s * 2 - 1) *
                                     at(in[1], l == Layout::nhwc ? Index{r, s, co / mult, co % mult}
                                                                 : Index{co / mult, co % mult, r, s});
                        return sum;
                      });
    }
}

// Scatters each input element, as the definition by gradients has it.
TEST(Conv2dTranspose, AgreesWithScattering) {
  struct T {
    int64_t h, w, r, s, groups;
    op::Pair stride, extra;
    op::Padding p;
  };
  for (const T& t :
       {T{3, 4, 3, 3, 1, 2, 1, 1}, T{5, 2, 2, 3, 2, {3, 1}, {2, 0}, {0, 1, 1, 0}}, T{1, 1, 4, 4, 1, 2, 0, 1},
        T{4, 4, 1, 1, 1, 2, 0, 0}, T{3, 3, 2, 2, 1, 1, 0, 2}, T{0, 3, 3, 3, 1, 2, 0, 0}})
    for (const Layout l : {Layout::nhwc, Layout::nchw}) {
      const int64_t c = 4, share = 3, k = share * t.groups;
      const Tensor x = placeholder(image(l, 2, c, t.h, t.w), kF32, "X");
      const Tensor w =
          placeholder(l == Layout::nhwc ? Index{t.r, t.s, c, share} : Index{c, share, t.r, t.s}, kF32, "W");
      op::Conv2dOptions o;
      o.stride = t.stride, o.padding = t.p, o.groups = t.groups, o.layout = l, o.output_padding = t.extra;
      const int64_t oh = t.h == 0 ? 0 : (t.h - 1) * t.stride.y + t.r - t.p.top - t.p.bottom + t.extra.y;
      const int64_t ow = (t.w - 1) * t.stride.x + t.s - t.p.left - t.p.right + t.extra.x;
      expect_computes(
          {x, w, op::conv2d_transpose(x, w, {}, o)}, image(l, 2, k, oh, ow),
          [&](const auto& in, const Index& i) {
            const auto [n, co, h, v] = parts(l, i);
            double sum = 0;
            for (int64_t ih = 0; ih < t.h; ++ih)
              for (int64_t iw = 0; iw < t.w; ++iw) {
                const int64_t r = h + t.p.top - ih * t.stride.y, s = v + t.p.left - iw * t.stride.x;
                if (r < 0 || s < 0 || r >= t.r || s >= t.s) continue;
                const int64_t per = c / t.groups, group = co / share;
                for (int64_t q = group * per; q < (group + 1) * per; ++q)
                  sum +=
                      pixel(in[0], l, n, q, ih, iw) *
                      at(in[1], l == Layout::nhwc ? Index{r, s, q, co % share} : Index{q, co % share, r, s});
              }
            return sum;
          });
    }
}

TEST(Conv2d, RefusesWhatDoesNotFit) {
  const Tensor x = placeholder({1, 5, 5, 4}, kF32, "X"), w = placeholder({3, 3, 4, 6}, kF32, "W");
  const auto with = [&](const std::function<void(op::Conv2dOptions&)>& change) {
    return code_of([&] {
      op::Conv2dOptions o;
      change(o);
      (void)op::conv2d(x, w, {}, o);
    });
  };
  EXPECT_EQ(with([](auto&) {}), "no error");
  EXPECT_EQ(with([](auto& o) { o.stride = 0; }), "te.op.attr");
  EXPECT_EQ(with([](auto& o) { o.dilation = {1, 0}; }), "te.op.attr");
  EXPECT_EQ(with([](auto& o) { o.padding = {0, -1}; }), "te.op.attr");
  EXPECT_EQ(with([](auto& o) { o.padding = int64_t{1} << 40; }), "te.op.attr");
  EXPECT_EQ(with([](auto& o) { o.groups = 0; }), "te.op.attr");
  EXPECT_EQ(with([](auto& o) { o.groups = 3; }), "te.op.attr");
  EXPECT_EQ(with([](auto& o) { o.groups = 2; }), "te.op.shape");
  EXPECT_EQ(with([](auto& o) { o.dilation = 3; }), "te.op.shape");
  EXPECT_EQ(with([](auto& o) { o.layout = Layout::nchw; }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::conv2d(placeholder({5, 5, 4}), w); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::conv2d(x, placeholder({3, 3, 4, 6}, kF64)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::conv2d(x, placeholder({0, 3, 4, 6})); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::conv2d(x, w, placeholder({5})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::depthwise_conv2d(x, placeholder({3, 3, 5, 1})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::depthwise_conv2d(x, placeholder({3, 3, 4, 0})); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::conv2d_transpose(x, placeholder({3, 3, 5, 1})); }), "te.op.shape");
  const auto fix_of = [](const std::function<Tensor()>& f) {
    try {
      (void)f();
    } catch (const Error& e) {
      return e.how_to_fix();
    }
    return std::string("no error");
  };
  const Tensor image = placeholder({1, 4, 9, 9});  // n, c, h, w, and the layout is nhwc
  const std::string other = "the shapes fit layout nchw, and nhwc is taken: give layout nchw";
  EXPECT_EQ(fix_of([&] { return op::conv2d(image, placeholder({6, 4, 3, 3})); }), other);
  EXPECT_EQ(fix_of([&] { return op::depthwise_conv2d(image, placeholder({4, 1, 3, 3})); }), other);
  EXPECT_EQ(fix_of([&] { return op::conv2d_transpose(image, placeholder({4, 6, 3, 3})); }), other);
  EXPECT_EQ(fix_of([&] { return op::conv2d(image, placeholder({3, 3, 5, 6})); }),
            "make weight's input channels those of x divided by groups; the layout is nhwc");
  op::Conv2dOptions o;
  o.output_padding = 1;
  EXPECT_EQ(code_of([&] { (void)op::conv2d_transpose(x, w, {}, o); }), "te.op.attr");
  o = {}, o.dilation = 2;
  EXPECT_EQ(code_of([&] { (void)op::conv2d_transpose(x, w, {}, o); }), "te.op.attr");
  o = {}, o.padding = 20;
  EXPECT_EQ(code_of([&] { (void)op::conv2d_transpose(x, w, {}, o); }), "te.op.attr");
}

TEST(Pool, MaximumAndMeanOfWindows) {
  for (const Layout l : {Layout::nhwc, Layout::nchw})
    for (const bool count_pad : {false, true}) {
      op::PoolOptions o;
      o.kernel = {3, 2}, o.stride = {2, 1}, o.padding = {2, 1, 1, 0}, o.layout = l,
      o.count_include_pad = count_pad;
      const Tensor x = placeholder(image(l, 2, 3, 6, 5), kF64, "X");
      const auto window = [&](const HostTensor& t, const Index& i, const std::function<void(double)>& f) {
        const auto [n, c, h, v] = parts(l, i);
        for (int64_t r = 0; r < 3; ++r)
          for (int64_t s = 0; s < 2; ++s)
            if (inside(t, l, h * 2 + r - 2, v + s - 1)) f(pixel(t, l, n, c, h * 2 + r - 2, v + s - 1));
      };
      const Index shape = image(l, 2, 3, 4, 5);
      expect_computes({x, op::max_pool2d(x, o)}, shape, [&](const auto& in, const Index& i) {
        double m = -INFINITY;
        window(in[0], i, [&](double v) { m = std::max(m, v); });
        return m;
      });
      expect_computes({x, op::avg_pool2d(x, o)}, shape, [&](const auto& in, const Index& i) {
        double sum = 0, count = 0;
        window(in[0], i, [&](double v) { sum += v, count += 1; });
        return sum / (count_pad ? 6 : count);
      });
      expect_computes({x, op::global_avg_pool(x, l)}, image(l, 2, 3, 1, 1),
                      [&](const auto& in, const Index& i) {
                        double sum = 0;
                        for (int64_t h = 0; h < 6; ++h)
                          for (int64_t w = 0; w < 5; ++w) sum += pixel(in[0], l, i[0], parts(l, i)[1], h, w);
                        return sum / 30;
                      });
    }
}

TEST(Pool, IntegersHaveMaximaAndNoMeans) {
  const Tensor x = placeholder({1, 4, 4, 2}, kI8, "X");
  op::PoolOptions o;
  o.padding = 1;
  expect_computes({x, op::max_pool2d(x, o)}, {1, 3, 3, 2}, [](const auto& in, const Index& i) {
    double m = -128;
    for (int64_t h = std::max<int64_t>(i[1] * 2 - 1, 0); h <= std::min<int64_t>(i[1] * 2, 3); ++h)
      for (int64_t w = std::max<int64_t>(i[2] * 2 - 1, 0); w <= std::min<int64_t>(i[2] * 2, 3); ++w)
        m = std::max(m, at(in[0], {0, h, w, i[3]}));
    return m;
  });
  EXPECT_EQ(code_of([&] { (void)op::avg_pool2d(x); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::global_avg_pool(x); }), "te.op.dtype");
  o.padding = 2;
  EXPECT_EQ(code_of([&] { (void)op::max_pool2d(x, o); }), "te.op.attr");
  o.padding = 0, o.kernel = 5;
  EXPECT_EQ(code_of([&] { (void)op::max_pool2d(x, o); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::max_pool2d(placeholder({4, 4})); }), "te.op.rank");
}

TEST(Pool, EmptyImages) {
  const Tensor x = placeholder({1, 0, 3, 2}, kF32, "X");
  (void)run({x, op::global_avg_pool(x)});
  op::PoolOptions o;
  o.kernel = 3, o.padding = 2, o.stride = 1;
  (void)run({x, op::avg_pool2d(x, o)});
  (void)run({x, op::max_pool2d(x, o)});
}

}  // namespace
}  // namespace tc::test
