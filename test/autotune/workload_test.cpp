#include "tc/autotune/workload.h"

#include <gtest/gtest.h>

#include "tc/autotune/hash.h"

namespace tc::autotune {
namespace {

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
}

TEST(Workload, CanonicalFormSortsKeysAndNormalisesSpaces) {
  const Workload w = Workload::parse("  matmul  n=1024 m=-7   dtype=f32 k=007").value();
  EXPECT_EQ(w.str(), "matmul n=1024 m=-7 dtype=f32 k=7");
  EXPECT_EQ(w.canonical(), "matmul dtype=f32 k=7 m=-7 n=1024");
  EXPECT_EQ(w.get_int("k"), 7);
  EXPECT_EQ(w.get_name("dtype"), "f32");
  EXPECT_EQ(w.get_int("dtype"), std::nullopt);
  EXPECT_EQ(w.hash(), Workload::parse(w.canonical()).value().hash());
}

TEST(Workload, SyntaxErrorsPointAtThePlace) {
  const auto e = Workload::parse("matmul m=12x n=3").error();
  EXPECT_EQ(e.code(), "workload.syntax");
  EXPECT_EQ(e.excerpt_text(), "matmul m=12x n=3\n         ^^^");
  EXPECT_EQ(Workload::parse("matmul m=1 m=2").error().code(), "workload.duplicate");
  for (const char* bad : {"", "  ", "m=1", "3d m=1", "matmul m", "matmul =1", "matmul m=", "matmul m=1=2",
                          "matmul m=99999999999999999999", "matmul\tm=1", "matmul m=\xff"})
    EXPECT_FALSE(Workload::parse(bad)) << bad;
  EXPECT_EQ(Workload::parse("x" + std::string(5000, 'x')).error().code(), "workload.size");
}

TEST(Workload, DistanceIsForTheSameOperatorAndNames) {
  const auto distance = [](const char* a, const char* b) {
    return workload_distance(Workload::parse(a).value(), Workload::parse(b).value());
  };
  EXPECT_EQ(distance("mm m=4 n=8 dtype=f32", "mm n=8 m=4 dtype=f32"), 0.0);
  EXPECT_EQ(distance("mm m=4 n=8", "mm m=16 n=8"), 2.0);
  EXPECT_EQ(distance("mm m=4 dtype=f32", "mm m=4 dtype=f16"), std::nullopt);
  EXPECT_EQ(distance("mm m=4", "dense m=4"), std::nullopt);
  EXPECT_EQ(distance("mm m=4", "mm k=4"), std::nullopt);
  EXPECT_EQ(distance("mm m=0", "mm m=4"), std::nullopt);
}

}  // namespace
}  // namespace tc::autotune
