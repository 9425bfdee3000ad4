// A matmul of 1024 x 1024 x 1024: what is computed, how it runs, and a call.
#include <cstdio>

#include "tc/codegen/build.h"

int main() try {
  const int64_t n = 1024;
  const tc::Tensor A = tc::placeholder({n, n}, tc::kF32, "A"), B = tc::placeholder({n, n}, tc::kF32, "B");
  const tc::ReduceAxis k = tc::reduce_axis(0, n, "k");
  const tc::Tensor C =
      tc::compute({n, n}, [&](tc::Expr y, tc::Expr x) { return tc::sum(A(y, k) * B(k, x), k); }, "C");

  tc::Schedule s({C});
  const auto [y, x] = s[C].axes<2>();
  const auto [kk] = s[C].reduce_axes<1>();
  const auto t = s[C].tile({y, x}, {4, 16});  // yo, xo, yi, xi
  s[C].reorder({t[0], t[1], kk, t[2], t[3]});
  s[C].parallel(t[0]).unroll(t[2]).vectorize(t[3]);

  const tc::Function f = tc::build(s, {A, B, C}).value();
  const DLDataType f32 = {kDLFloat, 32, 1};
  tc::runtime::Tensor a({n, n}, f32), b({n, n}, f32), c({n, n}, f32);
  a.fill_integers(1, -4, 4);
  b.fill_integers(2, -4, 4);
  const DLTensor* args[] = {a.dl(), b.dl(), c.dl()};
  f(args);

  std::printf("%s\nC[0, 0] = %g\n", f.ir("nested").c_str(), c.get(0));
  double expected = 0;
  for (int64_t i = 0; i < n; ++i) expected += a.get(i) * b.get(i * n);
  return c.get(0) == expected ? 0 : 1;
} catch (const tc::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
