// The JSON type of the tuner and how text from outside becomes one. Members
// keep their order, because decisions do.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tc/autotune/point.h"
#include "tc/support/error.h"

namespace tc::autotune {

using Json = nlohmann::ordered_json;

/// Parses hostile text: depth is limited before parsing. The Error's code is
/// autotune.json.syntax or autotune.json.depth; nothing is thrown.
[[nodiscard]] Expected<Json> parse_json(std::string_view text, int max_depth = 32);
/// One line of compact text; bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string dump_json(const Json& json);

/// {"tile_y":6,"tile_x":2}, in the order of the decisions.
[[nodiscard]] Json to_json(const Point& point);
/// Error autotune.point.json unless `json` is an object of integers.
[[nodiscard]] Expected<Point> point_from_json(const Json& json);

}  // namespace tc::autotune
