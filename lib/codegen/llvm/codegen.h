// From an LLVM module to object code or assembly. Private to lib/codegen/llvm.
#pragma once
#include <llvm/Target/TargetMachine.h>

#include <functional>
#include <string>

#include "module.h"

namespace tc::codegen {

/// The machine of this thread for `target`, made once and kept. Throws
/// codegen.target where LLVM does not know it.
llvm::TargetMachine& target_machine(const Target& target);

/// Runs `work`; an error that LLVM holds to be fatal becomes tc::Error
/// codegen.llvm instead of the end of the process. What `work` was building is
/// then in no state to be destroyed: it must be leaked (see Leaky).
void guarded(const std::function<void()>& work);

enum class Output { object, assembly, llvm };
/// Lowers the module (which is used up) and gives the bytes or the text.
/// `verify` checks the LLVM IR first and throws internal.llvm with its dump.
std::string generate(LlvmModule module, const Target& target, Output output, bool verify);

}  // namespace tc::codegen
