// Which steps the random schedules had, alone and in pairs.
#pragma once
#include <array>

#include "tc/schedule/step.h"

namespace tc::test {

class Coverage {
 public:
  static constexpr size_t kKinds = kNumStepKinds;
  void add(const std::vector<Step>& steps);
  /// Per kind: steps kept, cases that had one, and cases that had it together with each other kind.
  [[nodiscard]] std::string table() const;

 private:
  int64_t cases_ = 0;
  std::array<int64_t, kKinds> steps_{};
  std::array<std::array<int64_t, kKinds>, kKinds> together_{};
};

}  // namespace tc::test
