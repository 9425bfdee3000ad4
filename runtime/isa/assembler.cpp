#include "tc/isa/assembler.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "config_fields.h"
#include "fields.h"
#include "names.h"
#include "tc/isa/layout.h"
#include "tc/support/source_text.h"

namespace tc::isa {
namespace {

constexpr size_t kMaxText = size_t{256} << 20;

// A word of a line: everything between blanks.
struct Token {
  std::string_view text;
  size_t at = 0;
};

// The number of an instruction's scratchpad or operation, or nothing.
template <class Enum>
std::optional<int64_t> number_of(std::string_view name, int count) {
  for (int i = 0; i < count; ++i)
    if (to_string(static_cast<Enum>(i)) == name) return i;
  return std::nullopt;
}

class Assembler {
 public:
  Assembler(std::string_view text, std::string_view file, const MachineConfig& config) : source_{text, file} {
    program_.config = config;
  }

  Program run() {
    if (source_.text.size() > kMaxText)
      throw Error("isa.asm.size", "a program has at most 256 MiB of text")
          .fact("got", fmt::format("{} bytes", source_.text.size()))
          .fix("write data of segments with fewer digits, or split the program");
    for (size_t at = 0; at < source_.text.size();) {
      const size_t end = std::min(source_.text.find('\n', at), source_.text.size());
      read_line(at, end);
      at = end + 1;
    }
    if (!dram_given_) program_.dram_bytes = dram_end_;
    std::stable_sort(program_.segments.begin(), program_.segments.end(),
                     [](const Segment& a, const Segment& b) { return a.address < b.address; });
    if (Check error = validate(program_)) throw *error;
    return std::move(program_);
  }

 private:
  [[noreturn]] void fail(std::string code, std::string message, const Token& word,
                         std::string fix = "") const {
    Error e(std::move(code), std::move(message));
    if (!fix.empty()) (void)std::move(e).fix(std::move(fix));
    throw source_.located(e, word.at, word.text.size());
  }

  void split(size_t at, size_t end) {
    words_.clear();
    const std::string_view text = source_.text;
    while (true) {
      while (at < end && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r')) ++at;
      if (at >= end || text[at] == ';') return;
      const size_t begin = at;
      while (at < end && text[at] != ' ' && text[at] != '\t' && text[at] != '\r' && text[at] != ';') ++at;
      words_.push_back({text.substr(begin, at - begin), begin});
    }
  }

  void read_line(size_t at, size_t end) {
    split(at, end);
    if (words_.empty()) return;
    const std::string_view head = words_[0].text;
    if (head[0] == '.')
      read_directive(head);
    else if (section_ == Section::data)
      read_items();
    else if (section_ == Section::code)
      read_insn();
    else
      fail("isa.asm.place", "before .code or .segment there can only be directives", words_[0],
           "put .code before it");
  }

  // ---- directives

  void read_directive(std::string_view head) {
    if (head == ".config") return read_config();
    if (head == ".code") {
      expect_words(1, ".code");
      fix_layout();
      section_ = Section::code;
    } else if (head == ".dram") {
      expect_words(2, ".dram BYTES");
      if (dram_given_) fail("isa.asm.twice", ".dram stands twice", words_[0]);
      program_.dram_bytes = unsigned_number(words_[1]);
      dram_given_ = true;
    } else if (head == ".region") {
      read_region();
    } else if (head == ".segment") {
      expect_words(3, ".segment ADDRESS KIND");
      fix_layout();
      const auto kind = kind_of<SegmentKind>(words_[2], 4, "i8, i16, i32 or uop");
      program_.segments.push_back({unsigned_number(words_[1]), kind, {}});
      section_ = Section::data;
    } else {
      const std::string near = nearest(head, {".config", ".code", ".dram", ".region", ".segment"});
      fail("isa.asm.directive", fmt::format("there is no directive {}", printable(head.substr(0, 40))),
           words_[0], near.empty() ? "" : "did you mean " + near + "?");
    }
  }

  void expect_words(size_t count, std::string_view form) const {
    if (words_.size() < count) fail("isa.asm.words", fmt::format("this is written {}", form), words_.back());
    if (words_.size() > count)
      fail("isa.asm.words", fmt::format("this is written {}; there is more", form), words_[count]);
  }

  template <class Enum>
  Enum kind_of(const Token& word, int count, std::string_view expected) const {
    const auto number = number_of<Enum>(word.text, count);
    if (!number)
      fail("isa.asm.kind", fmt::format("{} is not {}", printable(word.text.substr(0, 40)), expected), word);
    return static_cast<Enum>(*number);
  }

  void read_config() {
    if (layout_) fail("isa.asm.place", ".config must stand before .segment and .code", words_[0]);
    if (!config_given_) program_.config = MachineConfig{};
    config_given_ = true;
    for (size_t i = 1; i < words_.size(); ++i) {
      const auto [name, value] = assignment(words_[i]);
      if (!config_keys_.insert(std::string(name.text)).second)
        fail("isa.asm.twice", fmt::format("{} stands twice", name.text), words_[i]);
      if (name.text == "name") {
        program_.config.name = value.text;
        continue;
      }
      const auto fields = detail::config_fields();
      const auto field =
          std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == name.text; });
      if (field == fields.end()) {
        std::vector<std::string> known;
        for (const auto& f : fields) known.emplace_back(f.name);
        fail_unknown("isa.asm.field", "a machine has no", name, known);
      }
      program_.config.*field->member = number(value);
    }
    if (Check error = validate(program_.config))
      throw source_.located(*error, words_[0].at, words_[0].text.size());
    if (!config_keys_.contains("name")) program_.config.name = derived_name(program_.config);
  }

