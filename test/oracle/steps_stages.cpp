// Steps that make stages, or take one away.
#include "oracle/steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/ir/traverse.h"

namespace tc::test::oracle {

using ir::LoopMode;

namespace {
std::vector<VarRef> vars_for_dims(const Stage& s) {
  std::vector<VarRef> out;
  for (const Dim& d : s.dims)
    out.push_back(ir::var(!d.made ? s.vars[at(d.axis)]->name : s.axes[at(d.axis)].name));
  return out;
}

std::vector<BufferRef> buffers_like(const Stage& s, const std::string& name,
                                    const std::vector<int64_t>& shape) {
  std::vector<BufferRef> out;
  std::vector<Expr> extents;
  for (const int64_t n : shape) extents.push_back(ir::int_imm(n));
  for (const BufferRef& b : s.buffers) out.push_back(ir::buffer(name, b->type, extents));
  return out;
}
}  // namespace

bool Apply::stage_name_taken() const {
  if (step_.into.size() > 1) return true;
  return step_.into.size() == 1 && std::any_of(m_.stages.begin(), m_.stages.end(),
                                               [&](const Stage& s) { return s.name == step_.into[0]; });
}

std::string Apply::new_stage(const char* suffix) const {
  if (!step_.into.empty()) return step_.into[0];
  std::string name = step_.stage + suffix;
  for (int i = 1; m_.find(name) >= 0; ++i) name = fmt::format("{}{}_{}", step_.stage, suffix, i);
  return name;
}

int Apply::insert(Stage made, size_t place) {
  m_.stages.push_back(std::move(made));
  const int id = static_cast<int>(m_.stages.size()) - 1;
  m_.order.insert(m_.order.begin() + static_cast<std::ptrdiff_t>(place), id);
  return id;
}

size_t Apply::place_of(int id) const {
  return static_cast<size_t>(std::find(m_.order.begin(), m_.order.end(), id) - m_.order.begin());
}

Meaning Apply::cache_read() {
  const std::vector<int> all = m_.readers(id_);
  std::vector<int> chosen;
  for (const std::string& n : step_.names) {
    const int r = m_.find(n);
    if (std::find(all.begin(), all.end(), r) == all.end()) return none("it does not read that");
    chosen.push_back(r);
  }
  if (step_.names.empty()) chosen = all;
  if (chosen.empty()) return none("nothing reads it");
  if (stage_name_taken()) return none("the name is taken");
  Stage copy;
  copy.name = new_stage("_r");
  copy.vars = vars_for_dims(s());
  copy.shape = s().shape;
  copy.buffers = buffers_like(s(), copy.name, s().shape);
  for (const BufferRef& b : s().buffers) copy.values.push_back(ir::load(b, as_exprs(copy.vars)));
  copy.at_stage = s().at_stage, copy.at_axis = s().at_axis;
  for (const int r : chosen)  // what the recurrence reads is copied step by step
    if (m_.stages[at(r)].scan == s().scan) copy.scan = s().scan;
  reset_loops(copy);
  for (const int r : chosen)
    for (Expr& v : m_.stages[at(r)].values)
      v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
        for (size_t c = 0; c < copy.buffers.size(); ++c)
          if (s().buffers[c].same(l.buffer)) return ir::load(copy.buffers[c], l.indices);
        return nullptr;
      });
  size_t place = place_of(id_) + 1;
  while (place < m_.order.size() && m_.stages[at(m_.order[place])].is_input) ++place;
  insert(std::move(copy), place);
  return {};
}

