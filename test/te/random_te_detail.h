// The generator behind random_te.h.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tc/support/rng.h"
#include "tc/te/graph.h"
#include "tc/te/reducer.h"
#include "tc/te/scan.h"

namespace tc::test {

struct RandomOptions {
  int min_stages = 1, max_stages = 4;
  int max_rank = 4;
  /// Evaluations of stage bodies in all: bounds the time that interpreting takes.
  int64_t max_points = 3000;
  /// f32 alone, for back ends that have nothing else yet.
  bool only_f32 = false;
  /// i8 and i32 mostly: for the accelerator.
  bool integers = false;
  /// Indices read from tensors (clamped).
  bool gathers = true;
  /// Extents of 0.
  bool empty = true;
};

namespace detail {

inline constexpr double kLimit = 1 << 20;  // values beyond are clamped
inline constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// An expression and a bound of its magnitude.
struct Bounded {
  Expr e;
  double bound;
};
/// A tensor that may be read, and the bound of its elements.
struct Source {
  Tensor tensor;
  double bound;
  bool read = false;
};
/// A variable over [0, extent).
struct Axis {
  Expr var;
  int64_t extent;
};

class Generator {
 public:
  Generator(uint64_t seed, const RandomOptions& options)
      : random_(seed * 2 + 1), options_(options), budget_(options.max_points) {}

  void run() {
    const int64_t count = pick(options_.min_stages, options_.max_stages);
    for (int64_t i = 0; i < count; ++i) stage(static_cast<int>(i), budget_ / (count - i));
    for (const Source& s : sources_)
      if (is_computed(s) && (!s.read || chance(8))) outputs_.push_back(s.tensor);
  }
  [[nodiscard]] const std::vector<Tensor>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<Tensor>& outputs() const { return outputs_; }

