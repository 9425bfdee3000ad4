// The arguments of a workload in memory, what the reference says its outputs
// hold, and a compiled function bound to them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tc/codegen/build.h"
#include "tc/te/evaluate.h"
#include "tc/te/workload.h"

namespace tc::cli {

/// How outputs compare with the reference.
struct Comparison {
  int64_t elements = 0;  // compared; all elements were looked at for having been written
  double max_error = 0;  // relative to max(1, |reference|)
  double tolerance = 0;
  std::string difference;  // the first one; "" where there is none
  [[nodiscard]] bool passed() const { return difference.empty(); }
};

class Arguments {
 public:
  /// Inputs by `seed`. Error cli.memory before anything is allocated.
  Arguments(const WorkloadGraph& graph, uint64_t seed, Fill fill);

  [[nodiscard]] std::vector<runtime::Tensor>& tensors() { return tensors_; }
  [[nodiscard]] const WorkloadGraph& graph() const { return graph_; }
  /// Fills outputs with a value that no result has.
  void poison_outputs();
  /// Compares the outputs with te evaluation at drawn elements, corners among
  /// them (at all elements where that is cheap). Evaluates once, then remembers.
  [[nodiscard]] Comparison compare();

 private:
  void evaluate();
  WorkloadGraph graph_;
  uint64_t seed_;
  Fill fill_;
  std::vector<runtime::Tensor> tensors_;
  struct Output {
    size_t arg;
    std::vector<std::vector<int64_t>> indices;
    std::vector<double> values;
  };
  std::optional<std::vector<Output>> outputs_;
};

/// A function with its arguments bound: constants that the schedule packs are
/// packed once, outside of what is timed.
class BoundKernel {
 public:
  BoundKernel(Function function, Arguments& arguments);

  [[nodiscard]] const Function& function() const { return function_; }
  /// One call without checks of the arguments. Throws where the function refuses.
  void run() const;
  /// Poisons the outputs, runs with all checks, and compares.
  [[nodiscard]] Comparison check() const;

 private:
  Function function_;
  Arguments* arguments_;
  std::vector<runtime::Tensor> packed_;
  std::vector<const DLTensor*> pointers_;
  std::vector<void*> data_;
};

}  // namespace tc::cli
