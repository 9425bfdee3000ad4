#include "tc/isa/layout.h"

#include <fmt/format.h>

#include <bit>

#include "fields.h"

namespace tc::isa {
namespace {

// A field before it has a place.
struct Declared {
  std::string_view name, doc;
  int width;
  bool is_signed;
};

#define TC_ISA_DECLARE(name, type, width, doc) \
  {#name, doc, static_cast<int>(width), std::is_same_v<type, int32_t>},
std::vector<Declared> declared(Opcode opcode, const FieldWidths& w) {
  std::vector<Declared> all = {TC_ISA_COMMON_FIELDS(TC_ISA_DECLARE)};
  std::vector<Declared> own;
  switch (opcode) {
    case Opcode::load:
    case Opcode::store:
      own = {TC_ISA_MEM_FIELDS(TC_ISA_DECLARE)};
      break;
    case Opcode::gemm:
      own = {TC_ISA_GEMM_FIELDS(TC_ISA_DECLARE)};
      break;
    case Opcode::alu:
      own = {TC_ISA_ALU_FIELDS(TC_ISA_DECLARE)};
      break;
    case Opcode::finish:
      break;
  }
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

std::vector<Declared> declared_uop(const FieldWidths& w) { return {TC_ISA_UOP_FIELDS(TC_ISA_DECLARE)}; }
#undef TC_ISA_DECLARE

uint64_t mask(int width) { return (uint64_t{1} << width) - 1; }  // no field has 64 bits

int log2_up(int64_t n) { return std::bit_width(static_cast<uint64_t>(n - 1)); }

Error range_error(std::string_view what, const Field& f, int64_t value) {
  return Error("isa.encode.range",
               fmt::format("{} of {} is {}; the field holds {} to {}", f.name, what, value, f.min(), f.max()))
      .fact("field", fmt::format("{} ({} bits)", f.name, f.width))
      .fact("got", std::to_string(value))
      .fact("expected", fmt::format("{} to {}", f.min(), f.max()))
      .fix("cut the work into several instructions");
}

constexpr const char* kOtherMachine = "clear them, or decode for the machine that the words were made for";

// Why an instruction of legal field values means nothing; `when` is "encode" or "decode".
Check check_meaning(const Insn& insn, const char* when) {
  const auto bad_mem = [&](std::string_view name, MemId id) {
    return Error(fmt::format("isa.{}.mem_id", when),
                 fmt::format(
                     "a {} has no scratchpad {}", name,
                     id <= MemId::acc8 ? std::string(to_string(id)) : std::to_string(static_cast<int>(id))))
        .fix("loads fill uop, wgt, inp, acc and acc8; stores write what is in out");
  };
  if (const auto* load = std::get_if<Load>(&insn.body)) {
    if (load->mem_id > MemId::acc8 || load->mem_id == MemId::out) return bad_mem("load", load->mem_id);
  } else if (const auto* store = std::get_if<Store>(&insn.body)) {
    // VTA's runtime writes its token-only stores with the number of UOP.
    if (store->mem_id > MemId::acc8 || (store->mem_id != MemId::out && store->x_size != 0))
      return bad_mem("store", store->mem_id);
    if (store->x_size != 0 && (store->y_pad0 | store->y_pad1 | store->x_pad0 | store->x_pad1) != 0)
      return Error(fmt::format("isa.{}.pad", when), "a store cannot pad")
          .fix("set y_pad0, y_pad1, x_pad0 and x_pad1 to 0");
  } else if (const auto* alu = std::get_if<Alu>(&insn.body)) {
    if (alu->alu_op > AluOp::mul)
      return Error(fmt::format("isa.{}.alu_op", when),
                   fmt::format("there is no ALU operation {}", static_cast<int>(alu->alu_op)))
          .fix("use min, max, add, shr or mul: 0 to 4");
  } else if (insn.opcode() == Opcode::finish && (insn.tokens.pop_prev || insn.tokens.pop_next)) {
    return Error(fmt::format("isa.{}.finish", when), "finish cannot wait for a token")
        .fix("put a load.uop with x_size 0 that waits before it");
  }
  return std::nullopt;
}

}  // namespace

FieldWidths field_widths(const MachineConfig& c) {
  return {log2_up(c.uop_depth), log2_up(c.inp_depth), log2_up(c.wgt_depth), log2_up(c.acc_depth)};
}

int64_t element_bytes(const MachineConfig& c, MemId id) {
  switch (id) {
    case MemId::uop:
      return MachineConfig::uop_bytes();
    case MemId::wgt:
      return c.wgt_bytes();
    case MemId::inp:
      return c.inp_bytes();
    case MemId::acc:
      return c.acc_bytes();
    case MemId::out:
      return c.out_bytes();
    case MemId::acc8:
      return c.acc8_bytes();
  }
  return 1;
}

namespace {
// Bits that fields take: in order, and none across a word's end.
int bits_of(const std::vector<Declared>& fields) {
  int at = 0;
  for (const Declared& d : fields) at += (at % 64 + d.width > 64 ? 64 - at % 64 : 0) + d.width;
  return at;
}
bool fits(const MachineConfig& config) {
  const FieldWidths w = field_widths(config);
  for (size_t opcode = 0; opcode < 5; ++opcode)
    if (bits_of(declared(static_cast<Opcode>(opcode), w)) > 128) return false;
  return bits_of(declared_uop(w)) <= 32;
}

// Which single buffer, how much less deep, would make room.
std::string shallower(const MachineConfig& config) {
  static constexpr std::pair<std::string_view, int64_t MachineConfig::*> kDepths[] = {
      {"uop_depth", &MachineConfig::uop_depth},
      {"inp_depth", &MachineConfig::inp_depth},
      {"wgt_depth", &MachineConfig::wgt_depth},
      {"acc_depth", &MachineConfig::acc_depth}};
  std::string out;
  for (const auto& [name, depth] : kDepths)
    for (int bits = log2_up(config.*depth) - 1; bits > 0; --bits) {
      MachineConfig less = config;
      less.*depth = int64_t{1} << bits;
      if (!fits(less)) continue;
      out += fmt::format("{}{} of {}", out.empty() ? "" : ", or ", name, less.*depth);
      break;
    }
  return out.empty() ? "make the buffers less deep" : fmt::format("a smaller buffer fits: {}", out);
}
}  // namespace

// Bit-fields of uint64_t in the C ABI: in order, and none across a word's end.
Check Layout::place(const MachineConfig& config, Layout& out) {
  const FieldWidths w = field_widths(config);
  for (size_t opcode = 0; opcode < 5; ++opcode) {
    int at = 0;
    for (const Declared& d : declared(static_cast<Opcode>(opcode), w)) {
      if (at % 64 + d.width > 64) at += 64 - at % 64;
      out.insns_[opcode].push_back({d.name, d.doc, at / 64, at % 64, d.width, d.is_signed});
      if (at < 128) (at < 64 ? out.used_[opcode].low : out.used_[opcode].high) |= mask(d.width) << (at % 64);
      at += d.width;
    }
    if (at > 128)
      return Error("isa.config.fit", fmt::format("the {} instruction needs {} bits; there are 128",
                                                 to_string(static_cast<Opcode>(opcode)), at))
          .fact("index bits", fmt::format("uop {}, inp {}, wgt {}, acc {}", w.uop, w.inp, w.wgt, w.acc))
          .fix(shallower(config));
  }
  int at = 0;
  for (const Declared& d : declared_uop(w)) {
    out.uop_.push_back({d.name, d.doc, 0, at, d.width, d.is_signed});
    if (at < 32) out.uop_used_ |= static_cast<uint32_t>(mask(d.width) << at);
    at += d.width;
  }
  if (at > 32)
    return Error("isa.config.fit", fmt::format("a micro-op needs {} bits; there are 32", at))
        .fact("index bits", fmt::format("dst and src {} each, wgt {}", w.acc, w.wgt))
        .fix(shallower(config));
  return std::nullopt;
}

Expected<Layout> Layout::make(const MachineConfig& config) {
  if (Check error = validate(config)) return *error;
  Layout layout;
  if (Check error = place(config, layout)) return *error;
  return layout;
}

Check Layout::check(const Insn& insn) const {
  const detail::Values values = detail::to_values(insn);
  const std::span<const Field> all = fields(insn.opcode());
  for (size_t i = 0; i < all.size(); ++i)
    if (values[i] < all[i].min() || values[i] > all[i].max())
      return range_error(to_string(insn.opcode()), all[i], values[i]);
  return check_meaning(insn, "encode");
}

Expected<Word> Layout::encode(const Insn& insn) const {
  if (Check error = check(insn)) return *error;
  const detail::Values values = detail::to_values(insn);
  const std::span<const Field> all = fields(insn.opcode());
  Word word;
  for (size_t i = 0; i < all.size(); ++i)
    (all[i].word == 0 ? word.low : word.high) |= (static_cast<uint64_t>(values[i]) & mask(all[i].width))
                                                 << all[i].shift;
  return word;
}

Expected<Insn> Layout::decode(const Word& word) const {
  const auto hex = [&] { return fmt::format("{:#018x} {:#018x}", word.low, word.high); };
  const uint64_t opcode = word.low & mask(insns_[0][0].width);
  if (opcode >= insns_.size())
    return Error("isa.decode.opcode", fmt::format("there is no opcode {}", opcode))
        .fact("words", hex())
        .fix("use 0 to 4, in the lowest 3 bits: load, store, gemm, finish, alu");
  const Word& used = used_[opcode];
  if ((word.low & ~used.low) != 0 || (word.high & ~used.high) != 0)
    return Error("isa.decode.reserved", fmt::format("a {} has bits set that belong to no field",
                                                    to_string(static_cast<Opcode>(opcode))))
        .fact("words", hex())
        .fact("fields", fmt::format("{:#018x} {:#018x}", used.low, used.high))
        .fix(kOtherMachine);
  detail::Values values{};
  const std::span<const Field> all = insns_[opcode];
  for (size_t i = 0; i < all.size(); ++i) {
    uint64_t bits = ((all[i].word == 0 ? word.low : word.high) >> all[i].shift) & mask(all[i].width);
    if (all[i].is_signed && (bits >> (all[i].width - 1)) != 0) bits |= ~mask(all[i].width);
    values[i] = static_cast<int64_t>(bits);
  }
  const Insn insn = detail::from_values(values);
  if (Check error = check_meaning(insn, "decode")) return std::move(*error).fact("words", hex());
  return insn;
}

Expected<uint32_t> Layout::encode(const Uop& uop) const {
  const auto values = detail::to_values(uop);
  uint64_t word = 0;
  for (size_t i = 0; i < uop_.size(); ++i) {
    if (values[i] > uop_[i].max()) return range_error("a micro-op", uop_[i], values[i]);
    word |= static_cast<uint64_t>(values[i]) << uop_[i].shift;
  }
  return static_cast<uint32_t>(word);
}

Expected<Uop> Layout::decode(uint32_t uop) const {
  if ((uop & ~uop_used_) != 0)
    return Error("isa.decode.reserved", "a micro-op has bits set that belong to no field")
        .fact("word", fmt::format("{:#010x}", uop))
        .fact("fields", fmt::format("{:#010x}", uop_used_))
        .fix(kOtherMachine);
  return decode_trusted(uop);
}

std::vector<uint8_t> to_bytes(std::span<const Word> words) {
  std::vector<uint8_t> out;
  out.reserve(words.size() * kInsnBytes);
  for (const Word& w : words)
    for (const uint64_t half : {w.low, w.high})
      for (int i = 0; i < 8; ++i) out.push_back(static_cast<uint8_t>(half >> (8 * i)));
  return out;
}

std::vector<Word> to_words(std::span<const uint8_t> bytes) {
  std::vector<Word> out(bytes.size() / kInsnBytes);
  for (size_t i = 0; i < out.size() * kInsnBytes; ++i) {
    Word& w = out[i / kInsnBytes];
    (i % 16 < 8 ? w.low : w.high) |= uint64_t{bytes[i]} << (8 * (i % 8));
  }
  return out;
}

}  // namespace tc::isa
