// Whether every read of a stage lies inside the tensor read. Private to lib/te.
#pragma once
#include "tc/te/tensor.h"

namespace tc {

/// Error te.bounds for the first read, in the values of stage `name` over `axes`
/// of extents `shape`, that can leave its tensor or cannot be shown to stay inside.
/// What if_then_else says counts; select evaluates both sides, so what it says does not.
Check check_accesses(const std::string& name, const std::vector<VarRef>& axes, const std::vector<Expr>& shape,
                     const std::vector<Expr>& values);

}  // namespace tc
