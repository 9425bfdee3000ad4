#include "tc/ir/simplify.h"

#include <gtest/gtest.h>

#include "tc/ir/equal.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

// Index variables x y z n m and loop variables with the ranges that splits give.
class Simplify : public ::testing::Test {
 protected:
  Simplify() {
    x_ = add("x", kIndex), y_ = add("y", kIndex);
    for (const char* name : {"z", "n", "m", "f"}) add(name, kIndex);
    for (const char* name : {"yo", "xo"}) range(name, 0, 15);
    for (const char* name : {"yi", "xi"}) range(name, 0, 7);
    range("k4", 0, 3);
    for (const char* name : {"p", "q"}) add(name, kBool);
    for (const char* name : {"i", "j"}) add(name, kI32);
    for (const char* name : {"a", "b"}) add(name, kF32);
    scope.add(A);
  }
  VarRef add(const char* name, DType type) {
    const VarRef v = var(name, type);
    scope.add(v);
    return v;
  }
  void range(const char* name, int64_t lo, int64_t hi) {
    bounds.push(add(name, kIndex), Interval::range(lo, hi));
  }
  Expr parse(const std::string& text) { return parse_expr(text, scope).value(); }
  std::string simple(const std::string& text) {
    const Expr e = simplify(parse(text), bounds);
    EXPECT_TRUE(simplify(e, bounds).same(e))
        << text << " -> " << to_string(e) << " -> " << to_string(simplify(e, bounds));
    return to_string(e);
  }
  void expect(const std::string& text, const std::string& result) { EXPECT_EQ(simple(text), result) << text; }

  VarRef x_, y_;
  BufferRef A = buffer("A", kF32, {int_imm(64), int_imm(64)});
  ParseScope scope;
  Bounds bounds;
};

// x / c * c + x % c is x, and x - x / c * c is x % c, of one x alone.
TEST_F(Simplify, QuotientsJoinTheirOwnRemainders) {
  expect("x / 4 * 4 + x % 4", "x");
  expect("x - x / 4 * 4", "x % 4");
  for (const char* text : {"x / 4 * 4 + y % 4", "x / 4 * 4 + x % 3", "x / 4 * 3 + x % 4", "y - x / 4 * 4",
                           "x * 2 + y - (x + y) / 4 * 4"})
    for (int64_t a = -9; a <= 9; ++a)
      for (int64_t b = -9; b <= 9; ++b) {
        const VarMap at{{x_, int_imm(a)}, {y_, int_imm(b)}};
        EXPECT_EQ(as_int(substitute(parse(simple(text)), at)), as_int(substitute(parse(text), at))) << text;
      }
}

TEST_F(Simplify, SumsAreCollectedAndSorted) {
  expect("x - y + y", "x");
  expect("x * 3 + x * 4", "x * 7");
  expect("1 + x + 2", "x + 3");
  expect("yi + yo * 8", "yo * 8 + yi");
  expect("x - (x - y)", "y");
  expect("(x + 1) * 8 - x * 8", "8");
  expect("x * n + y * n", "(x + y) * n");
  expect("(x + 1) * n - x * n", "n");
  expect("3 - x", "3 - x");
  expect("0 - x", "-x");
  expect("x * 0 + y", "y");
}

TEST_F(Simplify, SplitLoopsRecover) {
  expect("(yo * 8 + yi) / 8", "yo");
  expect("(yo * 8 + yi) % 8", "yi");
  expect("(yo * 8 + yi) / 4", "yo * 2 + yi / 4");
  expect("(yo * 4 + k4) / 8", "yo / 2");
  expect("(yo * 4 + k4) % 8", "yo % 2 * 4 + k4");
  expect("(x * 8 + yi + 3) / 8", "(yi + 3) / 8 + x");
  expect("(yo * 8 + yi) / 8 * 8 + (yo * 8 + yi) % 8", "yo * 8 + yi");
}

TEST_F(Simplify, FusedLoopsRecover) {
  expect("f / 7 * 7 + f % 7", "f");
  expect("f / 7 * 9 + f % 7", "f / 7 * 9 + f % 7");
  expect("f / 28 * 28 + f / 7 % 4 * 7 + f % 7", "f");
  expect("f % 28 / 7", "f / 7 % 4");
  expect("(f * 8 + yi) / 56 * 56 + (f * 8 + yi) % 56", "f * 8 + yi");
  expect("(f * 8 + yi) / 3136 * 3136 + (f * 8 + yi) % 3136 / 56 * 56 + (f * 8 + yi) % 56", "f * 8 + yi");
  expect("(x * 8 + y) / 8 * 8 + (x * 8 + y) % 8", "x * 8 + y");
  expect("f / 4 / 7", "f / 28");
  expect("f - f / 8 * 8", "f % 8");
  expect("f % 32 % 8", "f % 8");
  expect("(f / 4 + 1) / 2", "(f + 4) / 8");
}

