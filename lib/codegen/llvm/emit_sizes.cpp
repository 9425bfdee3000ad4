// The sizes of a call: taken from the arguments that have them as extents, compared wherever else
// they stand, and shown not to overflow in any buffer or loop of the function.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <unordered_set>

#include "emitter.h"
#include "tc/ir/print.h"
#include "tc/runtime/c_api.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

namespace {

// Expressions of sizes as straight-line code that notes whether anything overflows.
class SizeEmitter {
 public:
  SizeEmitter(ModuleState& s, llvm::IRBuilder<>& b, llvm::Function* f) : s_(s), b_(b), f_(f) {
    overflow_ = b_.getFalse();
  }
  std::unordered_map<const Var*, Value*> vars;

  // Null for what is not made of known variables by + - * / % min and max.
  Value* eval(const Expr& e) {
    if (const auto v = as_int(e)) return b_.getInt64(static_cast<uint64_t>(*v));
    if (const auto* v = e.as<Var>()) {
      const auto it = vars.find(v);
      return it == vars.end() ? nullptr : it->second;
    }
    const auto* bin = e.as<Binary>();
    if (!bin || bin->type != kIndex) return nullptr;
    Value *x = eval(bin->a), *y = x ? eval(bin->b) : nullptr;
    return y ? binary(bin->op, x, y) : nullptr;
  }
  void refuse_above(Value* v, int64_t most) {
    Value* limit = b_.getInt64(static_cast<uint64_t>(most));
    overflow_ = b_.CreateOr(overflow_, b_.CreateICmpSGT(v, limit));
  }
  [[nodiscard]] Value* overflow() const { return overflow_; }

  // Goes on where `ok`; else returns what `refuse` gives.
  template <class F>
  void require(Value* ok, F&& refuse) {
    llvm::LLVMContext& c = s_.context();
    auto* refused = llvm::BasicBlock::Create(c, "refused", f_);
    auto* next = llvm::BasicBlock::Create(c, "accepted", f_);
    b_.CreateCondBr(ok, next, refused);
    b_.SetInsertPoint(refused);
    b_.CreateRet(refuse());
    b_.SetInsertPoint(next);
  }

 private:
  Value* checked(llvm::Intrinsic::ID id, Value* x, Value* y) {
    Value* pair = b_.CreateBinaryIntrinsic(id, x, y);
    overflow_ = b_.CreateOr(overflow_, b_.CreateExtractValue(pair, 1));
    return b_.CreateExtractValue(pair, 0);
  }
  Value* binary(BinaryOp op, Value* x, Value* y) {
    switch (op) {
      case BinaryOp::add:
        return checked(llvm::Intrinsic::sadd_with_overflow, x, y);
      case BinaryOp::sub:
        return checked(llvm::Intrinsic::ssub_with_overflow, x, y);
      case BinaryOp::mul:
        return checked(llvm::Intrinsic::smul_with_overflow, x, y);
      case BinaryOp::min:
        return b_.CreateSelect(b_.CreateICmpSLT(y, x), y, x);
      case BinaryOp::max:
        return b_.CreateSelect(b_.CreateICmpSGT(y, x), y, x);
      case BinaryOp::div:
      case BinaryOp::mod:
        return divided(op, x, y);
      default:
        return nullptr;
    }
  }
  // Floors; by 1 where the divisor is not positive, as then no loop runs that would divide.
  Value* divided(BinaryOp op, Value* x, Value* y) {
    Value *zero = b_.getInt64(0), *one = b_.getInt64(1);
    Value* d = b_.CreateSelect(b_.CreateICmpSGT(y, zero), y, one);
    Value *q = b_.CreateSDiv(x, d), *r = b_.CreateSRem(x, d), *below = b_.CreateICmpSLT(r, zero);
    if (op == BinaryOp::div) return b_.CreateSub(q, b_.CreateZExt(below, b_.getInt64Ty()));
    return b_.CreateSelect(below, b_.CreateAdd(r, d), r);
  }