// The computation of the stage with its loops, and what is placed in them, as a stage before it.
// The stage itself has variables of its own now, and neither values nor a reduction.
int Apply::take_computation(const std::string& name) {
  Stage made = s();
  made.name = name;
  made.is_output = false;
  made.layout.clear(), made.has_layout = false, made.align.clear();  // the storage stays where it was
  made.doubled = made.rolling = false;
  made.buffers = buffers_like(s(), name, s().shape);
  s().vars = vars_for_dims(s());
  s().reduce.clear(), s().values.clear(), s().hints.clear();
  s().init_at = -1, s().tensor.reset(), s().external = false;
  const int id = insert(std::move(made), place_of(id_));
  for (Stage& o : m_.stages)
    if (o.at_stage == id_) o.at_stage = id;
  return id;
}

Meaning Apply::cache_write() {
  if (s().is_input) return none("nothing writes an input");
  if (stage_name_taken()) return none("the name is taken");
  const int made = take_computation(new_stage("_w"));
  for (const BufferRef& b : m_.stages[at(made)].buffers)
    s().values.push_back(ir::load(b, as_exprs(s().vars)));
  reset_loops(s());
  return {};
}

Meaning Apply::rfactor() {
  if (s().is_input || step_.axes.size() != 1 || !s().folds()) return none("nothing is folded");
  const int axis = loop_of(s(), step_.axes[0]);
  if (axis < 0 || !s().axes[at(axis)].reduce) return none("not a loop that folds");
  if (step_.number < 0 || step_.number > static_cast<int64_t>(s().dims.size()))
    return none("no such position");
  if (s().scan >= 0 && step_.number == 0) return none("time is the first dimension");
  if (stage_name_taken()) return none("the name is taken");
  const int64_t extent = s().extents()[at(axis)];
  const auto* r = s().reduction();
  const ir::CombinerRef combiner = r->combiner;
  const auto position = static_cast<std::ptrdiff_t>(step_.number);
  const std::string axis_name = s().axes[at(axis)].name;
  const int id = take_computation(new_stage("_rf"));
  Stage& made = m_.stages[at(id)];
  made.axes[at(axis)].reduce = false;
  if (!made.folds()) made.init_at = -1;
  made.dims.insert(made.dims.begin() + position, Dim{axis, made.relations.size(), true});
  made.shape.insert(made.shape.begin() + position, extent);
  made.buffers = buffers_like(made, made.name, made.shape);
  const ReduceAxis k{ir::var(axis_name), ir::int_imm(0), ir::int_imm(extent)};
  std::vector<Expr> index = as_exprs(s().vars);
  index.insert(index.begin() + position, k.var);
  std::vector<Expr> sources;
  for (const BufferRef& b : made.buffers) sources.push_back(ir::load(b, index));
  s().reduce = {k};
  for (size_t i = 0; i < sources.size(); ++i)
    s().values.push_back(
        ir::reduce(combiner, {k.min}, {k.extent}, {k.var}, sources, static_cast<int64_t>(i)));
  reset_loops(s());
  made.rfactor_reassociates = step_.reassociate;
  return {};
}

Meaning Apply::compute_inline() {
  if (s().is_input) return none("an input has no expression");
  if (s().reduction() && s().is_partial()) return {Meaning::unjudged, "partial results as an expression"};
  if (s().reduction()) return none("a reduction is no expression");
  if (s().external) return none("a program is no expression");
  for (const Stage& o : m_.stages)
    if (o.at_stage == id_) return none("its loops are the place of another stage");
  for (const int r : m_.readers(id_)) {
    if (r == id_) return none("it reads itself");
    if (m_.stages[at(r)].external) return none("an extern reads it");
  }
  for (const int r : m_.readers(id_))
    for (Expr& v : m_.stages[at(r)].values)
      v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
        for (size_t c = 0; c < s().buffers.size(); ++c) {
          if (!s().buffers[c].same(l.buffer)) continue;
          ir::VarMap map;
          for (size_t i = 0; i < s().vars.size(); ++i) map[s().vars[i]] = l.indices[i];
          return ir::substitute(s().values[c], map);
        }
        return nullptr;
      });
  s().inlined = true;
  s().at_stage = s().at_axis = -1;
  return {};
}

}  // namespace tc::test::oracle
