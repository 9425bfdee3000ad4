// Schedules, builds, runs and exports a matmul through the installed tc::compiler.
#include <cstdio>
#include <vector>

#include "tc/codegen/build.h"
#include "tc/schedule/schedule.h"
#include "tc/te/tensor.h"

namespace {

constexpr int64_t kN = 67;  // a prime: every split leaves a tail

int check(const tc::Function& f) {
  std::vector<float> a(kN * kN), b(kN * kN), c(kN * kN, -1);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(i % 7) - 3;
    b[i] = static_cast<float>(i % 5) - 2;
  }
  int64_t shape[2] = {kN, kN};
  const auto tensor = [&](std::vector<float>& data) {
    return DLTensor{data.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
  };
  const DLTensor ta = tensor(a), tb = tensor(b), tout = tensor(c);
  const DLTensor* args[] = {&ta, &tb, &tout};
  f(args);
  for (int64_t y = 0; y < kN; ++y)
    for (int64_t x = 0; x < kN; ++x) {
      float sum = 0;
      for (int64_t k = 0; k < kN; ++k) sum += a[y * kN + k] * b[k * kN + x];
      if (c[y * kN + x] != sum) {
        std::printf("C[%d, %d] is %g, not %g\n", int(y), int(x), c[y * kN + x], sum);
        return 1;
      }
    }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const tc::Tensor A = tc::placeholder({kN, kN}, tc::kF32, "A"), B = tc::placeholder({kN, kN}, tc::kF32, "B");
  const tc::ReduceAxis k = tc::reduce_axis(0, kN, "k");
  const tc::Tensor C =
      tc::compute({kN, kN}, [&](tc::Expr y, tc::Expr x) { return tc::sum(A(y, k) * B(k, x), k); }, "C");

  tc::Schedule s({C});
  const auto [y, x] = s[C].axes<2>();
  const auto [ko] = s[C].reduce_axes<1>();
  const auto t = s[C].tile({y, x}, {4, 16});
  s[C].reorder({t[0], t[1], ko, t[2], t[3]});
  s[C].unroll(t[2]);
  s[C].vectorize(t[3]);
  s[C].parallel(t[0]);

  tc::BuildOptions options;
  options.name = "matmul";
  const tc::Function f = tc::build(s, {A, B, C}, options).value();
  if (check(f) != 0) return 1;
  if (argc > 1) {
    if (const tc::Check bad = f.export_to(argv[1])) throw *bad;
  }
  // an error must cross the library's boundary as what it is
  try {
    s[C].vectorize(ko);
  } catch (const tc::Error& e) {
    std::puts("compile: ok");
    return 0;
  }
  std::puts("a race was not refused");
  return 1;
} catch (const tc::Error& e) {
  std::puts(e.what());
  return 1;
}
