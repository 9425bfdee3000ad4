#include "touches.h"

namespace tc::ir {

Touches::Touches(const std::vector<Item>& items) {
  for (size_t i = 0; i < items.size(); ++i) visit(items[i].stmt, i, items[i].head, false, false);
}

void Touches::visit(const Stmt& s, size_t item, bool head, bool in_loop, bool barred) {
  if (!s) return;
  switch (s->kind) {
    case Kind::For: {
      const auto& n = *s.as<For>();
      visit(n.min, item, in_loop, barred);
      visit(n.extent, item, in_loop, barred);
      bound_[n.var.get()] = {item, false, nullptr};
      return visit(n.body, item, false, true, barred || n.mode != LoopMode::serial);
    }
    case Kind::Let: {
      const auto& n = *s.as<Let>();
      visit(n.value, item, in_loop, barred);
      bound_[n.var.get()] = {item, head, n.value};
      if (!head) visit(n.body, item, false, in_loop, barred);
      return;
    }
    case Kind::Alloc: {
      const auto& n = *s.as<Alloc>();
      if (!head) visit(n.body, item, false, in_loop, barred);
      // a buffer of one item cannot be seen by the others
      if (const auto it = number_.find(n.buffer.get()); it != number_.end() && !head)
        buffers_[it->second].local = true;
      return;
    }
    case Kind::If: {
      const auto& n = *s.as<If>();
      visit(n.condition, item, in_loop, barred);
      visit(n.if_true, item, false, in_loop, barred);
      return visit(n.if_false, item, false, in_loop, barred);
    }
    case Kind::Seq:
      for (const Stmt& x : s.as<Seq>()->stmts) visit(x, item, false, in_loop, barred);
      return;
    case Kind::Store: {
      const auto& n = *s.as<Store>();
      for (const Expr& i : n.indices) visit(i, item, in_loop, barred);
      visit(n.value, item, in_loop, barred);
      return add(n.buffer, item, {&n, &n.indices, in_loop}, true, barred);
    }
    case Kind::Prefetch:  // touches no element
      for (const Expr& i : s.as<Prefetch>()->indices) visit(i, item, in_loop, barred);
      return;
    default:
      return;
  }
}

void Touches::visit(const Expr& e, size_t item, bool in_loop, bool barred) {
  walk<Load>(e, [&](const Load& l) { add(l.buffer, item, {&l, &l.indices, in_loop}, false, barred); });
}

void Touches::add(const BufferRef& b, size_t item, Access access, bool store, bool barred) {
  if (b->scope != Scope::global && b->scope != Scope::stack) return;
  const auto [it, fresh] = number_.emplace(b.get(), buffers_.size());
  if (fresh) buffers_.push_back({b, {}, false, false});
  OfBuffer& of = buffers_[it->second];
  of.stored |= store;
  if (of.items.empty() || of.items.back().item != item) of.items.push_back({item, {}, false});
  of.items.back().accesses.push_back(access);
  of.items.back().barred |= barred;
}

Expr Touches::resolve(const Expr& e, size_t first) const {
  VarMap map;
  bool ok = true;
  walk<Var>(e, [&](const Var& v) {
    const auto it = bound_.find(&v);
    if (!ok || it == bound_.end() || (it->second.head && it->second.item < first)) return;
    const Expr& value = it->second.value;
    const Expr outer = value && !reads_memory(value) ? resolve(value, first) : nullptr;
    ok = static_cast<bool>(outer);
    if (ok) map[VarRef(&v)] = outer;
  });
  if (!ok) return nullptr;
  return map.empty() ? e : substitute(e, map);
}

std::optional<std::vector<Expr>> Touches::resolve(const std::vector<Expr>& indices, size_t first) const {
  std::vector<Expr> out;
  for (const Expr& e : indices) {
    out.push_back(reads_memory(e) ? nullptr : resolve(e, first));
    if (!out.back()) return std::nullopt;
  }
  return out;
}

}  // namespace tc::ir
