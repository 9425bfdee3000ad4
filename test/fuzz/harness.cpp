#include "fuzz/harness.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>

// A report of a sanitizer ends in SIGABRT, where the case is named.
extern "C" const char* __asan_default_options() { return "abort_on_error=1:allocator_may_return_null=1"; }
extern "C" const char* __ubsan_default_options() {
  return "abort_on_error=1:halt_on_error=1:print_stacktrace=1";
}

namespace tc::test {
namespace {

constexpr time_t kProcessorSeconds = 20, kClockSeconds = 1800;

char repeat_it[256] = "";  // the command; written before the case, read by the handler
bool show_cases = false;

void stopped(int signal) {
  const char* what = signal == SIGALRM || signal == SIGPROF ? "\nhang: " : "\ncrash: ";
  (void)!write(STDERR_FILENO, what, 8);
  (void)!write(STDERR_FILENO, repeat_it, sizeof repeat_it);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

// Handlers run on a stack of their own: a case may have used up the other one.
void handle_signals() {
  static char stack[1 << 16];
  stack_t own{};
  own.ss_sp = stack, own.ss_size = sizeof stack;
  sigaltstack(&own, nullptr);
  struct sigaction action = {};
  action.sa_handler = stopped;
  action.sa_flags = SA_ONSTACK;
  for (const int s : {SIGALRM, SIGPROF, SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) sigaction(s, &action, nullptr);
}

// Frames are several times as large under the address sanitizer, and programs of ir::kMaxDepth levels
// are among the cases: it starts again with a stack that is as many times as large.
void ask_for_stack([[maybe_unused]] char** argv) {
#ifdef __SANITIZE_ADDRESS__
  constexpr rlim_t kStack = rlim_t{64} << 20;
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kStack)
    return;
  limit.rlim_cur = std::min(kStack, limit.rlim_max);
  if (setrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == kStack) execv("/proc/self/exe", argv);
#endif
}

void limit_time() {
  const itimerval processor = {{0, 0}, {kProcessorSeconds, 0}}, by_clock = {{0, 0}, {kClockSeconds, 0}};
  setitimer(ITIMER_PROF, &processor, nullptr);
  setitimer(ITIMER_REAL, &by_clock, nullptr);
}

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

FuzzKind& draw_kind(std::span<FuzzKind> kinds, Rng& random) {
  uint64_t all = 0;
  for (const FuzzKind& k : kinds) all += static_cast<uint64_t>(k.weight);
  uint64_t at = random.below(all);
  for (FuzzKind& k : kinds) {
    if (at < static_cast<uint64_t>(k.weight)) return k;
    at -= static_cast<uint64_t>(k.weight);
  }
  return kinds.back();
}

}  // namespace

bool showing() { return show_cases; }

void show(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

FuzzOptions fuzz_options(int argc, char** argv, const char* usage) {
  ask_for_stack(argv);
  FuzzOptions o;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    int64_t* const value = key == "--count"     ? &o.count
                           : key == "--seconds" ? &o.seconds
                           : key == "--seed"    ? &o.seed
                           : key == "--first"   ? &o.first
                                                : nullptr;
    if (key == "--show") {
      o.show = true;
    } else if (value && i + 1 < argc) {
      *value = std::atoll(argv[++i]);
    } else if (value || key.starts_with("--")) {
      std::fprintf(stderr, "%s [--count N | --seconds S] [--seed SEED] [--first N] [--show]\n", usage);
      std::exit(2);
    } else {
      o.rest.push_back(key);
    }
  }
  return o;
}

int run_fuzz(std::span<FuzzKind> kinds, const FuzzOptions& o, const char* program) {
  show_cases = o.show;
  handle_signals();
  const double start = processor_seconds();
  int64_t i = o.first;
  const auto over = [&] {
    return o.seconds == 0 ? i >= o.first + o.count
                          : processor_seconds() - start >= static_cast<double>(o.seconds);
  };
  for (; !over(); ++i) {
    std::snprintf(repeat_it, sizeof repeat_it, "%s --seed %lld --first %lld --count 1 --show\n", program,
                  static_cast<long long>(o.seed), static_cast<long long>(i));
    limit_time();
    Rng random(mix_seed(static_cast<uint64_t>(o.seed), static_cast<uint64_t>(i)));
    FuzzKind& kind = draw_kind(kinds, random);
    try {
      ++(kind.run(random) ? kind.taken : kind.refused);
    } catch (const std::exception& e) {  // an Error that was thrown and not returned, too
      std::fprintf(stderr, "%s: %s\n  %s", kind.name, e.what(), repeat_it);
      return 1;
    }
  }
  for (const FuzzKind& k : kinds)
    std::printf("%-10s %lld taken, %lld refused\n", k.name, static_cast<long long>(k.taken),
                static_cast<long long>(k.refused));
  std::printf("%lld cases, %.0f s of the processor\n", static_cast<long long>(i - o.first),
              processor_seconds() - start);
  return 0;
}

}  // namespace tc::test
