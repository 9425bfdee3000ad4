// Extents of tensors: numbers, or integer expressions of sizes, which are known when a
// function is called.
//
//   VarRef n = size_var("n");
//   Tensor A = placeholder({n, 256}, kF32, "A");       // one function for every n >= 0
#pragma once
#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "tc/ir/expr.h"

namespace tc {

/// A size: the variable of an extent that a function learns when it is called, from the first
/// dimension of an argument that is this variable alone. It is the same number throughout, and
/// never below `least`, which a call checks. Errors te.name, te.size.least (below 0).
[[nodiscard]] ir::VarRef size_var(std::string name, int64_t least = 0);

/// The extent of one dimension. Equal means: equal for all values of the sizes.
class Extent {
 public:
  template <std::integral T>
  Extent(T n) : expr_(ir::int_imm(static_cast<int64_t>(n))) {}  // NOLINT(implicit)
  Extent(ir::Expr e) : expr_(std::move(e)) {}                   // NOLINT(implicit)
  Extent(const ir::VarRef& v) : expr_(v) {}                     // NOLINT(implicit)

  [[nodiscard]] const ir::Expr& expr() const { return expr_; }
  /// The number, where it is one.
  [[nodiscard]] std::optional<int64_t> number() const { return ir::as_int(expr_); }
  friend bool operator==(const Extent& a, const Extent& b);
  friend Extent operator+(const Extent& a, const Extent& b);
  friend Extent operator-(const Extent& a, const Extent& b);
  friend Extent operator*(const Extent& a, const Extent& b);
  /// Floors; `b` is positive.
  friend Extent operator/(const Extent& a, int64_t b);
  /// Whether it is shown to be `least` or more for all values of the sizes.
  [[nodiscard]] bool at_least(int64_t least) const;

 private:
  ir::Expr expr_;  // null only where the user gave an empty one, which placeholder and compute refuse
};
/// 64, n, n + 2.
[[nodiscard]] std::string to_string(const Extent& e);

/// One extent a dimension.
class Shape : public std::vector<Extent> {
 public:
  using std::vector<Extent>::vector;
  Shape(const std::vector<int64_t>& numbers) : std::vector<Extent>(numbers.begin(), numbers.end()) {}
  Shape(const std::vector<ir::Expr>& exprs) : std::vector<Extent>(exprs.begin(), exprs.end()) {}
  Shape(std::vector<Extent> extents) : std::vector<Extent>(std::move(extents)) {}
};
/// [64, n + 2]
[[nodiscard]] std::string to_string(const Shape& shape);

}  // namespace tc
