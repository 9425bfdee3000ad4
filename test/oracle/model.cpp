#include "oracle/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/access.h"
#include "oracle/steps.h"
#include "tc/ir/traverse.h"
#include "tc/te/extern.h"

namespace tc::test::oracle {

using ir::LoopMode;

std::string fresh_axis(const Stage& s, const std::string& wanted) {
  std::string name = wanted;
  for (int i = 1; s.find(name) >= 0; ++i) name = fmt::format("{}{}", wanted, i);
  return name;
}

void reset_loops(Stage& s) {
  s.axes.clear(), s.relations.clear(), s.leaves.clear(), s.dims.clear();
  for (const VarRef& v : s.vars) {
    s.dims.push_back({static_cast<int>(s.axes.size()), 0, false});
    s.axes.push_back({fresh_axis(s, v->name), false, LoopMode::serial, false});
  }
  for (const ReduceAxis& k : s.reduce)
    s.axes.push_back({fresh_axis(s, k.var->name), true, LoopMode::serial, false});
  if (s.is_input || s.external) return;
  for (size_t i = 0; i < s.axes.size(); ++i) s.leaves.push_back(static_cast<int>(i));
}

int loop_of(const Stage& s, const std::string& name) {
  const int axis = s.find(name);
  return axis >= 0 && s.position(axis) >= 0 ? axis : -1;
}

const ir::Reduce* Stage::reduction() const { return values.empty() ? nullptr : values[0].as<ir::Reduce>(); }
bool Stage::folds() const {
  return reduction() && std::any_of(leaves.begin(), leaves.end(), [&](int l) { return axes[at(l)].reduce; });
}
int Stage::position(int axis) const {
  const auto it = std::find(leaves.begin(), leaves.end(), axis);
  return it == leaves.end() ? -1 : static_cast<int>(it - leaves.begin());
}
int Stage::find(const std::string& axis) const {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i].name == axis) return static_cast<int>(i);
  return -1;
}
bool Stage::is_partial() const {
  return std::any_of(dims.begin(), dims.end(), [](const Dim& d) { return d.made; });
}
std::vector<std::string> Stage::storage_dims() const {
  std::vector<std::string> out;
  if (has_layout)
    for (const Piece& p : layout) out.push_back(p.text);
  else
    for (const Dim& d : dims) out.push_back(axes[at(d.axis)].name);
  return out;
}
std::vector<int64_t> Stage::extents() const {
  std::vector<int64_t> out(axes.size(), 0);
  for (size_t i = 0; i < vars.size(); ++i)
    for (size_t d = 0; d < dims.size(); ++d)
      if (!dims[d].made && dims[d].axis == static_cast<int>(i)) out[i] = shape[d];
  for (size_t k = 0; k < reduce.size(); ++k) out[vars.size() + k] = ir::as_int(reduce[k].extent).value();
  for (const Relation& r : relations) {
    if (r.kind == Relation::fuse) {
      out[at(r.parent)] = out[at(r.outer)] * out[at(r.inner)];
      continue;
    }
    const int64_t whole = out[at(r.parent)], number = r.number_of(whole),
                  other = (whole + number - 1) / number;
    out[at(r.outer)] = r.kind == Relation::split ? other : number;
    out[at(r.inner)] = r.kind == Relation::split ? number : other;
  }
  return out;
}

bool rounds(const ir::Combiner& c) {
  bool rounds = false;
  for (const Expr& e : c.results)
    ir::walk_all(*e, [&](const ir::Node& n) {
      const auto* b = n.kind == ir::Kind::Binary ? &static_cast<const ir::Binary&>(n) : nullptr;
      rounds |= b && b->type.is_float() && b->op != ir::BinaryOp::min && b->op != ir::BinaryOp::max;
      rounds |= n.kind == ir::Kind::Call && static_cast<const ir::Call&>(n).type.is_float();
    });
  return rounds;
}

