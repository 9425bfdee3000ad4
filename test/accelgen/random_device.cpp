#include "random_device.h"

#include <fmt/format.h>

#include <algorithm>

#include "conv.h"
#include "tc/ir/traverse.h"

namespace tc::accel::test {
namespace {

// Applies a step; one that is illegal here is left out.
template <class F>
bool attempt(F&& f) {
  try {
    f();
    return true;
  } catch (const Error&) {
    return false;
  }
}

class Maker {
 public:
  explicit Maker(uint64_t seed) : rng_(mix_seed(seed, 0xacce1)) {}

  Case make() {
    c_.config = random_machine();
    bt_ = c_.config.batch, bi_ = c_.config.block_in, bo_ = c_.config.block_out;
    switch (rng_.below(8)) {
      case 0:
      case 1:
        matmul();
        break;
      case 2:
      case 3:
      case 4:
        conv();
        break;
      case 5:
        pool();
        break;
      case 6:
        depthwise();
        break;
      default:
        elementwise();
        break;
    }
    schedule();
    return std::move(c_);
  }

 private:
  bool chance(int percent) { return static_cast<int>(rng_.below(100)) < percent; }
  int64_t pick(std::initializer_list<int64_t> of) { return *(of.begin() + rng_.below(of.size())); }
  template <class T>
  void shuffle(std::vector<T>& v) {
    for (size_t i = v.size(); i > 1; --i) std::swap(v[i - 1], v[rng_.below(i)]);
  }

  isa::MachineConfig random_machine() {
    isa::MachineConfig m = machine(pick({1, 1, 2, 3, 4}), pick({4, 8, 16, 5}), pick({4, 8, 16, 6}));
    if (chance(5)) m.block_in = 64;
    if (chance(5)) m.block_out = 64;
    m.acc_depth = pick({64, 200, 512, 2048});
    m.inp_depth = pick({32, 100, 256, 2048});
    m.wgt_depth = pick({16, 50, 128, 1024});
    m.uop_depth = pick({4, 16, 128, 8192});
    m.alu_lanes = pick({1, 4, 16, 64});
    m.dram_latency = pick({0, 10, 50});
    m.queue_depth = pick({1, 2, 8, 512});
    m.token_depth = pick({1, 2, 1024});
    return m;
  }

  // ---- computations

  // Operands of the epilogue of stage `from`, with its dimensions.
  void epilogue(const Tensor& from, const std::vector<int64_t>& shape,
                const std::vector<std::string>& names) {
    Tensor bias, residual;
    const int64_t channels = shape[1];
    if (chance(60)) bias = placeholder({channels, bt_, bo_}, kI32, "bias"), c_.args.push_back(bias);
    if (chance(40))
      residual = placeholder(shape, chance(70) ? kI8 : kI32, "res"), c_.args.push_back(residual);
    const int shift = static_cast<int>(rng_.below(9)), last = static_cast<int>(rng_.below(4));
    const bool staged = chance(30), negative = chance(20), scaled = chance(30);
    const int64_t big = chance(30) ? 100000 : 77;
    const auto first = [&](const Axes& a) {
      Expr v = cast(kI32, from.at(a));
      if (bias) v = negative ? bias(a[1], a[4], a[5]) - v : v + bias(a[1], a[4], a[5]);
      if (scaled) v = v * imm32(3) - imm32(big);
      return v;
    };
    if (staged) mid_ = compute(shape, std::function<Expr(const Axes&)>(first), "mid", names);
    out_ = compute(shape, std::function<Expr(const Axes&)>([&](const Axes& a) {
                     Expr v = staged ? mid_.at(a) : first(a);
                     if (residual) v = v + cast(kI32, residual.at(a)) * imm32(2);
                     if (shift != 0) v = shr32(v, shift);
                     if (last == 1) v = min(max(v, imm32(0)), imm32(127));
                     if (last == 2) v = max(v, imm32(-5)) + cast(kI32, cast(kI8, v));
                     if (last == 3) v = -v;
                     return cast(kI8, v);
                   }),
                   "out", names);
    c_.args.push_back(out_);
    reads_.push_back(bias), reads_.push_back(residual);
  }

  void matmul() {
    const int64_t m = rng_.between(1, 7), n = rng_.between(1, 5), k = rng_.between(1, 6);
    c_.about = fmt::format("matmul {} x {} x {} tiles", m, n, k);
    const Tensor a = placeholder({m, k, bt_, bi_}, kI8, "A"), b = placeholder({n, k, bo_, bi_}, kI8, "B");
    const ReduceAxis ko = reduce_axis(0, k, "ko"), ki = reduce_axis(0, bi_, "ki");
    const bool swapped = chance(30);
    sum_ = compute({m, n, 1, 1, bt_, bo_},
                   [&](const Axes& x) {
                     const Expr p = cast(kI32, a(x[0], ko, x[4], ki)), q = cast(kI32, b(x[1], ko, x[5], ki));
                     return tc::sum(swapped ? q * p : p * q, {ko, ki});
                   },
                   "S", {"n", "c", "h", "w", "b", "o"});
    c_.args = {a, b};
    inp_ = a, wgt_ = b;
    lanes_ = 3;
    epilogue(sum_, {m, n, 1, 1, bt_, bo_}, {"n", "c", "h", "w", "b", "o"});
  }