TEST_F(Simplify, DivisionsFloorForEverySign) {
  expect("x / -8", "-x / 8");
  expect("(x - 1) / 8", "(x + 7) / 8 - 1");
  expect("(x * 8 - 8) % 8", "0");
  expect("x / 1 + x % 1", "x");
  expect("x / x + x % x", "1");
}

TEST_F(Simplify, SymbolicExtentsDivide) {
  bounds.push(scope.vars.find("n")->second, Interval{1, std::nullopt});
  const VarRef v = add("v", kIndex);
  bounds.push_loop(v, int_imm(0), scope.vars.find("n")->second);
  expect("(x * n + v) / n", "x");
  expect("(x * n + v) % n", "v");
  expect("(x * n + y) / n", "y / n + x");
  expect("v < n", "true");
  expect("x * n + v < (x + 1) * n", "true");
}

TEST_F(Simplify, ComparisonsAreSolved) {
  expect("yo * 8 + yi < 128", "true");
  expect("yo * 8 + yi >= 128", "false");
  expect("x * 8 + yi < 64", "x < 8");
  expect("x * 8 + yi < 60", "x * 8 + yi < 60");
  expect("x * 8 < 60", "x < 8");
  expect("x + 3 < y + 5", "x < y + 2");
  expect("x <= 7", "x < 8");
  expect("x > 4", "x >= 5");
  expect("5 < x", "x >= 6");
  expect("x <= y", "x <= y");
  expect("!(x < y)", "y <= x");
  expect("x * 2 == y * 2 + 1", "false");
  expect("x * 2 + 4 == 10", "x == 3");
  expect("x / 4 < 3", "x < 12");
  expect("x / 4 >= 3", "x >= 12");
  expect("x == x + 1", "false");
  expect("min(n - yo * 8, 8) > 0", "yo * 8 < n");
  expect("max(x, 3) >= 5", "x >= 5");
  expect("max(x, 3) == 5", "x == 5");
  expect("max(x, 3) == 2", "false");
  expect("max(x, 3) == 3", "x < 4");
  expect("min(x, y) != y", "x < y");
  expect("n * 2 < max(n, 8) * 2", "n < 8");
  expect("yo * 8 + yi == -1", "false");
}

TEST_F(Simplify, MinimaAreOrdered) {
  expect("min(yo, 15)", "yo");
  expect("min(yo, 14)", "min(yo, 14)");
  expect("max(x + 3, x)", "x + 3");
  expect("min(yo * 8 + 8, n) - yo * 8", "min(n - yo * 8, 8)");
  expect("min(x + y, x + z)", "min(y, z) + x");
  expect("min(min(x, 9), 7)", "min(x, 7)");
  expect("max(min(x, 3), 5)", "5");
  expect("min(8, min(n - yo * 8, 8))", "min(n - yo * 8, 8)");
  expect("max(0, min(8, x)) < 9", "true");
}

TEST_F(Simplify, ConditionsAbsorb) {
  expect("p && p", "p");
  expect("p || !p", "true");
  expect("p && (q || p)", "p");
  expect("x < 5 && x < 7", "x < 5");
  expect("x < 5 || x < 7", "x < 7");
  expect("x < 5 && x >= 9", "false");
  expect("x < 5 || x >= 3", "true");
  expect("x >= 0 && x < 5 && x < 7", "x >= 0 && x < 5");
  expect("p && x < 5 && x < 5", "p && x < 5");
  expect("select(p, true, q)", "p || q");
  expect("select(!p, x, y)", "select(p, y, x)");
  expect("select(a < b, a, b)", "min(b, a)");
  expect("select(a <= b, a, b)", "select(a <= b, a, b)");
}

TEST_F(Simplify, FloatsAreNotReassociated) {
  expect("a + b - b", "a + b - b");
  expect("a - a", "a - a");
  expect("a * f32(1)", "a");
  expect("a + f32(0)", "a + 0.0");
  expect("a + f32(-0.0)", "a");
  expect("a - f32(0)", "a");
  expect("a == a", "a == a");
  expect("a < a", "false");
  expect("max(max(a, f32(0)), f32(0))", "max(a, 0.0)");
}

TEST_F(Simplify, NarrowIntegersWrap) {
  expect("i + i32(1) - i32(1)", "i");
  expect("i * i32(65536) * i32(65536)", "i32(0)");
  expect("i + i32(1) < j + i32(1)", "i + i32(1) < j + i32(1)");
  expect("i / i32(2) * i32(2)", "i / i32(2) * i32(2)");
}