 private:
  int64_t pick(int64_t low, int64_t high) { return random_.between(low, high); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  static bool is_computed(const Source& s) { return !s.tensor.op().is_placeholder(); }

  DType dtype() {
    if (options_.integers && chance(90)) return chance(60) ? kI8 : kI32;
    if (options_.only_f32 || chance(70)) return kF32;
    static constexpr DType kOthers[] = {kF64, kI32, kI8, kI64, kU8};
    return kOthers[pick(0, 4)];
  }
  int64_t extent() {
    static constexpr int64_t kExtents[] = {1, 2, 3, 5, 7, 8, 13, 16, 17, 31};
    if (options_.empty && chance(3)) return 0;
    return kExtents[pick(0, 9)];
  }
  /// Up to `rank` extents with a product of at most `points`.
  std::vector<int64_t> shape(int64_t rank, int64_t points) {
    std::vector<int64_t> out;
    for (int64_t i = 0, left = std::max<int64_t>(points, 1); i < rank; ++i) {
      int64_t n = extent();
      while (n > left) n = n <= 3 ? 1 : n / 2;
      out.push_back(n);
      left = n == 0 ? left : left / n;
    }
    return out;
  }

  // ---- stages

  void stage(int number, int64_t points) {
    static constexpr int kRanks[] = {0, 1, 1, 2, 2, 2, 2, 3, 3, 4};
    const int64_t rank = std::min<int64_t>(kRanks[pick(0, 9)], options_.max_rank);
    const std::string name(1, static_cast<char>('P' + number));
    const int kind = static_cast<int>(pick(1, 100));
    const bool reduces = kind > 45;
    const std::vector<int64_t> extents = shape(rank, reduces ? std::max<int64_t>(points / 8, 1) : points);
    int64_t used = 1;
    for (const int64_t n : extents) used *= std::max<int64_t>(n, 1);
    reduce_axes_.clear();
    if (reduces) {
      const auto lengths = shape(pick(1, 2), std::max<int64_t>(points / used, 1));
      for (size_t i = 0; i < lengths.size(); ++i) {
        reduce_axes_.push_back(reduce_axis(0, lengths[i], std::string(i ? "s" : "r")));
        used *= std::max<int64_t>(lengths[i], 1);
      }
    }
    budget_ -= used;
    if (!reduces && rank > 0 && chance(20)) return recurrence(name, extents);
    if (kind > 96) return argument(name, extents);
    if (kind > 92) return several(name, extents);
    if (kind > 89) reduce_axes_.clear();
    if (kind > 89) return pair(name, extents);
    double bound = 0;
    const DType type = dtype();
    const Tensor t = compute(
        extents,
        [&](const Axes& i) {
          axes_of(i, extents);
          const Bounded b = reduces ? reduction(type) : expression(type, 2);
          bound = b.bound;
          return b.e;
        },
        name);
    sources_.push_back({t, bound});
  }

  /// Two outputs computed together.
  void pair(const std::string& name, const std::vector<int64_t>& extents) {
    const DType first = dtype(), second = dtype();
    Bounded a{nullptr, 0}, b{nullptr, 0};
    const auto out = compute_many(extents,
                                  [&](const Axes& i) {
                                    axes_of(i, extents);
                                    a = expression(first, 2), b = expression(second, 1);
                                    return std::vector<Expr>{a.e, b.e};
                                  },
                                  {name, fmt::format("{}2", name)});
    sources_.push_back({out[0], a.bound});
    sources_.push_back({out[1], b.bound});
  }

  /// Greatest or smallest value and its index.
  void argument(const std::string& name, const std::vector<int64_t>& extents) {
    const DType type = dtype();
    const bool greatest = chance(50);
    double bound = 0;
    const auto out =
        compute_many(extents,
                     [&](const Axes& i) {
                       axes_of(i, extents);
                       const Bounded value = expression(type, 1);
                       bound = value.bound;
                       Expr index = reduce_axes_[0];  // all reduce axes as one number, so that indices differ
                       if (reduce_axes_.size() > 1)
                         index = index * *ir::as_int(reduce_axes_[1].extent) + reduce_axes_[1];
                       return reduce_tuple(greatest ? argmax_combiner(type) : argmin_combiner(type),
                                           {value.e, index}, reduce_axes_);
                     },
                     {name, fmt::format("{}i", name)});
    const bool nothing = is_empty_reduction();
    sources_.push_back({out[0], nothing ? kInfinite : bound});
    sources_.push_back({out[1], nothing ? kInfinite : 1000});
  }

  /// What a reduction of several components folds: the reducer, the components' bounds
  /// if there is anything to fold, and its sources from one value.
  struct Folding {
    ir::CombinerRef combiner;
    std::vector<double> bounds;
    std::function<State(const Expr&)> source;
  };
  static Folding folding(int64_t which, DType type, double bound, double length) {
    const Expr zero = ir::const_of(type, 0), one = ir::const_of(type, 1),
               least = ir::simple_combiner(ir::BinaryOp::max, type)->identity[0],
               greatest = ir::simple_combiner(ir::BinaryOp::min, type)->identity[0];
    switch (which) {
      case 0:  // the range
        return {
            reducer("range", {type, type},
                    [](const State& a, const State& b) { return State{min(a[0], b[0]), max(a[1], b[1])}; },
                    {greatest, least}),
            {bound, bound},
            [](const Expr& e) { return State{e, e}; }};
      case 1:  // the two greatest
        return {reducer("greatest_two", {type, type},
                        [](const State& a, const State& b) {
                          return State{max(a[0], b[0]), max(min(a[0], b[0]), max(a[1], b[1]))};
                        },
                        {least, least}),
                {bound, kInfinite},
                [least](const Expr& e) { return State{e, least}; }};
      case 2:  // how many, their sum, and the greatest
        return {reducer("moments", {type, type, type},
                        [](const State& a, const State& b) {
                          return State{a[0] + b[0], b[1] + a[1], max(b[2], a[2])};
                        },
                        {zero, zero, least}),
                {length, bound * length, bound},
                [one](const Expr& e) { return State{one, e, e}; }};
      default:  // of one component, but no operation of two values
        return {reducer("either", {type},
                        [](const State& a, const State& b) { return State{select(a[0] < b[0], b[0], a[0])}; },
                        {least}),
                {bound},
                [](const Expr& e) { return State{e}; }};
    }
  }
  /// A reducer of the user's own.
  void several(const std::string& name, const std::vector<int64_t>& extents) {
    const DType type = dtype();
    double length = 1;
    for (const ReduceAxis& k : reduce_axes_) length *= static_cast<double>(*ir::as_int(k.extent));
    const double limit = kLimit / std::max(length, 1.0);
    const int64_t which = pick(0, 3);
    const size_t count = std::vector<size_t>{2, 2, 3, 1}[static_cast<size_t>(which)];
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) names.push_back(i == 0 ? name : fmt::format("{}{}", name, i));
    Folding f;
    const auto out = compute_many(
        extents,
        [&](const Axes& i) {
          axes_of(i, extents);
          Bounded e = expression(type, 1);
          if (e.bound > limit) e = clamp(e, 8);
          f = folding(which, type, e.bound, length);
          return reduce_tuple(f.combiner, f.source(e.e), reduce_axes_);
        },
        names);
    const bool nothing = is_empty_reduction();
    for (size_t i = 0; i < count; ++i) sources_.push_back({out[i], nothing ? kInfinite : f.bounds[i]});
  }

