// Proofs that a sum is negative, beyond its interval: from the conditions in
// scope, from symbolic ends of ranges, and from what min, max, / and % say about
// their operands. A search with a small budget; what it does not find is unknown.
#include "reads_memory.h"
#include "simplify_detail.h"

namespace tc::ir::detail {
namespace {

constexpr int kSteps = 24, kDepth = 5;

bool may_help(const Affine& sum, const Bounds& bounds) {
  if (!bounds.negatives().empty()) return true;
  for (const AffineTerm& t : sum.terms) {
    if (t.atom->kind == Kind::Binary) return true;
    const auto* v = t.atom.as<Var>();
    const auto* e = v ? bounds.find(*v) : nullptr;
    if (e && (e->min || e->max)) return true;
  }
  return false;
}

}  // namespace

bool Simplifier::negative(const Affine& sum) {
  const Interval i = interval(sum);
  if (i.hi && *i.hi < 0) return true;
  if ((i.lo && *i.lo >= 0) || !may_help(sum, bounds_)) return false;
  budget_ = kSteps;
  Affine sorted = sum;  // what the budget suffices for must not depend on how the sum was written
  sort(sorted);
  return negative(sorted, kDepth);
}

bool Simplifier::negative(const Affine& sum, int depth) {
  const Interval i = interval(sum);
  if (i.hi && *i.hi < 0) return true;
  if ((i.lo && *i.lo >= 0) || depth == 0 || --budget_ < 0) return false;
  if (negative_by_fact(sum, depth - 1) || negative_by_range(sum, depth - 1)) return true;
  for (const AffineTerm& t : sum.terms)
    if (t.atom->kind == Kind::Binary && negative_by_atom(sum, t, depth - 1)) return true;
  return false;
}

// With f <= -1: sum = (sum - k f) + k f <= (sum - k f) - k.
bool Simplifier::negative_by_fact(const Affine& sum, int depth) {
  for (size_t n = bounds_.negatives().size(); n-- > 0;) {
    const Affine& f = bounds_.negatives()[n];
    int64_t k = 0;
    for (const AffineTerm& t : f.terms) {
      const int64_t c = sum.coef_of(t.atom);
      if (c != 0 && (c > 0) == (t.coef > 0) && c != INT64_MIN && t.coef != INT64_MIN && c / t.coef > k)
        k = c / t.coef;
    }
    if (k == 0) continue;
    Affine rest = sum;
    if (rest.add(f, -k) && rest.add(-k) && rest.terms.size() <= sum.terms.size() && negative(rest, depth))
      return true;
  }
  return false;
}

// The sum with coef * t replaced by coef * by / scale, times scale.
std::optional<Affine> Simplifier::replaced(const Affine& sum, const AffineTerm& t, const Expr& by,
                                           int64_t scale) const {
  Affine out;
  if (may_wrap(by, bounds_)) return std::nullopt;  // no number of the sum
  for (const AffineTerm& u : sum.terms) {
    if (u.atom.same(t.atom)) continue;
    int64_t c = 0;
    if (__builtin_mul_overflow(u.coef, scale, &c) || !out.add(u.atom, c)) return std::nullopt;
  }
  int64_t k = 0;
  if (__builtin_mul_overflow(sum.constant, scale, &k) || !out.add(k) || !collect_affine(by, t.coef, out))
    return std::nullopt;
  return out;
}

// A variable at the end of its range that makes the sum greatest; innermost first,
// since inner ranges are in terms of outer variables.
bool Simplifier::negative_by_range(const Affine& sum, int depth) {
  const auto entries = bounds_.entries();
  for (size_t n = entries.size(); n-- > 0;) {
    const auto& e = entries[n];
    if (!e.min && !e.max) continue;
    for (const AffineTerm& t : sum.terms) {
      std::vector<Expr> factors;
      collect_factors(t.atom, factors);
      for (size_t i = 0; i < factors.size(); ++i) {
        if (!factors[i].same(e.var)) continue;
        Expr other;  // v * other, where other >= 0
        for (size_t j = 0; j < factors.size(); ++j)
          if (j != i) other = other ? product_atom(other, factors[j]) : factors[j];
        if (other && !(interval_of(other, bounds_).lo.value_or(-1) >= 0)) continue;
        const Expr end = t.coef > 0 ? e.max : e.min;
        if (!end) continue;
        const auto next = replaced(sum, t, other ? end * other : end);
        if (next && negative(*next, depth)) return true;
        break;
      }
    }
  }
  return false;
}

bool Simplifier::negative_by_atom(const Affine& sum, const AffineTerm& t, int depth) {
  const auto& b = *t.atom.as<Binary>();
  const auto holds = [&](const Expr& by, int64_t scale = 1) {
    const auto next = replaced(sum, t, by, scale);
    return next && negative(*next, depth);
  };
  switch (b.op) {
    case BinaryOp::min:
    case BinaryOp::max:
      // min(p, q) is no more than either, and is one of them
      if ((b.op == BinaryOp::min) == (t.coef > 0)) return holds(b.a) || holds(b.b);
      return holds(b.a) && holds(b.b);
    case BinaryOp::div: {
      // x - c + 1 <= c * (x / c) <= x
      const auto c = as_int(b.b);
      if (!c || *c <= 0) return false;
      return holds(t.coef > 0 ? b.a : b.a - int_imm(*c - 1), *c);
    }
    case BinaryOp::mod: {
      const Interval c = interval_of(b.b, bounds_);
      if (as_int(b.b) || !c.lo || *c.lo <= 0) return false;
      return holds(t.coef > 0 ? b.b - 1 : int_imm(0));
    }
    default:
      return false;
  }
}

}  // namespace tc::ir::detail
