// What the loops of a device function come to when they are run: transfers and kernels with
// their places, in program order.
#pragma once
#include <functional>
#include <variant>
#include <vector>

#include "blocks.h"
#include "kernels.h"
#include "places.h"
#include "tc/isa/insn.h"

namespace tc::accel {

/// One instruction, or a mark.
struct Op {
  enum class Kind : uint8_t {
    load,
    store,
    gemm,
    reset,
    alu,
    alu_imm,
    pass,  // only passes tokens
    renew  // a mark: what these tiles of a scratchpad held is gone
  };
  Kind kind = Kind::pass;
  isa::AluOp alu_op = isa::AluOp::add;
  int64_t imm = 0;
  Kernel kernel = {};                   // gemm, reset, alu
  isa::MemId mem = isa::MemId::inp;     // load, store
  TileBlock block = {};                 // in memory: tiles from the start of the buffer
  int buffer = -1;                      // load, store: in memory
  Pad pad = Pad::inp;                   // load, renew
  isa::Unit unit = isa::Unit::compute;  // pass
  const Leaf* leaf = nullptr;           // where it comes from
};

/// Tiles of a box: first + sum of steps * loops.
struct Grid {
  int64_t first = 0;
  std::vector<int64_t> steps;
};

/// Work for the ALU on a box of tiles, and its store where the result goes to memory. Which
/// instructions it takes depends on what is needed afterwards.
struct AluTask {
  const Leaf* leaf = nullptr;
  std::vector<int64_t> counts;
  Grid dst;  // acc, or tiles of memory
  std::vector<Grid> operands;
};

using Entry = std::variant<Op, AluTask>;

/// Calls f(tile) for each tile of a grid over a box, with repetitions.
template <class F>
void for_each_tile(const Grid& grid, const std::vector<int64_t>& counts, F&& f) {
  std::vector<int64_t> at(counts.size(), 0);
  int64_t tile = grid.first;
  while (true) {
    f(tile);
    size_t i = counts.size();
    while (i > 0) {
      --i;
      tile += grid.steps[i];
      if (++at[i] < counts[i]) break;
      tile -= grid.steps[i] * counts[i];
      at[i] = 0;
      if (i == 0) return;
    }
    if (counts.empty()) return;
  }
}

/// Calls f(tile) for the tiles that a kernel has in one of its indices; an iteration that stays at
/// its tile is not repeated.
template <class F>
void for_each_tile(const Kernel& kernel, uint32_t isa::Uop::* index, int64_t Loop::* step, F&& f) {
  const int64_t outer = kernel.outer.*step == 0 ? 1 : kernel.outer.iterations;
  const int64_t inner = kernel.inner.*step == 0 ? 1 : kernel.inner.iterations;
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < inner; ++j)
      for (const isa::Uop& u : kernel.uops)
        f(static_cast<int64_t>(u.*index) + i * (kernel.outer.*step) + j * (kernel.inner.*step));
}
template <class F>
void for_each_dst(const Kernel& k, F&& f) {
  for_each_tile(k, &isa::Uop::dst, &Loop::dst, f);
}
template <class F>
void for_each_src(const Kernel& k, F&& f) {
  for_each_tile(k, &isa::Uop::src, &Loop::src, f);
}
template <class F>
void for_each_wgt(const Kernel& k, F&& f) {
  for_each_tile(k, &isa::Uop::wgt, &Loop::wgt, f);
}

/// Tiles of a scratchpad that a block covers, zeros included.
[[nodiscard]] inline int64_t tiles_of(const TileBlock& b) {
  return (b.top + b.rows + b.bottom) * (b.left + b.cols + b.right);
}

/// Runs the loops. Throws codegen.accel.* for what an execution of a leaf does wrong.
[[nodiscard]] std::vector<Entry> walk(const Tree& tree, const Places& places);

/// Chooses instructions for the ALU work: in place where an operand is not needed afterwards.
/// Throws codegen.accel.capacity where what the ALU computes on the way finds no room.
[[nodiscard]] std::vector<Op> lower_alu(std::vector<Entry> trace, const Tree& tree, const Places& places);

/// Throws codegen.accel.unwritten for the first tile that is read and was not written since
/// the buffer there was allocated.
void check_written(const std::vector<Op>& ops, const Tree& tree);

}  // namespace tc::accel
