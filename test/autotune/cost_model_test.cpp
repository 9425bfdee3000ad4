#include "tc/autotune/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tc::autotune {
namespace {

/// Programs whose time depends on some features in a crooked way; the scale
/// differs between groups, as between operators.
std::vector<Sample> synthetic(size_t n, uint64_t seed, uint64_t group = 0, double scale = 1000) {
  Rng rng(seed);
  std::vector<Sample> out;
  for (size_t i = 0; i < n; ++i) {
    Sample s;
    for (int k = 0; k < 8; ++k) s.features.push_back(static_cast<float>(rng.below(9)));
    const double a = s.features[0], b = s.features[1], c = s.features[2];
    s.cost = scale * (1 + std::abs(a - 4) + (b > 5 ? 3 : 0) + 0.3 * c + 0.05 * rng.uniform());
    s.ok = rng.below(10) != 0;
    s.group = group;
    out.push_back(s);
  }
  return out;
}

double accuracy(const CostModel& model, const std::vector<Sample>& samples) {
  std::vector<Features> f;
  for (const Sample& s : samples) f.push_back(s.features);
  return pair_accuracy(samples, model.score(f).value());
}

TEST(CostModel, OrdersWhatItHasNotSeen) {
  auto test = synthetic(200, 99);
  std::erase_if(test, [](const Sample& s) { return !s.ok; });
  CostModel model;
  double sum = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    ASSERT_TRUE(model.fit(synthetic(16, seed)));
    sum += accuracy(model, test);
  }
  EXPECT_GT(sum / 8, 0.62) << "sixteen trials are enough to beat chance";
  const FitReport report = model.fit(synthetic(300, 1)).value();
  EXPECT_GT(accuracy(model, test), 0.87);
  EXPECT_GT(report.held_out, 50u);
  EXPECT_GT(report.pair_accuracy, 0.75);
}

TEST(CostModel, EarlierRecordsOfOtherWorkloadsHelp) {
  auto test = synthetic(200, 99, 7);
  std::erase_if(test, [](const Sample& s) { return !s.ok; });
  std::vector<Sample> warm = synthetic(200, 3, 1, 5), few = synthetic(16, 1, 7);
  CostModel cold, warmed;
  ASSERT_TRUE(cold.fit(few));
  warm.insert(warm.end(), few.begin(), few.end());
  ASSERT_TRUE(warmed.fit(warm));
  EXPECT_GT(accuracy(warmed, test), accuracy(cold, test) + 0.05);
}

TEST(CostModel, IsDeterministicAndSurvivesSaving) {
  const auto data = synthetic(120, 5);
  CostModel a, b;
  ASSERT_TRUE(a.fit(data));
  ASSERT_TRUE(b.fit(data));
  std::vector<Features> f;
  for (const Sample& s : data) f.push_back(s.features);
  EXPECT_EQ(a.score(f).value(), b.score(f).value());
  const std::string text = a.save().value();
  EXPECT_EQ(CostModel::load(text).value().score(f).value(), a.score(f).value());
}

TEST(CostModel, DamagedBuffersAreRefused) {
  CostModel model;
  ASSERT_TRUE(model.fit(synthetic(40, 5)));
  const std::string text = model.save().value();
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    std::string bad = text;
    bad[rng.below(bad.size())] ^= static_cast<char>(1 << rng.below(7));
    const auto loaded = CostModel::load(bad);
    if (loaded) continue;  // the flip fell on a byte that means nothing, a space say
    EXPECT_EQ(loaded.error().code(), "autotune.model.load");
  }
  for (const char* bad : {"", "{}", "[]", "null", "{\"v\":2}"})
    EXPECT_EQ(CostModel::load(bad).error().code(), "autotune.model.load");
}

TEST(CostModel, UselessSamplesAreErrors) {
  CostModel model;
  EXPECT_FALSE(model.ready());
  EXPECT_EQ(model.save().error().code(), "autotune.model.samples");
  EXPECT_EQ(model.fit(synthetic(3, 1)).error().code(), "autotune.model.samples");
  auto failed = synthetic(30, 1);
  for (Sample& s : failed) s.ok = false;
  EXPECT_EQ(model.fit(failed).error().code(), "autotune.model.samples");
  auto ragged = synthetic(30, 1);
  ragged[7].features.push_back(1);
  EXPECT_EQ(model.fit(ragged).error().code(), "autotune.model.features");
  auto infinite = synthetic(30, 1);
  infinite[7].features[0] = INFINITY;
  EXPECT_EQ(model.fit(infinite).error().code(), "autotune.model.features");
  EXPECT_FALSE(model.ready());
  ASSERT_TRUE(model.fit(synthetic(30, 1)));
  const std::vector<Features> narrow = {{1, 2}};
  EXPECT_EQ(model.score(narrow).error().code(), "autotune.model.features");
}

}  // namespace
}  // namespace tc::autotune
