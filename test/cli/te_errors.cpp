// Expressions and operators put together wrongly.
#include "error_cases.h"
#include "tc/ir/parse.h"
#include "tc/te/extern.h"
#include "tc/te/graph.h"
#include "tc/te/ops.h"
#include "tc/te/reducer.h"
#include "tc/te/scan.h"

namespace tc::test {
namespace {

const auto kOne = [] { return ir::float_imm(1); };
Tensor square(const char* name) { return placeholder({4, 4}, kF32, name); }
Tensor plus_one(const Tensor& a, const char* name) {
  return compute({4, 4}, [&](Expr y, Expr x) { return a(y, x) + kOne(); }, name);
}

void reducer_of(const Combine& combine, double identity, const Where& where = nullptr) {
  (void)reducer("mine", {kF32}, combine, {ir::float_imm(identity)}, where);
}

void extern_of(const char* text) {
  (void)extern_func(ir::parse_func(text).value(), {placeholder({4}, kF32, "X")});
}

Tensor initial() { return placeholder({1, 4}, kF32, "H0"); }
void scan_of(const std::function<Expr(const Tensor&, const Expr&, const Expr&)>& step) {
  const Tensor s = scan_state({4, 4}, kF32, "s");
  (void)scan(initial(), compute({4, 4}, [&](Expr t, Expr i) { return step(s, t, i); }, "H"), s);
}

std::vector<ErrorCase> expressions() {
  return {
      {"te.name", "placeholder({4}, kF32, \"x, y\")", [] { (void)placeholder({4}, kF32, "x, y"); }},
      {"te.shape.negative", "placeholder({-1, 4}, kF32, \"A\")",
       [] { (void)placeholder({-1, 4}, kF32, "A"); }},
      {"te.shape.overflow", "placeholder({2^40, 2^40}, kF32, \"A\")",
       [] { (void)placeholder({int64_t{1} << 40, int64_t{1} << 40}, kF32, "A"); }},
      {"te.shape.rank", "a placeholder of 33 dimensions",
       [] { (void)placeholder(std::vector<int64_t>(33, 1), kF32, "A"); }},
      {"te.axis.negative", "reduce_axis(0, -4, \"k\")", [] { (void)reduce_axis(0, -4, "k"); }},
      {"te.axis.range", "reduce_axis(-2^62, 2^62, \"k\")",
       [] { (void)reduce_axis(-(int64_t{1} << 62), int64_t{1} << 62, "k"); }},
      {"te.tensor.rank", "A(i) of a matrix A",
       [] {
         const Tensor A = square("A");
         (void)compute({4}, [&](Expr i) { return A(i); }, "T");
       }},
      {"te.tensor.empty", "Tensor()(i)",
       [] {
         const Tensor none;
         (void)compute({4}, [&](Expr i) { return none(i); }, "T");
       }},
      {"te.compute.axes", "compute({4, 4}, [](Expr i) { ... })",
       [] { (void)compute({4, 4}, [](Expr) { return kOne(); }, "T"); }},
      {"te.compute.outputs", "compute_many of two names and one value",
       [] { (void)compute_many({4}, [](const Axes&) { return std::vector<Expr>{kOne()}; }, {"P", "Q"}); }},
      {"te.reduce.nested", "sum(A(i, k), k) + 1 as the value of a compute",
       [] {
         const Tensor A = square("A");
         const ReduceAxis k = reduce_axis(0, 4, "k");
         (void)compute({4}, [&](Expr i) { return sum(A(i, k), k) + kOne(); }, "T");
       }},
      {"te.axis.free", "compute({4}, [&](Expr i) { return A(i, k); }, \"C\")",
       [] {
         const Tensor A = placeholder({4, 4}, kF32, "A");
         const ReduceAxis k = reduce_axis(0, 4, "k");
         (void)compute({4}, [&](Expr i) { return A(i, k); }, "C");
       }},
      {"te.reduce.axes", "sum(e, {})", [] { (void)sum(kOne(), std::vector<ReduceAxis>{}); }},
      {"te.reducer.associative", "reducer(\"mine\", {kF32}, a - b, {0})",
       [] { reducer_of([](const State& a, const State& b) { return State{a[0] - b[0]}; }, 0); }},
      {"te.reducer.commutative", "reducer(\"mine\", {kF32}, a, {0})",
       [] { reducer_of([](const State& a, const State&) { return a; }, 0); }},
      {"te.reducer.identity", "reducer(\"mine\", {kF32}, a + b, {1})",
       [] { reducer_of([](const State& a, const State& b) { return State{a[0] + b[0]}; }, 1); }},
      {"te.reducer.where", "a reducer of the states of which a < 2 holds, with a + b",
       [] {
         reducer_of([](const State& a, const State& b) { return State{a[0] + b[0]}; }, 0,
                    [](const State& s) { return s[0] < 2; });
       }},
      {"te.reducer.unchecked", "a reducer of a % b",
       [] { reducer_of([](const State& a, const State& b) { return State{a[0] % b[0]}; }, 0); }},
      {"te.reducer.form", "a reducer that reads a tensor",
       [] {
         const Tensor A = square("A");
         reducer_of([&](const State& a, const State& b) { return State{a[0] + b[0] * A(0, 0)}; }, 0);
       }},
      {"te.scan.future", "scan of an update that reads its state at its own time",
       [] { scan_of([](const Tensor& s, const Expr& t, const Expr& i) { return s(t, i); }); }},
      {"te.scan.time", "scan through a stage that is read a step later",
       [] {
         const Tensor s = scan_state({4, 4}, kF32, "s");
         const Tensor G = compute({4, 4}, [&](Expr t, Expr i) { return s(t - 1, i); }, "G");
         (void)scan(initial(), compute({4, 4}, [&](Expr t, Expr i) { return G(t - 1, i); }, "H"), s);
       }},
      {"te.scan.shape", "scan with an initial value of another width",
       [] {
         const Tensor s = scan_state({4, 4}, kF32, "s");
         const Tensor H = compute({4, 4}, [&](Expr t, Expr i) { return s(t - 1, i); }, "H");
         (void)scan(placeholder({1, 3}, kF32, "H0"), H, s);
       }},
      {"te.scan.state", "scan with a placeholder as state",
       [] {
         const Tensor s = square("s");
         (void)scan(initial(), plus_one(s, "H"), s);
       }},
      {"te.scan.count", "scan of two initial values and one update",
       [] {
         const Tensor s = scan_state({4, 4}, kF32, "s");
         (void)scan({initial(), initial()}, {plus_one(s, "H")}, {s});
       }},
      {"te.scan.init", "scan from an initial value that reads the state",
       [] {
         const Tensor s = scan_state({4, 4}, kF32, "s");
         const Tensor I = compute({1, 4}, [&](Expr, Expr i) { return s(0, i); }, "I");
         (void)scan(I, compute({4, 4}, [&](Expr t, Expr i) { return s(t - 1, i); }, "H"), s);
       }},
      {"te.scan.nested", "a scan through another that reads its state",
       [] {
         const Tensor s = scan_state({4, 4}, kF32, "s"), q = scan_state({4, 4}, kF32, "q");
         const auto both = [&](Expr t, Expr i) { return q(t - 1, i) + s(t - 1, i); };
         const Tensor Q = scan(initial(), compute({4, 4}, both, "Q"), q);
         (void)scan(initial(), compute({4, 4}, [&](Expr t, Expr i) { return Q(t, i); }, "H"), s);
       }},
      {"te.scan.open", "Graph::of an update without its scan",
       [] {
         const Tensor s = scan_state({4, 4}, kF32, "s");
         (void)Graph::of({plus_one(s, "H")});
       }},
      {"te.extern.unwritten", "extern_func that leaves out its last element",
       [] {
         const auto f =
             ir::parse_func("func f(A: f32[8], R: f32[8]) { for i in [0, +7) { R[i] = A[7 - i] } }");
         (void)extern_func(f.value(), {placeholder({8}, kF32, "X")});
       }},
      {"te.extern.form", "extern_func with a parallel loop",
       [] { extern_of("func f(A: f32[4], R: f32[4]) { for i in [0, +4) parallel { R[i] = A[i] } }"); }},
      {"te.extern.input", "extern_func of a vector, given a matrix",
       [] {
         (void)extern_func(ir::parse_func("func f(A: f32[4], R: f32[4]) { R[0] = A[0] }").value(),
                           {square("X")});
       }},
      {"te.bounds", "extern_func that stores beyond its output",
       [] { extern_of("func f(A: f32[4], R: f32[4]) { for i in [0, +4) { R[i + 1] = A[i] } }"); }},
      {"te.dtype", "a placeholder of vectors", [] { (void)placeholder({4}, kF32.with_lanes(4), "A"); }},
      {"ir.type", "exp of an integer", [] { (void)exp(ir::int_imm(1)); }},
      {"te.graph.outputs", "Graph::of an input", [] { (void)Graph::of({square("A")}); }},
      {"te.value.size", "x = x + x, twenty times, from an element of A",
       [] {
         const Tensor A = square("A");
         (void)compute({4, 4}, [&](Expr y, Expr x) {
           Expr e = A(y, x);
           for (int n = 0; n < 20; ++n) e = e + e;
           return e;
         });
       }},
      {"te.shape.extent", "placeholder({100 / n}) of a size n that may be 0",
       [] {
         const VarRef n = size_var("n");
         (void)placeholder({100 / Expr(n)}, kF32, "A");
       }},
      {"te.args.missing", "to_func without the input",
       [] {
         const Tensor A = square("A"), C = plus_one(A, "C");
         (void)to_func(Graph::of({C}), {C});
       }},
      {"te.args.twice", "to_func with an argument twice",
       [] {
         const Tensor A = square("A"), C = plus_one(A, "C");
         (void)to_func(Graph::of({C}), {A, A, C});
       }},
      {"te.args.unused", "to_func with an argument that nothing reads",
       [] {
         const Tensor A = square("A"), B = square("B"), C = plus_one(A, "C");
         (void)to_func(Graph::of({C}), {A, B, C});
       }},
      {"te.shape.symbolic", "from_func of a function with an extent n - 1",
       [] {
         (void)from_func(
             ir::parse_func("func main(A: f32[n], C: f32[n - 1]) {\n  compute C[i] = A[i]\n}").value())
             .value();
       }},
      {"te.shape.extent", "placeholder({4, i + 1}) of an axis i",
       [] { (void)placeholder({4, Expr(ir::var("i")) + 1}, kF32, "A"); }},
      {"te.size.least", "size_var(\"n\", -1)", [] { (void)size_var("n", -1); }},
      {"te.size.unknown", "bind_sizes of a computation of n elements, given another size_var(\"n\")",
       [] {
         const Tensor A = placeholder({Expr(size_var("n"))}, kF32, "A");
         (void)bind_sizes(
             {A, compute({A.dim(0)}, [&](Expr i) { return A(i) + kOne(); }, "C")}, {{size_var("n"), 4}});
       }},
      {"te.size.unbound", "a computation of 2 * n elements of an input of 2 * n",
       [] {
         const VarRef n = size_var("n");
         const Tensor A = placeholder({Expr(n) * 2}, kF32, "A");
         const Tensor C = compute({Expr(n) * 2}, [&](Expr i) { return A(i) + kOne(); }, "C");
         (void)to_func(Graph::of({C}), {A, C});
       }},
      {"te.tensor.foreign", "compute from an element of ir::buffer(\"B\", ...)",
       [] {
         const ir::BufferRef b = ir::buffer("B", kF32, {ir::int_imm(4)});
         (void)Graph::of({compute({4}, [&](Expr i) { return ir::load(b, {i}); }, "C")});
       }},
      {"te.bounds", "compute({4, 4}, [&](Expr y, Expr x) { return A(y, x + 1); }, \"C\") of a 4x4 A",
       [] {
         const Tensor A = square("A");
         (void)Graph::of({compute({4, 4}, [&](Expr y, Expr x) { return A(y, x + 1); }, "C")});
       }},
      {"te.overflow", "compute({4}, [&](Expr i) { return i * ir::int_imm(1ll << 62) / 3; }, \"C\")",
       [] { (void)compute({4}, [&](Expr i) { return i * ir::int_imm(int64_t{1} << 62) / 3; }, "C"); }},
      {"te.assume", "compute({4}, [&](Expr i) { return assume(i >= 4, A(i, 0)); }, \"C\")",
       [] {
         const Tensor A = square("A");
         (void)compute({4}, [&](Expr i) { return assume(i >= 4, A(i, 0)); }, "C");
       }},
      {"te.bounds", "compute({4}, [&](Expr i) { return A(I(i), 0); }, \"C\") of a 4x4 A and an I of i32[4]",
       [] {
         const Tensor A = square("A"), I = placeholder({4}, kI32, "I");
         (void)compute({4}, [&](Expr i) { return A(I(i), 0); }, "C");
       }},
      {"te.func.form", "from_func of loops",
       [] {
         (void)from_func(
             ir::parse_func(
                 "func main(A: f32[4], C: f32[4]) {\n  for i in [0, +4) {\n    C[i] = A[i]\n  }\n}")
                 .value())
             .value();
       }},
  };
}

std::vector<ErrorCase> operators() {
  const auto image = [] { return placeholder({1, 8, 8, 4}, kF32, "X"); };
  return {
      {"te.op.shape", "op::matmul of 4x4 and 5x4",
       [] { (void)op::matmul(square("A"), placeholder({5, 4}, kF32, "B")); }},
      {"te.op.rank", "op::conv2d of a matrix",
       [] { (void)op::conv2d(square("X"), placeholder({3, 3, 4, 8}, kF32, "W")); }},
      {"te.op.dtype", "op::softmax of integers", [] { (void)op::softmax(placeholder({4, 4}, kI32, "X")); }},
      {"te.op.axis", "op::softmax over axis 2 of a matrix", [] { (void)op::softmax(square("X"), 2); }},
      {"te.op.attr", "op::conv2d with stride 0",
       [image] {
         (void)op::conv2d(image(), placeholder({3, 3, 4, 8}, kF32, "W"), {}, {.stride = op::Pair(0)});
       }},
      {"te.op.empty", "op::argmax of no elements", [] { (void)op::argmax(placeholder({0}, kF32, "X")); }},
  };
}

}  // namespace

ErrorFamily te_errors() {
  ErrorFamily f{"te", expressions()};
  for (ErrorCase& c : operators()) f.cases.push_back(std::move(c));
  return f;
}

}  // namespace tc::test
