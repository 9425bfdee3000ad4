// What one store statement of a device function is: a transfer, a product, a reset or ALU
// work; and where it finds its tiles. Made once for a statement. Its loops are told apart
// here: lanes run inside a tile and become the hardware's, tile loops become loops and
// micro-ops of instructions.
#pragma once
#include <optional>

#include "buffers.h"
#include "scalar.h"
#include "tc/ir/stmt.h"

namespace tc::accel {

/// Tiles that a statement touches: (base + what the loops add) / tile. Coefficients count tiles,
/// the base elements.
struct Access {
  int buffer = -1;
  Linear base;
  std::vector<int64_t> coefs;
  friend bool same_tiles(const Access& a, const Access& b);
};

/// A condition on the tile loops. With f = base + sum of coefs * loops + something from
/// lane_lo to lane_hi: less is f < 0, equal f == 0, unequal f != 0. `general` is evaluated.
struct Condition {
  enum class Kind : uint8_t { less, equal, unequal, general };
  Kind kind = Kind::general;
  Linear base;
  std::vector<int64_t> coefs;
  int64_t lane_lo = 0, lane_hi = 0;
  std::optional<Scalar> general;
  std::vector<bool> uses;  // which loops `general` depends on
  [[nodiscard]] bool depends_on(size_t loop) const {
    return kind == Kind::general ? uses[loop] : coefs[loop] != 0;
  }
};

/// An expression of ALU operations; operands of a node stand before it.
struct AluNode {
  enum class Op : uint8_t { operand, number, add, sub, mul, min, max, shr, shl, wrap };
  Op op = Op::number;
  int a = -1, b = -1;
  int64_t number = 0;      // the number; which operand; to how many bits `wrap` cuts and extends
  int64_t lo = 0, hi = 0;  // what values it can have
};
struct AluExpr {
  std::vector<AluNode> nodes;  // the last is the value
  [[nodiscard]] int root() const { return static_cast<int>(nodes.size()) - 1; }
};

struct Leaf {
  enum class Kind : uint8_t {
    load,   // memory to a scratchpad: dst, operands[0]
    reset,  // acc = 0
    gemm,   // acc += inp * wgt: dst, operands[0] in inp, operands[1] in wgt
    alu,    // acc = expression of operands
    store   // memory = expression of operands
  };
  Kind kind = Kind::load;
  const ir::Store* statement = nullptr;
  int position = 0;  // among all leaves

  std::vector<Linear> extents;  // of the tile loops
  struct Origin {
    int slot, loop;
  };
  std::vector<Origin> origins;        // variables that are tile loops, for general conditions
  std::vector<Condition> conditions;  // where it does anything
  std::vector<Condition> padding;     // load: where it copies; elsewhere it writes zeros
  Access dst;
  std::vector<Access> operands;
  AluExpr expr;
  // alu: where the same tile is written again by another iteration, dst = reduce_op(dst, reduced)
  std::optional<AluNode::Op> reduce_op;
  AluExpr reduced;
};

/// The leaf of a nest: loops, conditions and lets around one store. Nothing where
/// `nest` is something else. Error codegen.accel.* where it is one that the device does not
/// have in this form; inner loops of it may still be.
[[nodiscard]] std::optional<Expected<Leaf>> make_leaf(const ir::Stmt& nest, Buffers& buffers, Slots& slots);

}  // namespace tc::accel
