// The oracle against the compiler: random steps, each judged by both.
#pragma once
#include <map>
#include <string>

#include "tc/schedule/schedule.h"
#include "te/random_te.h"

namespace tc::test::oracle {

/// What came of many steps.
struct Tally {
  int64_t schedules = 0;  // whole lists of steps
  int64_t judged = 0;     // steps, each on the legal ones before it
  int64_t legal = 0, illegal = 0, meaningless = 0;
  int64_t refused_legal = 0, unjudged = 0, heavy = 0;
  std::map<std::string, int64_t> refused;                    // legal steps that were refused, by code
  std::map<std::string, std::string> example;                // of each, the first
  std::map<std::string, std::pair<int64_t, int64_t>> kinds;  // by step: legal, illegal or meaningless
  std::vector<std::string> wrong;  // steps that were taken and are illegal, and wrong results of legal ones

  void add(const Tally& other);
  [[nodiscard]] double refused_share() const {
    return legal == 0 ? 0 : static_cast<double>(refused_legal) / static_cast<double>(legal);
  }
  [[nodiscard]] std::string text() const;
};

/// `steps` one after the other on a program: those that both find legal are kept.
struct Judge {
  explicit Judge(const RandomProgram& program);
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// Judges the next step, and counts.
  void step(const Step& step, Tally& tally);
  /// Lowers and runs what was kept, and compares it with the definition.
  void finish(uint64_t seed, Tally& tally);
  /// A random one without regard to what is legal.
  [[nodiscard]] Step roll(Rng& random) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The program and the random steps of `seed`.
void judge_random(uint64_t seed, Tally& tally);

}  // namespace tc::test::oracle
