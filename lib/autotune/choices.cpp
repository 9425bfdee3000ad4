#include "tc/autotune/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tc::autotune {
namespace {

constexpr size_t kMaxOrder = 12;

bool obeys(int64_t value, const FactorLimits& limits) {
  return value >= limits.min && value <= limits.max && value % limits.multiple_of == 0;
}

Error out_of_range(std::string_view name, int64_t value, std::string allowed) {
  return Error("autotune.choices.value",
               fmt::format("{}={} is not among the values that this schedule allows", name, value))
      .fact("decision", std::string(name))
      .fact("expected", std::move(allowed))
      .fact("got", std::to_string(value))
      .fix(
          "leave the decision out to take its default, or tune again: the space has changed since this point "
          "was recorded");
}

}  // namespace

Choices Choices::defaults() { return Choices(Mode::defaults, {}, 0); }
Choices Choices::replay(Point given) { return Choices(Mode::replay, std::move(given), 0); }
Choices Choices::sample(uint64_t seed) { return Choices(Mode::sample, {}, seed); }
Choices Choices::repair(Point given, uint64_t seed) { return Choices(Mode::repair, std::move(given), seed); }

Choices Choices::walk(std::vector<int64_t> path) {
  Choices c(Mode::walk, {}, 0);
  c.path_ = std::move(path);
  return c;
}

int64_t Choices::draw(std::string_view name, Domain domain, int64_t default_value,
                      const FactorLimits* limits) {
  TC_REQUIRE(domain.size() > 0,
             Error("autotune.choices.empty", fmt::format("{} has no value to choose from", name))
                 .fact("decision", std::string(name))
                 .fix("widen its limits, or do not draw it for this shape"));
  for (const Decision& d : decisions_)
    TC_REQUIRE(d.name != name,
               Error("autotune.choices.name", fmt::format("{} is drawn twice in one schedule", name))
                   .fact("decision", std::string(name))
                   .fix("give each decision a name of its own"));
  int64_t value = default_value;
  const auto random = [&] {
    return domain.at(static_cast<int64_t>(rng_.below(static_cast<uint64_t>(domain.size()))));
  };
  if (mode_ == Mode::sample) {
    value = random();
  } else if (mode_ == Mode::walk) {
    const size_t depth = decisions_.size();
    value = domain.at(depth < path_.size() ? path_[depth] : 0);
  } else if (mode_ != Mode::defaults) {
    const auto given = given_.get(name);
    const bool fits = given && (domain.index_of(*given) >= 0 || (limits && obeys(*given, *limits)));
    if (given && !fits && mode_ == Mode::replay) {
      throw out_of_range(
          name, *given,
          limits ? fmt::format("{} to {}, a multiple of {}", limits->min, limits->max, limits->multiple_of)
                 : domain.str());
    }
    if (fits)
      value = *given;
    else if (mode_ == Mode::repair)
      value = random();
  }
  const int64_t index = domain.index_of(value);
  decisions_.push_back({std::string(name), std::move(domain), value, index});
  return value;
}

int64_t Choices::factor(std::string_view name, int64_t extent, const FactorLimits& limits) {
  FactorLimits law = limits;
  law.multiple_of = std::max<int64_t>(law.multiple_of, 1);
  law.max = std::min(law.max, std::max<int64_t>(extent, 1));
  const std::vector<int64_t> candidates = factor_candidates(extent, law);
  int64_t preferred = candidates.empty() ? 1 : candidates.front();
  for (const int64_t c : candidates)
    if (c <= law.preferred) preferred = c;
  return draw(name, Domain::list(candidates), preferred, &law);
}

int64_t Choices::option(std::string_view name, std::vector<int64_t> values) {
  const int64_t first = values.empty() ? 0 : values.front();
  return draw(name, Domain::list(std::move(values)), first, nullptr);
}

int64_t Choices::option(std::string_view name, std::vector<int64_t> values, int64_t default_value) {
  const bool among = std::find(values.begin(), values.end(), default_value) != values.end();
  TC_REQUIRE(among,
             Error("autotune.choices.value", fmt::format("the default of {} is not among its values", name))
                 .fact("decision", std::string(name))
                 .fact("expected", Domain::list(values).str())
                 .fact("got", std::to_string(default_value))
                 .fix("give one of these as the default"));
  return draw(name, Domain::list(std::move(values)), default_value, nullptr);
}

int64_t Choices::range(std::string_view name, int64_t first, int64_t last, int64_t step) {
  const int64_t count = last < first || step < 1 ? 0 : (last - first) / step + 1;
  return draw(name, Domain::range(first, count, step), first, nullptr);
}

bool Choices::flag(std::string_view name, bool default_value) {
  return draw(name, Domain::list({0, 1}), default_value ? 1 : 0, nullptr) != 0;
}

size_t Choices::pick(std::string_view name, const std::vector<std::string>& labels) {
  return static_cast<size_t>(draw(name, Domain::range(0, static_cast<int64_t>(labels.size())), 0, nullptr));
}

std::vector<size_t> Choices::order(std::string_view name, size_t n) {
  TC_REQUIRE(n <= kMaxOrder, Error("autotune.choices.order",
                                   fmt::format("{} orders {} things; {} are the most", name, n, kMaxOrder))
                                 .fact("decision", std::string(name))
                                 .fix("order fewer, the outermost loops say, and fix the rest"));
  int64_t count = 1;
  for (size_t i = 2; i <= n; ++i) count *= static_cast<int64_t>(i);
  int64_t code = draw(name, Domain::range(0, count), 0, nullptr);
  // The factorial number system: digit i picks among the n-i that remain, so
  // that code 0 is the identity and codes are in lexicographic order.
  std::vector<size_t> left(n), out;
  for (size_t i = 0; i < n; ++i) left[i] = i;
  for (size_t i = n; i > 0; --i) {
    count /= static_cast<int64_t>(i);
    const int64_t digit = code / count;
    code %= count;
    out.push_back(left[static_cast<size_t>(digit)]);
    left.erase(left.begin() + digit);
  }
  return out;
}

Point Choices::point() const {
  Point p;
  for (const Decision& d : decisions_) p.set(d.name, d.value);
  return p;
}

std::vector<std::string> Choices::unused() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : given_.decisions()) {
    const bool drawn =
        std::any_of(decisions_.begin(), decisions_.end(), [&](const Decision& d) { return d.name == name; });
    if (!drawn) out.push_back(name);
  }
  return out;
}

}  // namespace tc::autotune
