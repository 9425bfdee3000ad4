#include "tc/autotune/json.h"

#include <fmt/format.h>

namespace tc::autotune {
namespace {

/// The deepest nesting of brackets outside strings.
int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Expected<Json> parse_json(std::string_view text, int max_depth) {
  // Values are copied, printed and freed recursively, so depth is stack space.
  if (depth_of(text) > max_depth)
    return Error("autotune.json.depth", fmt::format("nested deeper than {} levels", max_depth))
        .fix("records and messages of tc are flat: this is none");
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool cut = text.find('\0') != text.npos;  // there the parser would stop
  if (json.is_discarded() || cut)
    return Error("autotune.json.syntax", "not valid JSON").fix("write one JSON value");
  return json;
}

std::string dump_json(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json to_json(const Point& point) {
  Json out = Json::object();
  for (const auto& [name, value] : point.decisions()) out[name] = value;
  return out;
}

Expected<Point> point_from_json(const Json& json) {
  if (!json.is_object())
    return Error("autotune.point.json", "decisions are not an object of names and integers")
        .fix("write {\"tile_y\": 6, \"tile_x\": 2}");
  Point point;
  for (const auto& [name, value] : json.items()) {
    const bool fits =
        value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
    if (!fits)
      return Error("autotune.point.json",
                   fmt::format("decision {} is not a 64-bit integer", name.substr(0, 64)))
          .fix("write a whole number, without quotes");
    point.set(name, value.get<int64_t>());
  }
  return point;
}

}  // namespace tc::autotune
