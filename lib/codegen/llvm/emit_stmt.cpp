// Control flow.
#include <fmt/format.h>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

void FunctionEmitter::emit(const Stmt& stmt) {
  if (!stmt) return;
  evaluated_.clear();
  switch (stmt->kind) {
    case Kind::For:
      return emit_for(*stmt.as<For>());
    case Kind::Store:
      return emit_store(*stmt.as<Store>());
    case Kind::Prefetch:
      return emit_prefetch(*stmt.as<Prefetch>());
    case Kind::Alloc:
      return emit_alloc(*stmt.as<Alloc>());
    case Kind::If:
      return emit_if(*stmt.as<If>());
    case Kind::Let:
      return emit_let(*stmt.as<Let>());
    case Kind::Seq:
      for (const Stmt& s : stmt.as<Seq>()->stmts) emit(s);
      return;
    default:
      refuse(fmt::format("a statement of kind {} has no machine code", to_string(stmt->kind)), s_.name);
  }
}

void FunctionEmitter::emit_for(const For& loop) {
  if (loop.var->type != kIndex)
    refuse(fmt::format("the loop variable {} is not i64", loop.var->name), s_.name);
  if (loop.mode != LoopMode::serial && loop.mode != LoopMode::parallel)
    refuse(fmt::format("the loop over {} is {}", loop.var->name, to_string(loop.mode)), s_.name);
  const Linear extent = linearize(loop.extent), min = linearize(loop.min);
  if (extent.is_constant() && extent.constant <= 0) return;
  const bool nonnegative = is_nonnegative(loop.min);
  if (extent.is_constant() && extent.constant == 1) {
    Bound& b = vars_[loop.var.get()];  // one iteration: the variable is a name for min
    b = {};
    b.linear = min;
    b.nonnegative = nonnegative;
    emit(loop.body);
    vars_.erase(loop.var.get());
    return;
  }
  if (loop.mode == LoopMode::parallel && !in_parallel_) return emit_parallel(loop, materialize(extent).value);
  Value* begin = materialize(min).value;
  Value* end = materialize(sum(min, extent, 1)).value;
  serial_loop(loop.var.get(), begin, end, !extent.is_constant(), nonnegative, loop.body);
}

namespace {
// A short loop that lies across a fetch window takes twice the cycles.
constexpr uint64_t kLoopAlignment = 32;
void align_loop(llvm::BranchInst* back) {
  llvm::LLVMContext& c = back->getContext();
  llvm::Metadata* bytes =
      llvm::ConstantAsMetadata::get(llvm::ConstantInt::get(llvm::Type::getInt32Ty(c), kLoopAlignment));
  llvm::MDNode* align = llvm::MDNode::get(c, {llvm::MDString::get(c, "llvm.loop.align"), bytes});
  llvm::MDNode* id = llvm::MDNode::getDistinct(c, {nullptr, align});
  id->replaceOperandWith(0, id);
  back->setMetadata(llvm::LLVMContext::MD_loop, id);
}

// No loop inside. In an outer loop a product is cheaper than a register that
// lives across the inner one.
bool is_innermost(const Stmt& body) {
  bool loops = false;
  walk<For>(body, [&](const For&) { loops = true; });
  return !loops;
}
}  // namespace

