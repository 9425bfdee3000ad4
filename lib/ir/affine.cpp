#include "tc/ir/affine.h"

#include <algorithm>

#include "affine_detail.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

int64_t Affine::coef_of(const Expr& atom) const {
  for (const AffineTerm& t : terms)
    if (same_expr(t.atom, atom)) return t.coef;
  return 0;
}

bool Affine::add(int64_t value) { return !__builtin_add_overflow(constant, value, &constant); }

bool Affine::add(const Expr& atom, int64_t coef) {
  if (coef == 0) return true;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (!same_expr(terms[i].atom, atom)) continue;
    if (__builtin_add_overflow(terms[i].coef, coef, &terms[i].coef)) return false;
    if (terms[i].coef == 0) terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  terms.push_back({atom, coef});
  return true;
}

bool Affine::add(const Affine& other, int64_t factor) {
  int64_t c = 0;
  if (__builtin_mul_overflow(other.constant, factor, &c) || !add(c)) return false;
  for (const AffineTerm& t : other.terms)
    if (__builtin_mul_overflow(t.coef, factor, &c) || !add(t.atom, c)) return false;
  return true;
}

bool Affine::scale(int64_t factor) {
  if (factor == 0) terms.clear();
  for (AffineTerm& t : terms)
    if (__builtin_mul_overflow(t.coef, factor, &t.coef)) return false;
  return !__builtin_mul_overflow(constant, factor, &constant);
}

namespace detail {

bool term_before(const AffineTerm& a, const AffineTerm& b) {
  if ((a.coef > 0) != (b.coef > 0)) return a.coef > 0;
  if (a.coef != b.coef) return (a.coef > b.coef) == (a.coef > 0);
  return compare_exprs(a.atom, b.atom) < 0;
}

}  // namespace detail

void Affine::sort() {
  // insertion sort: sums are short and mostly in order
  for (size_t i = 1; i < terms.size(); ++i)
    for (size_t j = i; j > 0 && detail::term_before(terms[j], terms[j - 1]); --j)
      std::swap(terms[j], terms[j - 1]);
}

