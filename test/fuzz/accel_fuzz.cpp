// accel_fuzz [--count N | --seconds S] [--seed SEED] [--first N] [--show]: see accel_cases.h.
#include "fuzz/accel_cases.h"

int main(int argc, char** argv) {
  using namespace tc::test;
  const FuzzOptions options = fuzz_options(argc, argv, "accel_fuzz");
  std::vector<FuzzKind> kinds = machine_cases();
  for (FuzzKind& k : runtime_cases()) kinds.push_back(std::move(k));
  return run_fuzz(kinds, options, "accel_fuzz");
}
