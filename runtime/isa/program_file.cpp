// The file of a program. All numbers are little-endian.
//
//   0   8  89 "TCACC" 0D 0A: neither text nor another format, and damaged by
//          transfers that change line ends
//   8   2  major version: a reader refuses a newer one
//   10  2  minor version: newer ones only add sections that may be skipped
//   12  4  number of sections
//   16  8  bytes of the file
//   24  4  CRC-32 of all that follows the header
//   28  4  CRC-32 of the 28 bytes above
//   32     a table of sections, 24 bytes each: tag (4 characters), flags (bit 0:
//          a reader that does not know it refuses the file), offset, bytes
//
// Sections lie in the order of the table, without overlap:
//
//   CONF  the configuration as JSON
//   INSN  the instructions, 16 bytes each
//   DRAM  bytes of DRAM, number of segments; for each address, bytes, kind (8
//         bytes each) and the contents, padded to 8 bytes
//   REGN  number of regions; for each address, bytes, kind, length of the name (8
//         bytes each) and the name, padded to 8 bytes
//   TYPE  since 1.1, where regions are arrays: number of those; for each number of
//         the region, length of the name of its element type, number of axes (8 bytes
//         each), the name, padded to 8 bytes, and the extents (8 bytes each)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tc/isa/layout.h"
#include "tc/isa/program.h"
#include "tc/support/crc32.h"
#include "tc/support/source_text.h"

