// Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms,
// 2nd ed., section 3.3), written as tensor expressions: beside each value v, as the
// reference computes it, a bound R(v) of |v' - v| for any other evaluation v'. With u
// the unit roundoff (half the distance from 1 to the next number) and eta half the least
// positive number,
//
//   fl(x op y) = (x op y)(1 + d) + e,  |d| <= u, |e| <= eta        (ibid. 2.2, 2.8)
//
// for either evaluation, so that with U = 2 u, H = 2 eta, and terms in u^2 left out
//
//   R(a +- b) = (R(a) + R(b))(1 + U) + U |a +- b|
//   R(a b)    = (|a| + R(a)) (|b| + R(b)) (1 + U) - |a b| + H
//   R(a / b)  = (|a| + R(a)) / (|b| - R(b)) (1 + U) - |a / b| + H
//   R(f(a))   = the greatest |f(a') - f(a)|, by the shape of f, and 2 kUlps ulp of f
//
// For a sum of n terms in any order each term is rounded at most n - 1 times on its
// way to the result, so that (ibid. 4.4; gamma_n = n u / (1 - n u))
//
//   R(sum t) = sum (R(t) + 2 gamma_{n-1} (|t| + R(t))).
//
// That bound is reached only if all roundings conspire. If they are independent and of
// mean 0, gamma_n may be replaced by
//
//   exp(lambda sqrt(n) u + n u^2 / (1 - u)) - 1
//
// with probability 1 - 2 exp(-lambda^2 (1 - u)^2 / 2) for one term (Higham and Mary, A New
// Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41(5), 2019,
// theorem 2.4). With lambda = 10 that fails once in 10^21 terms. Where the addends are below the
// rounding of the partial sums, n u near 1, roundings have a bias: then, as for the
// 16-bit types, gamma_n it is.
//
// In a recurrence the bound of a time stands on those of earlier times, so that it is
// computed in the recurrence, beside the values. What loops of the user's own make of
// floats has no bound unless they only move and choose.
//
// R stands once in most of these, so that expressions stay small; where they do not,
// nothing is known. R is computed in f64; for f64 values u is taken four times as large to
// cover that.
#include "error_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "tc/ir/traverse.h"
#include "tc/te/extern.h"

namespace tc {
namespace {

using ir::BinaryOp, ir::CallOp;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLambda = 10;
constexpr double kUlps = 5;  // what lower_math and the interpreter are within, pow apart

double unit_roundoff(DType t) {
  if (t == kBF16) return 0x1p-8;
  return t.bits == 16 ? 0x1p-11 : t.bits == 32 ? 0x1p-24 : 0x1p-51;
}
// U and H of the equations above: of two evaluations.
double roundoff(DType t) { return 2 * unit_roundoff(t); }
double underflow(DType t) {
  if (t == kBF16) return 0x1p-133;
  return t.bits == 16 ? 0x1p-24 : t.bits == 32 ? 0x1p-149 : 0x1p-1074;
}
int mantissa_bits(DType t) { return t == kBF16 ? 8 : t.bits == 16 ? 11 : t.bits == 32 ? 24 : 53; }

Expr f64(double v) { return ir::float_imm(v, kF64); }
Expr value_of(const Expr& e) { return cast(kF64, e); }
Expr size_of(const Expr& e) { return ir::call(CallOp::abs, {value_of(e)}); }
Expr or_zero(const Expr& r) { return r ? r : f64(0); }
Expr infinite() { return f64(kInfinity); }
Expr function(CallOp op, Expr x) { return ir::call(op, {std::move(x)}); }
Expr distance(const Expr& a, const Expr& b) { return function(CallOp::abs, value_of(a) - value_of(b)); }

// Whether it computes with floats, rather than moving and choosing among them.
bool computes_floats(const ir::Node& root) {
  bool found = false;
  ir::walk_all(root, [&](const ir::Node& n) {
    const auto* b = n.kind == ir::Kind::Binary ? static_cast<const ir::Binary*>(&n) : nullptr;
    found |= b && b->type.is_float() && b->op != BinaryOp::min && b->op != BinaryOp::max;
    found |= n.kind == ir::Kind::Call || n.kind == ir::Kind::Cast;
  });
  return found;
}

/// Bounds of the expressions of a graph; null where an expression is exact.
class Analysis {
 public:
  std::unordered_map<const void*, BufferRef> of_buffer;

