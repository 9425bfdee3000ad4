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

std::string text_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
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
  EXPECT_EQ(text_of([&] { (void)to_func(Graph::of({c}), {placeholder({4}, kF32, "A"), c}); }),
            "error[te.args.missing]: the input A is not among the arguments\n"
            "  given  another tensor that is named A too\n"
            "  fix    give the A that the computation reads, not one made anew");
  EXPECT_EQ(code_of([&] { (void)to_func(Graph::of({c}), {a, a, c}); }), "te.args.twice");
  EXPECT_EQ(code_of([&] { (void)to_func(Graph::of({c}), {a, placeholder({1}), c}); }), "te.args.unused");
}

TEST(Te, AnAxisThatIsNotReducedOverIsRefused) {
  const Tensor a = placeholder({4}, kF32, "A");
  const ReduceAxis k = reduce_axis(0, 4, "k"), k2 = reduce_axis(0, 4, "k2");
  const auto refused = [&](const std::function<Expr(Expr)>& body) {
    return text_of([&] { (void)compute({4}, [&](Expr i) { return body(i); }, "C"); });
  };
  EXPECT_EQ(
      refused([&](Expr i) { return a(i) * cast(kF32, k); }),
      "error[te.axis.free]: C uses k, which is no axis of it and is not reduced over\n"
      "  stage  C\n"
      "  axis   k\n"
      "  axes   i\n"
      "  fix    reduce over it: sum(..., axis=k), or sum(..., k) in C++; an index of another compute has a "
      "meaning there only");
  // another one than is reduced over; in an index, where its range is unknown; over no elements
  EXPECT_NE(refused([&](Expr i) { return sum(a(i) * cast(kF32, k2), k); }).find("C uses k2, which"),
            std::string::npos);
  EXPECT_NE(refused([&](Expr) { return a(k); }).find("te.axis.free"), std::string::npos);
  EXPECT_EQ(code_of([&] { (void)compute({0}, [&](Expr) { return a(k); }); }), "te.axis.free");
  // an index of another computation
  Expr leaked;
  const Tensor b = compute({4}, [&](Expr q) { return leaked = q, a(q); }, "B");
  EXPECT_NE(refused([&](Expr i) { return b(i) + a(leaked); }).find("C uses i, an index of B"),
            std::string::npos);
  EXPECT_NE(refused([&](Expr i) { return a(i) + a(leaked); }).find("te.axis.free"), std::string::npos);
  // several outputs
  EXPECT_EQ(code_of([&] {
              (void)compute_many({4}, [&](const Axes& i) { return std::vector<Expr>{a(i[0]), a(k)}; },
                                 {"P", "Q"});
            }),
            "te.axis.free");
}

TEST(Te, NamesAreThoseThatTextCanCarry) {
  const auto a = [](Expr) { return ir::float_imm(1); };
  const auto b = [&](const Axes& i) { return std::vector<Expr>{a(i[0])}; };
  for (const std::string name : {"a bo", "a\nb", "", "#c", "a,b", "x=y", "1x", ".x", "A<b>", "\xc3\xa9"}) {
    EXPECT_EQ(code_of([&] { (void)placeholder({4}, kF32, name); }), "te.name") << name;
    EXPECT_EQ(code_of([&] { (void)reduce_axis(0, 4, name); }), "te.name") << name;
    EXPECT_EQ(code_of([&] { (void)compute({4}, a, name); }), "te.name") << name;
    EXPECT_EQ(code_of([&] { (void)compute_many({4}, b, {"A"}, {name}); }), "te.name") << name;
  }
  for (const std::string name : {"A", "_", "a_1", "A.r", "conv2d.pad.x"})
    EXPECT_EQ(placeholder({4}, kF32, name).name(), name);
  try {
    (void)placeholder({4}, kF32, "a\tb " + std::string(5000, 'x'));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_LT(e.str().size(), 400u) << "a long name is cut";
    EXPECT_EQ(e.how_to_fix().substr(0, 12), "call it a_b_");
  }
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

// What is not proved is tried, where the values are few: no square is 20 modulo 21.
TEST(Te, ReadsThatAreNotProvedAreTried) {
  const Tensor a = placeholder({20}, kF32, "A"), b = placeholder({16}, kF32, "B");
  const auto squares = [](const Tensor& of) { return [of](Expr i) { return of((i * i) % 21); }; };
  EXPECT_EQ(code_of([&] { (void)compute({100}, squares(a)); }), "no error");
  EXPECT_EQ(code_of([&] { (void)compute({4}, squares(b)); }), "no error");
  EXPECT_EQ(code_of([&] { (void)compute({5}, squares(b)); }), "te.bounds");
  EXPECT_EQ(code_of([&] { (void)compute({1 << 20}, squares(a)); }), "te.bounds");  // too many
}

}  // namespace
}  // namespace tc
