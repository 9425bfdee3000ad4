// property_fuzz [--count N] [--first SEED] [--jobs J] [--failures K] [--no-shrink] [--quiet]
//
// Random programs under random schedules, N of them from seed SEED on, in J
// processes. Prints each failure shrunk, then the coverage, and says how many
// cases and mismatches there were. Exits 1 if there was one.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "property/coverage.h"
#include "property/fuzz_run.h"
#include "property/shrink.h"

namespace {

using namespace tc::test;

struct Options {
  uint64_t count = 2000, first = 1;
  int jobs = 1, failures = 3;
  bool shrink = true, quiet = false;
};

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--no-shrink")
      o.shrink = false;
    else if (key == "--quiet")
      o.quiet = true;
    else if (i + 1 == argc)
      return false;
    else if (key == "--count")
      o.count = std::strtoull(argv[++i], nullptr, 10);
    else if (key == "--first")
      o.first = std::strtoull(argv[++i], nullptr, 10);
    else if (key == "--jobs")
      o.jobs = std::max(1, std::atoi(argv[++i]));
    else if (key == "--failures")
      o.failures = std::max(1, std::atoi(argv[++i]));
    else
      return false;
  }
  return true;
}

struct Result {
  uint64_t cases = 0, mismatches = 0, heavy = 0, sized = 0;
};

std::string fail_text(const RandomCase& c, uint64_t seed, const Verdict& v, bool shrinks) {
  if (!shrinks) return report(seed, {c.subject.program(), c.steps, v, 0});
  return report(seed, shrink(c.subject, c.steps, v));
}

// Seeds first + k * stride.
Result run(const Options& o, uint64_t offset, uint64_t stride, Coverage& coverage) {
  Result r;
  for (uint64_t i = offset; i < o.count && r.mismatches < static_cast<uint64_t>(o.failures); i += stride) {
    const uint64_t seed = o.first + i;
    current_seed = static_cast<std::sig_atomic_t>(seed);
    std::string failure;
    try {
      RandomCase c = RandomCase::of(seed);
      const Verdict v = check(c);
      coverage.add(c.steps);
      r.sized += !tc::sizes_of(c.subject.program().args).empty();
      r.heavy += v.kind == Verdict::heavy;
      if (v.kind == Verdict::differ) failure = fail_text(c, seed, v, o.shrink);
    } catch (const std::exception& e) {
      failure = fmt::format("seed {}: {}", seed, e.what());
    }
    ++r.cases;
    if (failure.empty()) continue;
    ++r.mismatches;
    fmt::print("case {}: {}\n\n", i + 1, failure);
    std::fflush(stdout);
  }
  return r;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (!parse(argc, argv, o)) {
    fmt::print(
        "usage: property_fuzz [--count N] [--first SEED] [--jobs J] [--failures K] [--no-shrink] "
        "[--quiet]\n");
    return 2;
  }
  report_crashes();
  const double start = now();
  uint64_t index = 0;
  for (; index + 1 < static_cast<uint64_t>(o.jobs); ++index)
    if (fork() == 0) break;  // before any thread is made
  const bool is_last = index + 1 == static_cast<uint64_t>(o.jobs);
  Coverage coverage;
  const Result r = run(o, index, static_cast<uint64_t>(o.jobs), coverage);
  const double seconds = now() - start;
  const Times& t = Subject::times;
  if (!o.quiet) {
    fmt::print(
        "{}\nseconds: program {:.1f}, lower {:.1f}, passes {:.1f}, interpret {:.1f}, compile {:.1f}, run "
        "{:.1f}\n",
        coverage.table(), t.program, t.lower, t.passes, t.interpret, t.compile, t.run);
  }
  fmt::print("{} cases, {} with a size, {} mismatches, {} too heavy to run, in {:.1f} s ({:.1f} cases/s)\n",
             r.cases, r.sized, r.mismatches, r.heavy, seconds, static_cast<double>(r.cases) / seconds);
  std::fflush(stdout);
  bool failed = r.mismatches > 0;
  if (is_last)
    for (int status = 0; wait(&status) > 0;) failed |= status != 0;
  return failed;
}
