#include "tc/ir/node.h"

#include <array>

#include "tc/ir/traverse.h"

namespace tc::ir {

std::string_view to_string(Kind kind) {
  static constexpr std::string_view kNames[] = {
#define TC_X(T) #T,
    TC_IR_NODES(TC_X)
#undef TC_X
  };
  return kNames[static_cast<size_t>(kind)];
}

void destroy(const Node* node) {
  dispatch(*node, [](const auto& n) { delete &n; });
}

namespace detail {
void finish(const Node* node) {
  int depth = 0;
  for_each_child(*node, [&](const Node& child, Role) { depth = std::max<int>(depth, child.depth); });
  if (depth + 1 > kMaxDepth)
    throw Error("ir.depth", "the program is nested too deeply")
        .fact("limit", std::to_string(kMaxDepth) + " levels")
        .fix(
            "use a reduction over an axis instead of a chain of operations, or split the computation into "
            "stages");
  node->depth = static_cast<uint16_t>(depth + 1);
}
}  // namespace detail

}  // namespace tc::ir
