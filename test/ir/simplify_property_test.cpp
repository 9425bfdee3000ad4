// Random expressions before and after simplification, at random values.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "ir/simplify_evaluate.h"
#include "tc/ir/equal.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"

namespace tc::ir {
namespace {

using testing::Environment;
using testing::Evaluator;
using testing::Lanes;

// Variables with ranges, and expressions over them as schedules make them (and worse).
class Generator {
 public:
  explicit Generator(uint64_t seed) : rng_(seed) {
    add("x", -20, 20), add("yo", 0, 15), add("yi", 0, 7), add("k", 5, 5), add("z", -5, 100), add("n", 1, 40);
    for (const char* name : {"m", "u"}) free_.push_back(var(name));
    for (const char* name : {"i", "j"}) narrow_.push_back(var(name, kI32));
    bytes_.push_back(var("b8", kI8)), bytes_.push_back(var("c8", kI8));
    unsigned_.push_back(var("b", kU8)), unsigned_.push_back(var("c", kU8));
    floats_.push_back(var("f", kF32)), floats_.push_back(var("g", kF32));
    flags_.push_back(var("p", kBool)), flags_.push_back(var("q", kBool));
  }

  Bounds bounds() const {
    Bounds b;
    for (size_t i = 0; i < ranged_.size(); ++i) b.push(ranged_[i], ranges_[i]);
    return b;
  }

  Expr value(DType t, int depth) {
    if (t.is_bool()) return flag(depth);
    if (t.lanes > 1) return vector(t, depth);
    return t == kIndex ? index(depth) : other(t, depth);
  }

  Expr any(int depth) {
    static constexpr DType kTypes[] = {kI64, kI64, kI64, kBool, kI32, kU8, kI8, kF32};
    const DType t = kTypes[below(8)];
    return below(8) == 0 && !t.is_bool() ? vector(t.with_lanes(4), depth) : value(t, depth);
  }

  Environment sample() {
    Environment env;
    const auto set = [&](const VarRef& v, testing::Scalar s) { env[v.get()] = Lanes(1, s); };
    for (size_t i = 0; i < ranged_.size(); ++i) set(ranged_[i], {between(*ranges_[i].lo, *ranges_[i].hi), 0});
    for (const VarRef& v : free_) set(v, {between(-1000, 1000), 0});
    // the ends of the types, and what f32 does not hold
    static constexpr int64_t kWide[] = {INT32_MAX, INT32_MIN, 127, -128, (int64_t{1} << 24) + 1};
    for (const auto* list : {&narrow_, &bytes_, &unsigned_})
      for (const VarRef& v : *list) set(v, {wrap(v->type, below(4) ? between(-9, 9) : kWide[below(5)]), 0});
    static constexpr double kOdd[] = {0.0, -0.0, 1, INFINITY, -INFINITY, NAN, 2.5};
    for (const VarRef& v : floats_)
      set(v, {0, below(2) ? kOdd[below(7)] : static_cast<double>(between(-8, 8))});
    for (const VarRef& v : flags_) set(v, {below(2), 0});
    return env;
  }

  int64_t below(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t lo, int64_t hi) { return lo + below(hi - lo + 1); }

 private:
  void add(const char* name, int64_t lo, int64_t hi) {
    ranged_.push_back(var(name));
    ranges_.push_back(Interval::range(lo, hi));
  }
  Expr pick(const std::vector<VarRef>& list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }
  int64_t divisor() {
    static constexpr int64_t kCommon[] = {1, 2, 3, 4, 5, 7, 8, 16, 32, -3, -8};
    return kCommon[below(11)];
  }

  Expr index_leaf() {
    if (below(4) == 0) return int_imm(between(-17, 17));
    return below(5) ? pick(ranged_) : pick(free_);
  }
  Expr index(int depth) {
    if (depth <= 0 || below(7) == 0) return index_leaf();
    const auto e = [&] { return index(depth - 1); };
    switch (below(15)) {
      case 0:
      case 1:
        return e() + e();
      case 2:
        return e() - e();
      case 3:
        return e() * divisor();
      case 4:
        return e() * 8 + pick(ranged_);
      case 5:
      case 6:
        return e() / divisor();
      case 7:
      case 8:
        return e() % divisor();
      case 9:
        return min(e(), e());
      case 10:
        return max(e(), e());
      case 11:
        return select(flag(depth - 1), e(), e());
      case 12:
        return below(3) ? -e() : below(2) ? e() / pick(ranged_) : e() % pick(ranged_);
      case 13:
        return digits(depth - 1);
      default:
        return below(2) ? cast(kI64, cast(kI32, e())) : index_leaf() * index_leaf();
    }
  }

