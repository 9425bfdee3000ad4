// Expressions by kind; arithmetic is in emit_arith.cpp, conversions in emit_cast.cpp.
#include <fmt/format.h>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

Value* FunctionEmitter::eval(const Expr& e) {
  // a node with one handle is met once; others may be shared within the statement
  const bool shared =
      e->refs.load(std::memory_order_relaxed) > 1 && e->kind != Kind::Var && e->kind != Kind::IntImm;
  if (shared)
    if (const auto it = evaluated_.find(e.get()); it != evaluated_.end()) return it->second;
  Value* v = e->type == kIndex ? index_value(e).value : eval_new(e);
  if (shared) evaluated_.emplace(e.get(), v);
  return v;
}

Value* FunctionEmitter::eval_new(const Expr& e) {
  switch (e->kind) {
    case Kind::Var: {
      const Bound& b = bound(*e.as<Var>());
      return b.linear ? materialize(*b.linear).value : b.value.value;
    }
    case Kind::IntImm:
      return llvm::ConstantInt::get(value_type(e->type), static_cast<uint64_t>(e.as<IntImm>()->value));
    case Kind::FloatImm: {
      const double v = e.as<FloatImm>()->value;
      if (e->type.bits != 16) return llvm::ConstantFP::get(value_type(e->type), v);
      return narrow(llvm::ConstantFP::get(b_.getFloatTy(), v), e->type);  // exact: folds to its bits
    }
    case Kind::Binary: {
      const Binary& n = *e.as<Binary>();
      Value* a = eval(n.a);
      return apply(n.op, n.a->type, a, eval(n.b));
    }
    case Kind::Call:
      return eval_call(*e.as<Call>());
    case Kind::Select: {
      const Select& n = *e.as<Select>();
      Value *c = eval(n.condition), *a = eval(n.if_true);
      return b_.CreateSelect(c, a, eval(n.if_false));
    }
    case Kind::Cast:
      return eval_cast(*e.as<Cast>());
    case Kind::Load:
      return load(*e.as<Load>());
    case Kind::Ramp:
      return eval_ramp(*e.as<Ramp>());
    case Kind::Broadcast:
      return splat(eval(e.as<Broadcast>()->value), e->type.lanes);
    case Kind::VectorReduce:
      return eval_reduce(*e.as<VectorReduce>());
    default:
      refuse(fmt::format("{} has no machine code", to_string(e->kind)), s_.name);
  }
}

Value* FunctionEmitter::splat(Value* scalar, int lanes) {
  if (llvm::isa<llvm::Constant>(scalar)) return b_.CreateVectorSplat(static_cast<unsigned>(lanes), scalar);
  Value*& known = splats_[{scalar, lanes}];
  if (!known) known = b_.CreateVectorSplat(static_cast<unsigned>(lanes), scalar);
  return known;
}

Value* FunctionEmitter::eval_ramp(const Ramp& e) {
  const int lanes = e.type.lanes;
  std::vector<llvm::Constant*> steps;
  llvm::Type* element = value_type(e.type.element());
  for (int i = 0; i < lanes; ++i) steps.push_back(llvm::ConstantInt::get(element, static_cast<uint64_t>(i)));
  Value* step = b_.CreateMul(splat(eval(e.stride), lanes), llvm::ConstantVector::get(steps));
  return b_.CreateAdd(splat(eval(e.base), lanes), step);
}

// Halves as VectorReduce defines them, so that a float sum has the same
// rounding here as in the interpreter.
Value* FunctionEmitter::eval_reduce(const VectorReduce& e) {
  Value* v = eval(e.value);
  const DType type = e.value->type.element();
  for (int n = e.value->type.lanes; n > 2; n = (n + 1) / 2) {
    const int half = (n + 1) / 2;
    std::vector<int> low, high, middle;
    for (int i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(i + half < n ? i + half : llvm::PoisonMaskElem);
      middle.push_back(i + half < n ? i : half + i);
    }
    Value *lower = b_.CreateShuffleVector(v, low), *upper = b_.CreateShuffleVector(v, high);
    v = apply(e.op, type.with_lanes(half), lower, upper);
    if (n % 2 != 0) v = b_.CreateShuffleVector(v, lower, middle);
  }
  Value *first = b_.CreateExtractElement(v, uint64_t{0}), *second = b_.CreateExtractElement(v, uint64_t{1});
  return apply(e.op, type, first, second);
}

Value* FunctionEmitter::eval_call(const Call& e) {
  std::vector<Value*> args;
  for (const Expr& a : e.args) args.push_back(eval(a));
  const DType type = e.args[0]->type;
  switch (e.op) {
    case CallOp::not_:
      return b_.CreateNot(args[0]);
    case CallOp::bits:
      return b_.CreateBitCast(args[0], value_type(e.type));
    case CallOp::isnan: {
      Value* v = type.bits == 16 ? widen(args[0], type) : args[0];
      return b_.CreateFCmpUNO(v, v);
    }
    case CallOp::dot:
      return eval_dot(e, args);
    default:
      break;
  }
  if (type.is_float()) return eval_float_call(e.op, type, args);
  switch (e.op) {
    case CallOp::neg:
      return b_.CreateNeg(args[0]);
    case CallOp::abs:
      return type.is_signed() ? b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, args[0], b_.getFalse())
                              : args[0];
    case CallOp::fma:
      return b_.CreateAdd(b_.CreateMul(args[0], args[1]), args[2]);
    default:
      refuse(fmt::format("{} of {} is no machine operation", to_string(e.op), to_string(type)), s_.name);
  }
}

Value* FunctionEmitter::eval_float_call(CallOp op, DType type, const std::vector<Value*>& args) {
  if (type.bits == 16) {
    // the sign is a bit; everything else goes through f32
    if (op == CallOp::neg) return b_.CreateXor(args[0], int_like(args[0], 0x8000));
    if (op == CallOp::abs) return b_.CreateAnd(args[0], int_like(args[0], 0x7fff));
    std::vector<Value*> wide;
    for (Value* a : args) wide.push_back(widen(a, type));
    return narrow(eval_float_call(op, kF32.with_lanes(type.lanes), wide), type);
  }
  const auto unary = [&](llvm::Intrinsic::ID id) { return b_.CreateUnaryIntrinsic(id, args[0]); };
  switch (op) {
    case CallOp::neg:
      return b_.CreateFNeg(args[0]);
    case CallOp::abs:
      return unary(llvm::Intrinsic::fabs);
    case CallOp::sqrt:
      return unary(llvm::Intrinsic::sqrt);
    case CallOp::floor:
      return unary(llvm::Intrinsic::floor);
    case CallOp::ceil:
      return unary(llvm::Intrinsic::ceil);
    case CallOp::round:
      return unary(llvm::Intrinsic::roundeven);
    case CallOp::trunc:
      return unary(llvm::Intrinsic::trunc);
    case CallOp::fma:
      return b_.CreateIntrinsic(args[0]->getType(), llvm::Intrinsic::fma, args);
    default:
      refuse(fmt::format("{} of {} is not expanded", to_string(op), to_string(type)), s_.name);
  }
}

}  // namespace tc::codegen
