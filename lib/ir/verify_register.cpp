#include "verify_register.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/ir/print.h"

namespace tc::ir {

void RegisterAccesses::access(const Buffer& b, const Expr& index, const StmtNode* at,
                              const std::function<void(std::string)>& fail) {
  const auto* ramp = index.as<Ramp>();
  const auto first = as_int(ramp ? ramp->base : index);
  const bool run = ramp ? is_int(ramp->stride, 1) : index->type.lanes == 1;
  if (!first || !run)
    return fail(fmt::format("the register buffer {} is accessed at {}, not at constant slots in a row",
                            b.name, to_string(index)));
  const int64_t lanes = index->type.lanes, size = as_int(b.shape[0]).value_or(0);
  if (*first < 0 || *first > size - lanes)
    return fail(
        fmt::format("the register buffer {} of {} slots is accessed at {}", b.name, size, to_string(index)));
  runs_[&b].push_back({*first, lanes, at});
}

void RegisterAccesses::check(const std::function<void(const StmtNode*, std::string)>& fail) const {
  for (const auto& [buffer, runs] : runs_) {
    std::vector<Run> sorted = runs;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Run& a, const Run& b) {
      return std::pair(a.first, a.lanes) < std::pair(b.first, b.lanes);
    });
    for (size_t i = 1; i < sorted.size(); ++i) {
      const Run &a = sorted[i - 1], &b = sorted[i];
      const bool same = a.first == b.first && a.lanes == b.lanes;
      if (!same && b.first < a.first + a.lanes)
        fail(b.at,
             fmt::format("accesses of the register buffer {} overlap in part: slots [{}, +{}) and [{}, +{})",
                         buffer->name, a.first, a.lanes, b.first, b.lanes));
    }
  }
}

}  // namespace tc::ir
