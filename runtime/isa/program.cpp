#include "tc/isa/program.h"

#include <fmt/format.h>

#include <set>

#include "names.h"
#include "tc/isa/assembler.h"
#include "tc/isa/layout.h"
#include "tc/support/source_text.h"

namespace tc::isa {
namespace {

constexpr uint64_t kMaxDram = uint64_t{1} << 62;  // so that addresses are numbers of text too

Check check_segments(const Program& p) {
  if (p.dram_bytes > kMaxDram)
    return Error("isa.program.dram", fmt::format("DRAM has {} bytes; at most {}", p.dram_bytes, kMaxDram))
        .fix("place buffers at lower addresses");
  uint64_t end = 0;
  for (const Segment& s : p.segments) {
    const auto bad = [&](std::string message) {
      return Error("isa.program.dram", std::move(message))
          .fact("segment", fmt::format("{:#x}, {} bytes", s.address, s.bytes.size()))
          .fact("DRAM", fmt::format("{} bytes", p.dram_bytes))
          .fix("place segments apart and in order, of whole items, inside DRAM; .dram makes it larger");
    };
    if (s.kind > SegmentKind::uop)
      return bad(fmt::format("there is no segment kind {}", static_cast<int>(s.kind)));
    if (s.address > p.dram_bytes || s.bytes.size() > p.dram_bytes - s.address)
      return bad("a segment lies outside DRAM");
    if (s.address < end) return bad("segments overlap or are not in the order of their addresses");
    if (s.bytes.size() % static_cast<size_t>(item_bytes(s.kind)) != 0)
      return bad(fmt::format("a segment of {} holds part of an item", to_string(s.kind)));
    end = s.address + s.bytes.size();
  }
  return std::nullopt;
}

int64_t dtype_bytes(std::string_view dtype) {
  if (dtype == "i8" || dtype == "u8") return 1;
  if (dtype == "i16" || dtype == "u16") return 2;
  return dtype == "i32" || dtype == "u32" ? 4 : 0;
}

// Why a region is not filled by elements of its type and shape; "" if it is.
std::string array_trouble(const Region& r) {
  if (r.dtype.empty()) return r.shape.empty() ? "" : "a region without an element type has no shape";
  int64_t bytes = dtype_bytes(r.dtype);
  if (bytes == 0) return "elements of a region are i8, u8, i16, u16, i32 or u32";
  if (r.shape.size() > 16) return "the shape of a region has at most 16 axes";
  bool empty = false, fits = true;
  for (const int64_t extent : r.shape) {
    if (extent < 0) return "an extent of a region is negative";
    empty |= extent == 0;
    fits = fits && !__builtin_mul_overflow(bytes, extent, &bytes);
  }
  if (empty ? r.bytes == 0 : fits && static_cast<uint64_t>(bytes) == r.bytes) return "";
  return fmt::format("the elements of a region fill {} bytes; it has {}",
                     empty  ? "0"
                     : fits ? std::to_string(bytes)
                            : "too many",
                     r.bytes);
}

Check check_regions(const Program& p) {
  std::set<std::string_view> names;
  for (const Region& r : p.regions) {
    const auto bad = [&](std::string message) {
      return Error("isa.program.region", std::move(message))
          .fact("region",
                fmt::format("{}: {:#x}, {} bytes", printable(r.name.substr(0, 64)), r.address, r.bytes))
          .fix("give it a name of its own, a place inside DRAM, and the bytes of its elements");
    };
    if (!detail::is_name(r.name)) return bad("the name of a region is 1 to 64 letters, digits, . _ - or +");
    if (!names.insert(r.name).second) return bad("two regions have one name");
    if (r.kind > RegionKind::scratch)
      return bad(fmt::format("there is no region kind {}", static_cast<int>(r.kind)));
    if (r.address > p.dram_bytes || r.bytes > p.dram_bytes - r.address)
      return bad("a region lies outside DRAM").fact("DRAM", fmt::format("{} bytes", p.dram_bytes));
    if (std::string trouble = array_trouble(r); !trouble.empty()) return bad(std::move(trouble));
  }
  return std::nullopt;
}

Check check_insns(const Program& p, const Layout& layout) {
  const auto finish_error = [](std::string message) {
    return Error("isa.program.finish", std::move(message)).fix("end the program with its one finish");
  };
  for (size_t i = 0; i < p.insns.size(); ++i) {
    if (Check error = layout.check(p.insns[i]))
      return std::move(*error)
          .fact("at", fmt::format("instruction {}", i))
          .fact("insn", disassemble(p.insns[i]));
    if (p.insns[i].opcode() == Opcode::finish && i + 1 < p.insns.size())
      return finish_error(fmt::format("finish is instruction {} of {}, not the last", i, p.insns.size()));
  }
  if (p.insns.empty() || p.insns.back().opcode() != Opcode::finish)
    return finish_error("the program has no finish");
  return std::nullopt;
}

}  // namespace

std::string_view to_string(SegmentKind kind) {
  static constexpr std::string_view kNames[] = {"i8", "i16", "i32", "uop"};
  return kNames[static_cast<size_t>(kind)];
}

int item_bytes(SegmentKind kind) {
  static constexpr int kBytes[] = {1, 2, 4, 4};
  return kBytes[static_cast<size_t>(kind)];
}

std::string_view to_string(RegionKind kind) {
  static constexpr std::string_view kNames[] = {"input", "output", "constant", "scratch"};
  return kNames[static_cast<size_t>(kind)];
}

const Region* Program::region(std::string_view name) const {
  for (const Region& r : regions)
    if (r.name == name) return &r;
  return nullptr;
}

Check validate(const Program& p) {
  const Expected<Layout> layout = Layout::make(p.config);
  if (!layout) return layout.error();
  if (Check error = check_segments(p)) return error;
  if (Check error = check_regions(p)) return error;
  return check_insns(p, layout.value());
}

}  // namespace tc::isa
