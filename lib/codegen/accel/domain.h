// Which iterations of a leaf's tile loops run, as boxes.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "leaf.h"

namespace tc::accel {

/// Iterations first[i] to first[i] + count[i] - 1 of each loop; no count is 0.
struct Box {
  std::vector<int64_t> first, count;
  [[nodiscard]] int64_t size() const {
    int64_t n = 1;
    for (const int64_t c : count) n *= c;
    return n;
  }
};

/// Iterations of one loop; and of loops that are taken singly because of conditions, together.
inline constexpr int64_t kMaxExtent = int64_t{1} << 22, kMaxSingled = int64_t{1} << 19;

/// Conditions with the variables outside the leaf put in.
class Domain {
 public:
  /// `env` holds the variables outside; the leaf's own slots in it are written to.
  Domain(const Leaf& leaf, std::span<const Condition> conditions, Env& env);

  /// Calls f for boxes that together hold each iteration in which all conditions hold, once. Where
  /// conditions tie several loops together the iterations of one are taken singly: the
  /// first in `single` that occurs in such a condition, else the outermost. Throws
  /// codegen.accel.lanes where a condition holds in part of a tile.
  void for_each_box(std::span<const size_t> single, const std::function<void(const Box&)>& f);
  /// Whether all conditions hold at a point.
  [[nodiscard]] bool holds(std::span<const int64_t> point);

 private:
  struct Bound {
    const Condition* condition;
    int64_t base;
  };
  struct Range {
    int64_t lo, hi;  // hi excluded
  };
  enum class Truth : uint8_t { no, yes, open };
  [[nodiscard]] static Truth decide(const Condition& c, int64_t lo, int64_t hi);
  [[nodiscard]] Truth truth(const Bound& b, const std::vector<Range>& ranges, bool lanes_too) const;
  [[nodiscard]] static bool narrow(const Bound& b, std::vector<Range>& ranges);
  [[nodiscard]] bool general(const Condition& c, std::span<const int64_t> point);
  [[noreturn]] void refuse() const;
  [[noreturn]] void limit() const;
  void recurse(std::vector<Range> ranges, std::vector<Bound> open, std::span<const size_t> single,
               const std::function<void(const Box&)>& f);

  const Leaf& leaf_;
  Env& env_;
  std::vector<Bound> bounds_;
  std::vector<int64_t> extents_;
  int64_t singled_ = 0;
};

}  // namespace tc::accel
