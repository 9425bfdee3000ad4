#include <algorithm>

#include "op_check.h"

namespace tc::test {
namespace {

// Folds the elements of x that go to output index i.
double fold(const HostTensor& x, const Index& axes, bool keepdims, const Index& i, double start,
            const std::function<double(double, double)>& f) {
  double result = start;
  for_each_index(x.shape(), [&](const Index& full) {
    Index out;
    for (size_t d = 0; d < full.size(); ++d) {
      const bool reduced =
          axes.empty() || std::count(axes.begin(), axes.end(), static_cast<int64_t>(d)) ||
          std::count(axes.begin(), axes.end(), static_cast<int64_t>(d) - static_cast<int64_t>(full.size()));
      if (!reduced)
        out.push_back(full[d]);
      else if (keepdims)
        out.push_back(0);
    }
    if (out == i) result = f(result, at(x, full));
  });
  return result;
}

TEST(Reduce, OverAnyAxes) {
  struct T {
    Index shape, axes, out, kept;
  };
  for (const T& t : {T{{3, 5}, {1}, {3}, {3, 1}}, T{{3, 5}, {0}, {5}, {1, 5}}, T{{3, 5}, {}, {}, {1, 1}},
                     T{{2, 3, 5}, {-1, 0}, {3}, {1, 3, 1}}, T{{2, 3, 2, 2}, {1, 2}, {2, 2}, {2, 1, 1, 2}},
                     T{{4, 0}, {1}, {4}, {4, 1}}, T{{0, 3}, {1}, {0}, {0, 1}}, T{{}, {}, {}, {}}})
    for (const bool keep : {false, true}) {
      const Tensor x = placeholder(t.shape, kF64, "X");
      const Index out = keep ? t.kept : t.out;
      const op::ReduceOptions o{.axes = t.axes, .keepdims = keep};
      const auto check = [&](const Tensor& y, double start, double (*f)(double, double)) {
        expect_computes({x, y}, out, [&](const auto& in, const Index& i) {
          return fold(in[0], t.axes, keep, i, start, f);
        });
      };
      check(op::sum(x, o), 0, [](double a, double b) { return a + b; });
      check(op::prod(x, o), 1, [](double a, double b) { return a * b; });
      check(op::max(x, o), -INFINITY, [](double a, double b) { return std::max(a, b); });
      check(op::min(x, o), INFINITY, [](double a, double b) { return std::min(a, b); });
      expect_computes({x, op::mean(x, o)}, out, [&](const auto& in, const Index& i) {
        const double n = fold(in[0], t.axes, keep, i, 0, [](double a, double) { return a + 1; });
        return fold(in[0], t.axes, keep, i, 0, [](double a, double b) { return a + b; }) / n;
      });
    }
}

TEST(Reduce, NamesTheAxesThatAreLeft) {
  const Tensor y = op::sum(placeholder({2, 3, 4}), {.axes = {1}});
  EXPECT_EQ(y.op().axes[0]->name, "z");
  EXPECT_EQ(y.op().axes[1]->name, "x");
  EXPECT_EQ(y.op().reduce_axes()[0].var->name, "k");
  EXPECT_EQ(op::sum(placeholder({2, 3})).op().reduce_axes()[1].var->name, "k1");
}

TEST(Reduce, SumsSmallIntegersInI32) {
  const Tensor x = placeholder({3, 100}, kI8, "X");
  const Tensor y = op::sum(x, {.axes = {1}});
  EXPECT_EQ(y.dtype(), kI32);
  expect_computes(
      {x, y}, {3},
      [](const auto& in, const Index& i) {
        return fold(in[0], {1}, false, i, 0, [](double a, double b) { return a + b; });
      },
      0, Fill::uniform);
}

TEST(Reduce, FirstOfTheGreatestAndSmallest) {
  for (const DType type : {kF32, kI8, kU8})
    for (const int64_t axis : {0, -1})
      for (const bool keep : {false, true})
        for (const bool greatest : {true, false}) {
          const Tensor x = placeholder({7, 17}, type, "X");  // few values: many ties
          const op::ArgOptions o{.axis = axis, .keepdims = keep, .index = keep ? kI32 : kI64};
          const Tensor y = greatest ? op::argmax(x, o) : op::argmin(x, o);
          EXPECT_EQ(y.dtype(), o.index);
          const Index out = axis == 0 ? (keep ? Index{1, 17} : Index{17}) : (keep ? Index{7, 1} : Index{7});
          expect_computes({x, y}, out, [&](const auto& in, const Index& i) {
            int64_t best = 0;
            const int64_t row = i[axis == 0 && keep ? 1 : 0];
            const auto value = [&](int64_t k) {
              return axis == 0 ? at(in[0], {k, row}) : at(in[0], {row, k});
            };
            for (int64_t k = 0; k < (axis == 0 ? 7 : 17); ++k)
              if (greatest ? value(k) > value(best) : value(k) < value(best)) best = k;
            return static_cast<double>(best);
          });
        }
}

TEST(Reduce, RefusesWhatDoesNotFit) {
  const Tensor x = placeholder({2, 3});
  EXPECT_EQ(code_of([&] { (void)op::sum(x, {.axes = {2}}); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::sum(x, {.axes = {-3}}); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::sum(x, {.axes = {1, -1}}); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::sum(x, {.out = kI32}); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::sum(placeholder({2}, kBool)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::mean(placeholder({2}, kI32)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::argmax(placeholder({2, 0})); }), "te.op.empty");
  EXPECT_EQ(code_of([&] { (void)op::argmax(placeholder({})); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::argmax(x, {.index = kF32}); }), "te.op.dtype");
}

TEST(Softmax, AlongAnyAxis) {
  for (const int64_t axis : {0, 1, -1}) {
    const Tensor x = placeholder({3, 4, 5}, kF64, "X");
    const auto a = static_cast<size_t>(axis < 0 ? 2 : axis);
    const auto total = [&](const HostTensor& t, const Index& i) {
      double s = 0;
      Index j = i;
      for (j[a] = 0; j[a] < t.shape()[a]; ++j[a]) s += std::exp(at(t, j));
      return s;
    };
    expect_computes(
        {x, op::softmax(x, axis)}, {3, 4, 5},
        [&](const auto& in, const Index& i) { return std::exp(at(in[0], i)) / total(in[0], i); }, 1e-13);
    expect_computes(
        {x, op::log_softmax(x, axis)}, {3, 4, 5},
        [&](const auto& in, const Index& i) { return at(in[0], i) - std::log(total(in[0], i)); }, 1e-13);
  }
  const Graph g = Graph::of({op::softmax(placeholder({3, 4}))});
  ASSERT_EQ(g.ops.size(), 4u);
  EXPECT_EQ(g.ops[0]->name, "M");
  EXPECT_EQ(g.ops[1]->name, "E");
  EXPECT_EQ(g.ops[2]->name, "S");
  EXPECT_EQ(g.ops[2]->axes[0]->name, "y");
}

TEST(Softmax, LargeNumbersDoNotOverflow) {
  const Tensor x = placeholder({1, 3}, kF32, "X"), y = op::softmax(x);
  std::vector<HostTensor> data = make_args({x, y}, 0);
  for (int i = 0; i < 3; ++i) data[0].set(i, 1e30);
  ASSERT_FALSE(evaluate({x, y}, views_of(data)));
  EXPECT_FLOAT_EQ(static_cast<float>(data[1].get(0)), 1.0f / 3);
}

TEST(LayerNorm, OverTheLastAxes) {
  for (const int64_t axes : {1, 2})
    for (const bool affine : {false, true}) {
      const Tensor x = placeholder({3, 4, 5}, kF64, "X");
      const Index last = axes == 1 ? Index{5} : Index{4, 5};
      const Tensor gamma = affine ? placeholder(last, kF64, "gamma") : Tensor(),
                   beta = affine ? placeholder(last, kF64, "beta") : Tensor();
      const Tensor y = op::layer_norm(x, gamma, beta, {.axes = axes});
      const std::vector<Tensor> args = affine ? std::vector{x, gamma, beta, y} : std::vector{x, y};
      expect_computes(
          args, {3, 4, 5},
          [&](const auto& in, const Index& i) {
            double n = 0, sum = 0, squares = 0;
            const auto each = [&](const std::function<void(double)>& f) {
              for_each_index({3, 4, 5}, [&](const Index& j) {
                if (j[0] == i[0] && (axes == 2 || j[1] == i[1])) f(at(in[0], j));
              });
            };
            each([&](double v) { n += 1, sum += v; });
            each([&](double v) { squares += (v - sum / n) * (v - sum / n); });
            double v = (at(in[0], i) - sum / n) / std::sqrt(squares / n + 1e-5);
            const Index tail(i.end() - axes, i.end());
            if (affine) v = v * at(in[1], tail) + at(in[2], tail);
            return v;
          },
          1e-12);
    }
  const Tensor x = placeholder({3, 4});
  EXPECT_EQ(code_of([&] { (void)op::layer_norm(x, placeholder({3})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::layer_norm(x, {}, placeholder({4}, kF64)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::layer_norm(x, {}, {}, {.axes = 3}); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::layer_norm(placeholder({})); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::layer_norm(placeholder({3}, kI32)); }), "te.op.dtype");
}

TEST(BatchNorm, PerChannel) {
  for (const int64_t axis : {1, -1}) {
    const Tensor x = placeholder({2, 3, 4}, kF64, "X");
    const int64_t c = axis == 1 ? 3 : 4;
    const auto param = [&](const char* name) { return placeholder({c}, kF64, name); };
    const Tensor gamma = param("gamma"), beta = param("beta"), mean = param("mean"), var = param("var");
    expect_computes(
        {x, gamma, beta, mean, var, op::batch_norm(x, gamma, beta, mean, var, {.axis = axis})}, {2, 3, 4},
        [&](const auto& in, const Index& i) {
          const Index j{i[axis == 1 ? 1 : 2]};
          return (at(in[0], i) - at(in[3], j)) / std::sqrt(at(in[4], j) + 1e-5) * at(in[1], j) + at(in[2], j);
        },
        1e-13);
    EXPECT_EQ(code_of([&] {
                (void)op::batch_norm(x, gamma, beta, mean, placeholder({c + 1}, kF64), {.axis = axis});
              }),
              "te.op.shape");
    EXPECT_EQ(code_of([&] { (void)op::batch_norm(x, gamma, beta, mean, {}, {.axis = axis}); }), "te.op.rank");
  }
}

}  // namespace
}  // namespace tc::test
