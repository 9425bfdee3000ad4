// Statements, and the public functions.
#include "tc/ir/simplify.h"

#include "reads_memory.h"
#include "simplify_detail.h"

namespace tc::ir {
namespace detail {

Stmt Simplifier::stmt(const Stmt& s) {
  if (!s) return s;
  memo_.clear();
  switch (s->kind) {
    case Kind::For:
      return for_loop(s, *s.as<For>());
    case Kind::Let:
      return let_(s, *s.as<Let>());
    case Kind::If:
      return branch(s, *s.as<If>());
    case Kind::Store:
      return store_(s, *s.as<Store>());
    case Kind::Prefetch:
      return prefetch_(s, *s.as<Prefetch>());
    case Kind::Alloc:
      return alloc_(s, *s.as<Alloc>());
    case Kind::Seq:
      return sequence(s, *s.as<Seq>());
    case Kind::Compute:
      return compute_(s, *s.as<Compute>());
    default:
      return s;
  }
}

BufferRef Simplifier::map(const BufferRef& b) const {
  if (buffers_.empty()) return b;
  const auto it = buffers_.find(b);
  return it == buffers_.end() ? b : it->second;
}

// `body` where `var` is `value`.
Stmt Simplifier::with(VarRef v, Expr value, const Stmt& body) {
  replaced_.emplace_back(std::move(v), std::move(value));
  Stmt out = stmt(body);
  replaced_.pop_back();
  return out;
}

namespace {

bool is_trivial(const Expr& e) {
  if (const auto* b = e.as<Broadcast>()) return is_trivial(b->value) && b->value->kind != Kind::Var;
  return e->kind == Kind::IntImm || e->kind == Kind::FloatImm || e->kind == Kind::Var;
}

}  // namespace

Stmt Simplifier::for_loop(const Stmt& s, const For& f) {
  const Expr min = expr(f.min), extent = expr(f.extent);
  const Interval times = interval_of(extent, bounds_);
  if (times.hi && *times.hi <= 0) return seq({});
  if (times == Interval::of(1)) {
    // what the body stores may change a start that is read from memory
    if (!reads_memory(min)) return with(f.var, min, f.body);
    const Stmt named = let(f.var, f.min, f.body);
    return let_(named, *named.as<Let>());
  }
  const auto m = bounds_.mark();
  bounds_.push_loop(f.var, min, extent);
  if (!as_int(extent) && extent->type == kIndex) bounds_.assume(binary(BinaryOp::gt, extent, int_imm(0)));
  Stmt body = stmt(f.body);
  bounds_.pop(m);
  if (is_empty(body)) return seq({});
  if (min.same(f.min) && extent.same(f.extent) && body.same(f.body)) return s;
  return for_(f.var, min, extent, f.mode, std::move(body));
}

Stmt Simplifier::let_(const Stmt& s, const Let& l) {
  const Expr value = expr(l.value);
  if (is_trivial(value)) return with(l.var, value, l.body);
  const auto m = bounds_.mark();
  if (value->type == kIndex)
    bounds_.push(l.var, value, value);
  else if (value->type.is_int())
    bounds_.push(l.var, interval_of(value, bounds_));
  Stmt body = stmt(l.body);
  bounds_.pop(m);
  if (is_empty(body) || !uses_var(*body, *l.var)) return body;
  return value.same(l.value) && body.same(l.body) ? s : let(l.var, value, std::move(body));
}

Stmt Simplifier::branch(const Stmt& s, const If& i) {
  const Expr c = expr(i.condition);
  if (const auto v = as_int(c)) {
    if (*v) return stmt(i.if_true);
    return i.if_false ? stmt(i.if_false) : seq({});
  }
  const auto m = bounds_.mark();
  bounds_.assume(c, true);
  Stmt yes = stmt(i.if_true), no;
  bounds_.pop(m);
  if (i.if_false) {
    bounds_.assume(c, false);
    no = stmt(i.if_false);
    bounds_.pop(m);
  }
  if (is_empty(yes) && is_empty(no)) return seq({});
  if (is_empty(yes)) return if_(make_call(CallOp::not_, c), std::move(no));
  if (c.same(i.condition) && yes.same(i.if_true) && no.same(i.if_false)) return s;
  return if_(c, std::move(yes), std::move(no));
}

Stmt Simplifier::store_(const Stmt& s, const Store& st) {
  const BufferRef b = map(st.buffer);
  bool changed = !b.same(st.buffer);
  auto indices = exprs(st.indices, changed);
  Expr value = expr(st.value);
  if (!changed && value.same(st.value)) return s;
  return store(b, std::move(indices), std::move(value));
}

Stmt Simplifier::prefetch_(const Stmt& s, const Prefetch& p) {
  const BufferRef b = map(p.buffer);
  bool changed = !b.same(p.buffer);
  auto indices = exprs(p.indices, changed);
  return changed ? prefetch(b, std::move(indices)) : s;
}

Stmt Simplifier::alloc_(const Stmt& s, const Alloc& a) {
  bool changed = false;
  auto shape = exprs(a.buffer->shape, changed);
  if (!changed) {
    Stmt body = stmt(a.body);
    if (is_empty(body)) return body;
    return body.same(a.body) ? s : alloc(a.buffer, std::move(body), a.double_buffer);
  }
  BufferRef b = buffer(a.buffer->name, a.buffer->type, std::move(shape), a.buffer->scope);
  const_cast<Buffer*>(b.get())->source = a.buffer->source;  // not shared yet
  const auto outer = buffers_.find(a.buffer);
  const BufferRef hidden = outer == buffers_.end() ? BufferRef() : outer->second;
  buffers_.insert_or_assign(a.buffer, b);
  Stmt body = stmt(a.body);
  if (hidden)
    buffers_.insert_or_assign(a.buffer, hidden);
  else
    buffers_.erase(a.buffer);
  return is_empty(body) ? body : alloc(std::move(b), std::move(body), a.double_buffer);
}

Stmt Simplifier::sequence(const Stmt& s, const Seq& q) {
  std::vector<Stmt> out;
  out.reserve(q.stmts.size());
  bool changed = false;
  for (const Stmt& x : q.stmts) {
    out.push_back(stmt(x));
    changed |= !out.back().same(x);
  }
  return changed ? seq(std::move(out)) : s;
}

Stmt Simplifier::compute_(const Stmt& s, const Compute& c) {
  std::vector<BufferRef> buffers;
  bool changed = false;
  for (const BufferRef& b : c.buffers) {
    buffers.push_back(map(b));
    changed |= !buffers.back().same(b);
  }
  const auto m = bounds_.mark();
  for (size_t i = 0; i < c.vars.size(); ++i)
    bounds_.push_loop(c.vars[i], int_imm(0), expr(buffers[0]->shape[i]));
  auto values = exprs(c.values, changed);
  bounds_.pop(m);
  return changed ? compute(std::move(buffers), c.vars, std::move(values)) : s;
}

}  // namespace detail

Expr simplify(const Expr& e, const Bounds& bounds) { return e ? detail::Simplifier(bounds).expr(e) : e; }
Stmt simplify(const Stmt& s, const Bounds& bounds) { return s ? detail::Simplifier(bounds).stmt(s) : s; }

FuncRef simplify(const FuncRef& f) {
  detail::Simplifier simplifier{Bounds()};
  // what has a shape has no negative extent
  for (const BufferRef& b : f->params)
    for (const Expr& extent : b->shape)
      if (!as_int(extent)) simplifier.assume(binary(BinaryOp::ge, extent, int_imm(0)));
  Stmt body = simplifier.stmt(f->body);
  return body.same(f->body) ? f : func(f->name, f->params, std::move(body));
}

std::optional<bool> prove(const Expr& condition, const Bounds& bounds) {
  const auto v = as_int(simplify(condition, bounds));
  return v ? std::optional<bool>(*v != 0) : std::nullopt;
}

}  // namespace tc::ir
