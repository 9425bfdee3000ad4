#include "tc/autotune/workload_key.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include "tc/autotune/hash.h"

namespace tc::autotune {
namespace {

struct Parts {
  std::string op;
  std::map<std::string, std::string> values;
};

Parts parts_of(const std::string& text) {
  Parts out;
  std::istringstream words(text);
  words >> out.op;
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    out.values[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return out;
}

std::optional<int64_t> integer(std::string_view text) {
  int64_t v = 0;
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || p != text.data() + text.size()) return std::nullopt;
  return v;
}

// The first and last value of a key: of `17..64`, and twice the same of a number.
struct Ends {
  int64_t first, last;
  bool range;
};
std::optional<Ends> ends(std::string_view text) {
  const size_t dots = text.find("..");
  const bool range = dots != std::string_view::npos;
  const auto first = integer(text.substr(0, dots)),
             last = range ? integer(text.substr(text.rfind("..") + 2)) : first;
  if (!first || !last || *last <= 0 || (!range && *first <= 0)) return std::nullopt;
  return Ends{std::max<int64_t>(*first, 1), *last, range};
}
double log_ratio(int64_t a, int64_t b) {
  return std::log2(static_cast<double>(a)) - std::log2(static_cast<double>(b));
}

}  // namespace

WorkloadKey::WorkloadKey(std::string canonical_text)
    : text_(std::move(canonical_text)), hash_(sha256_hex(text_)) {}

std::optional<double> workload_distance(const WorkloadKey& a, const WorkloadKey& b) {
  if (a.text() == b.text()) return 0;
  const Parts x = parts_of(a.text()), y = parts_of(b.text());
  if (x.op != y.op || x.op == "graph:" || x.values.size() != y.values.size()) return std::nullopt;
  double sum = 0;
  for (const auto& [key, value] : x.values) {
    const auto it = y.values.find(key);
    if (it == y.values.end()) return std::nullopt;
    if (it->second == value) continue;
    const auto mine = ends(value), other = ends(it->second);
    // extents compare by ratio; words, 0 and negatives (an axis, an offset) by equality
    if (!mine || !other) return std::nullopt;
    const double first = log_ratio(mine->first, other->first), last = log_ratio(mine->last, other->last);
    sum += (first * first + last * last) / 2;
    if (mine->range != other->range) sum += 1;  // other spaces: a range with the same ends is nearer
  }
  return std::sqrt(sum);
}

}  // namespace tc::autotune
