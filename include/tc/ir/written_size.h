// How long an expression is when it is written out. Nodes are shared, so that thirty
// lines of a program can make one (x = x + x) that no pass could ever walk.
#pragma once
#include <algorithm>
#include <string>

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

/// Error te.value.size where `value`, that of the tensor or reducer `name`, is longer.
/// To be called before anything walks it.
inline void require_written_size(const Expr& value, const std::string& name) {
  TC_REQUIRE(!value || written_size(*value) <= kMaxWritten,
             Error("te.value.size", "the value of " + name + " has more than " + std::to_string(kMaxWritten) +
                                        " operations and operands when it is written out: each use of an "
                                        "expression repeats it")
                 .fact("stage", name)
                 .fix("compute what is used several times as a tensor of its own, and read that; reduce over "
                      "an axis instead of adding up many terms"));
}

}  // namespace tc::ir
