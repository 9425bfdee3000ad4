// The simplifier's algebraic rules as data: lines of text such as
//   rule min_of_max  number  min(x, max(x, y)) => x
//   rule add_consts  int     x + c0 + c1 => x + (c0 + c1)
// compiled once into patterns. Index arithmetic (sums, quotients, comparisons of
// i64) is not here but in simplify_*.cpp, since it needs ranges.
//
// In a pattern, x y z w stand for any expression of one type, p q r for a bool
// expression, c0 c1 for integer constants (or broadcasts of them). A domain says of
// which types of x (c0, or the bools, where there is no x) the rule holds: any,
// number, int (wrapping, i64 included), index (i64), float, bool. A guard `if ...`
// is an integer expression over c0 and c1. broadcast(x) and ramp(x, y) have the
// lanes of what is matched, and x in them is scalar.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tc/ir/expr.h"

namespace tc::ir {

enum class RuleDomain : uint8_t { any, number, int_, index, float_, bool_ };

/// A node of a rule's pattern; children are positions in Rule::nodes.
struct PatternNode {
  enum class Is : uint8_t {
    any,
    flag,
    constant,
    literal,
    float_literal,
    truth,
    binary,
    call,
    select,
    broadcast,
    ramp
  };
  Is is;
  uint8_t op = 0;     // BinaryOp or CallOp; the number of a variable or constant
  int64_t value = 0;  // of a literal
  double number = 0;
  int8_t kids[3] = {-1, -1, -1};
};

struct Rule {
  std::string_view name, text;
  RuleDomain domain = RuleDomain::any;
  std::vector<PatternNode> nodes;
  int left = -1, right = -1, guard = -1;  // positions in `nodes`; no guard is -1
};

/// All rules, in the order in which they are tried.
[[nodiscard]] std::span<const Rule> rules();
/// The text that `rules` is compiled from.
[[nodiscard]] std::string_view rules_text();
/// Whether a rule holds for operands of that type.
[[nodiscard]] bool applies_to(RuleDomain domain, DType type);

/// What a rule's letters stand for.
struct RuleArguments {
  std::vector<Expr> any, scalars;  // x y z w, and what they are inside broadcast and ramp
  std::vector<Expr> flags;         // p q r
  std::vector<int64_t> constants;  // c0 c1
  DType type;                      // of x, with the lanes of the whole
};
/// Both sides of a rule for these arguments, made by the makers of expr.h; nothing
/// where the guard does not hold.
[[nodiscard]] std::optional<std::pair<Expr, Expr>> instantiate(const Rule& rule,
                                                               const RuleArguments& arguments);

}  // namespace tc::ir
