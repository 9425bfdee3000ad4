// What of a function runs where: root nests that touch a scratchpad are programs of the
// accelerator, all else is code for the host, and what passes between them lies in memory.
#pragma once
#include <vector>

#include "tc/ir/stmt.h"
#include "tc/support/error.h"

namespace tc::accel {

/// A part of a function. Its parameters are the global buffers that it touches: those of
/// the function first, in order, then intermediate ones.
struct Segment {
  bool device = false;
  ir::FuncRef func;  // nested form
};

/// A function as parts that run one after the other.
struct Partition {
  std::vector<ir::BufferRef> params;         // of the function; in the segments, too
  std::vector<ir::BufferRef> intermediates;  // global buffers that segments share
  std::vector<Segment> segments;
};

/// Whether a scope is a scratchpad of the accelerator.
[[nodiscard]] bool on_chip(ir::Scope scope);

/// Cuts a function in nested form at its root. Statements that share a scratchpad buffer
/// stay together, each other nest that touches one is a segment of its own, and
/// neighbours that touch none are one segment. Where that asks for it statements change
/// places, as far as what they read and write allows. All global buffers get names of
/// their own, of letters, digits, . _ - and +, as isa::Region wants them. Error
/// codegen.accel.partition: a statement for the host needs a part of what a program of
/// the device does, and the device the statement's results.
[[nodiscard]] Expected<Partition> partition(const ir::FuncRef& nested);

}  // namespace tc::accel
