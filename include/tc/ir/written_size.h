// How long an expression is when it is written out. Nodes are shared, so that thirty
// lines of a program can make one (x = x + x) that no pass could ever walk.
#pragma once
#include <algorithm>

#include "tc/ir/traverse.h"

namespace tc::ir {

/// The most nodes that the value of a tensor may have.
inline constexpr int64_t kMaxWritten = 100'000;

/// The nodes of `e`, one that stands in several places counted in each; `most` + 1 if
/// there are more than `most`, which is found in the time for that many.
[[nodiscard]] inline int64_t written_size(const Node& e, int64_t most = kMaxWritten) {
  int64_t n = 1;
  for_each_child(e, [&](const Node& child, Role) {
    if (n <= most) n += written_size(child, most - n);
  });
  return std::min(n, most + 1);
}

}  // namespace tc::ir
