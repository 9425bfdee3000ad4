// Which bytes of DRAM an instruction may touch. Private to runtime/accel.
#pragma once
#include <optional>

#include "tc/isa/layout.h"

namespace tc::accel {

struct DmaSpan {
  uint64_t begin, end;  // from its first byte to behind its last, gaps between rows included
  bool writes;
};

/// Nothing for instructions without DMA. The numbers do not overflow: a 32-bit and two
/// 16-bit fields times at most 2^20 bytes.
[[nodiscard]] inline std::optional<DmaSpan> dma_span(const isa::Insn& insn,
                                                     const isa::MachineConfig& config) {
  const auto span = [&](const auto& m, bool writes) -> std::optional<DmaSpan> {
    if (m.x_size == 0 || m.y_size == 0) return std::nullopt;
    const auto bytes = static_cast<uint64_t>(isa::element_bytes(config, m.mem_id));
    const uint64_t last = uint64_t{m.y_size - 1} * m.x_stride + m.x_size;
    return DmaSpan{m.dram_base * bytes, (m.dram_base + last) * bytes, writes};
  };
  if (const auto* load = std::get_if<isa::Load>(&insn.body)) return span(*load, false);
  if (const auto* store = std::get_if<isa::Store>(&insn.body)) return span(*store, true);
  return std::nullopt;
}

}  // namespace tc::accel
