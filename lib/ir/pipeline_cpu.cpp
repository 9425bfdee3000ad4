// The pipeline for a CPU, in order, with the reason for each place.
#include "tc/ir/passes.h"

namespace tc::ir {

const Pipeline& cpu_pipeline() {
  static const Pipeline kPipeline{
      "cpu",
      Form::nested,
      Form::target,
      {
          {&passes::vectorize, "while loops still stand: lanes come from whole loops"},
          {&passes::unroll, "after vectorize, which may leave loops of vectors to copy"},
      }};
  return kPipeline;
}

}  // namespace tc::ir
