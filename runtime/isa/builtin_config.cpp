// Machines with a name. They hold as many bytes in each scratchpad, so that what they do
// with the same program text can be compared.
#include "tc/isa/config.h"

namespace tc::isa {
namespace {

constexpr std::string_view kNames[] = {"vta", "vta-1x32x32", "vta-4x16x16"};

MachineConfig with_tile(std::string_view name, int64_t batch, int64_t block_in, int64_t block_out) {
  const MachineConfig vta;
  MachineConfig c;
  c.name = name;
  c.batch = batch, c.block_in = block_in, c.block_out = block_out;
  c.inp_depth = vta.inp_depth * vta.inp_bytes() / c.inp_bytes();
  c.wgt_depth = vta.wgt_depth * vta.wgt_bytes() / c.wgt_bytes();
  c.acc_depth = vta.acc_depth * vta.acc_bytes() / c.acc_bytes();
  c.alu_lanes = c.tile_out();
  return c;
}

}  // namespace

std::optional<MachineConfig> builtin_config(std::string_view name) {
  if (name == kNames[0]) return MachineConfig{};
  if (name == kNames[1]) return with_tile(name, 1, 32, 32);
  if (name == kNames[2]) return with_tile(name, 4, 16, 16);
  return std::nullopt;
}

std::span<const std::string_view> builtin_config_names() { return kNames; }

}  // namespace tc::isa
