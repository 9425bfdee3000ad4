// Binary operations, with the semantics at the head of ir/expr.h.
#include <bit>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

Value* FunctionEmitter::int_like(Value* like, uint64_t v) {
  return llvm::ConstantInt::get(like->getType(), v);
}

Value* FunctionEmitter::apply(BinaryOp op, DType type, Value* a, Value* b) {
  if (is_compare(op)) return compare(op, type, a, b);
  if (!type.is_float()) return apply_int(op, type, a, b);
  if (type.bits != 16) return apply_float(op, type, a, b);
  const DType f32 = kF32.with_lanes(type.lanes);
  Value *x = widen(a, type), *y = widen(b, type);
  if (op == BinaryOp::min) return b_.CreateSelect(b_.CreateFCmpOLT(y, x), b, a);
  if (op == BinaryOp::max) return b_.CreateSelect(b_.CreateFCmpOGT(y, x), b, a);
  return narrow(apply_float(op, f32, x, y), type);
}

Value* FunctionEmitter::compare(BinaryOp op, DType type, Value* a, Value* b) {
  if (type.is_float()) {
    if (type.bits == 16) {
      a = widen(a, type);
      b = widen(b, type);
    }
    switch (op) {
      case BinaryOp::eq:
        return b_.CreateFCmpOEQ(a, b);
      case BinaryOp::ne:
        return b_.CreateFCmpUNE(a, b);
      case BinaryOp::lt:
        return b_.CreateFCmpOLT(a, b);
      case BinaryOp::le:
        return b_.CreateFCmpOLE(a, b);
      case BinaryOp::gt:
        return b_.CreateFCmpOGT(a, b);
      default:
        return b_.CreateFCmpOGE(a, b);
    }
  }
  const bool s = type.is_signed();
  switch (op) {
    case BinaryOp::eq:
      return b_.CreateICmpEQ(a, b);
    case BinaryOp::ne:
      return b_.CreateICmpNE(a, b);
    case BinaryOp::lt:
      return s ? b_.CreateICmpSLT(a, b) : b_.CreateICmpULT(a, b);
    case BinaryOp::le:
      return s ? b_.CreateICmpSLE(a, b) : b_.CreateICmpULE(a, b);
    case BinaryOp::gt:
      return s ? b_.CreateICmpSGT(a, b) : b_.CreateICmpUGT(a, b);
    default:
      return s ? b_.CreateICmpSGE(a, b) : b_.CreateICmpUGE(a, b);
  }
}

Value* FunctionEmitter::apply_int(BinaryOp op, DType type, Value* a, Value* b) {
  switch (op) {
    case BinaryOp::add:
      return b_.CreateAdd(a, b);
    case BinaryOp::sub:
      return b_.CreateSub(a, b);
    case BinaryOp::mul:
      return b_.CreateMul(a, b);
    case BinaryOp::div:
      return divide(true, type, a, b);
    case BinaryOp::mod:
      return divide(false, type, a, b);
    case BinaryOp::min:
      return b_.CreateSelect(compare(BinaryOp::lt, type, a, b), a, b);
    case BinaryOp::max:
      return b_.CreateSelect(compare(BinaryOp::gt, type, a, b), a, b);
    case BinaryOp::and_:
    case BinaryOp::bit_and:
      return b_.CreateAnd(a, b);
    case BinaryOp::or_:
    case BinaryOp::bit_or:
      return b_.CreateOr(a, b);
    case BinaryOp::bit_xor:
      return b_.CreateXor(a, b);
    case BinaryOp::shl:
    case BinaryOp::shr:
      return shift(op, type, a, b);
    default:
      break;
  }
  refuse("an operation on integers that is none", s_.name);
}

