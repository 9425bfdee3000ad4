// What statements do to slots: which of them they may or surely read before
// writing them, and write. Private to lib/ir.
#pragma once
#include <bitset>

#include "slots.h"

namespace tc::ir {

inline constexpr int kMaxSlots = 256;
using SlotSet = std::bitset<kMaxSlots>;
/// The slot that a Load or Store accesses; others are of no interest.
using SlotMap = std::unordered_map<const Node*, int>;

/// Of a statement. "read" means: the value from before the statement.
struct Effects {
  SlotSet may_read, must_read, may_write, must_write;
  [[nodiscard]] bool touches(size_t slot) const { return may_read[slot] || may_write[slot]; }
  /// Whether the value from before cannot be seen after the statement or in it.
  [[nodiscard]] bool kills(size_t slot) const { return must_write[slot] && !may_read[slot]; }
};

/// Of first, then second.
[[nodiscard]] Effects then(const Effects& first, const Effects& second);
[[nodiscard]] Effects effects_of(const Expr& e, const SlotMap& slots);
/// `bounds` tell which loops surely run.
[[nodiscard]] Effects effects_of(const Stmt& s, const SlotMap& slots, Bounds& bounds);

}  // namespace tc::ir
