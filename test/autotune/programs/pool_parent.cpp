// Starts workers that would run for ever, says so, and waits to be killed:
//   pool_parent WORKER TAG
#include <unistd.h>

#include "tc/autotune/local_executor.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  tc::autotune::LocalOptions options;
  options.worker = argv[1];
  options.args = {argv[2]};
  options.workers = 2;
  options.quiet = false;
  auto pool = tc::autotune::LocalExecutor::create(options);
  if (!pool) return 1;
  pool.value()->submit({{"act", "grandchild"}}, {5, 5});
  if (pool.value()->wait(std::chrono::seconds(5)).empty()) return 1;
  pool.value()->submit({{"act", "grandchild_loop"}}, {100, 100});
  pool.value()->submit({{"act", "build_loop"}}, {100, 100});
  if (pool.value()->wait(std::chrono::milliseconds(200)).empty() && ::write(1, "ready\n", 6) == 6) ::pause();
  return 1;
}
