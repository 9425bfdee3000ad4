#include "tc/te/scan.h"

#include <limits>

#include "op_check.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/verify.h"
#include "tc/te/workload.h"

namespace tc::test {
namespace {

// h(t) = 2 h(t-1) + x(t), from h0.
struct Line {
  Tensor x, h0, h;
  explicit Line(int64_t times, int64_t n = 3) {
    x = placeholder({times, n}, kF32, "X"), h0 = placeholder({1, n}, kF32, "H0");
    const Tensor s = scan_state({times, n}, kF32, "s");
    h = scan(h0, compute({times, n}, [&](Expr t, Expr i) { return s(t - 1, i) * 2 + x(t, i); }, "H"), s);
  }
};

TEST(Scan, RunsOverTime) {
  for (const int64_t times : {1, 2, 7}) {
    const Line l(times);
    expect_computes({l.x, l.h0, l.h}, {times, 3}, [](const auto& in, const Index& i) {
      double h = at(in[1], {0, i[1]});
      for (int64_t t = 1; t <= i[0]; ++t) h = 2 * h + at(in[0], {t, i[1]});
      return h;
    });
  }
}

TEST(Scan, OfNoTimesOrNoElements) {
  const Line none(0), thin(4, 0);
  EXPECT_EQ(run({none.x, none.h0, none.h})[2].size(), 0);
  EXPECT_EQ(run({thin.x, thin.h0, thin.h})[2].size(), 0);
}

TEST(Scan, StagesOfAStepAndSeveralStates) {
  // fibonacci beside its running greatest element; the step goes through a reduction
  const int64_t times = 9;
  const Tensor a0 = placeholder({2, 2}, kI64, "A0"), b0 = placeholder({2}, kI64, "B0");
  const Tensor a = scan_state({times, 2}, kI64, "a"), b = scan_state({times}, kI64, "b");
  const ReduceAxis k = reduce_axis(1, 3, "k");
  const Tensor next = compute({times, 2}, [&](Expr t, Expr i) { return sum(a(t - Expr(k), i), k); }, "A");
  const Tensor most = compute({times}, [&](Expr t) { return max(next(t, 0), next(t, 1)); }, "M");
  const Tensor greatest = compute({times}, [&](Expr t) { return max(most(t), b(t - 1)); }, "B");
  const auto out = scan({a0, b0}, {next, greatest}, {a, b});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].name(), "A");
  std::vector<HostTensor> data = make_args({a0, b0, out[0], out[1]}, 1);
  for (int i = 0; i < 4; ++i) data[0].set(i, i < 2 ? 0 : i - 1);  // (0, 0), (1, 2)
  data[1].set(0, 5), data[1].set(1, 7);
  const Check error = evaluate({a0, b0, out[0], out[1]}, views_of(data));
  ASSERT_FALSE(error) << error->str();
  const double fib[] = {0, 1, 1, 2, 3, 5, 8, 13, 21};
  double best = 7;
  for (int t = 0; t < times; ++t) {
    EXPECT_EQ(at(data[2], {t, 0}), fib[t]);
    EXPECT_EQ(at(data[2], {t, 1}), 2 * fib[t]);
    if (t >= 2) best = std::max(best, 2 * fib[t]);
    EXPECT_EQ(at(data[3], {t}), t == 0 ? 5 : best);
  }
}

TEST(Scan, TextFormRoundTrips) {
  const Line l(5);
  const std::string text = ir::to_string(to_func(Graph::of({l.h}), {l.x, l.h0, l.h}));
  EXPECT_EQ(text,
            "func main(X: f32[5, 3], H0: f32[1, 3], H: f32[5, 3]) {\n"
            "  scan {\n"
            "    compute H[y, x] = if_then_else(y < 1, H0[0, x], H[y - 1, x] * 2.0 + X[y, x])\n"
            "  }\n"
            "}");
  for (const char* workload :
       {"lstm t=3 b=2 k=5 n=4", "gru t=3 b=2 k=5 n=4 bias=1", "cumsum shape=2x3x4 axis=1"}) {
    const WorkloadGraph g = parse_workload(workload).value().build();
    const FuncRef f = to_func(g.graph, g.args);
    EXPECT_FALSE(ir::verify(f, ir::Form::te));
    const auto again = from_func(ir::parse_func(ir::to_string(f)).value());
    ASSERT_TRUE(again) << again.error().str();
    const FuncRef back = to_func(Graph::of(again.value().outputs), again.value().args);
    EXPECT_EQ(ir::to_string(back), ir::to_string(f));
    std::vector<HostTensor> x = make_args(g.args, 3), y = make_args(again.value().args, 3);
    ASSERT_FALSE(evaluate(g.args, views_of(x)));
    ASSERT_FALSE(evaluate(again.value().args, views_of(y)));
    for (int64_t i = 0; i < x.back().size(); ++i) EXPECT_EQ(x.back().get(i), y.back().get(i));
  }
}

