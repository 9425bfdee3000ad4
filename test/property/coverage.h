// Which steps the random schedules had, alone and in pairs: step A and, anywhere after it,
// step B, on the same stage or on another one.
#pragma once
#include <array>

#include "tc/schedule/step.h"

namespace tc::test {

class Coverage {
 public:
  static constexpr size_t kKinds = kNumStepKinds;
  void add(const std::vector<Step>& steps);
  /// Steps of that kind that were kept.
  [[nodiscard]] int64_t kept(StepKind kind) const { return steps_[static_cast<size_t>(kind)]; }
  /// Cases in which `b` came after `a`, both on one stage or on two.
  [[nodiscard]] int64_t pairs(StepKind a, StepKind b, bool same_stage) const {
    return pairs_[same_stage][static_cast<size_t>(a)][static_cast<size_t>(b)];
  }
  /// Per kind: steps kept, cases that had one, and of each pair how many cases had it
  /// on one stage and on two.
  [[nodiscard]] std::string table() const;

 private:
  using Matrix = std::array<std::array<int64_t, kKinds>, kKinds>;
  int64_t cases_ = 0;
  std::array<int64_t, kKinds> steps_{}, with_{};
  std::array<Matrix, 2> pairs_{};
};

}  // namespace tc::test
