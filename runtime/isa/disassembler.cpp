#include <fmt/format.h>

#include <optional>

#include "config_fields.h"
#include "fields.h"
#include "tc/isa/assembler.h"
#include "tc/isa/layout.h"

namespace tc::isa {
namespace {

// Names of the fields in the order of to_values, without the common ones.
#define TC_ISA_FIELD_NAME(name, type, width, doc) {#name, std::is_same_v<type, bool>},
struct Name {
  std::string_view text;
  bool is_flag;
};
constexpr Name kCommon[] = {TC_ISA_COMMON_FIELDS(TC_ISA_FIELD_NAME)};
constexpr Name kMem[] = {TC_ISA_MEM_FIELDS(TC_ISA_FIELD_NAME)};
constexpr Name kGemm[] = {TC_ISA_GEMM_FIELDS(TC_ISA_FIELD_NAME)};
constexpr Name kAlu[] = {TC_ISA_ALU_FIELDS(TC_ISA_FIELD_NAME)};
#undef TC_ISA_FIELD_NAME

std::span<const Name> names_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::load:
    case Opcode::store:
      return kMem;
    case Opcode::gemm:
      return kGemm;
    case Opcode::alu:
      return kAlu;
    case Opcode::finish:
      break;
  }
  return {};
}

void append_field(std::string& out, const Name& name, int64_t value) {
  if (value == 0) return;
  out += ' ';
  out += name.text;
  if (!name.is_flag) out += fmt::format("={}", value);
}

std::string items(const Segment& s, const std::optional<Layout>& layout) {
  std::string out;
  const auto size = static_cast<size_t>(item_bytes(s.kind));
  const size_t a_line = s.kind == SegmentKind::uop ? 1 : 32 / size;
  for (size_t i = 0; i * size + size <= s.bytes.size(); ++i) {
    uint64_t bits = 0;
    for (size_t b = 0; b < size; ++b) bits |= uint64_t{s.bytes[i * size + b]} << (8 * b);
    out += i % a_line == 0 ? "\n  " : " ";
    if (s.kind == SegmentKind::uop) {
      const auto uop = layout ? layout->decode(static_cast<uint32_t>(bits)) : Expected<Uop>(Error("", ""));
      out += uop ? disassemble(uop.value()) : fmt::format("{:#010x}", bits);
    } else {
      const uint64_t sign = uint64_t{1} << (8 * size - 1);
      out += fmt::format("{}", static_cast<int64_t>((bits ^ sign) - sign));
    }
  }
  return out;
}

}  // namespace

std::string disassemble(const Insn& insn) {
  const Opcode opcode = insn.opcode();
  const detail::Values values = detail::to_values(insn);
  std::string out(to_string(opcode));
  const auto names = names_of(opcode);
  // Numbers that no name has occur only in instructions that cannot be encoded.
  const auto suffix = [&](int64_t value, int count, auto text) {
    out += value < count ? fmt::format(".{}", text(value)) : fmt::format(".{}", value);
  };
  for (size_t i = 0; i < names.size(); ++i) {
    const int64_t value = values[detail::kCommonFields + i];
    if (names[i].text == "mem_id")
      suffix(value, 6, [](int64_t v) { return to_string(static_cast<MemId>(v)); });
    if (names[i].text == "alu_op")
      suffix(value, 5, [](int64_t v) { return to_string(static_cast<AluOp>(v)); });
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].text != "mem_id" && names[i].text != "alu_op")
      append_field(out, names[i], values[detail::kCommonFields + i]);
  for (size_t i = 1; i < detail::kCommonFields; ++i) append_field(out, kCommon[i], values[i]);
  return out;
}

std::string disassemble(const Uop& uop) {
  return fmt::format("dst={} src={} wgt={}", uop.dst, uop.src, uop.wgt);
}

std::string disassemble(const Program& p) {
  const MachineConfig standard;
  std::string out = fmt::format(".config name={}", p.config.name);
  for (const auto& f : detail::config_fields())
    if (p.config.*f.member != standard.*f.member) out += fmt::format(" {}={}", f.name, p.config.*f.member);
  out += fmt::format("\n.dram {}\n", p.dram_bytes);
  for (const Region& r : p.regions) {
    out += fmt::format(".region {} {} {:#x} {}", r.name, to_string(r.kind), r.address, r.bytes);
    if (!r.dtype.empty()) out += fmt::format(" {}", r.dtype);
    if (!r.shape.empty()) out += fmt::format(" {}", fmt::join(r.shape, "x"));
    out += '\n';
  }
  std::optional<Layout> layout;
  if (auto made = Layout::make(p.config)) layout = std::move(made).value();
  for (const Segment& s : p.segments)
    out += fmt::format(".segment {:#x} {}{}\n", s.address, to_string(s.kind), items(s, layout));
  out += ".code\n";
  for (const Insn& insn : p.insns) out += fmt::format("  {}\n", disassemble(insn));
  return out;
}

}  // namespace tc::isa
