#include <fmt/format.h>
#include <llvm/IR/Dominators.h>
#include <llvm/Transforms/Utils/PromoteMemToReg.h>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

void refuse(const std::string& what, const std::string& where) {
  throw Error("codegen.form", what).fact("at", where).fix("lower the function to target form first");
}

FunctionEmitter::FunctionEmitter(ModuleState& state, llvm::Function* function, bool in_parallel)
    : s_(state), fn_(function), b_(state.context()), in_parallel_(in_parallel) {
  entry_ = new_block("entry");
  llvm::BasicBlock* start = new_block("start");
  b_.SetInsertPoint(entry_);
  b_.CreateBr(start);
  b_.SetInsertPoint(start);
  open_level();
}

void FunctionEmitter::finish() {
  b_.CreateRet(b_.getInt32(0));
  if (promotable_.empty()) return;
  llvm::DominatorTree dominators(*fn_);
  llvm::PromoteMemToReg(promotable_, dominators);
}

void FunctionEmitter::bind(const Buffer& buffer, Value* base) {
  Place& place = buffers_[&buffer];
  place.base = base;
  place.level = level_of(base);
}

void FunctionEmitter::bind(const Var& var, Value* value, bool nonnegative) {
  Bound& bound = vars_[&var];
  bound = {};
  bound.value = {value, level_of(value)};
  bound.nonnegative = nonnegative;
  if (var.type != kIndex) return;
  bound.linear.emplace();
  if (const auto* c = llvm::dyn_cast<llvm::ConstantInt>(value))
    bound.linear->constant = c->getSExtValue();
  else
    bound.linear->terms.push_back({value, bound.value.level, 1});
}

const FunctionEmitter::Bound& FunctionEmitter::bound(const Var& var) {
  const auto it = vars_.find(&var);
  if (it == vars_.end())
    refuse(fmt::format("the variable {} is used where nothing binds it", var.name), s_.name);
  return it->second;
}

FunctionEmitter::Place& FunctionEmitter::place_of(const Buffer& buffer) {
  const auto it = buffers_.find(&buffer);
  if (it == buffers_.end())
    refuse(fmt::format("the buffer {} is used where nothing allocates it", buffer.name), s_.name);
  return it->second;
}

// f16 and bf16 travel as their bits: LLVM would turn conversions of `bfloat`
// into library calls or into instructions that flush denormals.
llvm::Type* FunctionEmitter::value_type(DType type) {
  llvm::Type* t = nullptr;
  if (type.is_bool())
    t = b_.getInt1Ty();
  else if (type.is_float() && type.bits == 32)
    t = b_.getFloatTy();
  else if (type.is_float() && type.bits == 64)
    t = b_.getDoubleTy();
  else
    t = b_.getIntNTy(type.bits);
  return type.lanes == 1 ? t : llvm::FixedVectorType::get(t, type.lanes);
}

llvm::Type* FunctionEmitter::memory_type(DType type) {
  return type.is_bool() ? value_type(kU8.with_lanes(type.lanes)) : value_type(type);
}

void FunctionEmitter::enter(llvm::BasicBlock* block) {
  b_.SetInsertPoint(block);
  evaluated_.clear();
  loaded_.clear();
  splats_.clear();
}

llvm::AllocaInst* FunctionEmitter::entry_alloca(llvm::Type* type, int align) {
  auto* a = new llvm::AllocaInst(type, 0, nullptr, llvm::Align(static_cast<uint64_t>(align)), "",
                                 entry_->getTerminator()->getIterator());
  level_of_[a] = 0;
  return a;
}

void FunctionEmitter::open_level() {
  llvm::BasicBlock* block = b_.GetInsertBlock();
  Level& level = levels_.emplace_back();
  level.block = block;
  if (!block->empty()) level.last = &block->back();
}

void FunctionEmitter::close_level() { levels_.pop_back(); }

int FunctionEmitter::level_of(Value* v) const {
  if (llvm::isa<llvm::Constant>(v) || llvm::isa<llvm::Argument>(v)) return 0;
  const auto it = level_of_.find(v);
  return it == level_of_.end() ? kHere : it->second;
}

// induction * factor, or base + induction * factor bytes, as an induction
// variable of its own: one addition an iteration. LLVM's loop strength reduction
// would do the same at a quarter of the compile time; it is off (codegen.cpp).
Value* FunctionEmitter::step_along(Level& level, Value* base, int64_t factor) {
  llvm::IRBuilder<> before(level.preheader->getTerminator());
  Value* first = before.CreateMul(level.induction->getIncomingValueForBlock(level.preheader), i64(factor));
  if (base) first = before.CreateGEP(b_.getInt8Ty(), base, first);
  auto* phi =
      llvm::PHINode::Create(first->getType(), 2, level.induction->getName() + ".step", level.block->begin());
  phi->addIncoming(first, level.preheader);
  level.stepped.emplace_back(phi, factor);
  return phi;
}

FunctionEmitter::Leveled FunctionEmitter::pure(unsigned opcode, Leveled a, Leveled b) {
  const auto* factor = llvm::dyn_cast<llvm::ConstantInt>(b.value);
  if (opcode == llvm::Instruction::Mul && a.level != kHere && factor) {
    Level& level = levels_[static_cast<size_t>(a.level)];
    if (level.induction && level.induction == a.value)
      return placed(static_cast<int>(opcode), a, b, nullptr,
                    [&](llvm::IRBuilder<>&) { return step_along(level, nullptr, factor->getSExtValue()); });
  }
  return placed(static_cast<int>(opcode), a, b, nullptr, [&](llvm::IRBuilder<>& at) {
    return at.CreateBinOp(static_cast<llvm::Instruction::BinaryOps>(opcode), a.value, b.value);
  });
}

FunctionEmitter::Leveled FunctionEmitter::pure_gep(llvm::Type* element, Leveled base, Leveled offset) {
  return placed(-1, base, offset, element,
                [&](llvm::IRBuilder<>& at) { return at.CreateGEP(element, base.value, offset.value); });
}

// Division and the like on indices, at their level.
FunctionEmitter::Leveled FunctionEmitter::index_binary(const Binary& e) {
  const Leveled a = index_value(e.a), b = index_value(e.b);
  if (e.op == BinaryOp::div || e.op == BinaryOp::mod) {
    const auto* c = llvm::dyn_cast<llvm::ConstantInt>(b.value);
    if (c && c->getSExtValue() > 0 && is_nonnegative(e.a))
      return pure(e.op == BinaryOp::div ? llvm::Instruction::UDiv : llvm::Instruction::URem, a, b);
  }
  return placed(-2 - static_cast<int>(e.op), a, b, nullptr, [&](llvm::IRBuilder<>& at) {
    // a flat run of instructions at the hoisting point, by the code for values in place
    const auto saved = b_.saveIP();
    b_.restoreIP(at.saveIP());
    Value* v = apply(e.op, kIndex, a.value, b.value);
    b_.restoreIP(saved);
    return v;
  });
}

}  // namespace tc::codegen
