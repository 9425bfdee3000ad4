// One case of the property: a tensor program under a schedule, computed in every
// way there is. The definition (te::evaluate), the interpreter after lowering and
// after every pass, and the machine code must give the same numbers.
#pragma once
#include <span>

#include "property/instances.h"
#include "tc/schedule/schedule.h"
#include "tc/te/evaluate.h"
#include "te/random_te.h"

namespace tc::test {

/// What came of a case.
struct Verdict {
  enum Kind {
    agree,   // all ways gave the same
    differ,  // `where` names the first that did not, `what` shows it
    heavy,   // not run: interpreting or compiling it would take too long
  } kind = agree;
  std::string where, what;
};

/// Seconds spent, summed over cases.
struct Times {
  double program = 0, lower = 0, passes = 0, interpret = 0, compile = 0, run = 0;
};

/// A program, its inputs, and the outputs that its definition gives.
class Subject {
 public:
  explicit Subject(RandomProgram program, uint64_t seed);

  [[nodiscard]] const RandomProgram& program() const { return program_; }
  /// Why the definition itself could not be evaluated, or "".
  [[nodiscard]] const std::string& broken() const { return broken_; }
  /// Compares all ways under the schedule of these steps, each of which must be legal.
  [[nodiscard]] Verdict check(const std::vector<Step>& steps) const;
  /// Those of the steps that are legal, each after the ones kept before it.
  [[nodiscard]] std::vector<Step> legal(std::span<const Step> steps) const;
  [[nodiscard]] uint64_t seed() const { return seed_; }

  static Times times;  // of all subjects

 private:
  friend class CaseRun;
  RandomProgram program_;
  uint64_t seed_;
  std::vector<Instance> instances_;
  std::string broken_;
};

/// A random program under a random schedule, both made from `seed`.
struct RandomCase {
  Subject subject;
  std::vector<Step> steps;
  static RandomCase of(uint64_t seed);
};
/// Checks the case; steps of one that is too heavy are dropped from its end.
[[nodiscard]] Verdict check(RandomCase& c);

/// A program and its steps as a file that regression_test.cpp reads.
[[nodiscard]] std::string to_text(const RandomProgram& program, std::span<const Step> steps);
struct ParsedCase {
  RandomProgram program;
  std::vector<Step> steps;
};
[[nodiscard]] ParsedCase parse_case(std::string_view text);

}  // namespace tc::test
