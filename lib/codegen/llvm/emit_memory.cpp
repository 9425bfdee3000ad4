// Loads and stores. Index vectors are taken apart first: stride 1 is one vector
// access, stride 0 a scalar load and a splat (which folds into the operand of an
// AVX-512 instruction), stride -1 a reversed access; anything else goes lane by
// lane, in the order that Store promises.
#include <fmt/format.h>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

Value* FunctionEmitter::from_memory(Value* v, DType type) {
  return type.is_bool() ? b_.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType())) : v;
}

Value* FunctionEmitter::to_memory(Value* v, DType type) {
  return type.is_bool() ? b_.CreateZExt(v, memory_type(type)) : v;
}

Value* FunctionEmitter::load_at(const Place& place, DType type, const Linear& index) {
  Value* pointer = address(place, type.element(), index);
  const int64_t offset = index.constant * type.bytes();
  llvm::Type* t = memory_type(type);
  Value*& known = loaded_[{pointer, offset, t}];
  if (known) return known;
  if (offset != 0) pointer = b_.CreateGEP(b_.getInt8Ty(), pointer, i64(offset));
  return known = b_.CreateAlignedLoad(t, pointer, llvm::Align(static_cast<uint64_t>(type.bytes())));
}

void FunctionEmitter::store_at(const Place& place, DType type, const Linear& index, Value* value) {
  Value* pointer = address(place, type.element(), index);
  const int64_t offset = index.constant * type.bytes();
  if (offset != 0) pointer = b_.CreateGEP(b_.getInt8Ty(), pointer, i64(offset));
  b_.CreateAlignedStore(value, pointer, llvm::Align(static_cast<uint64_t>(type.bytes())));
}

llvm::AllocaInst* FunctionEmitter::slot(const Place& place, const Buffer& buffer, const Expr& index) {
  const auto* r = index.as<Ramp>();
  const auto first = as_int(r ? r->base : index);
  const auto it = first ? place.slots.find({*first, index->type.lanes}) : place.slots.end();
  if (it == place.slots.end())
    refuse(fmt::format("the register buffer {} has no such slot", buffer.name), s_.name);
  return it->second;
}

namespace {
const Expr* flat_index(const std::vector<Expr>& indices, const Buffer& buffer, const std::string& where) {
  if (indices.size() > 1)
    refuse(fmt::format("the buffer {} has {} dimensions", buffer.name, indices.size()), where);
  static const Expr zero = int_imm(0);
  return indices.empty() ? &zero : &indices[0];
}
}  // namespace

Value* FunctionEmitter::load(const Load& e) {
  const Place& place = place_of(*e.buffer);
  const Expr& index = *flat_index(e.indices, *e.buffer, s_.name);
  if (place.is_register) return b_.CreateLoad(value_type(e.type), slot(place, *e.buffer, index));
  Value* raw =
      e.type.lanes == 1 ? load_at(place, e.type, linearize(index)) : load_lanes(place, e.type, index);
  return from_memory(raw, e.type);
}

Value* FunctionEmitter::load_lanes(const Place& place, DType type, const Expr& index) {
  const int lanes = type.lanes;
  const DType element = type.element();
  const auto gather = [&](auto&& at) {
    Value* v = llvm::PoisonValue::get(memory_type(type));
    for (int i = 0; i < lanes; ++i)
      v = b_.CreateInsertElement(v, load_at(place, element, at(i)), static_cast<uint64_t>(i));
    return v;
  };
  if (const auto ramp = linearize_ramp(index)) {
    if (ramp->stride.is_constant()) {
      const int64_t stride = ramp->stride.constant;
      if (stride == 1) return load_at(place, type, ramp->base);
      if (stride == 0) return splat(load_at(place, element, ramp->base), lanes);
      if (stride == -1) return b_.CreateVectorReverse(load_at(place, type, lane_index(*ramp, lanes - 1)));
    }
    return gather([&](int i) { return lane_index(*ramp, i); });
  }
  Value* indices = eval(index);
  return gather([&](int i) {
    return Linear{{{b_.CreateExtractElement(indices, static_cast<uint64_t>(i)), kHere, 1}}, 0};
  });
}

void FunctionEmitter::emit_store(const Store& s) {
  const Place& place = place_of(*s.buffer);
  const Expr& index = *flat_index(s.indices, *s.buffer, s_.name);
  Value* value = eval(s.value);
  const DType type = s.value->type;
  if (place.is_register) {
    b_.CreateStore(value, slot(place, *s.buffer, index));
    return;
  }
  value = to_memory(value, type);
  if (type.lanes == 1)
    store_at(place, type, linearize(index), value);
  else
    store_lanes(place, type, index, value);
  loaded_.clear();
}

// The address may lie anywhere: no address arithmetic here says `inbounds`, and the
// instruction does not fault.
void FunctionEmitter::emit_prefetch(const Prefetch& p) {
  const Place& place = place_of(*p.buffer);
  if (place.is_register) return;
  const Linear index = linearize(*flat_index(p.indices, *p.buffer, s_.name));
  Value* pointer = address(place, p.buffer->type, index);
  const int64_t offset = index.constant * p.buffer->type.bytes();
  if (offset != 0) pointer = b_.CreateGEP(b_.getInt8Ty(), pointer, i64(offset));
  // to be read, kept in all levels of the cache, data
  b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer->getType()},
                     {pointer, b_.getInt32(0), b_.getInt32(3), b_.getInt32(1)});
}

void FunctionEmitter::store_lanes(const Place& place, DType type, const Expr& index, Value* value) {
  const int lanes = type.lanes;
  const DType element = type.element();
  const auto lane = [&](int i) { return b_.CreateExtractElement(value, static_cast<uint64_t>(i)); };
  if (const auto ramp = linearize_ramp(index)) {
    if (ramp->stride.is_constant()) {
      const int64_t stride = ramp->stride.constant;
      if (stride == 1) return store_at(place, type, ramp->base, value);
      if (stride == 0) return store_at(place, element, ramp->base, lane(lanes - 1));
      if (stride == -1)
        return store_at(place, type, lane_index(*ramp, lanes - 1), b_.CreateVectorReverse(value));
    }
    for (int i = 0; i < lanes; ++i) store_at(place, element, lane_index(*ramp, i), lane(i));
    return;
  }
  Value* indices = eval(index);
  for (int i = 0; i < lanes; ++i)
    store_at(place, element,
             Linear{{{b_.CreateExtractElement(indices, static_cast<uint64_t>(i)), kHere, 1}}, 0}, lane(i));
}

}  // namespace tc::codegen