TEST_F(Simplify, VectorsShareWhatTheyCan) {
  expect("broadcast(x, 8) + broadcast(y, 8)", "broadcast(x + y, 8)");
  expect("ramp(x, 1, 8) + broadcast(y, 8)", "ramp(x + y, 1, 8)");
  expect("ramp(x, 2, 8) * broadcast(3, 8)", "ramp(x * 3, 6, 8)");
  expect("ramp(yo * 8, 1, 8) / broadcast(8, 8)", "broadcast(yo, 8)");
  expect("ramp(yo * 8, 1, 8) % broadcast(8, 8)", "ramp(0, 1, 8)");
  expect("ramp(x, 8, 4) / broadcast(4, 4)", "ramp(x / 4, 2, 4)");
  expect("ramp(yo, 1, 8) < broadcast(30, 8)", "broadcast(true, 8)");
}

TEST_F(Simplify, CastsCollapse) {
  expect("cast(i32, cast(i64, i))", "i");
  expect("cast(i64, cast(i32, yo))", "yo");
  expect("cast(f32, cast(f64, a))", "a");
  expect("cast(f64, cast(f32, i))", "cast(f64, cast(f32, i))");
}

TEST_F(Simplify, UnchangedPartsAreTheSameNode) {
  const Expr e = parse("A[yo * 8 + yi, x % 3] + max(a * b, 1.0)");
  EXPECT_TRUE(simplify(e, bounds).same(e));
  const Expr g = parse("A[yo * 8 + yi, x + 0] + max(a * b, 1.0)");
  EXPECT_TRUE(simplify(g, bounds).as<Binary>()->b.same(g.as<Binary>()->b));
}

TEST_F(Simplify, CostStaysInBoundsForHostileSums) {
  // coefficients that overflow at every level, and sums of thousands of terms
  Expr e = scope.vars.find("x")->second;
  for (int i = 0; i < 100; ++i)
    e = (e % 3 + Expr(scope.vars.find("y")->second) * (int64_t{1} << 40) * (int64_t{1} << 40)) / 5;
  EXPECT_TRUE(simplify(e, bounds));
  std::vector<Expr> terms;
  for (int i = 0; i < 4096; ++i) terms.push_back(load(buffer("B", kI64, {int_imm(9)}), {int_imm(i % 9)}));
  for (; terms.size() > 1; terms.resize(terms.size() / 2))
    for (size_t i = 0; i < terms.size() / 2; ++i) terms[i] = terms[2 * i] + terms[2 * i + 1];
  EXPECT_TRUE(simplify(terms[0], bounds));
  for (int i = 0; i < 60; ++i)
    e = select(Expr(scope.vars.find("p")->second), e + 1, e * e);  // shared: a tree of 2^60
  EXPECT_TRUE(simplify(e, bounds));
}

// ---- statements

std::string simple_func(const std::string& text) {
  const FuncRef f = simplify(parse_func(text).value());
  EXPECT_TRUE(simplify(f).same(f)) << to_string(f);
  return to_string(f);
}

TEST(SimplifyStmt, TrivialLoopsAndBranchesGo) {
  EXPECT_EQ(simple_func(R"(func f(A: f32[64, n]) {
  for y in [3, +1) {
    for x in [0, +n) {
      if x < n {
        A[y, x] = 0.0
      }
    }
    for z in [0, +0) {
      A[y, z] = 1.0
    }
  }
  for yo in [0, +8) {
    for yi in [0, +8) {
      if yo * 8 + yi < 64 {
        let u: i64 = yo * 2
        let s: i64 = 4
        A[yo * 8 + yi, s] = 2.0
      }
    }
  }
})"),
            R"(func f(A: f32[64, n]) {
  for x in [0, +n) {
    A[3, x] = 0.0
  }
  for yo in [0, +8) {
    for yi in [0, +8) {
      A[yo * 8 + yi, 4] = 2.0
    }
  }
})");
}

TEST(SimplifyStmt, TailsOfSymbolicExtentsAreProved) {
  EXPECT_EQ(simple_func(R"(func f(A: f32[n]) {
  for xo in [0, +(n + 7) / 8) {
    for xi in [0, +min(xo * 8 + 8, n) - xo * 8) {
      if xo * 8 + xi < n {
        A[xo * 8 + xi] = 0.0
      }
    }
  }
})"),
            R"(func f(A: f32[n]) {
  for xo in [0, +(n + 7) / 8) {
    for xi in [0, +min(n - xo * 8, 8)) {
      A[xo * 8 + xi] = 0.0
    }
  }
})");
}

TEST(SimplifyStmt, BranchesKnowTheirCondition) {
  EXPECT_EQ(simple_func(R"(func f(A: f32[64]) {
  for x in [0, +64) {
    if x < 8 {
      A[x % 8] = 0.0
    } else {
      if x >= 8 {
        A[max(x, 7)] = 1.0
      }
    }
  }
})"),
            R"(func f(A: f32[64]) {
  for x in [0, +64) {
    if x < 8 {
      A[x] = 0.0
    } else {
      A[x] = 1.0
    }
  }
})");
}

