// A point in a search space: the decisions that a schedule function drew, by
// name, in the order drawn. It is what the log keeps and what search permutes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tc/support/error.h"

namespace tc::autotune {

/// Named integer decisions in a fixed order; equal where names, values and order are.
class Point {
 public:
  Point() = default;
  Point(std::initializer_list<std::pair<std::string, int64_t>> decisions) : decisions_(decisions) {}

  /// Sets a decision: replaces the value of that name, or appends it.
  void set(std::string_view name, int64_t value);
  [[nodiscard]] std::optional<int64_t> get(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, int64_t>>& decisions() const { return decisions_; }
  [[nodiscard]] bool empty() const { return decisions_.empty(); }

  /// "tile_y=6,tile_x=2": the inverse of parse.
  [[nodiscard]] std::string str() const;
  /// Error autotune.point.syntax, with carets under the place.
  [[nodiscard]] static Expected<Point> parse(std::string_view text);

  /// A hash that is the same in every process.
  [[nodiscard]] uint64_t hash() const;
  friend bool operator==(const Point&, const Point&) = default;

 private:
  std::vector<std::pair<std::string, int64_t>> decisions_;
};

struct PointHash {
  size_t operator()(const Point& p) const { return static_cast<size_t>(p.hash()); }
};

}  // namespace tc::autotune
