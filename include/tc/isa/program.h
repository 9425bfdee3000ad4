// A program as it is saved, loaded and run: instructions, the contents of DRAM
// that they start from, and the machine they are made for. Its text form is
// tc/isa/assembler.h.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tc/isa/config.h"
#include "tc/isa/insn.h"

namespace tc::isa {

/// What the bytes of a segment are, for readers of its text; the machine does not care.
enum class SegmentKind : uint8_t { i8, i16, i32, uop };
[[nodiscard]] std::string_view to_string(SegmentKind kind);
/// Bytes of an item; a segment holds whole items.
[[nodiscard]] int item_bytes(SegmentKind kind);

/// Initial contents of DRAM from `address` on.
struct Segment {
  uint64_t address = 0;
  SegmentKind kind = SegmentKind::i8;
  std::vector<uint8_t> bytes;
  friend bool operator==(const Segment&, const Segment&) = default;
};

/// What the host does with a part of DRAM.
enum class RegionKind : uint8_t { input, output, constant, scratch };
[[nodiscard]] std::string_view to_string(RegionKind kind);

/// A named part of DRAM: how the host finds arguments and results.
struct Region {
  std::string name;  // letters, digits, . _ - +
  RegionKind kind = RegionKind::scratch;
  uint64_t address = 0, bytes = 0;
  // What the host sees there, row-major: i8 u8 i16 u16 i32 u32, or "" for bytes.
  // Elements of that shape fill the region; without a dtype there is no shape.
  std::string dtype = {};
  std::vector<int64_t> shape = {};
  friend bool operator==(const Region&, const Region&) = default;
};

struct Program {
  MachineConfig config;
  uint64_t dram_bytes = 0;        // addresses 0 to dram_bytes - 1; zero where no segment is
  std::vector<Segment> segments;  // by address, without overlap
  std::vector<Region> regions;    // may overlap: memory that is used twice
  std::vector<Insn> insns;        // ends with the only finish
  friend bool operator==(const Program&, const Program&) = default;

  /// The region of that name, or null.
  [[nodiscard]] const Region* region(std::string_view name) const;
};

/// What makes a program meaningless before it runs: the configuration, segments or
/// regions outside DRAM or overlapping (isa.program.dram, isa.program.region), an
/// instruction that cannot be encoded (as Layout::encode, with its index), and a
/// finish that is missing or not last (isa.program.finish).
[[nodiscard]] Check validate(const Program& program);

/// The file: a header with version and checksums, then sections. Error as validate.
[[nodiscard]] Expected<std::string> save(const Program& program);

/// Reads a file of unknown origin; the result is valid. Errors isa.file.magic,
/// isa.file.version (a newer major version), isa.file.size, isa.file.checksum,
/// isa.file.section and isa.file.content, those of Layout::decode and of validate.
[[nodiscard]] Expected<Program> load(std::string_view file);

}  // namespace tc::isa
