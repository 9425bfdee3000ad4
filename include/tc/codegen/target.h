// What machine code is made for. A value: it compares, prints and parses, and
// is part of every cache key and tuning record.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tc/support/error.h"

namespace tc::codegen {

/// A machine. Instruction-set features (what may be executed) are kept apart
/// from tuning preferences (what is fast), since only the former decide whether
/// code of one machine runs on another.
struct Target {
  std::string kind = "cpu";      ///< "cpu", or "accel" with `config` naming its description
  std::string config;            ///< accel only: the file that describes it
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
  /// "cpu" (the host), "cpu -mcpu=znver3", "cpu -mcpu=znver4 -mattr=+avx2,-avx512f",
  /// "accel:FILE". Errors: codegen.target.
  [[nodiscard]] static Expected<Target> parse(std::string_view text);
  /// The text that parse turns into this target again (caches are the host's).
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool has(std::string_view feature) const;
  /// Nothing if code for this target can run on `machine`, else the error
  /// codegen.target.unsupported that names the missing features.
  [[nodiscard]] Check runs_on(const Target& machine) const;
  /// Lanes of elements of `bits` bits in one vector register.
  [[nodiscard]] int lanes(int bits) const { return vector_bits / bits; }
};

}  // namespace tc::codegen
