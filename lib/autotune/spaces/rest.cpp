// What no other rule took: stages in vectors along their last axis, one nest
// each; small elementwise producers disappear into their readers.
#include <fmt/format.h>
#include <algorithm>

#include "rules.h"

namespace tc::autotune {
namespace {

// Every read is at the stage's own axes, all of them in order: then the stage
// is one long vector.
bool is_contiguous(const StageView& v) {
  const Op& op = *v.op;
  bool ok = v.elementwise;
  for (const Expr& value : op.values)
    ir::walk<ir::Load>(value, [&](const ir::Load& l) {
      ok = ok && l.indices.size() == op.axes.size();
      for (size_t i = 0; ok && i < l.indices.size(); ++i) {
        const auto* x = l.indices[i].as<ir::Var>();
        ok = x && op.axes[i].same(VarRef(x)) && Extent(l.buffer->shape[i]) == Extent(op.shape[i]);
      }
    });
  return ok;
}

void schedule_one(Drawing& d, const StageView& v, size_t number) {
  Stage stage = d.s[v.tensor];
  auto axes = stage.axes();
  if (axes.empty()) return;
  const std::string suffix = number == 0 ? "" : fmt::format("_{}", number);
  const int64_t lanes = d.context.target.lanes(std::max<int>(v.tensor.dtype().bits, 8));
  const int64_t unroll = d.choices.option("unroll" + suffix, {2, 1, 4, 8});
  const bool threads = d.context.threads > 1;
  // one long vector where whole chunks fill the rows: others would cross their ends
  const auto columns = ir::as_int(v.tensor.shape().back());
  if (is_contiguous(v) && axes.size() > 1 && columns && *columns % (lanes * unroll) == 0)
    axes = {stage.fuse(axes)};
  std::vector<Axis> order(axes.begin(), axes.end() - 1), inner;
  Axis column = axes.back();
  if (axes.size() == 1 && threads) {
    const auto [chunk, rest] = stage.split_parts(column, d.context.threads);
    order.push_back(chunk);
    column = rest;
  }
  const auto [xo, xi] = stage.split(column, lanes * unroll);
  const auto [xu, xl] = stage.split(xi, lanes);
  order.push_back(xo);
  const auto reduce = stage.reduce_axes();
  order.insert(order.end(), reduce.begin(), reduce.end());
  order.push_back(xu), order.push_back(xl);
  stage.reorder(order);
  if (unroll > 1) stage.unroll(xu);
  stage.vectorize(xl);
  if (threads) stage.parallel(order[0]);
}

}  // namespace

void schedule_rest(Drawing& d, const std::vector<bool>& done) {
  std::vector<bool> gone(d.view.stages.size(), false);
  for (size_t i = 0; i < d.view.stages.size(); ++i) {
    const StageView& v = d.view.stages[i];
    if (done[i] || v.reduces || d.view.is_output(static_cast<int>(i)) || v.op->values.size() != 1 ||
        v.scan >= 0 || v.external)
      continue;
    bool inner_done = false;  // a reader that is scheduled already, or an extern, keeps what it reads
    for (const int r : v.readers)
      inner_done |= done[static_cast<size_t>(r)] || d.view.stages[static_cast<size_t>(r)].external;
    const bool cheap = v.readers.size() == 1 && !d.view.stages[static_cast<size_t>(v.readers[0])].reduces;
    if (inner_done || !cheap) continue;
    d.s[v.tensor].compute_inline();
    gone[i] = true;
  }
  size_t number = 0;
  for (size_t i = 0; i < d.view.stages.size(); ++i)
    if (!done[i] && !gone[i] && !d.view.stages[i].external)
      (d.view.stages[i].scan < 0 ? schedule_one : schedule_step)(d, d.view.stages[i], number++);
}

}  // namespace tc::autotune
