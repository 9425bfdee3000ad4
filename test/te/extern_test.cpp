#include "tc/te/extern.h"

#include "op_check.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/te/workload.h"

namespace tc::test {
namespace {

FuncRef parsed(const std::string& text) { return ir::parse_func(text).value(); }

// Two outputs that no expression gives: the sorted row and how it was permuted.
const char* const kSort =
    "func sort(A: f32[5], S: f32[5], P: f32[5]) {\n"
    "  for i in [0, +5) {\n"
    "    S[i] = A[i]\n"
    "    P[i] = cast(f32, i)\n"
    "  }\n"
    "  for i in [0, +5) {\n"
    "    for j in [0, +4) {\n"
    "      if S[j] > S[j + 1] {\n"
    "        let s = S[j]\n"
    "        let p = P[j]\n"
    "        S[j] = S[j + 1]\n"
    "        P[j] = P[j + 1]\n"
    "        S[j + 1] = s\n"
    "        P[j + 1] = p\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}";

TEST(Extern, ComputesWhatItsBodySays) {
  const Tensor x = placeholder({5}, kF32, "X");
  const Tensor y = compute({5}, [&](Expr i) { return x(i) * -1; }, "Y");
  const auto sorted = extern_func(parsed(kSort), {y});
  ASSERT_EQ(sorted.size(), 2u);
  EXPECT_EQ(sorted[0].name(), "S");
  const Tensor z = compute({5}, [&](Expr i) { return sorted[0](i) + 1; }, "Z");
  const std::vector<Tensor> args = {x, sorted[1], z};
  auto data = make_args(args, 1);
  const double in[] = {3, -1, 4, -1.5, 5};
  for (int i = 0; i < 5; ++i) data[0].set(i, in[i]);
  ASSERT_FALSE(evaluate(args, views_of(data)));
  const double values[] = {-4, -3, -2, 2, 2.5}, places[] = {4, 2, 0, 1, 3};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(data[2].get(i), values[i]);
    EXPECT_EQ(data[1].get(i), places[i]);
  }
  // single elements, without touching the arguments
  data[2].set(3, 77);
  const auto one = evaluate_at(args, z, std::vector<Index>{{3}, {0}}, views_of(data));
  ASSERT_TRUE(one) << one.error().str();
  EXPECT_EQ(one.value()[0].as_double(), 2);
  EXPECT_EQ(one.value()[1].as_double(), -4);
  EXPECT_EQ(data[2].get(3), 77);
}

TEST(Extern, TextFormRoundTrips) {
  const Tensor x = placeholder({5}, kF32, "X");
  const auto sorted = extern_func(parsed(kSort), {x});
  const std::vector<Tensor> args = {x, sorted[0]};
  const FuncRef f = to_func(Graph::of({sorted[0]}), args);
  EXPECT_EQ(ir::to_string(f).substr(0, 68),
            "func main(X: f32[5], S: f32[5]) {\n  alloc P: f32[5]\n  extern S, P of");
  const auto again = from_func(parsed(ir::to_string(f)));
  ASSERT_TRUE(again) << again.error().str();
  EXPECT_EQ(ir::to_string(to_func(Graph::of(again.value().outputs), again.value().args)), ir::to_string(f));
  // as a workload the names of its variables do not count
  std::string renamed = kSort;
  for (const auto& [from, to] :
       {std::pair{"let s ", "let t "}, {"= s\n", "= t\n"}, {"for j", "for jj"}, {"[j", "[jj"}})
    for (size_t at = 0; (at = renamed.find(from, at)) != std::string::npos; at += std::string(to).size())
      renamed.replace(at, std::string(from).size(), to);
  const auto a = Workload::from_graph(args), b = [&] {
    const auto out = extern_func(parsed(renamed), {x});
    return Workload::from_graph({x, out[0]});
  }();
  ASSERT_TRUE(a) << a.error().str();
  ASSERT_TRUE(b) << b.error().str();
  EXPECT_EQ(a.value().text(), b.value().text());
  const auto w = parse_workload(a.value().text());
  ASSERT_TRUE(w) << w.error().str();
  EXPECT_EQ(w.value().text(), a.value().text());
  EXPECT_GT(w.value().build().bytes, 0);
}

TEST(Extern, RefusesWhatItCannotCheck) {
  const Tensor x = placeholder({4}, kF32, "X"), i = placeholder({4}, kI64, "I");
  const auto code = [&](const std::string& body, const std::string& params = "A: f32[4], R: f32[4]") {
    return code_of([&] { (void)extern_func(parsed("func f(" + params + ") {" + body + "}"), {x}); });
  };
  const std::string zeros = "for z in [0, +4) { R[z] = 0.0 } ";
  EXPECT_EQ(code("for i in [0, +4) { R[i] = A[i] }"), "no error");
  EXPECT_EQ(code("for i in [0, +4) unrolled { R[i] = A[i] }"), "no error");
  EXPECT_EQ(code("for i in [0, +4) vectorized { R[i] = A[i] }"), "te.extern.form");
  EXPECT_EQ(code("R[ramp(0, 1, 4)] = A[ramp(0, 1, 4)]"), "te.extern.form");
  EXPECT_EQ(code("compute R[i] = A[i]"), "te.extern.form");
  EXPECT_EQ(code("if A[0] > 0.0 {}"), "te.extern.form");
  EXPECT_EQ(code("alloc T: f32[4] for i in [0, +4) { T[i] = A[i] R[i] = T[i] }"), "no error");
  EXPECT_EQ(code("R[0] = A[0] S[0] = 1.0", "A: f32[4], R: f32[4], S: f32[2]"), "te.extern.form");
  EXPECT_EQ(code("R[0] = A[0]", "A: f32[n], R: f32[n]"), "te.extern.form");
  // accesses
  EXPECT_EQ(code("for i in [0, +4) { R[i] = A[i + 1] }"), "te.bounds");
  EXPECT_EQ(code("for i in [0, +5) { R[i] = A[0] }"), "te.bounds");
  EXPECT_EQ(code("for i in [0, +5) { if i < 4 { R[i] = A[i] } }"), "no error");
  EXPECT_EQ(code(zeros + "for i in [0, +5) { if i < 4 { R[0] = A[0] } else { R[i - 4] = A[0] } }"),
            "no error");
  EXPECT_EQ(code("for i in [0, +4) { let j = 3 - i R[j] = if_then_else(i > 0, A[i - 1], 0.0) }"), "no error");
  EXPECT_EQ(code("for i in [0, +4) { let j = 4 - i R[j] = A[0] }"), "te.bounds");
  EXPECT_EQ(code(zeros + "for i in [0, +0) { R[9] = A[9] }"), "no error");
  EXPECT_EQ(code("R[cast(i64, A[0])] = 1.0"), "te.bounds");
  // what is read has to be written, whatever the inputs are
  for (const char* body : {"for i in [0, +3) { R[i] = A[i] }", "for i in [0, +4) { R[i] = R[i] + A[i] }",
                           "for i in [0, +4) { if A[i] > 0.0 { R[i] = A[i] } }",
                           "alloc T: f32[4] for i in [0, +4) { R[i] = T[i] + A[i] }"})
    EXPECT_EQ(code(body), "te.extern.unwritten") << body;
  // inputs
  EXPECT_EQ(code("R[0] = 1.0", "R: f32[4]"), "te.extern.input");
  EXPECT_EQ(code("R[0] = A[0]", "A: f64[4], R: f64[4]"), "te.extern.input");
  EXPECT_EQ(code("R[0] = A[0]", "A: f32[3], R: f32[4]"), "te.extern.input");
  EXPECT_EQ(code_of([&] {
              (void)extern_func(parsed("func f(A: f32[4], B: f32[4], R: f32[4]) { R[0] = A[0] + B[0] }"),
                                {x, x});
            }),
            "te.extern.input");
  EXPECT_EQ(code_of([&] { (void)extern_func(nullptr, {}); }), "te.extern.form");
  EXPECT_EQ(code_of([&] {
              (void)extern_func(
                  parsed("func f(I: i64[4], R: f32[4]) {" + zeros + "R[min(max(I[0], 0), 3)] = 1.0 }"), {i});
            }),
            "no error");
  // from text
  const auto text = [](const std::string& extern_) {
    const auto g = from_func(parsed("func main(A: f32[4], R: f32[4]) {" + extern_ + "}"));
    return g ? std::string("no error") : g.error().code();
  };
  EXPECT_EQ(text("extern R of (A) { for i in [0, +4) { R[i] = A[i] } }"), "no error");
  EXPECT_EQ(text("extern R of (A) { R[4] = A[0] }"), "te.bounds");
  EXPECT_EQ(text("extern R of () { R[0] = A[0] }"), "te.extern.form");
  EXPECT_EQ(text("extern R of (A) { A[0] = R[0] }"), "te.extern.form");
  EXPECT_EQ(text("extern R of (A) { R[0] = A[0] } extern R of (A) { R[0] = A[0] }"), "te.func.form");
}

}  // namespace
}  // namespace tc::test
