#include "op_check.h"

namespace tc::test {
namespace {

TEST(Matmul, AllTransposesOnAwkwardShapes) {
  for (const auto& [m, n, k] :
       {std::tuple<int64_t, int64_t, int64_t>{3, 5, 7}, {1, 1, 1}, {2, 3, 0}, {0, 3, 2}, {13, 1, 17}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const Tensor a = placeholder(ta ? Index{k, m} : Index{m, k}, kF32, "A"),
                     b = placeholder(tb ? Index{n, k} : Index{k, n}, kF32, "B");
        const Tensor c = op::matmul(a, b, {.transpose_a = ta, .transpose_b = tb});
        const int64_t depth = k;
        expect_computes({a, b, c}, {m, n}, [&](const auto& in, const Index& i) {
          double s = 0;
          for (int64_t j = 0; j < depth; ++j)
            s += at(in[0], ta ? Index{j, i[0]} : Index{i[0], j}) *
                 at(in[1], tb ? Index{i[1], j} : Index{j, i[1]});
          return s;
        });
      }
}

TEST(Matmul, NamesItsStageAndAxes) {
  const Tensor c = op::matmul(placeholder({2, 3}), placeholder({3, 4}));
  EXPECT_EQ(c.name(), "C");
  EXPECT_EQ(c.op().axes[0]->name, "y");
  EXPECT_EQ(c.op().axes[1]->name, "x");
  EXPECT_EQ(c.op().reduce_axes()[0].var->name, "k");
}

TEST(Matmul, SumsBytesInI32) {
  for (const auto& [ta, tb] : {std::pair{kI8, kI8}, {kU8, kI8}, {kI8, kU8}, {kU8, kU8}}) {
    const Tensor a = placeholder({3, 300}, ta, "A"), b = placeholder({300, 2}, tb, "B"), c = op::matmul(a, b);
    EXPECT_EQ(c.dtype(), kI32);
    expect_computes(
        {a, b, c}, {3, 2},
        [](const auto& in, const Index& i) {
          double s = 0;
          for (int64_t k = 0; k < 300; ++k) s += at(in[0], {i[0], k}) * at(in[1], {k, i[1]});
          return s;
        },
        0, Fill::uniform);
  }
}

TEST(Matmul, SumsHalfPrecisionInF32) {
  EXPECT_EQ(op::matmul(placeholder({2, 3}, kF16), placeholder({3, 4}, kF16)).dtype(), kF32);
  EXPECT_EQ(op::matmul(placeholder({2, 3}, kF16), placeholder({3, 4}, kF16), {.out = kF16}).dtype(), kF16);
}

TEST(BatchMatmul, TransposesAndBroadcastBatch) {
  for (const int64_t batch_a : {1, 3})
    for (const int64_t batch_b : {1, 3})
      for (const bool tb : {false, true}) {
        const Tensor a = placeholder({batch_a, 2, 5}, kF32, "A"),
                     b = placeholder(tb ? Index{batch_b, 4, 5} : Index{batch_b, 5, 4}, kF32, "B");
        const Tensor c = op::batch_matmul(a, b, {.transpose_b = tb});
        expect_computes({a, b, c}, {std::max(batch_a, batch_b), 2, 4}, [&](const auto& in, const Index& i) {
          const int64_t ia = batch_a == 1 ? 0 : i[0], ib = batch_b == 1 ? 0 : i[0];
          double s = 0;
          for (int64_t k = 0; k < 5; ++k)
            s += at(in[0], {ia, i[1], k}) * at(in[1], tb ? Index{ib, i[2], k} : Index{ib, k, i[2]});
          return s;
        });
      }
}

TEST(Dense, AddsBiasAndActivates) {
  const Tensor x = placeholder({3, 7}, kF64, "X"), w = placeholder({5, 7}, kF64, "W"),
               bias = placeholder({5}, kF64, "bias");
  for (const auto act : {op::Act::none, op::Act::relu, op::Act::gelu, op::Act::sigmoid, op::Act::tanh}) {
    const Tensor c = op::dense(x, w, bias, {.act = act});
    EXPECT_EQ(c.name(), "C_out");
    expect_computes(
        {x, w, bias, c}, {3, 5},
        [&](const auto& in, const Index& i) {
          double s = at(in[2], {i[1]});
          for (int64_t k = 0; k < 7; ++k) s += at(in[0], {i[0], k}) * at(in[1], {i[1], k});
          switch (act) {
            case op::Act::none:
              return s;
            case op::Act::relu:
              return std::max(s, 0.0);
            case op::Act::gelu:
              return s * 0.5 * (1 + std::erf(s / std::sqrt(2.0)));
            case op::Act::sigmoid:
              return 1 / (1 + std::exp(-s));
            case op::Act::tanh:
              return std::tanh(s);
          }
          return s;
        },
        1e-14);
  }
}

TEST(Dense, WithoutBiasOrActivationIsOneStage) {
  const Tensor c = op::dense(placeholder({3, 7}), placeholder({5, 7}));
  EXPECT_EQ(Graph::of({c}).ops.size(), 1u);
}

TEST(Matmul, RefusesWhatDoesNotFit) {
  const Tensor a = placeholder({2, 3}, kF32, "A"), b = placeholder({4, 5}, kF32, "B"),
               half = placeholder({3, 5}, kF16, "H");
  EXPECT_EQ(code_of([&] { (void)op::matmul(a, b); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::matmul(a, half); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::matmul(placeholder({3}), b); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::matmul(Tensor(), b); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::matmul(a, placeholder({3, 2}), {.out = kI32}); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::matmul(placeholder({2, 3}, kBool), placeholder({3, 2}, kBool)); }),
            "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::batch_matmul(placeholder({2, 3, 4}), placeholder({3, 4, 5})); }),
            "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::dense(a, placeholder({5, 3}), placeholder({4})); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::dense(a, placeholder({5, 3}), placeholder({5}, kF64)); }), "te.op.dtype");
  const Tensor i = placeholder({2, 3}, kI8), w = placeholder({5, 3}, kI8);
  EXPECT_EQ(code_of([&] { (void)op::dense(i, w, {}, {.act = op::Act::gelu}); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::dense(i, w, {}, {.act = op::Act::relu}); }), "no error");
}

TEST(Matmul, SaysWhatIsWrongAndHowToFixIt) {
  try {
    (void)op::matmul(placeholder({2, 3}, kF32, "A"), placeholder({4, 5}, kF32, "B"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(
        e.str(),
        "error[te.op.shape]: matmul: b must be 3 long along the axis k, as the first operand is, not 4\n"
        "  operator  matmul\n"
        "  argument  b\n"
        "  expected  3 long along the axis k, as the first operand is\n"
        "  got       4\n"
        "  fix       make the inner extents equal, or transpose an operand");
  }
}

}  // namespace
}  // namespace tc::test