// begin; do { body } while (++var < end), with a guard where it may not run at all.
void FunctionEmitter::serial_loop(const Var* var, Value* begin, Value* end, bool guarded, bool nonnegative,
                                  const Stmt& body) {
  llvm::BasicBlock *head = new_block("loop"), *exit = nullptr;
  if (guarded) {
    exit = new_block("done");
    llvm::BasicBlock* before = new_block("ahead");
    b_.CreateCondBr(b_.CreateICmpSLT(begin, end), before, exit);
    b_.SetInsertPoint(before);
  }
  llvm::BasicBlock* preheader = b_.GetInsertBlock();
  b_.CreateBr(head);
  enter(head);
  llvm::PHINode* iv = b_.CreatePHI(b_.getInt64Ty(), 2, var->name);
  iv->addIncoming(begin, preheader);
  open_level();
  level_of_[iv] = static_cast<int>(levels_.size()) - 1;
  if (is_innermost(body)) {
    levels_.back().induction = iv;
    levels_.back().preheader = preheader;
  }
  bind(*var, iv, nonnegative);
  emit(body);
  vars_.erase(var);
  for (const auto& [phi, factor] : levels_.back().stepped) {
    Value* stepped = phi->getType()->isPointerTy() ? b_.CreateGEP(b_.getInt8Ty(), phi, i64(factor))
                                                   : b_.CreateAdd(phi, i64(factor));
    phi->addIncoming(stepped, b_.GetInsertBlock());
  }
  const bool innermost = levels_.back().induction != nullptr;
  close_level();
  Value* next = b_.CreateNSWAdd(iv, i64(1));
  iv->addIncoming(next, b_.GetInsertBlock());
  if (!exit)
    exit = new_block("done");
  else
    exit->moveAfter(b_.GetInsertBlock());
  llvm::BranchInst* back = b_.CreateCondBr(b_.CreateICmpSLT(next, end), head, exit);
  if (innermost) align_loop(back);
  enter(exit);
}

void FunctionEmitter::emit_if(const If& branch) {
  Value* condition = eval(branch.condition);
  llvm::BasicBlock *yes = new_block("then"), *no = branch.if_false ? new_block("else") : nullptr,
                   *join = new_block("join");
  b_.CreateCondBr(condition, yes, no ? no : join);
  enter(yes);
  emit(branch.if_true);
  b_.CreateBr(join);
  if (no) {
    no->moveAfter(b_.GetInsertBlock());
    enter(no);
    emit(branch.if_false);
    b_.CreateBr(join);
  }
  join->moveAfter(b_.GetInsertBlock());
  enter(join);
}

void FunctionEmitter::emit_let(const Let& let) {
  Bound bound;
  Value* here = nullptr;
  if (let.var->type == kIndex) {
    bound.nonnegative = is_nonnegative(let.value);
    bound.data = is_data(let.value);
    bound.linear = linearize(let.value);
    if (!bound.linear->terms.empty() && bound.linear->terms.back().level == kHere) {
      // a value in place starts a level of its own, which what depends on it can be hoisted to
      here = materialize(*bound.linear).value;
      open_level();
      const int level = level_of_[here] = static_cast<int>(levels_.size()) - 1;
      bound.linear = Linear{{{here, level, 1}}, 0};
    }
  } else {
    bound.value = {eval(let.value), kHere};
  }
  vars_[let.var.get()] = std::move(bound);
  emit(let.body);
  vars_.erase(let.var.get());
  if (!here) return;
  close_level();
  level_of_.erase(here);
}

// Where `ok` is false: gives workspace back and returns `code`.
void FunctionEmitter::fail_unless(Value* ok, Value* code) {
  Failure& failure = failures_.back();
  if (!failure.code) {
    llvm::IRBuilder<> failed(new_block("failed"));
    failure.code = failed.CreatePHI(failed.getInt32Ty(), 2, "code");
    if (failure.memory) {
      // made before: this memory could not be had
      llvm::PHINode* further_out = failures_[failures_.size() - 2].code;
      failed.CreateCall(s_.runtime("tc_free"), {failure.memory});
      failed.CreateBr(further_out->getParent());
      further_out->addIncoming(failure.code, failed.GetInsertBlock());
    } else {
      failed.CreateRet(failure.code);
    }
  }
  failure.code->addIncoming(code, b_.GetInsertBlock());
  llvm::BasicBlock* fine = new_block("fine");
  b_.CreateCondBr(ok, fine, failure.code->getParent());
  enter(fine);
}

}  // namespace tc::codegen
