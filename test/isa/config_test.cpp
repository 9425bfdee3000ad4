#include "tc/isa/config.h"

#include <gtest/gtest.h>

#include <set>

#include "tc/isa/layout.h"
#include "tc/isa/random.h"

namespace tc::isa {
namespace {

MachineConfig parsed(std::string_view json) { return parse_config(json).value(); }
std::string code_of(std::string_view json) {
  const auto config = parse_config(json);
  return config.ok() ? "" : config.error().code();
}

constexpr std::string_view kPynq = R"({
  "TARGET" : "pynq", "HW_VER" : "0.0.2",
  "LOG_INP_WIDTH" : 3, "LOG_WGT_WIDTH" : 3, "LOG_ACC_WIDTH" : 5, "LOG_BATCH" : 0, "LOG_BLOCK" : 4,
  "LOG_UOP_BUFF_SIZE" : 15, "LOG_INP_BUFF_SIZE" : 15, "LOG_WGT_BUFF_SIZE" : 18, "LOG_ACC_BUFF_SIZE" : 17
})";

TEST(Config, VtaFileGivesTheDefaultMachine) {
  MachineConfig expected;
  expected.name = "pynq";
  EXPECT_EQ(parsed(kPynq), expected);
  EXPECT_EQ(parsed("{}"), MachineConfig{});
}

TEST(Config, VtaDerivedKeysAreUnderstood) {
  const MachineConfig c =
      parsed(R"({"LOG_BLOCK_IN": 4, "LOG_BLOCK_OUT": 5, "LOG_BATCH": 1, "LOG_OUT_WIDTH": 3,
      "LOG_WGT_BUFF_SIZE": 17, "LOG_BUS_WIDTH": 7, "HW_FREQ": 100})");
  EXPECT_EQ(c.batch, 2);
  EXPECT_EQ(c.block_in, 16);
  EXPECT_EQ(c.block_out, 32);
  EXPECT_EQ(c.inp_depth, 32768 / 32);
  EXPECT_EQ(c.wgt_depth, 131072 / 512);
  EXPECT_EQ(c.acc_depth, 131072 / 256);
  EXPECT_EQ(c.dram_bytes_per_cycle, 16);
  EXPECT_EQ(c.alu_lanes, 64);  // a tile
  EXPECT_EQ(code_of(R"({"LOG_OUT_BUFF_SIZE": 14})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"LOG_OUT_BUFF_SIZE": 15})"), "");
}

TEST(Config, MachinesOfTheIssue) {
  // (1,32)x(32,32) and (4,16)x(16,16) with the same bytes on chip
  const MachineConfig a = parsed(R"({"LOG_BLOCK": 5})");
  const MachineConfig b = parsed(R"({"LOG_BATCH": 2, "alu_lanes": 32})");
  EXPECT_EQ(a.block_in, 32);
  EXPECT_EQ(b.batch, 4);
  EXPECT_EQ(b.alu_cycles(), 2);
  EXPECT_EQ(a.inp_depth * a.inp_bytes(), b.inp_depth * b.inp_bytes());
  EXPECT_EQ(a.wgt_depth * a.wgt_bytes(), b.wgt_depth * b.wgt_bytes());
  EXPECT_EQ(a.acc_depth * a.acc_bytes(), b.acc_depth * b.acc_bytes());
  EXPECT_EQ(field_widths(b).acc, 9);
}

TEST(Config, MachinesWithANameHaveTheSameBytesOnChip) {
  const MachineConfig vta;
  EXPECT_EQ(builtin_config("vta"), vta);
  EXPECT_EQ(builtin_config("VTA"), std::nullopt);
  for (const std::string_view name : builtin_config_names()) {
    const MachineConfig c = builtin_config(name).value();
    EXPECT_EQ(c.name, name);
    EXPECT_FALSE(validate(c)) << name;
    EXPECT_EQ(c.inp_depth * c.inp_bytes(), vta.inp_depth * vta.inp_bytes());
    EXPECT_EQ(c.wgt_depth * c.wgt_bytes(), vta.wgt_depth * vta.wgt_bytes());
    EXPECT_EQ(c.acc_depth * c.acc_bytes(), vta.acc_depth * vta.acc_bytes());
    EXPECT_EQ(c.alu_cycles(), 1);
  }
  EXPECT_EQ(builtin_config("vta-4x16x16")->batch, 4);
}

