// Extents made of sizes: what is proved of them, their text, and what evaluates them.
#include <gtest/gtest.h>

#include <cmath>

#include "tc/ir/equal.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/verify.h"
#include "tc/te/evaluate.h"
#include "tc/te/ops.h"
#include "tc/te/scan.h"

namespace tc {
namespace {

template <class F>
std::string code_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(e.code());
  }
  return "";
}

FuncRef func_of(const std::vector<Tensor>& args) {
  std::vector<Tensor> outputs;
  for (const Tensor& t : args)
    if (!t.op().is_placeholder()) outputs.push_back(t);
  return to_func(Graph::of(outputs), args);
}

// Printed, parsed, verified, and made into tensors again: the same text.
void expect_round_trip(const std::vector<Tensor>& args) {
  const FuncRef f = func_of(args);
  const std::string text = ir::to_string(f);
  const auto parsed = ir::parse_func(text);
  ASSERT_TRUE(parsed) << parsed.error().str();
  EXPECT_TRUE(ir::equal(f, parsed.value())) << text;
  EXPECT_EQ(ir::hash(f), ir::hash(parsed.value())) << text;
  EXPECT_EQ(ir::verify(parsed.value(), ir::Form::te), std::nullopt);
  const auto graph = from_func(parsed.value());
  ASSERT_TRUE(graph) << graph.error().str();
  EXPECT_EQ(ir::to_string(to_func(Graph::of(graph.value().outputs), graph.value().args)), text);
}

TEST(Size, EqualityIsForAllValues) {
  const VarRef n = size_var("n"), m = size_var("m");
  EXPECT_EQ(Extent(n), Extent(n));
  EXPECT_EQ(Extent(n) + 2 - 2, Extent(n));
  EXPECT_EQ(Extent(n) * 2, Extent(Expr(n) + Expr(n)));
  EXPECT_NE(Extent(n), Extent(m));
  EXPECT_NE(Extent(n), Extent(8));
  EXPECT_TRUE((Extent(n) + 1).at_least(1));
  EXPECT_FALSE((Extent(n) - 1).at_least(0));
  EXPECT_TRUE((Extent(size_var("k", 3)) - 3).at_least(0));
}

TEST(Size, HasATextForm) {
  const VarRef n = size_var("n", 2);
  const Tensor A = placeholder({n, 4}, kF32, "A");
  const Tensor C = compute({Expr(n) - 2, 4}, [&](Expr y, Expr x) { return A(y, x) + A(y + 2, x); }, "C");
  EXPECT_EQ(ir::to_string(func_of({A, C})),
            "func main(A: f32[n >= 2, 4], C: f32[n - 2, 4]) {\n"
            "  compute C[y, x] = A[y, x] + A[y + 2, x]\n}");
  expect_round_trip({A, C});
  expect_round_trip({C, A});  // where n stands alone later
}

TEST(Size, AnotherLeastIsAnotherFunction) {
  const auto parse = [](const char* text) { return ir::parse_func(text).value(); };
  const char *zero = "func f(A: f32[n], B: f32[n]) { compute B[i] = A[i] }",
             *two = "func f(A: f32[n >= 2], B: f32[n]) { compute B[i] = A[i] }";
  EXPECT_TRUE(ir::equal(parse(two), parse(two)));
  EXPECT_FALSE(ir::equal(parse(zero), parse(two)));
  EXPECT_FALSE(ir::parse_func("func f(A: f32[n >= -1]) { A[0] = 1.0 }"));
}

TEST(Size, ReadsMustStayInsideForAllValues) {
  const VarRef n = size_var("n");
  const Tensor A = placeholder({n}, kF32, "A");
  EXPECT_EQ(code_of([&] { (void)compute({n}, [&](Expr i) { return A(i + 1); }); }), "te.bounds");
  EXPECT_EQ(code_of([&] { (void)compute({1}, [&](Expr i) { return A(i); }); }), "te.bounds");
  EXPECT_EQ(code_of([&] { (void)compute({Expr(n) + 1}, [&](Expr i) { return A(i); }); }), "te.bounds");
  EXPECT_EQ(code_of([&] {
              (void)compute({Expr(n) + 1},
                            [&](Expr i) { return if_then_else(i < n, A(i), ir::float_imm(0)); });
            }),
            "");
  EXPECT_EQ(code_of([&] { (void)compute({Expr(n) / 2}, [&](Expr i) { return A(i * 2 + 1); }); }), "");
  EXPECT_EQ(code_of([&] { (void)compute({(Expr(n) + 1) / 2}, [&](Expr i) { return A(i * 2 + 1); }); }),
            "te.bounds");
  EXPECT_EQ(code_of([&] { (void)placeholder({Expr(n) - 1}); }), "te.shape.negative");
}

TEST(Size, OperatorsCompareShapesByProof) {
  const VarRef n = size_var("n"), m = size_var("m");
  const Tensor A = placeholder({n, 8}, kF32, "A"), B = placeholder({m, 8}, kF32, "B"),
               C = placeholder({n, 8}, kF32, "C"), W = placeholder({8, n}, kF32, "W");
  EXPECT_EQ(op::add(A, C).dim(0), Extent(n));
  EXPECT_EQ(code_of([&] { (void)op::add(A, B); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::matmul(W, B); }), "te.op.shape");
  EXPECT_EQ(op::matmul(W, A).dim(0), Extent(8));
  EXPECT_EQ(code_of([&] { (void)op::argmax(W, {.axis = 1}); }), "te.op.empty");
  EXPECT_EQ(code_of([&] { (void)op::argmax(A, {.axis = 1}); }), "");
}

