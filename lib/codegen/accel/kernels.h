// From boxes of iterations to micro-op kernels: two loops become the instruction's, the
// others are written out as micro-ops.
#pragma once
#include <functional>
#include <vector>

#include "tc/isa/config.h"
#include "tc/runtime/accel/kernel.h"

namespace tc::accel {

/// Tiles of one iteration, or what a step of a loop adds to them.
struct Tiles {
  int64_t dst = 0, src = 0, wgt = 0;
  friend bool operator==(const Tiles&, const Tiles&) = default;
};
struct Stride {
  int64_t count = 1;
  Tiles step;
};

/// Calls f with kernels that together run, for each combination of the loops, the micro-op at
/// `first` plus the steps, once each and in any order: as few kernels as UOP's size allows,
/// with as few micro-ops as two loops an instruction allow. All tiles must be in the
/// scratchpads.
void make_kernels(Tiles first, std::vector<Stride> loops, const isa::MachineConfig& config,
                  const std::function<void(Kernel)>& f);

/// The kernel of a reset, which reads nothing: its micro-ops are those of an ALU operation with an
/// immediate on the same tiles, so that the two share them; its loops leave src, where GEMM may
/// have fewer bits than the ALU, at 0.
[[nodiscard]] Kernel without_source_steps(Kernel kernel);

}  // namespace tc::accel