namespace tc::isa {
namespace {

constexpr std::string_view kMagic("\x89TCACC\r\n", 8);
constexpr uint16_t kMajor = 1, kMinor = 1;
constexpr size_t kHeaderBytes = 32, kEntryBytes = 24;
constexpr uint32_t kRequired = 1;
constexpr uint32_t kMaxSections = 64;

// ---- writing

template <class T>
void put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
}

void put_padded(std::string& out, std::string_view bytes) {
  out += bytes;
  out.append((8 - bytes.size() % 8) % 8, '\0');
}

std::string_view chars(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string dram_section(const Program& p) {
  std::string out;
  put<uint64_t>(out, p.dram_bytes);
  put<uint64_t>(out, p.segments.size());
  for (const Segment& s : p.segments) {
    put<uint64_t>(out, s.address);
    put<uint64_t>(out, s.bytes.size());
    put<uint64_t>(out, static_cast<uint64_t>(s.kind));
    put_padded(out, chars(s.bytes));
  }
  return out;
}

std::string region_section(const Program& p) {
  std::string out;
  put<uint64_t>(out, p.regions.size());
  for (const Region& r : p.regions) {
    put<uint64_t>(out, r.address);
    put<uint64_t>(out, r.bytes);
    put<uint64_t>(out, static_cast<uint64_t>(r.kind));
    put<uint64_t>(out, r.name.size());
    put_padded(out, r.name);
  }
  return out;
}

// "" where no region is an array.
std::string type_section(const Program& p) {
  std::string out;
  uint64_t count = 0;
  for (size_t i = 0; i < p.regions.size(); ++i) {
    const Region& r = p.regions[i];
    if (r.dtype.empty()) continue;
    ++count;
    put<uint64_t>(out, i);
    put<uint64_t>(out, r.dtype.size());
    put<uint64_t>(out, r.shape.size());
    put_padded(out, r.dtype);
    for (const int64_t extent : r.shape) put<uint64_t>(out, static_cast<uint64_t>(extent));
  }
  std::string head;
  if (count != 0) put<uint64_t>(head, count);
  return head + out;
}

// ---- reading

const char* const kMakeAgain = "make the file again: tensorc asm FILE.s -o FILE.bin";
Error content_error(std::string message) {
  return Error("isa.file.content", std::move(message)).fix(kMakeAgain);
}

uint64_t get(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

// A section that is read from its front; every count is checked against what is left.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}
  [[nodiscard]] bool number(uint64_t& out) {
    if (left_.size() < 8) return false;
    out = get(left_, 0, 8);
    left_.remove_prefix(8);
    return true;
  }
  [[nodiscard]] bool padded(uint64_t size, std::string_view& out) {
    if (size > left_.size()) return false;
    out = left_.substr(0, size);
    const uint64_t padding = (8 - size % 8) % 8;
    if (padding > left_.size() - size) return false;
    left_.remove_prefix(size + padding);
    return true;
  }
  [[nodiscard]] size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
};

struct Sections {
  std::array<std::string_view, 5> tags = {"CONF", "INSN", "DRAM", "REGN", "TYPE"};
  std::array<std::string_view, 5> bytes;
  std::array<bool, 5> present{};
};

Check check_header(std::string_view file) {
  if (file.size() < kMagic.size() || file.substr(0, kMagic.size()) != kMagic)
    return Error("isa.file.magic", "this is no program of the accelerator")
        .fix("make one with tensorc asm FILE.s -o FILE.bin");
  if (file.size() < kHeaderBytes)
    return Error("isa.file.size", fmt::format("the file ends inside its header, after {} bytes", file.size()))
        .fix("copy the whole file, or make it again");
  if (get(file, 28, 4) != crc32(file.substr(0, 28)))
    return Error("isa.file.checksum", "the header of the file is damaged")
        .fact("checksum", fmt::format("{:08x}", get(file, 28, 4)))
        .fact("of its bytes", fmt::format("{:08x}", crc32(file.substr(0, 28))))
        .fix(kMakeAgain);
  if (get(file, 8, 2) > kMajor)
    return Error("isa.file.version", fmt::format("the file has version {}.{}; this tc reads up to version {}",
                                                 get(file, 8, 2), get(file, 10, 2), kMajor))
        .fix("use a newer tc");
  if (get(file, 16, 8) != file.size())
    return Error("isa.file.size",
                 fmt::format("the file has {} bytes; its header says {}", file.size(), get(file, 16, 8)))
        .fix("copy the whole file, or make it again");
  if (get(file, 24, 4) != crc32(file.substr(kHeaderBytes)))
    return Error("isa.file.checksum", "the file is damaged behind its header")
        .fact("checksum", fmt::format("{:08x}", get(file, 24, 4)))
        .fact("of its bytes", fmt::format("{:08x}", crc32(file.substr(kHeaderBytes))))
        .fix(kMakeAgain);
  return std::nullopt;
}

Expected<Sections> read_sections(std::string_view file) {
  const uint64_t count = get(file, 12, 4);
  if (count > kMaxSections || kHeaderBytes + count * kEntryBytes > file.size())
    return Error("isa.file.section", fmt::format("the file has not room for its {} sections", count))
        .fix(kMakeAgain);
  Sections out;
  uint64_t end = kHeaderBytes + count * kEntryBytes;
  for (uint64_t i = 0; i < count; ++i) {
    const size_t entry = kHeaderBytes + i * kEntryBytes;
    const std::string_view tag = file.substr(entry, 4);
    const uint64_t offset = get(file, entry + 8, 8), bytes = get(file, entry + 16, 8);
    if (offset < end || offset > file.size() || bytes > file.size() - offset)
      return Error("isa.file.section",
                   fmt::format("section {} overlaps another or the end of the file", printable(tag)))
          .fix(kMakeAgain);
    end = offset + bytes;
    const auto known = std::find(out.tags.begin(), out.tags.end(), tag);
    if (known == out.tags.end()) {
      if ((get(file, entry + 4, 4) & kRequired) == 0) continue;
      return Error("isa.file.section",
                   fmt::format("this tc does not know section {}, which the file needs", printable(tag)))
          .fix("use a newer tc");
    }
    const auto which = static_cast<size_t>(known - out.tags.begin());
    if (out.present[which])
      return Error("isa.file.section", fmt::format("section {} stands twice", tag)).fix(kMakeAgain);
    out.present[which] = true;
    out.bytes[which] = file.substr(offset, bytes);
  }
  for (size_t i = 0; i < 3; ++i)  // regions may be left out
    if (!out.present[i])
      return Error("isa.file.section", fmt::format("section {} is missing", out.tags[i])).fix(kMakeAgain);
  return out;
}

Check read_insns(std::string_view bytes, const Layout& layout, Program& p) {
  if (bytes.size() % kInsnBytes != 0) return content_error("the instructions end inside one");
  p.insns.reserve(bytes.size() / kInsnBytes);
  for (size_t at = 0; at < bytes.size(); at += kInsnBytes) {
    Expected<Insn> insn = layout.decode({get(bytes, at, 8), get(bytes, at + 8, 8)});
    if (!insn) return Error(insn.error()).fact("at", fmt::format("instruction {}", at / kInsnBytes));
    p.insns.push_back(std::move(insn).value());
  }
  return std::nullopt;
}

Check read_dram(std::string_view bytes, Program& p) {
  Cursor in(bytes);
  uint64_t count = 0;
  if (!in.number(p.dram_bytes) || !in.number(count) || count > in.left() / 24)
    return content_error("section DRAM is shorter than it says");
  for (uint64_t i = 0; i < count; ++i) {
    Segment s;
    uint64_t size = 0, kind = 0;
    std::string_view contents;
    if (!in.number(s.address) || !in.number(size) || !in.number(kind) || !in.padded(size, contents))
      return content_error("section DRAM is shorter than it says");
    if (kind > static_cast<uint64_t>(SegmentKind::uop))
      return content_error(fmt::format("there is no segment kind {}", kind));
    s.kind = static_cast<SegmentKind>(kind);
    s.bytes.assign(contents.begin(), contents.end());
    p.segments.push_back(std::move(s));
  }
  if (in.left() != 0) return content_error("section DRAM is longer than it says");
  return std::nullopt;
}

Check read_regions(std::string_view bytes, Program& p) {
  Cursor in(bytes);
  uint64_t count = 0;
  if (!in.number(count) || count > in.left() / 32)
    return content_error("section REGN is shorter than it says");
  for (uint64_t i = 0; i < count; ++i) {
    Region r;
    uint64_t kind = 0, length = 0;
    std::string_view name;
    if (!in.number(r.address) || !in.number(r.bytes) || !in.number(kind) || !in.number(length) ||
        !in.padded(length, name))
      return content_error("section REGN is shorter than it says");
    if (kind > static_cast<uint64_t>(RegionKind::scratch))
      return content_error(fmt::format("there is no region kind {}", kind));
    r.kind = static_cast<RegionKind>(kind);
    r.name = name;
    p.regions.push_back(std::move(r));
  }
  if (in.left() != 0) return content_error("section REGN is longer than it says");
  return std::nullopt;
}

Check read_types(std::string_view bytes, Program& p) {
  const auto too_short = [] { return content_error("section TYPE is shorter than it says"); };
  Cursor in(bytes);
  uint64_t count = 0;
  if (!in.number(count) || count > in.left() / 24) return too_short();
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t at = 0, length = 0, rank = 0;
    std::string_view dtype;
    if (!in.number(at) || !in.number(length) || !in.number(rank) || !in.padded(length, dtype) ||
        rank > in.left() / 8)
      return too_short();
    if (at >= p.regions.size()) return content_error(fmt::format("there is no region {}", at));
    Region& r = p.regions[at];
    if (dtype.empty() || !r.dtype.empty()) return content_error("a region has no or two element types");
    r.dtype = dtype;
    for (uint64_t axis = 0, extent = 0; axis < rank && in.number(extent); ++axis)
      r.shape.push_back(static_cast<int64_t>(extent));
  }
  if (in.left() != 0) return content_error("section TYPE is longer than it says");
  return std::nullopt;
}

}  // namespace

