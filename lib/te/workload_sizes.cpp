// Workloads with sizes: ranges as text, their buckets, and the values at which they are judged.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "workload_detail.h"

namespace tc {
namespace detail {
namespace {

// A value between the two that no small tile divides, where there is one near the middle.
int64_t middle(int64_t least, int64_t greatest) {
  const int64_t half = least + (greatest - least) / 2;
  constexpr int64_t kFar = 16;  // gaps between such numbers are shorter
  for (int64_t v = half; v < std::min(greatest, half + kFar); ++v)
    if (v > least && v % 2 != 0 && v % 3 != 0 && v % 5 != 0 && v % 7 != 0) return v;
  return half;
}

// Of one bucket.
std::vector<std::vector<int64_t>> judge(const std::vector<std::pair<int64_t, int64_t>>& bucket) {
  std::vector<std::vector<int64_t>> out;
  const auto add = [&](auto value) {
    std::vector<int64_t> values;
    for (size_t i = 0; i < bucket.size(); ++i) values.push_back(value(i));
    if (std::find(out.begin(), out.end(), values) == out.end()) out.push_back(std::move(values));
  };
  add([&](size_t i) { return bucket[i].first; });
  add([&](size_t i) { return middle(bucket[i].first, bucket[i].second); });
  if (bucket.size() > 1)
    for (size_t small = 0; small < bucket.size(); ++small)
      add([&](size_t i) { return i == small ? bucket[i].first : bucket[i].second; });
  add([&](size_t i) { return bucket[i].second; });
  return out;
}

// The first and last value of every size, for each bucket in order.
std::vector<std::vector<std::pair<int64_t, int64_t>>> cut(const std::vector<WorkloadRange>& ranges) {
  std::vector<std::vector<std::pair<int64_t, int64_t>>> out = {{}};
  for (const WorkloadRange& r : ranges) {
    std::vector<std::vector<std::pair<int64_t, int64_t>>> longer;
    for (const auto& bucket : out)
      for (size_t i = 0; i < r.last.size(); ++i) {
        longer.push_back(bucket);
        longer.back().emplace_back(i == 0 ? r.least : r.last[i - 1] + 1, r.last[i]);
      }
    out = std::move(longer);
  }
  return out;
}

}  // namespace

std::optional<WorkloadRange> split_range(std::string_view key, std::string_view text) {
  if (text.find("..") == std::string_view::npos) return std::nullopt;
  WorkloadRange out{key, 0, {}};
  for (size_t i = 0; i <= text.size();) {
    const size_t end = std::min(text.find("..", i), text.size());
    int64_t v = 0;
    const auto [stop, ec] = std::from_chars(text.data() + i, text.data() + end, v);
    TC_ASSERT(ec == std::errc() && stop == text.data() + end, std::string(text));
    if (i == 0)
      out.least = v;
    else
      out.last.push_back(v);
    i = end + 2;
  }
  return out;
}

std::string join_range(const WorkloadRange& range) {
  return fmt::format("{}..{}", range.least, fmt::join(range.last, ".."));
}

std::vector<std::vector<int64_t>> judged_values(const std::vector<WorkloadRange>& ranges) {
  std::vector<std::vector<int64_t>> out;
  for (const auto& bucket : cut(ranges))
    for (auto& values : judge(bucket)) out.push_back(std::move(values));
  return out;
}

}  // namespace detail

std::vector<WorkloadRange> Workload::ranges() const {
  std::vector<WorkloadRange> out;
  for (size_t i = 0; op_ && i < values_.size(); ++i)
    if (op_->keys[i].sized)
      if (auto r = detail::split_range(op_->keys[i].name, values_[i])) out.push_back(std::move(*r));
  return out;
}

Workload Workload::with(const std::vector<std::string>& texts) const {
  Workload out = *this;
  size_t next = 0;
  for (size_t i = 0; op_ && i < values_.size(); ++i)
    if (op_->keys[i].sized && detail::split_range(op_->keys[i].name, values_[i])) {
      TC_ASSERT(next < texts.size(), "a value is missing");
      out.values_[i] = texts[next++];
    }
  TC_ASSERT(next == texts.size(), "there are more values than sizes");
  if (next == 0) return out;
  const auto error = detail::make_canonical(*op_, out.values_);
  TC_ASSERT(!error, "numbers in place of a size make no workload");
  out.text_ = detail::canonical_text(*op_, out.values_);
  return out;
}

std::vector<Workload> Workload::buckets() const {
  std::vector<Workload> out;
  for (const auto& bucket : detail::cut(ranges())) {
    std::vector<std::string> texts;
    for (const auto& [first, last] : bucket) texts.push_back(fmt::format("{}..{}", first, last));
    out.push_back(with(texts));
  }
  return out;
}

std::vector<Workload> Workload::judged() const {
  std::vector<Workload> out;
  for (const auto& values : detail::judged_values(ranges())) out.push_back(at(values));
  return out;
}

Workload Workload::at(const std::vector<int64_t>& values) const {
  std::vector<std::string> texts;
  for (const int64_t v : values) {
    TC_REQUIRE(v >= 0, Error("te.shape.negative", fmt::format("a size cannot be {}", v))
                           .fact("workload", text_.substr(0, 200))
                           .fix("give a value that the size can have"));
    texts.push_back(std::to_string(v));
  }
  return with(texts);
}

}  // namespace tc
