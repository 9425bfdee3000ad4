// What passes share that copy code. Private to lib/ir.
#pragma once
#include "tc/ir/traverse.h"

namespace tc::ir {

/// A copy of `s` with free variables replaced as `map` says, and with variables
/// and buffers of its own wherever it binds one: no two copies share a binding.
[[nodiscard]] Stmt clone(const Stmt& s, VarMap map);

/// For rewrites: the sequence again without sequences inside it, or null where it has none.
[[nodiscard]] Stmt flat_seq(const Seq& q);

/// Stores and prefetches below `s`, each once a time that it is written down: the size of the code.
[[nodiscard]] int64_t count_statements(const Stmt& s);

}  // namespace tc::ir
