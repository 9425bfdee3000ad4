// Which slots of which buffers promote_accumulators puts into registers, over
// which items of a block. Private to lib/ir.
#pragma once
#include "lane_sums.h"
#include "touches.h"

namespace tc::ir {

/// What encloses a block, outermost first: its Fors, Lets, Ifs and Allocs.
using Frames = std::vector<Stmt>;

/// Where the value of a slot is brought in: before an item, or at the start of
/// one branch of an item that is an `if`.
enum class Entry : uint8_t { none, before, if_true, if_false };

struct PlannedSlot {
  int slot = 0;
  size_t item = 0, last = 0;  // the first and the last item that access it
  Entry entry = Entry::none;
  bool stored = false;
  BufferRef reg;  // the register buffer and the place in it
  int place = 0;
};

/// One loop item whose stores to a slot are all lane sums of one operation.
struct PlannedSum {
  size_t item = 0;
  int slot = 0;
  BinaryOp op = BinaryOp::add;
  std::vector<const Store*> stores;
};

/// One buffer over items [first, last].
struct Plan {
  BufferRef buffer;
  size_t first = 0, last = 0;
  SlotTable table;
  SlotMap slots;  // by the loads and stores of these items
  std::vector<PlannedSlot> promoted;
  std::vector<PlannedSum> sums;
  [[nodiscard]] const PlannedSlot* find(const Node& access) const;
};

/// Plans that can be carried out together.
[[nodiscard]] std::vector<Plan> plan_promotions(const std::vector<Item>& items, const Frames& frames,
                                                Bounds& bounds, const PassContext& context);

}  // namespace tc::ir
