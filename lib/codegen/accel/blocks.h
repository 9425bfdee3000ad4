// Transfers of single tiles, gathered into the fewest 2-D blocks that this finds.
#pragma once
#include <cstdint>
#include <vector>

namespace tc::accel {

/// One tile of a scratchpad, and of memory; kZeros: none, it is filled with zeros.
struct TileMove {
  static constexpr int64_t kZeros = -1;
  int64_t sram = 0, dram = 0;
};

/// Rows in memory, `stride` tiles apart, that are consecutive in the scratchpad, with zeros around.
struct TileBlock {
  int64_t sram = 0, dram = 0;
  int64_t rows = 0, cols = 0, stride = 0;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  friend bool operator==(const TileBlock&, const TileBlock&) = default;
};

/// Blocks that do all of `moves`, each of another tile of the scratchpad. `width` is how many tiles
/// a row of the scratchpad is likely to have, 0 if that is not known.
[[nodiscard]] std::vector<TileBlock> make_blocks(std::vector<TileMove> moves, int64_t width);

}  // namespace tc::accel
