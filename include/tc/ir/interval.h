// What values an expression can take: constant intervals, the scope of ranges
// they are computed in, and symbolic bounds. Everything here is conservative:
// an interval contains every value (and perhaps more), an absent bound says that
// nothing is known. Proofs that need more than intervals are in simplify.h.
#pragma once
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tc/ir/affine.h"
#include "tc/ir/stmt.h"

namespace tc::ir {

/// All integers from lo to hi, both included; absent: unbounded on that side.
/// Bools are 0 and 1. Values of u64 above INT64_MAX have no hi.
struct Interval {
  std::optional<int64_t> lo, hi;

  [[nodiscard]] static Interval of(int64_t value) { return {value, value}; }
  [[nodiscard]] static Interval range(int64_t lo, int64_t hi) { return {lo, hi}; }
  friend bool operator==(const Interval&, const Interval&) = default;
  [[nodiscard]] bool contains(int64_t v) const { return (!lo || *lo <= v) && (!hi || v <= *hi); }
  [[nodiscard]] bool within(int64_t least, int64_t greatest) const {
    return lo && hi && *lo >= least && *hi <= greatest;
  }
  /// The value, if there is only one.
  [[nodiscard]] std::optional<int64_t> single() const { return lo && lo == hi ? lo : std::nullopt; }
  [[nodiscard]] bool is_true() const { return lo == 1; }
  [[nodiscard]] bool is_false() const { return hi == 0; }
};

/// Interval arithmetic on integers that do not overflow; a bound that leaves
/// int64_t becomes absent. Division floors; a divisor of zero is left out, since it
/// is an error of the program.
[[nodiscard]] Interval operator+(const Interval& a, const Interval& b);
[[nodiscard]] Interval operator-(const Interval& a, const Interval& b);
[[nodiscard]] Interval operator*(const Interval& a, const Interval& b);
[[nodiscard]] Interval operator/(const Interval& a, const Interval& b);
[[nodiscard]] Interval operator%(const Interval& a, const Interval& b);
[[nodiscard]] Interval min(const Interval& a, const Interval& b);
[[nodiscard]] Interval max(const Interval& a, const Interval& b);
[[nodiscard]] Interval join(const Interval& a, const Interval& b);       // either
[[nodiscard]] Interval intersect(const Interval& a, const Interval& b);  // both
/// Every value of an integer or bool type.
[[nodiscard]] Interval interval_of(DType type);

/// What is known where an expression stands: ranges of the variables in scope,
/// outermost first, and conditions that hold. A value; entering a scope is
/// `mark`, then pushes, then `pop`. Conditions on memory contents are not kept, as
/// a store may change them.
class Bounds {
 public:
  struct Entry {
    VarRef var;
    Interval range;
    Expr min, max;  // may be null; in terms of variables pushed before
    bool data = false;
  };
  struct Mark {
    size_t entries = 0, facts = 0, known = 0;
  };

  /// Says that var is in the range (as well as in what was known before).
  Bounds& push(VarRef var, Interval range);
  /// Says min <= var <= max; either may be null. Of one that reads memory only the
  /// interval is kept, and where that is min, var is data from here on: what memory holds,
  /// which unlike an index may be any number.
  Bounds& push(VarRef var, Expr min, Expr max);
  /// min <= var < min + extent, as inside a loop's body.
  Bounds& push_loop(VarRef var, const Expr& min, const Expr& extent);
  /// Says that a condition is true (or false). Conjunctions of index comparisons
  /// are understood; another condition is only recognised when met again.
  Bounds& assume(const Expr& condition, bool value = true);

  [[nodiscard]] Mark mark() const { return {entries_.size(), facts_.size(), known_.size()}; }
  void pop(const Mark& mark);

  /// The range of a variable; that of its type if it is not in scope.
  [[nodiscard]] Interval range(const Var& var) const;
  /// The innermost entry, or null.
  [[nodiscard]] const Entry* find(const Var& var) const;
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  /// Whether some variable is data.
  [[nodiscard]] bool has_data() const { return data_ > 0; }
  /// Sums known to be negative.
  [[nodiscard]] std::span<const Affine> negatives() const { return facts_; }
  /// The value of a condition that was assumed as it stands.
  [[nodiscard]] std::optional<bool> known(const Expr& condition) const;

 private:
  void add_fact(Affine negative);
  void exclude(const Expr& a, const Expr& b);

  std::vector<Entry> entries_;
  int data_ = 0;  // entries that are
  std::vector<Affine> facts_;
  std::vector<std::pair<Expr, bool>> known_;
};

/// An interval that contains every value (in every lane) of an integer or bool
/// expression, for all values of its variables in `bounds`; unbounded for floats.
/// Tight for sums, and for divisions and remainders by constants, of variables
/// that occur once. Looks at no more than some hundred nodes.
[[nodiscard]] Interval interval_of(const Expr& e, const Bounds& bounds = {});

/// A variable to be eliminated, and its first and last value.
struct VarRange {
  VarRef var;
  Expr min, max;
};

/// Expressions lo <= e <= hi for all values of `ranges`, in which those variables
/// do not occur; a bound that was not found is null. `ranges` stand outermost
/// first: a range may mention variables before it, and only nonempty ranges count.
/// The bounds contain every value; they are the least and the greatest for sums,
/// divisions by constants, min and max, as far as no variable occurs in two atoms.
/// `bounds` tells of the variables that stay.
[[nodiscard]] std::pair<Expr, Expr> symbolic_bounds(const Expr& e, std::span<const VarRange> ranges,
                                                    const Bounds& bounds = {});

}  // namespace tc::ir