Expected<std::string> save(const Program& p) {
  if (Check error = validate(p)) return *error;
  const Layout layout = Layout::make(p.config).value();
  std::vector<Word> words;
  words.reserve(p.insns.size());
  for (const Insn& insn : p.insns) words.push_back(layout.encode(insn).value());
  const std::vector<uint8_t> insns = to_bytes(words);

  std::vector<std::pair<std::string_view, std::string>> sections = {{"CONF", to_json(p.config)},
                                                                    {"INSN", std::string(chars(insns))},
                                                                    {"DRAM", dram_section(p)},
                                                                    {"REGN", region_section(p)}};
  if (std::string types = type_section(p); !types.empty()) sections.emplace_back("TYPE", std::move(types));
  std::string table, contents;
  for (const auto& [tag, bytes] : sections) {
    table += tag;
    put<uint32_t>(table, tag == "REGN" || tag == "TYPE" ? 0 : kRequired);
    put<uint64_t>(table, kHeaderBytes + sections.size() * kEntryBytes + contents.size());
    put<uint64_t>(table, bytes.size());
    put_padded(contents, bytes);
  }
  const std::string body = table + contents;
  std::string out(kMagic);
  put<uint16_t>(out, kMajor);
  put<uint16_t>(out, kMinor);
  put<uint32_t>(out, static_cast<uint32_t>(sections.size()));
  put<uint64_t>(out, kHeaderBytes + body.size());
  put<uint32_t>(out, crc32(body));
  put<uint32_t>(out, crc32(out));
  return out + body;
}

Expected<Program> load(std::string_view file) {
  if (Check error = check_header(file)) return *error;
  const Expected<Sections> sections = read_sections(file);
  if (!sections) return sections.error();
  const auto& bytes = sections.value().bytes;
  Program p;
  Expected<MachineConfig> config = parse_config(bytes[0], "section CONF");
  if (!config) return config.error();
  p.config = std::move(config).value();
  const Layout layout = Layout::make(p.config).value();
  if (Check error = read_insns(bytes[1], layout, p)) return *error;
  if (Check error = read_dram(bytes[2], p)) return *error;
  if (sections.value().present[3])
    if (Check error = read_regions(bytes[3], p)) return *error;
  if (sections.value().present[3] && sections.value().present[4])
    if (Check error = read_types(bytes[4], p)) return *error;
  if (Check error = validate(p)) return *error;
  return p;
}

}  // namespace tc::isa
