// Whether a compiled computation computes what it should: its outputs on given
// inputs against te evaluation, within a bound of the rounding errors, and whether it
// writes every element. What the tuner's workers, `tensorc run --check` and the
// benchmarks ask.
#pragma once
#include <functional>
#include <string>

#include "tc/te/evaluate.h"

namespace tc {

/// How outputs compare with the reference.
struct Comparison {
  int64_t elements = 0;    // compared; all elements were looked at for having been written
  double max_error = 0;    // of those, relative to max(1, |reference|)
  double tolerance = 0;    // the greatest that one of them was allowed, relative likewise
  std::string difference;  // the first one; "" where there is none
  [[nodiscard]] bool passed() const { return difference.empty(); }
};

/// What the outputs of one computation must hold for given inputs.
class Reference {
 public:
  /// Evaluates at most `elements` elements of each output: all of them, or drawn by
  /// `seed`, corners first. `views` are one per arg; inputs hold what make_args gave
  /// with `fill`, or anything else. Throws what evaluate_at gives.
  ///
  /// With small integers results are exact where the graph has only sums, products and
  /// choices, and are compared bit by bit, as are integers computed from integers. Other
  /// elements may differ by the bound of lib/te/error_bound.cpp; those for which there is
  /// no finite one are not compared.
  Reference(const std::vector<Tensor>& args, std::span<const ir::TensorView> views, Fill fill,
            size_t elements, uint64_t seed);

  /// Fills the outputs in `views` (shapes and types as above) with a pattern, calls
  /// `run`, which computes them, and compares. `run` is called again, on outputs filled
  /// with another pattern, where elements hold the first pattern by chance or because
  /// they were not written: those hold whatever was there before.
  [[nodiscard]] Comparison check(std::span<const ir::TensorView> views,
                                 const std::function<void()>& run) const;

 private:
  struct Output {
    size_t arg;
    std::string name;
    std::vector<std::vector<int64_t>> indices;
    std::vector<double> values, allowed;
  };
  void compare(const Output& out, const ir::TensorView& view, Comparison& c) const;
  std::vector<Output> outputs_;
};

}  // namespace tc
