// From target-form IR to LLVM IR, statement by statement. The result needs no
// mid-level passes: index arithmetic is placed at the outermost loop where its
// operands exist and is made once, repeated loads and splats of one basic block
// are one value, and register slots become SSA values. Private.
#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <climits>
#include <map>
#include <optional>
#include <unordered_map>

#include "tc/codegen/abi.h"
#include "tc/codegen/target.h"
#include "tc/ir/traverse.h"

namespace tc::codegen {

/// What the functions of one module share.
struct ModuleState {
  llvm::Module& module;
  const Target& target;
  std::string name;  // stem of the symbols of the function in work
  int outlined = 0;  // parallel bodies made so far

  llvm::LLVMContext& context() { return module.getContext(); }
  llvm::Function* make_function(const std::string& symbol, llvm::Type* result,
                                std::vector<llvm::Type*> params, bool internal);
  llvm::FunctionCallee runtime(const char* symbol);  // tc_alloc, tc_free, tc_parallel_for, tc_check_args
};

/// sum of coeff * value, plus a constant: a scalar index taken apart, so that
/// constants end up in addressing modes and the rest as far out as it can.
struct Linear {
  struct Term {
    llvm::Value* value;
    int level;
    int64_t coeff;
  };
  std::vector<Term> terms;  // by level, outermost first
  int64_t constant = 0;
  [[nodiscard]] bool is_constant() const { return terms.empty(); }
};

/// An index vector base + lane * stride.
struct LinearRamp {
  Linear base, stride;
  int lanes = 1;
};

class FunctionEmitter {
 public:
  FunctionEmitter(ModuleState& state, llvm::Function* function, bool in_parallel);

  void bind(const ir::Buffer& buffer, llvm::Value* base);
  void bind(const ir::Var& var, llvm::Value* value, bool nonnegative);
  void emit(const ir::Stmt& stmt);
  void serial_loop(const ir::Var* var, llvm::Value* begin, llvm::Value* end, bool guarded, bool nonnegative,
                   const ir::Stmt& body);
  void finish();  // return 0, promote the register slots

 private:
  static constexpr int kHere = INT_MAX;         // the level of a value that cannot be moved outwards
  static constexpr int kStepped = -100;         // a code of placed() that is no operation's
  static constexpr int kClosureAlignment = 64;  // of any value a closure may hold

  // A place for loop-invariant values: everything with operands of this level
  // or an outer one goes after `last`.
  struct Level {
    llvm::BasicBlock* block;
    llvm::Instruction* last = nullptr;
    std::map<std::tuple<int, llvm::Value*, llvm::Value*, llvm::Type*>, llvm::Value*> made;
    // of an innermost loop: its induction variable, and multiples of it that are
    // stepped along instead of multiplied anew
    llvm::PHINode* induction = nullptr;
    llvm::BasicBlock* preheader = nullptr;
    std::vector<std::pair<llvm::PHINode*, int64_t>> stepped;
  };
  struct Leveled {
    llvm::Value* value;
    int level = kHere;
  };
  struct Bound {  // a variable: a vector or non-index value, or a linear form
    Leveled value;
    std::optional<Linear> linear;
    bool nonnegative = false;
    bool data = false;  // made of what memory holds, sums of which wrap
  };
  // Where the function fails while `memory` is allocated: frees it and goes on one further out.
  // Made at the first use, so that each block is freed in one place however many failures there are.
  struct Failure {
    llvm::Value* memory = nullptr;  // nothing: returns
    llvm::PHINode* code = nullptr;
  };
  struct Place {  // a buffer: memory, or slots by (first element, lanes)
    llvm::Value* base = nullptr;
    int level = 0;
    std::map<std::pair<int64_t, int>, llvm::AllocaInst*> slots;
    bool is_register = false;
  };

  // ---- types and small things (emit_function.cpp)
  llvm::Type* value_type(ir::DType type);
  llvm::Type* memory_type(ir::DType type);
  llvm::Value* i64(int64_t v) { return b_.getInt64(static_cast<uint64_t>(v)); }
  llvm::BasicBlock* new_block(const char* name) { return llvm::BasicBlock::Create(s_.context(), name, fn_); }
  void enter(llvm::BasicBlock* block);
  llvm::AllocaInst* entry_alloca(llvm::Type* type, int align);
  void open_level();  // from here on
  void close_level();
  int level_of(llvm::Value* v) const;
  Leveled pure(unsigned opcode, Leveled a, Leveled b);
  llvm::Value* step_along(Level& level, llvm::Value* base, int64_t factor);
  bool stepped_address(Leveled& pointer, const Linear& group, int level, int bytes);
  Leveled pure_gep(llvm::Type* element, Leveled base, Leveled offset);
  template <class Make>
  Leveled placed(int code, Leveled a, Leveled b, llvm::Type* type, Make&& make);
  Place& place_of(const ir::Buffer& buffer);
  const Bound& bound(const ir::Var& var);

