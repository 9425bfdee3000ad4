// Whether a function computes a workload, and how long a call takes: what a worker does with a
// candidate. A workload with sizes is checked and timed at every one of Workload::judged().
#pragma once
#include <memory>

#include "tc/codegen/build.h"
#include "tc/te/compare.h"
#include "tc/te/workload.h"

namespace tc::autotune {

/// Inputs of a workload and what its outputs must hold, made once for many functions.
class Judge {
 public:
  /// Of a workload of numbers or of one bucket; inputs are drawn by `seed`.
  Judge(const Workload& workload, uint64_t seed);
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// What candidates are built from.
  [[nodiscard]] const WorkloadGraph& graph() const { return graph_; }
  /// Runs the function for every value, on small integers and on reals: elements drawn by the seed,
  /// corners among them, against te evaluation, every element of the outputs written. The first
  /// difference ends it, and names the values. Throws where the function refuses a call.
  [[nodiscard]] Comparison check(const Function& function) const;
  /// Nanoseconds of a call: each sample repeats one call for every value in turn, and is their mean.
  [[nodiscard]] std::vector<double> time(const Function& function) const;

 private:
  struct Case;
  WorkloadGraph graph_;
  std::vector<std::unique_ptr<Case>> cases_;
};

}  // namespace tc::autotune
