// Intrinsics: what may be declared, and what tensorize makes of them.
#include <fmt/format.h>

#include "schedule/run_schedule.h"

namespace tc::test {
namespace {

// C[4] += A[4] * s[1], as a user would declare it.
const std::string kBody = R"(func axpy(A: f32[4], S: f32[1], C: f32[4]) {
  compute C[i] = sum(A[i] * S[k], k in [0, +1))
})";
const std::string kUpdate = R"(func update(A: f32[4], S: f32[1], C: f32[4]) {
  C[ramp(0, 1, 4)] = C[ramp(0, 1, 4)] + A[ramp(0, 1, 4)] * broadcast(S[0], 4)
})";
const std::string kMatmul = R"(func main(A: f32[6, 8], B: f32[8, 12], C: f32[6, 12]) {
  compute C[y, x] = sum(A[y, k] * B[k, x], k in [0, +8))
})";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}
std::string refused(const std::string& body, const std::string& update, const std::string& init = "",
                    std::vector<std::vector<int64_t>> strides = {}) {
  const auto made = make_intrinsic("axpy", body, update, init, std::move(strides));
  return made ? "" : made.error().code() + ": " + made.error().message();
}

TEST(Intrinsic, IsTriedAgainstItsBody) {
  EXPECT_EQ(refused(kBody, kUpdate), "");
  EXPECT_EQ(refused(kBody, replaced(kUpdate, "+ A", "- A")),
            "intrinsic.differs: the intrinsic axpy: its update statements compute something else than its "
            "definition");
  const std::string init =
      "func init(A: f32[4], S: f32[1], C: f32[4]) { C[ramp(0, 1, 4)] = broadcast(1.0, 4) }";
  EXPECT_EQ(refused(kBody, kUpdate, init),
            "intrinsic.differs: the intrinsic axpy: its init statements compute something else than its "
            "definition");
  EXPECT_EQ(refused(kBody, kUpdate, replaced(init, "1.0", "0.0")), "");
  // one that leaves a part of the output as it was
  EXPECT_EQ(refused(kBody, replaced(replaced(kUpdate, "ramp(0, 1, 4)", "ramp(0, 1, 2)"),
                                    "C[ramp(0, 1, 4)] + A[ramp(0, 1, 4)] * broadcast(S[0], 4)",
                                    "C[ramp(0, 1, 2)] + A[ramp(0, 1, 2)] * broadcast(S[0], 2)")),
            "intrinsic.differs: the intrinsic axpy: its update statements compute something else than its "
            "definition");
  // one that leaves its operands
  EXPECT_EQ(refused(kBody, replaced(kUpdate, "S[0]", "S[1]")).substr(0, 20), "ir.interpret.bounds:");
}

// Wrong only at the ends of a type, or next to a number that stands in the statements.
TEST(Intrinsic, IsTriedWhereNarrowArithmeticGoesWrong) {
  const std::string params = "(A: u8[4], B: i8[4], C: i32[1])";
  const std::string dot =
      "func dot" + params + " { compute C[i] = sum(cast(i32, A[k]) * cast(i32, B[k]), k in [0, +4)) }";
  const auto term = [](int k, const char* type) {
    return fmt::format("cast({1}, A[{0}]) * cast({1}, B[{0}])", k, type);
  };
  const auto pairs = [&](const char* type) {
    const auto pair = [&](int k) {
      return fmt::format("cast(i32, {} + {})", term(k, type), term(k + 1, type));
    };
    return fmt::format("func update{} {{ C[0] = C[0] + {} + {} }}", params, pair(0), pair(2));
  };
  EXPECT_EQ(refused(dot, pairs("i32")), "");
  EXPECT_EQ(refused(dot, pairs("i16")).substr(0, 18), "intrinsic.differs:");

  const std::string two = "(A: i32[4], C: i32[4])",
                    body = "func two" + two + " { compute C[i] = A[i] * cast(i32, 2) }";
  const auto elements = [&](const std::string& value) {
    return "func update" + two + " { for i in [0, +4) { " + value + " } }";
  };
  EXPECT_EQ(refused(body, elements("C[i] = A[i] + A[i]")), "");
  for (const char* wrong :
       {"C[i] = cast(i32, cast(i16, A[i])) * cast(i32, 2)", "C[i] = cast(i32, cast(f32, A[i]) * 2.0)",
        "if A[i] != cast(i32, 12345) { C[i] = A[i] + A[i] }",
        "C[i] = min(A[i], cast(i32, 1000000)) * cast(i32, 2)"})
    EXPECT_EQ(refused(body, elements(wrong)).substr(0, 18), "intrinsic.differs:") << wrong;

  for (const char* wrong :
       {"max(C[i] + A[i] * S[0], -10000000.0)", "C[i] + cast(f32, cast(f16, A[i])) * S[0]",
        "C[i] + A[i] * cast(f32, cast(bf16, S[0]))"})
    EXPECT_EQ(refused(kBody, fmt::format("func update(A: f32[4], S: f32[1], C: f32[4]) {{ "
                                         "for i in [0, +4) {{ C[i] = {} }} }}",
                                         wrong))
                  .substr(0, 18),
              "intrinsic.differs:")
        << wrong;
}

