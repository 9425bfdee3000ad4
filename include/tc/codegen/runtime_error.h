// Errors of the runtime, which knows no Error, on the compiler's side.
#pragma once
#include "tc/support/error.h"

namespace tc::codegen {

/// What a compiled function that has just returned non-zero in this thread left in
/// tc_last_error(): its code, sentence, facts and fix. runtime.failed where it left
/// nothing that reads like an error of tc.
[[nodiscard]] Error last_runtime_error();

}  // namespace tc::codegen
