// An int8 matmul on the simulated accelerator: built from a workload, checked, and timed.
#include <cstdio>

#include "tc/autotune/api.h"

int main() try {
  const tc::Workload w = tc::workload("qmatmul m=30 n=40 k=100 shift=6");
  tc::BuildOptions options;
  options.target = tc::Target::parse("accel:vta").value();
  const tc::Function f = tc::build(w, tc::Log(), 1, options).value();
  std::printf("%s\n", f.explain().c_str());

  const DLDataType i8 = {kDLInt, 8, 1};
  tc::runtime::Tensor a({30, 100}, i8), b({100, 40}, i8), c({30, 40}, i8);
  a.fill_integers(1, -100, 100);
  b.fill_integers(2, -100, 100);
  const DLTensor* args[] = {a.dl(), b.dl(), c.dl()};
  const tc::Profile profile = f.profile(args).value();
  std::printf("%s\n%s", profile.timeline().c_str(), profile.table().c_str());

  for (int64_t y = 0; y < 30; ++y)
    for (int64_t x = 0; x < 40; ++x) {
      int32_t sum = 0;
      for (int64_t k = 0; k < 100; ++k) sum += a.as<int8_t>()[y * 100 + k] * b.as<int8_t>()[k * 40 + x];
      sum >>= 6;
      const int32_t expected = sum < -128 ? -128 : sum > 127 ? 127 : sum;
      if (c.as<int8_t>()[y * 40 + x] != expected) {
        std::fprintf(stderr, "C[%d, %d] is wrong\n", static_cast<int>(y), static_cast<int>(x));
        return 1;
      }
    }
  return 0;
} catch (const tc::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