TEST(Scan, SingleElementsAgreeWithTheWhole) {
  for (const char* workload : {"lstm t=4 b=2 k=3 n=3", "cumsum m=5 n=6 axis=0", "cumsum m=5 n=6 axis=1"}) {
    const WorkloadGraph g = parse_workload(workload).value().build();
    std::vector<HostTensor> data = make_args(g.args, 1);
    const Tensor& out = g.outputs[0];
    const auto indices = random_indices(out, 8, 1);
    const auto values = evaluate_at(g.args, out, indices, views_of(data));
    ASSERT_TRUE(values) << values.error().str();
    for (int64_t i = 0; i < data.back().size(); ++i)
      EXPECT_EQ(static_cast<const unsigned char*>(data.back().data())[i], 0xa5) << "an argument was written";
    ASSERT_FALSE(evaluate(g.args, views_of(data)));
    for (size_t i = 0; i < indices.size(); ++i)
      EXPECT_EQ(values.value()[i].as_double(), at(data.back(), indices[i]));
  }
}

// ---- what is refused

std::string scan_code(const std::function<Expr(const Tensor& s, const Expr& t, const Expr& i)>& step,
                      const Index& init = {1, 3}, DType type = kF32) {
  const Tensor s = scan_state({5, 3}, kF32, "s"), h0 = placeholder(init, type, "H0");
  return code_of(
      [&] { (void)scan(h0, compute({5, 3}, [&](Expr t, Expr i) { return step(s, t, i); }, "H"), s); });
}

TEST(Scan, ReadsOfTheFutureAreRefused) {
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(t - 1, i); }), "no error");
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(t, i); }), "te.scan.future");
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(min(t + 1, ir::int_imm(4)), i); }),
            "te.scan.future");
  EXPECT_EQ(scan_code([](auto& s, auto&, auto& i) { return s(0, i); }), "no error");
  EXPECT_EQ(scan_code([](auto& s, auto&, auto& i) { return s(1, i); }), "te.scan.future");
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(t / 2, i); }), "no error");
  // through a place that only memory knows
  const Tensor at = placeholder({5}, kI32, "I");
  EXPECT_EQ(scan_code([&](auto& s, auto& t, auto& i) {
              return s(max(min(cast(kI64, at(t)), ir::int_imm(4)), ir::int_imm(0)), i);
            }),
            "te.scan.future");
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(t - 2, i); }), "te.bounds");
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(t - 2, i); }, {2, 3}), "no error");
  EXPECT_EQ(scan_code([](auto& s, auto& t, auto& i) { return s(t - 1, i + 1); }), "te.bounds");
}

TEST(Scan, PartsMustGoTogether) {
  const auto step = [](auto& s, auto& t, auto& i) { return s(t - 1, i); };
  EXPECT_EQ(scan_code(step, {1, 4}), "te.scan.shape");
  EXPECT_EQ(scan_code(step, {3}), "te.scan.shape");
  EXPECT_EQ(scan_code(step, {0, 3}), "te.scan.shape");
  EXPECT_EQ(scan_code(step, {1, 3}, kF64), "te.scan.shape");
  const Tensor s = scan_state({5, 3}, kF32, "s"), p = placeholder({5, 3}, kF32, "P"),
               h0 = placeholder({1, 3}, kF32, "H0");
  const Tensor u = compute({5, 3}, [&](Expr t, Expr i) { return s(t - 1, i); }, "U");
  EXPECT_EQ(code_of([&] { (void)scan(h0, u, p); }), "te.scan.state");
  EXPECT_EQ(code_of([&] { (void)scan(h0, p, s); }), "te.scan.state");
  EXPECT_EQ(code_of([&] { (void)scan({h0, h0}, {u, u}, {s, s}); }), "te.scan.state");
  EXPECT_EQ(code_of([&] { (void)scan({h0}, {u}, std::vector<Tensor>{}); }), "te.scan.count");
  EXPECT_EQ(code_of([&] { (void)scan(std::vector<Tensor>{}, std::vector<Tensor>{}, std::vector<Tensor>{}); }),
            "te.scan.count");
  EXPECT_EQ(code_of([&] { (void)Graph::of({u}); }), "te.scan.open");
  EXPECT_EQ(code_of([&] { (void)scan(compute({1, 3}, [&](Expr, Expr i) { return s(0, i); }, "I"), u, s); }),
            "te.scan.init");
  // a stage without time, and one read at another time
  const Tensor whole = compute({3}, [&](Expr i) { return s(0, i); }, "W");
  const Tensor v = compute({5, 3}, [&](Expr, Expr i) { return whole(i); }, "V");
  EXPECT_EQ(code_of([&] { (void)scan(h0, v, s); }), "te.scan.time");
  const Tensor last = compute({5, 3}, [&](Expr t, Expr i) { return u(t - 1, i) + s(t - 1, i); }, "L");
  EXPECT_EQ(code_of([&] { (void)scan(h0, last, s); }), "te.scan.time");
  // a scan inside a scan
  const Tensor q = scan_state({5, 3}, kF32, "q");
  const Tensor inner =
      scan(h0, compute({5, 3}, [&](Expr t, Expr i) { return q(t - 1, i) + s(t - 1, i); }, "Q"), q);
  EXPECT_EQ(
      code_of([&] { (void)scan(h0, compute({5, 3}, [&](Expr t, Expr i) { return inner(t, i); }, "Z"), s); }),
      "te.scan.nested");
}

