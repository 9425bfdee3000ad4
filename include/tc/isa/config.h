// The sizes of one accelerator. Every size is a run-time parameter: a
// configuration is data, and programs carry theirs. The first part decides the
// encoding and the values, the second only the time that the simulator counts.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tc/support/error.h"

namespace tc::isa {

/// The default is VTA's: a 1 x 16 x 16 tile, int8 with 32-bit accumulators.
struct MachineConfig {
  std::string name = "vta";

  // The GEMM tile: (batch x block_in) times (block_in x block_out).
  int64_t batch = 1, block_in = 16, block_out = 16;
  // Bits of an element; OUT holds ACC truncated to out_bits.
  int64_t inp_bits = 8, wgt_bits = 8, acc_bits = 32, out_bits = 8;
  // Elements (tiles; micro-ops) that a scratchpad holds. OUT is as deep as ACC.
  int64_t uop_depth = 8192, inp_depth = 2048, wgt_depth = 1024, acc_depth = 2048;

  // Time. An ALU micro-op takes alu_interval cycles for each alu_lanes elements.
  int64_t alu_lanes = 16, alu_interval = 1;
  int64_t gemm_latency = 4, alu_latency = 4;  // pipeline depths, paid once an instruction
  int64_t dram_bytes_per_cycle = 8, dram_latency = 50, dram_burst_bytes = 64;
  int64_t fetch_depth = 64;    // instructions that fetch holds or has requested
  int64_t queue_depth = 512;   // instructions in the queue of each unit
  int64_t token_depth = 1024;  // tokens between two units

  friend bool operator==(const MachineConfig&, const MachineConfig&) = default;

  // Bytes of an element of each scratchpad.
  [[nodiscard]] int64_t inp_bytes() const { return batch * block_in * inp_bits / 8; }
  [[nodiscard]] int64_t wgt_bytes() const { return block_out * block_in * wgt_bits / 8; }
  [[nodiscard]] int64_t acc_bytes() const { return batch * block_out * acc_bits / 8; }
  [[nodiscard]] int64_t out_bytes() const { return batch * block_out * out_bits / 8; }
  [[nodiscard]] int64_t acc8_bytes() const { return batch * block_out; }
  static constexpr int64_t uop_bytes() { return 4; }
  /// Elements of a tile of ACC and OUT.
  [[nodiscard]] int64_t tile_out() const { return batch * block_out; }
  /// Cycles that one ALU micro-op occupies the ALU.
  [[nodiscard]] int64_t alu_cycles() const {
    return alu_interval * ((tile_out() + alu_lanes - 1) / alu_lanes);
  }
};

/// What is wrong with a configuration: a size out of its range (isa.config.range),
/// a width that the machine does not compute in (isa.config.width), or fields that
/// do not fit an instruction or micro-op (isa.config.fit), with the number.
[[nodiscard]] Check validate(const MachineConfig& config);

/// Whether programs for one run on the other: equal but for time and name.
[[nodiscard]] bool same_encoding(const MachineConfig& a, const MachineConfig& b);
/// The name of a machine that was given none: a builtin one's where the sizes and times are its own, else
/// the tile and a fingerprint of all fields, "vta-1x16x16-3f2a". Machines that differ have different ones.
[[nodiscard]] std::string derived_name(const MachineConfig& config);
/// What to call `a` beside `b`: its name, with the fingerprint where the other has that name too.
[[nodiscard]] std::string name_beside(const MachineConfig& a, const MachineConfig& b);
/// Whether a field, by name, is one of the machine that programs see and not one of its times.
[[nodiscard]] bool decides_encoding(std::string_view field);
/// What they differ in, for messages: "block_in 16 and 32, ..."; "" where nothing.
[[nodiscard]] std::string encoding_differences(const MachineConfig& a, const MachineConfig& b);

/// Reads JSON: an object of the fields above, each optional, or VTA's keys
/// (LOG_BLOCK, LOG_INP_BUFF_SIZE, ...; all in log2, buffers in bytes), or both where
/// they do not contradict each other. The result is validated; without a name it is
/// called derived_name. `file` is for messages.
/// Errors isa.config.json, isa.config.key, isa.config.value, and those of validate.
[[nodiscard]] Expected<MachineConfig> parse_config(std::string_view json, std::string_view file = "config");

/// All fields, as parse_config reads them: one line of JSON.
[[nodiscard]] std::string to_json(const MachineConfig& config);
/// The same without the fields that have their default value, and without a name that says no more
/// than derived_name: {} for the default machine.
[[nodiscard]] std::string to_short_json(const MachineConfig& config);

/// The machines that have a name: "vta" (the default), and two with other tiles and as many
/// bytes in each scratchpad, "vta-1x32x32" and "vta-4x16x16". Nothing for other names.
[[nodiscard]] std::optional<MachineConfig> builtin_config(std::string_view name);
[[nodiscard]] std::span<const std::string_view> builtin_config_names();

}  // namespace tc::isa
