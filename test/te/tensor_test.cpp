#include "tc/te/tensor.h"

#include <gtest/gtest.h>

#include "tc/te/graph.h"

namespace tc {
namespace {

std::string code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.code();
  }
  return "no error";
}

TEST(Te, MatmulIsAGraphOfOneStage) {
  const Tensor a = placeholder({4, 6}, kF32, "A"), b = placeholder({6, 5}, kF32, "B");
  const ReduceAxis k = reduce_axis(0, 6, "k");
  const Tensor c = compute({4, 5}, [&](Expr y, Expr x) { return sum(a(y, k) * b(k, x), k); }, "C");
  const Graph g = Graph::of({c});
  ASSERT_EQ(g.ops.size(), 1u);
  ASSERT_EQ(g.inputs.size(), 2u);
  EXPECT_EQ(g.inputs[0], a);
  EXPECT_EQ(count_flops(g), 2.0 * 4 * 5 * 6);
  EXPECT_EQ(to_func(g, {a, b, c})->params.size(), 3u);
}

TEST(Te, ReduceAxesGoFromBeginToEnd) {
  const ReduceAxis k = reduce_axis(2, 6, "k"), none = reduce_axis(3, 3, "n");
  EXPECT_TRUE(ir::is_int(k.min, 2) && ir::is_int(k.extent, 4));
  EXPECT_TRUE(ir::is_int(none.extent, 0));
  const Tensor a = placeholder({6}, kF32, "A");
  EXPECT_TRUE(compute({1}, [&](Expr) { return sum(a(k), k); }));
  EXPECT_EQ(code_of([] { (void)reduce_axis(2, 1, "k"); }), "te.axis.negative");
  EXPECT_EQ(code_of([] { (void)reduce_axis(INT64_MIN, INT64_MAX, "k"); }), "te.axis.range");
}

TEST(Te, RefusesWhatItCannotMean) {
  const Tensor a = placeholder({4}, kF32, "A");
  const ReduceAxis k = reduce_axis(0, 4, "k");
  EXPECT_EQ(code_of([] { (void)placeholder({-1}); }), "te.shape.negative");
  EXPECT_EQ(code_of([] { (void)placeholder({int64_t{1} << 40, int64_t{1} << 40}); }), "te.shape.overflow");
  EXPECT_EQ(code_of([&] { (void)compute({4}, [&](Expr i) { return sum(a(k), k) + a(i); }); }),
            "te.reduce.nested");
  EXPECT_EQ(code_of([&] { (void)a(k, k); }), "te.tensor.rank");
  const Tensor c = compute({4}, [&](Expr i) { return a(i) + 1; }, "C");
  EXPECT_EQ(code_of([&] { (void)to_func(Graph::of({c}), {c}); }), "te.args.missing");
  EXPECT_EQ(code_of([&] { (void)to_func(Graph::of({c}), {a, a, c}); }), "te.args.twice");
  EXPECT_EQ(code_of([&] { (void)to_func(Graph::of({c}), {a, placeholder({1}), c}); }), "te.args.unused");
}

TEST(Te, ReadsOutsideATensorAreRefusedWhereTheyAreWritten) {
  const Tensor a = placeholder({20, 20}, kF32, "A");
  EXPECT_EQ(code_of([&] { (void)compute({4}, [&](Expr i) { return a(i + 95, 0); }); }), "te.bounds");
  EXPECT_EQ(code_of([&] { (void)compute({20}, [&](Expr i) { return a(i - 1, 0); }); }), "te.bounds");
  EXPECT_EQ(code_of([&] {
              (void)compute({20}, [&](Expr i) { return select(i >= 1, a(i - 1, 0), ir::float_imm(0)); });
            }),
            "te.bounds");
  EXPECT_EQ(code_of([&] {
              (void)compute({20},
                            [&](Expr i) { return if_then_else(i >= 1, a(i - 1, 0), ir::float_imm(0)); });
            }),
            "no error");
  EXPECT_EQ(code_of([&] { (void)compute({20}, [&](Expr i) { return a(max(i - 1, ir::int_imm(0)), 0); }); }),
            "no error");
  EXPECT_EQ(code_of([&] { (void)compute({0}, [&](Expr i) { return a(i + 95, 0); }); }), "no error");
}

}  // namespace
}  // namespace tc
