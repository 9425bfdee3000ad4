// The rules that make up a space. Private to lib/autotune/spaces.
#pragma once
#include "tc/autotune/spaces.h"
#include "tc/ir/traverse.h"
#include "tc/te/reducer.h"

namespace tc::autotune {

/// How a stage looks to the rules.
struct StageView {
  Tensor tensor;  // its first output
  std::shared_ptr<const Op> op;
  bool external = false;      // has no loops, and keeps what it reads
  int scan = -1;              // of a recurrence: its first axis is time
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
/// A stage of a recurrence, inside the loop over time.
void schedule_step(Drawing& d, const StageView& v, size_t number);
/// Anything: elementwise stages in vectors over their fused axes, others loop by loop.
void schedule_rest(Drawing& d, const std::vector<bool>& done);

/// The dims of a packed panel: dimension `dim` / width, the other dims, `dim` % width.
[[nodiscard]] std::vector<std::string> panel_layout(const Tensor& t, int dim, int64_t width);

/// An extent as a number: where sizes stand in it, at the greatest values that the graph's sizes
/// are tuned for. It is a guide only: steps must be legal for every value.
[[nodiscard]] int64_t guide(const Expr& extent, const std::vector<WorkloadSize>& sizes);
[[nodiscard]] inline int64_t guide(const Drawing& d, const Tensor& t, size_t dim) {
  return guide(t.shape()[dim], d.view.graph->sizes);
}
/// Vectors of a packed panel. The buckets of a workload share one packed input: with sizes the width
/// is that of the operand alone, and tiles are as wide, parts of it or multiples.
[[nodiscard]] int64_t shared_panel(int64_t columns, int64_t lanes);
[[nodiscard]] inline bool fits_panel(int64_t vectors, int64_t panel) {
  return vectors % panel == 0 || panel % vectors == 0;
}

}  // namespace tc::autotune
