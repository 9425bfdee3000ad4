#include "tc/ir/verify.h"

#include <gtest/gtest.h>

#include "ir/golden_cases.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

TEST(Verify, EveryRuleThatTextCanBreak) {
  check_cases("verify_errors.txt", [](const std::string& input) {
    const auto f = parse_func(input);
    if (!f.ok()) return f.error().str();
    for (const Form form : {Form::te, Form::nested, Form::flat, Form::target})
      if (input.starts_with("// form: " + std::string(to_string(form)) + "\n")) {
        const Check broken = verify(f.value(), form);
        return broken ? broken->str() : "nothing is broken";
      }
    return std::string("no form");
  });
}

std::string broken_rule(const Stmt& body, std::vector<BufferRef> params = {}, Form form = Form::nested) {
  const Check c = verify(func("f", std::move(params), body), form);
  return c ? c->code().substr(10) : "";
}

// What text cannot say: IR that some pass got wrong.
TEST(Verify, Scopes) {
  const BufferRef a = buffer("A", kI64, {int_imm(4)}), t = buffer("T", kI64, {int_imm(4)});
  const VarRef x = var("x"), y = var("y");
  const auto loop = [&](Stmt body) {
    return for_(x, int_imm(0), int_imm(4), LoopMode::serial, std::move(body));
  };
  const Stmt set = store(a, {x}, x);
  EXPECT_EQ(broken_rule(loop(set), {a}), "");
  EXPECT_EQ(broken_rule(seq({loop(set), loop(set)}), {a}), "");
  EXPECT_EQ(broken_rule(set, {a}), "bound");
  EXPECT_EQ(broken_rule(seq({loop(set), set}), {a}), "bound");
  EXPECT_EQ(broken_rule(loop(loop(set)), {a}), "bound");
  EXPECT_EQ(broken_rule(loop(let(x, Expr(x) + 1, set)), {a}), "bound");
  EXPECT_EQ(broken_rule(loop(let(y, Expr(y) + 1, set)), {a}), "bound");
  EXPECT_EQ(broken_rule(loop(set), {}), "buffer");
  EXPECT_EQ(broken_rule(loop(set), {a, a}), "buffer");
  EXPECT_EQ(broken_rule(alloc(a, loop(set)), {a}), "buffer");
  EXPECT_EQ(
      broken_rule(seq({alloc(t, store(t, {int_imm(0)}, int_imm(1))), store(t, {int_imm(0)}, int_imm(1))})),
      "buffer");
  EXPECT_EQ(broken_rule(alloc(buffer("T", kI64, {x}), seq({}))), "bound");
}

// Rewrites keep types as they are, so a wrong one can be made.
TEST(Verify, Types) {
  const BufferRef a = buffer("A", kI64, {int_imm(4)});
  const Expr one = int_imm(1), half = float_imm(0.5);
  const auto with = [&](Expr e) { return broken_rule(store(a, {int_imm(0)}, std::move(e)), {a}); };
  EXPECT_EQ(with(one + load(a, {one})), "");
  EXPECT_EQ(with(Expr(new Binary(kI64, BinaryOp::add, one, half))), "type");
  EXPECT_EQ(with(Expr(new Binary(kI64, BinaryOp::lt, one, one))), "type");
  EXPECT_EQ(with(Expr(new Binary(kI64, BinaryOp::add, one, nullptr))), "shape");
  EXPECT_EQ(with(Expr(new Call(kI64, CallOp::sqrt, {one}))), "type");
  EXPECT_EQ(with(Expr(new Call(kI64, CallOp::fma, {one, one}))), "shape");
  EXPECT_EQ(with(Expr(new Call(kI64, CallOp::neg, {half}))), "type");
  EXPECT_EQ(with(Expr(new Select(kI64, one, one, one))), "type");
  EXPECT_EQ(with(Expr(new Load(kI64, a, {half}))), "type");
  EXPECT_EQ(with(Expr(new Load(kI64, a, {one, one}))), "rank");
  EXPECT_EQ(with(Expr(new Load(kI64, nullptr, {one}))), "shape");
  EXPECT_EQ(with(cast(kI64, Expr(new IntImm(kI8, 300)))), "");  // folded away
  EXPECT_EQ(with(Expr(new Cast(kI64, Expr(new IntImm(kI8, 300))))), "type");
  EXPECT_EQ(with(Expr(new Cast(kI64, Expr(new FloatImm(kF32, 0.1))))), "type");
  EXPECT_EQ(with(Expr(new Cast(kI64, Expr(new Cast(kI32.with_lanes(4), half))))), "type");
  EXPECT_EQ(
      broken_rule(store(buffer("B", kI64, {}), {},
                        Expr(new Reduce(kI64, simple_combiner(BinaryOp::add, kI64), {}, {}, {}, {one}, 0)))),
      "nested");
}

TEST(Verify, Shape) {
  auto* inner = new Seq;
  auto* outer = new Seq;
  const Stmt hold(inner), whole(outer);
  outer->stmts = {hold, hold};
  EXPECT_EQ(broken_rule(whole), "shape");
  outer->stmts = {nullptr, nullptr};
  EXPECT_EQ(broken_rule(whole), "shape");
  EXPECT_EQ(verify(nullptr, Form::te)->code(), "ir.verify.shape");
}

// A graph of shared nodes is visited once, not once a path.
TEST(Verify, SharedExpressions) {
  const BufferRef a = buffer("A", kI64, {int_imm(4)});
  const VarRef x = var("x");
  Expr e = x;
  for (int i = 0; i < 200; ++i) e = e * e;
  for (const Form form : {Form::nested, Form::flat, Form::target})
    EXPECT_EQ(broken_rule(for_(x, int_imm(0), int_imm(4), LoopMode::serial, store(a, {x}, e)), {a}, form),
              "");
}

}  // namespace
}  // namespace tc::ir
