// The decisions of a schedule function. A function that draws from Choices is
// a search space; the same function replays a point, samples one, or runs with
// its defaults, depending only on the Choices that it is given. Nothing here
// knows what a schedule is.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tc/autotune/point.h"
#include "tc/support/rng.h"

namespace tc::autotune {

/// The candidate values of a decision: a list, or an arithmetic range that is
/// never written out, so that a huge domain costs nothing until it is drawn.
class Domain {
 public:
  /// These values, in this order, repetitions dropped.
  [[nodiscard]] static Domain list(std::vector<int64_t> values);
  /// first, first + step, ..., `count` values; step is at least 1.
  [[nodiscard]] static Domain range(int64_t first, int64_t count, int64_t step = 1);

  [[nodiscard]] int64_t size() const { return list_.empty() ? count_ : static_cast<int64_t>(list_.size()); }
  /// The value at `index` in [0, size()).
  [[nodiscard]] int64_t at(int64_t index) const;
  /// Where `value` stands, or -1.
  [[nodiscard]] int64_t index_of(int64_t value) const;
  /// All values, at most `limit` of them.
  [[nodiscard]] std::vector<int64_t> values(int64_t limit = 4096) const;
  /// "{1, 2, 4}" or "0..99 step 1", for messages.
  [[nodiscard]] std::string str() const;

 private:
  std::vector<int64_t> list_;
  int64_t first_ = 0, count_ = 0, step_ = 1;
};

/// One decision as it was drawn: `value == domain.at(index)`, or index is -1
/// for a replayed value that its limits allow but search would not propose.
struct Decision {
  std::string name;
  Domain domain;
  int64_t value = 0;
  int64_t index = 0;
};

/// What a factor of an extent may be.
struct FactorLimits {
  int64_t min = 1;
  int64_t max = std::numeric_limits<int64_t>::max();  ///< also limited by the extent
  int64_t multiple_of = 1;                            ///< of vector lanes, say
  bool divisors_only = false;                         ///< else powers of two too: tails are peeled
  int64_t preferred = 8;                              ///< default: the largest candidate not above this
};

/// Draws decisions by name. A name is drawn once per run (autotune.choices.name
/// where it is drawn again); a domain is not empty (autotune.choices.empty).
/// The draws throw Error; Space turns that into an Expected.
class Choices {
 public:
  /// Every decision takes its default.
  [[nodiscard]] static Choices defaults();
  /// Decisions take the given values, or their default where the point has
  /// none. A value out of range is an Error autotune.choices.value.
  [[nodiscard]] static Choices replay(Point given);
  /// Every decision is drawn uniformly from its domain.
  [[nodiscard]] static Choices sample(uint64_t seed);
  /// Takes the given values where they fit and samples the rest: how a mutated
  /// or crossed point becomes a whole one again.
  [[nodiscard]] static Choices repair(Point given, uint64_t seed);
  /// The i-th decision takes value path[i] of its domain, by index, and value 0
  /// beyond the path: the walk of an exhaustive enumeration.
  [[nodiscard]] static Choices walk(std::vector<int64_t> path);

  /// A factor of `extent`: its divisors and the powers of two up to it, within
  /// the limits. A replayed factor need only obey the limits, so that a log
  /// outlives a change of the candidates. An extent of 0 has the one factor 1.
  int64_t factor(std::string_view name, int64_t extent, const FactorLimits& limits = {});
  /// One of `values`; the first is the default.
  int64_t option(std::string_view name, std::vector<int64_t> values);
  /// One of `values`, with a stated default that must be among them.
  int64_t option(std::string_view name, std::vector<int64_t> values, int64_t default_value);
  /// first, first + step, ... up to and including `last`.
  int64_t range(std::string_view name, int64_t first, int64_t last, int64_t step = 1);
  /// Yes or no.
  bool flag(std::string_view name, bool default_value = false);
  /// The index of one of `labels`; the first is the default.
  size_t pick(std::string_view name, const std::vector<std::string>& labels);
  /// A permutation of 0 .. n-1, n at most 12; the default is the identity.
  std::vector<size_t> order(std::string_view name, size_t n);

  /// What was drawn so far.
  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }
  [[nodiscard]] Point point() const;
  /// The names of the given point that nothing has drawn: a misspelling, in a
  /// point that a person wrote.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  enum class Mode { defaults, replay, sample, repair, walk };
  Choices(Mode mode, Point given, uint64_t seed) : mode_(mode), given_(std::move(given)), rng_(seed) {}
  int64_t draw(std::string_view name, Domain domain, int64_t default_value, const FactorLimits* limits);

  Mode mode_;
  Point given_;
  Rng rng_;
  std::vector<int64_t> path_;
  std::vector<Decision> decisions_;
};

/// The candidates that Choices::factor draws from, increasing, never empty for
/// limits that some factor obeys.
[[nodiscard]] std::vector<int64_t> factor_candidates(int64_t extent, const FactorLimits& limits);

}  // namespace tc::autotune