// Statements that round otherwise than the definition, by as much as another order may.
TEST(Intrinsic, MaySumInAnotherOrder) {
  const auto made = [](const std::string& params, const std::string& term, int terms) {
    const auto at = [&](int k) {
      std::string out = term;
      for (size_t i; (i = out.find("[k]")) != std::string::npos;) out.replace(i, 3, fmt::format("[{}]", k));
      return out;
    };
    std::string sum = "C[0]";
    for (int k = terms - 1; k >= 0; --k) sum += " + " + at(k);
    return refused(fmt::format("func f{} {{ compute C[i] = sum({}, k in [0, +{})) }}", params, term, terms),
                   fmt::format("func u{} {{ C[0] = {} }}", params, sum));
  };
  EXPECT_EQ(made("(A: i16[16], B: f32[16], C: f32[1])", "cast(f32, A[k]) * B[k]", 16), "");
  EXPECT_EQ(made("(A: i32[64], B: i32[64], C: f64[1])", "cast(f64, A[k]) * cast(f64, B[k])", 64), "");
  EXPECT_EQ(made("(A: u8[64], B: f32[64], C: f32[1])", "(cast(f32, A[k]) - 128.0) * B[k]", 64), "");
  EXPECT_EQ(made("(A: f32[64], B: f32[64], C: f32[1])", "(A[k] - 50.0) * (A[k] - 50.0) * B[k]", 64), "");
  EXPECT_EQ(made("(A: f32[64], B: f32[64], C: f32[1])", "A[k] * B[k] * 0.1", 64), "");
  EXPECT_EQ(made("(A: f16[16], B: f16[16], C: f32[1])", "cast(f32, A[k]) * cast(f32, B[k])", 16), "");
  EXPECT_EQ(made("(A: f32[16], B: f32[16], C: f32[1])", "exp(A[k]) * B[k]", 16), "");
}

TEST(Intrinsic, NamesThatAreUnknownAreListedWithTheDeclaredOnes) {
  const Tensor a = placeholder({4}, kF32, "A"), c = compute({4}, [&](Expr i) { return a(i) + 1.0; }, "C");
  Schedule s({c});
  s.declare(make_intrinsic("axpy", kBody, kUpdate).value());
  const auto e = s.apply(parse_steps("tensorize C i intrinsic=axpi").value());
  ASSERT_TRUE(e);
  EXPECT_EQ(e->code(), "schedule.tensorize.intrinsic");
  EXPECT_EQ(e->fact_of("declared"), "axpy");
}

// A number that stands in one lane of many.
TEST(Intrinsic, IsTriedAtEachNumberOfItsStatements) {
  for (const int lane : {0, 13, 47}) {
    const std::string params = "(A: i32[48], C: i32[48])";
    std::string update = "func u" + params + " {";
    for (int i = 0; i < 48; ++i)
      update += i == lane ? fmt::format(" if A[{0}] != cast(i32, 12345) {{ C[{0}] = A[{0}] }}", i)
                          : fmt::format(" C[{0}] = A[{0}]", i);
    EXPECT_EQ(refused("func f" + params + " { compute C[i] = A[i] }", update + " }").substr(0, 18),
              "intrinsic.differs:");
  }
}

