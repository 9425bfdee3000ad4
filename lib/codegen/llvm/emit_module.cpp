// Functions of a module and their outer form.
#include <fmt/format.h>

#include <cstddef>
#include <unordered_set>

#include "emitter.h"
#include "module.h"
#include "tc/runtime/c_api.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

llvm::Function* ModuleState::make_function(const std::string& symbol, llvm::Type* result,
                                           std::vector<llvm::Type*> params, bool internal) {
  auto* f = llvm::Function::Create(
      llvm::FunctionType::get(result, params, false),
      internal ? llvm::GlobalValue::InternalLinkage : llvm::GlobalValue::ExternalLinkage, symbol, module);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  if (target.vector_bits > 128) {
    f->addFnAttr("prefer-vector-width", std::to_string(target.vector_bits));
    f->addFnAttr("min-legal-vector-width", std::to_string(target.vector_bits));
  }
  return f;
}

llvm::FunctionCallee ModuleState::runtime(const char* symbol) {
  llvm::LLVMContext& c = context();
  llvm::Type *ptr = llvm::PointerType::get(c, 0), *i32 = llvm::Type::getInt32Ty(c),
             *i64 = llvm::Type::getInt64Ty(c);
  const std::string_view name = symbol;
  llvm::FunctionType* type = nullptr;
  if (name == "tc_alloc")
    type = llvm::FunctionType::get(ptr, {i64}, false);
  else if (name == "tc_free")
    type = llvm::FunctionType::get(llvm::Type::getVoidTy(c), {ptr}, false);
  else if (name == "tc_parallel_for")
    type = llvm::FunctionType::get(i32, {ptr, ptr, i64}, false);
  else if (name == "tc_set_error")
    type = llvm::FunctionType::get(llvm::Type::getVoidTy(c), {ptr, ptr}, false);
  else if (name == "tc_refuse_extent")
    type = llvm::FunctionType::get(i32, {ptr, ptr, i32, i32, i64, ptr, ptr}, false);
  else
    type = llvm::FunctionType::get(i32, {ptr, ptr, i32}, false);  // tc_check_args
  const bool known = module.getFunction(symbol) != nullptr;
  llvm::FunctionCallee callee = module.getOrInsertFunction(symbol, type);
  auto* f = llvm::cast<llvm::Function>(callee.getCallee());
  if (known) return callee;
  f->addFnAttr(llvm::Attribute::NoUnwind);
  if (name == "tc_alloc") f->addRetAttr(llvm::Attribute::NoAlias);
  return callee;
}

void add_pointer_attributes(llvm::Function* f, unsigned param, int64_t bytes, int align) {
  f->addParamAttr(param, llvm::Attribute::NoAlias);
  f->addParamAttr(param, llvm::Attribute::NoCapture);
  f->addParamAttr(
      param, llvm::Attribute::getWithAlignment(f->getContext(), llvm::Align(static_cast<uint64_t>(align))));
  if (bytes <= 0) return;  // no elements: the pointer may be null
  f->addParamAttr(param, llvm::Attribute::NonNull);
  f->addParamAttr(
      param, llvm::Attribute::getWithDereferenceableBytes(f->getContext(), static_cast<uint64_t>(bytes)));
}

// Each node is looked at once, as expressions may be shared many times over.
static void refuse_dynamic_buffers(const Func& func, const std::string& name) {
  std::unordered_set<const Node*> seen;
  if (!func.body) return;
  walk_all(*func.body, [&](const Node& n) {
    if (!seen.insert(&n).second) return false;
    if (n.kind == Kind::Alloc) {
      const Buffer& b = *static_cast<const Alloc&>(n).buffer;
      for (const Expr& e : b.shape)
        if (!as_int(e)) refuse(fmt::format("the extent of the buffer {} is no constant", b.name), name);
    }
    return true;
  });
}

