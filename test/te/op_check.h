// Running an operator and comparing it with loops written out.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tc/te/evaluate.h"
#include "tc/te/ops.h"

namespace tc::test {

using Index = std::vector<int64_t>;

inline std::string code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.code();
  }
  return "no error";
}

/// The element at `index`, with bounds checked.
inline double at(const HostTensor& t, const Index& index) {
  int64_t flat = 0;
  EXPECT_EQ(index.size(), t.shape().size());
  for (size_t d = 0; d < index.size(); ++d) {
    EXPECT_TRUE(index[d] >= 0 && index[d] < t.shape()[d]) << "the reference is wrong";
    flat = flat * t.shape()[d] + index[d];
  }
  return t.get(flat);
}

/// Calls f with every index of `shape`, in row-major order.
inline void for_each_index(const Index& shape, const std::function<void(const Index&)>& f) {
  for (const int64_t n : shape)
    if (n == 0) return;
  Index i(shape.size(), 0);
  while (true) {
    f(i);
    size_t d = shape.size();
    while (d > 0 && ++i[d - 1] == shape[d - 1]) i[--d] = 0;
    if (d == 0) return;
  }
}

/// The args, evaluated on the inputs of `seed`.
inline std::vector<HostTensor> run(const std::vector<Tensor>& args, Fill fill = Fill::small_integers,
                                   uint64_t seed = 1) {
  std::vector<HostTensor> data = make_args(args, seed, fill);
  const Check error = evaluate(args, views_of(data));
  EXPECT_FALSE(error) << error->str();
  return data;
}

using Reference = std::function<double(const std::vector<HostTensor>& in, const Index& i)>;

/// The last arg has this shape and these elements: exactly, or to a relative or
/// absolute error of `tolerance`.
inline void expect_computes(const std::vector<Tensor>& args, const Index& shape, const Reference& reference,
                            double tolerance = 0, Fill fill = Fill::small_integers) {
  ASSERT_EQ(args.back().extents(), shape);
  const std::vector<HostTensor> data = run(args, fill);
  int failures = 0;
  for_each_index(shape, [&](const Index& i) {
    const double got = at(data.back(), i), want = reference(data, i);
    const bool same = got == want || (std::isnan(got) && std::isnan(want)) ||
                      std::abs(got - want) <= tolerance * std::max(1.0, std::abs(want));
    if (!same && ++failures <= 3)
      ADD_FAILURE() << args.back().name() << testing::PrintToString(i) << " is " << got << ", not " << want;
  });
}

}  // namespace tc::test
