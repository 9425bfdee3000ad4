#include "tc/ir/interpret.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ir/golden_cases.h"
#include "ir/run_ir.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

TEST(Interpret, ErrorsSayWhereAndWhat) {
  check_cases("interpret_errors.txt", [](const std::string& input) {
    auto f = parse_func(input);
    if (!f.ok()) return f.error().str();
    // an extent that a parameter names is 3, then 4
    std::vector<BufferRef> fixed;
    int64_t n = 3;
    for (const BufferRef& b : f.value()->params) {
      std::vector<Expr> shape;
      for (const Expr& e : b->shape) shape.push_back(as_int(e) ? e : int_imm(n++));
      fixed.push_back(buffer(b->name, b->type, shape));
    }
    const testing::Arguments args = testing::random_arguments(func("shapes", fixed, nullptr), 1);
    const Check failed = interpret(f.value(), args.views, {.max_steps = 1000000, .max_bytes = 1000000});
    return failed ? failed->str() : "no error";
  });
}

// The value of an expression of a type, by running it.
double value_of(const std::string& text, DType type, const std::string& let = "") {
  const auto f = parse_func("func f(A: " + to_string(type) + "[1]) { " + let + " A[0] = " + text + " }");
  EXPECT_TRUE(f.ok()) << f.error().str();
  if (!f.ok()) return 0;
  testing::Arguments args = testing::random_arguments(f.value(), 0);
  const Check failed = interpret(f.value(), args.views);
  EXPECT_FALSE(failed.has_value()) << failed->str();
  const void* at = args.data[0].data();
  const auto get = [&](auto x) {
    std::memcpy(&x, at, sizeof x);
    return static_cast<double>(x);
  };
  if (type == kF64) return get(double{});
  if (type == kF32) return get(float{});
  if (type == kF16) {
    uint16_t u;
    std::memcpy(&u, at, 2);
    return from_f16_bits(u);
  }
  if (type == kBF16) {
    uint16_t u;
    std::memcpy(&u, at, 2);
    return from_bf16_bits(u);
  }
  if (type == kI64) return get(int64_t{});
  if (type == kU64) return get(uint64_t{});
  if (type.bits == 32) return type.is_signed() ? get(int32_t{}) : get(uint32_t{});
  if (type.bits == 16) return type.is_signed() ? get(int16_t{}) : get(uint16_t{});
  return type.is_signed() ? get(int8_t{}) : get(uint8_t{});
}

TEST(Interpret, DivisionFloors) {
  EXPECT_EQ(value_of("-7 / 2", kI64), -4);
  EXPECT_EQ(value_of("-7 % 2", kI64), 1);
  EXPECT_EQ(value_of("7 / -2", kI64), -4);
  EXPECT_EQ(value_of("7 % -2", kI64), -1);
  EXPECT_EQ(value_of("i8(-128) / i8(-1)", kI8), -128);
  EXPECT_EQ(value_of("-9223372036854775808 / -1", kI64), -0x1p63);
  EXPECT_EQ(value_of("-9223372036854775808 % -1", kI64), 0);
  EXPECT_EQ(value_of("u64(18446744073709551615) / u64(2)", kU64), 0x1p63);
  EXPECT_EQ(value_of("-7.5 % 2.0", kF32), 0.5);
}

TEST(Interpret, IntegersWrap) {
  EXPECT_EQ(value_of("i8(127) + i8(1)", kI8), -128);
  EXPECT_EQ(value_of("u8(3) - u8(4)", kU8), 255);
  EXPECT_EQ(value_of("i32(65536) * i32(65536)", kI32), 0);
  EXPECT_EQ(value_of("i16(1) << i16(15)", kI16), -32768);
  EXPECT_EQ(value_of("i16(-32768) >> i16(15)", kI16), -1);
  EXPECT_EQ(value_of("u16(0x8000) >> u16(15)", kU16), 1);
  EXPECT_EQ(value_of("u64(0x8000000000000000) >> u64(63)", kU64), 1);
  EXPECT_EQ(value_of("neg(i8(-128))", kI8), -128);
  EXPECT_EQ(value_of("abs(i8(-128))", kI8), -128);
  EXPECT_EQ(value_of("-u8(1)", kU8), 255);
  EXPECT_EQ(value_of("~u8(1)", kU8), 254);
  EXPECT_EQ(value_of("fma(i8(100), i8(2), i8(57))", kI8), 1);
  EXPECT_EQ(value_of("vreduce(+, ramp(i8(100), i8(100), 3))", kI8), static_cast<int8_t>(600));
  EXPECT_EQ(value_of("min(u64(18446744073709551615), u64(1))", kU64), 1);
}