  void conv() {
    const int64_t ci = rng_.between(1, 3), co = rng_.between(1, 4), kernel = rng_.between(1, 3);
    const int64_t size = rng_.between(kernel, 9), stride = rng_.between(1, 2),
                  pad = rng_.below(2) ? kernel / 2 : 0;
    Conv conv(c_.config, rng_.between(1, 2), ci, co, size, kernel, stride, pad);
    c_.about = fmt::format("conv {} -> {} channel tiles, {} x {}, kernel {}, stride {}, pad {}", ci, co, size,
                           size, kernel, stride, pad);
    sum_ = conv.sum, wgt_ = conv.w, padded_ = conv.padded;
    c_.args = {conv.x, conv.w};
    lanes_ = 3;
    epilogue(sum_, conv.sum.extents(), {"n", "c", "h", "w", "b", "o"});
  }

  // Padding of the window is a condition, as there is no zero that a maximum ignores.
  void pool() {
    const int64_t c = rng_.between(1, 3), size = rng_.between(3, 8), kernel = rng_.between(2, 3);
    const int64_t stride = rng_.between(1, 2), pad = rng_.below(2),
                  out = (size + 2 * pad - kernel) / stride + 1;
    const bool average = chance(40);
    c_.about = fmt::format("{} pooling of {} x {}, kernel {}, stride {}, pad {}", average ? "average" : "max",
                           size, size, kernel, stride, pad);
    const Tensor x = placeholder({1, c, size, size, bt_, bo_}, kI8, "X");
    const ReduceAxis ry = reduce_axis(0, kernel, "ry"), rx = reduce_axis(0, kernel, "rx");
    sum_ = compute({1, c, out, out, bt_, bo_},
                   [&](const Axes& a) {
                     const Expr y = a[2] * stride + ry - pad, z = a[3] * stride + rx - pad;
                     const Expr inside =
                         logical_and(logical_and(y >= 0, y < size), logical_and(z >= 0, z < size));
                     const Expr v = cast(kI32, x(a[0], a[1], y, z, a[4], a[5]));
                     const Expr none = imm32(average ? 0 : INT32_MIN);
                     const Expr e = pad == 0 ? v : if_then_else(inside, v, none);
                     return average ? tc::sum(e, {ry, rx}) : tc::max(e, {ry, rx});
                   },
                   "S", {"n", "c", "h", "w", "b", "o"});
    c_.args = {x};
    reads_.push_back(x);
    lanes_ = 2;
    epilogue(sum_, sum_.extents(), {"n", "c", "h", "w", "b", "o"});
  }

  void depthwise() {
    const int64_t c = rng_.between(1, 3), size = rng_.between(3, 7), kernel = rng_.between(1, 3);
    const int64_t out = size - kernel + 1;
    c_.about = fmt::format("depthwise convolution of {} x {}, kernel {}", size, size, kernel);
    const Tensor x = placeholder({1, c, size, size, bt_, bo_}, kI8, "X");
    const Tensor w = placeholder({c, kernel, kernel, bt_, bo_}, kI8, "W");
    const ReduceAxis ry = reduce_axis(0, kernel, "ry"), rx = reduce_axis(0, kernel, "rx");
    sum_ = compute({1, c, out, out, bt_, bo_},
                   [&](const Axes& a) {
                     return tc::sum(cast(kI32, x(a[0], a[1], a[2] + ry, a[3] + rx, a[4], a[5])) *
                                        cast(kI32, w(a[1], ry, rx, a[4], a[5])),
                                    {ry, rx});
                   },
                   "S", {"n", "c", "h", "w", "b", "o"});
    c_.args = {x, w};
    reads_.push_back(x), reads_.push_back(w);
    lanes_ = 2;
    epilogue(sum_, sum_.extents(), {"n", "c", "h", "w", "b", "o"});
  }

  void elementwise() {
    const std::vector<int64_t> shape = {
        rng_.between(1, 2), rng_.between(1, 4), rng_.between(1, 5), rng_.between(1, 5), bt_, bo_};
    c_.about = "elementwise";
    const Tensor x = placeholder(shape, chance(50) ? kI8 : kI32, "X");
    c_.args = {x};
    reads_.push_back(x);
    epilogue(x, shape, {"n", "c", "h", "w", "b", "o"});
  }

  // ---- schedules

