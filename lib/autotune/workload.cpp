#include "tc/autotune/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tc/autotune/hash.h"

namespace tc::autotune {
namespace {

constexpr size_t kMaxLength = 4096, kMaxArgs = 64;

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool goes_on(char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; }

Error syntax(std::string_view text, size_t at, size_t length, std::string what) {
  return Error("workload.syntax", std::move(what))
      .excerpt(
          fmt::format("{}\n{}{}", text, std::string(at, ' '), std::string(std::max<size_t>(length, 1), '^')))
      .fix("write an operator and its key=value pairs, e.g. matmul m=1024 n=1024 k=1024 dtype=f32");
}

/// The length of the name at the start of `text`, 0 if there is none.
size_t name_length(std::string_view text) {
  if (text.empty() || !starts_name(text[0])) return 0;
  size_t n = 1;
  while (n < text.size() && goes_on(text[n])) ++n;
  return n;
}

std::string text_of(const Workload::Value& v) {
  if (const auto* i = std::get_if<int64_t>(&v)) return std::to_string(*i);
  return std::get<std::string>(v);
}

std::optional<Workload::Value> value_of(std::string_view word) {
  if (!word.empty() && name_length(word) == word.size()) return Workload::Value(std::string(word));
  int64_t value = 0;
  const auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (ec != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return Workload::Value(value);
}

}  // namespace

Expected<Workload> Workload::parse(std::string_view text) {
  if (text.size() > kMaxLength)
    return Error("workload.size", fmt::format("a workload has at most {} characters", kMaxLength))
        .fact("got", std::to_string(text.size()));
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] < ' ' || text[i] > '~')
      return Error("workload.syntax",
                   fmt::format("character {} of the workload is not printable ASCII", i + 1));
  std::optional<Workload> w;
  for (size_t at = 0;;) {
    while (at < text.size() && text[at] == ' ') ++at;
    if (at == text.size()) break;
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    const size_t key = name_length(word);
    if (!w) {
      if (key != word.size())
        return syntax(text, at, word.size(), "a workload starts with the name of an operator");
      w.emplace(std::string(word));
    } else {
      if (key == 0) return syntax(text, at, word.size(), "expected key=value");
      if (key == word.size() || word[key] != '=')
        return syntax(text, at, word.size(),
                      fmt::format("expected '=' and a value after {}", word.substr(0, key)));
      const auto value = value_of(word.substr(key + 1));
      if (!value)
        return syntax(text, at + key + 1, word.size() - key - 1,
                      fmt::format("{} needs a 64-bit integer or a name", word.substr(0, key)));
      for (const auto& [have, old] : w->args_)
        if (have == word.substr(0, key))
          return Error("workload.duplicate", fmt::format("{} is given twice", have))
              .excerpt(syntax(text, at, word.size(), "").excerpt_text())
              .fix("keep one of them");
      if (w->args_.size() == kMaxArgs)
        return Error("workload.size", fmt::format("a workload has at most {} keys", kMaxArgs));
      w->args_.emplace_back(word.substr(0, key), *value);
    }
    at = end;
  }
  if (!w) return syntax(text, 0, text.size(), "the workload is empty");
  return *w;
}

Workload& Workload::set(std::string key, Value value) {
  for (auto& [have, old] : args_)
    if (have == key) {
      old = std::move(value);
      return *this;
    }
  args_.emplace_back(std::move(key), std::move(value));
  return *this;
}

std::optional<int64_t> Workload::get_int(std::string_view key) const {
  for (const auto& [name, value] : args_)
    if (name == key && std::holds_alternative<int64_t>(value)) return std::get<int64_t>(value);
  return std::nullopt;
}

std::optional<std::string> Workload::get_name(std::string_view key) const {
  for (const auto& [name, value] : args_)
    if (name == key && std::holds_alternative<std::string>(value)) return std::get<std::string>(value);
  return std::nullopt;
}

std::string Workload::str() const {
  std::string out = op_;
  for (const auto& [key, value] : args_) out += fmt::format(" {}={}", key, text_of(value));
  return out;
}

std::string Workload::canonical() const {
  Workload sorted = *this;
  std::sort(sorted.args_.begin(), sorted.args_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return sorted.str();
}

std::string Workload::hash() const { return sha256_hex(canonical()); }

std::optional<double> workload_distance(const Workload& a, const Workload& b) {
  if (a.op() != b.op() || a.args().size() != b.args().size()) return std::nullopt;
  double sum = 0;
  for (const auto& [key, value] : a.args()) {
    if (const auto name = b.get_name(key)) {
      if (value != Workload::Value(*name)) return std::nullopt;
      continue;
    }
    const auto other = b.get_int(key);
    const auto* mine = std::get_if<int64_t>(&value);
    if (!other || !mine) return std::nullopt;
    // Extents compare by ratio; 0 and negatives (an axis, an offset) by equality.
    if (*mine <= 0 || *other <= 0) {
      if (*mine != *other) return std::nullopt;
      continue;
    }
    const double ratio = std::log2(static_cast<double>(*mine)) - std::log2(static_cast<double>(*other));
    sum += ratio * ratio;
  }
  return std::sqrt(sum);
}

}  // namespace tc::autotune