TEST(SimplifyStmt, ConditionsOnMemoryAreForgotten) {
  const std::string text = R"(func f(A: i64[64]) {
  if A[0] < 3 {
    A[0] = 9
    if A[0] < 3 {
      A[1] = 1
    }
  }
})";
  EXPECT_EQ(simple_func(text), text);
}

// Indices do not overflow, but what memory holds may be the least number there is: found by a
// random maximum of differences, whose identity that is.
TEST(SimplifyStmt, TermsReadFromMemoryStayOnTheirSide) {
  const std::string text = R"(func f(A: i64[4], B: i64[4]) {
  for i in [0, +4) {
    if A[i] < B[i] - B[0] {
      A[i] = B[i] - B[0]
    }
  }
})";
  EXPECT_EQ(simple_func(text), text);
}
// A[i] * 6 < B[i] - 5 overflows where A[i] is the identity of a maximum: found by a random one of quotients.
TEST(SimplifyStmt, QuotientsOfMemoryAreNotSolved) {
  const std::string text = R"(func f(A: i64[4], B: i64[4]) {
  for i in [0, +4) {
    if A[i] < B[i] / 6 {
      A[i] = B[i] / 6
    }
  }
})";
  EXPECT_EQ(simple_func(text), text);
}
TEST(SimplifyStmt, StartsAreReadFromMemoryOnce) {
  EXPECT_EQ(simple_func(R"(func f(A: i64[64]) {
  for i in [A[0], +1) {
    A[0] = 9
    A[1] = i
  }
  for i in [A[0], +4) {
    A[0] = 9
    if i >= A[0] {
      A[1] = i
    }
  }
})"),
            R"(func f(A: i64[64]) {
  {
    let i: i64 = A[0]
    A[0] = 9
    A[1] = i
  }
  for i in [A[0], +4) {
    A[0] = 9
    if A[0] <= i {
      A[1] = i
    }
  }
})");
}

TEST(SimplifyStmt, AllocationsFollowTheirLoop) {
  EXPECT_EQ(simple_func(R"(func f(A: f32[64]) {
  for y in [2, +1) {
    alloc T: f32[min(y * 8 + 8, 64) - y * 8] stack
    T[0] = 0.0
    A[0] = T[0]
  }
})"),
            R"(func f(A: f32[64]) {
  alloc T: f32[8] stack
  T[0] = 0.0
  A[0] = T[0]
})");
}

TEST(Prove, UsesWhatIsInScope) {
  const VarRef x = var("x"), y = var("y"), n = var("n");
  const Expr X = x, Y = y, N = n;
  Bounds b;
  EXPECT_EQ(prove(X < X + 1, b), true);
  EXPECT_EQ(prove(X < N, b), std::nullopt);
  b.assume(X < Y).assume(Y <= N);
  EXPECT_EQ(prove(X < N, b), true);
  EXPECT_EQ(prove(X >= N, b), false);
  EXPECT_EQ(prove(X + 1 < N, b), std::nullopt);
  EXPECT_EQ(prove(min(X, Y) < N, b), true);
  EXPECT_EQ(prove(N / 8 * 8 <= N, b), true);
}

TEST(SymbolicBounds, EliminateInnerVariablesFirst) {
  const VarRef o = var("o"), i = var("i"), n = var("n");
  const Expr O = o, I = i, N = n;
  const VarRange ranges[] = {{o, int_imm(0), (N + 7) / 8 - 1},
                             {i, int_imm(0), min(int_imm(8), N - O * 8) - 1}};
  const auto [lo, hi] = symbolic_bounds(O * 8 + I + 2, ranges);
  EXPECT_EQ(to_string(lo), "2");
  EXPECT_EQ(to_string(hi), "n + 1");
}

TEST(SymbolicBounds, AreExactForAffineAccesses) {
  const VarRef y = var("y"), k = var("k"), o = var("o");
  const VarRange ranges[] = {{y, Expr(o) * 8, Expr(o) * 8 + 7}, {k, int_imm(0), int_imm(2)}};
  auto [lo, hi] = symbolic_bounds(Expr(y) * 2 + k, ranges);
  EXPECT_EQ(to_string(lo), "o * 16");
  EXPECT_EQ(to_string(hi), "o * 16 + 16");
  std::tie(lo, hi) = symbolic_bounds(Expr(y) % 8 - k, ranges);
  EXPECT_EQ(to_string(lo), "-2");
  EXPECT_EQ(to_string(hi), "7");
}

}  // namespace
}  // namespace tc::ir
