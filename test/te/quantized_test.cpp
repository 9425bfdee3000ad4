#include "tc/te/ops_quantized.h"

#include "op_check.h"

namespace tc::test {
namespace {

using op::Layout, op::Requantize;

// The definition, written out in 64 bits and cut to 32.
double requantized(int64_t sum, const Requantize& q) {
  const auto wrap = [](int64_t v) { return static_cast<int64_t>(static_cast<int32_t>(v)); };
  int64_t x = wrap(wrap(sum) * q.mul);
  if (q.round && q.shift > 0) x = wrap(x + (int64_t{1} << (q.shift - 1)));
  x >>= q.shift;
  if (q.relu) x = std::max<int64_t>(x, 0);
  return static_cast<double>(std::min(std::max(x, q.low), q.high));
}

const Requantize kCases[] = {{},
                             {.shift = 3},
                             {.shift = 3, .round = true},
                             {.mul = -77, .shift = 5, .round = true, .relu = true},
                             {.shift = 1, .low = -5, .high = 6},
                             {.mul = 32767, .shift = 14, .relu = true, .low = 3, .high = 100},
                             {.shift = 31},
                             {.relu = true, .low = -9, .high = -3}};

TEST(Quantized, RequantizeIsIntegerArithmetic) {
  for (const Requantize& q : kCases) {
    const Tensor x = placeholder({257}, kI32, "X"), y = op::requantize(x, q);
    HostTensor in(x), out(y);
    for (int64_t i = 0; i < in.size(); ++i)
      in.set(i, static_cast<double>(i < 250 ? (i - 125) * 7 : (i - 253) * 715827882.0));
    const ir::TensorView views[] = {in.view(), out.view()};
    const Check error = evaluate({x, y}, views);
    ASSERT_FALSE(error) << error->str();
    for (int64_t i = 0; i < in.size(); ++i)
      EXPECT_EQ(out.get(i), requantized(static_cast<int64_t>(in.get(i)), q)) << in.get(i);
  }
}

TEST(Quantized, MatmulAgreesWithItsDefinition) {
  for (const Requantize& q : kCases)
    for (const bool tb : {false, true})
      for (const auto& [m, n, k] : {std::array<int64_t, 3>{3, 5, 7}, {1, 1, 33}, {2, 3, 0}, {0, 4, 2}}) {
        const Tensor a = placeholder({m, k}, kI8, "A"),
                     b = placeholder(tb ? Index{n, k} : Index{k, n}, kI8, "B"),
                     bias = placeholder({n}, kI32, "bias");
        const Tensor c = op::qmatmul(a, b, bias, {.transpose_b = tb, .requantize = q});
        EXPECT_EQ(c.dtype(), kI8);
        expect_computes(
            {a, b, bias, c}, {m, n},
            [&, k = k](const auto& in, const Index& i) {
              auto sum = static_cast<int64_t>(at(in[2], {i[1]}));
              for (int64_t p = 0; p < k; ++p)
                sum += static_cast<int64_t>(at(in[0], {i[0], p}) *
                                            at(in[1], tb ? Index{i[1], p} : Index{p, i[1]}));
              return requantized(sum, q);
            },
            0, Fill::uniform);
      }
}

double pixel(const HostTensor& t, int64_t h, int64_t w, int64_t c) {
  return h < 0 || w < 0 || h >= t.shape()[1] || w >= t.shape()[2] ? 0 : at(t, {0, h, w, c});
}

TEST(Quantized, ConvolutionsAgreeWithTheirDefinition) {
  const Requantize q{.mul = 3, .shift = 6, .round = true, .relu = true};
  op::Conv2dOptions o;
  o.stride = 2, o.padding = 1;
  const Tensor x = placeholder({1, 5, 6, 3}, kI8, "X"), w = placeholder({3, 3, 3, 4}, kI8, "W"),
               b = placeholder({4}, kI32, "b");
  expect_computes(
      {x, w, b, op::qconv2d(x, w, b, o, q)}, {1, 3, 3, 4},
      [&](const auto& in, const Index& i) {
        double sum = at(in[2], {i[3]});
        for (int64_t r = 0; r < 3; ++r)
          for (int64_t s = 0; s < 3; ++s)
            for (int64_t c = 0; c < 3; ++c)
              sum += pixel(in[0], i[1] * 2 + r - 1, i[2] * 2 + s - 1, c) * at(in[1], {r, s, c, i[3]});
        return requantized(static_cast<int64_t>(sum), q);
      },
      0, Fill::uniform);
  const Tensor dw = placeholder({3, 3, 3, 1}, kI8, "W");
  expect_computes(
      {x, dw, op::qdepthwise_conv2d(x, dw, {}, o, q)}, {1, 3, 3, 3},
      [&](const auto& in, const Index& i) {
        double sum = 0;
        for (int64_t r = 0; r < 3; ++r)
          for (int64_t s = 0; s < 3; ++s)
            sum += pixel(in[0], i[1] * 2 + r - 1, i[2] * 2 + s - 1, i[3]) * at(in[1], {r, s, i[3], 0});
        return requantized(static_cast<int64_t>(sum), q);
      },
      0, Fill::uniform);
  op::PoolOptions p;
  p.kernel = 3, p.stride = 2, p.padding = 1;
  const Requantize mean{.mul = 7282, .shift = 16, .round = true};
  expect_computes(
      {x, op::qavg_pool2d(x, p, mean)}, {1, 3, 3, 3},
      [&](const auto& in, const Index& i) {
        double sum = 0;
        for (int64_t r = 0; r < 3; ++r)
          for (int64_t s = 0; s < 3; ++s) sum += pixel(in[0], i[1] * 2 + r - 1, i[2] * 2 + s - 1, i[3]);
        return requantized(static_cast<int64_t>(sum), mean);
      },
      0, Fill::uniform);
}

TEST(Quantized, AddAgreesWithItsDefinition) {
  for (const Requantize& q : kCases) {
    const Tensor a = placeholder({3, 7}, kI8, "A"), b = placeholder({3, 7}, kI8, "B");
    expect_computes(
        {a, b, op::qadd(a, b, q)}, {3, 7},
        [&](const auto& in, const Index& i) {
          return requantized(static_cast<int64_t>(at(in[0], i) + at(in[1], i)), q);
        },
        0, Fill::uniform);
  }
}

TEST(Quantized, RefusesWhatItCannotDo) {
  const Tensor f = placeholder({2, 2}), a = placeholder({2, 2}, kI8), s = placeholder({2, 2}, kI32),
               b = placeholder({3}, kI32);
  EXPECT_EQ(code_of([&] { (void)op::qmatmul(f, a); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::qmatmul(a, a, b); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::qmatmul(a, a, placeholder({2}, kI8)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::qadd(a, placeholder({2, 3}, kI8)); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::requantize(a, {}); }), "te.op.dtype");
  for (const Requantize& q : {Requantize{.mul = 32768},
                              {.shift = 32},
                              {.shift = -1},
                              {.low = -129},
                              {.high = 128},
                              {.low = 3, .high = 2}})
    EXPECT_EQ(code_of([&] { (void)op::requantize(s, q); }), "te.op.attr");
  const Tensor x = placeholder({1, 4, 4, 2}, kI8), w = placeholder({1, 1, 2, 2}, kI8);
  op::Conv2dOptions o;
  o.act = op::Act::relu;
  EXPECT_EQ(code_of([&] { (void)op::qconv2d(x, w, {}, o); }), "te.op.attr");
  o.act = op::Act::none, o.out = kI8;
  EXPECT_EQ(code_of([&] { (void)op::qconv2d(x, w, {}, o); }), "te.op.attr");
}

}  // namespace
}  // namespace tc::test