TEST(Intrinsic, HasRulesForItsPrograms) {
  EXPECT_EQ(refused(kBody, replaced(kUpdate, "S: f32[1]", "S: f32[2]")),
            "intrinsic.params: the intrinsic axpy: its update has other parameters");
  EXPECT_EQ(refused(kBody, kUpdate + " "), "");
  EXPECT_EQ(refused(kBody, "func update(A: f32[4], S: f32[1], C: f32[4]) { S[0] = 1.0 }"),
            "intrinsic.params: the intrinsic axpy: its update writes an input");
  EXPECT_EQ(refused(replaced(kBody, "A[i]", "A[3 - i]"), kUpdate),
            "intrinsic.body: the intrinsic axpy: A is read at 3 - i");
  EXPECT_EQ(refused(replaced(kBody, "[0, +1)", "[1, +1)"), kUpdate).substr(0, 15), "intrinsic.body:");
  EXPECT_EQ(refused(kBody, kUpdate, "", {{1}, {1}}),
            "intrinsic.strides: the intrinsic axpy: strides are given for other dimensions than it has");
  EXPECT_EQ(
      refused("func axpy(A: f32[0], S: f32[1], C: f32[0]) { compute C[i] = A[i] }", kUpdate).substr(0, 17),
      "intrinsic.params:");
  EXPECT_EQ(refused("what", kUpdate).substr(0, 9), "ir.parse:");
}

TEST(Intrinsic, BuiltInOnesMeanWhatTheyCompute) {
  // made at all: they have been tried
  for (const char* a : {"i8", "u8", "i16"})
    for (const char* b : {"i8", "u8", "i16"})
      for (const char* shape : {"1x2", "1x4", "3x4", "8x2", "16x4", "64x4"}) {
        const auto made = builtin_intrinsic(fmt::format("dot_{}_{}_{}", a, b, shape));
        EXPECT_TRUE(made) << made.error().str();
      }
  for (const char* type : {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"})
    for (const char* shape : {"1x1x1", "6x16x1", "8x48x1", "3x5x7"}) {
      const auto made = builtin_intrinsic(fmt::format("gemm_{}_{}", type, shape));
      EXPECT_TRUE(made) << made.error().str();
    }
  for (const char* name : {"", "_", "dot", "gemm_f32", "gemm_f32_6x16", "gemm_f32_06x16x1",
                           "gemm_f32_6x16x1x1", "gemm_bool_6x16x1", "gemm_f32_65x1x1", "gemm_f32_-1x1x1",
                           "dot_u8_i8_16x3", "dot_f32_f32_16x4", "gemm_f32_64x64x64", "gemm_f32_6x16x1 "})
    EXPECT_FALSE(builtin_intrinsic(name)) << name;
}

TEST(Tensorize, TakesDeclaredIntrinsicsByName) {
  const ParsedGraph g = program(kMatmul);
  Schedule s(g.outputs);
  const Step step = parse_step("tensorize C xi intrinsic=axpy").value();
  ASSERT_FALSE(apply_text(s, "split C x factor=4\nreorder C y,xo,k,xi"));
  EXPECT_EQ(s.apply(step)->code(), "schedule.tensorize.intrinsic");
  s.declare(make_intrinsic("axpy", kBody, kUpdate).value());
  ASSERT_FALSE(s.apply(step));
  EXPECT_EQ(s.text(), "split C x factor=4 into=xo,xi\nreorder C y,xo,k,xi\ntensorize C xi intrinsic=axpy\n");
  expect_right(g, s);
  EXPECT_EQ(s.loops(false),
            "for y in 6\n"
            "  for xo in 3\n"
            "    for xi in 4\n"
            "      C[y, xo * 4 + xi] = 0.0\n"
            "    for k in 8\n"
            "      C[y, ramp(xo * 4, 1, 4)] += B[k, ramp(xo * 4, 1, 4)] * broadcast(A[y, k], 4)\n");
  EXPECT_THROW(s.declare(make_intrinsic("axpy", kBody, kUpdate).value()), Error);
  Schedule copy = s;
  EXPECT_EQ(copy.loops(), s.loops());
}

TEST(Tensorize, RefusesOperandsInTheWrongScope) {
  const ParsedGraph g = program(kMatmul);
  Schedule s(g.outputs);
  const auto scoped = [](std::string text) {
    return replaced(std::move(text), "A: f32[4]", "A: f32[4] stack");
  };
  s.declare(make_intrinsic("axpy", scoped(kBody), scoped(kUpdate)).value());
  ASSERT_FALSE(apply_text(s, "split C x factor=4\nreorder C y,xo,k,xi"));
  const Check error = s.apply(parse_step("tensorize C xi intrinsic=axpy").value());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code() + ": " + error->message(),
            "schedule.tensorize.scope: B is kept in the wrong place for axpy");
  ASSERT_FALSE(
      apply_text(s, "cache_read B scope=stack into=Br\ncompute_at Br C xo\ntensorize C xi intrinsic=axpy"));
  expect_right(g, s);
}

const std::string kBytes = R"(func main(A: u8[5, 64], B: i8[64, 32], C: i32[5, 32]) {
  compute C[y, x] = sum(cast(i32, A[y, k]) * cast(i32, B[k, x]), k in [0, +64))
})";
TEST(Tensorize, DotProductsOfBytesInEveryShape) {
  for (const int n : {1, 4, 8, 16, 32})
    for (const int group : {2, 4}) {
      const std::string steps = fmt::format(
          "layout B dims=y/{1},x,y%{1}\nsplit C k factor={1}\nsplit C x factor={0}\nreorder C y,xo,ko,xi,ki\n"
          "tensorize C xi intrinsic=dot_u8_i8_{0}x{1}",
          n, group);
      EXPECT_NE(expect_right(kBytes, steps).find("dot("), std::string::npos);
    }
}

