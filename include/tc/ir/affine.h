// Index expressions as sums: constant + coefficient * atom + ..., for strides,
// dependence tests and canonical sums. An atom is what is not itself a sum: a
// variable, x / 4, x % 4, min(a, b), a product of such. Not for deciding what an
// expression can be: see interval.h and simplify.h.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "tc/ir/expr.h"

namespace tc::ir {

struct AffineTerm {
  Expr atom;
  int64_t coef = 0;
};

/// constant + sum of coef * atom. Atoms are pairwise unequal and coefficients
/// not zero; the order of the terms is that of from_affine after sort(), else
/// that of their making. Arithmetic is checked: the operations that return bool
/// return false on overflow and leave an unusable value behind.
struct Affine {
  std::vector<AffineTerm> terms;
  int64_t constant = 0;

  [[nodiscard]] bool is_constant() const { return terms.empty(); }
  /// The coefficient of an atom, 0 if it does not occur.
  [[nodiscard]] int64_t coef_of(const Expr& atom) const;
  [[nodiscard]] bool add(int64_t value);
  [[nodiscard]] bool add(const Expr& atom, int64_t coef);
  [[nodiscard]] bool add(const Affine& other, int64_t scale = 1);
  [[nodiscard]] bool scale(int64_t factor);
  /// Greatest coefficients first, positive before negative.
  void sort();
};

/// A scalar i64 expression as a sum, products of sums multiplied out (up to 16
/// terms). Nothing for another type, or where a coefficient overflows.
[[nodiscard]] std::optional<Affine> to_affine(const Expr& e);
/// As above, and nothing unless `e` is affine in `vars`: each occurs as an atom of
/// its own or not at all (n * x with x in `vars` is not affine in this sense).
[[nodiscard]] std::optional<Affine> to_affine(const Expr& e, std::span<const VarRef> vars);
/// The sum as an expression: sorted, negative terms subtracted, the constant
/// last, a factor common to several products taken out. Equal sums, however they
/// were written, give structurally equal expressions.
[[nodiscard]] Expr from_affine(Affine sum);

/// How much the scalar i64 expression `e` changes when `v` grows by one, where that
/// does not depend on `v`: 0 when `e` does not use it, n for v * n + x. Else nothing.
[[nodiscard]] std::optional<Expr> stride_of(const Expr& e, const Var& v);
/// The same where it is a number.
[[nodiscard]] std::optional<int64_t> constant_stride_of(const Expr& e, const Var& v);

/// Structural equality of expressions, as ir::equal but without its tables.
[[nodiscard]] bool same_expr(const Expr& a, const Expr& b);
/// A total order, <0, 0, >0: deeper expressions first, variables by name. Does not
/// depend on addresses, save between variables of the same name.
[[nodiscard]] int compare_exprs(const Expr& a, const Expr& b);

}  // namespace tc::ir
