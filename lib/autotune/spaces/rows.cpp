// Computations by rows: every stage belongs to one row of the output, which
// stays in the first-level cache from the first stage to the last.
#include <algorithm>

#include "rules.h"

namespace tc::autotune {
namespace {

// The stage has the output's leading axes, and its last one or none.
bool row_shaped(const Tensor& t, const Tensor& out) {
  const int rank = out.ndim();
  const bool full = t.ndim() == rank, reduced = t.ndim() == rank - 1;
  if (!full && !reduced) return false;
  for (int i = 0; i + 1 < rank; ++i)
    if (t.dim(i) != out.dim(i)) return false;
  return !full || t.dim(rank - 1) == out.dim(rank - 1) || t.dim(rank - 1) == 1;
}

// Reads leading axes at the reader's own ones, in order.
bool reads_own_row(const Op& op, size_t leading) {
  bool ok = true;
  for (const Expr& value : op.values)
    ir::walk<ir::Load>(value, [&](const ir::Load& l) {
      if (static_cast<const Op*>(l.buffer->source.get())->is_placeholder()) return;
      for (size_t i = 0; i < std::min(leading, l.indices.size()); ++i) {
        const auto* v = l.indices[i].as<ir::Var>();
        ok = ok && v && op.axes[i].same(VarRef(v));
      }
    });
  return ok;
}

struct RowChoice {
  int64_t lanes, unroll;
};

// A loop over a row, in vectors: chunks of `unroll` vectors, the rest after them.
void vectorize_row(Stage stage, const Axis& axis, const RowChoice& c, bool reduce) {
  const auto [outer, inner] = stage.split(axis, c.lanes * c.unroll);
  const auto [u, lane] = stage.split(inner, c.lanes);
  (void)outer;
  if (c.unroll > 1) stage.unroll(u);
  stage.vectorize(lane, reduce);
}

bool simple_float_reduce(const Op& op) {
  const auto* r = op.values[0].as<ir::Reduce>();
  return op.values.size() == 1 && operation_of(*r->combiner).has_value();
}

}  // namespace

bool schedule_rows(Drawing& d) {
  if (d.view.graph->outputs.size() != 1) return false;
  for (const StageView& v : d.view.stages)
    if (v.scan >= 0 || v.external) return false;
  const Tensor& out = d.view.graph->outputs[0];
  const bool out_reduces = out.op().values[0].as<ir::Reduce>() != nullptr;
  const int rank = out.ndim() + (out_reduces ? 1 : 0);
  if (rank < 1) return false;
  bool any = false;
  int64_t length = 1;
  for (const StageView& v : d.view.stages) {
    const Op& op = *v.op;
    const bool is_out = v.tensor.buffer()->source == out.buffer()->source;
    if (v.reduces) {
      const auto axes = op.reduce_axes();
      if (axes.size() != 1 || !simple_float_reduce(op)) return false;
      length = std::max(length, ir::as_int(axes[0].extent).value_or(1));
      any = true;
    }
    if (out_reduces && !is_out) return false;  // one stage: a plain reduction of rows
    if (!out_reduces && (!row_shaped(v.tensor, out) || !reads_own_row(op, static_cast<size_t>(rank - 1))))
      return false;
  }
  if (!any) return false;

  const int bits = out.dtype().bits;
  RowChoice c{d.context.target.lanes(bits), 1};
  c.unroll = d.choices.option("unroll", {4, 2, 8, 1});
  Stage last = d.s[out];
  auto axes = last.axes();
  if (out_reduces) {
    if (axes.size() > 1) axes = {last.fuse(axes)};
    vectorize_row(last, last.reduce_axes()[0], c, true);
    if (d.context.threads > 1 && !axes.empty()) last.parallel(axes[0]);
    return true;
  }
  const Axis column = axes.back();
  axes.pop_back();
  const bool stack = length * out.dtype().bytes() <= 32 << 10;
  if (!axes.empty()) {
    // several row loops stay several: producers are placed at the innermost one
    for (auto it = d.view.stages.rbegin(); it != d.view.stages.rend(); ++it) {
      if (it->tensor == out) continue;
      Stage stage = d.s[it->tensor];
      stage.compute_at(last, axes.back());
      if (stack) stage.set_scope(Scope::stack);
    }
  }
  for (const StageView& v : d.view.stages) {
    Stage stage = d.s[v.tensor];
    if (v.reduces)
      vectorize_row(stage, stage.reduce_axes()[0], c, true);
    else if (v.tensor.ndim() == rank && v.tensor.dim(rank - 1) != 1)
      vectorize_row(stage, v.tensor == out ? column : stage.axes().back(), c, false);
  }
  if (d.context.threads > 1 && !axes.empty()) last.parallel(axes[0]);
  return true;
}

}  // namespace tc::autotune
