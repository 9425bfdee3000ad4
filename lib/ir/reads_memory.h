// Whether an expression reads memory: then it is no fact about its variables, and
// may change between two places where they do not. Private to lib/ir.
#pragma once
#include "tc/ir/interval.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

[[nodiscard]] inline bool reads_memory(const Expr& e) {
  bool found = false;
  walk_all(*e, [&](const Node& n) {
    found |= n.kind == Kind::Load;
    return !found;
  });
  return found;
}

/// Whether the value is or may be made of what memory holds, which unlike an index may be any number:
/// sums of it wrap. Large expressions, which may be shared, are not searched.
[[nodiscard]] inline bool may_be_data(const Expr& e, const Bounds& bounds) {
  if (e->depth > 40) return true;
  bool found = false;
  walk_all(*e, [&](const Node& n) {
    found |= n.kind == Kind::Load;
    if (n.kind == Kind::Var && bounds.has_data()) {
      const Bounds::Entry* v = bounds.find(static_cast<const Var&>(n));
      found |= v && v->data;
    }
    return !found;
  });
  return found;
}

/// A sum, difference, product or negation of such: as a number it need not be what it is on paper, and
/// where it is compared, divided or bounded it stays as it is.
[[nodiscard]] inline bool may_wrap(const Expr& e, const Bounds& bounds) {
  const auto* b = e.as<Binary>();
  const auto* c = e.as<Call>();
  const bool sum = (b && (b->op == BinaryOp::add || b->op == BinaryOp::sub || b->op == BinaryOp::mul)) ||
                   (c && (c->op == CallOp::neg || c->op == CallOp::abs));
  return sum && may_be_data(e, bounds);
}

}  // namespace tc::ir
