#include "tc/schedule/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "state.h"
#include "tc/te/extern.h"

namespace tc {
namespace {

void add_axes(StageState& s) {
  for (const VarRef& v : s.vars) s.axes.push_back({fresh_axis_name(s, v->name), false, {}, false});
  for (const ReduceAxis& k : s.reduce) s.axes.push_back({fresh_axis_name(s, k.var->name), true, {}, false});
  if (!s.is_input)
    for (size_t i = 0; i < s.axes.size(); ++i) s.leaves.push_back(static_cast<int>(i));
}

// An iteration of a fold updates all components, also those that nobody asked for. They come
// first and in order; those that are asked for twice follow.
void complete_fold(StageState& s) {
  const auto* r = s.values[0].as<ir::Reduce>();
  if (!r) return;
  const size_t n = r->source.size();
  std::vector<BufferRef> buffers(n), more;
  std::vector<Expr> values(n), more_values;
  for (size_t i = 0; i < s.values.size(); ++i) {
    const auto c = static_cast<size_t>(s.values[i].as<ir::Reduce>()->component);
    if (buffers[c]) {
      more.push_back(s.buffers[i]), more_values.push_back(s.values[i]);
    } else {
      buffers[c] = s.buffers[i], values[c] = s.values[i];
    }
  }
  for (size_t c = 0; c < n; ++c) {
    if (buffers[c]) continue;
    values[c] = ir::reduce(r->combiner, r->mins, r->extents, r->vars, r->source, static_cast<int64_t>(c));
    buffers[c] = ir::buffer(fmt::format("{}_{}", s.name, c), values[c]->type, s.buffers[0]->shape);
  }
  buffers.insert(buffers.end(), more.begin(), more.end());
  values.insert(values.end(), more_values.begin(), more_values.end());
  s.buffers = std::move(buffers), s.values = std::move(values);
}

bool is_loop_step(StepKind kind) {
  return kind == StepKind::split || kind == StepKind::fuse || kind == StepKind::reorder ||
         kind == StepKind::vectorize || kind == StepKind::unroll || kind == StepKind::parallel ||
         kind == StepKind::vthread;
}

Check apply_to_trial(ScheduleState& trial, const Step& step) {
  if (is_loop_step(step.kind)) return apply_loop_step(trial, step);
  switch (step.kind) {
    case StepKind::compute_at:
    case StepKind::reverse_compute_at:
    case StepKind::compute_root:
    case StepKind::compute_inline:
    case StepKind::init_at:
      return apply_place_step(trial, step);
    case StepKind::cache_write:
    case StepKind::rfactor:
      return apply_reduce_step(trial, step);
    case StepKind::tensorize:
      return apply_tensorize(trial, step);
    case StepKind::double_buffer:
    case StepKind::rolling_buffer:
    case StepKind::prefetch:
      return apply_hint_step(trial, step);
    default:
      return apply_storage_step(trial, step);
  }
}

bool has_sizes(const StageState& s) {
  const auto symbolic = [](const Expr& e) { return !ir::as_int(e); };
  return std::any_of(s.buffers[0]->shape.begin(), s.buffers[0]->shape.end(), symbolic) ||
         std::any_of(s.reduce.begin(), s.reduce.end(),
                     [&](const ReduceAxis& k) { return symbolic(k.extent); });
}

// What is asserted has been relied on where the expression was checked.
Expr without_assertions(const Expr& value) {
  return ir::rewrite(
      value, [](const ir::Call& c) -> Expr { return c.op == ir::CallOp::assume ? c.args[1] : nullptr; });
}

void throw_if(Check error) {
  if (error) throw *std::move(error);
}

}  // namespace

Schedule::Schedule(std::vector<Tensor> outputs) : state_(std::make_unique<ScheduleState>()) {
  state_->graph = Graph::of(std::move(outputs));
  const Graph& g = state_->graph;
  for (const Tensor& t : g.inputs) {
    StageState s;
    s.is_input = true;
    s.buffers = {t.buffer()};
    for (int i = 0; i < t.ndim(); ++i)
      s.vars.push_back(ir::var(t.ndim() == 2 ? (i ? "x" : "y") : fmt::format("d{}", i)));
    s.name = fresh_stage_name(*state_, t.name());
    add_axes(s);
    state_->stages.push_back(std::move(s));
  }
  for (size_t i = 0; i < g.ops.size(); ++i) {
    StageState s;
    s.buffers = g.buffers[i];
    s.scan = g.scans[i];
    s.vars = g.ops[i]->axes;
    s.reduce = g.ops[i]->reduce_axes();
    for (const Expr& v : g.ops[i]->values) s.values.push_back(without_assertions(v));
    if (const auto& x = g.ops[i]->external) {
      s.external = x;
      s.values.clear();
      for (const BufferRef& b : x->tensors)
        s.values.push_back(ir::load(b, std::vector<Expr>(b->shape.size(), ir::int_imm(0))));
    }
    for (const Tensor& t : g.outputs)
      for (const BufferRef& b : s.buffers) s.is_output |= t.buffer().same(b);
    s.name = fresh_stage_name(*state_, g.ops[i]->name);
    complete_fold(s);
    add_axes(s);
    if (s.external) s.leaves.clear();
    state_->stages.push_back(std::move(s));
  }
}

Schedule::Schedule(const Schedule& o) : state_(std::make_unique<ScheduleState>(*o.state_)) {}
Schedule& Schedule::operator=(const Schedule& o) {
  if (this != &o) state_ = std::make_unique<ScheduleState>(*o.state_);
  return *this;
}
Schedule::Schedule(Schedule&&) noexcept = default;
Schedule& Schedule::operator=(Schedule&&) noexcept = default;
Schedule::~Schedule() = default;

Stage Schedule::operator[](const Tensor& t) {
  int i = state_->find(t.buffer().get());
  // a component that the outputs do not need has a stand-in here, of the same operation
  for (size_t k = 0; i < 0 && t && k < state_->stages.size(); ++k)
    for (const BufferRef& b : state_->stages[k].buffers)
      if (b->source && b->source == t.buffer()->source) i = static_cast<int>(k);
  TC_REQUIRE(i >= 0, Error("schedule.stage.unknown", fmt::format("{} is no tensor of this computation",
                                                                 t ? t.name() : "an empty tensor"))
                         .fix("make the schedule of the outputs that need it"));
  return {this, state_->stages[static_cast<size_t>(i)].name};
}
Stage Schedule::operator[](std::string_view name) {
  (void)stage_of(*state_, std::string(name)).value();
  return {this, std::string(name)};
}
std::vector<std::string> Schedule::stages() const {
  std::vector<std::string> out;
  for (const StageState& s : state_->stages)
    if (s.attach != StageState::inlined && !s.is_input) out.push_back(s.name);
  return out;
}

Check Schedule::apply(const Step& step) {
  try {
    if (auto error = check_scan_step(*state_, step)) return error;
    if (auto error = check_extern_step(*state_, step)) return error;
    const auto any = [&](auto&& has) {
      return std::any_of(state_->stages.begin(), state_->stages.end(), has);
    };
    const bool fits = any([](const StageState& s) { return s.intrinsic != nullptr; }),
               rolls = any([](const StageState& s) { return s.rolling; });
    const bool sizes = any(&has_sizes);
    if (is_loop_step(step.kind) && !fits && !rolls && !sizes) return apply_loop_step(*state_, step);
    // these may move what other stages depend on: tried on a copy
    ScheduleState trial = *state_;
    if (auto error = apply_to_trial(trial, step)) return error;
    if (auto error = check_placement(trial, step)) return error;
    if (auto error = check_prefetches(trial, step)) return error;
    if (rolls || step.kind == StepKind::rolling_buffer)
      if (auto error = check_regions(trial)) return error;
    // of extents that are no numbers lowering says what they cannot be used for
    if (fits || sizes || step.kind == StepKind::tensorize)
      if (auto error = check_lowering(trial)) return error;
    *state_ = std::move(trial);
    return std::nullopt;
  } catch (const Error& e) {  // e.g. an inlined expression that would be nested too deeply
    return e;
  }
}
Check Schedule::apply(const std::vector<Step>& steps) {
  for (const Step& s : steps)
    if (auto error = apply(s)) return error;
  return std::nullopt;
}
const std::vector<Step>& Schedule::steps() const { return state_->steps; }
std::string Schedule::text() const { return to_text(state_->steps); }
bool Schedule::folds_lanes() const {
  for (const StageState& s : state_->stages)
    for (const AxisState& a : s.axes)
      if (a.reduce && a.mode == ir::LoopMode::vectorized) return true;
  return false;
}
const Graph& Schedule::graph() const { return state_->graph; }

Stage Schedule::cache_read(const std::string& stage, Scope scope, const std::vector<Stage>& readers) {
  Step step{.kind = StepKind::cache_read, .stage = stage, .scope = std::string(ir::to_string(scope))};
  for (const Stage& r : readers) step.names.push_back(r.name());
  throw_if(apply(step));
  return {this, state_->steps.back().into[0]};
}
Stage Schedule::cache_write(const std::string& stage, Scope scope) {
  throw_if(
      apply(Step{.kind = StepKind::cache_write, .stage = stage, .scope = std::string(ir::to_string(scope))}));
  return {this, state_->steps.back().into[0]};
}
Stage Schedule::cache_read(const Tensor& t, Scope scope, const std::vector<Stage>& readers) {
  return cache_read((*this)[t].name(), scope, readers);
}
Stage Schedule::cache_write(const Tensor& t, Scope scope) { return cache_write((*this)[t].name(), scope); }

// ---- Stage

void Stage::wrong_count(size_t have, size_t wanted, const char* what) const {
  throw Error("schedule.axis.count", fmt::format("{} has {} {}, not {}", name_, have, what, wanted))
      .fact("stage", name_)
      .fix(fmt::format("take {}, or all of them in a vector: {}()", have,
                       what == std::string_view("axes") ? what : "reduce_axes"));
}

namespace {
const StageState& state_of(const Schedule& s, const std::string& name) {
  return s.state().stages[static_cast<size_t>(stage_of(s.state(), name).value())];
}
std::vector<Axis> select_axes(const StageState& s, size_t begin, size_t end) {
  std::vector<Axis> out;
  for (size_t i = begin; i < end; ++i) out.push_back({s.name, s.axes[i].name});
  return out;
}
}  // namespace

std::vector<Axis> Stage::axes() const {
  const StageState& s = state_of(*schedule_, name_);
  return select_axes(s, 0, s.vars.size());
}
std::vector<Axis> Stage::reduce_axes() const {
  const StageState& s = state_of(*schedule_, name_);
  return select_axes(s, s.vars.size(), s.vars.size() + s.reduce.size());
}
std::vector<Axis> Stage::leaf_axes() const {
  const StageState& s = state_of(*schedule_, name_);
  std::vector<Axis> out;
  for (const int l : s.leaves) out.push_back({name_, s.axes[static_cast<size_t>(l)].name});
  return out;
}
std::vector<Step> Stage::steps() const {
  std::vector<Step> out;
  for (const Step& s : schedule_->steps())
    if (s.stage == name_) out.push_back(s);
  return out;
}
Axis Stage::axis(std::string_view name) const {
  const StageState& s = state_of(*schedule_, name_);
  if (s.find_axis(name) < 0) (void)loop_of(s, std::string(name), "find").value();
  return {name_, std::string(name)};
}
Axis Stage::axis(const ReduceAxis& k) const {
  const StageState& s = state_of(*schedule_, name_);
  const auto own =
      std::find_if(s.reduce.begin(), s.reduce.end(), [&](const ReduceAxis& r) { return r.var.same(k.var); });
  if (own != s.reduce.end())
    return {name_, s.axes[static_cast<size_t>(s.rank() + (own - s.reduce.begin()))].name};
  const int named = s.find_axis(k.var->name);
  TC_REQUIRE(named >= 0 && s.axes[static_cast<size_t>(named)].reduce,
             Error("schedule.axis.unknown", fmt::format("{} does not reduce over {}", name_, k.var->name))
                 .fact("stage", name_)
                 .fact("axis", k.var->name)
                 .fact("loops", list_loops(s))
                 .fix("name one of the loops of the stage"));
  return {name_, k.var->name};
}

namespace {
// The names of axes that must belong to this stage.
std::vector<std::string> names_of(const std::string& stage, const std::vector<Axis>& axes) {
  std::vector<std::string> out;
  for (const Axis& a : axes) {
    TC_REQUIRE(
        a.stage == stage,
        Error("schedule.axis.stage", fmt::format("{} is an axis of {}, not of {}", a.name, a.stage, stage))
            .fact("stage", stage)
            .fact("axis", a.name)
            .fix(fmt::format("name the loop of {0} itself (\"{1}\", where it has one of "
                             "that name), or apply the step to s[{2}]",
                             stage, a.name, a.stage)));
    out.push_back(a.name);
  }
  return out;
}
}  // namespace

std::array<Axis, 2> Stage::split(const Axis& axis, int64_t factor) {
  throw_if(schedule_->apply(
      Step{.kind = StepKind::split, .stage = name_, .axes = names_of(name_, {axis}), .number = factor}));
  const auto& into = schedule_->steps().back().into;
  return {Axis{name_, into[0]}, Axis{name_, into[1]}};
}
std::array<Axis, 2> Stage::split_parts(const Axis& axis, int64_t parts) {
  throw_if(schedule_->apply(Step{.kind = StepKind::split,
                                 .stage = name_,
                                 .axes = names_of(name_, {axis}),
                                 .number = parts,
                                 .parts = true}));
  const auto& into = schedule_->steps().back().into;
  return {Axis{name_, into[0]}, Axis{name_, into[1]}};
}
std::vector<Axis> Stage::tile(const std::vector<Axis>& axes, const std::vector<int64_t>& factors) {
  TC_REQUIRE(axes.size() == factors.size() && !axes.empty(),
             Error("schedule.tile.count",
                   fmt::format("tile is given {} axes and {} factors", axes.size(), factors.size()))
                 .fact("stage", name_)
                 .fix("give one factor an axis"));
  Schedule trial = *schedule_;  // all of it or nothing
  Stage stage(&trial, name_);
  std::vector<Axis> outer, inner;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto [o, n] = stage.split(axes[i], factors[i]);
    outer.push_back(o), inner.push_back(n);
  }
  outer.insert(outer.end(), inner.begin(), inner.end());
  stage.reorder(outer);
  *schedule_ = std::move(trial);
  return outer;
}
Axis Stage::fuse(const std::vector<Axis>& axes) {
  throw_if(schedule_->apply(Step{.kind = StepKind::fuse, .stage = name_, .axes = names_of(name_, axes)}));
  return {name_, schedule_->steps().back().into[0]};
}
Stage& Stage::reorder(const std::vector<Axis>& axes) {
  throw_if(schedule_->apply(Step{.kind = StepKind::reorder, .stage = name_, .axes = names_of(name_, axes)}));
  return *this;
}
Stage& Stage::vectorize(const Axis& axis, bool reassociate) {
  throw_if(schedule_->apply(Step{.kind = StepKind::vectorize,
                                 .stage = name_,
                                 .axes = names_of(name_, {axis}),
                                 .reassociate = reassociate}));
  return *this;
}
Stage& Stage::unroll(const Axis& axis) {
  throw_if(schedule_->apply(Step{.kind = StepKind::unroll, .stage = name_, .axes = names_of(name_, {axis})}));
  return *this;
}
Stage& Stage::parallel(const Axis& axis) {
  throw_if(
      schedule_->apply(Step{.kind = StepKind::parallel, .stage = name_, .axes = names_of(name_, {axis})}));
  return *this;
}
Stage& Stage::vthread(const Axis& axis) {
  throw_if(
      schedule_->apply(Step{.kind = StepKind::vthread, .stage = name_, .axes = names_of(name_, {axis})}));
  return *this;
}
Stage& Stage::compute_at(const Stage& consumer, const Axis& axis) {
  TC_REQUIRE(
      axis.stage == consumer.name(),
      Error("schedule.axis.stage",
            fmt::format("{} is an axis of {}, not of {}", axis.name, axis.stage, consumer.name()))
          .fact("stage", consumer.name())
          .fact("axis", axis.name)
          .fix(fmt::format("name the loop of {} inside which {} is computed", consumer.name(), name_)));
  throw_if(schedule_->apply(Step{.kind = StepKind::compute_at,
                                 .stage = name_,
                                 .axes = {consumer.name(), names_of(consumer.name(), {axis})[0]}}));
  return *this;
}
Stage& Stage::reverse_compute_at(const Stage& producer, const Axis& axis) {
  throw_if(schedule_->apply(Step{.kind = StepKind::reverse_compute_at,
                                 .stage = name_,
                                 .axes = {producer.name(), names_of(producer.name(), {axis})[0]}}));
  return *this;
}
Stage Stage::rfactor(const Axis& axis, int64_t position, bool reassociate) {
  throw_if(schedule_->apply(Step{.kind = StepKind::rfactor,
                                 .stage = name_,
                                 .axes = names_of(name_, {axis}),
                                 .number = position,
                                 .reassociate = reassociate}));
  return {schedule_, schedule_->steps().back().into[0]};
}
Stage& Stage::tensorize(const Axis& axis, const std::string& intrinsic, bool reassociate) {
  throw_if(schedule_->apply(Step{.kind = StepKind::tensorize,
                                 .stage = name_,
                                 .axes = names_of(name_, {axis}),
                                 .reassociate = reassociate,
                                 .intrinsic = intrinsic}));
  return *this;
}
void Schedule::declare(Intrinsic intrinsic) {
  for (const auto& known : state_->intrinsics)
    TC_REQUIRE(
        known->name != intrinsic.name,
        Error("schedule.tensorize.name", fmt::format("there is an intrinsic {} already", intrinsic.name))
            .fix("declare each once, under a name of its own"));
  TC_REQUIRE(
      !builtin_intrinsic(intrinsic.name),
      Error("schedule.tensorize.name", fmt::format("{} is an intrinsic that comes with tc", intrinsic.name))
          .fix("declare yours under another name: the text of a schedule would mean something else"));
  state_->intrinsics.push_back(std::make_shared<const Intrinsic>(std::move(intrinsic)));
}
Stage& Stage::compute_root() {
  throw_if(schedule_->apply(Step{.kind = StepKind::compute_root, .stage = name_}));
  return *this;
}
Stage& Stage::compute_inline() {
  throw_if(schedule_->apply(Step{.kind = StepKind::compute_inline, .stage = name_}));
  return *this;
}
Stage& Stage::set_scope(Scope scope) {
  throw_if(schedule_->apply(
      Step{.kind = StepKind::set_scope, .stage = name_, .scope = std::string(ir::to_string(scope))}));
  return *this;
}
Stage& Stage::layout(const std::vector<std::string>& dims) {
  throw_if(schedule_->apply(Step{.kind = StepKind::layout, .stage = name_, .names = dims}));
  return *this;
}
Stage& Stage::double_buffer() {
  throw_if(schedule_->apply(Step{.kind = StepKind::double_buffer, .stage = name_}));
  return *this;
}
Stage& Stage::rolling_buffer() {
  throw_if(schedule_->apply(Step{.kind = StepKind::rolling_buffer, .stage = name_}));
  return *this;
}
Stage& Stage::storage_align(const std::string& dim, int64_t factor, int64_t offset) {
  throw_if(schedule_->apply(Step{
      .kind = StepKind::storage_align, .stage = name_, .axes = {dim}, .number = factor, .offset = offset}));
  return *this;
}
Stage& Stage::prefetch(const std::string& tensor, const Axis& axis, int64_t distance) {
  throw_if(schedule_->apply(Step{.kind = StepKind::prefetch,
                                 .stage = name_,
                                 .axes = names_of(name_, {axis}),
                                 .number = distance,
                                 .names = {tensor}}));
  return *this;
}
Stage& Stage::prefetch(const Tensor& tensor, const Axis& axis, int64_t distance) {
  return prefetch((*schedule_)[tensor].name(), axis, distance);
}
Stage& Stage::init_at(const Axis& axis) {
  throw_if(
      schedule_->apply(Step{.kind = StepKind::init_at, .stage = name_, .axes = names_of(name_, {axis})}));
  return *this;
}

}  // namespace tc
