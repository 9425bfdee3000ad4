// Which instructions wait for which: dependence tokens from the exact tiles and places in
// memory that instructions touch.
#pragma once
#include "trace.h"

namespace tc::accel {

/// An instruction with what it waits for and what it gives. Units have at most two neighbours:
/// prev and next in the order load, compute, store.
struct Planned {
  Op op;
  isa::Tokens tokens;
};

[[nodiscard]] isa::Unit unit_of(const Op& op);

/// Plans tokens for operations in program order, without marks; adds operations that only pass
/// tokens where load and store meet in memory, or where more tokens would be on their way than
/// the machine's token_depth: an instruction that gives one waits for room, and who takes them may
/// be behind it in the stream.
[[nodiscard]] std::vector<Planned> plan_tokens(std::vector<Op> ops, const Tree& tree);

}  // namespace tc::accel
