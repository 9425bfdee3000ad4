// Conversions between types.
#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

Value* FunctionEmitter::widen(Value* v, DType type) {
  llvm::Type* f32 = value_type(kF32.with_lanes(type.lanes));
  if (type.code == TypeCode::bfloat) {
    Value* bits = b_.CreateZExt(v, value_type(kU32.with_lanes(type.lanes)));
    return b_.CreateBitCast(b_.CreateShl(bits, int_like(bits, 16)), f32);
  }
  llvm::Type* half = b_.getHalfTy();
  if (type.lanes != 1) half = llvm::FixedVectorType::get(half, type.lanes);
  return b_.CreateFPExt(b_.CreateBitCast(v, half), f32);
}

Value* FunctionEmitter::narrow(Value* f32, DType type) {
  if (type.code != TypeCode::bfloat) {
    llvm::Type* half = b_.getHalfTy();
    if (type.lanes != 1) half = llvm::FixedVectorType::get(half, type.lanes);
    return b_.CreateBitCast(b_.CreateFPTrunc(f32, half), value_type(type));
  }
  // nearest even by integer arithmetic; the conversion instruction of AVX512-BF16 flushes denormals
  Value* u = b_.CreateBitCast(f32, value_type(kU32.with_lanes(type.lanes)));
  Value* high = b_.CreateLShr(u, int_like(u, 16));
  Value* odd = b_.CreateAnd(high, int_like(u, 1));
  Value* rounded = b_.CreateLShr(b_.CreateAdd(u, b_.CreateAdd(odd, int_like(u, 0x7fff))), int_like(u, 16));
  Value* quiet = b_.CreateOr(high, int_like(u, 0x40));
  return b_.CreateTrunc(b_.CreateSelect(b_.CreateFCmpUNO(f32, f32), quiet, rounded), value_type(type));
}

// A value that keeps, in its last bit, whether anything was cut off: rounding it
// again to 16 bits equals rounding the f64 once.
Value* FunctionEmitter::odd_f32(Value* f64) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(f64->getType());
  const int lanes = vector ? static_cast<int>(vector->getNumElements()) : 1;
  Value* near = b_.CreateFPTrunc(f64, value_type(kF32.with_lanes(lanes)));
  Value* back = b_.CreateFPExt(near, f64->getType());
  Value* u = b_.CreateBitCast(near, value_type(kU32.with_lanes(lanes)));
  const auto magnitude = [&](Value* v) { return b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, v); };
  Value* above = b_.CreateFCmpOGT(magnitude(back), magnitude(f64));
  Value* cut = b_.CreateSelect(above, b_.CreateSub(u, int_like(u, 1)), u);
  Value* inexact = b_.CreateFCmpONE(back, f64);
  u = b_.CreateSelect(inexact, b_.CreateOr(cut, int_like(u, 1)), u);
  return b_.CreateBitCast(u, near->getType());
}

Value* FunctionEmitter::eval_cast(const Cast& e) {
  const DType from = e.value->type, to = e.type;
  Value* v = eval(e.value);
  if (to.is_float()) return cast_to_float(v, from, to);
  if (from.is_float()) return cast_float_to_int(v, from, to);
  if (to.is_bool()) return b_.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType()));
  return b_.CreateIntCast(v, value_type(to), from.is_signed());
}

Value* FunctionEmitter::cast_float_to_int(Value* v, DType from, DType to) {
  if (from.bits == 16) v = widen(v, from);
  if (to.is_bool()) return b_.CreateFCmpUNE(v, llvm::Constant::getNullValue(v->getType()));
  const auto id = to.is_signed() ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
  return b_.CreateIntrinsic(id, {value_type(to), v->getType()}, {v});
}

Value* FunctionEmitter::cast_to_float(Value* v, DType from, DType to) {
  const int lanes = to.lanes;
  llvm::Type *f32 = value_type(kF32.with_lanes(lanes)), *f64 = value_type(kF64.with_lanes(lanes));
  if (from.is_float()) {
    if (from.bits == 16) v = widen(v, from);
    if (to.bits == 16) return narrow(from.bits == 64 ? odd_f32(v) : v, to);
    return to.bits == (from.bits == 64 ? 64 : 32) ? v
           : to.bits == 64                        ? b_.CreateFPExt(v, f64)
                                                  : b_.CreateFPTrunc(v, f32);
  }
  const auto convert = [&](llvm::Type* t) {
    return from.is_signed() ? b_.CreateSIToFP(v, t) : b_.CreateUIToFP(v, t);
  };
  if (to.bits != 16) return convert(value_type(to));
  return narrow(from.bits <= 16 ? convert(f32) : odd_f32(convert(f64)),
                to);  // f32 holds 16-bit integers exactly
}

}  // namespace tc::codegen
