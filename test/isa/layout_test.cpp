// Encodings. The words were worked out by hand from VTA's hardware description:
// bit-fields from the least significant bit, in two 64-bit words.
#include "tc/isa/layout.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tc/isa/assembler.h"
#include "tc/isa/random.h"

namespace tc::isa {
namespace {

const Layout& standard() {
  static const Layout layout = Layout::make({}).value();
  return layout;
}

Word encoded(const Insn& insn) { return standard().encode(insn).value(); }

TEST(Layout, DefaultWidthsAreThoseOfVta) {
  const FieldWidths w = field_widths({});
  EXPECT_EQ(w.uop, 13);
  EXPECT_EQ(w.inp, 11);
  EXPECT_EQ(w.wgt, 10);
  EXPECT_EQ(w.acc, 11);
  int bits = 0;
  for (const Field& f : standard().fields(Opcode::gemm)) bits += f.width;
  EXPECT_EQ(bits, 63 + 64);  // one bit unused at the end of the first word
  bits = 0;
  for (const Field& f : standard().fields(Opcode::load)) bits += f.width;
  EXPECT_EQ(bits, 58 + 64);  // six bits unused
}

TEST(Layout, LoadByHand) {
  // low: opcode 0 | pop_next 1 << 4 | push_next 1 << 6 | mem_id 2 << 7 | sram_base 0x10 << 10 | dram_base
  // 0x1234 << 26
  //    = 0x10 + 0x40 + 0x100 + 0x4000 + 0x48d0'0000'0000 >> ...: 0x1234 << 26 = 0x48d0000000
  // high: y_size 4 | x_size 5 << 16 | x_stride 14 << 32 | y_pad0 1 << 48 | y_pad1 2 << 52 | x_pad0 3 << 56 |
  // x_pad1 4 << 60
  const Load load{MemId::inp, 0x10, 0x1234, 4, 5, 14, 1, 2, 3, 4};
  EXPECT_EQ(encoded({load, {.pop_next = true, .push_next = true}}), (Word{0x48d0004150, 0x4321000e00050004}));
}

TEST(Layout, StoreByHand) {
  // low: opcode 1 | pop_prev 1 << 3 | push_prev 1 << 5 | mem_id 4 << 7 | sram_base 0xffff << 10 | dram_base
  // 0xffffffff << 26
  const Store store{MemId::out, 0xffff, 0xffffffff, 0xffff, 1, 0xffff};
  const uint64_t low = 1 + 8 + 32 + (4ull << 7) + (0xffffull << 10) + (0xffffffffull << 26);
  EXPECT_EQ(low, 0x03fffffffffffe29u);
  EXPECT_EQ(encoded({store, {.pop_prev = true, .push_prev = true}}), (Word{low, 0x0000ffff0001ffff}));
}

TEST(Layout, GemmByHand) {
  // low: opcode 2 | reset 1 << 7 | uop_bgn 3 << 8 | uop_end 4 << 21 | iter_out 14 << 35 | iter_in 16383 << 49
  //    = 0x2 + 0x80 + 0x300 + 0x800000 + 0x70'0000'0000 + 0x7ffe'0000'0000'0000
  // high: dst_out 14 | dst_in 1 << 11 | src_out 2047 << 22 | src_in 2 << 33 | wgt_out 1023 << 44 | wgt_in 9
  // << 54
  const Gemm gemm{true, 3, 4, 14, 16383, 14, 1, 2047, 2, 1023, 9};
  const uint64_t high = 14 + (1ull << 11) + (2047ull << 22) + (2ull << 33) + (1023ull << 44) + (9ull << 54);
  EXPECT_EQ(encoded({gemm, {}}), (Word{0x7ffe007000800382, high}));
  EXPECT_EQ(high, 0x027ff005ffc0080eu);
}

TEST(Layout, AluByHand) {
  // low: opcode 4 | push_next 1 << 6 | uop_bgn 0 | uop_end 1 << 21 | iter_out 1 << 35 | iter_in 2 << 49
  //    = 0x4 + 0x40 + 0x200000 + 0x8'0000'0000 + 0x4'0000'0000'0000
  // high: dst_out 0 | dst_in 1 << 11 | src_out 0 | src_in 1 << 33 | alu_op 3 << 44 | use_imm 1 << 47 | imm
  // 0xfff8 << 48
  const Alu alu{false, 0, 1, 1, 2, 0, 1, 0, 1, AluOp::shr, true, -8};
  EXPECT_EQ(encoded({alu, {.push_next = true}}), (Word{0x0004000800200044, 0xfff8b00200000800}));
}

TEST(Layout, FinishAndUopByHand) {
  EXPECT_EQ(encoded({Finish{}, {}}), (Word{3, 0}));
  EXPECT_EQ(encoded({Finish{}, {.push_prev = true}}), (Word{0x23, 0}));
  // dst 5 | src 7 << 11 | wgt 1023 << 22
  EXPECT_EQ(standard().encode(Uop{5, 7, 1023}).value(), 5u + (7u << 11) + (1023u << 22));
}

TEST(Layout, BytesAreLittleEndianLowWordFirst) {
  const std::vector<Word> words = {{0x0807060504030201, 0x100f0e0d0c0b0a09}};
  std::vector<uint8_t> expected;
  for (uint8_t i = 1; i <= 16; ++i) expected.push_back(i);
  EXPECT_EQ(to_bytes(words), expected);
  EXPECT_EQ(to_words(expected), words);
}

TEST(Layout, FieldsFollowTheAbiInOtherMachines) {
  // uop 8 bits, acc 5: 3+4+1+8+9+14+14 = 53, and dst_out and dst_in (5 each) still fit the first word
  MachineConfig c;
  c.uop_depth = 256, c.acc_depth = 32, c.inp_depth = 16, c.wgt_depth = 16;
  const Layout layout = Layout::make(c).value();
  for (const Field& f : layout.fields(Opcode::gemm)) {
    EXPECT_LE(f.shift + f.width, 64) << f.name;
    if (f.name == "dst_in") {
      EXPECT_EQ(f.word, 0);
      EXPECT_EQ(f.shift, 58);
    }
    if (f.name == "src_out") {
      EXPECT_EQ(f.word * 64 + f.shift, 64);
    }
  }
}

TEST(Layout, WhatDoesNotFitIsRefusedWithTheNumber) {
  MachineConfig c;
  c.acc_depth = 4096;  // 4 x 12 for dst and src_out, src_in; wgt_in would cross the end and begins at bit 128
  const Expected<Layout> layout = Layout::make(c);
  ASSERT_FALSE(layout.ok());
  EXPECT_EQ(layout.error().code(), "isa.config.fit");
  EXPECT_NE(layout.error().message().find("138 bits"), std::string::npos) << layout.error().str();
  c = {};
  c.wgt_depth = 2048, c.inp_depth = 256;  // the instructions fit, dst 11 + src 11 + wgt 11 do not
  EXPECT_NE(Layout::make(c).error().message().find("33 bits"), std::string::npos)
      << Layout::make(c).error().str();
}

TEST(Layout, EncodingRefusesWhatIsOutOfRange) {
  for (const auto& [insn, code, field] : std::vector<std::tuple<Insn, std::string, std::string>>{
           {{Load{MemId::inp, 65536}, {}}, "isa.encode.range", "sram_base (16 bits)"},
           {{Load{.mem_id = MemId::inp, .x_pad1 = 16}, {}}, "isa.encode.range", "x_pad1 (4 bits)"},
           {{Gemm{.uop_end = 16384}, {}}, "isa.encode.range", "uop_end (14 bits)"},
           {{Gemm{.wgt_in = 1024}, {}}, "isa.encode.range", "wgt_in (10 bits)"},
           {{Alu{.imm = 32768}, {}}, "isa.encode.range", "imm (16 bits)"},
           {{Alu{.imm = -32769}, {}}, "isa.encode.range", "imm (16 bits)"},
           {{Alu{.alu_op = static_cast<AluOp>(5)}, {}}, "isa.encode.alu_op", ""},
           {{Load{.mem_id = MemId::out}, {}}, "isa.encode.mem_id", ""},
           {{Store{.mem_id = MemId::acc, .x_size = 1}, {}}, "isa.encode.mem_id", ""},
           {{Store{.mem_id = MemId::out, .x_size = 1, .x_pad0 = 1}, {}}, "isa.encode.pad", ""},
           {{Finish{}, {.pop_prev = true}}, "isa.encode.finish", ""}}) {
    const Expected<Word> word = standard().encode(insn);
    ASSERT_FALSE(word.ok()) << code;
    EXPECT_EQ(word.error().code(), code);
    EXPECT_EQ(word.error().fact_of("field"), field) << word.error().str();
  }
  EXPECT_TRUE(standard().encode({Alu{.imm = -32768}, {}}).ok());
  EXPECT_EQ(standard().encode(Uop{2048, 0, 0}).error().code(), "isa.encode.range");
}

TEST(Layout, DecodingRefusesWhatMeansNothing) {
  const auto code = [](Word w) { return standard().decode(w).error().code(); };
  EXPECT_EQ(code({5, 0}), "isa.decode.opcode");
  EXPECT_EQ(code({7, ~uint64_t{0}}), "isa.decode.opcode");
  EXPECT_EQ(code({uint64_t{1} << 63, 0}), "isa.decode.reserved");
  EXPECT_EQ(code({3, 1}), "isa.decode.reserved");
  EXPECT_EQ(code({3 + 8, 0}), "isa.decode.finish");
  EXPECT_EQ(code({4ull << 7, 0}), "isa.decode.mem_id");   // a load to OUT
  EXPECT_EQ(code({7ull << 7, 0}), "isa.decode.mem_id");   // a number without scratchpad
  EXPECT_EQ(code({1, 1ull << 16}), "isa.decode.mem_id");  // a store from UOP
  EXPECT_EQ(code({4, 5ull << 44}), "isa.decode.alu_op");
  EXPECT_EQ(code({1 + (4ull << 7), (1ull << 16) + (1ull << 48)}), "isa.decode.pad");
  EXPECT_TRUE(standard().decode({1, 0}).ok());  // VTA's token-only store
}

TEST(Layout, RandomInstructionsRoundTrip) {
  Rng rng(1);
  std::vector<Layout> layouts = {standard()};
  for (int i = 0; i < 20; ++i) layouts.push_back(Layout::make(random_config(rng)).value());
  const int rounds = std::getenv("TC_ISA_ROUNDS") ? std::atoi(std::getenv("TC_ISA_ROUNDS")) : 100'000;
  for (int i = 0; i < rounds; ++i) {
    const Layout& layout = layouts[rng.below(layouts.size())];
    const Insn insn = random_insn(rng, layout);
    const Expected<Word> word = layout.encode(insn);
    ASSERT_TRUE(word.ok()) << word.error().str();
    ASSERT_EQ(layout.decode(word.value()).value(), insn) << disassemble(insn);
    const Uop uop = random_uop(rng, layout);
    ASSERT_EQ(layout.decode(layout.encode(uop).value()).value(), uop);
    ASSERT_EQ(layout.decode_trusted(layout.encode(uop).value()), uop);
  }
}

TEST(Layout, AnyBitsDecodeOrAreRefused) {
  Rng rng(2);
  int decoded = 0;
  for (int i = 0; i < 100'000; ++i) {
    // mostly one field or bit away from something legal
    Word w = encoded(random_insn(rng, standard()));
    if (rng.below(2)) w.low ^= uint64_t{1} << rng.below(64);
    if (rng.below(2)) w.high ^= uint64_t{1} << rng.below(64);
    if (rng.below(8) == 0) w = {rng.next(), rng.next()};
    const Expected<Insn> insn = standard().decode(w);
    if (!insn) continue;
    ++decoded;
    ASSERT_EQ(encoded(insn.value()), w);
  }
  EXPECT_GT(decoded, 10'000);
}

// test/golden/isa/words.txt: instructions and micro-ops of the default machine with
// their words, which stand in docs/isa.md as well.
TEST(Layout, ListedWords) {
  const auto path = std::filesystem::path(TC_SOURCE_DIR) / "test/golden/isa/words.txt";
  std::ifstream in(path);
  std::string now;
  int count = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string text = line.substr(std::min<size_t>(line.size(), 38));
    char words[64];
    if (text.starts_with("dst=")) {
      Program p = assemble(".segment 0 uop\n" + text + "\n.code\nfinish\n").value();
      std::snprintf(words, sizeof words, "%27s0x%02x%02x%02x%02x", "", p.segments[0].bytes[3],
                    p.segments[0].bytes[2], p.segments[0].bytes[1], p.segments[0].bytes[0]);
    } else {
      const Insn insn =
          assemble(".code\n" + text + (text.starts_with("finish") ? "\n" : "\nfinish\n")).value().insns[0];
      EXPECT_EQ(disassemble(insn), text);
      const Word w = encoded(insn);
      EXPECT_EQ(standard().decode(w).value(), insn);
      std::snprintf(words, sizeof words, "0x%016llx 0x%016llx", static_cast<unsigned long long>(w.low),
                    static_cast<unsigned long long>(w.high));
    }
    now += std::string(words) + " " + text + "\n";
    if (!std::getenv("TC_BLESS")) {
      EXPECT_EQ(std::string(words) + " " + text, line);
    }
    ++count;
  }
  EXPECT_GE(count, 53);
  if (std::getenv("TC_BLESS")) std::ofstream(path) << now;
}

TEST(Table, ListsEveryField) {
  const std::string load = table("load", {});
  EXPECT_NE(load.find("57:26    dram_base"), std::string::npos) << load;
  EXPECT_NE(load.find("79:64    y_size"), std::string::npos) << load;
  EXPECT_NE(table("uop", {}).find("31:22  wgt"), std::string::npos);
  EXPECT_EQ(table("nothing", {}), "");
}

}  // namespace
}  // namespace tc::isa