llvm::Function* emit_kernel(ModuleState& s, const Func& func, const AbiSpec& abi) {
  llvm::LLVMContext& c = s.context();
  std::vector<llvm::Type*> params(func.params.size(), llvm::PointerType::get(c, 0));
  const std::vector<VarRef> sizes = abi.sizes();
  if (sizes.empty())  // with sizes emit_sizes sees to them
    refuse_dynamic_buffers(func, s.name);
  params.insert(params.end(), sizes.size(), llvm::Type::getInt64Ty(c));
  llvm::Function* f = s.make_function(s.name + "_kernel", llvm::Type::getInt32Ty(c), params, true);
  FunctionEmitter e(s, f, false);
  for (size_t i = 0; i < sizes.size(); ++i) {
    llvm::Argument* size = f->getArg(static_cast<unsigned>(func.params.size() + i));
    size->setName(sizes[i]->name);
    e.bind(*sizes[i], size, true);
  }
  for (size_t i = 0; i < func.params.size(); ++i) {
    const Buffer& b = *func.params[i];
    int64_t elements = abi.args[i].extents.empty() ? 1 : 0;  // of a size nothing is said
    for (const int64_t n : abi.args[i].shape) elements *= n;
    add_pointer_attributes(f, static_cast<unsigned>(i), elements * b.type.bytes(),
                           std::max(b.type.bytes(), abi.args[i].alignment));
    f->getArg(static_cast<unsigned>(i))->setName(b.name);
    e.bind(b, f->getArg(static_cast<unsigned>(i)));
  }
  e.emit(func.body);
  e.finish();
  return f;
}

namespace {

uint8_t dlpack_code(DType type) {
  switch (type.code) {
    case TypeCode::int_:
      return kDLInt;
    case TypeCode::uint:
      return kDLUInt;
    case TypeCode::float_:
      return kDLFloat;
    case TypeCode::bfloat:
      return kDLBfloat;
    case TypeCode::bool_:
      return kDLBool;
  }
  return kDLOpaqueHandle;
}

// Constants of the description in c_api.h, laid out field by field as C does.
class SpecWriter {
 public:
  explicit SpecWriter(ModuleState& s) : s_(s), c_(s.context()), ptr_(llvm::PointerType::get(c_, 0)) {}

  llvm::Constant* integer(int bits, int64_t v) {
    return llvm::ConstantInt::get(llvm::Type::getIntNTy(c_, static_cast<unsigned>(bits)),
                                  static_cast<uint64_t>(v));
  }
  llvm::Constant* null() { return llvm::ConstantPointerNull::get(ptr_); }
  llvm::Constant* global(llvm::Constant* value, const std::string& name, bool internal = true) {
    return new llvm::GlobalVariable(
        s_.module, value->getType(), true,
        internal ? llvm::GlobalValue::PrivateLinkage : llvm::GlobalValue::ExternalLinkage, value, name);
  }
  llvm::Constant* text(const std::string& t) {
    return global(llvm::ConstantDataArray::getString(c_, t), s_.name + "_text");
  }

  llvm::Constant* arg(const AbiArg& a) {
    std::vector<uint64_t> shape(a.shape.begin(), a.shape.end());
    llvm::Constant* extents =
        shape.empty() ? null() : global(llvm::ConstantDataArray::get(c_, shape), s_.name + "_shape");
    const int bits = a.type.is_bool() ? 8 : a.type.bits;
    return llvm::ConstantStruct::getAnon({text(a.name), integer(8, dlpack_code(a.type)), integer(8, bits),
                                          integer(16, 1), integer(32, static_cast<int64_t>(a.shape.size())),
                                          extents, integer(32, a.alignment), integer(32, a.is_output ? 1 : 0),
                                          null()});
  }

  llvm::Constant* func(const AbiSpec& abi) {
    std::vector<llvm::Constant*> args;
    for (const AbiArg& a : abi.args) args.push_back(arg(a));
    llvm::Constant* list = null();
    if (!args.empty())
      list = global(llvm::ConstantArray::get(llvm::ArrayType::get(args[0]->getType(), args.size()), args),
                    s_.name + "_args");
    llvm::Constant* value = llvm::ConstantStruct::getAnon(
        {integer(32, TC_ABI_VERSION), text(s_.name), abi.workload.empty() ? null() : text(abi.workload),
         integer(32, static_cast<int64_t>(abi.args.size())), list});
    return global(value, s_.name + "_spec", false);
  }