TEST(Interpret, FloatsRoundInTheirType) {
  EXPECT_EQ(value_of("16777216.0 + 1.0", kF32), 16777216.0);
  EXPECT_EQ(value_of("f64(16777216.0) + f64(1.0)", kF64), 16777217.0);
  EXPECT_EQ(value_of("f16(2048.0) + f16(1.0)", kF16), 2048.0);
  EXPECT_EQ(value_of("f16(60000.0) + f16(60000.0)", kF16), HUGE_VAL);
  EXPECT_EQ(value_of("bf16(256.0) + bf16(1.0)", kBF16), 256.0);
  EXPECT_EQ(value_of("fma(16777217.0 - 1.0, 1.0, 1.0)", kF32), 16777216.0);
  // one rounding: x * x + (-rounded x * x) is the error of the product
  const double x = static_cast<float>(0.1), error = x * x - static_cast<double>(static_cast<float>(x * x));
  EXPECT_EQ(value_of("fma(0.1, 0.1, -(0.1 * 0.1))", kF32), error);
  EXPECT_EQ(value_of("round(2.5) + round(-3.5) * 10.0", kF32), -38.0);
  EXPECT_EQ(value_of("floor(-0.5) + ceil(0.5) + trunc(-1.5)", kF32), -1.0);
  EXPECT_EQ(value_of("exp(1.0)", kF32), static_cast<float>(std::exp(1.0)));
}

TEST(Interpret, MinAndMaxTakeTheFirstOfNaN) {
  EXPECT_EQ(value_of("min(1.0, nan)", kF32), 1.0);
  EXPECT_TRUE(std::isnan(value_of("min(nan, 1.0)", kF32)));
  EXPECT_EQ(value_of("max(1.0, nan)", kF32), 1.0);
  EXPECT_TRUE(std::isnan(value_of("max(nan, 1.0)", kF32)));
  EXPECT_EQ(value_of("select(nan != nan, 1, 0) + select(nan == nan || nan < 1.0, 10, 0)", kI64), 1);
  EXPECT_FALSE(std::signbit(value_of("min(0.0, -0.0)", kF32)));
  EXPECT_TRUE(std::signbit(value_of("max(-0.0, 0.0)", kF32)));
}

TEST(Interpret, CastsSaturateFromFloatsAndWrapFromIntegers) {
  EXPECT_EQ(value_of("cast(i8, 300.0)", kI8), 127);
  EXPECT_EQ(value_of("cast(i8, -300.7)", kI8), -128);
  EXPECT_EQ(value_of("cast(i8, -3.7)", kI8), -3);
  EXPECT_EQ(value_of("cast(u8, -3.7)", kU8), 0);
  EXPECT_EQ(value_of("cast(i32, nan)", kI32), 0);
  EXPECT_EQ(value_of("cast(i64, inf)", kI64), 0x1p63);
  EXPECT_EQ(value_of("cast(u64, f64(1.8446744073709552e19))", kU64), 0x1p64);
  EXPECT_EQ(value_of("cast(i8, 300)", kI8), 44);
  EXPECT_EQ(value_of("cast(u8, -1)", kU8), 255);
  EXPECT_EQ(value_of("cast(bool, 0.5)", kBool), 1);
  EXPECT_EQ(value_of("cast(bool, i8(0))", kBool), 0);
  EXPECT_EQ(value_of("cast(f32, 9007199791611905)", kF32), 9007200328482816.0);  // once, not through f64
  EXPECT_EQ(value_of("cast(bf16, p)", kBF16, "let p: i64 = 4629700416936869889"), 4647714815446351872.0);
}

TEST(Interpret, BitsKeepTheBits) {
  EXPECT_EQ(value_of("bits(i32, 1.0)", kI32), 0x3f800000);
  EXPECT_EQ(value_of("bits(f32, i32(0x40000000))", kF32), 2.0);
  EXPECT_EQ(value_of("bits(u16, f16(1.0))", kU16), 0x3c00);
  EXPECT_EQ(value_of("bits(bf16, i16(-32768))", kBF16), 0.0);
  EXPECT_EQ(value_of("bits(u8, i8(-1))", kU8), 255);
}

