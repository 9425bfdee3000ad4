#include "tc/autotune/choices.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tc/autotune/json.h"
#include "tc/autotune/space.h"

namespace tc::autotune {
namespace {

std::string code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.code();
  }
  return "";
}

TEST(Point, TextAndJsonRoundTrip) {
  const Point p{{"tile_y", 6}, {"tile_x", 2}, {"offset", -3}};
  EXPECT_EQ(p.str(), "tile_y=6,tile_x=2,offset=-3");
  EXPECT_EQ(Point::parse(p.str()).value(), p);
  EXPECT_EQ(point_from_json(to_json(p)).value(), p);
  EXPECT_EQ(Point::parse("").value(), Point{});
}

TEST(Point, BadTextIsRefusedWithCarets) {
  for (const char* text :
       {"=3", "a", "a=", "a=x", "a=1,", "a=1;b=2", "a=1,a=2", "a=99999999999999999999", ","}) {
    const auto p = Point::parse(text);
    ASSERT_FALSE(p) << text;
    EXPECT_EQ(p.error().code(), "autotune.point.syntax");
  }
  EXPECT_EQ(Point::parse("a=1;b=2").error().excerpt_text(), "a=1;b=2\n   ^");
}

TEST(Point, JsonOfAnotherKindIsRefused) {
  for (const char* text : {"[]", "3", "{\"a\":1.5}", "{\"a\":\"1\"}", "{\"a\":18446744073709551615}"})
    EXPECT_FALSE(point_from_json(Json::parse(text))) << text;
}

TEST(Choices, FactorsAreDivisorsAndPowersOfTwo) {
  EXPECT_EQ(factor_candidates(12, {}), (std::vector<int64_t>{1, 2, 3, 4, 6, 8, 12}));
  FactorLimits divisors;
  divisors.divisors_only = true;
  EXPECT_EQ(factor_candidates(12, divisors), (std::vector<int64_t>{1, 2, 3, 4, 6, 12}));
  EXPECT_EQ(factor_candidates(0, {}), (std::vector<int64_t>{1}));
  EXPECT_EQ(factor_candidates(7, {}), (std::vector<int64_t>{1, 2, 4, 7}));
  EXPECT_EQ(factor_candidates(INT64_MAX, {}).front(), 1);
  FactorLimits lanes;
  lanes.multiple_of = 8;
  lanes.max = 32;
  EXPECT_EQ(factor_candidates(100, lanes), (std::vector<int64_t>{8, 16, 24, 32}));
}

