// The passes of the CPU, as the parts of build share them. Private.
#pragma once
#include "tc/codegen/build.h"

namespace tc {

/// Nested form to target form, with the options' reports. Returns what a pass throws.
[[nodiscard]] Expected<FuncRef> run_cpu_pipeline(const FuncRef& nested, const BuildOptions& options);

}  // namespace tc
