#include "tc/autotune/point.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "tc/support/rng.h"

namespace tc::autotune {
namespace {

Error syntax(std::string_view text, size_t at, std::string what) {
  return Error("autotune.point.syntax", std::move(what))
      .excerpt(fmt::format("{}\n{}^", text, std::string(at, ' ')))
      .fix("write name=value pairs joined by commas, e.g. tile_y=6,tile_x=2");
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

}  // namespace

void Point::set(std::string_view name, int64_t value) {
  for (auto& [key, old] : decisions_)
    if (key == name) {
      old = value;
      return;
    }
  decisions_.emplace_back(name, value);
}

std::optional<int64_t> Point::get(std::string_view name) const {
  for (const auto& [key, value] : decisions_)
    if (key == name) return value;
  return std::nullopt;
}

std::string Point::str() const {
  std::string out;
  for (const auto& [name, value] : decisions_) {
    if (!out.empty()) out += ',';
    out += fmt::format("{}={}", name, value);
  }
  return out;
}

Expected<Point> Point::parse(std::string_view text) {
  Point point;
  size_t at = 0;
  while (at < text.size()) {
    const size_t start = at;
    while (at < text.size() && is_name_char(text[at])) ++at;
    if (at == start) return syntax(text, at, "a decision needs a name");
    if (at == text.size() || text[at] != '=') return syntax(text, at, "a decision's name is followed by '='");
    const std::string_view name = text.substr(start, at - start);
    if (point.get(name)) return syntax(text, start, fmt::format("{} is decided twice", name));
    int64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data() + at + 1, text.data() + text.size(), value);
    if (ec != std::errc()) return syntax(text, at + 1, fmt::format("{} needs a 64-bit integer", name));
    point.decisions_.emplace_back(name, value);
    at = static_cast<size_t>(end - text.data());
    if (at == text.size()) break;
    if (text[at] != ',') return syntax(text, at, "decisions are joined by ','");
    if (++at == text.size()) return syntax(text, at, "a decision is missing after ','");
  }
  return point;
}

uint64_t Point::hash() const {
  uint64_t h = 0xcbf29ce484222325ull;  // FNV-1a over the names, values mixed in
  for (const auto& [name, value] : decisions_) {
    for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    h = mix_seed(h, static_cast<uint64_t>(value));
  }
  return h;
}

}  // namespace tc::autotune