  /// A scan, half of the time through a reduction over the state of the step before.
  void recurrence(const std::string& name, const std::vector<int64_t>& extents) {
    const DType type = dtype();
    const int64_t first = chance(30) ? 2 : 1;
    const Tensor state = scan_state(extents, type, name + "s");
    std::vector<int64_t> initial = extents;
    initial[0] = first;
    const Tensor init = placeholder(initial, type, fmt::format("{}0", name));
    inputs_.push_back(init);
    Tensor step;
    if (extents.size() > 1 && chance(50)) {
      reduce_axes_ = {reduce_axis(0, extents[1], "r")};
      step = compute(
          extents,
          [&](const Axes& i) {
            axes_of(i, extents);
            Axes at = i;
            at[0] = i[0] - pick(1, first), at[1] = reduce_axes_[0];
            return sum(state.at(at) * clamp(read(type), 4).e, reduce_axes_);
          },
          name + "r");
      reduce_axes_.clear();
    }
    const Tensor update = compute(
        extents,
        [&](const Axes& i) {
          axes_of(i, extents);
          Axes at = i;
          at[0] = i[0] - pick(1, first);
          Expr inside = ir::bool_imm(true);
          for (size_t d = 1; d < i.size(); ++d)
            if (chance(20) && extents[d] > 0) at[d] = fitting_index(extents[d], static_cast<int>(d), inside);
          const Expr before = if_then_else(inside, state.at(at), ir::const_of(type, 0));
          const Bounded e = clamp(expression(type, 1), 8);
          const Expr now = step ? max(e.e, step.at(i)) : e.e;
          return clamp({chance(70) ? before + now : max(before, now), kInfinite}, 8).e;
        },
        name);
    sources_.push_back({scan(init, update, state), 8});
  }

  void axes_of(const Axes& i, const std::vector<int64_t>& extents) {
    axes_.clear();
    for (size_t d = 0; d < i.size(); ++d) axes_.push_back({i[d], extents[d]});
    for (const ReduceAxis& k : reduce_axes_) axes_.push_back({k.var, *ir::as_int(k.extent)});
  }
  [[nodiscard]] bool is_empty_domain() const {
    return std::any_of(axes_.begin(), axes_.end(), [](const Axis& a) { return a.extent == 0; });
  }
  [[nodiscard]] bool is_empty_reduction() const {
    return std::any_of(reduce_axes_.begin(), reduce_axes_.end(),
                       [](const ReduceAxis& k) { return ir::is_int(k.extent, 0); });
  }

  Bounded reduction(DType type) {
    double length = 1;
    for (const ReduceAxis& k : reduce_axes_) length *= static_cast<double>(*ir::as_int(k.extent));
    const int kind = static_cast<int>(pick(1, 100));
    // products of two reads are what matrix products and convolutions sum
    Bounded e{nullptr, 0};
    if (chance(60)) {
      const Bounded a = read(type), b = read(type);  // in this order on every compiler
      e = multiply(a, b);
    } else {
      e = expression(type, 2);
    }
    if (kind <= 70) {
      if (e.bound * length > kLimit) e = clamp(e, 8);
      return {sum(e.e, reduce_axes_), std::max(e.bound * length, 1.0)};
    }
    if (kind <= 80) {  // signs, so that products of any length are exact
      const Expr one = ir::const_of(type, 1),
                 other = ir::const_of(type, type.is_float() || type.is_signed() ? -1 : 3);  // u8 wraps
      return {prod(select(e.e < ir::const_of(type, 1), other, one), reduce_axes_), type == kU8 ? 256.0 : 1.0};
    }
    const double bound = is_empty_reduction() ? kInfinite : e.bound;
    return {kind <= 90 ? max(e.e, reduce_axes_) : min(e.e, reduce_axes_), bound};
  }

  // ---- values

  static Bounded clamp(const Bounded& e, int64_t to) {
    const DType t = e.e->type;
    const Expr low = ir::const_of(t, t.is_float() || t.is_signed() ? static_cast<double>(-to) : 0);
    return {min(max(e.e, low), ir::const_of(t, static_cast<double>(to))), static_cast<double>(to)};
  }
  static Bounded kept(Bounded e) {
    const DType t = e.e->type;
    if (t.is_int() && t.bits < 64) {  // these wrap, whatever the order
      const double most = std::ldexp(1.0, t.bits);
      if (e.bound > most) e.bound = most;
    }
    return e.bound > kLimit ? clamp(e, 16) : e;
  }
  static Bounded convert(DType t, const Bounded& e) {
    if (e.e->type == t) return e;
    return kept({cast(t, e.e), !t.is_float() && t.bits < 64 ? std::ldexp(1.0, t.bits) : e.bound});
  }
  static Bounded multiply(const Bounded& a, const Bounded& b) { return kept({a.e * b.e, a.bound * b.bound}); }

