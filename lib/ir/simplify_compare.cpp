// Comparisons, min and max of i64, and conditions.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "reads_memory.h"
#include "simplify_detail.h"

namespace tc::ir::detail {
namespace {

// The one division by a constant in a sum, if its coefficient is 1 or -1.
const AffineTerm* sole_quotient(const Affine& s) {
  const AffineTerm* found = nullptr;
  for (const AffineTerm& t : s.terms) {
    const auto* b = as_binary(t.atom, BinaryOp::div);
    if (!b || !b->b.as<IntImm>() || b->b.as<IntImm>()->value <= 0) continue;
    if (found || (t.coef != 1 && t.coef != -1)) return nullptr;
    found = &t;
  }
  return found;
}

// d < 0 with coprime coefficients; whether that changed it.
bool divide_by_gcd(Affine& d) {
  int64_t g = 0;
  for (const AffineTerm& t : d.terms) g = t.coef == INT64_MIN ? 1 : std::gcd(g, std::llabs(t.coef));
  if (g <= 1) return false;
  for (AffineTerm& t : d.terms) t.coef /= g;
  d.constant = floor_div(d.constant, g);
  return true;
}

}  // namespace

// max(p, q) + r < 0 is p + r < 0 and q + r < 0, and min(p, q) + r < 0 either; an
// operand that cannot matter goes.
bool Simplifier::drop_operand(Affine& d) const {
  for (const AffineTerm& t : d.terms) {
    const auto* b = t.atom.as<Binary>();
    if (!b || (b->op != BinaryOp::min && b->op != BinaryOp::max)) continue;
    const bool both = (b->op == BinaryOp::max) == (t.coef > 0);
    for (const auto& [drop, stay] : {std::pair{&b->b, &b->a}, std::pair{&b->a, &b->b}}) {
      const auto dropped = replaced(d, t, *drop);
      if (!dropped) continue;
      const Interval i = interval(*dropped);
      if (!(both ? i.hi && *i.hi < 0 : i.lo && *i.lo >= 0)) continue;
      auto next = replaced(d, t, *stay);
      if (!next) continue;
      d = std::move(*next);
      return true;
    }
  }
  return false;
}

// One step of rewriting d < 0 into an equivalent smaller e < 0.
bool Simplifier::solve(Affine& d) const {
  // g * m + r < 0 with r in [0, g) is m < 0
  if (auto s = split(d, 0)) {
    d = std::move(s->multiple);
    return true;
  }
  if (drop_operand(d)) return true;
  const AffineTerm* t = sole_quotient(d);
  if (!t) return false;
  const auto* b = t->atom.as<Binary>();
  if (may_wrap(b->a, bounds_)) return false;
  const int64_t c = b->b.as<IntImm>()->value, sign = t->coef;
  Affine e = d;
  e.terms.erase(e.terms.begin() + (t - d.terms.data()));
  // x / c + r < 0 is x + c * r < 0; r - x / c < 0 is c * r - x + c - 1 < 0
  if (!e.scale(c) || !collect_affine(b->a, sign, e) || !e.add(sign > 0 ? 0 : c - 1)) return false;
  d = std::move(e);
  return true;
}

Expr Simplifier::compare_less(Affine d, const Expr& from) {
  for (int i = 0; i < 16; ++i) {
    if (d.is_constant()) return bool_imm(d.constant < 0);
    const Interval r = interval(d);
    if (r.hi && *r.hi < 0) return bool_imm(true);
    if (r.lo && *r.lo >= 0) return bool_imm(false);
    if (divide_by_gcd(d)) cancel(d);
    if (!solve(d)) break;
    cancel(d);
  }
  Affine opposite;  // not d < 0: -d - 1 < 0
  if (negative(d)) return bool_imm(true);
  if (opposite.add(d, -1) && opposite.add(-1) && negative(opposite)) return bool_imm(false);
  Affine left, right;
  for (const AffineTerm& t : d.terms) {
    if (t.coef == INT64_MIN) return nullptr;
    (t.coef > 0 ? left : right).terms.push_back({t.atom, t.coef > 0 ? t.coef : -t.coef});
  }
  BinaryOp op = BinaryOp::lt;
  if (left.terms.empty()) {  // -r + k < 0 is r >= k + 1
    std::swap(left, right);
    op = BinaryOp::ge;
    if (__builtin_add_overflow(d.constant, 1, &right.constant)) return nullptr;
  } else if (d.constant == -1 && !right.terms.empty()) {
    op = BinaryOp::le;
  } else if (__builtin_sub_overflow(int64_t{0}, d.constant, &right.constant)) {
    return nullptr;
  }
  const auto* f = from ? as_binary(from, op) : nullptr;
  const Expr a = finish_sum(left, f ? f->a : nullptr), b = finish_sum(right, f ? f->b : nullptr);
  return f && a.same(f->a) && b.same(f->b) ? from : binary(op, a, b);
}

// max(p, q) + r == 0 where p + r is a number: p is no more than -r, or the answer
// is no; then q decides. Null where no min or max is such.
Expr Simplifier::equal_extremum(BinaryOp op, const Affine& d) {
  const bool eq = op == BinaryOp::eq;
  for (const AffineTerm& t : d.terms) {
    const auto* b = t.atom.as<Binary>();
    if (!b || (b->op != BinaryOp::min && b->op != BinaryOp::max) || (t.coef != 1 && t.coef != -1)) continue;
    for (const auto& [known, other] : {std::pair{&b->b, &b->a}, std::pair{&b->a, &b->b}}) {
      const auto p = replaced(d, t, *known);
      if (!p || !p->is_constant() || p->constant == INT64_MIN) continue;
      // as if the coefficient were 1, and the operation max
      const bool is_max = b->op == BinaryOp::max;
      const int64_t over = (t.coef > 0) == is_max ? p->constant : -p->constant;
      if (over > 0) return bool_imm(!eq);
      auto q = replaced(d, t, *other);
      if (!q) continue;
      if (over < 0) return compare_equal(op, std::move(*q), nullptr);
      // equal to p already: q must not exceed it, so q + r <= 0 (or >= 0)
      const int64_t sign = ((t.coef > 0) == is_max) == eq ? 1 : -1;
      if (!q->scale(sign) || (eq && !q->add(-1))) continue;
      return compare_less(std::move(*q), nullptr);
    }
  }
  return nullptr;
}

Expr Simplifier::compare_equal(BinaryOp op, Affine d, const Expr& from) {
  const bool eq = op == BinaryOp::eq;
  const Interval r = interval(d);
  if (r == Interval::of(0)) return bool_imm(eq);
  if ((r.lo && *r.lo > 0) || (r.hi && *r.hi < 0)) return bool_imm(!eq);
  int64_t g = 0;
  for (const AffineTerm& t : d.terms) {
    if (t.coef == INT64_MIN) return nullptr;
    g = std::gcd(g, std::llabs(t.coef));
  }
  if (g > 1) {
    if (d.constant % g != 0) return bool_imm(!eq);
    for (AffineTerm& t : d.terms) t.coef /= g;
    d.constant /= g;
    cancel(d);
    return compare_equal(op, std::move(d), from);
  }
  Affine opposite;
  if (d.is_constant() || !opposite.add(d, -1)) return nullptr;
  if (negative(d) || negative(opposite)) return bool_imm(!eq);
  if (const Expr e = equal_extremum(op, d)) return e;
  return equation(op, std::move(d), from);
}

// d == 0 or d != 0 with one sign of terms on either side.
Expr Simplifier::equation(BinaryOp op, Affine d, const Expr& from) {
  // the sign that makes the greatest coefficient positive; ties by the order of atoms
  const AffineTerm* first = &d.terms[0];
  for (const AffineTerm& t : d.terms) {
    const AffineTerm a{t.atom, std::llabs(t.coef)}, b{first->atom, std::llabs(first->coef)};
    if (before(a, b)) first = &t;
  }
  if (first->coef < 0 && !d.scale(-1)) return nullptr;
  Affine left, right;
  for (const AffineTerm& t : d.terms)
    (t.coef > 0 ? left : right).terms.push_back({t.atom, std::llabs(t.coef)});
  right.constant = -d.constant;
  const auto* f = from ? as_binary(from, op) : nullptr;
  const Expr a = finish_sum(left, f ? f->a : nullptr), b = finish_sum(right, f ? f->b : nullptr);
  return f && a.same(f->a) && b.same(f->b) ? from : binary(op, a, b);
}

Expr Simplifier::make_compare(BinaryOp op, const Expr& a, const Expr& b, const Expr& from) {
  const auto keep = [&] {
    return from && as_binary(from, op)->a.same(a) && as_binary(from, op)->b.same(b) ? from : binary(op, a, b);
  };
  const bool swap = op == BinaryOp::gt || op == BinaryOp::ge;
  Affine d;
  if (!same_expr(a, b) && (may_wrap(a, bounds_) || may_wrap(b, bounds_))) return keep();
  if (!collect_affine(swap ? b : a, 1, d) || !collect_affine(swap ? a : b, -1, d)) return keep();
  if ((op == BinaryOp::le || op == BinaryOp::ge) && !d.add(-1)) return keep();
  if (d.constant == INT64_MIN) return keep();
  cancel(d);
  const bool equality = op == BinaryOp::eq || op == BinaryOp::ne;
  const auto is_sum = [](const Expr& e) {
    return as_binary(e, BinaryOp::add) || as_binary(e, BinaryOp::sub) || as_binary(e, BinaryOp::mul);
  };
  const bool data = std::any_of(d.terms.begin(), d.terms.end(),
                                [&](const AffineTerm& t) { return may_be_data(t.atom, bounds_); });
  if (d.is_constant()) return bool_imm(equality ? (d.constant == 0) == (op == BinaryOp::eq) : d.constant < 0);
  const Expr e = equality ? compare_equal(op, std::move(d), from) : compare_less(std::move(d), from);
  if (!e) return keep();
  // What memory holds may be any number: sums of such may overflow where they were not computed before,
  // those on the other side and those by which a quotient is solved (P < x / 6 by P * 6 < x - 5).
  if (const auto* c = e.as<Binary>();
      data && c && is_compare(c->op) && (is_sum(a) || is_sum(b) || is_sum(c->a) || is_sum(c->b)))
    return keep();
  if (const auto known = bounds_.known(e)) return bool_imm(*known);
  return e;
}

Expr Simplifier::make_min(BinaryOp op, const Expr& a, const Expr& b, const Expr& from) {
  const bool is_min = op == BinaryOp::min;
  const auto pick = [&](bool a_less) { return a_less == is_min ? a : b; };
  Affine x, y, d;
  const bool wraps = may_wrap(a, bounds_) || may_wrap(b, bounds_);
  const bool sums = !wraps && collect_affine(a, 1, x) && collect_affine(b, 1, y) && d.add(x) && d.add(y, -1);
  if (sums) {
    const Interval r = interval(d);
    if (r.hi && *r.hi <= 0) return pick(true);
    if (r.lo && *r.lo >= 0) return pick(false);
    Affine e;
    if (d.constant > INT64_MIN + 1 && e.add(d, -1) && e.add(-1) && d.add(-1)) {
      if (negative(d)) return pick(true);  // a - b - 1 < 0
      if (negative(e)) return pick(false);
    }
    Affine common;
    for (const AffineTerm& t : x.terms)
      if (y.coef_of(t.atom) == t.coef) common.terms.push_back(t);
    if (!common.terms.empty() ||
        (x.constant == y.constant && x.constant != 0 && !x.terms.empty() && !y.terms.empty())) {
      if (x.constant == y.constant) common.constant = x.constant;
      if (x.add(common, -1) && y.add(common, -1) &&
          collect_affine(make_min(op, finish_sum(x), finish_sum(y), nullptr), 1, common))
        return finish_sum(common);
    }
  }
  // an operand of an inner min that the other operand makes useless
  for (const auto& [outer, other] : {std::pair{a, b}, std::pair{b, a}}) {
    const auto* inner = as_binary(outer, op);
    if (!inner) continue;
    for (const auto& [drop, stay] : {std::pair{inner->a, inner->b}, std::pair{inner->b, inner->a}}) {
      Affine e;
      if (wraps || may_wrap(drop, bounds_) || !collect_affine(drop, is_min ? -1 : 1, e) ||
          !collect_affine(other, is_min ? 1 : -1, e))
        continue;
      if (const Interval r = interval(e); r.hi && *r.hi <= 0) return make_min(op, stay, other, nullptr);
    }
  }
  const bool swap = as_int(a) || (!as_int(b) && compare_exprs(b, a) < 0);
  const Expr &l = swap ? b : a, &r = swap ? a : b;
  const auto* f = from ? as_binary(from, op) : nullptr;
  const Expr e = f && f->a.same(l) && f->b.same(r) ? from : binary(op, l, r);
  const Expr better = e->kind == Kind::Binary ? apply_rules(e, *this) : nullptr;
  return better ? better : e;
}

// a && b where one implies the other or its opposite; or alike.
Expr Simplifier::make_logic(BinaryOp op, const Expr& a, const Expr& b, const Expr& from) {
  const bool is_and = op == BinaryOp::and_;
  const auto* f = from ? as_binary(from, op) : nullptr;
  const Expr e = f && f->a.same(a) && f->b.same(b) && !as_int(a) && !as_int(b) ? from : binary(op, a, b);
  if (!as_binary(e, op)) return e;
  if (const Expr r = apply_rules(e, *this)) return r;
  const auto index = [](const Expr& x) {
    const auto* c = x.as<Binary>();
    return c && is_compare(c->op) && c->a->type == kIndex;
  };
  for (const auto& [given, asked] : {std::pair{a, b}, std::pair{b, a}}) {
    if (!index(asked) || given->type.lanes != 1 || given->depth > 12) continue;
    const auto* c = asked.as<Binary>();
    const auto m = bounds_.mark();
    bounds_.assume(given, is_and);
    const auto v = as_int(make_compare(c->op, c->a, c->b, asked));
    bounds_.pop(m);
    if (v) return (*v != 0) == is_and ? given : bool_imm(!is_and);
  }
  return e;
}

}  // namespace tc::ir::detail
