// What machine code is made for. A value: it compares, prints and parses, and
// is part of every cache key and tuning record.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tc/isa/config.h"
#include "tc/support/error.h"

namespace tc::codegen {

/// A machine. Instruction-set features (what may be executed) are kept apart
/// from tuning preferences (what is fast), since only the former decide whether
/// code of one machine runs on another.
struct Target {
  std::string kind = "cpu";      ///< "cpu", or "accel": then what follows is the host beside it
  std::string config;            ///< accel only: the machine, as isa::to_short_json writes it
  std::string triple;            ///< "x86_64-pc-linux-gnu"
  std::string cpu;               ///< LLVM's name of the processor: "znver4"
  std::vector<std::string> isa;  ///< instruction-set features in force, sorted, as LLVM spells them: "avx2"
  std::vector<std::string>
      tune;               ///< LLVM's tuning features of `cpu`, sorted: "fast-variable-perlane-shuffle"
  int vector_bits = 128;  ///< width of the widest vector register
  int num_vector_registers = 16;
  int64_t l1_bytes = 32 << 10, l2_bytes = 512 << 10, l3_bytes = 0;  ///< data caches seen by one core; 0: none

  friend bool operator==(const Target&, const Target&) = default;

  /// The machine that this process runs on.
  [[nodiscard]] static Target host();
  /// An accelerator beside this host. Errors: those of isa::validate.
  [[nodiscard]] static Expected<Target> accel(const isa::MachineConfig& machine);
  /// "cpu" (the host), "cpu -mcpu=znver3", "cpu -mcpu=znver4 -mattr=+avx2,-avx512f";
  /// "accel" (the default machine), "accel:NAME" (isa::builtin_config), "accel:{JSON}",
  /// "accel:FILE" (JSON, ours or VTA's). Errors: codegen.target, codegen.target.config
  /// (no such file), and those of isa::parse_config.
  [[nodiscard]] static Expected<Target> parse(std::string_view text);
  /// The text that parse turns into this target again (caches are the host's). It holds
  /// what a file said, not its name.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_accel() const { return kind == "accel"; }
  /// The machine of an accelerator.
  [[nodiscard]] isa::MachineConfig machine() const;
  /// What compiles the part of a function that stays on the host; a cpu is its own.
  [[nodiscard]] Target host_part() const;

  [[nodiscard]] bool has(std::string_view feature) const;
  /// Nothing if code for this target can run on `machine`, else the error
  /// codegen.target.unsupported that names the missing features.
  [[nodiscard]] Check runs_on(const Target& machine) const;
  /// Lanes of elements of `bits` bits in one vector register.
  [[nodiscard]] int lanes(int bits) const { return vector_bits / bits; }
};

}  // namespace tc::codegen
