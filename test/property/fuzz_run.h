// What the programs that run random cases share: a crash names its case, and functions
// of any form take the same tensors.
#pragma once
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <vector>

#include "tc/ir/interpret.h"

namespace tc::test {

/// The case that runs.
inline volatile std::sig_atomic_t current_seed = 0;

inline void report_crash(int signal) {
  char text[64];
  const int n =
      std::snprintf(text, sizeof text, "\nseed %ld: signal %d\n", static_cast<long>(current_seed), signal);
  (void)!write(STDOUT_FILENO, text, static_cast<size_t>(n));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}
/// A crash in compiled code is a failure like others, and must say of what.
inline void report_crashes() {
  for (const int s : {SIGSEGV, SIGILL, SIGFPE, SIGABRT, SIGBUS}) std::signal(s, report_crash);
}

/// The tensors under the shapes of the parameters of `f`: flattened functions take flat ones.
[[nodiscard]] inline std::vector<ir::TensorView> fitted(std::vector<ir::TensorView> views,
                                                        const ir::FuncRef& f) {
  for (size_t i = 0; i < views.size(); ++i) {
    if (f->params[i]->shape.size() == views[i].shape.size()) continue;
    int64_t n = 1;
    for (const int64_t e : views[i].shape) n *= e;
    views[i].shape = {n};
  }
  return views;
}

}  // namespace tc::test
