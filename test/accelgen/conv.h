// Blocked convolution, as legalisation makes it: X[n, ci, h, w, batch, block_in] int8,
// W[co, ci, kh, kw, block_out, block_in] int8, bias[co, batch, block_out] int32, out int8.
#pragma once
#include "run_device.h"

namespace tc::accel::test {

inline Expr imm32(int64_t v) { return ir::int_imm(v, kI32); }
inline Expr shr32(Expr x, int64_t n) { return ir::binary(ir::BinaryOp::shr, std::move(x), imm32(n)); }

struct Conv {
  isa::MachineConfig config;
  int64_t pad = 1;
  Tensor x, w, bias, padded, sum, out;

  Conv(const isa::MachineConfig& machine, int64_t n, int64_t ci, int64_t co, int64_t size, int64_t kernel,
       int64_t stride, int64_t padding)
      : config(machine), pad(padding) {
    const int64_t bt = machine.batch, bi = machine.block_in, bo = machine.block_out;
    x = placeholder({n, ci, size, size, bt, bi}, kI8, "X");
    w = placeholder({co, ci, kernel, kernel, bo, bi}, kI8, "W");
    bias = placeholder({co, bt, bo}, kI32, "bias");
    const int64_t outer = size + 2 * pad, result = (outer - kernel) / stride + 1;
    padded = compute({n, ci, outer, outer, bt, bi},
                     [&](const Axes& a) {
                       const Expr y = a[2] - pad, z = a[3] - pad;
                       const Expr inside =
                           logical_and(logical_and(y >= 0, y < size), logical_and(z >= 0, z < size));
                       return if_then_else(inside, x(a[0], a[1], y, z, a[4], a[5]), ir::int_imm(0, kI8));
                     },
                     "P", {"n", "c", "h", "w", "b", "i"});
    const ReduceAxis rc = reduce_axis(0, ci, "rc"), ry = reduce_axis(0, kernel, "ry"),
                     rx = reduce_axis(0, kernel, "rx"), ri = reduce_axis(0, bi, "ri");
    sum = compute({n, co, result, result, bt, bo},
                  [&](const Axes& a) {
                    return tc::sum(
                        cast(kI32, padded(a[0], rc, a[2] * stride + ry, a[3] * stride + rx, a[4], ri)) *
                            cast(kI32, w(a[1], rc, ry, rx, a[5], ri)),
                        {rc, ry, rx, ri});
                  },
                  "S", {"n", "c", "h", "w", "b", "o"});
    out = compute({n, co, result, result, bt, bo},
                  [&](const Axes& a) {
                    const Expr v = shr32(sum.at(a) + bias(a[1], a[4], a[5]), 5);
                    return cast(kI8, min(max(v, imm32(0)), imm32(127)));
                  },
                  "out", {"n", "c", "h", "w", "b", "o"});
  }
  [[nodiscard]] std::vector<Tensor> args() const { return {x, w, bias, out}; }

  struct Tiles {
    int64_t co = 1, h = 1, w = 1, ci = 1;
    int64_t threads = 1;         // virtual threads, over tiles of output channels
    bool double_buffer = false;  // of what is loaded for each tile of input channels
  };
  /// A tile of results at a time, over a tile of the input channels at a time.
  [[nodiscard]] Schedule schedule(const Tiles& t) const {
    Schedule s({out});
    s[padded].set_scope(Scope::inp);
    s[sum].set_scope(Scope::acc);
    const Stage wl = s.cache_read(w, Scope::wgt), bl = s.cache_read(bias, Scope::acc);
    const auto ax = s[out].axes<6>();
    const auto tile = s[out].tile({ax[0], ax[1], ax[2], ax[3]}, {1, t.co * t.threads, t.h, t.w});
    const auto [thread, co_tile] = s[out].split(tile[5], t.co);
    s[out].reorder({thread, tile[4], co_tile});
    if (t.threads > 1) s[out].vthread(thread);
    s[sum].compute_at(s[out], thread);
    s[bl.name()].compute_at(s[out], thread);
    const auto sx = s[sum].axes<6>();
    const auto kx = s[sum].reduce_axes<4>();
    const auto [co, ci] = s[sum].split(kx[0], t.ci);
    s[sum].reorder({co, sx[0], sx[1], sx[2], sx[3], ci, kx[1], kx[2], sx[4], sx[5], kx[3]});
    s[padded].compute_at(s[sum], co);
    s[wl.name()].compute_at(s[sum], co);
    if (t.double_buffer) s[padded].double_buffer(), s[wl.name()].double_buffer();
    return s;
  }
};

}  // namespace tc::accel::test
