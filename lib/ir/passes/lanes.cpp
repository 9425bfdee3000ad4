#include "lanes.h"

#include <optional>

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

namespace {
// base + offset, lane by lane.
struct LaneOffsets {
  Expr base;
  std::vector<int64_t> offsets;
};

bool apply(BinaryOp op, int64_t& a, int64_t b) {
  switch (op) {
    case BinaryOp::add:
      return !__builtin_add_overflow(a, b, &a);
    case BinaryOp::sub:
      return !__builtin_sub_overflow(a, b, &a);
    case BinaryOp::mul:
      return !__builtin_mul_overflow(a, b, &a);
    case BinaryOp::div:
    case BinaryOp::mod:
      if (b <= 0) return false;
      a = op == BinaryOp::div ? floor_div(a, b) : floor_mod(a, b);
      return true;
    default:
      return false;
  }
}

std::optional<LaneOffsets> lane_offsets(const Expr& e);

std::optional<LaneOffsets> offsets_of(const Binary& b) {
  auto x = lane_offsets(b.a), y = lane_offsets(b.b);
  if (!x || !y) return std::nullopt;
  const bool sum = b.op == BinaryOp::add || b.op == BinaryOp::sub;
  if (sum) {
    x->base = binary(b.op, x->base, y->base);
  } else {  // by a number; and what is divided must be numbers
    const auto factor = as_int(y->base), base = as_int(x->base);
    if (!factor || (b.op != BinaryOp::mul && !base)) return std::nullopt;
    for (int64_t& o : y->offsets)
      if (!apply(BinaryOp::add, o, *factor) || (b.op == BinaryOp::mul && o != *factor)) return std::nullopt;
    if (b.op == BinaryOp::mul) {
      x->base = x->base * int_imm(*factor);
    } else {
      for (int64_t& o : x->offsets)
        if (!apply(BinaryOp::add, o, *base)) return std::nullopt;
      x->base = int_imm(0);
    }
  }
  for (size_t i = 0; i < x->offsets.size(); ++i)
    if (!apply(b.op, x->offsets[i], y->offsets[i])) return std::nullopt;
  return x;
}

std::optional<LaneOffsets> lane_offsets(const Expr& e) {
  const auto lanes = static_cast<size_t>(e->type.lanes);
  if (const auto* b = e.as<Broadcast>()) return LaneOffsets{b->value, std::vector<int64_t>(lanes, 0)};
  if (const auto* r = e.as<Ramp>()) {
    const auto stride = as_int(r->stride);
    LaneOffsets out{r->base, {}};
    for (size_t i = 0; stride && i < lanes; ++i) {
      int64_t o = static_cast<int64_t>(i);
      if (!apply(BinaryOp::mul, o, *stride)) return std::nullopt;
      out.offsets.push_back(o);
    }
    return stride ? std::optional(out) : std::nullopt;
  }
  const auto* b = e.as<Binary>();
  return b ? offsets_of(*b) : std::nullopt;
}
}  // namespace

Expr as_ramp(const Expr& e) {
  if (e->type.lanes == 1 || e->type.element() != kIndex || e->kind == Kind::Ramp ||
      e->kind == Kind::Broadcast)
    return e;
  const auto lanes = lane_offsets(e);
  if (!lanes) return e;
  int64_t stride = 0, step = 0;
  for (size_t i = 1; i < lanes->offsets.size(); ++i) {
    if (__builtin_sub_overflow(lanes->offsets[i], lanes->offsets[i - 1], &step)) return e;
    if (i == 1) stride = step;
    if (step != stride) return e;
  }
  return ramp(lanes->base + lanes->offsets[0], int_imm(stride), e->type.lanes);
}

}  // namespace tc::ir