  ModuleState& s_;
  llvm::IRBuilder<>& b_;
  llvm::Function* f_;
  Value* overflow_;
};

// Every extent in the function that the sizes tell, evaluated.
void check_extents(SizeEmitter& e, const Stmt& stmt, const std::string& name) {
  constexpr int64_t kMostBytes = int64_t{1} << 62;
  std::unordered_set<const Node*> seen;  // expressions may be shared many times over
  walk_all(*stmt, [&](const Node& n) {
    if (!seen.insert(&n).second) return false;
    if (n.kind == Kind::Let) {
      const auto& l = static_cast<const Let&>(n);
      if (l.var->type == kIndex)
        if (Value* v = e.eval(l.value)) e.vars.emplace(l.var.get(), v);
    } else if (n.kind == Kind::For) {
      const auto& f = static_cast<const For&>(n);
      (void)e.eval(f.min), (void)e.eval(f.extent);
    } else if (n.kind == Kind::Alloc) {
      const Buffer& b = *static_cast<const Alloc&>(n).buffer;
      for (const Expr& extent : b.shape) {
        if (as_int(extent)) continue;
        Value* v = e.eval(extent);
        if (!v)
          refuse(
              fmt::format("the extent {} of the buffer {} is not made of sizes", to_string(extent), b.name),
              name);
        e.refuse_above(v, kMostBytes / std::max(b.type.bytes(), 1));
      }
    }
    return true;
  });
}

}  // namespace

std::vector<Value*> emit_sizes(ModuleState& s, llvm::IRBuilder<>& b, llvm::Function* f, llvm::Constant* spec,
                               const Func& func, const AbiSpec& abi) {
  llvm::Type* ptr = llvm::PointerType::get(s.context(), 0);
  SizeEmitter e(s, b, f);
  const auto extent_of = [&](size_t arg, size_t dim) -> Value* {
    Value* tensor = b.CreateAlignedLoad(ptr, b.CreateConstGEP1_64(ptr, f->getArg(0), arg), llvm::Align(8));
    Value* shape = b.CreateAlignedLoad(
        ptr, b.CreateConstGEP1_64(b.getInt8Ty(), tensor, offsetof(DLTensor, shape)), llvm::Align(8));
    return b.CreateAlignedLoad(b.getInt64Ty(), b.CreateConstGEP1_64(b.getInt64Ty(), shape, dim),
                               llvm::Align(8));
  };
  const auto refuse = [&](size_t arg, size_t dim, Value* expected, const std::string& relation,
                          const std::string& origin) {
    return b.CreateCall(
        s.runtime("tc_refuse_extent"),
        {spec, f->getArg(0), b.getInt32(static_cast<uint32_t>(arg)), b.getInt32(static_cast<uint32_t>(dim)),
         expected, b.CreateGlobalString(relation), b.CreateGlobalString(origin)});
  };
  std::vector<std::string> origins;
  std::vector<std::pair<size_t, size_t>> others;
  for (size_t i = 0; i < abi.args.size(); ++i)
    for (size_t d = 0; d < abi.args[i].extents.size(); ++d) {
      const auto* v = abi.args[i].extents[d].as<Var>();
      if (!v || e.vars.count(v)) {
        if (abi.args[i].shape[d] < 0) others.emplace_back(i, d);
        continue;
      }
      Value* value = extent_of(i, d);
      e.vars.emplace(v, value);
      origins.push_back(fmt::format("{} is the extent of axis {} of {}", v->name, d, abi.args[i].name));
      if (const int64_t least = v->least.value_or(0); least > 0) {
        Value* bound = b.getInt64(static_cast<uint64_t>(least));
        e.require(b.CreateICmpSGE(value, bound), [&] {
          return refuse(i, d, bound, fmt::format("{} >= ", v->name), "the least value it was declared with");
        });
      }
    }
  const std::string origin = fmt::format("{}", fmt::join(origins, ", "));
  for (const auto& [i, d] : others) {
    const Expr& extent = abi.args[i].extents[d];
    Value* expected = e.eval(extent);
    if (!expected) tc::codegen::refuse(fmt::format("the extent {}", to_string(extent)), s.name);
    Value* got = extent_of(i, d);
    e.require(b.CreateICmpEQ(got, expected),
              [&] { return refuse(i, d, expected, to_string(extent) + " = ", origin); });
  }
  check_extents(e, func.body, s.name);
  e.require(b.CreateNot(e.overflow()), [&]() -> Value* {
    b.CreateCall(s.runtime("tc_set_error"),
                 {b.CreateGlobalString("runtime.arg.size"),
                  b.CreateGlobalString(fmt::format(
                      "{}: the extents of the arguments are too large together: a buffer or a loop of the "
                      "function has more elements than 64 bits can count\n  fix       pass smaller tensors",
                      s.name))});
    return b.getInt32(1);
  });
  std::vector<Value*> out;
  for (const VarRef& v : abi.sizes()) out.push_back(e.vars.at(v.get()));
  return out;
}

}  // namespace tc::codegen