  void schedule() {
    c_.schedule = std::make_unique<Schedule>(std::vector<Tensor>{out_});
    Schedule& s = *c_.schedule;
    std::vector<std::string> near_sum, near_out;  // stages to place
    if (padded_) {
      if (chance(70)) {
        s[padded_].set_scope(Scope::inp);
        near_sum.push_back(padded_.name());
      } else {
        s[padded_].compute_inline();  // conditions stay with the products
        near_sum.push_back(s.cache_read(c_.args[0], Scope::inp).name());
      }
    }
    if (inp_) near_sum.push_back(s.cache_read(inp_, Scope::inp).name());
    if (wgt_) near_sum.push_back(s.cache_read(wgt_, Scope::wgt).name());
    if (mid_) s[mid_].set_scope(Scope::acc);
    if (sum_) s[sum_].set_scope(Scope::acc);
    for (const Tensor& t : reads_)
      if (t) near_out.push_back(s.cache_read(t, Scope::acc).name());

    const auto outer = tile_out(s);
    const size_t p = rng_.below(outer.size());
    for (const Tensor& t : {mid_, sum_})
      if (t) s[t].compute_at(s[out_], outer[p]);
    // Stages that are read here may come in further out, or stay at root where they fit.
    for (const std::string& n : near_out)
      if (!attempt([&] { s[n].compute_at(s[out_], outer[rng_.below(p + 1)]); }))
        (void)attempt([&] { s[n].compute_at(s[out_], outer[0]); });
    if (sum_) schedule_sum(s, outer, p, near_sum);
  }

  // Tiles the output; gives the loops outside its tile.
  std::vector<Axis> tile_out(Schedule& s) {
    Stage out = s[out_];
    const auto ax = out.axes<6>();
    std::vector<int64_t> factors;
    for (int d = 0; d < 4; ++d) factors.push_back(rng_.between(1, std::max<int64_t>(out_.extent(d), 1)));
    auto t = out.tile({ax[0], ax[1], ax[2], ax[3]}, factors);
    std::vector<Axis> outer(t.begin(), t.begin() + 4), inner(t.begin() + 4, t.end()), lanes = {ax[4], ax[5]};
    if (chance(40)) shuffle(outer);
    if (chance(40)) shuffle(inner);
    if (chance(30)) std::swap(lanes[0], lanes[1]);
    if (chance(50)) {  // a loop of virtual threads, then that of the rounds
      const size_t which = rng_.below(4);
      const auto [v, rest] = out.split_parts(outer[which], 2);
      c_.threads = v.name;
      outer[which] = chance(50) ? rest : v;
      outer.insert(outer.begin() + static_cast<ptrdiff_t>(which) + (outer[which] == v ? 1 : 0),
                   outer[which] == v ? rest : v);
    }
    std::vector<Axis> all = outer;
    all.insert(all.end(), inner.begin(), inner.end());
    all.insert(all.end(), lanes.begin(), lanes.end());
    out.reorder(all);
    if (chance(20)) (void)attempt([&] { out.fuse({lanes[0], lanes[1]}); });
    if (chance(20)) (void)attempt([&] { out.fuse({inner[2], inner[3]}); });
    return outer;
  }

  void schedule_sum(Schedule& s, const std::vector<Axis>& outer, size_t p,
                    const std::vector<std::string>& near) {
    Stage sum = s[sum_];
    std::vector<Axis> axes = sum.axes(), reduce = sum.reduce_axes();
    std::vector<Axis> lanes(axes.begin() + 4, axes.end());
    if (lanes_ == 3) lanes.push_back(reduce.back()), reduce.pop_back();
    std::vector<Axis> far, tile(axes.begin(), axes.begin() + 4);
    for (const Axis& r : reduce) {
      if (chance(50)) {
        const auto [o, i] = sum.split(r, rng_.between(1, 3));
        far.push_back(o), tile.push_back(i);
      } else {
        (chance(50) ? far : tile).push_back(r);
      }
    }
    if (chance(50)) shuffle(far);
    if (chance(70)) shuffle(tile);
    if (chance(30)) shuffle(lanes);
    std::vector<Axis> all = far;
    all.insert(all.end(), tile.begin(), tile.end());
    all.insert(all.end(), lanes.begin(), lanes.end());
    sum.reorder(all);
    for (const std::string& n : near) {
      const bool inside = !far.empty() && chance(75);
      if (inside && attempt([&] { s[n].compute_at(sum, far[rng_.below(far.size())]); })) continue;
      if (!attempt([&] { s[n].compute_at(s[out_], outer[rng_.below(p + 1)]); }))
        (void)attempt([&] { s[n].compute_at(s[out_], outer[p]); });
    }
    if (!far.empty() && chance(30)) (void)attempt([&] { sum.init_at(far[rng_.below(far.size())]); });
  }

  Rng rng_;
  Case c_;
  int64_t bt_ = 1, bi_ = 1, bo_ = 1;
  Tensor inp_, wgt_, padded_, sum_, mid_, out_;
  std::vector<Tensor> reads_;
  int lanes_ = 2;
};

}  // namespace

Case random_case(uint64_t seed) { return Maker(seed).make(); }

FuncRef with_threads(const FuncRef& func, const std::string& loop) {
  if (loop.empty()) return func;
  return ir::rewrite_body(func, [&](const ir::For& f) -> ir::Stmt {
    if (f.var->name != loop) return nullptr;
    return ir::for_(f.var, f.min, f.extent, ir::LoopMode::vthread, f.body);
  });
}

}  // namespace tc::accel::test