TEST(Interpret, OnlyIfProtects) {
  EXPECT_EQ(value_of("if_then_else(p == 0, 7, 1 / p)", kI64, "let p: i64 = 0"), 7);
  const auto f = parse_func("func f(A: i64[1]) { let p: i64 = 0 A[0] = select(p == 0, 7, 1 / p) }").value();
  testing::Arguments args = testing::random_arguments(f, 0);
  EXPECT_EQ(interpret(f, args.views)->code(), "ir.interpret.div_by_zero");
}

// Lanes combine upper half with lower half; of an odd number the middle one is alone.
TEST(Interpret, VectorReduceFoldsHalves) {
  EXPECT_EQ(value_of("vreduce(+, cast(f32, ramp(1, 1, 5)) * 0.1)", kF32),
            static_cast<double>(((0.1f * 1 + 0.1f * 4) + 0.1f * 3) + (0.1f * 2 + 0.1f * 5)));
  EXPECT_EQ(value_of("vreduce(max, ramp(3, -1, 7))", kI64), 3);
  EXPECT_EQ(value_of("cast(i64, vreduce(&&, ramp(0, 1, 4) < 3))", kI64), 0);
}

// Of equal addresses the last lane stays.
TEST(Interpret, StoresLanesInOrder) { EXPECT_EQ(value_of("5 A[broadcast(0, 4)] = ramp(1, 1, 4)", kI64), 4); }

TEST(Interpret, LoopsOfNoExtentDoNotRun) {
  EXPECT_EQ(value_of("1 for x in [0, +0) { A[0] = 2 } for x in [0, +(-3)) parallel { A[0] = 3 }", kI64), 1);
}

TEST(Interpret, ReductionsFoldInOrder) {
  EXPECT_EQ(value_of("0 compute A[x] = sum(k * 10 + j, k in [1, +2), j in [0, +3))", kI64), 96);
  EXPECT_EQ(value_of("0 compute A[x] = reduce digits(v: i64; w: i64) -> (v * 10 + w) from (7) of (k * 2 + j, "
                     "k in [0, +2), j in [0, +2))",
                     kI64),
            70123);
  EXPECT_EQ(value_of("0 compute A[x] = max(k, k in [0, +0))", kI64), -0x1p63);
  EXPECT_EQ(value_of("0 compute A[x] = reduce swap(a: i64, b: i64; c: i64, d: i64) -> (b + c, a + d) from "
                     "(1, 2) of (k, 0, k in [0, +3)).1",
                     kI64),
            2);
}

