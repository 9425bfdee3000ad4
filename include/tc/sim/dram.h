// The memory of the device outside the chip, as bytes that the host may read and
// write. Instructions reach it only through DMA with checked bounds.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tc/isa/program.h"
#include "tc/support/error.h"

namespace tc::sim {

class Dram {
 public:
  /// Memory of that size, all zero. Error sim.dram.size above `limit`, before allocation.
  [[nodiscard]] static Expected<Dram> make(uint64_t bytes, uint64_t limit = uint64_t{1} << 30);
  /// The memory that a program starts from: dram_bytes with its segments.
  [[nodiscard]] static Expected<Dram> of(const isa::Program& program, uint64_t limit = uint64_t{1} << 30);

  [[nodiscard]] std::span<uint8_t> bytes() { return bytes_; }
  [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] uint64_t size() const { return bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace tc::sim
