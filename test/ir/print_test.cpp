#include "tc/ir/print.h"

#include <gtest/gtest.h>

#include <sstream>

#include "ir/golden_cases.h"
#include "tc/ir/equal.h"
#include "tc/ir/parse.h"

namespace tc::ir {
namespace {

TEST(Print, ReadsBackAsItself) {
  check_cases("print.txt", [](const std::string& input) -> std::string {
    const auto f = parse_func(input);
    if (!f.ok()) return f.error().str();
    const std::string text = to_string(f.value());
    const auto again = parse_func(text);
    if (!again.ok()) return again.error().str() + "\n" + text;
    EXPECT_TRUE(equal(f.value(), again.value())) << text;
    EXPECT_EQ(to_string(again.value()), text);
    return text;
  });
}

TEST(Print, NamesAreMadeUniqueWhereBothLive) {
  const VarRef a = var("x"), b = var("x"), reserved = var("for"), odd = var("a b.0.c"), none = var("");
  EXPECT_EQ(to_string(Expr(a) + Expr(b) * Expr(a)), "x + x_1 * x");
  EXPECT_EQ(to_string(Expr(reserved) + Expr(odd) + Expr(none)), "for_1 + a_b_0.c + v");
  const BufferRef t = buffer("x", kI64, {int_imm(4)});
  EXPECT_EQ(to_string(for_(a, int_imm(0), Expr(b), LoopMode::serial, store(t, {a}, b))),
            "for x_2 in [0, +x) {\n  x_1[x_2] = x\n}");
}

// A variable may be bound in two places; a name is free again after its scope.
TEST(Print, OneVariableInTwoLoops) {
  const VarRef x = var("x"), y = var("x");
  const BufferRef t = buffer("T", kI64, {int_imm(4)});
  const auto loop = [&](const VarRef& v) {
    return for_(v, int_imm(0), int_imm(4), LoopMode::serial, store(t, {v}, v));
  };
  const FuncRef f = func("f", {t}, seq({loop(x), loop(x), loop(y)}));
  EXPECT_EQ(to_string(f),
            "func f(T: i64[4]) {\n  for x in [0, +4) {\n    T[x] = x\n  }\n  for x in [0, +4) {\n    T[x] = "
            "x\n  }\n  for x in [0, +4) {\n    T[x] = x\n  }\n}");
  EXPECT_TRUE(equal(f, parse_func(to_string(f)).value()));
}

TEST(Print, StreamsAndNull) {
  std::ostringstream out;
  out << (Expr(var("x")) + 1) << " " << Stmt() << " "
      << buffer("A", kF32, {int_imm(2)}, Scope::register_)->name;
  EXPECT_EQ(out.str(), "x + 1 <null> A");
  EXPECT_EQ(to_string(buffer("A", kF32, {int_imm(2)}, Scope::register_)), "A: f32[2] register");
}

}  // namespace
}  // namespace tc::ir