TEST(Interpret, OrderOfParallelLoops) {
  const auto f = parse_func(
                     "func f(A: i64[1], B: i64[5]) { A[0] = 0 for x in [0, +5) parallel { B[x] = A[0] A[0] = "
                     "A[0] + 1 } }")
                     .value();
  for (const auto& [order, expected] : {std::pair{LoopOrder::forward, 0}, std::pair{LoopOrder::reverse, 4}}) {
    testing::Arguments args = testing::random_arguments(f, 0);
    ASSERT_FALSE(interpret(f, args.views, {.detect_races = false, .order = order}).has_value());
    int64_t first;
    std::memcpy(&first, args.data[1].data(), 8);
    EXPECT_EQ(first, expected);
  }
  for (uint64_t seed = 0; seed < 20; ++seed) {  // every iteration runs, once
    testing::Arguments args = testing::random_arguments(f, 0);
    ASSERT_FALSE(interpret(f, args.views, {.detect_races = false, .order = LoopOrder::shuffled, .seed = seed})
                     .has_value());
    std::vector<int64_t> at(5);
    std::memcpy(at.data(), args.data[1].data(), 40);
    std::sort(at.begin(), at.end());
    EXPECT_EQ(at, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  }
}

void expect_clean(const std::string& body) {
  const auto f = parse_func("func f(A: f32[4], B: f32[4, 4]) { " + body + " }");
  ASSERT_TRUE(f.ok()) << f.error().str();
  testing::Arguments args = testing::random_arguments(f.value(), 0);
  const Check failed = interpret(f.value(), args.views);
  EXPECT_FALSE(failed.has_value()) << failed->str() << "\n" << body;
}

TEST(Interpret, WhatIsNoRace) {
  expect_clean("for x in [0, +4) parallel { A[x] = 1.0 A[x] = A[x] + 1.0 }");
  expect_clean(
      "for x in [0, +4) parallel { prefetch A[x + 1] A[x] = 1.0 prefetch A[3 - x] prefetch A[x - 9] }");
  expect_clean("for t in [0, +3) { for x in [0, +4) parallel { A[(x + t) % 4] = 1.0 } }");
  expect_clean(
      "for x in [0, +4) parallel { A[x] = 1.0 } for x in [0, +3) parallel { B[x, 0] = A[x] + A[x + 1] }");
  expect_clean(
      "for y in [0, +4) parallel { for x in [0, +4) parallel { B[y, x] = 1.0 } for x in [1, +3) { B[y, x] = "
      "B[y, x - 1] } }");
  expect_clean(
      "for y in [0, +4) parallel { alloc T: f32[1] T[0] = 1.0 for x in [0, +4) { T[0] = T[0] + 1.0 } A[y] = "
      "T[0] }");
  expect_clean(
      "for y in [0, +4) vthread { alloc T: f32[1] T[0] = 1.0 for x in [0, +4) { T[0] = T[0] + 1.0 } A[y] = "
      "T[0] }");
  expect_clean(
      "for y in [0, +4) { A[y] = 0.0 } for y in [0, +2) parallel { for t in [0, +2) { for x in [0, +2) "
      "parallel { A[y * 2 + x] = A[y * 2 + x] + 1.0 } } }");
}

// Each write of one element: what, by which statement, in which iterations.
TEST(Interpret, WhoWroteIt) {
  const auto f = parse_func(
                     "func f(A: f32[4], C: f32[4]) {\n"
                     "  for y in [0, +4) {\n"
                     "    C[y] = 0.0\n"
                     "    for k in [0, +4) { if A[k] != 7.0 { C[y] = C[y] + A[k] } }\n"
                     "  }\n"
                     "  C[ramp(0, 1, 4)] = C[ramp(0, 1, 4)] * broadcast(2.0, 4)\n"
                     "}")
                     .value();
  std::vector<float> a = {1, 7, 3, 0.5}, c(4);
  const std::vector<TensorView> args = {{kF32, {4}, a.data()}, {kF32, {4}, c.data()}};
  Watch watch;
  watch.buffer = "C", watch.index = {2};
  ASSERT_FALSE(interpret(f, args, {.watch = &watch}).has_value());
  std::string text;
  for (const Write& w : watch.writes) {
    text += to_string(w.value) + " by " + w.statement;
    for (const auto& [name, value] : w.loops) text += " " + name + "=" + std::to_string(value);
    text += w.lane >= 0 ? " lane " + std::to_string(w.lane) + "\n" : "\n";
  }
  EXPECT_EQ(text,
            "0.0 by C[y] = 0.0 y=2\n"
            "1.0 by C[y] = C[y] + A[k] y=2 k=0\n"
            "4.0 by C[y] = C[y] + A[k] y=2 k=2\n"
            "4.5 by C[y] = C[y] + A[k] y=2 k=3\n"
            "9.0 by C[ramp(0, 1, 4)] = C[ramp(0, 1, 4)] * broadcast(2.0, 4) lane 2\n");
  EXPECT_EQ(watch.count, 5);
  watch.max_writes = 2;
  ASSERT_FALSE(interpret(f, args, {.watch = &watch}).has_value());
  EXPECT_EQ(watch.writes.size(), 2U);
  EXPECT_EQ(watch.count, 5);
  watch.index = {0, 0};
  EXPECT_EQ(interpret(f, args, {.watch = &watch})->code(), "ir.interpret.watch");
  watch.index = {4};
  EXPECT_EQ(interpret(f, args, {.watch = &watch})->str(),
            "error[ir.interpret.watch]: C has no element [4]\n"
            "  extents  [4]\n"
            "  fix      give an index as the buffer is stored");
  watch.buffer = "T";
  EXPECT_EQ(interpret(f, args, {.watch = &watch})->str(),
            "error[ir.interpret.watch]: there is no buffer T to watch\n"
            "  buffers  A, C\n"
            "  fix      name one of them");
}

// A buffer that lives anew in each iteration, of another size each time.
TEST(Interpret, WhoWroteItInEachLife) {
  const auto f =
      parse_func(
          "func f(C: i64[4]) {\n"
          "  for y in [0, +4) { alloc T: i64[y] for k in [0, +y) { T[k] = y * 10 + k } C[y] = y }\n"
          "}")
          .value();
  std::vector<int64_t> c(4);
  const std::vector<TensorView> args = {{kI64, {4}, c.data()}};
  Watch watch;
  watch.buffer = "T", watch.index = {1};
  ASSERT_FALSE(interpret(f, args, {.watch = &watch}).has_value());
  ASSERT_EQ(watch.writes.size(), 2U);
  EXPECT_EQ(watch.writes[0].value.i, 21);
  EXPECT_EQ(watch.writes[1].value.i, 31);
}

TEST(Interpret, OutputsMayHoldValues) {
  const auto f = parse_func("func f(A: f32[1]) { A[0] = A[0] + 1.0 }").value();
  float x = 3;
  const std::vector<TensorView> args = {{kF32, {1}, &x}};
  EXPECT_EQ(interpret(f, args)->code(), "ir.interpret.uninitialized");
  EXPECT_FALSE(interpret(f, args, {.initialized_outputs = true}).has_value());
  EXPECT_EQ(x, 4);
  EXPECT_FALSE(interpret(f, args, {.detect_uninitialized = false}).has_value());
  EXPECT_EQ(x, 5);
}

TEST(Interpret, ExtentsThatParametersName) {
  const auto f = parse_func(
                     "func f(A: f32[n], B: f32[n, m], C: f32[m + 1]) { for x in [0, +n) { A[x] = cast(f32, n "
                     "* 10 + m) } }")
                     .value();
  std::vector<float> a(3), b(6), c(3);
  std::vector<TensorView> args = {{kF32, {3}, a.data()}, {kF32, {3, 2}, b.data()}, {kF32, {3}, c.data()}};
  ASSERT_FALSE(interpret(f, args).has_value());
  EXPECT_EQ(a, (std::vector<float>{32, 32, 32}));
  args[1].shape = {2, 3};
  EXPECT_EQ(interpret(f, args)->code(), "ir.interpret.args");
}

TEST(Interpret, RefusesArgumentsThatDoNotFit) {
  const auto f = parse_func("func f(A: f32[2]) { A[0] = 1.0 }").value();
  float x[2];
  const auto code = [&](std::vector<TensorView> args) { return interpret(f, args)->code(); };
  EXPECT_EQ(code({}), "ir.interpret.args");
  EXPECT_EQ(code({{kF64, {2}, x}}), "ir.interpret.args");
  EXPECT_EQ(code({{kF32, {3}, x}}), "ir.interpret.args");
  EXPECT_EQ(code({{kF32, {2, 1}, x}}), "ir.interpret.args");
  EXPECT_EQ(code({{kF32, {2}, nullptr}}), "ir.interpret.args");
  EXPECT_EQ(interpret(func("g", {}, store(buffer("A", kF32, {}), {}, float_imm(1))), {})->code(),
            "ir.interpret.unbound");
  EXPECT_EQ(
      interpret(func("g", {}, for_(var("x"), int_imm(0), var("n"), LoopMode::serial, nullptr)), {})->code(),
      "ir.interpret.unbound");
}

TEST(EvaluateAt, NeedsOnlyWhatTheElementNeeds) {
  // the whole would take 10^12 operations
  const auto f = parse_func(R"(func f(A: f32[8], C: f32[1000000, 1000000]) {
    alloc P: f32[1000000, 8]
    compute P[i, k] = A[k] + cast(f32, i)
    compute C[y, x] = sum(P[y, k] * P[x, k], k in [0, +8))
  })")
                     .value();
  std::vector<float> a = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<TensorView> args = {{kF32, {8}, a.data()}, {kF32, {1000000, 1000000}, nullptr}};
  const std::vector<std::vector<int64_t>> indices = {{0, 0}, {1, 2}, {999999, 0}};
  const auto values = evaluate_at(f, f->params[1], indices, args, {.max_steps = 5000});
  ASSERT_TRUE(values.ok()) << values.error().str();
  EXPECT_EQ(values.value()[0].as_double(), 204);
  EXPECT_EQ(values.value()[1].as_double(), 204 + 3 * 36 + 16);
  EXPECT_EQ(evaluate_at(f, f->params[1], {1, 1}, args, {.max_steps = 50}).error().code(),
            "ir.interpret.steps");
  EXPECT_EQ(evaluate_at(f, f->params[1], {1, 1000000}, args).error().code(), "ir.interpret.bounds");
  EXPECT_EQ(evaluate_at(f, f->params[0], {1}, args).error().code(), "ir.interpret.args");
}

}  // namespace
}  // namespace tc::ir
