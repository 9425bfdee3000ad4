// Code for the accelerator. A schedule places stages in scratchpads (scopes inp, wgt and acc);
// lower() makes loops of it; what touches a scratchpad becomes a program of the machine here,
// and the rest stays for the CPU. How expressions are brought into tiles is not decided
// here but in te (blocked tensors), nor how they are tiled for the scratchpads (schedules).
//
//   nested Func --partition--> CPU functions and device functions --compile_device--> isa::Program
#pragma once
#include <cstdint>
#include <vector>

#include "tc/ir/stmt.h"
#include "tc/isa/program.h"
#include "tc/support/error.h"

namespace tc::accel {

/// A program has no more instructions: compile_device holds all of them at once, and the simulator
/// checks their order.
inline constexpr int64_t kMaxDeviceInsns = int64_t{1} << 20;

/// What a device function came to.
struct CompileStats {
  int64_t insns = 0;  // finish and what only passes tokens included
  int64_t loads = 0;  // of INP, WGT and ACC
  int64_t stores = 0;
  int64_t gemms = 0, alus = 0;
  int64_t tokens = 0;                                   // pushed, and popped
  int64_t uop_kernels = 0;                              // different ones
  int64_t uops = 0;                                     // micro-ops of these
  int64_t inp_tiles = 0, wgt_tiles = 0, acc_tiles = 0;  // of the scratchpads, taken
  friend bool operator==(const CompileStats&, const CompileStats&) = default;
};

/// A device function, compiled. Each parameter is a region of its name: an output where the
/// function stores to it, else an input; with type and shape.
struct DeviceCode {
  isa::Program program;
  CompileStats stats;
};

/// Compiles a function in nested form for a machine. Its parameters are buffers of tiles in
/// memory, what it allocates is in scope inp, wgt or acc, and it
///   - copies tiles from memory to inp and wgt, and to acc (i8 or the accumulator's type),
///     where a condition fails to zeros: copy[..] = if_then_else(condition, A[..], 0)
///   - multiplies tiles: acc[b, o] += cast(inp[b, i]) * cast(wgt[o, i])
///   - computes on tiles of acc with + - * min max, shifts, and constants
///   - stores such values, cast to the output's type, to memory.
/// Each of these stands in the innermost loops, which run over whole tiles: batch x block_in of
/// inp, block_out x block_in of wgt, batch x block_out of acc and outputs. All other loops are run
/// here, with numbers, so that indices and conditions may be any.
///
/// Loops of mode vthread are taken in turns, statement by statement, each with storage of its own.
/// The program is checked: scratchpads are large enough, every tile is written before it is read,
/// and tokens order all that touches one place.
/// Errors codegen.accel.*, with the stage and the number that does not fit.
[[nodiscard]] Expected<DeviceCode> compile_device(const ir::FuncRef& func, const isa::MachineConfig& config);

/// Whether a scope is a scratchpad.
[[nodiscard]] bool on_chip(ir::Scope scope);

/// A part of a function. Its parameters are the global buffers that it touches: those of
/// the function first, in order, then intermediate ones.
struct Segment {
  bool device = false;
  ir::FuncRef func;  // nested form
};
/// A function as parts that run one after the other.
struct Partition {
  std::vector<ir::BufferRef> params;         // of the function, as the segments have them
  std::vector<ir::BufferRef> intermediates;  // global buffers that segments share
  std::vector<Segment> segments;
};
/// Cuts a function in nested form at its root. Statements that share a scratchpad buffer
/// stay together, each other nest that touches one is a segment of its own, and
/// neighbours that touch none are one segment. Where that asks for it statements change
/// places, as far as what they read and write allows. All global buffers get names of
/// their own, of letters, digits, . and _, as isa::Region wants them. Error
/// codegen.accel.partition: a statement for the host needs a part of what a program of
/// the device does, and the device the statement's results.
[[nodiscard]] Expected<Partition> partition(const ir::FuncRef& nested);

}  // namespace tc::accel
