// Makes a failing case smaller while it still fails at the same place.
#pragma once
#include <functional>

#include "property/check.h"

namespace tc::test {

struct Shrunk {
  RandomProgram program;
  std::vector<Step> steps;
  Verdict verdict;
  int tries = 0;
};

/// What says whether a case fails; Subject::check but in tests of the shrinker.
using Judge = std::function<Verdict(const Subject&, const std::vector<Step>&)>;

/// Drops steps, then outputs, then what leads to a stage (which becomes an input),
/// until nothing more can go or `max_tries` cases were run.
[[nodiscard]] Shrunk shrink(const Subject& subject, std::vector<Step> steps, Verdict verdict,
                            int max_tries = 400, const Judge& judge = {});

/// The report of a failure: where, what, and the case as a file of test/property/cases.
[[nodiscard]] std::string report(uint64_t seed, const Shrunk& s);

}  // namespace tc::test
