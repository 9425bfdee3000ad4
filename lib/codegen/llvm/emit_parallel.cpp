// A parallel loop becomes two functions: NAME_bodyN(begin, end, captured...),
// whose pointers are noalias arguments like those of the kernel, and
// NAME_partN(closure, begin, end), which the thread pool calls.
#include <fmt/format.h>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

namespace {

struct Captured {
  std::vector<const Var*> vars;
  std::vector<const Buffer*> buffers;
};

// What `body` uses, each once, in order of appearance.
Captured uses_of(const Stmt& body) {
  Captured out;
  const auto add = [](auto& list, const auto* item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  };
  walk_all(*body, [&](const Node& n) {
    if (n.kind == Kind::Var) add(out.vars, static_cast<const Var*>(&n));
    if (n.kind == Kind::Load) add(out.buffers, static_cast<const Load&>(n).buffer.get());
    if (n.kind == Kind::Store) add(out.buffers, static_cast<const Store&>(n).buffer.get());
    if (n.kind == Kind::Prefetch) add(out.buffers, static_cast<const Prefetch&>(n).buffer.get());
  });
  return out;
}

// part(closure, begin, end): unpacks the closure and calls the body.
llvm::Function* make_part(ModuleState& s, llvm::Function* body, llvm::StructType* closure_type, int id) {
  llvm::LLVMContext& c = s.context();
  llvm::Type *i32 = llvm::Type::getInt32Ty(c), *i64 = llvm::Type::getInt64Ty(c);
  llvm::Function* part = s.make_function(fmt::format("{}_part{}", s.name, id), i32,
                                         {llvm::PointerType::get(c, 0), i64, i64}, true);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(c, "entry", part));
  std::vector<Value*> args = {part->getArg(1), part->getArg(2)};
  for (unsigned i = 0; i < closure_type->getNumElements(); ++i) {
    Value* field = b.CreateStructGEP(closure_type, part->getArg(0), i);
    args.push_back(b.CreateLoad(closure_type->getElementType(i), field));
  }
  b.CreateRet(b.CreateCall(body, args));
  return part;
}

}  // namespace

void FunctionEmitter::emit_parallel(const For& loop, Value* extent) {
  const Captured used = uses_of(loop.body);
  std::vector<Value*> fields;
  std::vector<llvm::Type*> types = {b_.getInt64Ty(), b_.getInt64Ty()};
  const auto capture = [&](Value* v) {
    fields.push_back(v);
    types.push_back(v->getType());
  };
  capture(materialize(linearize(loop.min)).value);
  std::vector<std::pair<const Var*, Value*>> vars;
  for (const Var* v : used.vars) {
    const auto it = vars_.find(v);
    if (it == vars_.end()) continue;  // bound inside
    Value* value = it->second.linear ? materialize(*it->second.linear).value : it->second.value.value;
    vars.emplace_back(v, value);
    if (!llvm::isa<llvm::Constant>(value)) capture(value);
  }
  std::vector<const Buffer*> buffers;
  for (const Buffer* buffer : used.buffers) {
    const auto it = buffers_.find(buffer);
    if (it == buffers_.end()) continue;
    if (it->second.is_register)
      refuse(fmt::format("the register buffer {} is used inside a parallel loop around which it lives",
                         buffer->name),
             s_.name);
    buffers.push_back(buffer);
    capture(it->second.base);
  }

  const int id = s_.outlined++;
  llvm::Function* body =
      s_.make_function(fmt::format("{}_body{}", s_.name, id), b_.getInt32Ty(), types, true);
  FunctionEmitter inner(s_, body, true);
  unsigned arg = 3;
  for (const auto& [var, value] : vars)
    inner.bind(*var, llvm::isa<llvm::Constant>(value) ? value : body->getArg(arg++),
               vars_.at(var).nonnegative);
  for (const Buffer* buffer : buffers) {
    const auto elements = buffer->shape.empty() ? std::optional<int64_t>(1) : as_int(buffer->shape[0]);
    add_pointer_attributes(body, arg, elements.value_or(0) * buffer->type.bytes(), buffer->type.bytes());
    inner.bind(*buffer, body->getArg(arg++));
  }
  Value *min = body->getArg(2), *begin = inner.b_.CreateAdd(min, body->getArg(0)),
        *end = inner.b_.CreateAdd(min, body->getArg(1));
  inner.serial_loop(loop.var.get(), begin, end, true, is_nonnegative(loop.min), loop.body);
  inner.finish();

  auto* closure_type = llvm::StructType::get(s_.context(), llvm::ArrayRef<llvm::Type*>(types).drop_front(2));
  llvm::AllocaInst* closure = entry_alloca(closure_type, kClosureAlignment);
  for (unsigned i = 0; i < fields.size(); ++i)
    b_.CreateStore(fields[i], b_.CreateStructGEP(closure_type, closure, i));
  llvm::Function* part = make_part(s_, body, closure_type, id);
  Value* code = b_.CreateCall(s_.runtime("tc_parallel_for"), {part, closure, extent});
  fail_unless(b_.CreateICmpEQ(code, b_.getInt32(0)), code);
}

}  // namespace tc::codegen
