// Search strategies behind one interface: ask for points, tell what they cost.
// A search never measures, waits or prints; the tuner drives it. All searches
// obey one contract, which one test suite holds them to:
//   - a point is proposed at most once, and never if its result was told before;
//   - every proposed point is valid;
//   - the same seed and the same tells give the same asks;
//   - when the whole space has been seen, ask returns nothing and exhausted() holds.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tc/autotune/space.h"

namespace tc::autotune {

/// What became of a proposed point.
struct Result {
  bool ok = false;
  double cost = 0;  ///< lower is better; read only where ok
};

/// Scores candidates of one space, higher is better; empty where it cannot.
using Scorer = std::function<std::vector<float>(std::span<const Features>)>;

struct SearchOptions {
  uint64_t seed = 0;
  size_t population = 48;    ///< evolutionary: points kept a generation
  size_t generations = 3;    ///< evolutionary: per ask, on the scorer alone
  double explore = 0.1;      ///< the share of each ask drawn at random, whatever the scorer says
  size_t chains = 8;         ///< annealing: walkers
  double cooling = 0.97;     ///< annealing: temperature factor a result
  size_t max_misses = 256;   ///< draws without a new point before the space is walked instead
  size_t max_walk = 20'000;  ///< points walked in one ask before it gives up
  /// Asked between points; true makes ask return at once with what it has.
  std::function<bool()> should_stop;
};

class Search {
 public:
  virtual ~Search() = default;

  /// Up to `n` new points. Fewer only where no more could be found.
  [[nodiscard]] std::vector<Candidate> ask(size_t n);
  /// The result of a point; also of points that were never asked for, from a log.
  void tell(const Candidate& candidate, const Result& result);
  /// Lets a model guide what is asked next. Searches that cannot use it ignore it.
  void set_scorer(Scorer scorer) { scorer_ = std::move(scorer); }

  /// Whether every point of the space has been proposed, told, or found invalid.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// Points found invalid, and the first reason.
  [[nodiscard]] size_t invalid() const { return invalid_; }
  [[nodiscard]] const Check& first_invalid() const { return first_invalid_; }

 protected:
  Search(SpaceFn fn, SearchOptions options);
  /// Adds up to `n` candidates to `out` by way of offer(); may add fewer.
  virtual void propose(size_t n, std::vector<Candidate>& out) = 0;
  virtual void learn(const Candidate&, const Result&) {}

  /// A valid candidate that nobody has seen, else nothing.
  std::optional<Candidate> fresh(Draw draw);
  /// The same without marking it seen: for populations that are only scored.
  std::optional<Candidate> valid(Draw draw);
  [[nodiscard]] bool seen(const Point& p) const { return seen_.contains(p); }
  void mark_seen(const Point& p) { seen_.insert(p); }
  /// Adds random fresh points until `out` holds `n`, or max_misses is reached.
  void add_random(size_t n, std::vector<Candidate>& out);
  [[nodiscard]] std::vector<float> scores_of(const std::vector<Candidate>& candidates) const;
  [[nodiscard]] bool stopped() const { return options_.should_stop && options_.should_stop(); }

  Space space_;
  SearchOptions options_;
  Rng rng_;

 private:
  void walk(size_t n, std::vector<Candidate>& out);
  std::unordered_set<Point, PointHash> seen_, known_invalid_;
  Scorer scorer_;
  Enumeration enumeration_;
  bool exhausted_ = false;
  size_t invalid_ = 0;
  Check first_invalid_;
};

/// "random", "grid", "evolutionary" or "annealing"; Error autotune.search.name
/// for others. Each but grid proposes the default point first.
[[nodiscard]] Expected<std::unique_ptr<Search>> make_search(std::string_view name, SpaceFn fn,
                                                            SearchOptions options = {});
/// The names that make_search knows.
[[nodiscard]] std::vector<std::string> search_names();

}  // namespace tc::autotune
