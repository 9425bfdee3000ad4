#include <algorithm>

#include "rules.h"
#include "tc/ir/simplify.h"
#include "tc/te/extern.h"

namespace tc::autotune {

bool View::is_output(int stage) const {
  return std::any_of(graph->outputs.begin(), graph->outputs.end(), [&](const Tensor& t) {
    const auto& own = graph->graph.buffers[static_cast<size_t>(stage)];
    return std::any_of(own.begin(), own.end(), [&](const BufferRef& b) { return b.same(t.buffer()); });
  });
}
bool View::is_constant(const Tensor& t) const {
  return std::any_of(graph->constants.begin(), graph->constants.end(),
                     [&](int i) { return graph->args[static_cast<size_t>(i)] == t; });
}

int64_t guide(const Expr& extent, const std::vector<WorkloadSize>& sizes) {
  if (const auto n = ir::as_int(extent)) return *n;
  ir::VarMap map;
  for (const WorkloadSize& s : sizes) map[s.var] = ir::int_imm(s.greatest);
  return ir::as_int(ir::simplify(ir::substitute(extent, map))).value_or(1);
}

int64_t shared_panel(int64_t columns, int64_t lanes) {
  int64_t vectors = 4;
  while (vectors > 1 && (vectors - 1) * lanes >= columns) vectors /= 2;
  return vectors;
}

View look_at(const WorkloadGraph& graph) {
  View view;
  view.graph = &graph;
  const Graph& g = graph.graph;
  for (size_t i = 0; i < g.ops.size(); ++i) {
    StageView v;
    v.tensor = Tensor(g.buffers[i][0]);
    v.op = g.ops[i];
    v.scan = g.scans[i];
    v.external = v.op->external != nullptr;
    const Op& op = *g.ops[i];
    v.reduces = op.values[0].as<ir::Reduce>() != nullptr;
    v.elementwise = !v.reduces && !op.external;
    if (op.external)
      for (const BufferRef& b : op.external->tensors) v.reads.emplace_back(b);
    for (const Expr& value : op.external ? std::vector<Expr>() : op.values)
      ir::walk<ir::Load>(value, [&](const ir::Load& l) {
        if (std::none_of(v.reads.begin(), v.reads.end(),
                         [&](const Tensor& t) { return t.buffer().same(l.buffer); }))
          v.reads.emplace_back(l.buffer);
        for (const Expr& e : l.indices) {
          const bool own = e.as<ir::Var>() != nullptr || ir::as_int(e).has_value();
          v.elementwise = v.elementwise && own;
        }
      });
    view.stages.push_back(std::move(v));
  }
  for (size_t p = 0; p < view.stages.size(); ++p)
    for (size_t q = 0; q < view.stages.size(); ++q)
      for (const Tensor& t : view.stages[q].reads)
        if (std::any_of(g.buffers[p].begin(), g.buffers[p].end(),
                        [&](const BufferRef& b) { return b.same(t.buffer()); }) &&
            std::find(view.stages[p].readers.begin(), view.stages[p].readers.end(), static_cast<int>(q)) ==
                view.stages[p].readers.end())
          view.stages[p].readers.push_back(static_cast<int>(q));
  return view;
}

}  // namespace tc::autotune
