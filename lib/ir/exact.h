// Makers that check types as those of expr.h do but fold nothing: what the
// parser needs, so that text stands for exactly one program. Private to lib/ir.
#pragma once
#include "make.h"

namespace tc::ir::exact {

inline void widen(Expr& e, int lanes) {
  if (e->type.lanes == 1 && lanes != 1) e = make<Broadcast>(e, lanes);
}

inline Expr binary(BinaryOp op, Expr a, Expr b) {
  widen(a, b->type.lanes);
  widen(b, a->type.lanes);
  Expr checked = ir::binary(op, a, b);
  const auto* node = checked.as<Binary>();
  if (node && node->op == op && node->a.same(a) && node->b.same(b)) return checked;
  const DType type = is_compare(op) ? kBool.with_lanes(a->type.lanes) : a->type;
  return make<Binary>(type, op, std::move(a), std::move(b));
}

inline Expr call(CallOp op, std::vector<Expr> args) {
  Expr checked = ir::call(op, args);
  const auto* node = checked.as<Call>();
  const auto same = [](const Expr& x, const Expr& y) { return x.same(y); };
  if (node && node->op == op &&
      std::equal(node->args.begin(), node->args.end(), args.begin(), args.end(), same))
    return checked;
  const DType type = op == CallOp::if_then_else || op == CallOp::assume ? args[1]->type
                     : op == CallOp::isnan ? kBool.with_lanes(args[0]->type.lanes)
                                           : args[0]->type;
  return make<Call>(type, op, std::move(args));
}

inline Expr bits(DType type, Expr value) {
  type = type.with_lanes(value->type.lanes);
  (void)reinterpret(type, value);
  return make<Call>(type, CallOp::bits, std::vector<Expr>{std::move(value)});
}

inline Expr select(Expr c, Expr a, Expr b) {
  const int lanes = std::max({c->type.lanes, a->type.lanes, b->type.lanes});
  if (c->type.lanes != 1 || a->type.lanes != b->type.lanes) widen(c, lanes);
  widen(a, lanes), widen(b, lanes);
  (void)ir::select(c, a, b);
  const DType type = a->type;
  return make<Select>(type, std::move(c), std::move(a), std::move(b));
}

inline Expr cast(DType type, Expr value) {
  const DType to = type.with_lanes(value->type.lanes);
  return make<Cast>(to, std::move(value));
}

inline Expr ramp(Expr base, Expr stride, int lanes) {
  (void)ir::ramp(base, stride, lanes);
  return make<Ramp>(std::move(base), std::move(stride), lanes);
}

inline Expr broadcast(Expr value, int lanes) {
  require_scalar("broadcast", value);
  return make<Broadcast>(std::move(value), lanes);
}

inline Expr vector_reduce(BinaryOp op, Expr value) {
  (void)ir::vector_reduce(op, value);
  return make<VectorReduce>(op, std::move(value));
}

inline Stmt if_(Expr condition, Stmt if_true, Stmt if_false) {
  require_scalar("if", condition);
  TC_REQUIRE(condition->type.is_bool(),
             Error("ir.type", "if needs a bool, not " + to_string(condition->type)).fix("compare: x != 0"));
  auto* node = new If;
  Stmt ref(node);
  node->condition = std::move(condition);
  node->if_true = std::move(if_true);
  node->if_false = std::move(if_false);
  detail::finish(node);
  return ref;
}

}  // namespace tc::ir::exact
