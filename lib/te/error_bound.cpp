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
// R stands at most twice in each formula's result, and once in most, so that expressions
// stay small. It is computed in f64; for f64 values u is taken four times as large to
// cover that.
#include "error_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "tc/ir/traverse.h"

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
    return spread(r, value_of(from), [&](const Expr& x) { return value_of(cast(to, x)); });
  }

  // Of a function that never falls, and may jump: both ends.
  template <class F>
  static Expr spread(const Expr& r, const Expr& v, F f) {
    return f(v + r) - f(v - r);
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
        return spread(r, value_of(c.args[0]), [&](const Expr& x) { return function(c.op, x); });
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
      if (c.op == tanh || c.op == sin || c.op == cos) moved = r;  // slopes of at most 1
      if (c.op == erf) moved = r * f64(1.13);                     // 2 / sqrt(pi)
      if (c.op == sigmoid) moved = r * f64(0.25);
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

  // Whether the combiner computes with floats, rather than choosing among them.
  static bool rounds(const ir::Combiner& c) {
    bool found = false;
    for (const Expr& e : c.results)
      ir::walk_all(*e, [&](const ir::Node& n) {
        const auto* b = n.kind == ir::Kind::Binary ? static_cast<const ir::Binary*>(&n) : nullptr;
        found |= b && b->type.is_float() && b->op != BinaryOp::min && b->op != BinaryOp::max;
        found |= n.kind == ir::Kind::Call || n.kind == ir::Kind::Cast;
      });
    return found;
  }

  mutable std::unordered_map<const void*, Expr> known_;
};

}  // namespace

double sum_error(DType type, double n) {
  const double u = unit_roundoff(type), roundings = n - 1;
  if (roundings * u >= 1) return kInfinity;
  const double worst = roundings * u / (1 - roundings * u);
  if (type.bits == 16 || roundings * u > 1.0 / 16) return worst;
  return std::min(worst, std::expm1(kLambda * std::sqrt(roundings) * u + roundings * u * u / (1 - u)));
}

ErrorBounds error_bounds(const Graph& graph, const std::vector<Tensor>& args) {
  Analysis analysis;
  std::vector<ir::Stmt> body;
  std::vector<BufferRef> params, locals;
  for (const Tensor& t : args) params.push_back(t.buffer());
  ErrorBounds out;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = *graph.ops[i];
    body.push_back(ir::compute(graph.buffers[i], op.axes, op.values));
    for (size_t c = 0; c < op.values.size(); ++c) {
      const BufferRef& buffer = graph.buffers[i][c];
      const auto arg =
          std::find_if(args.begin(), args.end(), [&](const Tensor& t) { return t.buffer().same(buffer); });
      if (arg == args.end()) locals.push_back(buffer);
      Expr bound;
      try {
        bound = analysis.of_value(op.values[c], buffer, op.axes);
      } catch (const Error&) {  // an expression that would be nested too deeply
        bound = infinite();
      }
      if (!bound) continue;
      const BufferRef b = ir::buffer(buffer->name + "_error", kF64, buffer->shape);
      body.push_back(ir::compute({b}, op.axes, {bound}));
      analysis.of_buffer[buffer.get()] = b;
      if (arg == args.end()) {
        locals.push_back(b);
      } else {
        params.push_back(b);
        out.bounds.push_back({static_cast<size_t>(arg - args.begin()), b});
      }
    }
  }
  ir::Stmt s = ir::seq(std::move(body));
  for (auto it = locals.rbegin(); it != locals.rend(); ++it) s = ir::alloc(*it, s);
  out.func = ir::func("bounds", std::move(params), std::move(s));
  return out;
}

}  // namespace tc