TEST(Config, ShortTextNamesWhatDiffersFromTheDefault) {
  EXPECT_EQ(to_short_json({}), "{}");
  MachineConfig c;
  c.block_out = 32, c.alu_lanes = 32;  // a tile, which parse_config fills in
  EXPECT_EQ(to_short_json(c), R"({"block_out":32})");
  c.name = "mine", c.alu_lanes = 16, c.dram_latency = 9;
  EXPECT_EQ(to_short_json(c), R"({"name":"mine","block_out":32,"alu_lanes":16,"dram_latency":9})");
  Rng rng(7);
  for (int i = 0; i < 200; ++i) {
    const MachineConfig random = random_config(rng);
    EXPECT_EQ(parsed(to_short_json(random)), random) << to_json(random);
  }
}

TEST(Config, OwnKeysOverrideAndRoundTrip) {
  const MachineConfig c = parsed(R"({"LOG_BLOCK": 5, "alu_interval": 2, "name": "mine", "inp_depth": 1000})");
  EXPECT_EQ(c.alu_interval, 2);
  EXPECT_EQ(c.inp_depth, 1000);
  EXPECT_EQ(field_widths(c).inp, 10);
  EXPECT_EQ(parsed(to_json(c)), c);
  Rng rng(3);
  for (int i = 0; i < 200; ++i) {
    const MachineConfig r = random_config(rng);
    EXPECT_EQ(parsed(to_json(r)), r);
  }
}

TEST(Config, SameEncodingIgnoresTime) {
  MachineConfig c;
  c.dram_latency = 7;
  c.name = "slow";
  EXPECT_TRUE(same_encoding(c, {}));
  c.acc_depth = 1024;
  EXPECT_FALSE(same_encoding(c, {}));
}

