#include "block.h"

namespace tc::ir {

std::vector<Item> open_block(const Stmt& s) {
  std::vector<Item> out;
  Stmt rest = s;
  while (!is_empty(rest)) {
    Stmt last = rest;
    if (const auto* q = rest.as<Seq>()) {
      for (size_t i = 0; i + 1 < q->stmts.size(); ++i) out.push_back({q->stmts[i]});
      last = q->stmts.back();
    }
    const bool head = last->kind == Kind::Let || last->kind == Kind::Alloc;
    out.push_back({last, head});
    rest = !head ? Stmt() : last->kind == Kind::Let ? last.as<Let>()->body : last.as<Alloc>()->body;
  }
  return out;
}

Stmt close_block(const std::vector<Item>& items) {
  Stmt body;                // of the heads met so far, from the end
  std::vector<Stmt> stmts;  // before it, reversed
  const auto collect = [&] {
    std::vector<Stmt> all(stmts.rbegin(), stmts.rend());
    if (body) all.push_back(body);
    stmts.clear();
    return seq(std::move(all));
  };
  for (size_t i = items.size(); i-- > 0;) {
    const Stmt& s = items[i].stmt;
    if (!items[i].head) {
      stmts.push_back(s);
      continue;
    }
    Stmt inner = collect();
    if (const auto* l = s.as<Let>())
      body = inner.same(l->body) ? s : let(l->var, l->value, std::move(inner));
    else if (const auto* a = s.as<Alloc>())
      body = inner.same(a->body) ? s : alloc(a->buffer, std::move(inner), a->double_buffer);
  }
  return collect();
}

}  // namespace tc::ir
