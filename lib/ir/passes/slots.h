// Accesses of a buffer as slots: runs of elements that are the same or do not
// meet. What lives in slots can live in registers. Private to lib/ir.
#pragma once
#include <map>

#include "tc/ir/interval.h"
#include "tc/ir/pass.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

/// `lanes` elements of a flattened buffer: first, first + stride, ...
struct Slot {
  Affine first;
  int64_t stride = 0;
  int lanes = 1;
  std::vector<Expr> indices;  // as the first access writes them
  bool mixed = false;  // others write them otherwise: each is sure to be in bounds only where it stands
};

/// The slot that indices name; nothing where they are not scalars and ramps of
/// constant stride, or the shape behind the first dimension is not constant.
/// Divisions and remainders are simplified under `bounds`.
[[nodiscard]] std::optional<Slot> slot_of(const Buffer& buffer, const std::vector<Expr>& indices,
                                          const Bounds& bounds);

/// A set of slots, numbered as they are added.
class SlotTable {
 public:
  /// The number of a slot, known or new; -1 where it may meet another one without
  /// being equal to it. `bounds` is used to keep slots of unlike addresses apart.
  int add(const Slot& slot, const Bounds& bounds);
  [[nodiscard]] const Slot& operator[](int i) const { return slots_[static_cast<size_t>(i)]; }
  [[nodiscard]] int size() const { return static_cast<int>(slots_.size()); }

 private:
  struct Family {  // slots whose addresses differ by constants
    Affine terms;
    std::map<int64_t, int> at;  // by first element
  };
  int place(Family& family, const Slot& slot);
  [[nodiscard]] bool apart_from_others(const Slot& slot, const Family* own, const Bounds& bounds) const;

  std::vector<Slot> slots_;
  std::vector<Family> families_;
};

/// Whether each access to `buffer` in `body` is a slot at a constant place, none
/// under a parallel loop, at most as many as may live in registers: then the buffer can.
[[nodiscard]] bool fits_registers(const Buffer& buffer, const Stmt& body, const PassContext& context);

/// How many vector registers' worth of slots one set may have. More than there
/// are: a slot that is spilled costs no more than one in memory.
[[nodiscard]] inline int max_slot_registers(const PassContext& context) {
  return 4 * context.vector_registers;
}
/// Registers that a value takes.
[[nodiscard]] inline int registers_of(DType type, int lanes, const PassContext& context) {
  return std::max(1, (type.bytes() * 8 * lanes + context.vector_bits - 1) / context.vector_bits);
}

}  // namespace tc::ir