namespace detail {

const Binary* as_binary(const Expr& e, BinaryOp op) {
  const auto* b = e.as<Binary>();
  return b && b->op == op ? b : nullptr;
}

void collect_factors(const Expr& e, std::vector<Expr>& out) {
  if (const auto* m = as_binary(e, BinaryOp::mul)) {
    collect_factors(m->a, out);
    collect_factors(m->b, out);
  } else {
    out.push_back(e);
  }
}

Expr product_of(std::vector<Expr> factors) {
  std::sort(factors.begin(), factors.end(),
            [](const Expr& a, const Expr& b) { return compare_exprs(a, b) < 0; });
  Expr p = factors[0];
  for (size_t i = 1; i < factors.size(); ++i) p = p * factors[i];
  return p;
}

Expr product_atom(const Expr& a, const Expr& b) {
  if (!as_binary(a, BinaryOp::mul) && !as_binary(b, BinaryOp::mul))
    return compare_exprs(a, b) <= 0 ? a * b : b * a;
  std::vector<Expr> factors;
  collect_factors(a, factors);
  collect_factors(b, factors);
  return product_of(std::move(factors));
}

bool add_product(Affine& out, const Affine& a, const Affine& b, int64_t scale) {
  for (const AffineTerm& x : a.terms)
    for (const AffineTerm& y : b.terms) {
      int64_t c = 0;
      if (__builtin_mul_overflow(x.coef, y.coef, &c) || __builtin_mul_overflow(c, scale, &c)) return false;
      if (!out.add(product_atom(x.atom, y.atom), c)) return false;
    }
  int64_t ka = 0, kb = 0;
  if (__builtin_mul_overflow(a.constant, scale, &ka) || __builtin_mul_overflow(b.constant, scale, &kb))
    return false;
  Affine linear = a;  // a's terms with b's constant; b's whole with a's constant
  linear.constant = 0;
  return out.add(linear, kb) && out.add(b, ka);
}

bool collect_affine(const Expr& e, int64_t scale, Affine& out) {
  if (const auto* i = e.as<IntImm>()) {
    int64_t c = 0;
    return !__builtin_mul_overflow(i->value, scale, &c) && out.add(c);
  }
  if (const auto* c = e.as<Call>(); c && c->op == CallOp::neg) {
    int64_t s = 0;
    return !__builtin_sub_overflow(int64_t{0}, scale, &s) && collect_affine(c->args[0], s, out);
  }
  const auto* b = e.as<Binary>();
  if (!b || b->op > BinaryOp::mul) return out.add(e, scale);
  int64_t s = 0;
  if (b->op == BinaryOp::add) return collect_affine(b->a, scale, out) && collect_affine(b->b, scale, out);
  if (b->op == BinaryOp::sub)
    return collect_affine(b->a, scale, out) && !__builtin_sub_overflow(int64_t{0}, scale, &s) &&
           collect_affine(b->b, s, out);
  const auto *ia = b->a.as<IntImm>(), *ib = b->b.as<IntImm>();
  if (ib) return !__builtin_mul_overflow(scale, ib->value, &s) && collect_affine(b->a, s, out);
  if (ia) return !__builtin_mul_overflow(scale, ia->value, &s) && collect_affine(b->b, s, out);
  Affine x, y;
  if (!collect_affine(b->a, 1, x) || !collect_affine(b->b, 1, y)) return false;
  if (!may_multiply(x, y)) return out.add(e, scale);
  return add_product(out, x, y, scale);
}

namespace {

// `atom` without one factor `f`; null where f is not one of its factors.
Expr quotient(const Expr& atom, const Expr& f) {
  if (same_expr(atom, f)) return int_imm(1);
  if (!as_binary(atom, BinaryOp::mul)) return nullptr;
  std::vector<Expr> factors;
  collect_factors(atom, factors);
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!same_expr(factors[i], f)) continue;
    factors.erase(factors.begin() + static_cast<std::ptrdiff_t>(i));
    return product_of(std::move(factors));
  }
  return nullptr;
}

// The factor that most terms share; null unless two do.
Expr common_factor(const Affine& sum) {
  std::vector<Expr> candidates;
  for (const AffineTerm& t : sum.terms)
    if (as_binary(t.atom, BinaryOp::mul)) collect_factors(t.atom, candidates);
  Expr best;
  int best_count = 1;
  for (const Expr& f : candidates) {
    int count = 0;
    for (const AffineTerm& t : sum.terms) count += quotient(t.atom, f) ? 1 : 0;
    if (count > best_count || (count == best_count && best && compare_exprs(f, best) < 0))
      best = f, best_count = count;
  }
  return best;
}

// Takes `f` out of the terms that have it: rest + quotients * f.
void factor_out(Affine& sum, const Expr& f) {
  Affine inner, rest;
  rest.constant = sum.constant;
  for (AffineTerm& t : sum.terms) {
    const Expr q = quotient(t.atom, f);
    if (!q)
      rest.terms.push_back(std::move(t));
    else
      TC_ASSERT(is_int(q, 1) ? inner.add(t.coef) : inner.add(q, t.coef));
  }
  rest.terms.push_back({from_affine(std::move(inner)) * f, 1});
  sum = std::move(rest);
}

Expr scaled(const Expr& atom, int64_t c) { return c == 1 ? atom : atom * int_imm(c); }

// Whether `e` is the term coef * atom as `first_term` writes it.
bool is_term(const Expr& e, const AffineTerm& t, int64_t coef) {
  if (coef == 1) return e.same(t.atom);
  if (coef == -1) {
    const auto* c = e.as<Call>();
    return c && c->op == CallOp::neg && c->args[0].same(t.atom);
  }
  const auto* m = as_binary(e, BinaryOp::mul);
  return m && m->a.same(t.atom) && is_int(m->b, coef);
}

}  // namespace

