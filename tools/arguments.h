// The arguments of a workload in memory, what the reference says of its outputs,
// and a compiled function bound to them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tc/codegen/build.h"
#include "tc/te/compare.h"
#include "tc/te/workload.h"

namespace tc::cli {

/// Error cli.memory where there is no room for the arguments of a workload.
void require_arguments(const WorkloadGraph& graph);

class Arguments {
 public:
  /// Inputs by `seed`. Error cli.memory before anything is allocated.
  Arguments(const WorkloadGraph& graph, uint64_t seed, Fill fill);

  [[nodiscard]] std::vector<runtime::Tensor>& tensors() { return tensors_; }
  [[nodiscard]] const WorkloadGraph& graph() const { return graph_; }
  /// What Reference::check says of `run`, which computes the outputs; at as many
  /// elements as are cheap. Evaluates once, then remembers.
  [[nodiscard]] Comparison check(const std::function<void()>& run);

 private:
  WorkloadGraph graph_;
  uint64_t seed_;
  Fill fill_;
  std::vector<runtime::Tensor> tensors_;
  std::optional<Reference> reference_;
};

/// A function with its arguments bound: constants that the schedule packs are
/// packed once, outside of what is timed.
class BoundKernel {
 public:
  BoundKernel(Function function, Arguments& arguments);
  BoundKernel(BoundKernel&&) = default;  // a copy would call with the sizes of the other

  [[nodiscard]] const Function& function() const { return function_; }
  /// One call without checks of the arguments. Throws where the function refuses.
  void run() const;
  /// Runs with all checks of the arguments, and compares.
  [[nodiscard]] Comparison check() const;
  /// What `run`, which computes the outputs in args(), gives, compared.
  [[nodiscard]] Comparison check(const std::function<void()>& run) const { return arguments_->check(run); }
  [[nodiscard]] std::span<const DLTensor* const> args() const { return pointers_; }

 private:
  Function function_;
  Arguments* arguments_;
  std::vector<runtime::Tensor> packed_;
  std::vector<const DLTensor*> pointers_;
  std::vector<int64_t> sizes_;  // behind data_'s pointers to the arguments
  std::vector<void*> data_;
};

}  // namespace tc::cli
