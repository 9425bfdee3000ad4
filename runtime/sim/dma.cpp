#include "dma.h"

namespace tc::sim {
namespace {

Dma make(const auto& m, const isa::MachineConfig& config) {
  const auto bytes = static_cast<uint64_t>(isa::element_bytes(config, m.mem_id));
  const uint64_t width = uint64_t{m.x_pad0} + m.x_size + m.x_pad1;
  const uint64_t height = uint64_t{m.y_pad0} + m.y_size + m.y_pad1;
  return {m.mem_id, m.dram_base * bytes, m.x_size * bytes, m.x_stride * bytes,
          m.y_size, m.sram_base,         width * height};
}

}  // namespace

std::optional<Dma> dma_of(const isa::Insn& insn, const isa::MachineConfig& config) {
  if (isa::is_nop(insn)) return std::nullopt;
  if (const auto* load = std::get_if<isa::Load>(&insn.body)) return make(*load, config);
  if (const auto* store = std::get_if<isa::Store>(&insn.body)) return make(*store, config);
  return std::nullopt;
}

}  // namespace tc::sim