  void read_region() {
    if (words_.size() < 6 || words_.size() > 7)
      expect_words(5, ".region NAME KIND ADDRESS BYTES, then DTYPE and EXTENTxEXTENT if it is an array");
    if (!detail::is_name(words_[1].text))
      fail("isa.asm.name", "the name of a region is 1 to 64 letters, digits, . _ - or +", words_[1]);
    if (program_.region(words_[1].text)) fail("isa.asm.twice", "there is a region of that name", words_[1]);
    Region r{std::string(words_[1].text),
             kind_of<RegionKind>(words_[2], 4, "input, output, constant or scratch"),
             unsigned_number(words_[3]), unsigned_number(words_[4])};
    if (words_.size() > 5) r.dtype = words_[5].text;
    if (words_.size() > 6) r.shape = extents(words_[6]);
    grow_dram(r.address, r.bytes, words_[3]);
    program_.regions.push_back(std::move(r));
  }

  // 1x16x16
  std::vector<int64_t> extents(const Token& word) const {
    std::vector<int64_t> out;
    for (size_t at = 0; at <= word.text.size();) {
      const size_t end = std::min(word.text.find('x', at), word.text.size());
      out.push_back(number({word.text.substr(at, end - at), word.at + at}));
      at = end + 1;
    }
    return out;
  }

  void grow_dram(uint64_t address, uint64_t bytes, const Token& at) {
    if (bytes > UINT64_MAX - address) fail("isa.asm.range", "the end of this is beyond all addresses", at);
    dram_end_ = std::max(dram_end_, address + bytes);
  }

  void fix_layout() {
    if (!layout_) layout_ = Layout::make(program_.config).value();
  }

  // ---- items of a segment

  void read_items() {
    Segment& s = program_.segments.back();
    if (s.kind == SegmentKind::uop) {
      append(s, read_uop());
    } else {
      const int bits = 8 * item_bytes(s.kind);
      for (const Token& word : words_) {
        const int64_t value = number(word);
        if (value < -(int64_t{1} << (bits - 1)) || value >= int64_t{1} << bits)
          fail("isa.asm.range", fmt::format("{} does not fit {} bits", value, bits), word);
        append(s, static_cast<uint64_t>(value));
      }
    }
    grow_dram(s.address, s.bytes.size(), words_[0]);
  }

