// The conditions that peel_tails can decide: comparisons of index sums, and the
// values of a variable at which they change. Private to lib/ir.
#pragma once
#include <set>

#include "../reads_memory.h"
#include "tc/ir/affine.h"
#include "tc/ir/interval.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

/// sum <= 0, what a comparison < <= > >= of indices says. Nothing for another expression, nor for what
/// memory holds, whose sums wrap.
[[nodiscard]] std::optional<Affine> at_most_zero(const Expr& comparison, const Bounds& bounds);

/// Whether it can be computed where nothing else is known, as before a loop that may not run: it reads
/// no memory, and divides by nothing that may be 0.
[[nodiscard]] bool can_be_early(const Expr& e, const Bounds& bounds);

/// What is known of a sum, term by term.
[[nodiscard]] Interval interval_of(const Affine& sum, const Bounds& bounds);

/// Calls f on every comparison of a condition: what && || ! and bool == join.
template <class F>
void for_each_comparison(const Expr& condition, F&& f) {
  if (const auto* b = condition.as<Binary>()) {
    if (b->op == BinaryOp::and_ || b->op == BinaryOp::or_) {
      for_each_comparison(b->a, f);
      for_each_comparison(b->b, f);
    } else {
      f(condition);
    }
  } else if (const auto* c = condition.as<Call>(); c && c->op == CallOp::not_) {
    for_each_comparison(c->args[0], f);
  }
}

/// Calls f on a and b of a && b, and so on below.
template <class F>
void for_each_conjunct(const Expr& condition, F&& f) {
  const auto* b = condition.as<Binary>();
  if (!b || b->op != BinaryOp::and_) return f(condition);
  for_each_conjunct(b->a, f);
  for_each_conjunct(b->b, f);
}

/// The condition with every comparison that `bounds` decides replaced by its value.
[[nodiscard]] Expr decide(const Expr& condition, const Bounds& bounds);

/// Adds to `cuts` the values of `pivot` (an atom of the sum) in (first, last] from which on
/// `sum <= 0` turns from always true to mixed, from mixed to always false, or the other way.
/// Nothing where most values would stay mixed, as those of a triangle do.
void add_cuts(const Affine& sum, const Expr& pivot, const Bounds& bounds, int64_t first, int64_t last,
              std::set<int64_t>& cuts);

/// Segments of so few mixed values are worth a copy for each.
inline constexpr int64_t kFewValues = 4;

}  // namespace tc::ir
