#include "tc/autotune/workload_key.h"

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

std::optional<int64_t> integer(const std::string& text) {
  int64_t v = 0;
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || p != text.data() + text.size()) return std::nullopt;
  return v;
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
    const auto mine = integer(value), other = integer(it->second);
    // extents compare by ratio; words, 0 and negatives (an axis, an offset) by equality
    if (!mine || !other || *mine <= 0 || *other <= 0) return std::nullopt;
    const double ratio = std::log2(static_cast<double>(*mine)) - std::log2(static_cast<double>(*other));
    sum += ratio * ratio;
  }
  return std::sqrt(sum);
}

}  // namespace tc::autotune