Model::Model(const std::vector<Tensor>& outputs) {
  const Graph g = Graph::of(outputs);
  const auto add = [&](Stage s) {
    for (const Expr& e : s.buffers[0]->shape) s.shape.push_back(ir::as_int(e).value());
    reset_loops(s);
    const std::string wanted = s.name;
    for (int i = 1; find(s.name) >= 0; ++i) s.name = fmt::format("{}_{}", wanted, i);
    order.push_back(static_cast<int>(stages.size()));
    stages.push_back(std::move(s));
  };
  for (const Tensor& t : g.inputs) {
    Stage s;
    s.name = t.name(), s.is_input = true, s.buffers = {t.buffer()};
    for (int i = 0; i < t.ndim(); ++i)
      s.vars.push_back(ir::var(t.ndim() == 2 ? (i ? "x" : "y") : fmt::format("d{}", i)));
    add(std::move(s));
  }
  for (size_t i = 0; i < g.ops.size(); ++i) {
    Stage s;
    s.name = g.ops[i]->name, s.buffers = g.buffers[i], s.vars = g.ops[i]->axes;
    s.reduce = g.ops[i]->reduce_axes(), s.values = g.ops[i]->values, s.scan = g.scans[i];
    if (const auto& body = g.ops[i]->external) {
      s.external = true;
      s.values.clear();
      for (const BufferRef& b : body->tensors)
        s.values.push_back(ir::load(b, std::vector<Expr>(b->shape.size(), ir::int_imm(0))));
    }
    for (const Tensor& t : g.outputs)
      for (const BufferRef& b : s.buffers) s.is_output |= t.buffer().same(b);
    add(std::move(s));
  }
}

int Model::find(const std::string& stage) const {
  for (size_t i = 0; i < stages.size(); ++i)
    if (stages[i].name == stage && !stages[i].inlined) return static_cast<int>(i);
  return -1;
}
int Model::stage_of(const BufferRef& buffer) const {
  for (size_t i = 0; i < stages.size(); ++i)
    for (const BufferRef& b : stages[i].buffers)
      if (b.same(buffer)) return static_cast<int>(i);
  throw Unjudged("a buffer of no stage");
}
std::vector<int> Model::readers(int stage) const {
  std::vector<int> out;
  for (const int q : order) {
    bool reads = false;
    for (const Expr& v : stages[at(q)].values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) { reads |= stage_of(l.buffer) == stage; });
    if (reads && !stages[at(q)].inlined) out.push_back(q);
  }
  return out;
}
bool Model::inside(int inner, int outer) const {
  for (; inner >= 0; inner = stages[at(inner)].at_stage)
    if (inner == outer) return true;
  return false;
}

Meaning Apply::run() {
  id_ = m_.find(step_.stage);
  if (id_ < 0) return none("no such stage");
  if (names_time()) return none("time runs in order");
  const Meaning meaning = dispatch();
  return meaning.kind == Meaning::some ? check_hints() : meaning;
}

Meaning Apply::dispatch() {
  switch (step_.kind) {
    case StepKind::split:
      return split();
    case StepKind::fuse:
      return fuse();
    case StepKind::reorder:
      return reorder();
    case StepKind::vectorize:
      return mode(LoopMode::vectorized);
    case StepKind::unroll:
      return mode(LoopMode::unrolled);
    case StepKind::parallel:
      return mode(LoopMode::parallel);
    case StepKind::vthread:
      return mode(LoopMode::vthread);
    case StepKind::compute_at:
      return compute_at();
    case StepKind::compute_root:
      return compute_root();
    case StepKind::compute_inline:
      return compute_inline();
    case StepKind::cache_read:
      return cache_read();
    case StepKind::cache_write:
      return cache_write();
    case StepKind::set_scope:
      return set_scope();
    case StepKind::layout:
      return layout();
    case StepKind::init_at:
      return init_at();
    case StepKind::rfactor:
      return rfactor();
    case StepKind::reverse_compute_at:
      return reverse_compute_at();
    case StepKind::tensorize:
      return tensorize();
    case StepKind::double_buffer:
      return double_buffer();
    case StepKind::prefetch:
      return prefetch();
    case StepKind::storage_align:
      return storage_align();
    case StepKind::rolling_buffer:
      return rolling_buffer();
  }
  return {Meaning::unjudged, "a step that the oracle does not know"};
}

Meaning Model::apply(const Step& step) {
  Model trial = *this;
  const Meaning m = Apply(trial, step).run();
  if (m.kind == Meaning::some) *this = std::move(trial);
  return m;
}

}  // namespace tc::test::oracle
