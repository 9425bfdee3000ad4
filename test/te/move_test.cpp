#include "op_check.h"

namespace tc::test {
namespace {

TEST(Transpose, PermutesAxes) {
  const Tensor x = placeholder({2, 3, 5}, kI32, "X");
  expect_computes({x, op::transpose(x)}, {5, 3, 2},
                  [](const auto& in, const Index& i) { return at(in[0], {i[2], i[1], i[0]}); });
  expect_computes({x, op::transpose(x, {1, -1, 0})}, {3, 5, 2},
                  [](const auto& in, const Index& i) { return at(in[0], {i[2], i[0], i[1]}); });
  const Tensor scalar = placeholder({}, kF32, "X");
  expect_computes({scalar, op::transpose(scalar)}, {},
                  [](const auto& in, const Index& i) { return at(in[0], i); });
  EXPECT_EQ(code_of([&] { (void)op::transpose(x, {0, 1}); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::transpose(x, {0, 1, 1}); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::transpose(x, {0, 1, 3}); }), "te.op.axis");
}

TEST(Reshape, KeepsTheOrderOfElements) {
  const Tensor x = placeholder({2, 3, 4}, kF32, "X");
  for (const auto& [to, out] : {std::pair<Index, Index>{{6, 4}, {6, 4}},
                                {{24}, {24}},
                                {{4, -1, 2}, {4, 3, 2}},
                                {{1, 24, 1}, {1, 24, 1}}}) {
    const Index shape = out;
    expect_computes({x, op::reshape(x, to)}, out, [&](const auto& in, const Index& i) {
      int64_t flat = 0;
      for (size_t d = 0; d < i.size(); ++d) flat = flat * shape[d] + i[d];
      return in[0].get(flat);
    });
  }
  const Tensor none = placeholder({0, 3}, kF32, "X"), one = placeholder({1, 1}, kF32, "X");
  expect_computes({none, op::reshape(none, {5, 0})}, {5, 0}, [](const auto&, const Index&) { return 0; });
  expect_computes({one, op::reshape(one, {})}, {}, [](const auto& in, const Index&) { return in[0].get(0); });
  EXPECT_EQ(code_of([&] { (void)op::reshape(x, {5, 5}); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::reshape(x, {-1, -1}); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::reshape(x, {-1, 5}); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::reshape(x, {-2, -12}); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::reshape(none, {-1, 0}); }), "te.op.shape");
}

TEST(Concat, PutsTensorsOneAfterTheOther) {
  const Tensor a = placeholder({2, 3}, kF32, "A"), b = placeholder({2, 1}, kF32, "B"),
               none = placeholder({2, 0}, kF32, "N"), c = placeholder({2, 4}, kF32, "D");
  expect_computes(
      {a, b, none, c, op::concat({a, b, none, c}, -1)}, {2, 8}, [](const auto& in, const Index& i) {
        return i[1] < 3 ? at(in[0], i) : i[1] < 4 ? at(in[1], {i[0], 0}) : at(in[3], {i[0], i[1] - 4});
      });
  expect_computes({a, op::concat({a}, 0)}, {2, 3},
                  [](const auto& in, const Index& i) { return at(in[0], i); });
  EXPECT_EQ(code_of([&] { (void)op::concat({}, 0); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::concat({a, b}, 0); }), "te.op.shape");
  EXPECT_EQ(code_of([&] { (void)op::concat({a, placeholder({2, 3}, kF64)}, 0); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::concat({a, placeholder({2})}, 0); }), "te.op.rank");
  EXPECT_EQ(code_of([&] { (void)op::concat({a, b}, 2); }), "te.op.axis");
}

TEST(Pad, AddsElementsOnAnySide) {
  const Tensor x = placeholder({2, 3}, kF32, "X");
  expect_computes({x, op::pad(x, {1, 0}, {0, 2}, 7.5)}, {3, 5}, [](const auto& in, const Index& i) {
    return i[0] >= 1 && i[1] < 3 ? at(in[0], {i[0] - 1, i[1]}) : 7.5;
  });
  const Tensor none = placeholder({0}, kI8, "X");
  expect_computes({none, op::pad(none, {1}, {1}, -3)}, {2}, [](const auto&, const Index&) { return -3; });
  EXPECT_EQ(code_of([&] { (void)op::pad(x, {1}, {0, 2}); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::pad(x, {1, -1}, {0, 2}); }), "te.op.attr");
  EXPECT_EQ(code_of([&] { (void)op::pad(none, {1}, {1}, 0.5); }), "te.op.attr");
}

TEST(Gather, TakesSlicesAndClampsIndices) {
  const Tensor x = placeholder({3, 5, 2}, kF32, "X"), index = placeholder({4, 2}, kI32, "I"),
               y = op::gather(x, index, 1);
  ASSERT_EQ(y.extents(), (Index{3, 4, 2, 2}));
  std::vector<HostTensor> data = make_args({x, index, y}, 3);
  const int64_t indices[] = {0, 4, -1, 5, 2, 1000, -1000, 3};
  for (int64_t i = 0; i < 8; ++i) data[1].set(i, static_cast<double>(indices[i]));
  ASSERT_FALSE(evaluate({x, index, y}, views_of(data)));
  for_each_index(y.extents(), [&](const Index& i) {
    const int64_t k = std::clamp<int64_t>(indices[i[1] * 2 + i[2]], 0, 4);
    EXPECT_EQ(at(data[2], i), at(data[0], {i[0], k, i[3]}));
  });
  EXPECT_EQ(code_of([&] { (void)op::gather(x, placeholder({2}, kF32)); }), "te.op.dtype");
  EXPECT_EQ(code_of([&] { (void)op::gather(x, index, 3); }), "te.op.axis");
  EXPECT_EQ(code_of([&] { (void)op::gather(placeholder({0, 2}), index); }), "te.op.empty");
  EXPECT_EQ(code_of([&] { (void)op::gather(placeholder({0, 2}), placeholder({0}, kI64)); }), "no error");
}

}  // namespace
}  // namespace tc::test
