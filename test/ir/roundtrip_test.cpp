#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "ir/random_ir.h"
#include "tc/ir/equal.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

void expect_round_trip(const FuncRef& f, uint64_t seed) {
  const std::string text = to_string(f);
  const Expected<FuncRef> again = parse_func(text);
  ASSERT_TRUE(again.ok()) << "seed " << seed << "\n" << again.error().str() << "\n" << text;
  ASSERT_TRUE(equal(f, again.value())) << "seed " << seed << "\n"
                                       << text << "\nread back as\n"
                                       << to_string(again.value());
  ASSERT_EQ(hash(f), hash(again.value())) << "seed " << seed << "\n" << text;
  ASSERT_EQ(text, to_string(again.value())) << "seed " << seed;
}

TEST(RoundTrip, LoopPrograms) {
  for (uint64_t seed = 0; seed < 16000 && !::testing::Test::HasFatalFailure(); ++seed) {
    testing::RandomOptions options;
    options.flat = seed % 4 == 3;
    expect_round_trip(testing::RandomIr(seed, options).func(), seed);
  }
}

TEST(RoundTrip, TensorExpressions) {
  for (uint64_t seed = 0; seed < 8000 && !::testing::Test::HasFatalFailure(); ++seed)
    expect_round_trip(testing::RandomIr(seed).te_func(), seed);
}

void expect_exact(const Expr& e) {
  const std::string text = to_string(e);
  const auto again = parse_expr(text);
  ASSERT_TRUE(again.ok()) << again.error().str();
  EXPECT_TRUE(equal(e, again.value())) << text << " was read as " << to_string(again.value());
}

TEST(RoundTrip, FloatsAreExact) {
  testing::RandomIr random(7);
  for (int i = 0; i < 50000 && !::testing::Test::HasFatalFailure(); ++i) {
    const auto bits = static_cast<uint64_t>(random.below(INT64_MAX)) << random.below(2);
    expect_exact(float_imm(std::bit_cast<double>(bits), kF64));
    for (const DType t : {kF32, kF16, kBF16}) {
      expect_exact(float_imm(std::bit_cast<float>(static_cast<uint32_t>(bits >> 20)), t));
      expect_exact(float_imm(static_cast<double>(static_cast<int64_t>(bits)) *
                                 std::exp2(static_cast<double>(random.below(170)) - 150),
                             t));
    }
  }
  for (const DType t : {kF64, kF32, kF16, kBF16})
    for (const double v :
         {0.0, -0.0, HUGE_VAL, -HUGE_VAL, std::nan(""), -std::nan(""), 5e-324, 1.17549435e-38, 65504.0})
      expect_exact(float_imm(v, t));
}

TEST(RoundTrip, IntegersAreExact) {
  for (const DType t : {kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool})
    for (const int64_t v :
         {int64_t{0}, int64_t{1}, int64_t{-1}, min_of(t), max_of(t), INT64_MIN, int64_t{0x123456789abcdef}})
      expect_exact(int_imm(v, t));
}

// What makers would have folded stays as it is written.
TEST(RoundTrip, NothingIsFolded) {
  const BufferRef a = buffer("A", kF32, {int_imm(8)});
  const auto scope = ParseScope{}.add(var("x")).add(var("b", kBool)).add(a);
  for (const char* text : {"x + 0",
                           "0 + x",
                           "1 * x",
                           "2 + 3 * 4",
                           "x / 1",
                           "x % 1",
                           "select(true, x, 1)",
                           "select(b, x, x)",
                           "cast(i64, x)",
                           "-neg(3)",
                           "--x",
                           "if_then_else(true, x, 1)",
                           "!true",
                           "~3",
                           "b && true",
                           "min(1, 2)",
                           "1 < 2",
                           "1.0 * A[x]",
                           "ramp(x, 0, 4)",
                           "broadcast(x, 1)",
                           "ramp(x, 1, 1)",
                           "vreduce(+, x)",
                           "bits(i64, x)",
                           "1 / 0",
                           "cast(f32, 1)",
                           "A[0 + 0]",
                           "broadcast(1, 4) + broadcast(2, 4)",
                           "abs(-1)"}) {
    const auto e = parse_expr(text, scope);
    ASSERT_TRUE(e.ok()) << e.error().str();
    EXPECT_EQ(to_string(e.value()), text);
    const auto again = parse_expr(to_string(e.value()), scope);
    EXPECT_TRUE(equal(e.value(), again.value()));
  }
}

// As deep as IR may be; frames of instrumented code are several times as large.
#ifdef __SANITIZE_ADDRESS__
constexpr int kDeep = 300;
#else
constexpr int kDeep = kMaxDepth;
#endif

TEST(RoundTrip, DeepPrograms) {
  const VarRef x = var("x");
  Expr right = x, left = x, unary = x;
  const auto scope = ParseScope{}.add(x);
  for (int i = 0; i < kDeep - 1; ++i) {
    right = 1 - right;
    left = left - Expr(x);
    unary = -unary;
  }
  for (const Expr& e : {right, left, unary}) {
    const auto again = parse_expr(to_string(e), scope);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_TRUE(equal(e, again.value()));
  }
  Stmt s = store(buffer("A", kI64, {}), {}, int_imm(1));
  const auto a = ParseScope{}.add(s.as<Store>()->buffer).add(var("b", kBool));
  const VarRef b = a.vars.at("b");
  for (int i = 0; i < kDeep - 10; ++i)
    s = i % 3 == 0   ? for_(var("x"), int_imm(0), int_imm(1), LoopMode::serial, s)
        : i % 3 == 1 ? let(var("x"), int_imm(1), s)
                     : if_(b, s);
  const auto again = parse_stmt(to_string(s), a);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_TRUE(equal(s, again.value()));
}

}  // namespace
}  // namespace tc::ir
