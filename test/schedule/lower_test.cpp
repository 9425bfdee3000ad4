#include "tc/schedule/lower.h"

#include <gtest/gtest.h>

#include "tc/ir/print.h"

namespace tc {
namespace {

TEST(Lower, TiledMatmulWithTails) {
  const Tensor a = placeholder({20, 7}, kF32, "A"), b = placeholder({7, 50}, kF32, "B");
  const ReduceAxis k = reduce_axis(0, 7, "k");
  const Tensor c = compute({20, 50}, [&](Expr y, Expr x) { return sum(a(y, k) * b(k, x), k); }, "C");
  Schedule s({c});
  const auto [y, x] = s[c].axes<2>();
  const auto [kk] = s[c].reduce_axes<1>();
  const auto t = s[c].tile({y, x}, {8, 16});
  s[c].reorder({t[1], t[0], kk, t[2], t[3]});
  s[c].unroll(t[2]);
  s[c].vectorize(t[3]);
  s[b].layout({"x/16", "y", "x%16"});
  const Lowered low = lower(s, {a, b, c}, "matmul").value();
  std::puts(ir::to_string(low.func).c_str());
  std::puts(ir::to_string(low.packs[0].func).c_str());
  std::puts(s.text().c_str());
}

TEST(Lower, ConvBiasRelu) {
  const Tensor x = placeholder({1, 9, 9, 4}, kF32, "X"), w = placeholder({3, 3, 4, 8}, kF32, "W"), bias = placeholder({8}, kF32, "b");
  const ReduceAxis r = reduce_axis(0, 3, "r"), q = reduce_axis(0, 3, "s"), ci = reduce_axis(0, 4, "ci");
  const Tensor c = compute({1, 9, 9, 8}, [&](const Axes& i) {
    const Expr h = i[1] + r.var - 1, ww = i[2] + q.var - 1;
    const Expr in = ir::logical_and(ir::logical_and(h >= 0, h < 9), ir::logical_and(ww >= 0, ww < 9));
    return sum(if_then_else(in, x(i[0], h, ww, ci) * w(r, q, ci, i[3]), ir::float_imm(0)), {r, q, ci});
  }, "conv", {"n", "h", "w", "co"});
  const Tensor o = compute({1, 9, 9, 8}, [&](const Axes& i) { return max(c.at(i) + bias(i[3]), ir::float_imm(0)); }, "out", {"n", "h", "w", "co"});
  Schedule s({o});
  auto ax = s[o].axes();
  auto [wo, wi] = s[o].split(ax[2], 4);
  s[o].reorder({wo, ax[3], wi});
  s[c].compute_at(s[o], wo);
  std::puts(ir::to_string(lower(s, {x, w, bias, o}, "conv").value().func).c_str());
}

}  // namespace
}  // namespace tc
