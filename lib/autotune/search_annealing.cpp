// Simulated annealing on measured costs: several walkers, each proposes a
// neighbour of where it stands and moves there with probability
// exp((log now - log new) / temperature), so that the scale of costs does not
// matter. With a scorer, a walker proposes the best of a few neighbours.
#include <cmath>
#include <unordered_map>

#include "searches.h"

namespace tc::autotune {
namespace {

constexpr double kStartTemperature = 0.5;  // accepts a 1.5 times slower neighbour about every other time
constexpr size_t kNeighbours = 8;

class AnnealingSearch final : public Search {
 public:
  AnnealingSearch(SpaceFn fn, SearchOptions options)
      : Search(std::move(fn), std::move(options)), chains_(std::max<size_t>(options_.chains, 1)) {}

 private:
  struct Chain {
    Point at;
    double cost = std::numeric_limits<double>::infinity();  // infinity: nowhere yet
  };

  void learn(const Candidate& candidate, const Result& result) override {
    const auto it = asked_by_.find(candidate.point);
    // Points from a log start the walkers that stand nowhere or worse.
    const size_t index = it != asked_by_.end() ? it->second : worst();
    if (it != asked_by_.end()) asked_by_.erase(it);
    if (!result.ok || !(result.cost > 0)) return;
    Chain& chain = chains_[index];
    const double gain = std::isinf(chain.cost) ? 1 : std::log(chain.cost / result.cost);
    if (gain >= 0 || rng_.uniform() < std::exp(gain / temperature_)) chain = {candidate.point, result.cost};
    temperature_ = std::max(temperature_ * options_.cooling, 1e-3);
  }

  [[nodiscard]] size_t worst() const {
    size_t w = 0;
    for (size_t i = 1; i < chains_.size(); ++i)
      if (chains_[i].cost > chains_[w].cost) w = i;
    return w;
  }

  void propose(size_t n, std::vector<Candidate>& out) override {
    if (auto c = fresh(space_.defaults())) out.push_back(std::move(*c));
    const auto steps = n - std::min(n, static_cast<size_t>(options_.explore * static_cast<double>(n)));
    for (size_t misses = 0; out.size() < steps && misses < options_.max_misses && !stopped();
         turn_ = (turn_ + 1) % chains_.size()) {
      const Chain& chain = chains_[turn_];
      std::optional<Candidate> next =
          std::isinf(chain.cost) ? fresh(space_.sample(rng_)) : neighbour(chain.at);
      if (!next) {
        ++misses;
        continue;
      }
      asked_by_[next->point] = turn_;
      out.push_back(std::move(*next));
    }
    add_random(n, out);
  }

  std::optional<Candidate> neighbour(const Point& at) {
    std::vector<Candidate> around;
    for (size_t i = 0; i < kNeighbours; ++i) {
      Draw draw = space_.mutate(at, rng_);
      if (seen(draw.point)) continue;
      if (auto c = valid(std::move(draw))) around.push_back(std::move(*c));
    }
    if (around.empty()) return std::nullopt;
    const std::vector<float> scores = scores_of(around);
    size_t best = 0;
    for (size_t i = 1; i < scores.size(); ++i)
      if (scores[i] > scores[best]) best = i;
    mark_seen(around[best].point);
    return std::move(around[best]);
  }

  std::vector<Chain> chains_;
  std::unordered_map<Point, size_t, PointHash> asked_by_;
  double temperature_ = kStartTemperature;
  size_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Search> make_annealing_search(SpaceFn fn, SearchOptions options) {
  return std::make_unique<AnnealingSearch>(std::move(fn), std::move(options));
}

}  // namespace tc::autotune
