#include "peel_conditions.h"

#include <algorithm>

namespace tc::ir {

std::optional<Affine> at_most_zero(const Expr& comparison, const Bounds& bounds) {
  const auto* b = comparison.as<Binary>();
  if (!b || b->a->type != kIndex || may_be_data(comparison, bounds)) return std::nullopt;
  const bool less = b->op == BinaryOp::lt || b->op == BinaryOp::le;
  const bool greater = b->op == BinaryOp::gt || b->op == BinaryOp::ge;
  if (!less && !greater) return std::nullopt;
  auto sum = to_affine(less ? b->a : b->b);
  const auto other = to_affine(less ? b->b : b->a);
  if (!sum || !other || !sum->add(*other, -1)) return std::nullopt;
  if ((b->op == BinaryOp::lt || b->op == BinaryOp::gt) && !sum->add(1)) return std::nullopt;
  return sum;
}

bool can_be_early(const Expr& e, const Bounds& bounds) {
  if (reads_memory(e)) return false;
  bool ok = true;
  walk<Binary>(e, [&](const Binary& b) {
    if (b.op == BinaryOp::shl || b.op == BinaryOp::shr) ok = ok && as_int(b.b).value_or(-1) >= 0;
    if (b.op == BinaryOp::div || b.op == BinaryOp::mod) {
      const Interval by = interval_of(b.b, bounds);
      ok = ok && ((by.lo && *by.lo > 0) || (by.hi && *by.hi < 0));
    }
  });
  return ok;
}

Interval interval_of(const Affine& sum, const Bounds& bounds) {
  Interval out = Interval::of(sum.constant);
  for (const auto& [atom, coef] : sum.terms) out = out + interval_of(atom, bounds) * Interval::of(coef);
  return out;
}

Expr decide(const Expr& condition, const Bounds& bounds) {
  if (const auto* b = condition.as<Binary>()) {
    if (b->op == BinaryOp::and_ || b->op == BinaryOp::or_) {
      const Expr x = decide(b->a, bounds), y = decide(b->b, bounds);
      return x.same(b->a) && y.same(b->b) ? condition : binary(b->op, x, y);
    }
    if (const auto sum = at_most_zero(condition, bounds)) {
      const Interval range = interval_of(*sum, bounds);
      if (range.hi && *range.hi <= 0) return bool_imm(true);
      if (range.lo && *range.lo > 0) return bool_imm(false);
    }
  }
  if (const auto* c = condition.as<Call>(); c && c->op == CallOp::not_) {
    const Expr x = decide(c->args[0], bounds);
    return x.same(c->args[0]) ? condition : logical_not(x);
  }
  if (condition->type == kBool) {
    const Interval range = interval_of(condition, bounds);
    if (range.is_true()) return bool_imm(true);
    if (range.is_false()) return bool_imm(false);
  }
  return condition;
}

void add_cuts(const Affine& sum, const Expr& pivot, const Bounds& bounds, int64_t first, int64_t last,
              std::set<int64_t>& cuts) {
  Affine rest = sum;
  const int64_t coef = sum.coef_of(pivot);
  if (coef == 0 || coef == INT64_MIN || !rest.add(pivot, -coef)) return;
  const Interval range = interval_of(rest, bounds);
  // coef * pivot + rest <= 0, rest in [lo, hi]: true for all rest while coef * pivot <= -hi
  const auto cut = [&](const std::optional<int64_t>& end, int64_t missing) {
    if (!end || *end == INT64_MIN) return missing;
    return coef > 0 ? floor_div(-*end, coef) + 1 : -floor_div(-*end, -coef);  // the ceiling of end / |coef|
  };
  const int64_t low = std::clamp(coef > 0 ? cut(range.hi, first) : cut(range.lo, first), first, last + 1);
  const int64_t high =
      std::clamp(coef > 0 ? cut(range.lo, last + 1) : cut(range.hi, last + 1), first, last + 1);
  if (high - low > std::max(kFewValues, (last - first + 1) / 2)) return;
  for (const int64_t c : {low, high})
    if (c > first && c <= last) cuts.insert(c);
}

}  // namespace tc::ir