  static void append(Segment& s, uint64_t value) {
    for (int i = 0; i < item_bytes(s.kind); ++i) s.bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }

  // Fields, or a whole word as a number.
  uint64_t read_uop() const {
    if (words_[0].text.find('=') == std::string_view::npos) {
      expect_words(1, "dst=N src=N wgt=N, or as one number");
      const int64_t value = number(words_[0]);
      if (value < 0 || value > UINT32_MAX) fail("isa.asm.range", "a micro-op has 32 bits", words_[0]);
      return static_cast<uint64_t>(value);
    }
    uint64_t bits = 0, seen = 0;
    for (const Token& word : words_) {
      const auto [name, value] = assignment(word);
      const Field& f = field_named(layout_->uop_fields(), 0, name, "a micro-op has no field", seen);
      bits |= static_cast<uint64_t>(field_value(f, value, std::nullopt)) << f.shift;
    }
    return bits;
  }

  // ---- instructions

  // "load.inp" is load with mem_id inp: the opcode, and the value of the field that the suffix names.
  detail::Values read_mnemonic(std::span<const Field>& fields) const {
    const std::string_view text = words_[0].text;
    const size_t dot = std::min(text.find('.'), text.size());
    const std::string_view suffix = dot < text.size() ? text.substr(dot + 1) : "";
    const auto opcode = number_of<Opcode>(text.substr(0, dot), 5);
    detail::Values values{};
    if (opcode) {
      values[0] = *opcode;
      fields = layout_->fields(static_cast<Opcode>(*opcode));
      const bool needs_suffix = suffix_field(fields) != 0;
      if (!needs_suffix && dot == text.size()) return values;
      const bool memory = static_cast<Opcode>(*opcode) != Opcode::alu;
      const auto number = memory ? number_of<MemId>(suffix, 6) : number_of<AluOp>(suffix, 5);
      if (needs_suffix && number) {
        values[suffix_field(fields)] = *number;
        return values;
      }
    }
    std::vector<std::string> known = {"gemm", "finish", "store.out"};
    for (const MemId id : {MemId::uop, MemId::wgt, MemId::inp, MemId::acc, MemId::acc8})
      known.push_back(fmt::format("load.{}", to_string(id)));
    for (int op = 0; op < 5; ++op) known.push_back(fmt::format("alu.{}", to_string(static_cast<AluOp>(op))));
    fail_unknown("isa.asm.mnemonic", "there is no instruction", words_[0], known);
  }

  // The field that stands in the mnemonic, or 0.
  static size_t suffix_field(std::span<const Field> fields) {
    for (size_t i = detail::kCommonFields; i < fields.size(); ++i)
      if (fields[i].name == "mem_id" || fields[i].name == "alu_op") return i;
    return 0;
  }

  void read_insn() {
    std::span<const Field> fields;
    detail::Values values = read_mnemonic(fields);
    uint64_t seen = 1;  // the opcode is no operand
    if (const size_t suffix = suffix_field(fields)) seen |= uint64_t{1} << suffix;
    const uint64_t in_mnemonic = seen;
    for (size_t i = 1; i < words_.size(); ++i) {
      const bool flag = words_[i].text.find('=') == std::string_view::npos;
      const auto [name, value] = flag ? std::pair{words_[i], Token{}} : assignment(words_[i]);
      const Field& f = field_named(fields, in_mnemonic, name, "the instruction has no field", seen);
      if (flag && f.width != 1)
        fail("isa.asm.words", fmt::format("{0} has a value: {0}=NUMBER", f.name), words_[i]);
      const auto place = static_cast<size_t>(&f - fields.data());
      std::optional<MemId> memory;
      if (f.name == "dram_base") memory = static_cast<MemId>(values[suffix_field(fields)]);
      values[place] = flag ? 1 : field_value(f, value, memory);
    }
    Insn insn = detail::from_values(values);
    if (Check error = layout_->check(insn))
      throw source_.located(*error, words_[0].at, words_[0].text.size());
    program_.insns.push_back(std::move(insn));
  }

