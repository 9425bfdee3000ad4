#include "scalar.h"

#include <algorithm>

#include "tc/ir/numeric.h"
#include "tc/ir/print.h"
#include "tc/support/error.h"

namespace tc::accel {

using ir::BinaryOp;

namespace {

// The arithmetic is that of constants and of the interpreter.
int64_t binary_value(BinaryOp op, ir::DType type, int64_t a, int64_t b) {
  const auto value = ir::fold_int(op, type, a, b);
  if (!value)
    throw Error("codegen.accel.index", "an index divides by zero or shifts by more than its bits")
        .fix("guard the division, or the shift, by a condition");
  return *value;
}

}  // namespace

Scalar Scalar::compile(const ir::Expr& e, Slots& slots) {
  Scalar out;
  out.add(e, slots);
  return out;
}

int Scalar::add(const ir::Expr& e, Slots& slots) {
  const auto refuse = [&] {
    throw Error("codegen.accel.index", "an index or condition of the device is no integer arithmetic")
        .fact("expression", ir::to_string(e))
        .fix("compute on the device with what loops give, not with what memory holds");
  };
  Item item{Op::number, BinaryOp::add, e->type};
  if (!e->type.is_scalar() || e->type.is_float() || e->type == ir::kU64) refuse();
  if (const auto* imm = e.as<ir::IntImm>()) {
    item.number = imm->value;
  } else if (const auto* v = e.as<ir::Var>()) {
    item.op = Op::slot;
    item.number = slots.of(*v);
  } else if (const auto* b = e.as<ir::Binary>()) {
    item.op = Op::binary;
    item.binary = b->op;
    item.type = b->a->type;  // of a comparison too
    item.a = add(b->a, slots), item.b = add(b->b, slots);
  } else if (const auto* s = e.as<ir::Select>()) {
    item.op = Op::choose;
    item.a = add(s->condition, slots), item.b = add(s->if_true, slots), item.c = add(s->if_false, slots);
  } else if (const auto* c = e.as<ir::Cast>()) {
    item.op = Op::cast;
    item.a = add(c->value, slots);
  } else if (const auto* call = e.as<ir::Call>()) {
    if (call->op == ir::CallOp::if_then_else) {
      item.op = Op::choose;
      item.a = add(call->args[0], slots), item.b = add(call->args[1], slots);
      item.c = add(call->args[2], slots);
    } else if (call->op == ir::CallOp::neg || call->op == ir::CallOp::not_) {
      item.op = call->op == ir::CallOp::neg ? Op::negate : Op::invert;
      item.a = add(call->args[0], slots);
    } else {
      refuse();
    }
  } else {
    refuse();
  }
  code_.push_back(item);
  return static_cast<int>(code_.size()) - 1;
}

int64_t Scalar::eval(int at, const Env& env) const {
  const Item& item = code_[static_cast<size_t>(at)];
  switch (item.op) {
    case Op::number:
      return item.number;
    case Op::slot:
      return env[static_cast<size_t>(item.number)];
    case Op::binary:
      return binary_value(item.binary, item.type, eval(item.a, env), eval(item.b, env));
    case Op::choose:
      return eval(eval(item.a, env) ? item.b : item.c, env);
    case Op::negate:
      return ir::wrap(item.type, static_cast<int64_t>(-static_cast<uint64_t>(eval(item.a, env))));
    case Op::invert:
      return eval(item.a, env) == 0;
    case Op::cast:
      return ir::wrap(item.type, eval(item.a, env));
  }
  return 0;
}

bool Scalar::uses(int slot) const {
  return std::any_of(code_.begin(), code_.end(),
                     [&](const Item& item) { return item.op == Op::slot && item.number == slot; });
}

void Linear::too_large() {
  throw Error("codegen.accel.index", "an index, a condition or the length of a loop is too large")
      .fix("keep extents and strides below 2^32");
}

Linear Linear::compile(const ir::Expr& e, Slots& slots) {
  Linear out;
  const auto sum = ir::to_affine(e);
  if (!sum) {
    out.rest.emplace_back(Scalar::compile(e, slots), 1);
    return out;
  }
  out.constant = sum->constant;
  for (const ir::AffineTerm& t : sum->terms) {
    if (const auto* v = t.atom.as<ir::Var>())
      out.terms.push_back({slots.of(*v), t.coef});
    else
      out.rest.emplace_back(Scalar::compile(t.atom, slots), t.coef);
  }
  return out;
}

bool Linear::take(int slot, int64_t& coef) {
  for (const auto& [scalar, c] : rest)
    if (scalar.uses(slot)) return false;
  coef = 0;
  for (size_t i = 0; i < terms.size(); ++i)
    if (terms[i].slot == slot) {
      coef = terms[i].coef;
      if (coef > int64_t{1} << 32 || coef < -(int64_t{1} << 32)) too_large();
      terms.erase(terms.begin() + static_cast<ptrdiff_t>(i));
      break;
    }
  return true;
}

}  // namespace tc::accel
