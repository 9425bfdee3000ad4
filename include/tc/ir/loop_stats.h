// What each loop of a function costs: trips, arithmetic, and the part of every
// buffer that it touches. For people and for views of loop nests; exact for affine
// programs without conditions, else an upper bound.
#pragma once
#include <vector>

#include "tc/ir/interval.h"

namespace tc::ir {

/// The part of a buffer that one run of a loop touches.
struct LoopTouch {
  const Buffer* buffer = nullptr;
  bool read = false, written = false;
  double elements = 0;  ///< of the bounding box; at most those of the buffer
  [[nodiscard]] double bytes() const { return elements * buffer->type.bytes(); }
};

/// One run of a loop: all its iterations, for one value of each loop outside it.
struct LoopStats {
  const For* loop = nullptr;
  int depth = 0;                   ///< loops around it
  double trips = 0;                ///< iterations of one run, at most
  double runs = 0;                 ///< how often the function runs the loop, at most
  double flops = 0;                ///< of one run: arithmetic on floats and, of integers, on what is stored
  std::vector<LoopTouch> touches;  ///< in order of first use
};

/// The loops of a function in nested form, outer before inner. Conditions count as
/// true; a loop whose extent is not known counts with its greatest known one, else 1.
/// `sizes` tells the values of the function's sizes.
[[nodiscard]] std::vector<LoopStats> loop_stats(const Func& func, const Bounds& sizes = {});

}  // namespace tc::ir
