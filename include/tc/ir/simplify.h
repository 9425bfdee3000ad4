// The simplifier: canonical index arithmetic, provable conditions, dead branches
// and trivial loops. It changes how a program is written, never what it computes:
// - i64 is index arithmetic, which does not overflow: sums are sorted and collected,
//   divisions and remainders by constants cancelled, comparisons solved.
// - Other integers wrap and floats round; of those only rules that hold bit by bit
//   for every value (of a NaN only that it is one) apply. No float is reassociated.
// - Divisions by zero and reads outside a buffer are errors of the program; an
//   expression that is not needed may go, with its error, none is ever added.
// Simplifying twice gives what simplifying once gave, and a part that does not
// change is the same node. Not for strength reduction or common subexpressions.
#pragma once
#include "tc/ir/interval.h"
#include "tc/ir/stmt.h"

namespace tc::ir {

/// The simplest form found of an expression, given what is known around it.
[[nodiscard]] Expr simplify(const Expr& e, const Bounds& bounds = {});
/// Uses what loops, lets and conditions say. Loops of extent 1 become their body,
/// those of extent 0, branches that cannot run, unused lets and empty
/// statements go. Shapes of allocations are simplified too.
[[nodiscard]] Stmt simplify(const Stmt& s, const Bounds& bounds = {});
[[nodiscard]] FuncRef simplify(const FuncRef& f);

/// Whether a bool expression is always true or always false; nothing if neither
/// could be shown. Tries intervals, the conditions in scope, and the symbolic
/// ends of ranges, some steps deep.
[[nodiscard]] std::optional<bool> prove(const Expr& condition, const Bounds& bounds = {});

}  // namespace tc::ir
