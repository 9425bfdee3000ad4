// Making the stages that steps add to a schedule, and putting them into it.
#include <fmt/format.h>

#include "state.h"

namespace tc {

Expected<Scope> scope_of(const Step& step) {
  if (step.scope == "global" || step.scope.empty()) return Scope::global;
  for (const Scope s : {Scope::stack, Scope::inp, Scope::wgt, Scope::acc})
    if (step.scope == ir::to_string(s)) return s;
  return Error("schedule.scope", fmt::format("cannot keep {} in the scope {}", step.stage, step.scope))
      .fact("stage", step.stage)
      .fact("expected", "global, stack, inp, wgt or acc")
      .fix("on the CPU, registers are used by themselves where a stage's tile fits");
}

void reset_loops(StageState& s) {
  s.axes.clear(), s.relations.clear(), s.leaves.clear();
  s.init_at = -1;
  for (const VarRef& v : s.vars) s.axes.push_back({fresh_axis_name(s, v->name), false, {}, false});
  for (const ReduceAxis& k : s.reduce) s.axes.push_back({fresh_axis_name(s, k.var->name), true, {}, false});
  for (size_t i = 0; i < s.axes.size(); ++i) s.leaves.push_back(static_cast<int>(i));
}

// Stage indices after `at` move up by one, also where the new stage is placed.
void insert_stage(ScheduleState& state, int at, StageState stage) {
  for (StageState& s : state.stages)
    if (s.at_stage >= at) ++s.at_stage;
  if (stage.at_stage >= at) ++stage.at_stage;
  state.stages.insert(state.stages.begin() + at, std::move(stage));
}

std::vector<VarRef> fresh_vars(const std::vector<VarRef>& like) {
  std::vector<VarRef> out;
  for (const VarRef& v : like) out.push_back(ir::var(v->name));
  return out;
}

StageState copy_stage(const StageState& source, std::string name, Scope scope) {
  StageState s;
  s.name = std::move(name);
  s.scope = scope;
  s.vars = fresh_vars(source.vars);
  const std::vector<Expr> index(s.vars.begin(), s.vars.end());
  for (const BufferRef& b : source.buffers) {
    s.buffers.push_back(ir::buffer(
        source.buffers.size() == 1 ? s.name : fmt::format("{}_{}", s.name, b->name), b->type, b->shape));
    s.values.push_back(ir::load(b, index));
  }
  // beside its source: a reader further out would not find what is computed inside
  s.attach = source.attach, s.at_stage = source.at_stage, s.at_axis = source.at_axis;
  reset_loops(s);
  return s;
}

Check name_new_stage(const ScheduleState& state, Step& step, const char* suffix) {
  if (step.into.size() > 1 || (step.into.size() == 1 && state.find(step.into[0]) >= 0))
    return Error("schedule.stage.name", fmt::format("there is a stage {} already", step.into[0]))
        .fix("name the new stage otherwise");
  if (step.into.empty()) step.into.push_back(fresh_stage_name(state, step.stage + suffix));
  return std::nullopt;
}

}  // namespace tc
