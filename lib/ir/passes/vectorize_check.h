// Whether the iterations of a loop may run all at once, statement by statement.
// Private to lib/ir.
#pragma once
#include <unordered_set>

#include "tc/ir/stmt.h"

namespace tc::ir {

/// What the vectoriser knows of a loop that it may take.
struct LaneFacts {
  bool ok = false;
  std::unordered_set<const Var*> varying;       // the lane, and lets that depend on it
  std::unordered_set<const Store*> reductions;  // B[i] = op(B[i], e), i the same in all lanes
  int widest_bits = 8;                          // of the element types that the body works on
};

/// Judges `loop` by its body; `ok` is false where anything is unusual: conditions
/// or bounds that depend on the lane, vectors in the body already, or memory that
/// one lane writes and another one reads or writes.
[[nodiscard]] LaneFacts lane_facts(const For& loop);

/// The operand e of `store` if it is B[i] = op(B[i], e) or op(e, B[i]) with an
/// associative op and an e that does not read B; else null.
[[nodiscard]] Expr reduction_operand(const Store& store);

}  // namespace tc::ir
