// dot: sums of products of narrow integers. On x86, piece by piece of a register:
// groups of four unsigned by signed bytes in one instruction where there is VNNI,
// else pairs of 16 bits by multiply-add, both of which are exact. Elsewhere as
// written, in 32 bits.
#include <llvm/IR/IntrinsicsX86.h>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

namespace {

int lanes_of(Value* v) {
  const auto* t = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
  return t ? static_cast<int>(t->getNumElements()) : 1;
}

// first, first + step, ...: so many lanes.
std::vector<int> every(int step, int first, int lanes) {
  std::vector<int> mask;
  for (int i = 0; i < lanes; ++i) mask.push_back(first + i * step);
  return mask;
}

// The instruction for `lanes` results of pairs of 16 bits, or none.
llvm::Intrinsic::ID multiply_add(const Target& t, int lanes) {
  if (lanes == 16 && t.has("avx512bw")) return llvm::Intrinsic::x86_avx512_pmaddw_d_512;
  if (lanes == 8 && t.has("avx2")) return llvm::Intrinsic::x86_avx2_pmadd_wd;
  if (lanes == 4 && t.has("sse2")) return llvm::Intrinsic::x86_sse2_pmadd_wd;
  return llvm::Intrinsic::not_intrinsic;
}

// That for `lanes` results of four unsigned by four signed bytes, or none.
llvm::Intrinsic::ID bytes_dot(const Target& t, int lanes) {
  const bool small = (t.has("avx512vnni") && t.has("avx512vl")) || t.has("avxvnni");
  if (lanes == 16 && t.has("avx512vnni")) return llvm::Intrinsic::x86_avx512_vpdpbusd_512;
  if (lanes == 8 && small) return llvm::Intrinsic::x86_avx512_vpdpbusd_256;
  if (lanes == 4 && small) return llvm::Intrinsic::x86_avx512_vpdpbusd_128;
  return llvm::Intrinsic::not_intrinsic;
}

}  // namespace

Value* FunctionEmitter::slice(Value* v, int first, int lanes) {
  if (lanes == lanes_of(v)) return v;
  if (lanes == 1) return b_.CreateExtractElement(v, static_cast<uint64_t>(first));
  return b_.CreateShuffleVector(v, every(1, first, lanes));
}

// Vectors one after the other, none longer than those before it together.
Value* FunctionEmitter::concatenate(const std::vector<Value*>& parts) {
  Value* all = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    const int n = lanes_of(all), more = lanes_of(parts[i]);
    std::vector<int> widen = every(1, 0, more);
    widen.resize(static_cast<size_t>(n), llvm::PoisonMaskElem);
    Value* next = n == more ? parts[i] : b_.CreateShuffleVector(parts[i], widen);
    all = b_.CreateShuffleVector(all, next, every(1, 0, n + more));
  }
  return all;
}

// `v` with each value in `bits` bits, and a single group repeated up to `lanes`.
Value* FunctionEmitter::dot_operand(Value* v, DType type, unsigned bits, int lanes) {
  const int n = lanes_of(v);
  llvm::Type* to = b_.getIntNTy(bits);
  if (n != 1) to = llvm::FixedVectorType::get(to, static_cast<unsigned>(n));
  v = type.is_signed() ? b_.CreateSExt(v, to) : b_.CreateZExt(v, to);
  if (n == lanes) return v;
  if (n == 1) return b_.CreateVectorSplat(static_cast<unsigned>(lanes), v);
  std::vector<int> mask;
  for (int i = 0; i < lanes; ++i) mask.push_back(i % n);
  return b_.CreateShuffleVector(v, mask);
}

// Null where there is no instruction.
Value* FunctionEmitter::dot_bytes(Value* c, DType a_type, Value* a, DType b_type, Value* b) {
  const int n = lanes_of(c);
  const bool mixed = a_type.element() == kU8 && b_type.element() == kI8;
  const bool swapped = a_type.element() == kI8 && b_type.element() == kU8;
  const auto id = bytes_dot(s_.target, n);
  if (lanes_of(b) != 4 * n || (!mixed && !swapped) || id == llvm::Intrinsic::not_intrinsic) return nullptr;
  // a group that all share is one element of 32 bits, which a broadcast repeats
  const auto packed = [&](Value* v) -> Value* {
    if (lanes_of(v) == 4)
      return b_.CreateVectorSplat(static_cast<unsigned>(n), b_.CreateBitCast(v, b_.getInt32Ty()));
    return b_.CreateBitCast(v, llvm::FixedVectorType::get(b_.getInt32Ty(), static_cast<unsigned>(n)));
  };
  Value *x = packed(mixed ? a : b), *y = packed(mixed ? b : a);
  return b_.CreateIntrinsic(id, {}, {c, x, y});
}

// Null where there is no instruction.
Value* FunctionEmitter::dot_pairs(Value* c, DType a_type, Value* a, DType b_type, Value* b) {
  const int n = lanes_of(c), all = lanes_of(b), pairs = all / 2;
  const int width = std::min(pairs, s_.target.has("avx512bw") ? 16 : s_.target.has("avx2") ? 8 : 4);
  if (n == 1 || all / n % 2 != 0 || pairs % width != 0) return nullptr;
  const auto id = multiply_add(s_.target, width);
  if (id == llvm::Intrinsic::not_intrinsic) return nullptr;
  Value *x = dot_operand(a, a_type, 16, all), *y = dot_operand(b, b_type, 16, all);
  std::vector<Value*> parts;
  for (int first = 0; first < all; first += 2 * width)
    parts.push_back(b_.CreateIntrinsic(id, {}, {slice(x, first, 2 * width), slice(y, first, 2 * width)}));
  Value* sums = concatenate(parts);
  const int group = pairs / n;  // sums that belong to one result
  for (int j = 0; j < group; ++j)
    c = b_.CreateAdd(c, group == 1 ? sums : b_.CreateShuffleVector(sums, every(group, j, n)));
  return c;
}

Value* FunctionEmitter::dot_plain(Value* c, DType a_type, Value* a, DType b_type, Value* b) {
  const int n = lanes_of(c), all = lanes_of(b), group = all / n;
  Value* product = b_.CreateMul(dot_operand(a, a_type, 32, all), dot_operand(b, b_type, 32, all));
  for (int j = 0; j < group; ++j) {
    Value* one = group == 1 ? product
                 : n == 1   ? b_.CreateExtractElement(product, static_cast<uint64_t>(j))
                            : b_.CreateShuffleVector(product, every(group, j, n));
    c = b_.CreateAdd(c, one);
  }
  return c;
}

Value* FunctionEmitter::eval_dot(const Call& e, const std::vector<Value*>& args) {
  const DType a_type = e.args[1]->type, b_type = e.args[2]->type;
  const int n = e.type.lanes, group = b_type.lanes / n, native = s_.target.lanes(32);
  const int piece = n > native && n % native == 0 ? native : n;
  std::vector<Value*> parts;
  for (int first = 0; first < n; first += piece) {
    Value *c = slice(args[0], first, piece), *b = slice(args[2], first * group, piece * group);
    Value* a = a_type.lanes == group ? args[1] : slice(args[1], first * group, piece * group);
    Value* sum = dot_bytes(c, a_type, a, b_type, b);
    if (!sum) sum = dot_pairs(c, a_type, a, b_type, b);
    parts.push_back(sum ? sum : dot_plain(c, a_type, a, b_type, b));
  }
  return concatenate(parts);
}

}  // namespace tc::codegen
