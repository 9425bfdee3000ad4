// The rows of a DMA instruction in DRAM and what it covers of its scratchpad:
// shared by the machine, the hazard check and the cycle model. Private to runtime/sim.
#pragma once
#include <optional>

#include "tc/isa/layout.h"

namespace tc::sim {

/// A load or store that moves something. Addresses in DRAM are bytes.
struct Dma {
  isa::MemId mem_id;
  uint64_t address, row_bytes, pitch, rows;  // in DRAM
  uint64_t sram_base, elements;              // of the scratchpad, padding included
  /// Behind its last byte in DRAM; `address` where it has no rows.
  [[nodiscard]] uint64_t end() const {
    return rows == 0 ? address : address + (rows - 1) * pitch + row_bytes;
  }
  [[nodiscard]] uint64_t bytes() const { return rows * row_bytes; }
};

/// Nothing for instructions without DMA and for those that only pass tokens.
/// The numbers do not overflow: 16-bit sizes times at most 2^20 bytes, from a
/// 32-bit element address on.
[[nodiscard]] std::optional<Dma> dma_of(const isa::Insn& insn, const isa::MachineConfig& config);

}  // namespace tc::sim