bool may_multiply(const Affine& x, const Affine& y) {
  return (x.terms.size() + (x.constant != 0)) * (y.terms.size() + (y.constant != 0)) <= 16;
}

bool is_sum(const Expr& original, const Affine& sum) {
  const auto& t = sum.terms;
  const Expr* e = &original;
  const bool constant_first = !t.empty() && t[0].coef < 0 && sum.constant > 0;
  const auto peel = [&](BinaryOp op) -> const Expr* {
    const auto* b = as_binary(*e, op);
    if (!b) return nullptr;
    e = &b->a;
    return &b->b;
  };
  if (t.empty()) return is_int(*e, sum.constant);
  if (sum.constant != 0 && !constant_first) {
    const Expr* b = peel(sum.constant > 0 ? BinaryOp::add : BinaryOp::sub);
    const auto* i = b ? b->as<IntImm>() : nullptr;
    if (!i || i->value != (sum.constant > 0 ? sum.constant : -sum.constant)) return false;
  }
  for (size_t i = t.size(); i-- > (constant_first ? 0 : 1);) {
    const Expr* b = peel(t[i].coef > 0 ? BinaryOp::add : BinaryOp::sub);
    if (!b || !is_term(*b, t[i], t[i].coef > 0 ? t[i].coef : -t[i].coef)) return false;
  }
  return constant_first ? is_int(*e, sum.constant) : is_term(*e, t[0], t[0].coef);
}

Expr build_sum(const Affine& sum) {
  const auto& t = sum.terms;
  if (t.empty()) return int_imm(sum.constant);
  const bool constant_first = t[0].coef < 0 && sum.constant > 0;
  Expr e = constant_first    ? int_imm(sum.constant)
           : t[0].coef == -1 ? -t[0].atom
                             : scaled(t[0].atom, t[0].coef);
  for (size_t i = constant_first ? 0 : 1; i < t.size(); ++i) {
    // -INT64_MIN is no number: such a term stays added
    if (t[i].coef > 0 || t[i].coef == INT64_MIN)
      e = e + scaled(t[i].atom, t[i].coef);
    else
      e = e - scaled(t[i].atom, -t[i].coef);
  }
  if (sum.constant == 0 || constant_first) return e;
  return sum.constant > 0 || sum.constant == INT64_MIN ? e + int_imm(sum.constant)
                                                       : e - int_imm(-sum.constant);
}

}  // namespace detail

std::optional<Affine> to_affine(const Expr& e) {
  Affine out;
  if (e->type != kIndex || !detail::collect_affine(e, 1, out)) return std::nullopt;
  return out;
}

std::optional<Affine> to_affine(const Expr& e, std::span<const VarRef> vars) {
  auto out = to_affine(e);
  if (!out) return out;
  for (const AffineTerm& t : out->terms) {
    if (t.atom->kind == Kind::Var) continue;
    for (const VarRef& v : vars)
      if (uses_var(*t.atom, *v)) return std::nullopt;
  }
  return out;
}

Expr from_affine(Affine sum) {
  if (const Expr f = detail::common_factor(sum)) {
    detail::factor_out(sum, f);
    if (sum.terms.size() > 1) return from_affine(std::move(sum));
  }
  sum.sort();
  return detail::build_sum(sum);
}

std::optional<Expr> stride_of(const Expr& e, const Var& v) {
  const auto sum = to_affine(e);
  if (!sum) return std::nullopt;
  const Expr self{&v};
  Affine stride;
  for (const AffineTerm& t : sum->terms) {
    if (!uses_var(*t.atom, v)) continue;
    const Expr q = detail::quotient(t.atom, self);
    if (!q || uses_var(*q, v)) return std::nullopt;
    if (!(is_int(q, 1) ? stride.add(t.coef) : stride.add(q, t.coef))) return std::nullopt;
  }
  return from_affine(std::move(stride));
}

std::optional<int64_t> constant_stride_of(const Expr& e, const Var& v) {
  const auto s = stride_of(e, v);
  return s ? as_int(*s) : std::nullopt;
}

}  // namespace tc::ir