TEST(Scan, TextIsCheckedToo) {
  const auto code = [](const std::string& body) {
    const auto f = ir::parse_func("func f(A: f32[4, 3], H: f32[4, 3]) {\n  scan {\n" + body + "\n  }\n}");
    if (!f) return f.error().code();
    const auto g = from_func(f.value());
    return g ? std::string("no error") : g.error().code();
  };
  EXPECT_EQ(code("compute H[t, i] = if_then_else(t < 1, 0.0, H[t - 1, i] + A[t, i])"), "no error");
  EXPECT_EQ(code("compute H[t, i] = if_then_else(t < 3, H[t + 1, i], A[t, i])"), "te.scan.future");
  EXPECT_EQ(code("compute H[t, i] = H[t, i]"), "te.scan.future");
  EXPECT_EQ(code("compute H[t, i] = H[t - 1, i]"), "te.bounds");
  EXPECT_EQ(code("compute H[t, i] = A[t, i]\n compute H[t, i] = A[t, i]"), "te.func.form");
  EXPECT_EQ(code(""), "ir.scan");
  EXPECT_EQ(code("H[0, 0] = 1.0"), "ir.scan");
}

// ---- operators

TEST(Cumsum, AlongAnyAxis) {
  for (const int64_t axis : {0, 1, -1}) {
    const Tensor x = placeholder({3, 4, 5}, kF32, "X");
    const auto a = static_cast<size_t>(axis < 0 ? 2 : axis);
    expect_computes({x, op::cumsum(x, axis)}, {3, 4, 5}, [&](const auto& in, const Index& i) {
      double s = 0;
      Index j = i;
      for (j[a] = 0; j[a] <= i[a]; ++j[a]) s += at(in[0], j);
      return s;
    });
  }
  EXPECT_EQ(op::cumsum(placeholder({3}, kI8)).dtype(), kI32);
  const Tensor none = placeholder({2, 0}, kF32, "X");
  EXPECT_EQ(run({none, op::cumsum(none)})[1].size(), 0);
  EXPECT_EQ(code_of([] { (void)op::cumsum(placeholder({})); }), "te.op.axis");
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Lstm, IsItsEquations) {
  const int64_t T = 4, B = 2, K = 3, N = 5;
  const Tensor x = placeholder({T, B, K}, kF64, "X"), w = placeholder({4 * N, K}, kF64, "W"),
               u = placeholder({4 * N, N}, kF64, "U"), bias = placeholder({4 * N}, kF64, "bias"),
               h0 = placeholder({B, N}, kF64, "h0"), c0 = placeholder({B, N}, kF64, "c0");
  for (const bool full : {true, false}) {
    const op::Recurrent r = full ? op::lstm(x, w, u, {.bias = bias, .h0 = h0, .c0 = c0}) : op::lstm(x, w, u);
    std::vector<Tensor> args = full ? std::vector{x, w, u, bias, h0, c0} : std::vector{x, w, u};
    for (const Tensor& t : {r.c, r.h, r.y}) args.push_back(t);
    const auto d = run(args, Fill::uniform);
    const auto& last_c = d[d.size() - 3];
    const auto& last_h = d[d.size() - 2];
    const auto& y = d.back();
    for (int64_t b = 0; b < B; ++b) {
      std::vector<double> h(N), c(N);
      if (full)
        for (int64_t n = 0; n < N; ++n)
          h[static_cast<size_t>(n)] = at(d[4], {b, n}), c[static_cast<size_t>(n)] = at(d[5], {b, n});
      for (int64_t t = 0; t < T; ++t) {
        std::vector<double> nh(N), nc(N);
        for (int64_t n = 0; n < N; ++n) {
          double g[4];
          for (int64_t q = 0; q < 4; ++q) {
            g[q] = full ? at(d[3], {q * N + n}) : 0;
            for (int64_t k = 0; k < K; ++k) g[q] += at(d[0], {t, b, k}) * at(d[1], {q * N + n, k});
            for (int64_t k = 0; k < N; ++k) g[q] += h[static_cast<size_t>(k)] * at(d[2], {q * N + n, k});
          }
          const auto i = static_cast<size_t>(n);
          nc[i] = sigmoid(g[1]) * c[i] + sigmoid(g[0]) * std::tanh(g[2]);
          nh[i] = sigmoid(g[3]) * std::tanh(nc[i]);
          EXPECT_NEAR(at(y, {t, b, n}), nh[i], 1e-13);
        }
        h = nh, c = nc;
      }
      for (int64_t n = 0; n < N; ++n) {
        EXPECT_NEAR(at(last_h, {b, n}), h[static_cast<size_t>(n)], 1e-13);
        EXPECT_NEAR(at(last_c, {b, n}), c[static_cast<size_t>(n)], 1e-13);
      }
    }
  }
}