  /// The bound of component `self` of an operation, whose value stands in `buffer`.
  Expr of_value(const Expr& value, const BufferRef& buffer, const std::vector<VarRef>& axes) const {
    if (const auto* r = value.as<ir::Reduce>()) return reduction(*r, buffer, axes);
    return of(value);
  }

 private:
  // Once a node: expressions share parts, and x * x of x * x of ... has two of each.
  Expr of(const Expr& e) const {
    if (const auto it = known_.find(e.get()); it != known_.end()) return it->second;
    const Expr bound = derive(e);
    known_.emplace(e.get(), bound);
    return bound;
  }

  Expr derive(const Expr& e) const {
    switch (e->kind) {
      case ir::Kind::Load:
        return load(*e.as<ir::Load>());
      case ir::Kind::Cast:
        return conversion(e, e.as<ir::Cast>()->value);
      case ir::Kind::Binary:
        return binary(e, *e.as<ir::Binary>());
      case ir::Kind::Call:
        return call(e, *e.as<ir::Call>());
      case ir::Kind::Select: {
        const auto& s = *e.as<ir::Select>();
        const Expr r = either(of(s.if_true), of(s.if_false)), doubt = of(s.condition);
        if (!doubt) return r;
        return or_zero(r) + select(doubt > f64(0), distance(s.if_true, s.if_false), f64(0));
      }
      default:
        return nullptr;  // variables and constants
    }
  }

  [[nodiscard]] bool any_inexact(const std::vector<Expr>& list) const {
    return std::any_of(list.begin(), list.end(), [&](const Expr& e) { return static_cast<bool>(of(e)); });
  }
  static Expr either(const Expr& a, const Expr& b) { return a && b ? max(a, b) : a ? a : b; }

  Expr load(const ir::Load& l) const {
    if (any_inexact(l.indices)) return infinite();
    const auto it = of_buffer.find(l.buffer.get());
    return it == of_buffer.end() ? nullptr : ir::load(it->second, l.indices);
  }

  Expr conversion(const Expr& e, const Expr& from) const {
    const DType to = e->type;
    const Expr r = of(from);
    if (to.is_float()) {
      const int bits = from->type.is_float() ? mantissa_bits(from->type) : from->type.bits;
      if (bits <= mantissa_bits(to)) return r;
      return or_zero(r) * f64(1 + roundoff(to)) + f64(roundoff(to)) * size_of(e) + f64(underflow(to));
    }
    if (!r || from->type.is_bool()) return r;
    if (to.is_bool()) return select(size_of(from) <= r, f64(1), f64(0));
    return spread(e, r, value_of(from), [&](const Expr& x) { return value_of(cast(to, x)); });
  }

  // Of a function that never falls: the farther of both ends.
  template <class F>
  static Expr spread(const Expr& e, const Expr& r, const Expr& v, F f) {
    return max(f(v + r) - value_of(e), value_of(e) - f(v - r));
  }

  Expr binary(const Expr& e, const ir::Binary& b) const {
    const Expr ra = of(b.a), rb = of(b.b);
    if (e->type.is_bool()) {
      if (!ra && !rb) return nullptr;
      if (!ir::is_compare(b.op)) return either(ra, rb);  // and, or
      if (b.a->type.is_bool()) return either(ra, rb);
      return select(distance(b.a, b.b) <= or_zero(ra) + or_zero(rb), f64(1), f64(0));
    }
    if (b.op == BinaryOp::min || b.op == BinaryOp::max) return either(ra, rb);
    if (!e->type.is_float()) {
      if (!ra && !rb) return nullptr;
      if (b.op == BinaryOp::add || b.op == BinaryOp::sub) return or_zero(ra) + or_zero(rb);
      return b.op == BinaryOp::mul ? reach(b.a, ra) * reach(b.b, rb) - size_of(e) : infinite();
    }
    const double u = roundoff(e->type);
    switch (b.op) {
      case BinaryOp::add:
      case BinaryOp::sub:
        return (or_zero(ra) + or_zero(rb)) * f64(1 + u) + f64(u) * size_of(e);
      case BinaryOp::mul:
        return reach(b.a, ra) * reach(b.b, rb) * f64(1 + u) - size_of(b.a) * size_of(b.b) +
               f64(underflow(e->type));
      case BinaryOp::div: {
        const Expr least = rb ? max(size_of(b.b) - rb, f64(0)) : size_of(b.b);
        return reach(b.a, ra) / least * f64(1 + u) - size_of(b.a) / size_of(b.b) + f64(underflow(e->type));
      }
      default:  // mod
        return ra || rb ? infinite() : f64(u) * size_of(b.b);
    }
  }
  // The greatest magnitude that e may have.
  static Expr reach(const Expr& e, const Expr& r) { return r ? size_of(e) + r : size_of(e); }

