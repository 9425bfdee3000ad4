// From a schedule to loops: bound inference, nests, guards for tails.
#pragma once
#include <span>

#include "tc/schedule/schedule.h"

namespace tc {

/// An argument that the function takes in another layout than the tensor's own.
struct Pack {
  int arg = 0;                 // position among the arguments
  std::string layout;          // dims, as given to Stage::layout
  FuncRef func;                // nested form: (plain, packed); elements of padding are zero
  std::vector<int64_t> shape;  // of the packed tensor; never the plain one's
};

struct Lowered {
  FuncRef func;  // nested form
  std::vector<Pack> packs;
};

/// The function of `args` (inputs and outputs, in call order; see to_func for the
/// errors) that the schedule describes, in nested form. Errors: lower.*.
[[nodiscard]] Expected<Lowered> lower(const Schedule& schedule, const std::vector<Tensor>& args,
                                      const std::string& name = "main");

/// One schedule of a computation, and the sizes of calls that it is for.
struct Variant {
  Schedule schedule;
  Expr when;  ///< a condition over sizes of the arguments; null of the last variant: all other calls
};

/// One function of `args` with all variants inside: a call runs the first one whose condition holds.
/// The schedules are of the same tensors, and give inputs the same layouts. Errors also lower.variants.
[[nodiscard]] Expected<Lowered> lower(std::span<const Variant> variants, const std::vector<Tensor>& args,
                                      const std::string& name = "main");

}  // namespace tc
