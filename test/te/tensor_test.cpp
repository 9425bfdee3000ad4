#include "tc/te/tensor.h"

#include <gtest/gtest.h>

#include "tc/ir/print.h"
#include "tc/te/evaluate.h"
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

// What memory holds is known where a condition tells, of the very number that is the index.
TEST(Te, ReadsAtAnIndexFromMemoryAreGuardedOrAsserted) {
  const Tensor a = placeholder({20}, kF32, "A"), i32 = placeholder({8}, kI32, "I"),
               i64 = placeholder({8}, kI64, "J"), u64 = placeholder({8}, kU64, "U");
  const Expr zero = ir::float_imm(0);
  const auto code = [&](auto body) {
    return code_of([&] { (void)compute({8}, [&](Expr i) { return body(i); }); });
  };
  for (const Tensor& t : {i32, i64}) {
    const DType type = t.dtype();
    const auto imm = [&](int64_t v) { return ir::int_imm(v, type); };
    const auto inside = [&](const Expr& x, int64_t n) { return logical_and(x >= imm(0), x < imm(n)); };
    EXPECT_EQ(code([&](const Expr& i) { return a(t(i)); }), "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) { return if_then_else(inside(t(i), 20), a(t(i)), zero); }), "no error");
    EXPECT_EQ(code([&](const Expr& i) { return if_then_else(inside(t(i), 21), a(t(i)), zero); }),
              "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) { return if_then_else(t(i) < imm(20), a(t(i)), zero); }), "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) { return if_then_else(inside(t(i), 20), zero, a(t(i))); }),
              "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) { return select(inside(t(i), 20), a(t(i)), zero); }), "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) {
                return if_then_else(ir::logical_not(logical_or(t(i) < imm(0), t(i) > imm(19))), a(t(i)),
                                    zero);
              }),
              "no error");
    // another element, and the same one behind its condition
    EXPECT_EQ(code([&](const Expr& i) { return if_then_else(inside(t(i), 20), a(t(7 - i)), zero); }),
              "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) { return if_then_else(inside(t(i), 20), a(t(i)), zero) + a(t(i)); }),
              "te.bounds");
    // i + 1 wraps where i is not known to be small: of INT_MAX it is less than 20
    EXPECT_EQ(code([&](const Expr& i) {
                const Expr next = t(i) + imm(1);
                return if_then_else(logical_and(t(i) >= imm(0), next < imm(20)), a(next), zero);
              }),
              "te.bounds");
    EXPECT_EQ(
        code([&](const Expr& i) { return if_then_else(inside(t(i) + imm(1), 20), a(t(i) + imm(1)), zero); }),
        "no error");
    EXPECT_EQ(code([&](const Expr& i) {
                return if_then_else(inside(t(i), 20), a(t(i) / imm(3) + min(t(i), imm(13))),
                                    zero);  // 0 .. 19
              }),
              "no error");
    EXPECT_EQ(code([&](const Expr& i) {
                return if_then_else(inside(t(i), 20), a(t(i) / imm(3) + min(t(i), imm(14))), zero);
              }),
              "te.bounds");
    EXPECT_EQ(code([&](const Expr& i) { return assume(inside(t(i), 20), a(t(i))); }), "no error");
    EXPECT_EQ(code([&](const Expr& i) { return assume(inside(t(i), 30), a(t(i))); }), "te.bounds");
  }
  EXPECT_EQ(code([&](const Expr& i) {
              const Expr x = i64(i), inside = logical_and(x >= 0, x < 5);
              return if_then_else(inside, a(x * 3 + i), zero);  // 0 .. 19
            }),
            "no error");
  // u64 as an index may be negative, but not where it is less than a constant
  const auto below = [&](int64_t n) {
    return [&, n](const Expr& i) { return if_then_else(u64(i) < ir::int_imm(n, kU64), a(u64(i)), zero); };
  };
  EXPECT_EQ(code(below(20)), "no error");
  EXPECT_EQ(code(below(21)), "te.bounds");
  for (const Expr& least : {ir::int_imm(0, kU64), ir::int_imm(3, kU64)})
    EXPECT_EQ(code([&](const Expr& i) {
                return if_then_else(logical_and(u64(i) >= least, cast(ir::kIndex, u64(i)) < 20), a(u64(i)),
                                    zero);
              }),
              "te.bounds");
  EXPECT_EQ(code([&](const Expr& i) {
              const Expr shifted =
                  ir::binary(ir::BinaryOp::shl, cast(ir::kIndex, abs(i32(i))), ir::int_imm(33));
              return a(min(shifted, ir::int_imm(19)));
            }),
            "te.bounds");
  // conditions on a quotient, a maximum and an assertion in the index
  EXPECT_EQ(code([&](const Expr& i) {
              const Expr half = i64(i) / 2;
              return if_then_else(logical_and(half >= 0, half < 20), a(half), zero);
            }),
            "no error");
  EXPECT_EQ(code([&](const Expr& i) {
              const Expr x = max(i64(i), i64(7 - i));
              return if_then_else(logical_and(x >= 0, x < 20), a(x), zero);
            }),
            "no error");
  EXPECT_EQ(
      code([&](const Expr& i) { return if_then_else(i64(i) < 20, a(assume(i64(i) >= 0, i64(i))), zero); }),
      "no error");
  EXPECT_EQ(code([&](const Expr& i) { return assume(i > 7, a(i)); }), "te.assume");
}

// In a schedule nothing is left of an assertion; evaluate tells where it does not hold.
TEST(Te, AssertionsAreOfTheDefinition) {
  const Tensor a = placeholder({20}, kF32, "A"), at = placeholder({8}, kI32, "I");
  const Tensor c = compute(
      {8},
      [&](Expr i) {
        const Expr x = at(i);
        return assume(logical_and(x >= ir::int_imm(0, kI32), x < ir::int_imm(20, kI32)), a(x)) * 2.0;
      },
      "C");
  EXPECT_NE(ir::to_string(to_func(Graph::of({c}), {a, at, c}))
                .find("= assume(I[i] >= i32(0) && I[i] < i32(20), A["),
            std::string::npos)
      << ir::to_string(to_func(Graph::of({c}), {a, at, c}));
  std::vector<HostTensor> args = make_args({a, at, c}, 1);
  EXPECT_FALSE(evaluate({a, at, c}, views_of(args)));
  args[1].set(5, 20);
  const Check error = evaluate({a, at, c}, views_of(args));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), "ir.interpret.assume");
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
