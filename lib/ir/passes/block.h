// Blocks: the statements of one scope as a list that passes can insert into.
// Private to lib/ir.
#pragma once
#include "tc/ir/traverse.h"

namespace tc::ir {

/// One statement of a block; or, where `head`, a Let or Alloc that covers all items
/// after it, whose own body no longer counts.
struct Item {
  Stmt stmt;
  bool head = false;
};

/// The items of `s`: those of a sequence, with the bodies of the lets and allocs at
/// its end opened. A let or alloc in the middle of a sequence is a statement.
[[nodiscard]] std::vector<Item> open_block(const Stmt& s);
/// The inverse: heads enclose what follows them.
[[nodiscard]] Stmt close_block(const std::vector<Item>& items);

[[nodiscard]] inline Item let_head(const VarRef& v, const Expr& value) {
  return {let(v, value, seq({})), true};
}
[[nodiscard]] inline Item alloc_head(const BufferRef& b) { return {alloc(b, seq({})), true}; }

}  // namespace tc::ir
