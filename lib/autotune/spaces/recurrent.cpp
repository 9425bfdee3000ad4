// Stages of a recurrence: the loop over time stays as it is, inside it each stage
// runs in vectors along its last axis. A constant operand that follows that axis
// elsewhere than in its last dimension (weights [n,k] of a sum over k) is packed in
// panels, so that its elements are read as vectors; they are read again every step.
#include <fmt/format.h>

#include <algorithm>

#include "rules.h"

namespace tc::autotune {
namespace {

// The constant operand to pack, and its dimension that is the last axis.
std::pair<Tensor, int> panel_of(const Drawing& d, const StageView& v) {
  std::pair<Tensor, int> found{Tensor(), -1};
  const auto* r = v.op->values[0].as<ir::Reduce>();
  if (!r || r->source.size() != 1) return found;
  ir::walk<ir::Load>(r->source[0], [&](const ir::Load& l) {
    for (size_t i = 0; i + 1 < l.indices.size(); ++i)
      if (l.indices[i].same(v.op->axes.back()) && d.view.is_constant(Tensor(l.buffer)))
        found = {Tensor(l.buffer), static_cast<int>(i)};
  });
  return found;
}

}  // namespace

void schedule_step(Drawing& d, const StageView& v, size_t number) {
  Stage stage = d.s[v.tensor];
  std::vector<Axis> axes = stage.axes();
  axes.erase(axes.begin());  // time
  if (axes.empty()) return;
  const Axis column = axes.back();
  axes.pop_back();
  const std::string suffix = number == 0 ? "" : fmt::format("_{}", number);
  const int64_t lanes = d.context.target.lanes(std::max<int>(v.tensor.dtype().bits, 8));
  const int64_t unroll = d.choices.option("unroll" + suffix, {4, 2, 1, 8});
  if (const auto [panel, dim] = panel_of(d, v); panel) {
    const bool sized = !d.view.graph->sizes.empty();  // 4 vectors go with every choice
    d.s[panel].layout(panel_layout(panel, dim, lanes * (sized ? 4 : unroll)));
  }
  const auto [xo, xi] = stage.split(column, lanes * unroll);
  const auto [xu, xl] = stage.split(xi, lanes);
  std::vector<Axis> order = axes;
  order.push_back(xo);
  const auto reduce = stage.reduce_axes();
  order.insert(order.end(), reduce.begin(), reduce.end());
  order.push_back(xu), order.push_back(xl);
  stage.reorder(order);
  if (unroll > 1) stage.unroll(xu);
  stage.vectorize(xl);
}

}  // namespace tc::autotune