TEST(Config, BadTextIsRefused) {
  for (const char* text :
       {"", "{", "[]", "3", "{\"batch\": 1,}", "{\"a\": {\"b\": 1}", "nonsense", "\xff\xfe"})
    EXPECT_EQ(code_of(text), "isa.config.json") << text;
  EXPECT_EQ(code_of(std::string(100'000, '[')), "isa.config.json");
  EXPECT_EQ(code_of("{\"x\":\"" + std::string(2 << 20, 'x') + "\"}"), "isa.config.json");
  EXPECT_EQ(code_of(R"({"LOG_BLOK": 4})"), "isa.config.key");
  EXPECT_NE(parse_config(R"({"LOG_BLOK": 4})").error().how_to_fix().find("LOG_BLOCK"), std::string::npos);
  EXPECT_EQ(code_of(R"({"batch": 1, "batch": 2})"), "isa.config.key");
  EXPECT_EQ(code_of(R"({"batch": 1.5})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"batch": "1"})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"batch": [1]})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"batch": 18446744073709551615})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"LOG_BLOCK": 64})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"LOG_BLOCK": -1})"), "isa.config.value");
  EXPECT_EQ(code_of(R"({"LOG_WGT_BUFF_SIZE": 8})"), "isa.config.value");  // one tile
  EXPECT_EQ(code_of(R"({"TARGET": 3})"), "isa.config.value");
}

TEST(Config, VtasDefaultFileLoadsAndAZeroByteDoesNot) {
  EXPECT_TRUE(parse_config(R"({"LOG_BLOCK": 4, "HW_VER": "0.0.1", "ACC_DEP_DISTANCE": 3})").ok());
  EXPECT_EQ(parse_config(std::string_view("{\"batch\": 2}\0 more", 18)).error().code(), "isa.config.json");
}

TEST(Config, BadSizesAreRefused) {
  EXPECT_EQ(code_of(R"({"batch": 0})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"batch": 9223372036854775807})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"block_out": -9223372036854775808})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"uop_depth": 1})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"name": "a b"})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"LOG_INP_WIDTH": 2})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"acc_bits": 64})"), "isa.config.range");
  EXPECT_EQ(code_of(R"({"acc_bits": 24})"), "isa.config.width");
  EXPECT_EQ(code_of(R"({"acc_bits": 16, "out_bits": 32})"), "isa.config.width");
  EXPECT_EQ(
      code_of(R"({"batch": 64, "block_out": 256, "block_in": 256, "wgt_depth": 2048, "acc_depth": 64})"),
      "isa.config.size");
  EXPECT_EQ(code_of(R"({"LOG_ACC_BUFF_SIZE": 18})"), "isa.config.fit");
  EXPECT_EQ(code_of(R"({"LOG_BLOCK": 30})"), "isa.config.range");
}

TEST(Config, WithoutANameItIsMadeFromWhatDiffers) {
  EXPECT_EQ(parsed("{}").name, "vta");
  EXPECT_EQ(parsed(to_json(*builtin_config("vta-4x16x16"))), *builtin_config("vta-4x16x16"));
  MachineConfig wide = *builtin_config("vta-1x32x32");
  wide.name = "vta";  // as a struct that nobody named has it
  EXPECT_EQ(derived_name(wide), "vta-1x32x32");
  std::set<std::string> names;
  const char* const texts[] = {"{}",
                               R"({"acc_depth": 1024})",
                               R"({"dram_latency": 60})",
                               R"({"batch": 2})",
                               R"({"batch": 2, "inp_depth": 64})",
                               R"({"LOG_BLOCK": 5})"};
  for (const char* text : texts) {
    const MachineConfig c = parsed(text);
    EXPECT_EQ(parsed(to_short_json(c)), c);
    EXPECT_EQ(to_short_json(c).find("name"), std::string::npos);
    names.insert(c.name);
  }
  EXPECT_EQ(names.size(), std::size(texts));
  EXPECT_TRUE(parsed(R"({"batch": 2})").name.starts_with("vta-2x16x16-"));
  EXPECT_EQ(parsed(R"({"name": "mine", "batch": 2})").name, "mine");
  // two of one name are told apart
  MachineConfig a, b;
  b.batch = 2;
  EXPECT_NE(name_beside(a, b), name_beside(b, a));
  b.name = "other";
  EXPECT_EQ(name_beside(a, b), "vta");
}

TEST(Config, ContradictionsAreRefused) {
  const auto message = [](std::string_view json) {
    const auto config = parse_config(json);
    return config.ok() ? "" : config.error().message();
  };
  EXPECT_EQ(message(R"({"batch": 4, "LOG_BATCH": 1})"),
            "batch and LOG_BATCH say different things: 4 and 1, which is 2");
  EXPECT_EQ(message(R"({"inp_depth": 100, "LOG_INP_BUFF_SIZE": 15})"),
            "inp_depth and LOG_INP_BUFF_SIZE say different things: 100 and 15, which is 2048");
  EXPECT_EQ(message(R"({"LOG_BLOCK": 4, "LOG_BLOCK_OUT": 5})"),
            "LOG_BLOCK and LOG_BLOCK_OUT say different things: 4 and 5");
  EXPECT_EQ(message(R"({"name": "a", "TARGET": "b"})"), "TARGET and name say different things: b and a");
  EXPECT_EQ(message(R"({"batch": 2, "LOG_BATCH": 1, "LOG_BLOCK": 4, "LOG_BLOCK_IN": 4, "inp_depth": 9})"),
            "");
}

TEST(Config, RangesAreOfTheKeyThatWasWritten) {
  const Error e = parse_config(R"({"LOG_BLOCK": 10})").error();
  EXPECT_EQ(e.message(), "LOG_BLOCK is 10, the log2 of block_in: block_in is 1024; it is 1 to 256");
  EXPECT_EQ(e.fact_of("field"), "LOG_BLOCK");
  EXPECT_EQ(e.how_to_fix(), "give LOG_BLOCK another value");
  EXPECT_EQ(parse_config(R"({"LOG_INP_WIDTH": 2})").error().fact_of("field"), "LOG_INP_WIDTH");
  EXPECT_EQ(parse_config(R"({"block_in": 1024})").error().fact_of("field"), "block_in");
}

}  // namespace
}  // namespace tc::isa
