// Long programs: unrolled loops of functions that become many lets, chains of stages. They build, and what
// is computed stays the same.
#include <gtest/gtest.h>

#include <cmath>

#include "tc/codegen/build.h"

namespace tc {
namespace {

constexpr DLDataType kFloat = {kDLFloat, 32, 1};

std::vector<double> result(const Schedule& s, const std::vector<Tensor>& args) {
  const Function f = build(s, args).value();
  std::vector<runtime::Tensor> data;
  std::vector<const DLTensor*> views;
  for (const Tensor& t : args) data.emplace_back(t.extents(), kFloat);
  for (size_t i = 0; i + 1 < data.size(); ++i)
    for (int64_t e = 0; e < args[i].extent(0); ++e) data[i].set(e, static_cast<double>(e % 37) / 8 - 2);
  for (const runtime::Tensor& t : data) views.push_back(t.dl());
  f(views);
  std::vector<double> out;
  int64_t n = 1;
  for (const int64_t e : args.back().extents()) n *= e;
  for (int64_t e = 0; e < n; ++e) out.push_back(data.back().get(e));
  return out;
}

using Body = std::function<Expr(Expr)>;

TEST(Unroll, OfFunctionsMayBeLong) {
  struct Case {
    const char* name;
    Body f;
    int64_t n;
  };
  const Case cases[] = {{"exp", [](Expr x) { return exp(x); }, 700},
                        {"erf", [](Expr x) { return erf(x); }, 249},
                        {"tanh", [](Expr x) { return tanh(x); }, 249}};
  for (const auto& [name, f, n] : cases) {
    const Tensor x = placeholder({n}, kF32, "X");
    const Tensor y = compute({n}, [&, &f = f](Expr i) { return f(x(i)); }, "Y");
    const Schedule plain({y});
    Schedule s({y});
    s[y].unroll(s[y].axes()[0]);
    EXPECT_EQ(result(s, {x, y}), result(plain, {x, y})) << name << " " << n;
  }
}

// What the loop over y does not change may be computed before it, which nests as well.
TEST(Unroll, InsideALoopThatMayHoistAllOfIt) {
  const int64_t n = 300;
  const Tensor x = placeholder({n}, kF32, "X"), a = placeholder({3}, kF32, "A");
  const Tensor y = compute({3, n}, [&](Expr j, Expr i) { return exp(x(i)) * a(j) + tanh(x(i)); }, "Y");
  const Schedule plain({y});
  Schedule s({y});
  s[y].unroll(s[y].axes()[1]);
  EXPECT_EQ(result(s, {x, a, y}), result(plain, {x, a, y}));
}

TEST(Unroll, OfAReductionOverFunctions) {
  const int64_t n = 260;
  const Tensor x = placeholder({n}, kF32, "X");
  const ReduceAxis k = reduce_axis(0, n, "k");
  const Tensor y = compute({2}, [&](Expr) { return sum(exp(x(k)), k); }, "Y");
  const Schedule plain({y});
  Schedule s({y});
  s[y].unroll(s[y].reduce_axes()[0]);
  EXPECT_EQ(result(s, {x, y}), result(plain, {x, y}));
}

// Every stage is allocated while those before it are: what gives them back grows with their number alone.
TEST(Chain, OfManyStages) {
  const Tensor x = placeholder({4}, kF32, "X");
  Tensor y = x;
  for (int i = 0; i < 300; ++i) y = compute({4}, [t = y](Expr e) { return t(e) + 1.0f; }, "S");
  std::vector<double> expected;
  for (int i = 0; i < 4; ++i) expected.push_back(i / 8.0 - 2 + 300);
  EXPECT_EQ(result(Schedule({y}), {x, y}), expected);
}

}  // namespace
}  // namespace tc
