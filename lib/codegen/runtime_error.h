// Errors of the runtime on their way to the compiler's users. Private.
#pragma once
#include "tc/support/error.h"

namespace tc::codegen {

/// What tc_last_error() says as an Error: "error[code]: sentence", then facts.
[[nodiscard]] Error runtime_error();

}  // namespace tc::codegen
