// The file of a program: what was saved is loaded, and every kind of damage is told.
#include <gtest/gtest.h>

#include "tc/isa/assembler.h"
#include "tc/isa/random.h"
#include "tc/support/crc32.h"

namespace tc::isa {
namespace {

Program small() {
  return assemble(
             ".region A input 0 16\n.region B output 8 8 i16 2x2\n.segment 0x20 i32\n1 2 3\n.code\nload.inp "
             "y_size=1 x_size=1 "
             "x_stride=1\nfinish\n")
      .value();
}

std::string code_of(std::string_view file) {
  const auto p = load(file);
  return p.ok() ? "" : p.error().code();
}

void set(std::string& file, size_t at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) file[at + i] = static_cast<char>(value >> (8 * i));
}

// Makes the checksums right again, so that what is behind them is tested.
void seal(std::string& file) {
  set(file, 24, crc32(std::string_view(file).substr(32)), 4);
  set(file, 28, crc32(std::string_view(file).substr(0, 28)), 4);
}

TEST(ProgramFile, SavesAndLoads) {
  const Program p = small();
  EXPECT_EQ(load(save(p).value()).value(), p);
  Program bad = p;
  bad.insns.pop_back();
  EXPECT_EQ(save(bad).error().code(), "isa.program.finish");
  bad = p;
  bad.segments[0].address = ~uint64_t{0};
  EXPECT_EQ(save(bad).error().code(), "isa.program.dram");
  bad = p;
  bad.dram_bytes = ~uint64_t{0};  // found by sim_fuzz: no number of the text form
  EXPECT_EQ(save(bad).error().code(), "isa.program.dram");
  bad = p;
  bad.regions[0].bytes = ~uint64_t{0};
  EXPECT_EQ(save(bad).error().code(), "isa.program.region");
  bad = p;
  std::get<Load>(bad.insns[0].body).x_size = 1 << 20;
  EXPECT_EQ(save(bad).error().code(), "isa.encode.range");
  EXPECT_EQ(save(bad).error().fact_of("at"), "instruction 0");
}

TEST(ProgramFile, EveryCutAndEveryFlippedBitIsNoticed) {
  const std::string file = save(small()).value();
  for (size_t n = 0; n < file.size(); ++n) EXPECT_NE(code_of(file.substr(0, n)), "") << n;
  for (size_t i = 0; i < file.size() * 8; ++i) {
    std::string bad = file;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    EXPECT_NE(code_of(bad), "") << "bit " << i;
  }
  EXPECT_EQ(code_of(file + "x"), "isa.file.size");
  EXPECT_EQ(code_of("#!/bin/sh\n"), "isa.file.magic");
}

TEST(ProgramFile, VersionsAndSections) {
  const std::string file = save(small()).value();
  std::string bad = file;
  set(bad, 8, 2, 2);
  seal(bad);
  EXPECT_EQ(code_of(bad), "isa.file.version");
  bad = file;
  set(bad, 10, 9, 2);  // a newer minor version
  seal(bad);
  EXPECT_EQ(load(bad).value(), small());
  bad = file;
  bad.replace(32 + 3 * 24, 4, "NEWS");  // optional: the flag of REGN is 0
  seal(bad);
  EXPECT_TRUE(load(bad).value().regions.empty());
  std::string untyped = file;
  untyped.replace(32 + 4 * 24, 4, "NEWS");  // as a reader of version 1.0 does
  seal(untyped);
  EXPECT_EQ(load(untyped).value().regions[1].dtype, "");
  set(bad, 32 + 3 * 24 + 4, 1, 4);
  seal(bad);
  EXPECT_EQ(code_of(bad), "isa.file.section");
  bad = file;
  bad.replace(32 + 24, 4, "CONF");
  seal(bad);
  EXPECT_EQ(code_of(bad), "isa.file.section");
  bad = file;
  set(bad, 12, 0xffffffff, 4);
  seal(bad);
  EXPECT_EQ(code_of(bad), "isa.file.section");
  bad = file;
  set(bad, 32 + 24 + 8, ~uint64_t{0} - 3, 8);
  seal(bad);
  EXPECT_EQ(code_of(bad), "isa.file.section");
  bad = file;
  set(bad, 32 + 24 + 16, ~uint64_t{0}, 8);
  seal(bad);
  EXPECT_EQ(code_of(bad), "isa.file.section");
}

TEST(ProgramFile, CountsAreCheckedAgainstWhatIsThere) {
  const std::string file = save(small()).value();
  const auto at = [&](size_t section) {  // its offset, from the table
    size_t value = 0;
    for (size_t i = 0; i < 8; ++i)
      value |= static_cast<size_t>(static_cast<unsigned char>(file[32 + section * 24 + 8 + i])) << (8 * i);
    return value;
  };
  // segments; bytes and kind of the first; regions; kind of the first and bytes of its name
  for (const size_t where : {at(2) + 8, at(2) + 24, at(2) + 32, at(3), at(3) + 24, at(3) + 32})
    for (const uint64_t value : {uint64_t{90}, ~uint64_t{0}, uint64_t{1} << 60}) {
      std::string bad = file;
      set(bad, where, value, 8);
      seal(bad);
      EXPECT_EQ(code_of(bad), "isa.file.content") << where;
    }
}

// Random bytes behind right checksums: an error or a program, never more than the file holds.
TEST(ProgramFile, DamageBehindTheChecksumIsHarmless) {
  const std::string file = save(small()).value();
  Rng rng(11);
  int loaded = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = file;
    for (uint64_t n = 1 + rng.below(4); n > 0; --n) {
      const size_t at = 32 + rng.below(bad.size() - 32);
      if (rng.below(2))
        bad[at] = static_cast<char>(rng.next());
      else
        set(bad, std::min(at, bad.size() - 8), rng.below(2) ? ~uint64_t{0} >> rng.below(64) : rng.next(), 8);
    }
    seal(bad);
    const auto p = load(bad);
    if (!p) continue;
    ++loaded;
    EXPECT_EQ(load(save(p.value()).value()).value(), p.value());
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace tc::isa
