#include "lanes.h"

namespace tc::ir {

Expr uniform_value(const Expr& e) {
  if (e->type.lanes == 1) return e;
  if (const auto* b = e.as<Broadcast>()) return b->value;
  return nullptr;
}

Expr lanes_binary(BinaryOp op, Expr a, Expr b) {
  const int lanes = std::max(a->type.lanes, b->type.lanes);
  if (lanes == 1) return binary(op, a, b);
  const Expr ua = uniform_value(a), ub = uniform_value(b);
  if (ua && ub) return broadcast(binary(op, ua, ub), lanes);
  const auto *ra = a.as<Ramp>(), *rb = b.as<Ramp>();
  const bool sum = op == BinaryOp::add || op == BinaryOp::sub;
  if (sum && ra && rb) return ramp(binary(op, ra->base, rb->base), binary(op, ra->stride, rb->stride), lanes);
  if (sum && ra && ub) return ramp(binary(op, ra->base, ub), ra->stride, lanes);
  if (op == BinaryOp::add && ua && rb) return ramp(ua + rb->base, rb->stride, lanes);
  if (op == BinaryOp::sub && ua && rb) return ramp(ua - rb->base, int_imm(0, ua->type) - rb->stride, lanes);
  if (op == BinaryOp::mul && ra && ub) return ramp(ra->base * ub, ra->stride * ub, lanes);
  if (op == BinaryOp::mul && ua && rb) return ramp(ua * rb->base, ua * rb->stride, lanes);
  return binary(op, std::move(a), std::move(b));
}

}  // namespace tc::ir
