#include "clone.h"

namespace tc::ir {

namespace {

struct Cloner {
  VarMap vars;
  BufferMap buffers;

  BufferRef map(const BufferRef& b) const {
    const auto it = buffers.find(b);
    return it == buffers.end() ? b : it->second;
  }
  std::vector<Expr> all(const std::vector<Expr>& list) {
    std::vector<Expr> out;
    out.reserve(list.size());
    for (const Expr& e : list) out.push_back((*this)(e));
    return out;
  }
  VarRef fresh(const VarRef& v) {
    VarRef out = var(v->name, v->type);
    vars[v] = out;
    return out;
  }

  Expr operator()(const Expr& e) {
    if (const auto* v = e.as<Var>()) {
      const auto it = vars.find(VarRef(v));
      return it == vars.end() ? e : it->second;
    }
    std::vector<Expr> children;
    bool changed = false;
    for_each_child(*e, [&](const Node& child, Role role) {
      if (role != Role::use || child.kind == Kind::Buffer || child.kind == Kind::Combiner) return;
      const Expr old(static_cast<const ExprNode*>(&child));
      children.push_back((*this)(old));
      changed |= !children.back().same(old);
    });
    if (const auto* l = e.as<Load>()) {
      const BufferRef b = map(l->buffer);
      return changed || !b.same(l->buffer) ? load(b, std::move(children)) : e;
    }
    return changed ? rebuild(*e, children) : e;
  }

  Stmt operator()(const Stmt& s) {
    if (!s) return s;
    switch (s->kind) {
      case Kind::Store: {
        const auto& n = *s.as<Store>();
        return store(map(n.buffer), all(n.indices), (*this)(n.value));
      }
      case Kind::Prefetch: {
        const auto& n = *s.as<Prefetch>();
        return prefetch(map(n.buffer), all(n.indices));
      }
      case Kind::For: {
        const auto& n = *s.as<For>();
        Expr min = (*this)(n.min), extent = (*this)(n.extent);
        VarRef v = fresh(n.var);
        return for_(v, min, extent, n.mode, (*this)(n.body));
      }
      case Kind::Let: {
        const auto& n = *s.as<Let>();
        Expr value = (*this)(n.value);
        if (as_int(value)) {  // a constant now: no need to name it
          vars[n.var] = value;
          return (*this)(n.body);
        }
        VarRef v = fresh(n.var);
        return let(v, value, (*this)(n.body));
      }
      case Kind::Alloc: {
        const auto& n = *s.as<Alloc>();
        BufferRef b = buffer(n.buffer->name, n.buffer->type, all(n.buffer->shape), n.buffer->scope);
        buffers[n.buffer] = b;
        return alloc(b, (*this)(n.body), n.double_buffer);
      }
      case Kind::If: {
        const auto& n = *s.as<If>();
        Expr c = (*this)(n.condition);
        if (const auto v = as_int(c))
          return *v ? (*this)(n.if_true) : n.if_false ? (*this)(n.if_false) : seq({});
        return if_(c, (*this)(n.if_true), (*this)(n.if_false));
      }
      case Kind::Seq: {
        std::vector<Stmt> out;
        for (const Stmt& x : s.as<Seq>()->stmts) out.push_back((*this)(x));
        return seq(std::move(out));
      }
      default:
        TC_ASSERT(false, "clone of a statement that is not in nested form");
        return s;
    }
  }
};

}  // namespace

Stmt clone(const Stmt& s, VarMap map) { return Cloner{std::move(map), {}}(s); }

Stmt flat_seq(const Seq& q) {
  for (const Stmt& s : q.stmts)
    if (s->kind == Kind::Seq) return seq(q.stmts);
  return nullptr;
}

int64_t count_statements(const Stmt& s) {
  int64_t n = 0;
  if (s)
    walk_all(*s, [&](const Node& node) { n += node.kind == Kind::Store || node.kind == Kind::Prefetch; });
  return n;
}

}  // namespace tc::ir