Value* FunctionEmitter::apply_float(BinaryOp op, DType, Value* a, Value* b) {
  switch (op) {
    case BinaryOp::add:
      return b_.CreateFAdd(a, b);
    case BinaryOp::sub:
      return b_.CreateFSub(a, b);
    case BinaryOp::mul:
      return b_.CreateFMul(a, b);
    case BinaryOp::div:
      return b_.CreateFDiv(a, b);
    // one compare and one select, as minps and maxps of (b, a)
    case BinaryOp::min:
      return b_.CreateSelect(b_.CreateFCmpOLT(b, a), b, a);
    case BinaryOp::max:
      return b_.CreateSelect(b_.CreateFCmpOGT(b, a), b, a);
    case BinaryOp::mod: {
      Value* r = b_.CreateFRem(a, b);
      Value* zero = llvm::Constant::getNullValue(r->getType());
      Value* signs = b_.CreateXor(b_.CreateFCmpOLT(r, zero), b_.CreateFCmpOLT(b, zero));
      return b_.CreateSelect(b_.CreateAnd(b_.CreateFCmpUNE(r, zero), signs), b_.CreateFAdd(r, b), r);
    }
    default:
      break;
  }
  refuse("an operation on floats that is none", s_.name);
}

// Floor division by a constant b > 0 of signed values.
Value* FunctionEmitter::divide_by_constant(bool want_quotient, Value* a, int64_t b) {
  if (std::has_single_bit(static_cast<uint64_t>(b))) {
    const auto shift = static_cast<uint64_t>(std::countr_zero(static_cast<uint64_t>(b)));
    return want_quotient ? b_.CreateAShr(a, int_like(a, shift))
                         : b_.CreateAnd(a, int_like(a, static_cast<uint64_t>(b) - 1));
  }
  Value* divisor = int_like(a, static_cast<uint64_t>(b));
  Value* r = b_.CreateSRem(a, divisor);
  Value* negative = b_.CreateICmpSLT(r, int_like(r, 0));
  if (!want_quotient) return b_.CreateSelect(negative, b_.CreateAdd(r, divisor), r);
  return b_.CreateAdd(b_.CreateSDiv(a, divisor), b_.CreateSExt(negative, a->getType()));
}

// A divisor that is zero, or -1 where the quotient overflows, would trap in the
// machine; the first gives some value here, the second wraps.
Value* FunctionEmitter::divide(bool want_quotient, DType type, Value* a, Value* b) {
  const auto* vector = llvm::dyn_cast<llvm::Constant>(b);
  const auto* c = vector ? llvm::dyn_cast<llvm::ConstantInt>(
                               vector->getType()->isVectorTy() ? vector->getSplatValue() : vector)
                         : nullptr;
  Value *zero = int_like(b, 0), *one = int_like(b, 1);
  if (!type.is_signed()) {
    Value* safe = c && !c->isZero() ? b : b_.CreateSelect(b_.CreateICmpEQ(b, zero), one, b);
    return want_quotient ? b_.CreateUDiv(a, safe) : b_.CreateURem(a, safe);
  }
  if (c && c->getSExtValue() > 0) return divide_by_constant(want_quotient, a, c->getSExtValue());
  Value* minus_one = b_.CreateICmpEQ(b, llvm::Constant::getAllOnesValue(b->getType()));
  Value* safe = b_.CreateSelect(b_.CreateOr(minus_one, b_.CreateICmpEQ(b, zero)), one, b);
  Value* r = b_.CreateSRem(a, safe);
  Value* opposite = b_.CreateICmpSLT(b_.CreateXor(r, safe), zero);
  Value* adjust = b_.CreateAnd(b_.CreateICmpNE(r, zero), opposite);
  if (!want_quotient) return b_.CreateSelect(adjust, b_.CreateAdd(r, safe), r);
  Value* q = b_.CreateAdd(b_.CreateSDiv(a, safe), b_.CreateSExt(adjust, a->getType()));
  return b_.CreateSelect(minus_one, b_.CreateNeg(a), q);
}

// An amount that is negative or as many as the bits, an error of the program, would give
// one value in a vector and another one outside. Here all bits are shifted out.
Value* FunctionEmitter::shift(BinaryOp op, DType type, Value* a, Value* b) {
  Value* bits = int_like(b, static_cast<uint64_t>(type.bits));
  Value* inside = b_.CreateICmpULT(b, bits);  // folds where the amount is a constant
  if (op == BinaryOp::shr && type.is_signed())
    return b_.CreateAShr(a, b_.CreateSelect(inside, b, int_like(b, static_cast<uint64_t>(type.bits) - 1)));
  Value* shifted = op == BinaryOp::shl ? b_.CreateShl(a, b) : b_.CreateLShr(a, b);
  return b_.CreateSelect(inside, shifted, int_like(a, 0));
}

}  // namespace tc::codegen
