#include "tc/autotune/space.h"

#include <fmt/format.h>

#include <exception>

namespace tc::autotune {

Draw Space::run(Choices choices) const {
  Expected<Features> features = Features{};
  try {
    features = fn_(choices);
  } catch (const Error& e) {
    features = e;
  } catch (const std::exception& e) {
    // A bug in one schedule function must not end a night of tuning.
    features = Error("autotune.space.failed", fmt::format("the schedule function threw: {}", e.what()))
                   .fix("let it throw a tc::Error where a point is not legal, and nothing else");
  }
  return {choices.point(), choices.decisions(), std::move(features)};
}

Draw Space::mutate(const Point& point, Rng& rng) const {
  // Replay first: only the run itself knows the domains, which may depend on
  // earlier decisions.
  const Draw now = run(Choices::repair(point, rng.next()));
  std::vector<size_t> open;
  for (size_t i = 0; i < now.decisions.size(); ++i)
    if (now.decisions[i].domain.size() > 1 || now.decisions[i].index < 0) open.push_back(i);
  if (open.empty()) return now;
  const Decision& d = now.decisions[open[rng.below(open.size())]];
  Point changed = now.point;
  // Skip the present value; an index of -1 means it is outside the domain.
  const auto others = static_cast<uint64_t>(d.domain.size() - (d.index >= 0 ? 1 : 0));
  auto index = static_cast<int64_t>(rng.below(others));
  if (d.index >= 0 && index >= d.index) ++index;
  changed.set(d.name, d.domain.at(index));
  return run(Choices::repair(std::move(changed), rng.next()));
}

Draw Space::cross(const Point& a, const Point& b, Rng& rng) const {
  Point child;
  for (const auto& [name, value] : a.decisions()) {
    const auto other = b.get(name);
    child.set(name, other && (rng.next() & 1) ? *other : value);
  }
  for (const auto& [name, value] : b.decisions())
    if (!child.get(name)) child.set(name, value);
  return run(Choices::repair(std::move(child), rng.next()));
}

double Space::size_estimate(int paths, uint64_t seed) const {
  Rng rng(seed);
  double total = 0;
  for (int i = 0; i < paths; ++i) {
    double product = 1;
    for (const Decision& d : sample(rng).decisions) product *= static_cast<double>(d.domain.size());
    total += product;
  }
  return paths > 0 ? total / paths : 0;
}

std::optional<Draw> Enumeration::next() {
  if (done_) return std::nullopt;
  Draw draw = space_->run(Choices::walk(path_));
  // The deepest decision with a value left moves on; those below it restart.
  path_.clear();
  for (const Decision& d : draw.decisions) path_.push_back(d.index);
  while (!path_.empty() && path_.back() + 1 >= draw.decisions[path_.size() - 1].domain.size())
    path_.pop_back();
  if (path_.empty())
    done_ = true;
  else
    ++path_.back();
  return draw;
}

}  // namespace tc::autotune
