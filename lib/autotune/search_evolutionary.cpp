// Evolutionary search. With a scorer, each ask evolves a population on the
// scores alone for a few generations (as in Ansor, OSDI 2020, section 5.1, with
// crossover by name) and proposes the best points that nobody has measured.
// Without one, it breeds from the best measured points directly.
#include <algorithm>
#include <cmath>

#include "searches.h"

namespace tc::autotune {
namespace {

constexpr size_t kElite = 16;          // measured points that breed
constexpr size_t kSeedsFromElite = 2;  // one population in two comes from them
constexpr double kCrossShare = 0.3;
constexpr size_t kEnoughToBreed = 4;  // ok results before there is anything to breed from

class EvolutionarySearch final : public Search {
 public:
  EvolutionarySearch(SpaceFn fn, SearchOptions options) : Search(std::move(fn), std::move(options)) {}

 private:
  struct Measured {
    Candidate candidate;
    double cost;
  };

  void learn(const Candidate& candidate, const Result& result) override {
    if (!result.ok || !std::isfinite(result.cost)) return;
    const auto at = std::upper_bound(elite_.begin(), elite_.end(), result.cost,
                                     [](double cost, const Measured& m) { return cost < m.cost; });
    elite_.insert(at, {candidate, result.cost});
    if (elite_.size() > kElite) elite_.pop_back();
    ++told_ok_;
  }

  void propose(size_t n, std::vector<Candidate>& out) override {
    if (auto c = fresh(space_.defaults())) out.push_back(std::move(*c));
    const auto random = static_cast<size_t>(std::ceil(options_.explore * static_cast<double>(n)));
    if (told_ok_ >= kEnoughToBreed) {
      const size_t bred = n - std::min(n, random);
      if (!evolve(bred, out)) breed(bred, out);
    }
    add_random(n, out);
  }

  /// A parent: better ones more often, by the better of two random ranks.
  const Point& parent() {
    return elite_[std::min(rng_.below(elite_.size()), rng_.below(elite_.size()))].candidate.point;
  }

  Draw child(const Point& a, const Point& b) {
    if (!(a == b) && rng_.uniform() < kCrossShare) return space_.cross(a, b, rng_);
    return space_.mutate(a, rng_);
  }

  /// Children of measured points, unscored.
  void breed(size_t n, std::vector<Candidate>& out) {
    for (size_t misses = 0; out.size() < n && misses < options_.max_misses && !stopped();) {
      const Point a = parent(), b = parent();
      if (auto c = fresh(child(a, b)))
        out.push_back(std::move(*c));
      else
        ++misses;
    }
  }

  struct Scored {
    Candidate candidate;
    float score;
  };

  /// Scores candidates, joins them to `pool`, best first, each point once.
  bool join(std::vector<Scored>& pool, std::vector<Candidate> candidates,
            std::unordered_set<Point, PointHash>& met) {
    std::erase_if(candidates, [&](const Candidate& c) { return !met.insert(c.point).second; });
    const std::vector<float> scores = scores_of(candidates);
    if (scores.size() != candidates.size()) return false;
    for (size_t i = 0; i < candidates.size(); ++i) pool.push_back({std::move(candidates[i]), scores[i]});
    std::stable_sort(pool.begin(), pool.end(),
                     [](const Scored& a, const Scored& b) { return a.score > b.score; });
    return true;
  }

  /// False where there is no scorer to evolve on.
  bool evolve(size_t n, std::vector<Candidate>& out) {
    std::vector<Scored> pool;
    std::unordered_set<Point, PointHash> met;
    std::vector<Candidate> generation;
    for (size_t i = 0; i < elite_.size() && i < options_.population / kSeedsFromElite; ++i)
      generation.push_back(elite_[i].candidate);
    for (size_t tries = 0;
         generation.size() < options_.population && tries < 4 * options_.population && !stopped(); ++tries)
      if (auto c = valid(space_.sample(rng_))) generation.push_back(std::move(*c));
    if (generation.empty() || scores_of({generation.front()}).empty()) return false;
    if (!join(pool, std::move(generation), met)) return false;
    for (size_t g = 0; g < options_.generations && !stopped(); ++g) {
      const size_t parents = std::min(pool.size(), options_.population);
      generation.clear();
      for (size_t i = 0; i < options_.population && !stopped(); ++i) {
        const Point& a = pool[std::min(rng_.below(parents), rng_.below(parents))].candidate.point;
        const Point& b = pool[rng_.below(parents)].candidate.point;
        if (auto c = valid(child(a, b))) generation.push_back(std::move(*c));
      }
      if (!join(pool, std::move(generation), met)) return false;
    }
    for (Scored& s : pool) {
      if (out.size() >= n) break;
      if (seen(s.candidate.point)) continue;
      mark_seen(s.candidate.point);
      out.push_back(std::move(s.candidate));
    }
    return true;
  }

  std::vector<Measured> elite_;
  size_t told_ok_ = 0;
};

}  // namespace

std::unique_ptr<Search> make_evolutionary_search(SpaceFn fn, SearchOptions options) {
  return std::make_unique<EvolutionarySearch>(std::move(fn), std::move(options));
}

}  // namespace tc::autotune
