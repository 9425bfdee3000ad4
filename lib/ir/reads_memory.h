// Whether an expression reads memory: then it is no fact about its variables, and
// may change between two places where they do not. Private to lib/ir.
#pragma once
#include "tc/ir/traverse.h"

namespace tc::ir {

[[nodiscard]] inline bool reads_memory(const Expr& e) {
  bool found = false;
  walk_all(*e, [&](const Node& n) {
    found |= n.kind == Kind::Load;
    return !found;
  });
  return found;
}

}  // namespace tc::ir
