#include "tc/autotune/search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "searches.h"

namespace tc::autotune {

Search::Search(SpaceFn fn, SearchOptions options)
    : space_(std::move(fn)),
      options_(std::move(options)),
      rng_(mix_seed(options_.seed, 0x5ea7)),
      enumeration_(space_) {}

std::vector<Candidate> Search::ask(size_t n) {
  std::vector<Candidate> out;
  if (n == 0 || exhausted_) return out;
  propose(n, out);
  // What the strategy could not find, an exhaustive walk will: this is how a
  // small space ends.
  if (out.size() < n && !stopped()) walk(n, out);
  return out;
}

void Search::tell(const Candidate& candidate, const Result& result) {
  mark_seen(candidate.point);
  learn(candidate, result);
}

std::optional<Candidate> Search::valid(Draw draw) {
  if (draw.features) return Candidate{std::move(draw.point), std::move(draw.features.value())};
  if (known_invalid_.insert(draw.point).second) {
    ++invalid_;
    if (!first_invalid_) first_invalid_ = draw.features.error();
  }
  return std::nullopt;
}

std::optional<Candidate> Search::fresh(Draw draw) {
  if (seen(draw.point)) return std::nullopt;
  std::optional<Candidate> candidate = valid(std::move(draw));
  if (candidate) mark_seen(candidate->point);
  return candidate;
}

void Search::add_random(size_t n, std::vector<Candidate>& out) {
  for (size_t misses = 0; out.size() < n && misses < options_.max_misses && !stopped();) {
    if (auto c = fresh(space_.sample(rng_)))
      out.push_back(std::move(*c));
    else
      ++misses;
  }
}

void Search::walk(size_t n, std::vector<Candidate>& out) {
  for (size_t steps = 0; out.size() < n && steps < options_.max_walk && !stopped(); ++steps) {
    std::optional<Draw> draw = enumeration_.next();
    if (!draw) {
      exhausted_ = true;
      return;
    }
    if (auto c = fresh(std::move(*draw))) out.push_back(std::move(*c));
  }
}

std::vector<float> Search::scores_of(const std::vector<Candidate>& candidates) const {
  if (!scorer_ || candidates.empty()) return {};
  std::vector<Features> features;
  for (const Candidate& c : candidates) features.push_back(c.features);
  std::vector<float> scores = scorer_(features);
  if (scores.size() != candidates.size()) scores.clear();
  return scores;
}

std::vector<std::string> search_names() { return {"random", "grid", "evolutionary", "annealing"}; }

Expected<std::unique_ptr<Search>> make_search(std::string_view name, SpaceFn fn, SearchOptions options) {
  if (name == "random") return make_random_search(std::move(fn), std::move(options));
  if (name == "grid") return make_grid_search(std::move(fn), std::move(options));
  if (name == "evolutionary") return make_evolutionary_search(std::move(fn), std::move(options));
  if (name == "annealing") return make_annealing_search(std::move(fn), std::move(options));
  return Error("autotune.search.name", fmt::format("there is no search named {}", name))
      .fact("expected", fmt::format("{}", fmt::join(search_names(), ", ")))
      .fact("got", std::string(name))
      .fix("name one of these");
}

}  // namespace tc::autotune
