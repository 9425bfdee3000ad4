// What the fuzzers share: cases drawn from a seed, a limit on the time of each, and a
// report that names the case however it ends.
//
//   ... [--count N | --seconds S] [--seed SEED] [--first N] [--show]
//
// Case N of a seed is the same on every machine. Seconds are of the processor, so that a
// busy machine makes a run longer and not emptier. --show prints what a case is before it
// is tried.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tc/support/rng.h"

namespace tc::test {

/// One way to draw a case and to try it.
struct FuzzKind {
  const char* name;
  /// True where the input was taken, false where it was refused by an Error; throws where
  /// something is wrong.
  std::function<bool(Rng&)> run;
  int weight = 1;
  int64_t taken = 0, refused = 0;
};

/// Whether --show was given: what a case gives to the code under test is then printed
/// before it is tried.
[[nodiscard]] bool showing();
void show(const std::string& text);

/// Throws `what` unless `condition` holds.
void require(bool condition, const char* what);

struct FuzzOptions {
  int64_t count = 1000, seconds = 0, seed = 1, first = 0;
  bool show = false;
  std::vector<std::string> rest;  // words that are no options
};

/// Reads the options; prints `usage` and exits with 2 where they cannot be read.
[[nodiscard]] FuzzOptions fuzz_options(int argc, char** argv, const char* usage);

/// Runs the cases; the exit status. A crash, a report of a sanitizer (SIGABRT) and a case
/// that takes longer than 20 s of the processor or 10 minutes by the clock end the process
/// with the command that repeats the case.
[[nodiscard]] int run_fuzz(std::span<FuzzKind> kinds, const FuzzOptions& options, const char* program);

}  // namespace tc::test
