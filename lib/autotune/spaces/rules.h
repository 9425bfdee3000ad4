// The rules that make up a space. Private to lib/autotune/spaces.
#pragma once
#include "tc/autotune/spaces.h"
#include "tc/ir/traverse.h"

namespace tc::autotune {

/// How a stage looks to the rules.
struct StageView {
  Tensor tensor;              // its first output
  std::vector<Tensor> reads;  // each once
  std::vector<int> readers;   // positions in View::stages
  bool reduces = false;
  bool elementwise =
      false;  // no reduction, and every read at its own axes (perhaps fewer, perhaps constants)
};
struct View {
  const WorkloadGraph* graph = nullptr;
  std::vector<StageView> stages;  // as graph->graph.ops
  [[nodiscard]] bool is_output(int stage) const;
  [[nodiscard]] bool is_constant(const Tensor& t) const;
};
[[nodiscard]] View look_at(const WorkloadGraph& graph);

/// What the rules work on.
struct Drawing {
  Schedule& s;
  const View& view;
  const SpaceContext& context;
  Choices& choices;
};

/// A sum of products over a last axis that only one operand follows (matmul,
/// dense, convolutions), or that all follow (depthwise): tiles in registers.
/// False where the stage is none. `stage` may be read by one elementwise output,
/// in whose tiles it is then computed.
bool schedule_contraction(Drawing& d, int stage);
/// Rows: every stage has the same outermost axes and reduces or maps the rest
/// (softmax, layer norm, row sums). False where the computation is not of the kind.
bool schedule_rows(Drawing& d);
/// Anything: elementwise stages in vectors over their fused axes, others loop by loop.
void schedule_rest(Drawing& d, const std::vector<bool>& done);

/// The stage's axes, as names, from the schedule.
[[nodiscard]] int64_t extent_of(const StageView& v, size_t axis);

}  // namespace tc::autotune
