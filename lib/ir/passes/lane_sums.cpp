#include "lane_sums.h"

#include <cmath>

#include "tc/ir/affine.h"

namespace tc::ir {

namespace {

// Chunks of lanes that are combined before they are reduced, apart again: each is one more chain.
void split(BinaryOp op, const Expr& e, std::vector<Expr>& out) {
  const auto* b = e.as<Binary>();
  if (!b || b->op != op) return out.push_back(e);
  // what keeps NaN out of lanes (vectorize.cpp): a chain starts from it anyway
  if (same_expr(b->a, identity_of(op, e->type))) return split(op, b->b, out);
  split(op, b->a, out);
  split(op, b->b, out);
}

}  // namespace

std::optional<LaneSum> lane_sum_of(const Store& s, const SlotMap& slots) {
  const auto* top = s.value.as<Binary>();
  const auto own = slots.find(&s);
  if (!top || own == slots.end() || s.value->type.lanes != 1) return std::nullopt;
  std::vector<Expr> terms;  // last first
  Expr e = s.value;
  for (const Binary* b = top; b && b->op == top->op; b = e.as<Binary>()) {
    terms.push_back(b->b);
    e = b->a;
  }
  LaneSum out{top->op, {}, {}};
  for (auto t = terms.rbegin(); t != terms.rend(); ++t) {
    const auto* r = t->as<VectorReduce>();
    if (r && r->op == out.op)
      split(out.op, r->value, out.vectors);
    else
      out.rest.push_back(*t);
  }
  const auto first = slots.find(e.get());
  if (out.vectors.empty() || first == slots.end() || first->second != own->second) return std::nullopt;
  return out;
}

Expr identity_of(BinaryOp op, DType type) {
  switch (op) {
    case BinaryOp::add:
      return type.is_float() ? float_imm(-0.0, type) : int_imm(0, type);  // 0.0 + -0.0 is 0.0
    case BinaryOp::mul:
      return const_of(type, 1);
    case BinaryOp::min:
      if (type.element() == kU64) return int_imm(-1, type);
      return type.is_float() ? float_imm(HUGE_VAL, type) : int_imm(max_of(type.element()), type);
    case BinaryOp::max:
      return type.is_float() ? float_imm(-HUGE_VAL, type) : int_imm(min_of(type.element()), type);
    case BinaryOp::and_:
      return int_imm(1, type);
    case BinaryOp::or_:
      return int_imm(0, type);
    default:
      return nullptr;
  }
}

Expr combine_tree(BinaryOp op, std::vector<Expr> values) {
  while (values.size() > 1) {
    std::vector<Expr> next;
    for (size_t i = 0; i + 1 < values.size(); i += 2) next.push_back(binary(op, values[i], values[i + 1]));
    if (values.size() % 2 == 1) next.push_back(values.back());
    values = std::move(next);
  }
  return values[0];
}

}  // namespace tc::ir