 private:
  ModuleState& s_;
  llvm::LLVMContext& c_;
  llvm::PointerType* ptr_;
};

static_assert(sizeof(tc_arg_spec) == 40 && offsetof(tc_arg_spec, shape) == 16 &&
                  offsetof(tc_arg_spec, alignment) == 24 && sizeof(tc_func_spec) == 40 &&
                  offsetof(tc_func_spec, args) == 32,
              "SpecWriter writes these layouts");

// int32_t NAME_raw(void* const* data)
void emit_raw(ModuleState& s, llvm::Function* kernel) {
  llvm::Type* ptr = llvm::PointerType::get(s.context(), 0);
  llvm::Function* f = s.make_function(s.name + "_raw", kernel->getReturnType(), {ptr}, false);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(s.context(), "entry", f));
  std::vector<Value*> args;
  for (unsigned i = 0; i < kernel->arg_size(); ++i) {
    args.push_back(b.CreateAlignedLoad(ptr, b.CreateConstGEP1_64(ptr, f->getArg(0), i), llvm::Align(8)));
    if (kernel->getArg(i)->getType()->isIntegerTy())  // a size, behind the pointers
      args.back() = b.CreateAlignedLoad(b.getInt64Ty(), args.back(), llvm::Align(8));
  }
  b.CreateRet(b.CreateCall(kernel, args));
}

// int32_t NAME(const DLTensor* const* args, int32_t n)
void emit_entry(ModuleState& s, llvm::Function* kernel, llvm::Constant* spec, const Func& func,
                const AbiSpec& abi) {
  llvm::Type *ptr = llvm::PointerType::get(s.context(), 0), *i32 = llvm::Type::getInt32Ty(s.context());
  llvm::Function* f = s.make_function(s.name, i32, {ptr, i32}, false);
  auto* refused = llvm::BasicBlock::Create(s.context(), "refused", f);
  auto* accepted = llvm::BasicBlock::Create(s.context(), "accepted", f);
  auto* entry = llvm::BasicBlock::Create(s.context(), "entry", f, refused);
  llvm::IRBuilder<> b(entry);
  Value* code = b.CreateCall(s.runtime("tc_check_args"), {spec, f->getArg(0), f->getArg(1)});
  b.CreateCondBr(b.CreateICmpEQ(code, b.getInt32(0)), accepted, refused);
  b.SetInsertPoint(refused);
  b.CreateRet(code);
  b.SetInsertPoint(accepted);
  const auto field = [&](llvm::Type* type, Value* tensor, size_t offset) {
    return b.CreateAlignedLoad(type, b.CreateConstGEP1_64(b.getInt8Ty(), tensor, offset), llvm::Align(8));
  };
  std::vector<Value*> data;
  for (unsigned i = 0; i < abi.args.size(); ++i) {
    Value* tensor = b.CreateAlignedLoad(ptr, b.CreateConstGEP1_64(ptr, f->getArg(0), i), llvm::Align(8));
    Value* first = field(ptr, tensor, offsetof(DLTensor, data));
    data.push_back(
        b.CreateGEP(b.getInt8Ty(), first, field(b.getInt64Ty(), tensor, offsetof(DLTensor, byte_offset))));
  }
  if (const auto sizes = abi.sizes(); !sizes.empty())
    for (Value* v : emit_sizes(s, b, f, spec, func, abi)) data.push_back(v);
  b.CreateRet(b.CreateCall(kernel, data));
}

}  // namespace

void emit_entries(ModuleState& s, llvm::Function* kernel, const Func& func, const AbiSpec& abi) {
  emit_raw(s, kernel);
  emit_entry(s, kernel, SpecWriter(s).func(abi), func, abi);
}

LlvmModule emit_module(const std::vector<ExportFunc>& funcs, const Target& target) {
  LlvmModule out;
  out.context = std::make_unique<llvm::LLVMContext>();
  out.context->setDiscardValueNames(false);
  out.module =
      std::make_unique<llvm::Module>(funcs.empty() ? "tc" : symbol_name(funcs[0].func->name), *out.context);
  out.module->setTargetTriple(target.triple);
  out.module->setPICLevel(llvm::PICLevel::BigPIC);
  for (const ExportFunc& f : funcs) {
    if (Check wrong = check_abi(*f.func, f.abi)) throw *wrong;
    ModuleState state{*out.module, target, symbol_name(f.func->name)};
    emit_entries(state, emit_kernel(state, *f.func, f.abi), *f.func, f.abi);
  }
  return out;
}

}  // namespace tc::codegen
