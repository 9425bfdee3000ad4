// What the simplifier shares with affine.cpp. Private to lib/ir.
#pragma once
#include "tc/ir/affine.h"

namespace tc::ir::detail {

/// `e` as a Binary of that operation, or null.
[[nodiscard]] const Binary* as_binary(const Expr& e, BinaryOp op);
/// The order of terms in a canonical sum.
[[nodiscard]] bool term_before(const AffineTerm& a, const AffineTerm& b);
/// Adds scale * e to `out`, multiplying out small products; false on overflow.
[[nodiscard]] bool collect_affine(const Expr& e, int64_t scale, Affine& out);
/// Whether a product of two sums is small enough to be multiplied out.
[[nodiscard]] bool may_multiply(const Affine& x, const Affine& y);
/// Adds scale * a * b to `out`; false on overflow.
[[nodiscard]] bool add_product(Affine& out, const Affine& a, const Affine& b, int64_t scale);
/// a * b of two atoms, factors in canonical order.
[[nodiscard]] Expr product_atom(const Expr& a, const Expr& b);
/// The factors of a product atom; the atom itself where it is none.
void collect_factors(const Expr& e, std::vector<Expr>& out);
/// Whether `e` is what build_sum would make of a sorted sum, with the same atoms.
[[nodiscard]] bool is_sum(const Expr& e, const Affine& sum);
/// A sorted sum as it stands, without taking out factors.
[[nodiscard]] Expr build_sum(const Affine& sum);

}  // namespace tc::ir::detail