TEST(Tensorize, LaterStepsCannotBreakIt) {
  const std::string before =
      "split C x factor=4\nreorder C y,xo,k,xi\ntensorize C xi intrinsic=gemm_f32_1x4x1\n";
  EXPECT_EQ(refusal(kMatmul, before + "reorder C xi,k").substr(0, 25), "schedule.tensorize.loops:");
  EXPECT_EQ(refusal(kMatmul, before + "vectorize C k reassociate").substr(0, 24), "schedule.tensorize.mode:");
  EXPECT_EQ(refusal(kMatmul, before + "layout B dims=x%2,y,x/2").substr(0, 25), "schedule.tensorize.match:");
  // what goes on around it is as free as ever
  expect_right(kMatmul,
               before + "split C y factor=4\nreorder C yo,xo,k,yi\nunroll C yi\nparallel C yo\ninit_at C k");
  expect_right(kMatmul,
               before +
                   "cache_write C scope=stack\ncompute_at C_w C y\ncache_read A scope=stack\ncompute_at "
                   "A_r C_w k");
  expect_right(kMatmul, before + "split C k factor=3\nrfactor C ko reassociate");
}

// An intrinsic that reads one operand twice: both reads must be of the same elements.
TEST(Tensorize, AnOperandReadTwiceIsOneOperand) {
  const Intrinsic square =
      make_intrinsic(
          "square", "func square(A: f32[4], C: f32[4]) { compute C[i] = A[i] * A[i] }",
          "func update(A: f32[4], C: f32[4]) { C[ramp(0, 1, 4)] = A[ramp(0, 1, 4)] * A[ramp(0, 1, 4)] }")
          .value();
  const auto tried = [&](const std::string& value) {
    const std::string second = value.find("B[") == std::string::npos ? "" : ", B: f32[6, 10]";
    const ParsedGraph g = program("func main(A: f32[6, 10]" + second +
                                  ", D: f32[6, 8]) {\n  compute D[y, x] = " + value + "\n}");
    Schedule s(g.outputs);
    s.declare(square);
    const Check error = apply_text(s, "split D x factor=4\ntensorize D xi intrinsic=square");
    if (!error) expect_right(g, s);
    return error ? error->code() : "";
  };
  EXPECT_EQ(tried("A[y, x] * A[y, x]"), "");
  EXPECT_EQ(tried("A[y, x + 2] * A[y, x + 2]"), "");
  for (const char* other : {"A[y, x] * B[y, x]", "A[y, x] * A[y, x + 1]", "A[y, x] * A[y, x + x % 2]",
                            "B[y, x] * A[y, x]", "A[y, 0] * A[y, x]"})
    EXPECT_EQ(tried(other), "schedule.tensorize.match") << other;
}

TEST(Tensorize, WithoutAReduction) {
  const ParsedGraph g = program(R"(func main(A: f32[6, 9], D: f32[6, 9]) {
  compute D[y, x] = A[y, x] * 2.0
})");
  Schedule s(g.outputs);
  s.declare(
      make_intrinsic(
          "twice", "func twice(A: f32[4], C: f32[4]) { compute C[i] = A[i] * 2.0 }",
          "func update(A: f32[4], C: f32[4]) { C[ramp(0, 1, 4)] = A[ramp(0, 1, 4)] + A[ramp(0, 1, 4)] }")
          .value());
  ASSERT_FALSE(apply_text(s, "split D x factor=4\ntensorize D xi intrinsic=twice"));
  expect_right(g, s);
}

}  // namespace
}  // namespace tc::test
