// The scope of ranges and conditions.
#include "affine_detail.h"
#include "reads_memory.h"
#include "tc/ir/interval.h"

namespace tc::ir {
namespace {

BinaryOp negated(BinaryOp op) {
  switch (op) {
    case BinaryOp::eq:
      return BinaryOp::ne;
    case BinaryOp::ne:
      return BinaryOp::eq;
    case BinaryOp::lt:
      return BinaryOp::ge;
    case BinaryOp::le:
      return BinaryOp::gt;
    case BinaryOp::gt:
      return BinaryOp::le;
    default:
      return BinaryOp::lt;
  }
}

// The values of v that c * v + k < 0 leaves.
Interval solutions(int64_t c, int64_t k) {
  Interval out;
  int64_t v = 0;
  if (c > 0 && !__builtin_sub_overflow(int64_t{-1}, k, &v)) out.hi = floor_div(v, c);
  if (c < 0 && c != INT64_MIN) out.lo = floor_div(k, -c) + 1;
  return out;
}

}  // namespace

void Bounds::pop(const Mark& m) {
  for (size_t i = m.entries; data_ > 0 && i < entries_.size(); ++i) data_ -= entries_[i].data;
  entries_.resize(m.entries);
  facts_.resize(m.facts);
  known_.resize(m.known);
}

const Bounds::Entry* Bounds::find(const Var& v) const {
  for (size_t i = entries_.size(); i-- > 0;)
    if (entries_[i].var.get() == &v) return &entries_[i];
  return nullptr;
}

Interval Bounds::range(const Var& v) const {
  const Entry* e = find(v);
  if (e) return e->range;
  return v.least ? Interval{v.least, std::nullopt} : interval_of(v.type);
}

Bounds& Bounds::push(VarRef v, Interval r) {
  const Entry* old = find(*v);
  Entry e{v, intersect(old ? old->range : range(*v), r), old ? old->min : Expr(), old ? old->max : Expr(),
          old && old->data};
  data_ += e.data;
  entries_.push_back(std::move(e));
  return *this;
}

Bounds& Bounds::push(VarRef v, Expr min, Expr max) {
  const Interval lo = min ? interval_of(min, *this) : Interval{},
                 hi = max ? interval_of(max, *this) : Interval{};
  const bool data = min && may_be_data(min, *this);
  push(v, Interval{lo.lo, hi.hi});
  Entry& e = entries_.back();
  data_ += data - e.data;
  e.data = data;
  // a constant says no more than the range does, and memory may change
  if (min && !as_int(min) && !reads_memory(min)) e.min = std::move(min);
  if (max && !as_int(max) && !reads_memory(max)) e.max = std::move(max);
  return *this;
}

Bounds& Bounds::push_loop(VarRef v, const Expr& min, const Expr& extent) {
  if (v->type != kIndex) return push(v, Interval{});
  Affine last;
  if (!detail::collect_affine(min, 1, last) || !detail::collect_affine(extent, 1, last) || !last.add(-1))
    return push(v, min, nullptr);
  if (last.is_constant() && as_int(min)) return push(v, Interval::range(*as_int(min), last.constant));
  return push(v, min, from_affine(std::move(last)));
}

std::optional<bool> Bounds::known(const Expr& condition) const {
  for (const auto& [e, value] : known_)
    if (same_expr(e, condition)) return value;
  return std::nullopt;
}

void Bounds::add_fact(Affine fact) {
  for (const AffineTerm& t : fact.terms) {
    const auto* v = t.atom.as<Var>();
    if (!v) continue;
    Interval rest = Interval::of(fact.constant);
    for (const AffineTerm& u : fact.terms)
      if (!u.atom.same(t.atom)) rest = rest + interval_of(u.atom, *this) * Interval::of(u.coef);
    if (!rest.lo) continue;
    const Interval now = range(*v), narrowed = intersect(now, solutions(t.coef, *rest.lo));
    if (narrowed != now) push(VarRef(v), narrowed);
  }
  if (fact.terms.size() > 1 || (fact.terms.size() == 1 && fact.terms[0].atom->kind != Kind::Var))
    facts_.push_back(std::move(fact));
}

// a != b: what cannot be greater is less.
void Bounds::exclude(const Expr& a, const Expr& b) {
  Affine d;
  if (!detail::collect_affine(a, 1, d) || !detail::collect_affine(b, -1, d)) return;
  Interval i = Interval::of(d.constant);
  for (const AffineTerm& t : d.terms) i = i + interval_of(t.atom, *this) * Interval::of(t.coef);
  if (i.hi == 0)
    add_fact(std::move(d));
  else if (i.lo == 0 && d.scale(-1))
    add_fact(std::move(d));
}

Bounds& Bounds::assume(const Expr& condition, bool value) {
  if (const auto* c = condition.as<Call>(); c && c->op == CallOp::not_ && c->type.is_bool())
    return assume(c->args[0], !value);
  const auto* b = condition.as<Binary>();
  if (b && b->op == (value ? BinaryOp::and_ : BinaryOp::or_)) return assume(b->a, value), assume(b->b, value);
  if (condition->kind == Kind::IntImm || reads_memory(condition)) return *this;
  const bool index = b && is_compare(b->op) && b->a->type == kIndex;
  if (index && has_data() && (may_wrap(b->a, *this) || may_wrap(b->b, *this))) return *this;
  const BinaryOp op = !index ? BinaryOp::add : value ? b->op : negated(b->op);
  if (!index || op == BinaryOp::ne) {
    known_.emplace_back(condition, value);
    if (index) exclude(b->a, b->b);
    return *this;
  }
  const bool below = op != BinaryOp::gt && op != BinaryOp::ge, above = op == BinaryOp::eq || !below;
  const int64_t slack = op == BinaryOp::lt || op == BinaryOp::gt ? 0 : -1;
  for (const int64_t sign : {int64_t{1}, int64_t{-1}}) {
    Affine d;
    if (!(sign > 0 ? below : above)) continue;
    if (detail::collect_affine(b->a, sign, d) && detail::collect_affine(b->b, -sign, d) && d.add(slack))
      add_fact(std::move(d));
  }
  return *this;
}

}  // namespace tc::ir