TEST(Gru, IsItsEquations) {
  const int64_t T = 3, B = 2, K = 3, N = 4;
  const Tensor x = placeholder({T, B, K}, kF64, "X"), w = placeholder({3 * N, K}, kF64, "W"),
               u = placeholder({3 * N, N}, kF64, "U"), bias = placeholder({3 * N}, kF64, "bias"),
               rb = placeholder({3 * N}, kF64, "rb"), h0 = placeholder({B, N}, kF64, "h0");
  const op::Recurrent r = op::gru(x, w, u, {.bias = bias, .recurrent_bias = rb, .h0 = h0});
  const auto d = run({x, w, u, bias, rb, h0, r.h, r.y}, Fill::uniform);
  for (int64_t b = 0; b < B; ++b) {
    std::vector<double> h(N);
    for (int64_t n = 0; n < N; ++n) h[static_cast<size_t>(n)] = at(d[5], {b, n});
    for (int64_t t = 0; t < T; ++t) {
      std::vector<double> next(N);
      for (int64_t n = 0; n < N; ++n) {
        double in[3], st[3];
        for (int64_t q = 0; q < 3; ++q) {
          in[q] = at(d[3], {q * N + n}), st[q] = at(d[4], {q * N + n});
          for (int64_t k = 0; k < K; ++k) in[q] += at(d[0], {t, b, k}) * at(d[1], {q * N + n, k});
          for (int64_t k = 0; k < N; ++k) st[q] += h[static_cast<size_t>(k)] * at(d[2], {q * N + n, k});
        }
        const double reset = sigmoid(in[0] + st[0]), z = sigmoid(in[1] + st[1]);
        const double fresh = std::tanh(in[2] + reset * st[2]);
        next[static_cast<size_t>(n)] = (1 - z) * fresh + z * h[static_cast<size_t>(n)];
        EXPECT_NEAR(at(d[7], {t, b, n}), next[static_cast<size_t>(n)], 1e-13);
      }
      h = next;
    }
    for (int64_t n = 0; n < N; ++n) EXPECT_NEAR(at(d[6], {b, n}), h[static_cast<size_t>(n)], 1e-13);
  }
}

TEST(Recurrent, RefusesWhatDoesNotFit) {
  const Tensor x = placeholder({3, 2, 5}), w = placeholder({16, 5}), u = placeholder({16, 4});
  EXPECT_EQ(code_of([&] { (void)op::lstm(x, u, u); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::lstm(x, w, placeholder({12, 4})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::lstm(placeholder({3, 5}), w, u); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::lstm(placeholder({3, 2, 5}, kI32), w, u); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::lstm(x, w, u, {.bias = placeholder({15})}); }), "te.op.shape");
  EXPECT_EQ(code_of([&] {
              (void)op::gru(x, placeholder({12, 5}), placeholder({12, 4}), {.c0 = placeholder({2, 4})});
            }),
            "te.op.attr");
  const Tensor none = placeholder({0, 2, 5});
  EXPECT_EQ(run({none, w, u, op::lstm(none, w, u).y})[3].size(), 0);
}

}  // namespace
}  // namespace tc::test
