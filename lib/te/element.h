// Single elements of a tensor in memory. Private to lib/te.
#pragma once
#include <cstddef>

#include "tc/ir/dtype.h"

namespace tc::detail {

/// As a double: 64-bit integers beyond 2^53 lose bits.
[[nodiscard]] double read_element(ir::DType type, const std::byte* p);

}  // namespace tc::detail