  // (x % a * k + r) / c where c divides k * a, the low digit r just below k or just beyond:
  // what fused loops that were split make.
  Expr digits(int depth) {
    const int64_t a = between(2, 4), k = between(2, 6), most = k + between(-1, 1);
    int64_t c = between(2, a * k);
    while (a * k % c != 0) --c;
    const Expr r = below(2) ? index(depth) % most : min(Expr(ranged_[2]), int_imm(most - 1));  // yi
    const Expr e = index(depth) % a * k + r;
    return below(4) ? e / c : e % c;
  }

  Expr leaf(DType t) {
    if (t == kI32) return below(3) ? pick(narrow_) : int_imm(between(-9, 9), t);
    if (t == kI8) return below(3) ? pick(bytes_) : int_imm(between(-9, 9), t);
    if (t == kU8) return below(3) ? pick(unsigned_) : int_imm(between(0, 255), t);
    static constexpr double kNumbers[] = {0.0, -0.0, 1, 2};
    return below(3) ? pick(floats_) : float_imm(kNumbers[below(4)], t);
  }
  Expr other(DType t, int depth) {
    if (depth <= 0 || below(6) == 0) return leaf(t);
    const auto e = [&] { return other(t, depth - 1); };
    switch (below(10)) {
      case 0:
      case 1:
        return e() + e();
      case 2:
        return e() - e();
      case 3:
        return e() * e();
      case 4:
        return t.is_float() ? -e() : e() / int_imm(t.is_signed() ? divisor() : 3, t);
      case 5:
        return t.is_float() ? call(CallOp::abs, {e()}) : binary(BinaryOp::bit_and, e(), e());
      case 6:
        return min(e(), e());
      case 7:
        return max(e(), e());
      case 8:
        return select(flag(depth - 1), e(), e());
      default: {
        static constexpr DType kFrom[] = {kI64, kI32, kU8, kI8, kF32};
        return cast(t, value(kFrom[below(5)], depth - 1));
      }
    }
  }

  Expr flag(int depth) {
    if (depth <= 0 || below(8) == 0) return below(3) ? pick(flags_) : bool_imm(below(2) != 0);
    static constexpr DType kTypes[] = {kI64, kI64, kI64, kI32, kU8, kF32};
    switch (below(6)) {
      case 0:
        return logical_and(flag(depth - 1), flag(depth - 1));
      case 1:
        return logical_or(flag(depth - 1), flag(depth - 1));
      case 2:
        return logical_not(flag(depth - 1));
      default: {
        const DType t = kTypes[below(6)];
        const auto op = static_cast<BinaryOp>(static_cast<int64_t>(BinaryOp::eq) + below(6));
        return binary(op, value(t, depth - 1), value(t, depth - 1));
      }
    }
  }

  Expr vector(DType t, int depth) {
    const DType s = t.element();
    if (depth <= 0 || below(3) == 0) {
      if (s.is_int() && below(2))
        return ramp(value(s, depth - 1), below(2) ? int_imm(between(-3, 8), s) : value(s, 0), t.lanes);
      return broadcast(value(s, depth - 1), t.lanes);
    }
    const auto e = [&] { return vector(t, depth - 1); };
    switch (below(7)) {
      case 0:
        return e() + e();
      case 1:
        return e() - e();
      case 2:
        return e() * e();
      case 3:
        return s.is_float() ? -e() : e() / int_imm(8, t);
      case 4:
        return s.is_float() ? max(e(), e()) : e() % int_imm(8, t);
      case 5:
        return min(e(), e());
      default:
        return select(e() < e(), e(), e());
    }
  }

