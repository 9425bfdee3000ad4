#include "values.h"

namespace tc::ir {

namespace {

bool is_constant(const Expr& e) {
  if (const auto* b = e.as<Broadcast>()) return is_constant(b->value);
  return e->kind == Kind::IntImm || e->kind == Kind::FloatImm;
}

}  // namespace

bool worth_a_name(const Expr& e) {
  switch (e->kind) {
    case Kind::Load:
      return e.as<Load>()->buffer->scope != Scope::register_;
    case Kind::Binary:
      return e->type.element() != kIndex || e.as<Binary>()->op > BinaryOp::mul;
    case Kind::Broadcast:
      return e->type.element() != kIndex && !is_constant(e);
    case Kind::Call:
      return !is_guard(e);
    case Kind::Select:
    case Kind::Cast:
    case Kind::VectorReduce:
      return true;
    default:
      return false;
  }
}

std::string name_for(const Expr& e) {
  if (const auto* l = e.as<Load>()) return l->buffer->name;
  if (const auto* b = e.as<Broadcast>()) return name_for(b->value);
  return "t";
}

bool cannot_fail(const Expr& e) {
  bool ok = true;
  walk<Binary>(e, [&](const Binary& b) {
    const auto right = as_int(b.b);
    if ((b.op == BinaryOp::div || b.op == BinaryOp::mod) && !b.type.is_float()) ok &= right.value_or(0) != 0;
    if (b.op == BinaryOp::shl || b.op == BinaryOp::shr) ok &= right && *right >= 0 && *right < b.type.bits;
  });
  return ok;
}

}  // namespace tc::ir
