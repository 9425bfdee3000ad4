// A device function made ready to be walked: loops and conditions with compiled expressions,
// and its innermost nests as leaves.
#pragma once
#include <memory>
#include <vector>

#include "leaf.h"

namespace tc::accel {

struct Node {
  enum class Kind : uint8_t { seq, loop, branch, let, alloc, leaf };
  Kind kind = Kind::seq;
  std::vector<Node> children;  // a branch has one or two
  int slot = -1;               // of a loop's or let's variable
  Linear min, extent;          // loop; let: min is the value
  bool vthread = false;
  bool loads = true;                // into INP and WGT, nothing else
  bool straight = true;             // no loops inside, but of loads
  std::optional<Scalar> condition;  // branch
  int buffer = -1;                  // alloc
  std::unique_ptr<Leaf> leaf;
};

/// An allocation, and when its contents matter: from the first to the last leaf that touches
/// it, and all leaves of loops inside it that do.
struct Allocation {
  int buffer = -1;
  int64_t threads = 1;  // virtual threads, each with its own
  int64_t copies = 1;   // taken in turns by one execution after another
  int first = 0, last = -1;
};

struct Tree {
  Buffers buffers;
  Slots slots;
  Node root;
  std::vector<Allocation> allocations;
  std::vector<ir::BufferRef> params;
  int leaves = 0;
};

/// Throws codegen.accel.*: the first statement that the device cannot do.
[[nodiscard]] Tree make_tree(const ir::FuncRef& func, const isa::MachineConfig& config);

}  // namespace tc::accel
