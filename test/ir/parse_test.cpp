#include "tc/ir/parse.h"

#include <gtest/gtest.h>

#include "ir/golden_cases.h"
#include "ir/random_ir.h"
#include "tc/ir/equal.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

TEST(Parse, ErrorsPointAtTheMistake) {
  check_cases("parse_errors.txt", [](const std::string& input) {
    const auto f = parse_func(input, "in.tc");
    return f.ok() ? "no error:\n" + to_string(f.value()) : f.error().str();
  });
}

TEST(Parse, ExpressionsInAScope) {
  const BufferRef a = buffer("A", kF32, {int_imm(4)});
  const VarRef x = var("x");
  const auto scope = ParseScope{}.add(x).add(a);
  EXPECT_TRUE(equal(parse_expr("A[x + 1] * 2.0", scope).value(), load(a, {Expr(x) + 1}) * 2.0));
  EXPECT_TRUE(equal(parse_stmt("A[x] = 1.0", scope).value(), store(a, {x}, float_imm(1))));
  EXPECT_EQ(parse_expr("A[y]", scope).error().message(), "unknown name 'y'");
  EXPECT_EQ(parse_expr("x x", scope).error().message(), "unexpected 'x'");
  EXPECT_TRUE(equal(parse_stmt("", scope).value(), seq({})));
}

TEST(Parse, ScalarsSpreadOverVectors) {
  const auto scope = ParseScope{}.add(var("v", kF32.with_lanes(4)));
  EXPECT_EQ(to_string(parse_expr("v * 2.0 + 1.0", scope).value()),
            "v * broadcast(2.0, 4) + broadcast(1.0, 4)");
}

TEST(Parse, CommentsAndAnyLayout) {
  const auto f = parse_func("func f(A:f32[2])// one\n{A[0]=1.0 A[1]=2.0//two\n}\n// three");
  ASSERT_TRUE(f.ok()) << f.error().str();
  EXPECT_EQ(to_string(f.value()), "func f(A: f32[2]) {\n  A[0] = 1.0\n  A[1] = 2.0\n}");
}

TEST(Parse, NestingIsBounded) {
  for (const char* open : {"(", "-", "!", "A[", "min(1, ", "select(true, 1, ", "abs(", "sum("}) {
    std::string text = "func f(A: i64[4], B: i64[4]) { A[0] = ";
    for (int i = 0; i < 100000; ++i) text += open;
    const auto f = parse_func(text);
    ASSERT_FALSE(f.ok());
    EXPECT_EQ(f.error().code(), "ir.depth") << open;
  }
  for (const char* open :
       {"{", "if true {", "for x in [0, +1) {", "let x = 1 ", "alloc T: f32[1] ", "if true {} else "}) {
    std::string text = "func f(A: i64[4]) { ";
    for (int i = 0; i < 100000; ++i) text += open;
    const auto f = parse_func(text);
    ASSERT_FALSE(f.ok()) << open;
  }
  std::string sum = "func f(A: i64[4]) { A[0] = 1";
  for (int i = 0; i < 100000; ++i) sum += " + A[0]";
  EXPECT_EQ(parse_func(sum + "}").error().code(), "ir.depth");
}

// Damaged programs parse or are refused; nothing else happens.
TEST(Parse, DamagedTextNeverCrashes) {
  testing::RandomIr random(3);
  int refused = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    std::string text =
        to_string(seed % 2 ? testing::RandomIr(seed).te_func() : testing::RandomIr(seed).func());
    for (int64_t i = 0, n = random.below(4) + 1; i < n; ++i) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(text.size())));
      const auto length = static_cast<size_t>(random.below(8));
      switch (random.below(4)) {
        case 0:
          text.erase(at, length);
          break;
        case 1:
          text.insert(
              at, text.substr(static_cast<size_t>(random.below(static_cast<int64_t>(text.size()))), length));
          break;
        case 2:
          text[at] = static_cast<char>(random.below(256));
          break;
        default:
          text.insert(at, std::string(1, "()[]{},.:+-*0x"[random.below(14)]));
          break;
      }
      if (text.empty()) text = "x";
    }
    const auto f = parse_func(text);
    if (!f.ok()) {
      ++refused;
      EXPECT_FALSE(f.error().fact_of("at").empty()) << f.error().str();
      EXPECT_NE(f.error().kind(), ErrorKind::internal) << f.error().str() << text;
    } else {
      const std::string printed = to_string(f.value());
      const auto again = parse_func(printed);
      ASSERT_TRUE(again.ok()) << again.error().str() << printed;
      EXPECT_TRUE(equal(f.value(), again.value())) << printed;
    }
  }
  EXPECT_GT(refused, 3000);
}

}  // namespace
}  // namespace tc::ir
