// How far apart rounding may take two evaluations of one element. Private to lib/te.
#pragma once
#include "tc/te/graph.h"

namespace tc {

/// A graph beside its own running error analysis.
struct ErrorBounds {
  FuncRef func;  // te form: all args, then one f64 tensor for each bound that an arg has
  struct Bound {
    size_t arg;
    BufferRef buffer;
  };
  std::vector<Bound> bounds;  // args without one are exact
};

/// For each float computed by `graph`, and each integer made of floats, a bound of
/// |v' - v|: v as te evaluation computes it, v' by any other evaluation in the types of
/// the graph, with sums in any order, products fused or not, and functions as exact as
/// lower_math has them. Infinite where nothing is known. `args` as for to_func.
[[nodiscard]] ErrorBounds error_bounds(const Graph& graph, const std::vector<Tensor>& args);

/// The error of a sum of n floats in any order, relative to the sum of their absolute
/// values: see error_bound.cpp.
[[nodiscard]] double sum_error(DType type, double n);

}  // namespace tc