// The definition for some sizes is that of the computation made for these numbers.
void expect_as_bound(const std::vector<Tensor>& args, const std::vector<std::pair<VarRef, int64_t>>& sizes) {
  expect_round_trip(args);
  const std::vector<Tensor> bound = bind_sizes(args, sizes).args;
  const auto want = make_args(bound, 5), got = make_args(bound, 5);
  ASSERT_EQ(evaluate(bound, views_of(want)), std::nullopt);
  const Check wrong = evaluate(args, views_of(got));
  ASSERT_EQ(wrong, std::nullopt) << wrong->str();
  for (size_t i = 0; i < args.size(); ++i)
    for (int64_t e = 0; e < want[i].size(); ++e) {
      const double x = want[i].get(e), y = got[i].get(e);
      ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << args[i].name() << ": " << x << ", " << y;
    }
}

TEST(Size, OperatorsEvaluate) {
  const VarRef n = size_var("n"), h = size_var("h", 1);
  const Tensor A = placeholder({n, 6}, kF32, "A"), G = placeholder({6}, kF32, "G");
  const Tensor X = placeholder({n, 4, h, 7}, kF32, "X"), W = placeholder({5, 4, 3, 3}, kF32, "W");
  for (const int64_t v : {0, 1, 5}) {
    expect_as_bound({A, op::softmax(A)}, {{n, v}});
    expect_as_bound({A, op::softmax(A, 0)}, {{n, v}});
    expect_as_bound({A, G, op::layer_norm(A, G)}, {{n, v}});
    expect_as_bound({A, op::mean(A, {.axes = {0}})}, {{n, v}});
    expect_as_bound({A, op::pad(A, {1, 0}, {2, 1})}, {{n, v}});
    expect_as_bound({A, op::concat({A, A}, 0)}, {{n, v}});
    const Tensor conv =
        op::conv2d(X, W, {}, {.stride = {2, 1}, .padding = {1, 1, 1, 1}, .layout = op::Layout::nchw});
    expect_as_bound({X, W, conv}, {{n, v}, {h, 1 + v}});
    expect_as_bound(
        {X, op::avg_pool2d(X, {.kernel = {2, 2}, .padding = {1, 0, 0, 1}, .layout = op::Layout::nchw})},
        {{n, v}, {h, 1 + v}});
  }
}

TEST(Size, ScansOverATimeOfAnyLength) {
  const VarRef t = size_var("t", 1);
  const Tensor X = placeholder({t, 3}, kF32, "X");
  for (const int64_t v : {1, 2, 6}) expect_as_bound({X, op::cumsum(X, 0)}, {{t, v}});
}

TEST(Size, EvaluateComparesTheArguments) {
  const VarRef n = size_var("n", 2);
  const Tensor A = placeholder({n}, kF32, "A"), B = placeholder({n}, kF32, "B");
  const Tensor C = compute({n}, [&](Expr i) { return A(i) + B(i); }, "C");
  const auto run = [&](int64_t a, int64_t b, int64_t c) {
    std::vector<HostTensor> t;
    for (const int64_t e : {a, b, c}) t.emplace_back(kF32, std::vector<int64_t>{e});
    const Check wrong = evaluate({A, B, C}, views_of(t));
    return wrong ? std::string(wrong->code()) : "";
  };
  EXPECT_EQ(run(3, 3, 3), "");
  EXPECT_EQ(run(3, 4, 3), "ir.interpret.args");
  EXPECT_EQ(run(3, 3, 2), "ir.interpret.args");
  EXPECT_EQ(run(1, 1, 1), "ir.interpret.args");
}

// The product of an extent and a size is no extent where it leaves 64 bits.
TEST(Sizes, ExtentsDoNotWrap) {
  const VarRef n = size_var("n");
  const Tensor a = placeholder({n}, kI8, "A");
  const ReduceAxis k = reduce_axis(Extent(0), Extent(Expr(n) * ir::int_imm(int64_t{1} << 61)), "k");
  const Tensor sum_of = compute({1}, [&](Expr) { return sum(a(0 * Expr(k.var)), k); }, "S");
  const Tensor wide = compute({Expr(n) * ir::int_imm(int64_t{1} << 62)}, [&](Expr) { return a(0); }, "W");
  const Tensor last = compute({n}, [&](Expr i) { return wide(i) + a(i); }, "L");
  for (const Tensor& out : {sum_of, last}) {
    std::vector<HostTensor> tensors;
    tensors.emplace_back(kI8, std::vector<int64_t>{8});
    tensors.emplace_back(kI8, std::vector<int64_t>{out == last ? 8 : 1});
    const Check e = evaluate({a, out}, views_of(tensors));
    ASSERT_TRUE(e) << out.name();
    EXPECT_EQ(e->code(), "ir.interpret.args") << e->str();
    EXPECT_EQ(e->fact_of("sizes"), "n = 8");
    EXPECT_EQ(code_of([&] { (void)bind_sizes({a, out}, {{n, 8}}); }), "te.shape.overflow");
  }
}

TEST(Sizes, NoExtentDividesByASizeThatMayBeZero) {
  const VarRef n = size_var("n"), m = size_var("m", 1);
  EXPECT_EQ(code_of([&] { (void)placeholder({100 / Expr(n)}); }), "te.shape.extent");
  EXPECT_EQ(code_of([&] { (void)placeholder({Expr(m) % n + 3}); }), "te.shape.extent");
  EXPECT_EQ(code_of([&] { (void)reduce_axis(Extent(0), Extent(100 / Expr(n)), "k"); }), "te.shape.extent");
  EXPECT_EQ(code_of([&] { (void)placeholder({100 / Expr(m)}); }), "");
  EXPECT_EQ(code_of([&] { (void)placeholder({Expr(n) / 4}); }), "");
}

}  // namespace
}  // namespace tc