  Expr call(const Expr& e, const ir::Call& c) const {
    using enum CallOp;
    const Expr r = of(c.args[0]);
    switch (c.op) {
      case neg:
      case abs:
      case not_:
        return r;
      case floor:
      case ceil:
      case round:
      case trunc:
        if (!r) return nullptr;
        return spread(e, r, value_of(c.args[0]), [&](const Expr& x) { return function(c.op, x); });
      case assume:
        return r ? infinite() : of(c.args[1]);
      case isnan:
      case bits:
        return r ? infinite() : nullptr;
      case if_then_else: {
        const Expr a = of(c.args[1]), b = of(c.args[2]);
        if (!r && !a && !b) return nullptr;
        const Expr side = ir::if_then_else(c.args[0], or_zero(a), or_zero(b));
        // the other side may be no legal access: nothing is known where the condition is in doubt
        return r ? ir::if_then_else(r > f64(0), infinite(), side) : side;
      }
      case fma: {
        const double u = roundoff(e->type);
        const Expr product =
            reach(c.args[0], r) * reach(c.args[1], of(c.args[1])) - size_of(c.args[0]) * size_of(c.args[1]);
        return (product + or_zero(of(c.args[2]))) * f64(1 + u) + f64(u) * size_of(e) +
               f64(underflow(e->type));
      }
      default:
        return elementary(e, c, r);
    }
  }

  // exp, log, ...: how far f goes when its argument goes by r, and its own error.
  Expr elementary(const Expr& e, const ir::Call& c, const Expr& r) const {
    using enum CallOp;
    const double ulps = (e->type.bits == 16 ? 1 : kUlps) * 2 * roundoff(e->type);
    const Expr x = value_of(c.args[0]);
    if (c.op == pow) return power(e, c, r);
    Expr moved;
    if (r) {
      const Expr below = max(x - r, f64(0));
      if (c.op == exp) moved = function(exp, x + r) - function(exp, x);
      if (c.op == log) moved = function(log, x) - function(log, below);
      if (c.op == sqrt) moved = function(sqrt, x) - function(sqrt, below);
      if (c.op == rsqrt) moved = function(rsqrt, below) - function(rsqrt, x);
      if (c.op == sin || c.op == cos) moved = r;           // slopes of at most 1
      if (c.op == erf || c.op == tanh || c.op == sigmoid)  // which flatten far out
        moved = spread(e, r, x, [&](const Expr& at) { return function(c.op, at); });
      if (!moved) return infinite();
    }
    const Expr all =
        or_zero(moved) * f64(1 + ulps) + f64(ulps) * size_of(e) + f64(kUlps * underflow(e->type));
    if (c.op != sin && c.op != cos) return all;
    return select(size_of(c.args[0]) <= f64(0x1p20), all, f64(2));  // beyond: only that it is in [-1, 1]
  }

  // x^y = exp(y log x) for x > 0.
  Expr power(const Expr& e, const ir::Call& c, const Expr& rx) const {
    const Expr ry = of(c.args[1]), x = value_of(c.args[0]);
    const Expr log_x = function(CallOp::log, x), size = function(CallOp::abs, log_x);
    const Expr ulps = f64(4 * roundoff(e->type)) * (size * size_of(c.args[1]) + f64(1));
    const Expr own = ulps * size_of(e) + f64(kUlps * underflow(e->type));
    const Expr exact_own = select(x > f64(0), own, f64(4 * roundoff(e->type)) * size_of(e));
    if (!rx && !ry) return exact_own;
    const Expr log_moved = rx ? log_x - function(CallOp::log, max(x - rx, f64(0))) : f64(0);
    const Expr exponent = reach(c.args[1], ry) * (size + log_moved) - size_of(c.args[1]) * size;
    const Expr moved = size_of(e) * (function(CallOp::exp, exponent) - f64(1));
    return select(x > f64(0), moved * f64(1.01) + own, infinite());
  }

