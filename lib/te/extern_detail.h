// What makes externs. Private to lib/te.
#pragma once
#include "tc/te/extern.h"

namespace tc::detail {

/// The tensors of an extern, one for each of the body's writes, once its accesses
/// are checked. `name` is for its errors.
[[nodiscard]] std::vector<Tensor> make_extern(const std::string& name, ExternBody body);

}  // namespace tc::detail