  const Field& field_named(std::span<const Field> fields, uint64_t hidden, const Token& name,
                           std::string_view what, uint64_t& seen) const {
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name != name.text || (hidden >> i & 1) != 0) continue;
      if ((seen >> i & 1) != 0) fail("isa.asm.twice", fmt::format("{} stands twice", name.text), name);
      seen |= uint64_t{1} << i;
      return fields[i];
    }
    std::vector<std::string> known;
    for (size_t i = 0; i < fields.size(); ++i)
      if ((hidden >> i & 1) == 0) known.emplace_back(fields[i].name);
    fail_unknown("isa.asm.field", what, name, known);
  }

  [[noreturn]] void fail_unknown(std::string code, std::string_view what, const Token& name,
                                 const std::vector<std::string>& known) const {
    const std::string near = nearest(name.text, known);
    fail(std::move(code), fmt::format("{} {}", what, printable(name.text.substr(0, 40))), name,
         near.empty() ? "" : "did you mean " + near + "?");
  }

  int64_t field_value(const Field& f, const Token& word, std::optional<MemId> memory) const {
    const bool address = memory && word.text.starts_with('@');
    const int64_t value = address ? element_address(word, *memory) : number(word);
    if (value < f.min() || value > f.max())
      fail("isa.encode.range",
           fmt::format("{} is {}; the field holds {} to {}", f.name, value, f.min(), f.max()), word);
    return value;
  }

  int64_t element_address(const Token& word, MemId memory) const {
    const Region* r = program_.region(word.text.substr(1));
    if (!r) {
      std::vector<std::string> known;
      for (const Region& region : program_.regions) known.push_back("@" + region.name);
      fail_unknown("isa.asm.region", "there is no region", word, known);
    }
    const auto bytes = static_cast<uint64_t>(element_bytes(program_.config, memory));
    if (r->address % bytes != 0)
      fail("isa.asm.align",
           fmt::format("{} is at {:#x}, no multiple of the {} bytes of an element of {}", r->name, r->address,
                       bytes, to_string(memory)),
           word, fmt::format("place {} at a multiple of {}", r->name, bytes));
    return static_cast<int64_t>(std::min<uint64_t>(r->address / bytes, INT64_MAX));
  }

  // ---- words

  std::pair<Token, Token> assignment(const Token& word) const {
    const size_t equal = word.text.find('=');
    if (equal == std::string_view::npos || equal == 0 || equal + 1 == word.text.size())
      fail("isa.asm.words", "this is written name=value", word);
    return {{word.text.substr(0, equal), word.at}, {word.text.substr(equal + 1), word.at + equal + 1}};
  }

  uint64_t unsigned_number(const Token& word) const {
    const int64_t value = number(word);
    if (value < 0) fail("isa.asm.range", "an address or a size is not negative", word);
    return static_cast<uint64_t>(value);
  }

  int64_t number(const Token& word) const {
    std::string_view digits = word.text;
    const bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
      base = 16;
      digits.remove_prefix(2);
    }
    uint64_t value = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (status == std::errc::result_out_of_range || (status == std::errc() && value > INT64_MAX))
      fail("isa.asm.number", "this number has more than 64 bits", word);
    if (status != std::errc() || end != digits.data() + digits.size())
      fail("isa.asm.number", fmt::format("{} is no number", printable(word.text.substr(0, 40))), word);
    return negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
  }

  enum class Section { none, data, code };
  SourceText source_;
  Program program_;
  std::optional<Layout> layout_;
  std::vector<Token> words_;
  Section section_ = Section::none;
  bool dram_given_ = false, config_given_ = false;
  std::set<std::string> config_keys_;  // of all .config lines
  uint64_t dram_end_ = 0;
};

}  // namespace

Expected<Program> assemble(std::string_view text, std::string_view file, const MachineConfig& config) {
  try {
    if (Check error = validate(config)) return *error;
    return Assembler(text, file, config).run();
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc::isa