  // ---- statements (emit_stmt.cpp, emit_parallel.cpp, emit_alloc.cpp)
  void emit_for(const ir::For& loop);
  void emit_parallel(const ir::For& loop, llvm::Value* extent);
  void emit_store(const ir::Store& store);
  void emit_prefetch(const ir::Prefetch& prefetch);
  void emit_if(const ir::If& branch);
  void emit_let(const ir::Let& let);
  void emit_alloc(const ir::Alloc& alloc);
  bool emit_slots(const ir::Alloc& alloc);
  void fail_unless(llvm::Value* ok, llvm::Value* code);

  // ---- index arithmetic and memory (emit_address.cpp, emit_memory.cpp)
  Linear linearize(const ir::Expr& e);
  std::optional<LinearRamp> linearize_ramp(const ir::Expr& e);
  Linear scaled(Linear a, int64_t factor);
  Linear sum(const Linear& a, const Linear& b, int64_t factor_of_b);
  Leveled materialize(const Linear& a);
  llvm::Value* address(const Place& place, ir::DType element, const Linear& index);
  Leveled index_value(const ir::Expr& e);
  Leveled index_binary(const ir::Binary& e);
  bool is_nonnegative(const ir::Expr& e);
  bool is_data(const ir::Expr& e);
  llvm::Value* load(const ir::Load& e);
  llvm::Value* load_lanes(const Place& place, ir::DType type, const ir::Expr& index);
  llvm::Value* load_at(const Place& place, ir::DType type, const Linear& index);
  void store_at(const Place& place, ir::DType type, const Linear& index, llvm::Value* value);
  void store_lanes(const Place& place, ir::DType type, const ir::Expr& index, llvm::Value* value);
  llvm::AllocaInst* slot(const Place& place, const ir::Buffer& buffer, const ir::Expr& index);
  llvm::Value* from_memory(llvm::Value* v, ir::DType type);
  llvm::Value* to_memory(llvm::Value* v, ir::DType type);
  Linear lane_index(const LinearRamp& ramp, int lane);

  // ---- expressions (emit_expr.cpp, emit_arith.cpp, emit_cast.cpp)
  llvm::Value* eval(const ir::Expr& e);
  llvm::Value* eval_new(const ir::Expr& e);
  llvm::Value* splat(llvm::Value* scalar, int lanes);
  llvm::Value* eval_ramp(const ir::Ramp& e);
  llvm::Value* eval_reduce(const ir::VectorReduce& e);
  llvm::Value* eval_call(const ir::Call& e);

  // ---- dot (emit_dot.cpp)
  llvm::Value* eval_dot(const ir::Call& e, const std::vector<llvm::Value*>& args);
  llvm::Value* dot_bytes(llvm::Value* c, ir::DType a_type, llvm::Value* a, ir::DType b_type, llvm::Value* b);
  llvm::Value* dot_pairs(llvm::Value* c, ir::DType a_type, llvm::Value* a, ir::DType b_type, llvm::Value* b);
  llvm::Value* dot_plain(llvm::Value* c, ir::DType a_type, llvm::Value* a, ir::DType b_type, llvm::Value* b);
  llvm::Value* dot_operand(llvm::Value* v, ir::DType type, unsigned bits, int lanes);
  llvm::Value* slice(llvm::Value* v, int first, int lanes);
  llvm::Value* concatenate(const std::vector<llvm::Value*>& parts);