  Bounded expression(DType type, int depth) {
    if (depth == 0 || chance(25)) return read(type);
    const Bounded a = expression(type, depth - 1);
    switch (pick(0, 11)) {
      case 0:
      case 1:
      case 2:
        return with(a, type, depth, [](Expr x, Expr y) { return x + y; }, a.bound);
      case 3:
        return with(a, type, depth, [](Expr x, Expr y) { return x - y; }, a.bound);
      case 4:
      case 5:
        return multiply(a, expression(type, depth - 1));
      case 6:
        return with(a, type, depth, [](Expr x, Expr y) { return max(x, y); }, a.bound);
      case 7:
        return with(a, type, depth, [](Expr x, Expr y) { return min(x, y); }, a.bound);
      case 8:
        return with(a, type, depth, [](Expr x, Expr y) { return select(x < y, y, x); }, a.bound);
      case 9:
        if (type.is_int() && chance(50)) {  // quotients of values, which round down
          const Expr by = ir::const_of(type, static_cast<double>(pick(2, 7)));
          return {chance(50) ? a.e / by : a.e % by, std::max(a.bound, 7.0)};
        }
        return kept({a.e * ir::const_of(type, 2) + ir::const_of(type, 1), a.bound * 2 + 1});
      case 10:
        return {max(a.e, ir::const_of(type, 0)), a.bound};
      default:
        if (axes_.empty()) return a;
        const Axis& axis = axes_[static_cast<size_t>(pick(0, static_cast<int64_t>(axes_.size()) - 1))];
        return kept({a.e + cast(type, axis.var), a.bound + 31});  // an axis as a value
    }
  }
  template <class F>
  Bounded with(const Bounded& a, DType type, int depth, F f, double bound) {
    const Bounded b = expression(type, depth - 1);
    return kept({f(a.e, b.e), bound + b.bound});
  }

  // ---- reads

  Bounded read(DType type) {
    if (!sources_.empty() && chance(sources_.back().read ? 45 : 75)) {
      // the last stage first: chains are what compute_at and inlining are about
      const size_t last = sources_.size() - 1;
      const size_t which =
          !sources_[last].read ? last : static_cast<size_t>(pick(0, static_cast<int64_t>(last)));
      if (const auto e = read_existing(sources_[which])) return convert(type, *e);
    }
    return convert(type, read_new());
  }

  const Axis* any_axis() {
    return axes_.empty() ? nullptr
                         : &axes_[static_cast<size_t>(pick(0, static_cast<int64_t>(axes_.size()) - 1))];
  }

  /// An index expression and the greatest value that it takes (its least is 0).
  std::pair<Expr, int64_t> new_index(const Axis& a) {
    const int64_t last = std::max<int64_t>(a.extent - 1, 0);
    switch (pick(0, 9)) {
      case 0:
        return {a.var + 1, last + 1};  // shifted
      case 1:
        return {a.var * 2, last * 2};  // strided
      case 2:
        return {ir::int_imm(last) - a.var, last};  // reversed
      case 3:
        return {a.var / 2, last / 2};
      case 4:
        return {a.var % 3, std::min<int64_t>(last, 2)};
      case 5:
        if (const Axis* b = any_axis(); b && !b->var.same(a.var)) {  // a window
          const int64_t stride = pick(1, 2), dilation = pick(1, 2);
          return {a.var * stride + b->var * dilation,
                  last * stride + std::max<int64_t>(b->extent - 1, 0) * dilation};
        }
        [[fallthrough]];
      default:
        return {a.var, last};
    }
  }

