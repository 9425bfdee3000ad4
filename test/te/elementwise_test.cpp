#include "op_check.h"

namespace tc::test {
namespace {

using Unary = Tensor (*)(const Tensor&, const std::string&);
using Binary = Tensor (*)(const Tensor&, const Tensor&, const std::string&);

TEST(Elementwise, FunctionsOfOneTensor) {
  const std::pair<Unary, double (*)(double)> kAll[] = {
      {op::exp, [](double x) { return std::exp(x); }},
      {op::log, [](double x) { return std::log(x); }},
      {op::sqrt, [](double x) { return std::sqrt(x); }},
      {op::rsqrt, [](double x) { return 1 / std::sqrt(x); }},
      {op::tanh, [](double x) { return std::tanh(x); }},
      {op::erf, [](double x) { return std::erf(x); }},
      {op::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {op::sin, [](double x) { return std::sin(x); }},
      {op::cos, [](double x) { return std::cos(x); }},
      {op::floor, [](double x) { return std::floor(x); }},
      {op::ceil, [](double x) { return std::ceil(x); }},
      {op::round, [](double x) { return std::nearbyint(x); }},
      {op::abs, [](double x) { return std::abs(x); }},
      {op::neg, [](double x) { return -x; }},
      {op::relu, [](double x) { return std::max(x, 0.0); }},
      {op::gelu, [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
      {op::silu, [](double x) { return x / (1 + std::exp(-x)); }},
  };
  for (const auto& [f, reference] : kAll) {
    const Tensor x = placeholder({3, 5}, kF64, "X");
    const auto ref = reference;
    expect_computes(
        {x, f(x, "")}, {3, 5}, [&](const auto& in, const Index& i) { return ref(at(in[0], i)); }, 1e-14,
        Fill::uniform);
  }
  EXPECT_EQ(op::exp(placeholder({2})).name(), "exp");
  EXPECT_EQ(op::exp(placeholder({2}), "E").name(), "E");
}

TEST(Elementwise, FunctionsOfTwoTensorsBroadcast) {
  const std::pair<Binary, double (*)(double, double)> kAll[] = {
      {op::add, [](double a, double b) { return a + b; }},
      {op::sub, [](double a, double b) { return a - b; }},
      {op::mul, [](double a, double b) { return a * b; }},
      {op::div, [](double a, double b) { return a / b; }},
      {op::maximum, [](double a, double b) { return std::max(a, b); }},
      {op::minimum, [](double a, double b) { return std::min(a, b); }},
      {op::pow, [](double a, double b) { return std::pow(a, b); }},
  };
  const std::tuple<Index, Index, Index> kShapes[] = {
      {{3, 4}, {3, 4}, {3, 4}},       {{3, 4}, {4}, {3, 4}}, {{4}, {3, 1}, {3, 4}}, {{}, {2, 3}, {2, 3}},
      {{2, 1, 4}, {5, 1}, {2, 5, 4}}, {{0, 3}, {1}, {0, 3}}, {{}, {}, {}},
  };
  for (const auto& [f, reference] : kAll)
    for (const auto& [sa, sb, out] : kShapes) {
      const Tensor a = placeholder(sa, kF64, "A"), b = placeholder(sb, kF64, "B");
      const auto ref = reference;
      const auto pick = [](const HostTensor& t, Index i) {
        i.erase(i.begin(), i.end() - static_cast<std::ptrdiff_t>(t.shape().size()));
        for (size_t d = 0; d < i.size(); ++d)
          if (t.shape()[d] == 1) i[d] = 0;
        return at(t, i);
      };
      expect_computes(
          {a, b, f(a, b, "")}, out,
          [&](const auto& in, const Index& i) { return ref(pick(in[0], i), pick(in[1], i)); }, 1e-14);
    }
}

TEST(Elementwise, IntegerDivisionFloors) {
  const Tensor a = placeholder({50}, kI32, "A"), b = placeholder({50}, kI32, "B");
  expect_computes({a, b, op::div(a, b)}, {50},
                  [](const auto& in, const Index& i) { return std::floor(at(in[0], i) / at(in[1], i)); });
}

TEST(Elementwise, ClipCastAndBroadcast) {
  const Tensor x = placeholder({4, 3}, kI8, "X");
  expect_computes({x, op::clip(x, -1, 2)}, {4, 3},
                  [](const auto& in, const Index& i) { return std::clamp(at(in[0], i), -1.0, 2.0); });
  expect_computes({x, op::cast(x, kF32)}, {4, 3},
                  [](const auto& in, const Index& i) { return at(in[0], i); });
  expect_computes({x, op::cast(x, kU8)}, {4, 3},
                  [](const auto& in, const Index& i) { return at(in[0], i) + (at(in[0], i) < 0 ? 256 : 0); });
  const Tensor row = placeholder({1, 3}, kF32, "R");
  expect_computes({row, op::broadcast_to(row, {2, 4, 3})}, {2, 4, 3},
                  [](const auto& in, const Index& i) { return at(in[0], {0, i[2]}); });
}

TEST(Elementwise, RefusesWhatDoesNotFit) {
  const Tensor f = placeholder({2, 3}), i = placeholder({2, 3}, kI32), b = placeholder({2, 3}, kBool);
  EXPECT_EQ(code_of([&] { (void)op::exp(i); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::relu(b); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::abs(Tensor()); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::add(f, i); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::add(b, b); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::add(f, placeholder({3, 2})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::add(placeholder({0}), placeholder({2})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::pow(i, i); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::clip(i, 0.5, 2); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::clip(placeholder({2}, kI8), 0, 300); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::clip(f, 2, 1); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::clip(f, NAN, 1); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::cast(f, kF32.with_lanes(4)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::broadcast_to(f, {3, 3}); }), "te.op.shape");
}

}  // namespace
}  // namespace tc::test