  std::mt19937_64 rng_;
  std::vector<VarRef> ranged_, free_, narrow_, bytes_, unsigned_, floats_, flags_;
  std::vector<Interval> ranges_;
};

int rounds() {
  const char* n = std::getenv("TC_SIMPLIFY_ROUNDS");
  return n ? std::atoi(n) : 20'000;
}

std::string describe(const Environment& env) {
  std::string out;
  for (const auto& [v, value] : env) {
    const auto& x = static_cast<const Var&>(*v);
    out += " " + x.name + "=" + (x.type.is_float() ? std::to_string(value[0].f) : std::to_string(value[0].i));
  }
  return out;
}

void check_values(const Expr& e, const Expr& s, const Interval& range, const Environment& env,
                  uint64_t seed) {
  const auto before = Evaluator(env)(e);
  if (!before) return;  // divides by zero
  const auto after = Evaluator(env)(s);
  ASSERT_TRUE(after && same_values(e->type, *before, *after))
      << "seed " << seed << describe(env) << "\n  " << to_string(e) << "\n  " << to_string(s);
  if (e->type.is_float()) return;
  for (const auto& lane : *before)
    ASSERT_TRUE(range.contains(lane.i))
        << "seed " << seed << describe(env) << "\n  " << to_string(e) << " = " << lane.i;
}

TEST(SimplifyProperty, KeepsValuesAndIsIdempotent) {
  for (int round = 0; round < rounds(); ++round) {
    Generator g(static_cast<uint64_t>(round));
    const Bounds bounds = g.bounds();
    const Expr e = g.any(1 + round % 6);
    const Expr s = simplify(e, bounds);
    ASSERT_EQ(s->type, e->type) << "seed " << round << "\n  " << to_string(e);
    const Interval range = interval_of(e, bounds);
    for (int i = 0; i < 12; ++i) {
      check_values(e, s, range, g.sample(), static_cast<uint64_t>(round));
      if (HasFatalFailure()) return;
    }
    const Expr t = simplify(s, bounds);
    ASSERT_TRUE(equal(s, t)) << "seed " << round << "\n  " << to_string(e) << "\n  " << to_string(s) << "\n  "
                             << to_string(t);
    ASSERT_TRUE(s.same(t)) << "seed " << round << ": equal but not shared\n  " << to_string(s);
  }
}

TEST(SimplifyProperty, ConditionsInScopeHoldWhereTheyAreAssumed) {
  for (int round = 0; round < rounds() / 2; ++round) {
    Generator g(1'000'000 + static_cast<uint64_t>(round));
    Bounds bounds = g.bounds();
    const Expr condition = g.value(kBool, 2), other = g.value(kBool, 2),
               e = g.value(round % 2 ? kBool : kI64, 3);
    bounds.assume(condition).assume(other, false);
    const Expr s = simplify(e, bounds);
    const Interval range = interval_of(e, bounds);
    for (int i = 0; i < 30; ++i) {
      const Environment env = g.sample();
      const auto c = Evaluator(env)(condition), o = Evaluator(env)(other);
      if (!c || !o || !(*c)[0].i || (*o)[0].i) continue;
      check_values(e, s, range, env, static_cast<uint64_t>(round));
      if (HasFatalFailure()) {
        ADD_FAILURE() << "given " << to_string(condition) << " and not " << to_string(other);
        return;
      }
    }
  }
}

TEST(SimplifyProperty, SymbolicBoundsContainEveryValue) {
  for (int round = 0; round < rounds() / 4; ++round) {
    Generator g(2'000'000 + static_cast<uint64_t>(round));
    const Bounds bounds = g.bounds();
    const Expr e = g.value(kI64, 1 + round % 4);
    const VarRef outer = bounds.entries()[1].var, inner = bounds.entries()[2].var;  // yo, yi
    const VarRange ranges[] = {
        {outer, int_imm(g.between(0, 5)), int_imm(g.between(6, 15))},
        {inner, min(Expr(outer), int_imm(4)), min(Expr(outer) + g.between(0, 3), int_imm(7))}};
    Bounds rest;
    for (const auto& entry : bounds.entries())
      if (!entry.var.same(outer) && !entry.var.same(inner)) rest.push(entry.var, entry.range);
    const auto [lo, hi] = symbolic_bounds(e, ranges, rest);
    for (const Expr& bound : {lo, hi})
      ASSERT_FALSE(bound && (uses_var(*bound, *outer) || uses_var(*bound, *inner))) << to_string(bound);
    for (int i = 0; i < 40; ++i) {
      Environment env = g.sample();
      const auto in_range = [&](const VarRange& r) {
        const int64_t v = env[r.var.get()][0].i;
        return (*Evaluator(env)(r.min))[0].i <= v && v <= (*Evaluator(env)(r.max))[0].i;
      };
      const auto v = Evaluator(env)(e);
      if (!v || !in_range(ranges[0]) || !in_range(ranges[1])) continue;
      const auto least = lo ? Evaluator(env)(lo) : v, greatest = hi ? Evaluator(env)(hi) : v;
      if (!least || !greatest) continue;
      ASSERT_TRUE((*least)[0].i <= (*v)[0].i && (*v)[0].i <= (*greatest)[0].i)
          << "seed " << round << describe(env) << "\n  " << to_string(e) << " = " << (*v)[0].i << "\n  "
          << (lo ? to_string(lo) : "-") << "\n  " << (hi ? to_string(hi) : "-") << "\n  "
          << to_string(ranges[1].min) << " .. " << to_string(ranges[1].max);
    }
  }
}

}  // namespace
}  // namespace tc::ir