  Expr reduction(const ir::Reduce& r, const BufferRef& buffer, const std::vector<VarRef>& axes) const {
    double n = 1;
    for (const Expr& e : r.extents) n *= static_cast<double>(ir::as_int(e).value_or(0));
    if (n == 0) return nullptr;  // the identity
    const Expr& term = r.source[0];
    const auto* op = r.source.size() == 1 ? r.combiner->results[0].as<ir::Binary>() : nullptr;
    const bool simple = op && op->a.same(r.combiner->lhs[0]) && op->b.same(r.combiner->rhs[0]);
    const auto fold = [&](BinaryOp with, Expr source) {
      return ir::reduce(ir::simple_combiner(with, kF64), r.mins, r.extents, r.vars, {std::move(source)});
    };
    const bool inexact = any_inexact(r.source);
    if (simple && op->op == BinaryOp::add) {
      const Expr each = of(term);
      if (!r.type.is_float()) return each ? fold(BinaryOp::add, each) : nullptr;
      const double g = 2 * sum_error(r.type, n);
      return fold(BinaryOp::add, or_zero(each) * f64(1 + g) + f64(g) * size_of(term));
    }
    if (simple && (op->op == BinaryOp::min || op->op == BinaryOp::max))
      return inexact ? fold(BinaryOp::max, of(term)) : nullptr;
    if (inexact) return infinite();
    if (simple && op->op == BinaryOp::mul && r.type.is_float())  // of exact factors
      return f64(2 * sum_error(r.type, n)) * size_of(ir::load(buffer, {axes.begin(), axes.end()}));
    return rounds(*r.combiner) ? infinite() : nullptr;
  }

  static bool rounds(const ir::Combiner& c) {
    return std::any_of(c.results.begin(), c.results.end(), [](const Expr& e) { return computes_floats(*e); });
  }

  mutable std::unordered_map<const void*, Expr> known_;
};

// Of the expression as a tree, which is how it is evaluated.
double nodes_in(const ir::Node& n, std::unordered_map<const void*, double>& known) {
  if (const auto it = known.find(&n); it != known.end()) return it->second;
  double total = 1;
  ir::for_each_child(n, [&](const ir::Node& child, ir::Role) { total += nodes_in(child, known); });
  return known[&n] = total;
}
Expr unless_too_large(Expr bound) {
  constexpr double kMostNodes = 10'000;
  std::unordered_map<const void*, double> known;
  if (!bound || nodes_in(*bound, known) <= kMostNodes) return bound;
  return infinite();
}

// Whether small integers give an integer: only sums, products and choices. In a
// recurrence products grow from time to time, beyond what a float holds.
bool keeps_integers(const Op& op, bool recurs, const std::unordered_set<const void*>& integral) {
  if (op.external) return false;
  bool keeps = true;
  for (const Expr& v : op.values)
    ir::walk_all(*v, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Load) keeps &= integral.contains(static_cast<const ir::Load&>(n).buffer.get());
      if (n.kind == ir::Kind::Call) {
        const auto c = static_cast<const ir::Call&>(n).op;
        keeps &= c == CallOp::neg || c == CallOp::abs || c == CallOp::if_then_else || c == CallOp::assume ||
                 (c == CallOp::fma && !recurs);
      }
      if (n.kind == ir::Kind::Binary) {
        const auto& b = static_cast<const ir::Binary&>(n);
        const bool grows = recurs && b.op == BinaryOp::mul;
        keeps &= !b.type.is_float() || (b.op != BinaryOp::div && b.op != BinaryOp::mod && !grows);
      }
      if (n.kind == ir::Kind::FloatImm) {
        const double x = static_cast<const ir::FloatImm&>(n).value;
        keeps &= !std::isfinite(x) || x == std::floor(x);
      }
    });
  return keeps;
}

// The function that computes a graph and, beside each value that is not exact, its bound.
class BoundsFunction {
 public:
  BoundsFunction(const Graph& graph, const std::vector<Tensor>& args, bool small_integers)
      : graph_(graph), args_(args), small_integers_(small_integers) {
    if (small_integers)
      for (const Tensor& t : graph.inputs) integral_.insert(t.buffer().get());
    for (const Tensor& t : args) params_.push_back(t.buffer());
  }

  ErrorBounds make() {
    for (size_t i = 0; i < graph_.ops.size(); i = end_) {
      end_ = i + 1;
      if (graph_.scans[i] < 0) {
        add_operation(i);
        continue;
      }
      while (end_ < graph_.ops.size() && graph_.scans[end_] == graph_.scans[i]) ++end_;
      add_scan(i);
    }
    ir::Stmt s = ir::seq(std::move(body_));
    for (auto it = locals_.rbegin(); it != locals_.rend(); ++it) s = ir::alloc(*it, s);
    out_.func = ir::func("bounds", std::move(params_), std::move(s));
    return std::move(out_);
  }

