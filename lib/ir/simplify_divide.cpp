// Floor division and remainder of i64, by constants and by symbols.
#include <cstdlib>
#include <numeric>

#include "reads_memory.h"
#include "simplify_detail.h"

namespace tc::ir::detail {

namespace {
// A sum, not a term by itself, of what memory holds.
bool may_wrap_around(const Affine& a, const Bounds& bounds) {
  if (a.terms.empty() || (a.terms.size() == 1 && a.terms[0].coef == 1 && a.constant == 0)) return false;
  for (const AffineTerm& t : a.terms)
    if (may_be_data(t.atom, bounds)) return true;
  return false;
}
}  // namespace

// Writes a as g * multiple + rest with rest in [0, g), for the greatest g > 1
// that some coefficient shares with c (c = 0: for any coefficient).
std::optional<Simplifier::Split> Simplifier::split(const Affine& a, int64_t c) const {
  int64_t below = INT64_MAX;
  for (;;) {
    int64_t g = 1;
    for (const AffineTerm& t : a.terms)
      if (t.coef != INT64_MIN)
        if (const int64_t d = std::gcd(std::llabs(t.coef), c); d > g && d < below) g = d;
    if (g <= 1) return std::nullopt;
    below = g;
    Split out;
    out.g = g;
    for (const AffineTerm& t : a.terms) {
      if (t.coef % g == 0)
        out.multiple.terms.push_back({t.atom, t.coef / g});
      else
        out.rest.terms.push_back(t);
    }
    out.multiple.constant = floor_div(a.constant, g);
    out.rest.constant = floor_mod(a.constant, g);
    const Interval i = interval(out.rest);
    if (!i.lo || !i.hi) continue;
    const int64_t m = floor_div(*i.lo, g);
    int64_t shift = 0;
    if (m != floor_div(*i.hi, g) || __builtin_mul_overflow(m, -g, &shift)) continue;
    if (out.multiple.add(m) && out.rest.add(shift)) return out;
  }
}

// The node x / c or x % c; `from` where it is that already.
Expr Simplifier::division(BinaryOp op, Affine& a, int64_t c, const Expr& from) {
  const auto* f = from ? as_binary(from, op) : nullptr;
  const Expr x = finish_sum(a, f ? f->a : nullptr);
  if (f && x.same(f->a) && is_int(f->b, c)) return from;
  return binary(op, x, int_imm(c));
}

// Adds floor(a / c) to out, c > 0; false on overflow.
bool Simplifier::quotient(Affine a, int64_t c, Affine& out, const Expr& from) {
  cancel(a);  // coefficients may have changed since it was made
  if (c == 1) return out.add(a);
  if (may_wrap_around(a, bounds_)) return out.add(division(BinaryOp::div, a, c, from), 1);
  Affine rest;
  for (const AffineTerm& t : a.terms) {
    if (t.coef % c != 0)
      rest.terms.push_back(t);
    else if (!out.add(t.atom, t.coef / c))
      return false;
  }
  if (!out.add(floor_div(a.constant, c))) return false;
  rest.constant = floor_mod(a.constant, c);
  const Interval i = interval(rest);
  if (i.lo && i.hi && floor_div(*i.lo, c) == floor_div(*i.hi, c)) return out.add(floor_div(*i.lo, c));
  if (auto s = split(rest, c)) return quotient(std::move(s->multiple), c / s->g, out);
  bool done = false;
  if (!merge_quotients(rest, c, out, done)) return false;
  return done || out.add(division(BinaryOp::div, rest, c, from), 1);
}

// (x / a + r) / c = (x + a * r) / (a * c), and (k * (x % a) + r) / c =
// (k * x + r) / c % (k * a / c) where c divides k * a and r is in [0, k).
bool Simplifier::merge_quotients(const Affine& rest, int64_t c, Affine& out, bool& done) {
  for (size_t i = 0; i < rest.terms.size(); ++i) {
    const auto* b = rest.terms[i].atom.as<Binary>();
    const auto* by = b ? b->b.as<IntImm>() : nullptr;
    if (!by || by->value <= 0 || rest.terms[i].coef <= 0) continue;
    const int64_t a = by->value, k = rest.terms[i].coef;
    int64_t product = 0;
    Affine whole = rest;
    whole.terms.erase(whole.terms.begin() + static_cast<std::ptrdiff_t>(i));
    if (b->op == BinaryOp::div && k == 1 && !__builtin_mul_overflow(a, c, &product)) {
      if (!whole.scale(a) || !collect_affine(b->a, 1, whole)) continue;
      done = true;
      return quotient(std::move(whole), product, out);
    }
    if (b->op == BinaryOp::mod && !__builtin_mul_overflow(a, k, &product) && product % c == 0 &&
        interval(whole).within(0, k - 1)) {
      Affine q;
      if (!collect_affine(b->a, k, whole) || !quotient(std::move(whole), c, q)) continue;
      done = true;
      return remainder(std::move(q), product / c, out);
    }
  }
  return true;
}

namespace {

// Removes from a what is a multiple of c, and unwraps x % m where c divides k * m.
bool reduce_modulo(Affine& a, int64_t c, const Bounds& bounds) {
  for (size_t i = 0; i < a.terms.size();) {
    AffineTerm& t = a.terms[i];
    t.coef %= c;
    const auto* m = as_binary(t.atom, BinaryOp::mod);
    const auto* by = m ? m->b.as<IntImm>() : nullptr;
    int64_t km = 0;
    const bool unwrap = by && by->value > 0 && !__builtin_mul_overflow(t.coef, by->value, &km) &&
                        km % c == 0 && !may_wrap(m->a, bounds);
    if (t.coef != 0 && !unwrap) {
      ++i;
      continue;
    }
    const AffineTerm gone = t;
    a.terms.erase(a.terms.begin() + static_cast<std::ptrdiff_t>(i));
    if (gone.coef == 0) continue;
    if (!collect_affine(as_binary(gone.atom, BinaryOp::mod)->a, gone.coef, a)) return false;
    i = 0;
  }
  a.constant = floor_mod(a.constant, c);
  return true;
}

}  // namespace

// Adds a mod c to out, c > 0; false on overflow.
bool Simplifier::remainder(Affine a, int64_t c, Affine& out, const Expr& from) {
  if (c == 1) return true;
  if (may_wrap_around(a, bounds_)) return out.add(division(BinaryOp::mod, a, c, from), 1);
  if (!reduce_modulo(a, c, bounds_)) return false;
  cancel(a);
  const Interval i = interval(a);
  if (i.lo && i.hi && floor_div(*i.lo, c) == floor_div(*i.hi, c)) {
    int64_t shift = 0;
    return !__builtin_mul_overflow(floor_div(*i.lo, c), -c, &shift) && a.add(shift) && out.add(a);
  }
  if (auto s = split(a, c)) {
    Affine inner;
    return remainder(std::move(s->multiple), c / s->g, inner) && out.add(inner, s->g) && out.add(s->rest);
  }
  return out.add(division(BinaryOp::mod, a, c, from), 1);
}

Expr Simplifier::make_divide(BinaryOp op, const Expr& a, const Expr& b, const Expr& from) {
  const auto keep = [&] {
    return from && as_binary(from, op)->a.same(a) && as_binary(from, op)->b.same(b) ? from : binary(op, a, b);
  };
  const auto c = as_int(b);
  if (!c) return divide_symbolic(op, a, b, from);
  if (*c == 0 || *c == INT64_MIN) return keep();
  // a / -c = -a / c and a % -c = -(-a % c): only positive divisors remain
  Affine x, out;
  const int64_t sign = *c < 0 ? -1 : 1;
  if ((sign < 0 && may_be_data(a, bounds_)) || !collect_affine(a, sign, x)) return keep();
  const bool ok = op == BinaryOp::div ? quotient(std::move(x), std::llabs(*c), out, from)
                                      : remainder(std::move(x), std::llabs(*c), out, from);
  if (!ok || (op == BinaryOp::mod && sign < 0 && !out.scale(-1))) return keep();
  if (from && out.terms.size() == 1 && out.terms[0].coef == 1 && out.constant == 0 &&
      out.terms[0].atom.same(from))
    return from;
  return finish_sum(out);
}

// (q * d + r) / d = q + r / d for a d that is no number; r / d is 0 where 0 <= r < d.
Expr Simplifier::divide_symbolic(BinaryOp op, const Expr& a, const Expr& d, const Expr& from) {
  const auto keep = [&] {
    return from && as_binary(from, op)->a.same(a) && as_binary(from, op)->b.same(d) ? from : binary(op, a, d);
  };
  const bool div = op == BinaryOp::div;
  Affine x, multiple, rest;
  if (may_wrap(a, bounds_) || !collect_affine(a, 1, x)) return keep();
  rest.constant = x.constant;
  for (const AffineTerm& t : x.terms) {
    std::vector<Expr> factors;
    collect_factors(t.atom, factors);
    size_t at = 0;
    while (at < factors.size() && !same_expr(factors[at], d)) ++at;
    if (at == factors.size()) {
      rest.terms.push_back(t);
      continue;
    }
    Expr q;
    for (size_t i = 0; i < factors.size(); ++i)
      if (i != at) q = q ? product_atom(q, factors[i]) : factors[i];
    if (!(q ? multiple.add(q, t.coef) : multiple.add(t.coef))) return keep();
  }
  if (rest.is_constant() && rest.constant == 0) return div ? finish_sum(multiple) : int_imm(0);
  Affine below = rest, above;  // rest - d < 0 and -rest - 1 < 0
  if (collect_affine(d, -1, below) && above.add(rest, -1) && above.add(-1) && negative(below) &&
      negative(above))
    return div ? finish_sum(multiple) : finish_sum(rest);
  if (multiple.is_constant() && multiple.constant == 0) return keep();
  const Expr r = binary(op, finish_sum(rest), d);
  if (!div) return r;
  return multiple.add(r, 1) ? finish_sum(multiple) : keep();
}

}  // namespace tc::ir::detail
