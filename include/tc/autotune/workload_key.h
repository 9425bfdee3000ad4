// A workload as the log sees it: its canonical text (tc::Workload::text()) and
// that text's hash. What the text means is for the operator library to say; a
// log may hold operators that this tc does not know.
#pragma once
#include <optional>
#include <string>

namespace tc::autotune {

class WorkloadKey {
 public:
  explicit WorkloadKey(std::string canonical_text);
  [[nodiscard]] const std::string& text() const { return text_; }
  /// SHA-256 of the text, in hex.
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  std::string text_, hash_;
};

/// How unlike two workloads `op key=value ...` are: 0 where equal, the root of the
/// sum of squared log2 ratios of their integers (of ranges the mean over both ends, and
/// 1 more between a range and a number), or nothing where one says nothing
/// about the other (another op, other keys, other words, a whole graph).
[[nodiscard]] std::optional<double> workload_distance(const WorkloadKey& a, const WorkloadKey& b);

}  // namespace tc::autotune
