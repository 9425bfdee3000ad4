// What the files of workloads share. Private to lib/te.
#pragma once
#include "tc/te/workload.h"

namespace tc::detail {

/// "4x5x6", canonical, to numbers.
[[nodiscard]] std::vector<int64_t> split_list(std::string_view text);
/// "1..16..64", canonical, to the range of a key; nothing where it is a number.
[[nodiscard]] std::optional<WorkloadRange> split_range(std::string_view key, std::string_view text);
/// The canonical text of a range.
[[nodiscard]] std::string join_range(const WorkloadRange& range);
/// The values that Workload::judged gives the sizes, one list a workload; one empty list for numbers.
[[nodiscard]] std::vector<std::vector<int64_t>> judged_values(const std::vector<WorkloadRange>& ranges);
/// Error workload.size where the tensors are too large to mean anything.
[[nodiscard]] Check check_budget(const WorkloadGraph& g);

/// The name among `names` that `word` was probably meant to be, or "".
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string_view>& names);

/// Brings the values of a workload (one per key of `op`, "" where not given)
/// into their canonical form: defaults filled in, those that depend on other
/// keys left open. Gives the position of a value that does not fit the others.
struct CanonicalError {
  size_t key;
  std::string expected;
};
[[nodiscard]] std::optional<CanonicalError> make_canonical(const WorkloadOp& op,
                                                           std::vector<std::string>& values);
/// The text of canonical values.
[[nodiscard]] std::string canonical_text(const WorkloadOp& op, const std::vector<std::string>& values);

}  // namespace tc::detail
