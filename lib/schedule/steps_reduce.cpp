// Steps that move the computation of a stage into a new one: cache_write, after
// which the stage is a copy, and rfactor, after which it folds partial results.
// The loops as they stand go with the computation, and with them the stages that
// are computed inside and the place of the initialisation.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nest.h"
#include "tc/te/reducer.h"

namespace tc {
namespace {

// What computes `s` and its loops, as a new stage beside it; `s` is left without
// values and loops, its axes and variables renewed.
StageState take_computation(StageState& s, const std::string& name, Scope scope) {
  StageState made = copy_stage(s, name, scope);
  made.vars = s.vars, made.reduce = std::move(s.reduce), made.values = std::move(s.values);
  made.axes = std::move(s.axes), made.relations = std::move(s.relations), made.leaves = std::move(s.leaves);
  made.init_at = s.init_at;
  made.scan = s.scan;
  made.tensor_axis = std::exchange(s.tensor_axis, -1), made.intrinsic = std::move(s.intrinsic);
  made.prefetches = std::exchange(s.prefetches, {});
  s.vars = fresh_vars(s.vars);
  s.values.clear(), s.reduce.clear();
  return made;
}

// Inserts `made` before stage `id`, whose computation it took; `renamed` gives for
// each axis of the old loops that of the new ones.
void insert_with_attached(ScheduleState& state, int id, StageState made, const std::vector<int>& renamed) {
  insert_stage(state, id, std::move(made));
  for (StageState& s : state.stages)
    if (s.attach == StageState::at && s.at_stage == id + 1) {
      s.at_stage = id;
      s.at_axis = renamed[static_cast<size_t>(s.at_axis)];
    }
}

Check cache_write(ScheduleState& state, int id, Step step) {
  const auto scope = scope_of(step);
  if (!scope) return scope.error();
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (s.is_input)
    return Error("schedule.stage.input", fmt::format("cannot cache the writes of {}: it is an input", s.name))
        .fact("stage", s.name)
        .fix("use cache_read");
  if (auto error = name_new_stage(state, step, "_w")) return error;
  StageState cache = take_computation(s, step.into[0], scope.value());
  const std::vector<Expr> index(s.vars.begin(), s.vars.end());
  for (const BufferRef& b : cache.buffers) s.values.push_back(ir::load(b, index));
  reset_loops(s);
  std::vector<int> same(cache.axes.size());
  for (size_t i = 0; i < same.size(); ++i) same[i] = static_cast<int>(i);
  insert_with_attached(state, id, std::move(cache), same);
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

// ---- rfactor

// The axes that share a split or a fusion with `axis`, directly or through others.
std::vector<bool> family_of(const StageState& s, int axis) {
  std::vector<bool> in(s.axes.size());
  in[static_cast<size_t>(axis)] = true;
  for (bool grown = true; grown;) {
    grown = false;
    for (const Relation& r : s.relations) {
      const size_t all[] = {static_cast<size_t>(r.parent), static_cast<size_t>(r.outer),
                            static_cast<size_t>(r.inner)};
      const auto count = std::count_if(std::begin(all), std::end(all), [&](size_t i) { return in[i]; });
      if (count == 0 || count == 3) continue;
      for (const size_t i : all) in[i] = true;
      grown = true;
    }
  }
  return in;
}

std::string reduce_loops(const StageState& s) {
  std::string out;
  for (const int l : s.leaves)
    if (const AxisState& a = s.axes[static_cast<size_t>(l)]; a.reduce)
      out += (out.empty() ? "" : " or ") + a.name;
  return out;
}

Expected<int> check_rfactor(const StageState& s, const Step& step) {
  if (step.axes.size() != 1)
    return Error("schedule.parse", "rfactor takes one axis").fix("write e.g. rfactor C k position=0");
  const std::string& name = step.axes[0];
  if (!s.has_reduce())
    return Error("schedule.rfactor.reduce",
                 fmt::format("cannot rfactor {}: {} is no reduction", name, s.name))
        .fact("stage", s.name)
        .fix("leave the step out: spatial loops are independent as they stand");
  const auto axis = loop_of(s, name, "rfactor");
  if (!axis) return axis;
  if (!s.axes[static_cast<size_t>(axis.value())].reduce)
    return Error("schedule.rfactor.reduce", fmt::format("cannot rfactor {}: it is not reduced over", name))
        .fact("stage", s.name)
        .fact("axis", name)
        .fact("loops", list_loops(s))
        .fix("rfactor " + reduce_loops(s));
  if (step.number < 0 || step.number > s.rank())
    return Error("schedule.rfactor.position",
                 fmt::format("cannot make {} dimension {} of the partial results", name, step.number))
        .fact("stage", s.name)
        .fact("expected", fmt::format("a position from 0 to {}", s.rank()))
        .fact("got", std::to_string(step.number))
        .fix("0 puts it before the dimensions of the stage, where each thread has its own part");
  const auto* r = s.values[0].as<ir::Reduce>();
  if (!step.reassociate && !is_exact(*r->combiner))
    return Error("schedule.rfactor.reassociate",
                 fmt::format("rfactor of {} would change the order of the float {} in {}", name,
                             r->combiner->name, s.name))
        .fact("stage", s.name)
        .fact("axis", name + " (reduce)")
        .fact("loops", list_loops(s))
        .fix(fmt::format("allow it: rfactor({}, reassociate=True)", name));
  return axis;
}

// The stage of the partial results, from that of the whole computation: `axis` and
// its family, whose splits and fusions are written out, become axes of their own.
class PartialStage {
 public:
  PartialStage(const StageState& whole, StageState& made, const Nests& nests, int id, int axis)
      : whole_(whole), made_(made), nests_(nests), id_(id), axis_(axis), family_(family_of(whole, axis)) {}

  std::vector<int> renamed;  // axis of the whole -> axis of the partial stage

  void make(int64_t position) {
    renamed.assign(whole_.axes.size(), -1);
    made_.axes.clear(), made_.relations.clear(), made_.leaves.clear(), made_.vars.clear();
    made_.reduce.clear();
    const int rank = whole_.rank(), roots = rank + static_cast<int>(whole_.reduce.size());
    for (int d = 0; d <= rank; ++d) {
      if (d == position) add_spatial(axis_, ir::var(name_of(axis_)));
      if (d < rank) add_spatial(d, whole_.vars[static_cast<size_t>(d)]);
    }
    for (int k = rank; k < roots; ++k)
      if (!in_family(k)) add_reduce(k, whole_.reduce[static_cast<size_t>(k - rank)]);
    for (const int l : whole_.leaves)
      if (in_family(l) && l != axis_) add_reduce(l, {ir::var(name_of(l)), ir::int_imm(0), extent(l)});
    for (int a = roots; a < static_cast<int>(whole_.axes.size()); ++a)
      if (!in_family(a)) add(a);
    for (const Relation& r : whole_.relations)
      if (!in_family(r.parent))
        made_.relations.push_back({r.kind, new_id(r.parent), new_id(r.outer), new_id(r.inner), r.number});
    for (const int l : whole_.leaves) made_.leaves.push_back(new_id(l));
    if (whole_.init_at >= 0) made_.init_at = new_id(whole_.init_at);
    if (whole_.tensor_axis >= 0) made_.tensor_axis = new_id(whole_.tensor_axis);
    for (Hint& h : made_.prefetches) h.axis = new_id(h.axis);
    fill_values();
    if (!made_.has_reduce()) made_.init_at = -1;
  }

 private:
  [[nodiscard]] bool in_family(int a) const { return family_[static_cast<size_t>(a)]; }
  [[nodiscard]] int new_id(int a) const { return renamed[static_cast<size_t>(a)]; }
  [[nodiscard]] const std::string& name_of(int a) const { return whole_.axes[static_cast<size_t>(a)].name; }
  [[nodiscard]] const Expr& extent(int a) const { return nests_.of(id_).axis_extent[static_cast<size_t>(a)]; }

  void add(int a) {
    renamed[static_cast<size_t>(a)] = static_cast<int>(made_.axes.size());
    made_.axes.push_back(whole_.axes[static_cast<size_t>(a)]);
  }
  void add_spatial(int a, const VarRef& var) {
    add(a);
    made_.axes.back().reduce = false;
    made_.vars.push_back(var);
    if (whole_.leaf_position(a) >= 0) leaf_values_[loop_var(a)] = var;
  }
  void add_reduce(int a, ReduceAxis axis) {
    add(a);
    if (in_family(a)) leaf_values_[loop_var(a)] = axis.var;
    made_.reduce.push_back(std::move(axis));
  }
  [[nodiscard]] const VarRef& loop_var(int a) const {
    return nests_.of(id_).axis_var[static_cast<size_t>(a)];
  }

  // Each source in terms of the new axes, and the identity where a split's last
  // piece is shorter than the others.
  void fill_values() {
    const auto* r = whole_.values[0].as<ir::Reduce>();
    ir::VarMap map;
    for (size_t k = 0; k < whole_.reduce.size(); ++k) {
      const int root = whole_.rank() + static_cast<int>(k);
      if (in_family(root))
        map[whole_.reduce[k].var] = whole_.reduce[k].min + nests_.value(id_, root, &leaf_values_);
    }
    Expr inside = ir::bool_imm(true);
    for (const Relation& rel : whole_.relations)
      if (in_family(rel.parent) && rel.kind != Relation::fuse &&
          !fills(extent(rel.outer), extent(rel.inner), extent(rel.parent)))
        inside = ir::logical_and(inside, nests_.value(id_, rel.parent, &leaf_values_) < extent(rel.parent));
    std::vector<Expr> sources, mins, extents;
    std::vector<VarRef> vars;
    for (size_t i = 0; i < r->source.size(); ++i)
      sources.push_back(
          ir::if_then_else(inside, ir::substitute(r->source[i], map), r->combiner->identity[i]));
    for (const ReduceAxis& k : made_.reduce)
      vars.push_back(k.var), mins.push_back(k.min), extents.push_back(k.extent);
    made_.values.clear();
    for (size_t i = 0; i < sources.size(); ++i)
      made_.values.push_back(vars.empty() ? sources[i]
                                          : ir::reduce(CombinerRef(r->combiner), mins, extents, vars, sources,
                                                       static_cast<int64_t>(i)));
  }
  using CombinerRef = ir::CombinerRef;

  const StageState& whole_;
  StageState& made_;
  const Nests& nests_;
  int id_, axis_;
  std::vector<bool> family_;
  ir::VarMap leaf_values_;  // loops of the whole -> axes of the partial stage
};

// `s`, which has fresh variables and no values, as the fold of `partial` over its
// dimension `position`.
void fold_partial(StageState& s, const StageState& partial, const StageState& whole_stage, size_t position,
                  const Expr& extent) {
  const ir::Reduce& whole = *whole_stage.values[0].as<ir::Reduce>();
  const ReduceAxis k{ir::var(partial.vars[position]->name), ir::int_imm(0), extent};
  std::vector<Expr> index(s.vars.begin(), s.vars.end());
  index.insert(index.begin() + static_cast<std::ptrdiff_t>(position), k.var);
  std::vector<Expr> sources;
  for (const BufferRef& b : partial.buffers) sources.push_back(ir::load(b, index));
  s.reduce = {k};
  for (const Expr& old : whole_stage.values)
    s.values.push_back(
        ir::reduce(whole.combiner, {k.min}, {k.extent}, {k.var}, sources, old.as<ir::Reduce>()->component));
  reset_loops(s);
}

Check rfactor(ScheduleState& state, int id, Step step) {
  const auto found = check_rfactor(state.stages[static_cast<size_t>(id)], step);
  if (!found) return found.error();
  const int axis = found.value();
  if (auto error = name_new_stage(state, step, "_rf")) return error;
  const ScheduleState before = state;
  Nests nests(before);  // for the extents and values of the reduce loops
  if (auto error = nests.infer()) return error;
  const Expr extent = nests.of(id).axis_extent[static_cast<size_t>(axis)];
  const auto position = static_cast<size_t>(step.number);

  StageState& s = state.stages[static_cast<size_t>(id)];
  const StageState& whole = before.stages[static_cast<size_t>(id)];
  StageState made = take_computation(s, step.into[0], Scope::global);
  PartialStage partial(whole, made, nests, id, axis);
  partial.make(step.number);
  made.buffers.resize(made.values.size());  // one for a component that is asked for twice
  for (BufferRef& b : made.buffers) {
    std::vector<Expr> shape = b->shape;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(position), extent);
    b = ir::buffer(b->name, b->type, std::move(shape));
  }
  fold_partial(s, made, whole, position, extent);
  insert_with_attached(state, id, std::move(made), partial.renamed);
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

}  // namespace

Check apply_reduce_step(ScheduleState& state, const Step& step) {
  const auto found = stage_of(state, step.stage);
  if (!found) return found.error();
  if (step.kind == StepKind::cache_write) return cache_write(state, found.value(), step);
  if (state.stages[static_cast<size_t>(found.value())].is_input)
    return Error("schedule.stage.input", fmt::format("cannot rfactor {}: it is an input", step.stage))
        .fact("stage", step.stage)
        .fix("rfactor a stage that reduces");
  return rfactor(state, found.value(), step);
}

}  // namespace tc
