// A search space: a schedule function of Choices, and the ways to move in it.
// The space is never written out; each point is found by running the function.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "tc/autotune/choices.h"

namespace tc::autotune {

/// Numbers that describe a lowered program to the cost model; the length is
/// the same for every point of every space.
using Features = std::vector<float>;

/// Runs the schedule function: features, or the Error that makes the point invalid.
using SpaceFn = std::function<Expected<Features>(Choices&)>;

/// A valid point and the features of its program.
struct Candidate {
  Point point;
  Features features;
};

/// A point tried: what was drawn, and the candidate or why it is none.
struct Draw {
  Point point;
  std::vector<Decision> decisions;
  Expected<Features> features;
};

/// The moves that searches are made of. Deterministic: the same function,
/// arguments and seeds give the same points.
class Space {
 public:
  explicit Space(SpaceFn fn) : fn_(std::move(fn)) {}

  /// Runs the function; an Error or exception that leaves it makes the point
  /// invalid and stops nothing.
  [[nodiscard]] Draw run(Choices choices) const;
  [[nodiscard]] Draw defaults() const { return run(Choices::defaults()); }
  [[nodiscard]] Draw replay(const Point& point) const { return run(Choices::replay(point)); }
  [[nodiscard]] Draw sample(Rng& rng) const { return run(Choices::sample(rng.next())); }
  /// Redraws one decision of `point`, to another value where it has one, and
  /// replays: names that vanish are dropped, names that appear are sampled.
  [[nodiscard]] Draw mutate(const Point& point, Rng& rng) const;
  /// Takes each decision by name from one parent or the other, at random.
  [[nodiscard]] Draw cross(const Point& a, const Point& b, Rng& rng) const;

  /// An unbiased estimate of the number of points, invalid ones included: the
  /// mean over `paths` random paths of the product of the domain sizes (Knuth,
  /// "Estimating the efficiency of backtrack programs", 1975). Exact where the
  /// tree of draws is uniform.
  [[nodiscard]] double size_estimate(int paths = 64, uint64_t seed = 0) const;

 private:
  SpaceFn fn_;
};

/// Walks every point of a space, depth first over the tree of draws, each once.
class Enumeration {
 public:
  explicit Enumeration(const Space& space) : space_(&space) {}
  /// The next point, valid or not; nothing when all have been seen.
  [[nodiscard]] std::optional<Draw> next();

 private:
  const Space* space_;
  std::vector<int64_t> path_;
  bool done_ = false;
};

}  // namespace tc::autotune
