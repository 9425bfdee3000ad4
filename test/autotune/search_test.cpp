// One suite for every search: the contract at the head of search.h.
#include "tc/autotune/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace tc::autotune {
namespace {

/// 16 x 16 x 3 points where y is drawn only if x is even; one in eight invalid.
Expected<Features> small_space(Choices& c) {
  const int64_t x = c.range("x", 0, 15);
  const int64_t y = x % 2 == 0 ? c.range("y", 0, 15) : 0;
  const int64_t z = c.option("z", {5, 1, 3});
  if ((x + y) % 8 == 7) return Error("schedule.test", "x + y is 7 modulo 8");
  return Features{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)};
}

double cost_of(const Candidate& c) {
  return 10 + std::pow(c.features[0] - 6, 2) + std::pow(c.features[1] - 9, 2) + c.features[2];
}

Expected<Features> huge_space(Choices& c) {
  Features f;
  for (int i = 0; i < 12; ++i)
    f.push_back(static_cast<float>(c.range(std::string(1, static_cast<char>('a' + i)), 0, 1000)));
  return f;
}

class EverySearch : public testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Search> make(SpaceFn fn, uint64_t seed = 1) {
    SearchOptions o;
    o.seed = seed;
    return make_search(GetParam(), std::move(fn), o).value();
  }
  /// Asks and tells until `n` points or the end; returns them as text.
  static std::vector<std::string> drive(Search& s, size_t n, size_t batch = 7) {
    std::vector<std::string> out;
    while (out.size() < n) {
      const auto asked = s.ask(std::min(batch, n - out.size()));
      if (asked.empty()) break;
      for (const Candidate& c : asked) {
        out.push_back(c.point.str());
        s.tell(c, {static_cast<int>(c.features[0]) % 5 != 4, cost_of(c)});
      }
    }
    return out;
  }
};

TEST_P(EverySearch, FindsEveryValidPointOnceAndEnds) {
  std::set<std::string> all;
  const Space space(small_space);
  Enumeration walk(space);
  while (auto d = walk.next())
    if (d->features) all.insert(d->point.str());
  const auto s = make(small_space);
  const auto met = drive(*s, 10000);
  EXPECT_EQ(std::set<std::string>(met.begin(), met.end()), all);
  EXPECT_EQ(met.size(), all.size()) << "no point twice";
  EXPECT_TRUE(s->exhausted());
  EXPECT_TRUE(s->ask(5).empty());
  EXPECT_GT(s->invalid(), 0u);
  EXPECT_EQ(s->first_invalid()->code(), "schedule.test");
}

TEST_P(EverySearch, SameSeedAndTellsSameAsks) {
  EXPECT_EQ(drive(*make(small_space, 3), 120), drive(*make(small_space, 3), 120));
  const auto scored = [&] {
    const auto s = make(huge_space, 4);
    s->set_scorer([](std::span<const Features> f) {
      std::vector<float> out;
      for (const Features& x : f) out.push_back(-x[0]);
      return out;
    });
    return drive(*s, 60);
  };
  EXPECT_EQ(scored(), scored());
}

TEST_P(EverySearch, NeverAsksForWhatItWasTold) {
  const Space space(small_space);
  const auto s = make(small_space);
  std::set<std::string> told;
  Rng rng(5);
  while (told.size() < 50)
    if (Draw d = space.sample(rng); d.features) {
      told.insert(d.point.str());
      s->tell({d.point, d.features.value()}, {true, 5});
    }
  for (const std::string& p : drive(*s, 10000)) EXPECT_FALSE(told.contains(p)) << p;
}

TEST_P(EverySearch, AsksForNoMoreThanItShould) {
  const auto s = make(huge_space);
  EXPECT_TRUE(s->ask(0).empty());
  EXPECT_EQ(s->ask(1).size(), 1u);
  EXPECT_EQ(s->ask(33).size(), 33u);
}

TEST_P(EverySearch, OneAndNoPoint) {
  const auto one = make([](Choices&) -> Expected<Features> { return Features{1}; });
  EXPECT_EQ(one->ask(4).size(), 1u);
  EXPECT_TRUE(one->exhausted());
  const auto none = make([](Choices& c) -> Expected<Features> {
    c.flag("a");
    return Error("schedule.test", "never");
  });
  EXPECT_TRUE(none->ask(4).empty());
  EXPECT_TRUE(none->exhausted());
  EXPECT_EQ(none->invalid(), 2u);
}

TEST_P(EverySearch, StopsWhenAsked) {
  SearchOptions o;
  int calls = 0;
  o.should_stop = [&] { return ++calls > 3; };
  const auto s = make_search(GetParam(), huge_space, o).value();
  EXPECT_LT(s->ask(1000).size(), 10u);
}

INSTANTIATE_TEST_SUITE_P(All, EverySearch, testing::ValuesIn(search_names()),
                         [](const auto& info) { return info.param; });

/// The best cost after `n` trials on a smooth function of 12 decisions.
double best_after(const std::string& name, size_t n, uint64_t seed) {
  SearchOptions o;
  o.seed = seed;
  const auto s = make_search(name, huge_space, o).value();
  double best = INFINITY;
  for (size_t done = 0; done < n;)
    for (const Candidate& c : s->ask(16)) {
      double cost = 1;
      for (const float f : c.features) cost += std::abs(f - 300) / 100;
      best = std::min(best, cost);
      s->tell(c, {true, cost});
      ++done;
    }
  return best;
}

TEST(Search, EvolutionAndAnnealingBeatRandom) {
  for (const char* name : {"evolutionary", "annealing"}) {
    int wins = 0;
    for (uint64_t seed = 0; seed < 9; ++seed)
      wins += best_after(name, 320, seed) < best_after("random", 320, seed);
    EXPECT_GE(wins, 8) << name;
  }
}

TEST(Search, UnknownNamesListTheKnown) {
  const auto s = make_search("gradient", huge_space);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code(), "autotune.search.name");
  EXPECT_EQ(s.error().fact_of("expected"), "random, grid, evolutionary, annealing");
}

TEST(Search, TheDefaultIsMeasuredFirst) {
  const auto s = make_search("evolutionary", small_space).value();
  EXPECT_EQ(s->ask(3).front().point.str(), "x=0,y=0,z=5");
}

}  // namespace
}  // namespace tc::autotune