TEST(Choices, DefaultsTakeTheDeclaredDefault) {
  Choices c = Choices::defaults();
  EXPECT_EQ(c.factor("f", 100), 8);
  EXPECT_EQ(c.option("o", {4, 2}), 4);
  EXPECT_EQ(c.option("p", {4, 2}, 2), 2);
  EXPECT_TRUE(c.flag("g", true));
  EXPECT_EQ(c.pick("l", {"a", "b"}), 0u);
  EXPECT_EQ(c.order("r", 3), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(c.point().str(), "f=8,o=4,p=2,g=1,l=0,r=0");
}

TEST(Choices, ReplayTakesGivenValuesAndRefusesOthers) {
  Choices c = Choices::replay({{"f", 7}, {"lost", 1}});
  EXPECT_EQ(c.factor("f", 100), 7) << "within the limits, though no candidate";
  EXPECT_EQ(c.option("o", {4, 2}), 4);
  EXPECT_EQ(c.unused(), std::vector<std::string>{"lost"});
  EXPECT_EQ(code_of([] { Choices::replay({{"f", 101}}).factor("f", 100); }), "autotune.choices.value");
  EXPECT_EQ(code_of([] { Choices::replay({{"o", 3}}).option("o", {4, 2}); }), "autotune.choices.value");
  EXPECT_EQ(code_of([] { Choices::replay({{"r", INT64_MIN}}).range("r", 5, 10); }), "autotune.choices.value");
}

TEST(Choices, NamesAreDrawnOnceAndDomainsAreNotEmpty) {
  Choices c = Choices::defaults();
  c.flag("a");
  EXPECT_EQ(code_of([&] { c.flag("a"); }), "autotune.choices.name");
  EXPECT_EQ(code_of([&] { c.option("b", {}); }), "autotune.choices.empty");
  EXPECT_EQ(code_of([&] { c.range("c", 3, 2); }), "autotune.choices.empty");
  EXPECT_EQ(code_of([&] { c.option("d", {1}, 2); }), "autotune.choices.value");
  EXPECT_EQ(code_of([&] { c.order("e", 13); }), "autotune.choices.order");
}

TEST(Choices, OrdersArePermutationsEachOnce) {
  std::set<std::vector<size_t>> all;
  for (int64_t code = 0; code < 24; ++code) all.insert(Choices::replay({{"o", code}}).order("o", 4));
  EXPECT_EQ(all.size(), 24u);
}

TEST(Choices, HugeRangesCostNothing) {
  const Domain d = Domain::range(-5, int64_t{1} << 60, 3);
  EXPECT_EQ(d.at(d.size() - 1), -5 + 3 * ((int64_t{1} << 60) - 1));
  EXPECT_EQ(d.index_of(-2), 1);
  EXPECT_EQ(d.index_of(-3), -1);
  EXPECT_EQ(d.values(4).size(), 4u);
}

/// b exists only where a is set; its domain depends on n.
Expected<Features> tree(Choices& c) {
  const int64_t n = c.range("n", 1, 4);
  if (c.flag("a")) c.range("b", 0, n);
  return Features{static_cast<float>(n)};
}

TEST(Space, EnumerationVisitsEveryPointOnce) {
  const Space space(tree);
  std::set<std::string> met;
  Enumeration walk(space);
  while (auto d = walk.next()) EXPECT_TRUE(met.insert(d->point.str()).second) << d->point.str();
  EXPECT_EQ(met.size(), 4u + 2 + 3 + 4 + 5);
  EXPECT_NEAR(space.size_estimate(20000), 18, 0.7);
}

TEST(Space, MutationChangesADecisionAndRepairsTheRest) {
  const Space space(tree);
  Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    const Point from = space.sample(rng).point;
    const Draw to = space.mutate(from, rng);
    ASSERT_TRUE(to.features);
    EXPECT_FALSE(to.point == from);
    EXPECT_EQ(to.point.get("a") == 1, to.point.get("b").has_value());
    EXPECT_TRUE(space.replay(to.point).features);
  }
}

TEST(Space, CrossingTakesEachDecisionFromAParent) {
  const Space space([](Choices& c) -> Expected<Features> {
    c.range("x", 0, 99);
    c.range("y", 0, 99);
    return Features{};
  });
  Rng rng(2);
  const Point a{{"x", 1}, {"y", 2}}, b{{"x", 3}, {"y", 4}};
  std::set<std::string> met;
  for (int i = 0; i < 64; ++i) met.insert(space.cross(a, b, rng).point.str());
  EXPECT_EQ(met, (std::set<std::string>{"x=1,y=2", "x=1,y=4", "x=3,y=2", "x=3,y=4"}));
}

TEST(Space, WhatAScheduleFunctionThrowsMakesThePointInvalid) {
  const Space space([](Choices& c) -> Expected<Features> {
    if (c.flag("a", true)) throw std::runtime_error("boom");
    return Features{};
  });
  EXPECT_EQ(space.defaults().features.error().code(), "autotune.space.failed");
  EXPECT_EQ(space.defaults().point.str(), "a=1");
}

TEST(Space, SameSeedSamePoints) {
  const Space space(tree);
  Rng a(7), b(7);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(space.sample(a).point, space.sample(b).point);
}

}  // namespace
}  // namespace tc::autotune