  llvm::Value* eval_float_call(ir::CallOp op, ir::DType type, const std::vector<llvm::Value*>& args);
  llvm::Value* eval_cast(const ir::Cast& e);
  llvm::Value* cast_float_to_int(llvm::Value* v, ir::DType from, ir::DType to);
  llvm::Value* cast_to_float(llvm::Value* v, ir::DType from, ir::DType to);
  llvm::Value* apply(ir::BinaryOp op, ir::DType type, llvm::Value* a, llvm::Value* b);
  llvm::Value* apply_int(ir::BinaryOp op, ir::DType type, llvm::Value* a, llvm::Value* b);
  llvm::Value* apply_float(ir::BinaryOp op, ir::DType type, llvm::Value* a, llvm::Value* b);
  llvm::Value* compare(ir::BinaryOp op, ir::DType type, llvm::Value* a, llvm::Value* b);
  llvm::Value* divide(bool want_quotient, ir::DType type, llvm::Value* a, llvm::Value* b);
  llvm::Value* shift(ir::BinaryOp op, ir::DType type, llvm::Value* a, llvm::Value* b);
  llvm::Value* divide_by_constant(bool want_quotient, llvm::Value* a, int64_t b);
  llvm::Value* widen(llvm::Value* v, ir::DType type);     // f16, bf16 bits -> f32
  llvm::Value* narrow(llvm::Value* f32, ir::DType type);  // f32 -> f16, bf16 bits
  llvm::Value* odd_f32(llvm::Value* f64);                 // f64 -> f32, rounded to odd
  llvm::Value* int_like(llvm::Value* like, uint64_t v);   // constant, splat if `like` is a vector

  ModuleState& s_;
  llvm::Function* fn_;
  llvm::IRBuilder<> b_;
  const bool in_parallel_;
  llvm::BasicBlock* entry_;
  std::vector<Level> levels_;
  std::unordered_map<llvm::Value*, int> level_of_;
  std::unordered_map<const ir::Var*, Bound> vars_;
  std::unordered_map<const ir::Buffer*, Place> buffers_;
  std::vector<llvm::AllocaInst*> promotable_;
  // What a failure goes through, outermost first: what returns its code, then what frees each block.
  std::vector<Failure> failures_ = {{}};
  int64_t stack_bytes_ = 0;

  // Values of this basic block that need not be made again.
  std::unordered_map<const ir::ExprNode*, llvm::Value*> evaluated_;  // within one statement
  std::map<std::tuple<llvm::Value*, int64_t, llvm::Type*>, llvm::Value*> loaded_;
  std::map<std::pair<llvm::Value*, int>, llvm::Value*> splats_;
};

// Makes a pure value at the outermost level where its operands exist, or gives
// the one that was made there before.
template <class Make>
FunctionEmitter::Leveled FunctionEmitter::placed(int code, Leveled a, Leveled b, llvm::Type* type,
                                                 Make&& make) {
  const int at = std::max(a.level, b.level);
  if (at == kHere) return {make(b_), kHere};
  Level& level = levels_[static_cast<size_t>(at)];
  const auto key = std::tuple{code, a.value, b.value, type};
  if (const auto it = level.made.find(key); it != level.made.end()) return {it->second, at};
  llvm::IRBuilder<> hoisted(s_.context());
  if (level.last) {
    if (llvm::Instruction* next = level.last->getNextNode())
      hoisted.SetInsertPoint(next);
    else
      hoisted.SetInsertPoint(level.block);
  } else {
    hoisted.SetInsertPoint(level.block, level.block->begin());
  }
  llvm::Value* v = make(hoisted);
  const auto end = hoisted.GetInsertPoint();
  llvm::Instruction* const before = level.last;
  level.last = end == level.block->begin() ? nullptr : &*std::prev(end);
  // levels that opened at the same place go on behind what is made now: they may use it
  for (size_t inner = static_cast<size_t>(at) + 1; inner < levels_.size(); ++inner)
    if (levels_[inner].block == level.block && levels_[inner].last == before)
      levels_[inner].last = level.last;
  if (llvm::isa<llvm::Instruction>(v)) level_of_.try_emplace(v, at);
  level.made.emplace(key, v);
  return {v, level_of(v)};
}

/// The kernel of a function: one pointer a parameter, then one i64 a size.
llvm::Function* emit_kernel(ModuleState& state, const ir::Func& func, const AbiSpec& abi);
/// `NAME_raw`, `NAME` and `NAME_spec` around it.
void emit_entries(ModuleState& state, llvm::Function* kernel, const ir::Func& func, const AbiSpec& abi);
/// In the entry `f`, whose arguments are checked: the values of the sizes, in the order of abi.sizes(),
/// after refusals of extents that differ from them and of sizes that are too large (emit_sizes.cpp).
std::vector<llvm::Value*> emit_sizes(ModuleState& state, llvm::IRBuilder<>& b, llvm::Function* f,
                                     llvm::Constant* spec, const ir::Func& func, const AbiSpec& abi);
/// The attributes of a pointer to `bytes` bytes that nothing else points to.
void add_pointer_attributes(llvm::Function* function, unsigned param, int64_t bytes, int align);

[[noreturn]] void refuse(const std::string& what, const std::string& where);  // codegen.form

}  // namespace tc::codegen
