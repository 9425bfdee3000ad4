// Symbolic bounds: variables are eliminated one by one, innermost first, so that
// what an inner range says in terms of an outer variable can cancel.
#include "affine_detail.h"
#include "tc/ir/interval.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

// Bounds of an expression over one variable.
class Eliminator {
 public:
  Eliminator(const VarRange& range, const Bounds& bounds) : range_(range), bounds_(bounds) {}

  /// An expression without the variable, >= e (upper) or <= e; null if none is found.
  Expr bound(const Expr& e, bool upper) const {
    if (e.same(range_.var)) return upper ? range_.max : range_.min;
    if (!uses_var(*e, *range_.var)) return e;
    Expr found;
    if (const auto* b = e.as<Binary>(); b && e->type == kIndex)
      found = binary(e, *b, upper);
    else if (const auto* s = e.as<Select>(); s && e->type == kIndex)
      found = select(*s, upper);
    else if (const auto* c = e.as<Call>(); c && c->op == CallOp::neg && e->type == kIndex)
      found = sum(e, upper);
    return found ? found : constant(e, upper);
  }

 private:
  Expr constant(const Expr& e, bool upper) const {
    const Interval i = interval_of(e, bounds_);
    const auto v = upper ? i.hi : i.lo;
    return v ? int_imm(*v, e->type) : Expr();
  }

  Expr binary(const Expr& e, const Binary& b, bool upper) const {
    switch (b.op) {
      case BinaryOp::add:
      case BinaryOp::sub:
      case BinaryOp::mul:
        return sum(e, upper);
      case BinaryOp::div:
        return quotient(b, upper);
      case BinaryOp::mod:
        return remainder(b, upper);
      case BinaryOp::min:
      case BinaryOp::max: {
        const Expr x = bound(b.a, upper), y = bound(b.b, upper);
        if (x && y) return tc::ir::binary(b.op, x, y);
        // min(x, y) <= x, whatever y is
        return (b.op == BinaryOp::min) == upper ? (x ? x : y) : nullptr;
      }
      default:
        return nullptr;
    }
  }

  Expr sum(const Expr& e, bool upper) const {
    Affine in, out;
    if (!detail::collect_affine(e, 1, in) || !out.add(in.constant)) return nullptr;
    for (const AffineTerm& t : in.terms) {
      const bool up = upper == (t.coef > 0);
      const auto* m = detail::as_binary(t.atom, BinaryOp::mul);
      const Expr b = m ? product(t.atom, *m, up) : bound(t.atom, up);
      if (!b || !detail::collect_affine(b, t.coef, out)) return nullptr;
    }
    return from_affine(std::move(out));
  }

  Expr product(const Expr& e, const Binary& m, bool upper) const {
    if (!uses_var(*e, *range_.var)) return e;
    const bool left = !uses_var(*m.a, *range_.var);
    if (!left && uses_var(*m.b, *range_.var)) return constant(e, upper);
    const Expr &factor = left ? m.a : m.b, &other = left ? m.b : m.a;
    const Interval sign = interval_of(factor, bounds_);
    const bool positive = sign.lo && *sign.lo >= 0;
    if (!positive && !(sign.hi && *sign.hi <= 0)) return constant(e, upper);
    const Expr b = bound(other, upper == positive);
    return b ? factor * b : constant(e, upper);
  }

  Expr quotient(const Binary& b, bool upper) const {
    if (uses_var(*b.b, *range_.var)) return nullptr;
    const Interval sign = interval_of(b.b, bounds_);
    const bool positive = sign.lo && *sign.lo > 0;
    if (!positive && !(sign.hi && *sign.hi < 0)) return nullptr;
    const Expr x = bound(b.a, upper == positive);
    return x ? x / b.b : x;
  }

  Expr remainder(const Binary& b, bool upper) const {
    const Interval sign = interval_of(b.b, bounds_);
    if (as_int(b.b) || uses_var(*b.b, *range_.var) || !sign.lo || *sign.lo <= 0) return nullptr;
    return upper ? b.b - 1 : int_imm(0);
  }

  Expr select(const Select& s, bool upper) const {
    const Expr x = bound(s.if_true, upper), y = bound(s.if_false, upper);
    if (!x || !y) return nullptr;
    return upper ? max(x, y) : min(x, y);
  }

  const VarRange& range_;
  const Bounds& bounds_;
};

}  // namespace

std::pair<Expr, Expr> symbolic_bounds(const Expr& e, std::span<const VarRange> ranges, const Bounds& bounds) {
  Bounds scope = bounds;
  std::vector<Bounds::Mark> marks;
  for (const VarRange& r : ranges) {
    marks.push_back(scope.mark());
    scope.push(r.var, r.min, r.max);
  }
  Expr lo = simplify(e, scope), hi = lo;
  for (size_t i = ranges.size(); i-- > 0;) {
    const Eliminator over(ranges[i], scope);
    if (lo) lo = over.bound(lo, false);
    if (hi) hi = over.bound(hi, true);
    scope.pop(marks[i]);
    if (lo) lo = simplify(lo, scope);
    if (hi) hi = simplify(hi, scope);
  }
  return {lo, hi};
}

}  // namespace tc::ir
