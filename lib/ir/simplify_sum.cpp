// Sums of i64: collected as one linear form over the largest region, cancelled
// and written in canonical order.
#include "reads_memory.h"
#include "simplify_detail.h"

namespace tc::ir::detail {

namespace {
// Sums are kept in lists that are searched from end to end.
constexpr size_t kMaxTerms = 64;
constexpr int kMaxFailures = 32;
}  // namespace

Expr Simplifier::sum(const Expr& e) {
  Affine s;
  if (failures_ < kMaxFailures && collect(e, 1, s)) return finish_sum(s, e);
  // A coefficient overflows, or there are too many terms: the operands on their
  // own. They are visited a second time, which nesting would make exponential.
  ++failures_;
  return map_children(e, ExprsOnly{*this});
}

// As `sum`, of an expression whose atoms are simplified.
Expr Simplifier::simple_sum(const Expr& e) {
  Affine s;
  return collect_affine(e, 1, s) ? finish_sum(s, e) : e;
}

bool Simplifier::collect(const Expr& e, int64_t scale, Affine& out) {
  int64_t s = 0;
  if (const auto* i = e.as<IntImm>()) return !__builtin_mul_overflow(i->value, scale, &s) && out.add(s);
  if (const auto* c = e.as<Call>(); c && c->op == CallOp::neg)
    return !__builtin_sub_overflow(int64_t{0}, scale, &s) && collect(c->args[0], s, out);
  const auto* b = e.as<Binary>();
  if (b && b->op == BinaryOp::add) return collect(b->a, scale, out) && collect(b->b, scale, out);
  if (b && b->op == BinaryOp::sub)
    return collect(b->a, scale, out) && !__builtin_sub_overflow(int64_t{0}, scale, &s) &&
           collect(b->b, s, out);
  if (b && b->op == BinaryOp::mul) return collect_product(*b, scale, out);
  const Expr atom = expr(e);
  return out.terms.size() < kMaxTerms && collect_affine(atom, scale, out);
}

bool Simplifier::collect_product(const Binary& m, int64_t scale, Affine& out) {
  int64_t s = 0;
  if (const auto* i = m.b.as<IntImm>())
    return !__builtin_mul_overflow(scale, i->value, &s) && collect(m.a, s, out);
  if (const auto* i = m.a.as<IntImm>())
    return !__builtin_mul_overflow(scale, i->value, &s) && collect(m.b, s, out);
  Affine x, y;
  if (!collect(m.a, 1, x) || !collect(m.b, 1, y)) return false;
  if (may_multiply(x, y)) return add_product(out, x, y, scale);
  const Expr a = finish_sum(x, m.a), b = finish_sum(y, m.b);
  return out.add(a.same(m.a) && b.same(m.b) ? Expr(&m) : a * b, scale);
}

Interval Simplifier::interval(const Affine& s) const {
  Interval out = Interval::of(s.constant);
  for (const AffineTerm& t : s.terms) {
    out = out + interval_of(t.atom, bounds_) * Interval::of(t.coef);
    if (!out.lo && !out.hi) break;
  }
  return out;
}

namespace {

// Variables stand in the order of their loops, outermost first, free ones after
// them by name.
int compare_vars(const Var& a, const Var& b, const Bounds& bounds) {
  for (const auto& e : bounds.entries()) {
    if (e.var.get() == &a) return -1;
    if (e.var.get() == &b) return 1;
  }
  return compare_exprs(Expr(&a), Expr(&b));
}

bool needs_cancelling(const Affine& s) {
  for (const AffineTerm& t : s.terms)
    if (const auto* b = t.atom.as<Binary>(); b && b->op != BinaryOp::mul) return true;
  return false;
}

bool has_product(const Affine& s) {
  for (const AffineTerm& t : s.terms)
    if (as_binary(t.atom, BinaryOp::mul)) return true;
  return false;
}

}  // namespace

bool Simplifier::before(const AffineTerm& a, const AffineTerm& b) const {
  if (a.coef == b.coef && a.atom->kind == Kind::Var && b.atom->kind == Kind::Var)
    return compare_vars(*a.atom.as<Var>(), *b.atom.as<Var>(), bounds_) < 0;
  return term_before(a, b);
}

void Simplifier::sort(Affine& s) const {
  auto& t = s.terms;
  for (size_t i = 1; i < t.size(); ++i)
    for (size_t j = i; j > 0 && before(t[j], t[j - 1]); --j) std::swap(t[j], t[j - 1]);
}

Expr Simplifier::finish_sum(Affine& s, const Expr& from) {
  cancel(s);
  if (has_product(s)) {
    const Expr e = from_affine(std::move(s));  // takes out common factors
    return from && same_expr(e, from) ? from : e;
  }
  sort(s);
  return from && is_sum(from, s) ? from : build_sum(s);
}

void Simplifier::cancel(Affine& s) {
  if (s.terms.size() < 2 || !needs_cancelling(s)) return;
  // each step removes a division or an occurrence of a variable; the count is a
  // guard against a mistake in that argument
  for (int i = 0; i < 64; ++i)
    if (!join_quotient(s) && !join_multiple(s) && !push_into_min(s)) return;
}

namespace {

struct Division {
  const Binary* node = nullptr;
  int64_t by = 0;
};
// x / c or x % c with a constant c > 0.
Division constant_division(const Expr& e, BinaryOp op) {
  const auto* b = as_binary(e, op);
  const auto* c = b ? b->b.as<IntImm>() : nullptr;
  return c && c->value > 0 ? Division{b, c->value} : Division{};
}

void erase(Affine& s, size_t i) { s.terms.erase(s.terms.begin() + static_cast<std::ptrdiff_t>(i)); }

}  // namespace

// k * c * (x / c) + k * (x % c) = k * x, where s has all terms of k * c * (x / c).
bool Simplifier::join_quotient(Affine& s) {
  for (size_t i = 0; i < s.terms.size(); ++i) {
    const Division m = constant_division(s.terms[i].atom, BinaryOp::mod);
    const int64_t k = s.terms[i].coef;
    int64_t kc = 0;
    if (!m.node || __builtin_mul_overflow(k, m.by, &kc)) continue;
    bool multiples = false;
    for (const AffineTerm& t : s.terms) multiples = multiples || (t.coef != INT64_MIN && t.coef % kc == 0);
    Affine x, q, next = s;
    if (!multiples || !collect_affine(m.node->a, 1, x) || !quotient(x, m.by, q) || q.is_constant()) continue;
    bool all = true;
    for (const AffineTerm& t : q.terms) {
      int64_t c = 0;
      all = all && !__builtin_mul_overflow(t.coef, kc, &c) && s.coef_of(t.atom) == c;
    }
    if (!all) continue;
    erase(next, i);
    if (!next.add(q, -kc) || !next.add(x, k)) continue;
    s = std::move(next);
    return true;
  }
  return false;
}

// k * x - k * c * (x / c) = k * (x % c)
bool Simplifier::join_multiple(Affine& s) {
  for (size_t j = 0; j < s.terms.size(); ++j) {
    const Division d = constant_division(s.terms[j].atom, BinaryOp::div);
    constexpr int64_t kLarge = int64_t{1} << 30;  // products of smaller ones fit
    if (!d.node || s.terms[j].coef == INT64_MIN || s.terms[j].coef % d.by != 0) continue;
    const int64_t k = -(s.terms[j].coef / d.by);
    if (k > kLarge || k < -kLarge) continue;
    Affine x, next = s;
    if (!collect_affine(d.node->a, 1, x) || x.is_constant()) continue;
    bool all = true;
    for (const AffineTerm& t : x.terms)
      all = all && t.coef <= kLarge && t.coef >= -kLarge && s.coef_of(t.atom) == k * t.coef;
    if (!all) continue;
    erase(next, j);
    if (!next.add(x, -k)) continue;
    Affine mod;
    if (!remainder(std::move(x), d.by, mod) || !next.add(mod, k)) continue;
    s = std::move(next);
    return true;
  }
  return false;
}

// min(p, q) + t, where t cancels a term of p or q, becomes min(p + t, q + t).
bool Simplifier::push_into_min(Affine& s) {
  for (size_t i = 0; i < s.terms.size(); ++i) {
    const auto* m = s.terms[i].atom.as<Binary>();
    const int64_t k = s.terms[i].coef;
    if (!m || (m->op != BinaryOp::min && m->op != BinaryOp::max) || (k != 1 && k != -1)) continue;
    if (may_be_data(s.terms[i].atom, bounds_)) continue;
    Affine p, q;
    if (!collect_affine(m->a, 1, p) || !collect_affine(m->b, 1, q)) continue;
    for (size_t j = 0; j < s.terms.size(); ++j) {
      const AffineTerm t{s.terms[j].atom, s.terms[j].coef};
      if (j == i || t.coef == INT64_MIN || may_be_data(t.atom, bounds_) ||
          (p.coef_of(t.atom) != -t.coef * k && q.coef_of(t.atom) != -t.coef * k))
        continue;
      Affine next = s;
      erase(next, std::max(i, j));
      erase(next, std::min(i, j));
      if (!p.add(t.atom, t.coef * k) || !q.add(t.atom, t.coef * k)) return false;
      const BinaryOp op = m->op;
      if (!collect_affine(make_min(op, finish_sum(p), finish_sum(q), nullptr), k, next)) return false;
      s = std::move(next);
      return true;
    }
  }
  return false;
}

}  // namespace tc::ir::detail
