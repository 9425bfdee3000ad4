// The pipeline for a CPU, in order, with the reason for each place.
#include "tc/ir/passes.h"

namespace tc::ir {

const Pipeline& cpu_pipeline() {
  static const Pipeline kPipeline{
      "cpu",
      Form::nested,
      Form::target,
      {
          {&passes::lower_guards, "first: only `if` statements can be peeled and simplified away"},
          {&passes::simplify, "the conditions become sums that peel_tails can read"},
          {&passes::hoist_guards,
           "before peel_tails: it cuts the loop that decides a condition, not those inside it"},
          {&passes::peel_tails, "while loops are still loops: later copies would each carry the branch"},
          {&passes::simplify, "new ranges decide conditions and shorten quotients of fused loops"},
          {&passes::interleave, "before vectorize: a vector statement takes its turn as a whole"},
          {&passes::vectorize, "after peel_tails, as an `if` on a lane forbids vectors"},
          {&passes::unroll, "after vectorize, so that what is copied is short"},
          {&passes::simplify, "constants of the copies fold; ramps become canonical"},
          {&passes::promote_accumulators,
           "after unroll and simplify: slots show once copies have constant indices"},
          {&passes::to_registers, "after unroll: stages of a tile have constant indices now"},
          {&passes::contract_fma,
           "after the accumulators, before polynomials, which say fma where they mean it"},
          {&passes::lower_math, "after the vectors are made, so that polynomials work on them too"},
          {&passes::flatten, "when indices are final: one sum of strides a load"},
          {&passes::simplify, "collects the sums of strides"},
          {&passes::share_subexprs,
           "after simplify, which makes equal values look equal; code generation shares only loads"},
          {&passes::hoist_invariants, "last: what is named may move out of its loop by that name"},
      }};
  return kPipeline;
}

}  // namespace tc::ir
