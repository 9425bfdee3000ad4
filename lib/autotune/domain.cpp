#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tc/autotune/choices.h"

namespace tc::autotune {
namespace {

// An extent above its square, which no tensor in memory has, may lose the
// divisors in the middle; a hostile one costs a millisecond, not minutes.
constexpr int64_t kMaxTrialDivisor = int64_t{1} << 20;

}  // namespace

Domain Domain::list(std::vector<int64_t> values) {
  Domain d;  // without repetitions: an index and a value must name each other
  for (const int64_t v : values)
    if (std::find(d.list_.begin(), d.list_.end(), v) == d.list_.end()) d.list_.push_back(v);
  return d;
}

Domain Domain::range(int64_t first, int64_t count, int64_t step) {
  Domain d;
  d.first_ = first;
  d.count_ = std::max<int64_t>(count, 0);
  d.step_ = std::max<int64_t>(step, 1);
  return d;
}

int64_t Domain::at(int64_t index) const {
  TC_ASSERT(index >= 0 && index < size(), "a domain index in range");
  return list_.empty() ? first_ + index * step_ : list_[static_cast<size_t>(index)];
}

int64_t Domain::index_of(int64_t value) const {
  if (!list_.empty()) {
    const auto it = std::find(list_.begin(), list_.end(), value);
    return it == list_.end() ? -1 : it - list_.begin();
  }
  int64_t distance = 0;  // the value may come from a hostile log
  if (value < first_ || __builtin_sub_overflow(value, first_, &distance) || distance % step_ != 0) return -1;
  const int64_t index = distance / step_;
  return index < count_ ? index : -1;
}

std::vector<int64_t> Domain::values(int64_t limit) const {
  std::vector<int64_t> out(static_cast<size_t>(std::min(size(), limit)));
  for (size_t i = 0; i < out.size(); ++i) out[i] = at(static_cast<int64_t>(i));
  return out;
}

std::string Domain::str() const {
  if (size() == 0) return "{}";
  if (list_.empty() && count_ > 8) return fmt::format("{}..{} step {}", first_, at(count_ - 1), step_);
  return fmt::format("{{{}}}", fmt::join(values(64), ", "));
}

std::vector<int64_t> factor_candidates(int64_t extent, const FactorLimits& limits) {
  std::vector<int64_t> out;
  const auto add = [&](int64_t f) {
    if (f >= limits.min && f <= limits.max && f % limits.multiple_of == 0) out.push_back(f);
  };
  const int64_t n = std::max<int64_t>(extent, 1);
  for (int64_t d = 1; d <= n / d && d <= kMaxTrialDivisor; ++d)
    if (n % d == 0) {
      add(d);
      add(n / d);
    }
  if (!limits.divisors_only)
    for (int64_t p = 1; p <= n; p *= 2) {
      add(p);
      if (p > n / 2) break;  // p * 2 may not exist
    }
  if (!limits.divisors_only && limits.multiple_of > 1)
    for (int64_t f = limits.multiple_of; f <= n && f <= 16 * limits.multiple_of; f += limits.multiple_of)
      add(f);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace tc::autotune
