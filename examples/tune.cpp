// Tunes a matmul, builds it with what the log holds, and calls it with packed weights.
// tune WORKER LOG: the program tc-worker, which is installed beside tensorc, and the log.
#include <cstdio>

#include "tc/autotune/api.h"

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: tune WORKER LOG\n");
    return 2;
  }
  const int64_t n = 64;
  const tc::Workload workload = tc::parse_workload("matmul m=64 n=64 k=64").value();
  tc::TuneSettings settings;
  settings.worker = argv[1];  // trials run in processes of their own: a bad one harms nobody
  settings.threads = 1;
  settings.options.trials = 4;
  settings.options.log_path = argv[2];
  const tc::autotune::TuneResult result = tc::tune(workload, settings).value();
  if (!result.best) {
    for (const auto& [status, text] : result.first_message) std::fprintf(stderr, "%s\n", text.c_str());
    return 1;
  }
  std::printf("best: %.0f ns\n", result.best->cost());

  const std::string logs[] = {argv[2]};
  const auto log = tc::autotune::Log::load(logs).value();
  const tc::Function f = tc::build(workload, log, settings.threads).value();
  std::printf("%s\n", f.explain().c_str());

  const DLDataType f32 = {kDLFloat, 32, 1};
  tc::runtime::Tensor a({n, n}, f32), b({n, n}, f32), c({n, n}, f32);
  a.fill_integers(1, -4, 4);
  b.fill_integers(2, -4, 4);
  const DLTensor* args[] = {a.dl(), b.dl(), c.dl()};
  // f.pack(B=b) of Python: once, for weights that do not change. A plain b is packed in every call.
  tc::runtime::Tensor packed;
  for (const tc::Pack& p : f.packs())
    if (p.arg == 1) args[1] = (packed = f.pack(p.arg, *b.dl()).value()).dl();
  f(args);

  double expected = 0;
  for (int64_t i = 0; i < n; ++i) expected += a.get(i) * b.get(i * n);
  return c.get(0) == expected ? 0 : 1;
} catch (const tc::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