 private:
  // The index among the arguments, or -1 for what is allocated.
  [[nodiscard]] ptrdiff_t argument(const BufferRef& b) const {
    const auto it =
        std::find_if(args_.begin(), args_.end(), [&](const Tensor& t) { return t.buffer().same(b); });
    return it == args_.end() ? -1 : it - args_.begin();
  }

  void add_operation(size_t i) {
    const Op& op = *graph_.ops[i];
    body_.push_back(op.external ? extern_statement(*op.external, graph_.buffers[i])
                                : ir::compute(graph_.buffers[i], op.axes, op.values));
    const bool exact = small_integers_ && keeps_integers(op, false, integral_);
    for (size_t c = 0; c < op.values.size(); ++c) {
      const BufferRef& buffer = graph_.buffers[i][c];
      hold(buffer);
      if (exact) {
        integral_.insert(buffer.get());
      } else if (const Expr bound = bound_of(op, c, buffer)) {
        body_.push_back(ir::compute({bound_buffer(buffer)}, op.axes, {bound}));
      }
    }
  }

  // Each operation reads its own past, or what comes after it: whether all are exact is
  // assumed and seen to hold from one time to the next, and the buffers of bounds are there first.
  void add_scan(size_t begin) {
    for (size_t i = begin; i < end_; ++i)
      for (const BufferRef& b : graph_.buffers[i]) {
        hold(b);
        if (small_integers_) integral_.insert(b.get());
      }
    bool exact = small_integers_;
    for (size_t i = begin; i < end_; ++i) exact &= keeps_integers(*graph_.ops[i], true, integral_);
    if (!exact)
      for (size_t i = begin; i < end_; ++i)
        for (const BufferRef& b : graph_.buffers[i]) {
          integral_.erase(b.get());
          (void)bound_buffer(b);
        }
    std::vector<ir::Stmt> step;
    for (size_t i = begin; i < end_; ++i) {
      const Op& op = *graph_.ops[i];
      step.push_back(ir::compute(graph_.buffers[i], op.axes, op.values));
      for (size_t c = 0; c < op.values.size() && !exact; ++c)
        step.push_back(ir::compute({analysis_.of_buffer.at(graph_.buffers[i][c].get())}, op.axes,
                                   {or_zero(bound_of(op, c, graph_.buffers[i][c]))}));
    }
    body_.push_back(ir::scan(ir::seq(std::move(step))));
  }

  void hold(const BufferRef& b) {
    if (argument(b) < 0) locals_.push_back(b);
  }

  [[nodiscard]] Expr bound_of(const Op& op, size_t component, const BufferRef& buffer) const {
    if (op.external) return of_extern(*op.external);
    try {
      return unless_too_large(analysis_.of_value(op.values[component], buffer, op.axes));
    } catch (const Error&) {  // an expression that would be nested too deeply
      return infinite();
    }
  }
  [[nodiscard]] Expr of_extern(const ExternBody& x) const {
    const bool inexact = std::any_of(x.tensors.begin(), x.tensors.end(), [&](const BufferRef& b) {
      return analysis_.of_buffer.contains(b.get());
    });
    return inexact || computes_floats(*x.body) ? infinite() : nullptr;
  }

  BufferRef bound_buffer(const BufferRef& of) {
    BufferRef b = ir::buffer(of->name + "_error", kF64, of->shape);
    analysis_.of_buffer[of.get()] = b;
    const ptrdiff_t arg = argument(of);
    (arg < 0 ? locals_ : params_).push_back(b);
    if (arg >= 0) out_.bounds.push_back({static_cast<size_t>(arg), b});
    return b;
  }

  const Graph& graph_;
  const std::vector<Tensor>& args_;
  bool small_integers_;
  size_t end_ = 0;  // of the operations that are being added
  Analysis analysis_;
  std::unordered_set<const void*> integral_;
  std::vector<ir::Stmt> body_;
  std::vector<BufferRef> params_, locals_;
  ErrorBounds out_;
};

}  // namespace

double sum_error(DType type, double n) {
  const double u = unit_roundoff(type), roundings = n - 1;
  if (roundings * u >= 1) return kInfinity;
  const double worst = roundings * u / (1 - roundings * u);
  if (type.bits == 16 || roundings * u > 1.0 / 16) return worst;
  return std::min(worst, std::expm1(kLambda * std::sqrt(roundings) * u + roundings * u * u / (1 - u)));
}

ErrorBounds error_bounds(const Graph& graph, const std::vector<Tensor>& args, bool small_integers) {
  return BoundsFunction(graph, args, small_integers).make();
}

}  // namespace tc
