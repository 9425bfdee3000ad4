#include "tc/ir/traverse.h"

#include "make.h"

namespace tc::ir {

Expr rebuild(const ExprNode& node, std::span<const Expr> c) {
  const auto all = [&] { return std::vector<Expr>(c.begin(), c.end()); };
  switch (node.kind) {
    case Kind::Binary:
      return binary(static_cast<const Binary&>(node).op, c[0], c[1]);
    case Kind::Call: {
      const auto& n = static_cast<const Call&>(node);
      return n.op == CallOp::bits ? reinterpret(n.type.with_lanes(c[0]->type.lanes), c[0])
                                  : call(n.op, all());
    }
    case Kind::Select:
      return select(c[0], c[1], c[2]);
    case Kind::Cast:
      return cast(node.type.element(), c[0]);
    case Kind::Load:
      return load(static_cast<const Load&>(node).buffer, all());
    case Kind::Ramp:
      return ramp(c[0], c[1], node.type.lanes);
    case Kind::Broadcast:
      return broadcast(c[0], node.type.lanes);
    case Kind::VectorReduce:
      return vector_reduce(static_cast<const VectorReduce&>(node).op, c[0]);
    case Kind::Reduce: {
      const auto& r = static_cast<const Reduce&>(node);
      const size_t n = r.vars.size();
      return reduce(r.combiner, {c.begin(), c.begin() + n}, {c.begin() + n, c.begin() + 2 * n}, r.vars,
                    {c.begin() + 2 * n, c.end()}, r.component);
    }
    default:
      return Expr(&node);
  }
}

namespace {

struct Substituter {
  const VarMap* vars = nullptr;
  const BufferMap* buffers = nullptr;

  BufferRef map(const BufferRef& b) const {
    if (!buffers) return b;
    const auto it = buffers->find(b);
    return it == buffers->end() ? b : it->second;
  }

  Expr operator()(const Expr& e) const {
    if (const auto* v = e.as<Var>()) {
      if (!vars) return e;
      const auto it = vars->find(VarRef(v));
      return it == vars->end() ? e : it->second;
    }
    std::vector<Expr> children;
    bool changed = false;
    dispatch(*e, [&](const auto& n) {
      for_each_field(n, [&](const auto& field, const auto& value) {
        if (field.role != Role::use) return;
        detail::for_each_ref(value, [&](const auto& child) {
          if constexpr (std::is_same_v<std::decay_t<decltype(child)>, Expr>) {
            children.push_back((*this)(child));
            changed |= !children.back().same(child);
          }
        });
      });
    });
    if (const auto* l = e.as<Load>()) {
      const BufferRef b = map(l->buffer);
      return changed || !b.same(l->buffer) ? load(b, std::move(children)) : e;
    }
    return changed ? rebuild(*e, children) : e;
  }

  Stmt operator()(const Stmt& s) const {
    if (const auto* st = s.as<Store>()) {
      std::vector<Expr> indices;
      bool changed = false;
      for (const Expr& i : st->indices) indices.push_back((*this)(i)), changed |= !indices.back().same(i);
      Expr value = (*this)(st->value);
      const BufferRef b = map(st->buffer);
      changed |= !value.same(st->value) || !b.same(st->buffer);
      return changed ? store(b, std::move(indices), std::move(value)) : s;
    }
    if (const auto* p = s.as<Prefetch>()) {
      std::vector<Expr> indices;
      const BufferRef b = map(p->buffer);
      bool changed = !b.same(p->buffer);
      for (const Expr& i : p->indices) indices.push_back((*this)(i)), changed |= !indices.back().same(i);
      return changed ? prefetch(b, std::move(indices)) : s;
    }
    if (const auto* a = s.as<Alloc>()) {
      std::vector<Expr> shape;
      bool other_shape = false;
      for (const Expr& e : a->buffer->shape)
        shape.push_back((*this)(e)), other_shape |= !shape.back().same(e);
      if (other_shape) {  // another extent makes it another buffer
        const BufferRef old = map(a->buffer), b = buffer(old->name, old->type, std::move(shape), old->scope);
        const BufferMap renamed = {{old, b}};
        return alloc(b, substitute((*this)(a->body), renamed), a->double_buffer);
      }
      const BufferRef b = map(a->buffer);
      Stmt body = (*this)(a->body);
      return body.same(a->body) && b.same(a->buffer) ? s : alloc(b, std::move(body), a->double_buffer);
    }
    if (const auto* i = s.as<If>()) {
      Expr c = (*this)(i->condition);
      if (const auto v = as_int(c)) {
        if (*v) return (*this)(i->if_true);
        return i->if_false ? (*this)(i->if_false) : seq({});
      }
      Stmt t = (*this)(i->if_true), f = i->if_false ? (*this)(i->if_false) : Stmt();
      return c.same(i->condition) && t.same(i->if_true) && f.same(i->if_false) ? s : if_(c, t, f);
    }
    if (const auto* q = s.as<Seq>()) {
      std::vector<Stmt> out;
      bool changed = false;
      for (const Stmt& x : q->stmts) out.push_back((*this)(x)), changed |= !out.back().same(x);
      return changed ? seq(std::move(out)) : s;
    }
    if (const auto* c = s.as<Compute>()) {
      std::vector<BufferRef> bufs;
      std::vector<Expr> values;
      bool changed = false;
      for (const BufferRef& b : c->buffers) bufs.push_back(map(b)), changed |= !bufs.back().same(b);
      for (const Expr& v : c->values) values.push_back((*this)(v)), changed |= !values.back().same(v);
      return changed ? compute(bufs, c->vars, values) : s;
    }
    if (const auto* x = s.as<Extern>()) {
      std::vector<BufferRef> writes, reads;
      bool changed = false;
      for (const BufferRef& b : x->writes) writes.push_back(map(b)), changed |= !writes.back().same(b);
      for (const BufferRef& b : x->reads) reads.push_back(map(b)), changed |= !reads.back().same(b);
      Stmt body = (*this)(x->body);
      return changed || !body.same(x->body) ? extern_(writes, reads, std::move(body)) : s;
    }
    return map_children(s, *this);
  }
};

}  // namespace

Expr substitute(const Expr& e, const VarMap& map) { return e ? Substituter{&map, nullptr}(e) : e; }
Stmt substitute(const Stmt& s, const VarMap& map) { return s ? Substituter{&map, nullptr}(s) : s; }
Stmt substitute(const Stmt& s, const BufferMap& map) { return s ? Substituter{nullptr, &map}(s) : s; }

bool uses_var(const Node& root, const Var& v) {
  bool found = false;
  walk_all(root, [&](const Node& n) {
    if (&n == &v) found = true;
    return !found;
  });
  return found;
}

}  // namespace tc::ir
