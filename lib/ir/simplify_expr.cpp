// The walk over expressions, and what is not index arithmetic.
#include "simplify_detail.h"

namespace tc::ir::detail {

Expr Simplifier::expr(const Expr& e) {
  // a shared subexpression is done once; leaves are not worth a table
  if (e->depth < 4 || e->refs.load(std::memory_order_relaxed) < 2) return visit(e);
  if (const auto it = memo_.find(e.get()); it != memo_.end()) return it->second.second;
  Expr out = visit(e);
  memo_.insert_or_assign(e.get(), std::pair{e, out});
  return out;
}

Expr Simplifier::visit(const Expr& e) {
  switch (e->kind) {
    case Kind::Var:
      return variable(e);
    case Kind::Binary: {
      const auto& b = *e.as<Binary>();
      if (b.op <= BinaryOp::mul && b.type == kIndex) return sum(e);
      const Expr x = expr(b.a), y = expr(b.b);
      return make_binary(b.op, x, y, e);
    }
    case Kind::Call: {
      const auto& c = *e.as<Call>();
      if (c.op == CallOp::neg && c.type == kIndex) return sum(e);
      if (c.args.size() == 1 && c.op != CallOp::bits) return make_call(c.op, expr(c.args[0]), e);
      return map_children(e, ExprsOnly{*this});
    }
    case Kind::Select: {
      const auto& s = *e.as<Select>();
      const Expr c = expr(s.condition), x = expr(s.if_true), y = expr(s.if_false);
      return make_select(c, x, y, e);
    }
    case Kind::Cast:
      return make_cast(e->type, expr(e.as<Cast>()->value), e);
    case Kind::Load:
      return load_(e, *e.as<Load>());
    case Kind::Ramp: {
      const Expr base = expr(e.as<Ramp>()->base), stride = expr(e.as<Ramp>()->stride);
      return make_ramp(base, stride, e->type.lanes, e);
    }
    case Kind::Broadcast:
      return make_broadcast(expr(e.as<Broadcast>()->value), e->type.lanes, e);
    case Kind::VectorReduce:
      return vector_reduce_(e, *e.as<VectorReduce>());
    case Kind::Reduce:
      return reduce_(e, *e.as<Reduce>());
    default:
      return e;
  }
}

Expr Simplifier::variable(const Expr& e) {
  for (size_t i = replaced_.size(); i-- > 0;)
    if (replaced_[i].first.get() == e.get())
      return expr(Expr(replaced_[i].second));  // more may be known here
  if (e->type.is_bool())
    if (const auto v = bounds_.known(e)) return bool_imm(*v);
  return e;
}

std::vector<Expr> Simplifier::exprs(const std::vector<Expr>& list, bool& changed) {
  std::vector<Expr> out;
  out.reserve(list.size());
  for (const Expr& e : list) {
    out.push_back(expr(e));
    changed |= !out.back().same(e);
  }
  return out;
}

Expr Simplifier::load_(const Expr& e, const Load& l) {
  const BufferRef b = map(l.buffer);
  bool changed = !b.same(l.buffer);
  auto indices = exprs(l.indices, changed);
  return changed ? load(b, std::move(indices)) : e;
}

Expr Simplifier::vector_reduce_(const Expr& e, const VectorReduce& r) {
  const Expr v = expr(r.value);
  const bool idempotent = r.op != BinaryOp::add && r.op != BinaryOp::mul;
  if (const auto* b = v.as<Broadcast>(); b && idempotent) return b->value;
  return v.same(r.value) ? e : vector_reduce(r.op, v);
}

Expr Simplifier::reduce_(const Expr& e, const Reduce& r) {
  bool changed = false;
  auto mins = exprs(r.mins, changed), extents = exprs(r.extents, changed);
  const auto m = bounds_.mark();
  memo_.clear();
  for (size_t i = 0; i < r.vars.size(); ++i) bounds_.push_loop(r.vars[i], mins[i], extents[i]);
  auto source = exprs(r.source, changed);
  bounds_.pop(m);
  memo_.clear();
  return changed
             ? reduce(r.combiner, std::move(mins), std::move(extents), r.vars, std::move(source), r.component)
             : e;
}

Expr Simplifier::make_broadcast(const Expr& v, int lanes, const Expr& from) {
  return from && from.as<Broadcast>()->value.same(v) ? from : broadcast(v, lanes);
}

Expr Simplifier::make_ramp(const Expr& base, const Expr& stride, int lanes, const Expr& from) {
  const auto* r = from ? from.as<Ramp>() : nullptr;
  return r && r->base.same(base) && r->stride.same(stride) && !is_int(stride, 0) ? from
                                                                                 : ramp(base, stride, lanes);
}

// ramp(b, s) / c and % c where all lanes have one quotient.
Expr Simplifier::vector_divide(BinaryOp op, const Expr& a, int64_t c) {
  const auto* r = a.as<Ramp>();
  const auto s = r ? as_int(r->stride) : std::nullopt;
  int64_t far = 0;
  if (!s || c <= 1 || __builtin_mul_overflow(*s, int64_t{a->type.lanes - 1}, &far)) return nullptr;
  const Expr by = int_imm(c), low = make_binary(BinaryOp::mod, r->base, by);
  const Interval i = interval_of(low, bounds_), last = i + Interval::of(far);
  if (!i.within(0, c - 1) || !last.within(0, c - 1)) return nullptr;
  if (op == BinaryOp::mod) return make_ramp(low, r->stride, a->type.lanes);
  return broadcast(make_binary(BinaryOp::div, r->base, by), a->type.lanes);
}

bool is_constant(const Expr& e) {
  const Expr& v = e->kind == Kind::Broadcast ? e.as<Broadcast>()->value : e;
  return v->kind == Kind::IntImm || v->kind == Kind::FloatImm;
}

namespace {
bool same_operands(const Binary& b, const Expr& e) {
  const auto* n = e.as<Binary>();
  return n && n->op == b.op && n->a.same(b.a) && n->b.same(b.b);
}
}  // namespace

Expr Simplifier::make_binary(BinaryOp op, const Expr& a, const Expr& b, const Expr& from) {
  if (a->type == kIndex && op <= BinaryOp::ge) {
    if (is_compare(op)) return make_compare(op, a, b, from);
    if (op == BinaryOp::div || op == BinaryOp::mod) return make_divide(op, a, b, from);
    if (op == BinaryOp::min || op == BinaryOp::max) return make_min(op, a, b, from);
    return simple_sum(
        from && from.as<Binary>()->a.same(a) && from.as<Binary>()->b.same(b) ? from : binary(op, a, b));
  }
  if (op == BinaryOp::and_ || op == BinaryOp::or_) return make_logic(op, a, b, from);
  if (a->type.element() == kIndex && (op == BinaryOp::div || op == BinaryOp::mod))
    if (const auto c = as_int(b))
      if (const Expr e = vector_divide(op, a, *c)) return e;
  const auto* f = from ? from.as<Binary>() : nullptr;
  // constants stand on the right, except of floats, where a NaN's payload could tell
  const bool commutes = op == BinaryOp::add || op == BinaryOp::mul || op == BinaryOp::min ||
                        op == BinaryOp::max || op == BinaryOp::eq || op == BinaryOp::ne ||
                        (op >= BinaryOp::bit_and && op <= BinaryOp::bit_xor);
  const bool swap = commutes && !a->type.is_float() && as_int(a) && !as_int(b);
  // a maker may fold what has a constant
  const bool keep = f && !swap && f->a.same(a) && f->b.same(b) && !is_constant(a) && !is_constant(b);
  const Expr made = keep ? from : swap ? binary(op, b, a) : binary(op, a, b);
  const Expr e = f && same_operands(*f, made) ? from : made;
  const auto* n = e.as<Binary>();
  if (!n) return e;
  if (const Expr r = apply_rules(e, *this)) return r;
  if (a->type.is_float() || e->depth > 16) return e;
  if (is_compare(op)) {
    const Interval i = interval_of(e, bounds_);
    if (const auto v = i.single()) return int_imm(*v, e->type);
  } else if (op == BinaryOp::min || op == BinaryOp::max) {
    const Interval x = interval_of(n->a, bounds_), y = interval_of(n->b, bounds_);
    if (x.hi && y.lo && *x.hi <= *y.lo) return op == BinaryOp::min ? n->a : n->b;
    if (x.lo && y.hi && *x.lo >= *y.hi) return op == BinaryOp::min ? n->b : n->a;
  }
  return e;
}

namespace {
Expr folded(CallOp op, const Expr& a, const Expr& from) {
  Expr e = call(op, {a});
  return from && e->kind == Kind::Call && from.as<Call>()->args[0].same(a) ? from : e;
}
}  // namespace

Expr Simplifier::make_call(CallOp op, const Expr& a, const Expr& from) {
  if (op == CallOp::neg && a->type == kIndex)
    return simple_sum(from && from.as<Call>()->args[0].same(a) ? from : -a);
  // not of a comparison of indices is a comparison
  if (op == CallOp::not_) {
    const auto* c = a.as<Binary>();
    if (c && is_compare(c->op) && c->a->type == kIndex) {
      static constexpr BinaryOp kNot[] = {BinaryOp::ne, BinaryOp::eq, BinaryOp::ge,
                                          BinaryOp::gt, BinaryOp::le, BinaryOp::lt};
      return make_compare(kNot[static_cast<int>(c->op) - static_cast<int>(BinaryOp::eq)], c->a, c->b,
                          nullptr);
    }
  }
  const Expr e = from && from.as<Call>()->args[0].same(a) && !is_constant(a) ? from : folded(op, a, from);
  if (e->kind != Kind::Call) return e;
  const Expr r = apply_rules(e, *this);
  return r ? r : e;
}

Expr Simplifier::make_select(const Expr& c, const Expr& a, const Expr& b, const Expr& from) {
  const auto* f = from ? from.as<Select>() : nullptr;
  if (const auto v = as_int(c); v && c->type.lanes == 1) return *v ? a : b;
  const bool keep = f && f->condition.same(c) && f->if_true.same(a) && f->if_false.same(b) && !as_int(c);
  const Expr e = keep ? from : select(c, a, b);
  if (e->kind != Kind::Select) return e;
  const Expr r = apply_rules(e, *this);
  return r ? r : e;
}

namespace {

// Whether every value of `from` is exact in `to`.
bool exact(DType from, DType to) {
  const auto digits = [](DType t) {
    return t.code == TypeCode::bfloat ? 8 : t.bits == 16 ? 11 : t.bits == 32 ? 24 : 53;
  };
  if (from.is_bool()) return true;
  if (from.is_float()) {
    if (!to.is_float()) return false;
    const bool same_range = to.bits > from.bits;  // f32 has the exponents of both 16-bit types
    return from.element() == to.element() || same_range;
  }
  if (to.is_float())
    return from.bits - (from.is_signed() ? 1 : 0) <= digits(to) &&
           !(to.bits == 16 && to.code == TypeCode::float_ && from.bits > 8);
  if (!to.is_int()) return false;
  return from.is_signed() ? to.is_signed() && to.bits >= from.bits
                          : to.bits > from.bits || (!to.is_signed() && to.bits == from.bits);
}

}  // namespace

Expr Simplifier::make_cast(DType type, const Expr& v, const Expr& from) {
  const auto* inner = v.as<Cast>();
  const DType out = type.with_lanes(v->type.lanes);
  if (inner) {
    const DType first = inner->value->type, mid = v->type;
    // there and back, and two steps up
    if (first == out && exact(first, mid)) return inner->value;
    if (exact(first, mid) && (mid.is_int() == out.is_int()) && !out.is_bool() &&
        (mid.is_int() ? first.is_int() : exact(mid, out)))
      return make_cast(type, inner->value);
    if (first.is_int() && mid.is_int() && out.is_int()) {
      if (mid.bits >= out.bits) return make_cast(type, inner->value);  // both keep the low bits
      const Interval i = interval_of(inner->value, bounds_), all = interval_of(mid);
      if (mid.bits < 64 && i.lo && i.hi && i.within(*all.lo, *all.hi)) return make_cast(type, inner->value);
    }
  }
  if (const auto* b = v.as<Broadcast>()) return broadcast(make_cast(type.element(), b->value), v->type.lanes);
  return from && from.as<Cast>()->value.same(v) && !is_constant(v) ? from : cast(type.element(), v);
}

}  // namespace tc::ir::detail
