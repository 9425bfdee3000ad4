// Where the fields of instructions and micro-ops stand, for one configuration,
// and with that the encoder and decoder.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tc/isa/config.h"
#include "tc/isa/insn.h"

namespace tc::isa {

inline constexpr int64_t kInsnBytes = 16;

/// Bits of an index into each scratchpad: log2 of its depth, rounded up.
struct FieldWidths {
  int uop = 0, inp = 0, wgt = 0, acc = 0;
};
[[nodiscard]] FieldWidths field_widths(const MachineConfig& config);

/// Bytes of one element of a scratchpad in DRAM.
[[nodiscard]] int64_t element_bytes(const MachineConfig& config, MemId id);

/// 128 bits; in memory the low word first, each little-endian.
struct Word {
  uint64_t low = 0, high = 0;
  friend bool operator==(const Word&, const Word&) = default;
};

/// One field where it stands. Flags are fields with one bit.
struct Field {
  std::string_view name, doc;
  int word = 0, shift = 0, width = 0;
  bool is_signed = false;
  [[nodiscard]] int64_t min() const { return is_signed ? -(int64_t{1} << (width - 1)) : 0; }
  [[nodiscard]] int64_t max() const { return (int64_t{1} << (width - (is_signed ? 1 : 0))) - 1; }
};

class Layout {
 public:
  /// Error as validate(config).
  [[nodiscard]] static Expected<Layout> make(const MachineConfig& config);

  /// The fields in order, those common to all instructions first.
  [[nodiscard]] std::span<const Field> fields(Opcode opcode) const {
    return insns_[static_cast<size_t>(opcode)];
  }
  [[nodiscard]] std::span<const Field> uop_fields() const { return uop_; }

  /// Error isa.encode.range names the field, the value and its range;
  /// isa.encode.mem_id a scratchpad that the instruction cannot use;
  /// isa.encode.finish a FINISH that waits for a token.
  [[nodiscard]] Expected<Word> encode(const Insn& insn) const;
  /// The same, without a result.
  [[nodiscard]] Check check(const Insn& insn) const;
  /// Any 128 bits. Errors isa.decode.opcode, isa.decode.alu_op, isa.decode.mem_id,
  /// isa.decode.finish, and isa.decode.reserved where a bit of no field is set.
  [[nodiscard]] Expected<Insn> decode(const Word& word) const;

  /// Error isa.encode.range.
  [[nodiscard]] Expected<uint32_t> encode(const Uop& uop) const;
  /// Error isa.decode.reserved.
  [[nodiscard]] Expected<Uop> decode(uint32_t uop) const;
  /// The same where unused bits do not matter, as in the machine.
  [[nodiscard]] Uop decode_trusted(uint32_t uop) const {
    const auto at = [&](size_t i) {
      return static_cast<uint32_t>((uop >> uop_[i].shift) & ((uint64_t{1} << uop_[i].width) - 1));
    };
    return {at(0), at(1), at(2)};
  }

 private:
  Layout() = default;
  friend Check validate(const MachineConfig& config);
  static Check place(const MachineConfig& config, Layout& out);
  std::array<std::vector<Field>, 5> insns_;
  std::array<Word, 5> used_;  // bits that belong to a field
  std::vector<Field> uop_;
  uint32_t uop_used_ = 0;
};

/// Words as the 16 bytes each that the machine fetches, and back. The bytes are a
/// multiple of 16.
[[nodiscard]] std::vector<uint8_t> to_bytes(std::span<const Word> words);
[[nodiscard]] std::vector<Word> to_words(std::span<const uint8_t> bytes);

/// The tables of docs/isa.md, as aligned text: "opcodes", "mem_ids", "alu_ops",
/// "config", the fields of an instruction by its opcode ("load", ...) and of micro-ops
/// ("uop") in one configuration. "" for other names. Throws where it is not valid.
[[nodiscard]] std::string table(std::string_view name, const MachineConfig& config);

}  // namespace tc::isa
