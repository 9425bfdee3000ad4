// The learned cost model: ranks candidates by the features of their programs.
// Gradient-boosted trees (XGBoost) with a pairwise ranking objective, because
// search needs the order of candidates, not their times, and because times of
// different operators do not compare: pairs are formed within a workload only.
// The process must not fork after a model has been trained (OpenMP).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tc/autotune/space.h"

namespace tc::autotune {

/// One measured trial. Samples of other workloads are a warm start: put them
/// in groups of their own.
struct Sample {
  Features features;
  bool ok = false;
  double cost = 0;     ///< ns, only where ok
  uint64_t group = 0;  ///< equal for one workload on one target
};

struct ModelOptions {
  int threads = 1;
  uint64_t seed = 0;
  int max_rounds = 300;
  int patience = 25;         ///< rounds without gain on the held-out samples
  size_t min_samples = 16;   ///< fewer are not worth a model
  size_t min_held_out = 48;  ///< fewer in all: a fixed number of rounds instead of holding any out
  /// Asked between rounds; true ends training with what there is.
  std::function<bool()> should_stop;
};

/// What a fit achieved.
struct FitReport {
  int rounds = 0;
  size_t samples = 0, held_out = 0;
  double pair_accuracy = 0;  ///< share of held-out pairs in the right order; 0 where none were held out
};

/// A value that owns its trees. Errors are autotune.model.*: samples (too few
/// or all alike), features (lengths differ), xgboost (the library's message),
/// load (a buffer that is not a whole model).
class CostModel {
 public:
  explicit CostModel(ModelOptions options = {});
  CostModel(CostModel&&) noexcept;
  CostModel& operator=(CostModel&&) noexcept;
  ~CostModel();

  /// Learns from scratch. The same samples and seed give the same model. On
  /// an Error the former model stays.
  [[nodiscard]] Expected<FitReport> fit(std::span<const Sample> samples);
  /// Whether there is something to score with.
  [[nodiscard]] bool ready() const;
  /// One score each, higher is faster; comparable within a workload only.
  [[nodiscard]] Expected<std::vector<float>> score(std::span<const Features> features) const;

  /// JSON with a checksum; the inverse of load.
  [[nodiscard]] Expected<std::string> save() const;
  [[nodiscard]] static Expected<CostModel> load(std::string_view text, ModelOptions options = {});

 private:
  struct Trees;
  ModelOptions options_;
  std::unique_ptr<Trees> trees_;
};

/// The share of pairs within a group that `scores` order as the costs do; pairs
/// of equal cost are left out; 0.5 is chance, and the answer where there is no pair.
[[nodiscard]] double pair_accuracy(std::span<const Sample> samples, std::span<const float> scores);

}  // namespace tc::autotune
