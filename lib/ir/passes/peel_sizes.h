// Where a loop whose conditions ask for sizes is cut: the values of its variable for which
// comparisons hold whatever the loops inside do, as expressions of the sizes and of what is
// around the loop. Private to lib/ir.
#pragma once
#include "tc/ir/interval.h"
#include "tc/ir/stmt.h"

namespace tc::ir {

/// The variable is cut at `first` and `end`: from first up to end, not included, every one of
/// `comparisons` holds. `outside_false`: elsewhere none of them does.
struct SizeCut {
  Expr first, end;  // null: from the start, to the end of the loop
  std::vector<Expr> comparisons;
  bool outside_false = true;
};

/// The cut of the loop `f`, if the comparisons in its body tell one that sizes decide.
[[nodiscard]] std::optional<SizeCut> size_cut(const For& f, const Bounds& bounds);
/// The body with the comparisons replaced by their value.
[[nodiscard]] Stmt with_comparisons(const Stmt& body, const SizeCut& cut, bool value);
/// The lesser (greater) of the two, decided where that can be shown.
[[nodiscard]] Expr lesser(const Expr& a, const Expr& b, const Bounds& bounds);
[[nodiscard]] Expr greater(const Expr& a, const Expr& b, const Bounds& bounds);

}  // namespace tc::ir
