// oracle_fuzz [--count N] [--first SEED] [--examples] [--failures K]
//
// Random schedules, legal and illegal ones, N of them from seed SEED on: each step is
// judged by running it exhaustively (oracle/execute.h) and by the compiler. Prints
// what was judged, and the legal ones that were refused by the code of their error
// (with --examples the first of each). Exits 1 where an illegal one was taken, or a
// legal one computes something else.
#include <fmt/format.h>

#include <cstdlib>

#include "oracle/judge.h"

int main(int argc, char** argv) {
  using namespace tc::test::oracle;
  uint64_t count = 1000, first = 1, failures = 3;
  bool examples = false;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    uint64_t* const value = key == "--count"      ? &count
                            : key == "--first"    ? &first
                            : key == "--failures" ? &failures
                                                  : nullptr;
    if (key == "--examples") {
      examples = true;
    } else if (value && i + 1 < argc) {
      *value = std::strtoull(argv[++i], nullptr, 10);
    } else {
      fmt::print("usage: oracle_fuzz [--count N] [--first SEED] [--examples] [--failures K]\n");
      return 2;
    }
  }
  Tally tally;
  for (uint64_t i = 0; i < count && tally.wrong.size() < failures; ++i) {
    const size_t before = tally.wrong.size();
    judge_random(first + i, tally);
    for (size_t k = before; k < tally.wrong.size(); ++k)
      fmt::print("seed {}: {}\n\n", first + i, tally.wrong[k]);
  }
  if (examples)
    for (const auto& [code, text] : tally.example) fmt::print("==== {}\n{}\n\n", code, text);
  fmt::print("{}", tally.text());
  return tally.wrong.empty() ? 0 : 1;
}
