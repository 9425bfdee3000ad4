// Extents for values of the sizes they are made of, without wrapping: n * 2^62 is no
// extent where n is 4.
#pragma once
#include <optional>
#include <unordered_map>

#include "tc/ir/stmt.h"

namespace tc::ir {

using SizeMap = std::unordered_map<const Var*, int64_t>;

/// The value of an integer expression of sizes; nothing where it, or a part of it, leaves
/// 64 bits, divides by 0, or has a variable without a value.
[[nodiscard]] std::optional<int64_t> value_of(const Expr& e, const SizeMap& sizes);

/// An extent of `f`, of its parameters, of what it allocates or of a reduction, that these
/// sizes take beyond 64 bits, or with those before it beyond 2^62 bytes or iterations. Null
/// where there is none.
[[nodiscard]] Expr unfit_extent(const Func& f, const SizeMap& sizes);

}  // namespace tc::ir
