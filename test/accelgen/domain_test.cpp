// Iterations under conditions as boxes: against looking at every point.
#include "../../lib/codegen/accel/domain.h"

#include <gtest/gtest.h>

#include <set>

#include "tc/ir/parse.h"
#include "tc/support/rng.h"

namespace tc::accel {
namespace {

using Point = std::vector<int64_t>;

// A leaf of loops with conditions; its statement is for messages only.
struct RandomLeaf {
  Leaf leaf;
  Slots slots;
  std::vector<ir::VarRef> vars;
  ir::FuncRef text = ir::parse_func("func f(A: i8[4]) { A[0] = i8(0) }").value();

  explicit RandomLeaf(Rng& rng) {
    leaf.statement = text->body.as<ir::Store>();
    const auto loops = rng.below(4);
    for (uint64_t i = 0; i < loops; ++i) {
      vars.push_back(ir::var("v" + std::to_string(i)));
      leaf.extents.push_back(Linear{rng.between(0, 6), {}, {}});
      leaf.origins.push_back({slots.of(*vars.back()), static_cast<int>(i)});
    }
    for (uint64_t n = rng.below(5); n > 0; --n) leaf.conditions.push_back(condition(rng));
  }

  Condition condition(Rng& rng) {
    Condition c;
    c.uses.assign(vars.size(), false);
    if (rng.below(4) == 0 && !vars.empty()) {
      const size_t a = rng.below(vars.size()), b = rng.below(vars.size());
      c.general = Scalar::compile(
          (vars[a] * vars[b] + ir::int_imm(rng.between(0, 3))) % ir::int_imm(3) < ir::int_imm(2), slots);
      c.uses[a] = c.uses[b] = true;
      return c;
    }
    c.kind = std::array{Condition::Kind::less, Condition::Kind::less, Condition::Kind::equal,
                        Condition::Kind::unequal}[rng.below(4)];
    c.base.constant = rng.between(-12, 8);
    for (size_t i = 0; i < vars.size(); ++i) c.coefs.push_back(rng.below(2) ? rng.between(-4, 4) : 0);
    return c;
  }

  // Whether all conditions hold, by their definition.
  bool holds(const Point& at) const {
    for (const Condition& c : leaf.conditions) {
      if (c.kind == Condition::Kind::general) {
        Env env(slots.size());
        for (const Leaf::Origin& o : leaf.origins)
          env[static_cast<size_t>(o.slot)] = at[static_cast<size_t>(o.loop)];
        if (!c.general->eval(env)) return false;
        continue;
      }
      int64_t f = c.base.constant;
      for (size_t i = 0; i < at.size(); ++i) f += c.coefs[i] * at[i];
      if (c.kind == Condition::Kind::less ? f >= 0 : c.kind == Condition::Kind::equal ? f != 0 : f == 0)
        return false;
    }
    return true;
  }
};

// Calls f for every point of a box.
void points(const std::vector<int64_t>& first, const std::vector<int64_t>& count,
            const std::function<void(const Point&)>& f) {
  for (const int64_t n : count)
    if (n <= 0) return;
  Point at = first;
  while (true) {
    f(at);
    size_t i = at.size();
    while (i > 0 && ++at[i - 1] == first[i - 1] + count[i - 1]) --i, at[i] = first[i];
    if (i == 0) return;
  }
}

TEST(Domain, BoxesHoldEachIterationOnce) {
  Rng rng(5);
  for (int round = 0; round < 4000; ++round) {
    RandomLeaf r(rng);
    Env env(r.slots.size() + 1);
    Domain domain(r.leaf, r.leaf.conditions, env);
    std::multiset<Point> got, want;
    std::vector<size_t> single;
    for (size_t i = 0; i < r.vars.size(); ++i)
      if (rng.below(2)) single.push_back(i);
    domain.for_each_box(single, [&](const Box& box) {
      points(box.first, box.count, [&](const Point& p) { got.insert(p); });
    });
    std::vector<int64_t> extents;
    for (const Linear& e : r.leaf.extents) extents.push_back(e.constant);
    points(Point(extents.size(), 0), extents, [&](const Point& p) {
      EXPECT_EQ(domain.holds(p), r.holds(p));
      if (r.holds(p)) want.insert(p);
    });
    ASSERT_EQ(got, want) << "round " << round;
  }
}

TEST(Domain, IndependentConditionsAreOneBox) {
  Rng rng(6);
  RandomLeaf r(rng);
  r.leaf.extents = {Linear{10, {}, {}}, Linear{10, {}, {}}};
  r.leaf.origins.clear();
  const auto less = [](int64_t base, int64_t y, int64_t x) {
    Condition c;
    c.kind = Condition::Kind::less;
    c.base.constant = base, c.coefs = {y, x};
    return c;
  };
  // 2y >= 3, 3x < 20
  r.leaf.conditions = {less(2, -2, 0), less(-20, 0, 3)};
  Env env(4);
  int boxes = 0;
  Domain(r.leaf, r.leaf.conditions, env).for_each_box({}, [&](const Box& box) {
    ++boxes;
    EXPECT_EQ(box.first, (Point{2, 0}));
    EXPECT_EQ(box.count, (Point{8, 7}));
  });
  EXPECT_EQ(boxes, 1);
  // where a condition ties both, x is taken singly if so wished
  r.leaf.conditions = {less(-9, 1, 4)};
  boxes = 0;
  const size_t x[] = {1};
  Domain(r.leaf, r.leaf.conditions, env).for_each_box(x, [&](const Box& box) {
    EXPECT_EQ(box.count[1], 1);
    ++boxes;
  });
  EXPECT_EQ(boxes, 3);
}

}  // namespace
}  // namespace tc::accel
