// Steps about where data is kept: cache_read, cache_write, scope and layout.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "state.h"

namespace tc {
namespace {

Expected<Scope> scope_of(const Step& step) {
  if (step.scope == "global" || step.scope.empty()) return Scope::global;
  if (step.scope == "stack") return Scope::stack;
  return Error("schedule.scope", fmt::format("cannot keep {} in the scope {}", step.stage, step.scope))
      .fact("stage", step.stage)
      .fact("expected", "global or stack")
      .fix("on the CPU, registers are used by themselves where a stage's tile fits");
}

void reset_loops(StageState& s) {
  s.axes.clear(), s.relations.clear(), s.leaves.clear();
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

void redirect(StageState& reader, const StageState& from, const StageState& to) {
  for (Expr& v : reader.values)
    v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
      for (size_t i = 0; i < from.buffers.size(); ++i)
        if (from.buffers[i].same(l.buffer)) return ir::load(to.buffers[i], l.indices);
      return nullptr;
    });
}

Check cache_read(ScheduleState& state, int id, Step step) {
  const auto scope = scope_of(step);
  if (!scope) return scope.error();
  const std::vector<int> all = state.readers(id);
  std::vector<int> chosen;
  for (const std::string& n : step.names) {
    const auto reader = stage_of(state, n);
    if (!reader) return reader.error();
    if (std::find(all.begin(), all.end(), reader.value()) == all.end())
      return Error("schedule.cache_read.reader", fmt::format("{} does not read {}", n, step.stage))
          .fact("stage", step.stage)
          .fix("name stages that read it, or none for all");
    chosen.push_back(reader.value());
  }
  if (step.names.empty()) chosen = all;
  if (chosen.empty())
    return Error("schedule.cache_read.reader", fmt::format("nothing reads {}", step.stage))
        .fact("stage", step.stage)
        .fix("leave the step out");
  if (step.into.size() > 1 || (step.into.size() == 1 && state.find(step.into[0]) >= 0))
    return Error("schedule.stage.name", fmt::format("there is a stage {} already", step.into[0]))
        .fix("name the cache otherwise");
  if (step.into.empty()) step.into.push_back(fresh_stage_name(state, step.stage + "_r"));
  StageState copy = copy_stage(state.stages[static_cast<size_t>(id)], step.into[0], scope.value());
  for (const int r : chosen)
    redirect(state.stages[static_cast<size_t>(r)], state.stages[static_cast<size_t>(id)], copy);
  // after its source, and after all inputs, which come first
  int at = id + 1;
  while (at < static_cast<int>(state.stages.size()) && state.stages[static_cast<size_t>(at)].is_input) ++at;
  insert_stage(state, at, std::move(copy));
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

Check cache_write(ScheduleState& state, int id, Step step) {
  const auto scope = scope_of(step);
  if (!scope) return scope.error();
  StageState& s = state.stages[static_cast<size_t>(id)];
  const bool moded = std::any_of(s.axes.begin(), s.axes.end(),
                                 [](const AxisState& a) { return a.mode != ir::LoopMode::serial; });
  bool attached = false;
  for (const StageState& other : state.stages)
    attached |= other.attach == StageState::at && other.at_stage == id;
  if (s.is_input)
    return Error("schedule.stage.input", fmt::format("cannot cache the writes of {}: it is an input", s.name))
        .fact("stage", s.name)
        .fix("use cache_read");
  if (!s.relations.empty() || moded || attached || s.init_at >= 0)
    return Error("schedule.cache_write.late",
                 fmt::format("cannot cache the writes of {}: its loops are scheduled already", s.name))
        .fact("stage", s.name)
        .fact("loops", list_loops(s))
        .fix("cache_write first, then schedule the cache and the copy");
  if (step.into.size() > 1 || (step.into.size() == 1 && state.find(step.into[0]) >= 0))
    return Error("schedule.stage.name", fmt::format("there is a stage {} already", step.into[0]))
        .fix("name the cache otherwise");
  if (step.into.empty()) step.into.push_back(fresh_stage_name(state, step.stage + "_w"));
  StageState cache = copy_stage(s, step.into[0], scope.value());
  // the cache takes the computation, the stage becomes the copy
  cache.vars = s.vars, cache.reduce = s.reduce, cache.values = s.values;
  cache.scan = s.scan;
  reset_loops(cache);
  s.values.clear();
  s.vars = fresh_vars(s.vars);
  s.reduce.clear();
  const std::vector<Expr> index(s.vars.begin(), s.vars.end());
  for (const BufferRef& b : cache.buffers) s.values.push_back(ir::load(b, index));
  reset_loops(s);
  insert_stage(state, id, std::move(cache));
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

Expected<LayoutDim> parse_dim(const StageState& s, const std::string& text) {
  const size_t cut = text.find_first_of("/%");
  const auto axis = [&]() -> int {
    const std::string name = text.substr(0, cut);
    for (int i = 0; i < s.rank(); ++i)
      if (s.axes[static_cast<size_t>(i)].name == name) return i;
    return -1;
  }();
  std::string names;
  for (int i = 0; i < s.rank(); ++i) names += (i ? ", " : "") + s.axes[static_cast<size_t>(i)].name;
  const Error bad =
      Error("schedule.layout.dim", fmt::format("`{}` is no dimension of a layout of {}", text, s.name))
          .fact("stage", s.name)
          .fact("axes", names)
          .fix("use an axis, axis/n or axis%n");
  if (axis < 0) return bad;
  LayoutDim dim{axis, 1, 0};
  if (cut == std::string::npos) return dim;
  // axis/a, axis%b or axis/a%b
  size_t i = cut;
  while (i < text.size()) {
    const char op = text[i];
    int64_t n = 0;
    const auto [p, error] = std::from_chars(text.data() + i + 1, text.data() + text.size(), n);
    if (error != std::errc() || n < 1 || n > (int64_t{1} << 31)) return bad;
    if (op == '/' && dim.div == 1 && dim.mod == 0)
      dim.div = n;
    else if (op == '%' && dim.mod == 0)
      dim.mod = n;
    else
      return bad;
    i = static_cast<size_t>(p - text.data());
  }
  return dim;
}

// Per axis the pieces, ordered by divisor, must chain: x%a, x/a%b, x/(a*b).
Check check_bijective(const StageState& s, const std::vector<LayoutDim>& dims) {
  for (int axis = 0; axis < s.rank(); ++axis) {
    std::vector<LayoutDim> pieces;
    for (const LayoutDim& d : dims)
      if (d.axis == axis) pieces.push_back(d);
    std::sort(pieces.begin(), pieces.end(), [](const LayoutDim& a, const LayoutDim& b) {
      return a.div != b.div ? a.div < b.div : a.mod != 0 && b.mod == 0;  // x%1 before x/1
    });
    int64_t covered = 1;
    bool ok = !pieces.empty();
    for (size_t i = 0; ok && i < pieces.size(); ++i) {
      ok = pieces[i].div == covered && (pieces[i].mod == 0) == (i + 1 == pieces.size());
      covered *= std::max<int64_t>(pieces[i].mod, 1);
    }
    if (!ok)
      return Error("schedule.layout.bijective",
                   fmt::format("the layout of {} does not tell all values of {} apart", s.name,
                               s.axes[static_cast<size_t>(axis)].name))
          .fact("stage", s.name)
          .fact("axis", s.axes[static_cast<size_t>(axis)].name)
          .fix("give each axis whole (x), or as x/n and x%n, or as x/(n*m), x/n%m and x%n");
  }
  return std::nullopt;
}

Check set_layout(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (s.is_output)
    return Error("schedule.layout.output",
                 fmt::format("cannot change the layout of {}: it is an output", s.name))
        .fact("stage", s.name)
        .fix("transpose it in the expression, or cache_write it and lay out the cache");
  std::vector<LayoutDim> dims;
  for (const std::string& text : step.names) {
    auto dim = parse_dim(s, text);
    if (!dim) return dim.error();
    dims.push_back(dim.value());
  }
  if (auto error = check_bijective(s, dims)) return error;
  s.layout = std::move(dims);
  s.layout_text = fmt::format("{}", fmt::join(step.names, ","));
  state.steps.push_back(step);
  return std::nullopt;
}

}  // namespace

Check apply_storage_step(ScheduleState& state, const Step& step) {
  const auto found = stage_of(state, step.stage);
  if (!found) return found.error();
  const int id = found.value();
  StageState& s = state.stages[static_cast<size_t>(id)];
  switch (step.kind) {
    case StepKind::cache_read:
      return cache_read(state, id, step);
    case StepKind::cache_write:
      return cache_write(state, id, step);
    case StepKind::layout:
      return set_layout(state, id, step);
    default: {
      const auto scope = scope_of(step);
      if (!scope) return scope.error();
      if (s.is_input || s.is_output)
        return Error("schedule.scope", fmt::format("cannot keep {} elsewhere: it is an {} and the caller's",
                                                   s.name, s.is_input ? "input" : "output"))
            .fact("stage", s.name)
            .fix("use cache_read or cache_write");
      s.scope = scope.value();
      state.steps.push_back(step);
      return std::nullopt;
    }
  }
}

}  // namespace tc