  /// Reads an input made to fit.
  Bounded read_new() {
    std::vector<Axis> order = axes_;
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(pick(0, static_cast<int64_t>(i) - 1))]);
    while (!order.empty() && (order.size() > 4 || chance(25))) order.pop_back();  // the rest broadcasts
    if (chance(50))
      std::sort(order.begin(), order.end(),
                [&](const Axis& a, const Axis& b) { return position(a) < position(b); });
    Axes index;
    std::vector<int64_t> extents;
    for (const Axis& a : order) {
      const auto [e, last] = new_index(a);
      index.push_back(e);
      extents.push_back(a.extent == 0 ? pick(0, 1) : last + 1 + (chance(15) ? pick(1, 3) : 0));
    }
    if (options_.gathers && chance(3) && !order.empty() && order[0].extent > 0) return gather(index, extents);
    return element_of_new(index, extents);
  }
  [[nodiscard]] size_t position(const Axis& a) const {
    for (size_t i = 0; i < axes_.size(); ++i)
      if (axes_[i].var.same(a.var)) return i;
    return axes_.size();
  }

  Bounded element_of_new(const Axes& index, const std::vector<int64_t>& extents) {
    const DType type = chance(80) ? dtype() : kF32;
    const Tensor t = placeholder(extents, type,
                                 fmt::format("{}{}", static_cast<char>('A' + inputs_.size() % 15), suffix()));
    inputs_.push_back(t);
    return {t.at(index), 4};
  }
  [[nodiscard]] std::string suffix() const {
    return inputs_.size() < 15 ? "" : std::to_string(inputs_.size() / 15);
  }

  Bounded gather(Axes index, std::vector<int64_t> extents) {
    const Tensor where =
        placeholder({extents[0]}, chance(50) ? kI32 : kI64, fmt::format("I{}", inputs_.size()));
    inputs_.push_back(where);
    const int64_t n = extents[0] = pick(1, 17);
    const Expr read = cast(ir::kIndex, where(index[0]));
    if (n % 4 < 2) {
      index[0] = max(min(read, ir::int_imm(n - 1)), ir::int_imm(0));
      return element_of_new(index, extents);
    }
    // inputs that index have values from 0 on (make_args), and for a size also beyond what n is here
    index[0] = n % 4 == 2 ? read - 1 : min(read, ir::int_imm(n - 1));
    const Expr inside = n % 4 == 2 ? ir::logical_and(index[0] >= 0, index[0] < n) : read >= 0;
    Bounded e = element_of_new(index, extents);
    e.e = n % 4 == 2 ? if_then_else(inside, e.e, ir::const_of(e.e->type, 0)) : assume(inside, e.e);
    return e;
  }

  /// Reads a stage; nothing where it has no elements to read.
  std::optional<Bounded> read_existing(Source& s) {
    Axes index;
    Expr inside = ir::bool_imm(true);
    for (int d = 0; d < s.tensor.ndim(); ++d) {
      const int64_t n = s.tensor.extent(d);
      if (n == 0 && !is_empty_domain()) return std::nullopt;
      index.push_back(fitting_index(n, d, inside));
    }
    s.read = true;
    Bounded e{s.tensor.at(index), s.bound};
    e.e = if_then_else(inside, e.e, ir::const_of(e.e->type, 0));
    return kept(e);
  }

  /// An index in [0, n), perhaps only where `inside` holds.
  Expr fitting_index(int64_t n, int dim, Expr& inside) {
    if (axes_.empty()) return ir::int_imm(pick(0, std::max<int64_t>(n - 1, 0)));
    // mostly the axis at the same place, so that access patterns look like programs
    const Axis a =
        chance(65) && static_cast<size_t>(dim) < axes_.size() ? axes_[static_cast<size_t>(dim)] : *any_axis();
    const int64_t last = std::max<int64_t>(a.extent - 1, 0);
    const int64_t slack = n - 1 - last;
    if (chance(15)) {  // padding
      const int64_t shift = pick(0, 2);
      const Expr e = a.var - shift;
      if (shift > 0) inside = ir::logical_and(inside, e >= 0);
      if (last - shift >= n) inside = ir::logical_and(inside, e < n);
      return e;
    }
    if (slack < 0) return n <= 1 ? ir::int_imm(0) : chance(50) ? a.var % n : min(a.var, ir::int_imm(n - 1));
    switch (pick(0, 7)) {
      case 0:
        return a.var + pick(0, slack);
      case 1:
        return ir::int_imm(last) - a.var;
      case 2:
        return last * 2 < n ? a.var * 2 : a.var;
      case 3:
        if (const Axis* b = any_axis(); !b->var.same(a.var) && b->extent > 0 && b->extent - 1 <= slack)
          return a.var + b->var;
        [[fallthrough]];
      default:
        return a.var;
    }
  }

  Rng random_;
  RandomOptions options_;
  int64_t budget_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<Source> sources_;
  std::vector<Axis> axes_;
  std::vector<ReduceAxis> reduce_axes_;
};

}  // namespace detail
}  // namespace tc::test
