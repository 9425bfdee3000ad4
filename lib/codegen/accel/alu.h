// ALU expressions as instructions.
#pragma once
#include "trace.h"

namespace tc::accel {

/// Which operands of a task are not needed after it, by operand.
using Dead = std::vector<bool>;

/// The operations of a task, the stores of its result included. Throws codegen.accel.order where
/// an iteration reads what another one writes, codegen.accel.capacity where what it
/// computes on the way finds no room.
[[nodiscard]] std::vector<Op> alu_ops(const AluTask& task, const Dead& dead, const Tree& tree,
                                      const std::vector<Places::Gap>& free);

}  // namespace tc::accel
