#include "tc/ir/rules.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "ir/simplify_evaluate.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

using testing::Environment;
using testing::Evaluator;
using testing::Lanes;
using testing::Scalar;
using Is = PatternNode::Is;

constexpr int kLanes = 4;

// Values at which arithmetic turns: zeros, ones, ends of the type, NaN, infinities.
Scalar sample(DType t, std::mt19937& rng) {
  const int pick = static_cast<int>(rng() % 12);
  if (t.is_float()) {
    static constexpr double kOdd[] = {0.0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 65504, 1e-7};
    return {0, round_to(t, pick < 9 ? kOdd[pick] : static_cast<double>(rng() % 64) / 8 - 4)};
  }
  if (t.is_bool()) return {static_cast<int64_t>(rng() & 1), 0};
  // index arithmetic does not overflow: its values stay small
  if (t == kIndex || pick > 4) return {wrap(t, static_cast<int64_t>(rng() % 41) - 20), 0};
  const int64_t ends[] = {min_of(t), max_of(t), 0, -1, 1};
  return {wrap(t, ends[pick]), 0};
}

std::vector<DType> types_of(RuleDomain domain) {
  std::vector<DType> out;
  for (const DType t : {kI64, kI32, kI8, kU8, kU64, kF32, kF16, kBF16, kF64, kBool})
    if (applies_to(domain, t)) out.push_back(t);
  return out;
}

struct Letters {
  std::vector<VarRef> any, scalars, flags;
};
Letters letters(DType type, bool scalar_flags) {
  Letters out;
  for (int i = 0; i < 4; ++i) {
    out.any.push_back(var("xyzw" + std::to_string(i), type));
    out.scalars.push_back(var("s" + std::to_string(i), type.element()));
  }
  for (int i = 0; i < 3; ++i)
    out.flags.push_back(var("p" + std::to_string(i), kBool.with_lanes(scalar_flags ? 1 : type.lanes)));
  return out;
}

bool mentions(const Rule& r, int at, Is what) {
  const PatternNode& p = r.nodes[static_cast<size_t>(at)];
  if (p.is == what) return true;
  for (const int8_t k : p.kids)
    if (k >= 0 && mentions(r, k, what)) return true;
  return false;
}
bool has_lanes(const Rule& r) { return mentions(r, r.left, Is::broadcast) || mentions(r, r.left, Is::ramp); }

std::vector<Expr> as_exprs(const std::vector<VarRef>& vars) { return {vars.begin(), vars.end()}; }

// Compares both sides at random values; the number of samples that counted.
int check(const Rule& r, DType type, std::mt19937& rng) {
  const bool lanes = has_lanes(r);
  const DType full = lanes ? type.with_lanes(kLanes) : type;
  const Letters l = letters(full, lanes);
  int counted = 0;
  for (int round = 0; round < 400 && counted < 60; ++round) {
    RuleArguments a{as_exprs(l.any),
                    as_exprs(l.scalars),
                    as_exprs(l.flags),
                    {sample(type, rng).i, sample(type, rng).i},
                    full};
    const auto sides = instantiate(r, a);
    if (!sides) continue;
    EXPECT_EQ(sides->first->type, sides->second->type) << r.text;
    Environment env;
    for (const auto* list : {&l.any, &l.scalars, &l.flags})
      for (const VarRef& v : *list) {
        Lanes values;
        for (int i = 0; i < v->type.lanes; ++i) values.push_back(sample(v->type.element(), rng));
        env[v.get()] = values;
      }
    const auto left = Evaluator(env)(sides->first), right = Evaluator(env)(sides->second);
    if (!left) continue;  // divides by zero
    ++counted;
    EXPECT_TRUE(right && same_values(sides->first->type, *left, *right))
        << r.text << "\n  " << to_string(type) << ": " << to_string(sides->first) << "  =>  "
        << to_string(sides->second);
    if (::testing::Test::HasFailure()) return counted;
  }
  return counted;
}

TEST(Rules, HoldForEveryTypeOfTheirDomain) {
  std::mt19937 rng(1);
  for (const Rule& r : rules()) {
    const bool flags_only = !mentions(r, r.left, Is::any) && !mentions(r, r.left, Is::constant);
    int counted = 0;
    for (const DType t : flags_only ? std::vector<DType>{kBool} : types_of(r.domain)) {
      // operations that a type lacks are not in question
      try {
        counted += check(r, t, rng);
      } catch (const Error& e) {
        EXPECT_EQ(r.domain, RuleDomain::any) << r.text << "\n" << e.str();
      }
    }
    EXPECT_GT(counted, 20) << r.text;
  }
}

// ---- the order that makes rewriting end

struct Size {
  int vectors = 0, nodes = 0;
  std::map<std::pair<Is, int>, int> letters;
};
void measure(const Rule& r, int at, bool scalar, Size& out) {
  const PatternNode& p = r.nodes[static_cast<size_t>(at)];
  const bool number =
      p.is == Is::constant || p.is == Is::literal || p.is == Is::float_literal || p.is == Is::truth;
  if (p.is == Is::any || p.is == Is::flag) ++out.letters[{p.is, p.op}];
  const bool constants = p.is == Is::binary && !mentions(r, at, Is::any) && !mentions(r, at, Is::flag);
  ++out.nodes;
  if (number || constants) return;  // arithmetic of constants is done at once
  const bool vector_op = !scalar && p.is != Is::any && p.is != Is::flag;
  out.vectors += vector_op;
  const bool inner = scalar || p.is == Is::broadcast || p.is == Is::ramp;
  for (const int8_t k : p.kids)
    if (k >= 0) measure(r, k, inner, out);
}

TEST(Rules, MakeExpressionsSmaller) {
  for (const Rule& r : rules()) {
    Size left, right;
    measure(r, r.left, !has_lanes(r), left);
    measure(r, r.right, !has_lanes(r), right);
    if (right.vectors < left.vectors) continue;
    EXPECT_EQ(right.vectors, left.vectors) << r.text;
    EXPECT_LT(right.nodes, left.nodes) << r.text;
    for (const auto& [letter, n] : right.letters) EXPECT_LE(n, left.letters[letter]) << r.text;
  }
}

TEST(Rules, HaveNamesOfTheirOwnAndBindWhatTheyUse) {
  std::set<std::string_view> names;
  for (const Rule& r : rules()) {
    EXPECT_TRUE(names.insert(r.name).second) << r.name;
    Size left, right;
    measure(r, r.left, false, left);
    measure(r, r.right, false, right);
    for (const auto& [letter, n] : right.letters) EXPECT_GT(left.letters[letter], 0) << r.text;
  }
  EXPECT_GT(names.size(), 100u);
}

}  // namespace
}  // namespace tc::ir
