// A function in target form as an LLVM module. Private to lib/codegen/llvm.
#pragma once
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <memory>

#include "tc/codegen/abi.h"
#include "tc/codegen/export.h"
#include "tc/codegen/target.h"

namespace tc::codegen {

/// The context outlives the module.
struct LlvmModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
};

/// For each function NAME: `NAME_kernel` (internal), `NAME_raw`, the DLPack
/// entry `NAME` and the constant `NAME_spec`. Throws tc::Error.
LlvmModule emit_module(const std::vector<ExportFunc>& funcs, const Target& target);

}  // namespace tc::codegen
