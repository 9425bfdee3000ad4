#include "state.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace tc {

int StageState::find_axis(std::string_view n) const {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i].name == n) return static_cast<int>(i);
  return -1;
}
int StageState::leaf_position(int axis) const {
  const auto it = std::find(leaves.begin(), leaves.end(), axis);
  return it == leaves.end() ? -1 : static_cast<int>(it - leaves.begin());
}

int ScheduleState::find(std::string_view name) const {
  for (size_t i = 0; i < stages.size(); ++i)
    if (stages[i].name == name) return static_cast<int>(i);
  return -1;
}
int ScheduleState::find(const ir::Buffer* buffer) const {
  for (size_t i = 0; i < stages.size(); ++i)
    for (const BufferRef& b : stages[i].buffers)
      if (b.get() == buffer) return static_cast<int>(i);
  return -1;
}

std::vector<BufferRef> buffers_read(const std::vector<Expr>& values) {
  std::vector<BufferRef> out;
  for (const Expr& v : values)
    ir::walk<ir::Load>(v, [&](const ir::Load& l) {
      if (std::none_of(out.begin(), out.end(), [&](const BufferRef& b) { return b.same(l.buffer); }))
        out.push_back(l.buffer);
    });
  return out;
}

std::vector<int> ScheduleState::readers(int stage) const {
  std::vector<int> out;
  const std::vector<BufferRef>& own = stages[static_cast<size_t>(stage)].buffers;
  for (size_t q = 0; q < stages.size(); ++q) {
    if (stages[q].attach == StageState::inlined) continue;
    bool reads = false;
    for (const Expr& v : stages[q].values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) {
        reads |= std::any_of(own.begin(), own.end(), [&](const BufferRef& b) { return b.same(l.buffer); });
      });
    if (reads) out.push_back(static_cast<int>(q));
  }
  return out;
}

bool ScheduleState::inside(int inner, int outer) const {
  for (int depth = 0; inner >= 0 && depth <= static_cast<int>(stages.size()); ++depth) {
    if (inner == outer) return true;
    const StageState& s = stages[static_cast<size_t>(inner)];
    inner = s.attach == StageState::at ? s.at_stage : -1;
  }
  return false;
}

Expected<int> stage_of(const ScheduleState& state, const std::string& name) {
  const int i = state.find(name);
  if (i >= 0 && state.stages[static_cast<size_t>(i)].attach != StageState::inlined) return i;
  std::vector<std::string> stages, inputs;
  for (const StageState& s : state.stages)
    if (s.attach != StageState::inlined) (s.is_input ? inputs : stages).push_back(s.name);
  Error error("schedule.stage.unknown", i >= 0 ? fmt::format("{} was inlined and is no stage any more", name)
                                               : fmt::format("there is no stage {}", name));
  std::move(error).fact("stages", fmt::format("{}", fmt::join(stages, ", ")));
  if (!inputs.empty()) std::move(error).fact("inputs", fmt::format("{}", fmt::join(inputs, ", ")));
  return std::move(error).fix(i >= 0 ? "apply the step before compute_inline" : "name one of these");
}

namespace {
// Whether `reader` runs inside the loop at which `stage` is placed.
bool reads_inside(const ScheduleState& state, const StageState& stage, int reader) {
  const StageState& consumer = state.stages[static_cast<size_t>(stage.at_stage)];
  for (int q = reader; q != stage.at_stage;) {
    const StageState& s = state.stages[static_cast<size_t>(q)];
    if (s.attach != StageState::at) return false;
    if (s.at_stage == stage.at_stage &&
        consumer.leaf_position(s.at_axis) < consumer.leaf_position(stage.at_axis))
      return false;
    q = s.at_stage;
  }
  return true;
}
}  // namespace

Check check_placement(const ScheduleState& state, const Step& step) {
  for (size_t i = 0; i < state.stages.size(); ++i) {
    const StageState& s = state.stages[i];
    if (s.attach != StageState::at) continue;
    for (const int r : state.readers(static_cast<int>(i))) {
      if (reads_inside(state, s, r)) continue;
      const StageState &c = state.stages[static_cast<size_t>(s.at_stage)],
                       &reader = state.stages[static_cast<size_t>(r)];
      return Error("schedule.place.reader",
                   fmt::format("{} would leave {} reading {} outside the loop where it is computed",
                               step.text(), reader.name, s.name))
          .fact("stage", s.name)
          .fact("at", fmt::format("{} of {}", c.axes[static_cast<size_t>(s.at_axis)].name, c.name))
          .fact("reader", reader.name)
          .fix(fmt::format("place {} first: at a loop around all its readers, or at root", s.name));
    }
  }
  return std::nullopt;
}

std::string list_loops(const StageState& stage) {
  std::string out;
  for (const int l : stage.leaves) {
    const AxisState& a = stage.axes[static_cast<size_t>(l)];
    const char* kind = a.reduce ? " (reduce)" : stage.scan >= 0 && l == 0 ? " (time)" : "";
    out += fmt::format("{}{}{}", out.empty() ? "" : ", ", a.name, kind);
  }
  return out.empty() ? "none" : out;
}

Expected<int> loop_of(const StageState& stage, const std::string& name, const char* step) {
  const int axis = stage.find_axis(name);
  if (axis >= 0 && stage.leaf_position(axis) >= 0) return axis;
  std::string reason = fmt::format("{} has no axis {}", stage.name, name);
  if (axis >= 0) {
    for (const Relation& r : stage.relations) {
      const auto n = [&](int i) { return stage.axes[static_cast<size_t>(i)].name; };
      if (r.kind == Relation::fuse && (r.outer == axis || r.inner == axis))
        reason = fmt::format("{} was fused into {}", name, n(r.parent));
      if (r.kind != Relation::fuse && r.parent == axis)
        reason = fmt::format("{} was split into {} and {}", name, n(r.outer), n(r.inner));
    }
  }
  return Error(axis >= 0 ? "schedule.axis.not_a_loop" : "schedule.axis.unknown",
               fmt::format("cannot {} {}: {}", step, name, reason))
      .fact("stage", stage.name)
      .fact("axis", name)
      .fact("loops", list_loops(stage))
      .fix("name one of the loops of the stage");
}

bool folds_once(const StageState& s, int axis) {
  if (!s.axes[static_cast<size_t>(axis)].reduce) return false;
  const auto empty = [](const Expr& extent) { return ir::is_int(extent, 0); };
  bool never = std::any_of(s.buffers[0]->shape.begin(), s.buffers[0]->shape.end(), empty);
  for (const ReduceAxis& k : s.reduce) never |= empty(k.extent);
  if (never) return true;
  constexpr int64_t kUnknown = 1 << 20;
  std::vector<int64_t> extent(s.axes.size(), kUnknown);
  const auto at = [&](int i) -> int64_t& { return extent[static_cast<size_t>(i)]; };
  for (size_t k = 0; k < s.reduce.size(); ++k)
    extent[s.vars.size() + k] = ir::as_int(s.reduce[k].extent).value_or(kUnknown);
  for (const Relation& r : s.relations) {
    if (r.kind == Relation::fuse) {
      at(r.parent) = at(r.outer) <= 1 && at(r.inner) <= 1 ? 1 : kUnknown;
      continue;
    }
    const int64_t whole = at(r.parent);
    if (whole == kUnknown) continue;
    const int64_t number = std::clamp<int64_t>(r.number, 1, std::max<int64_t>(whole, 1)),
                  other = (whole + number - 1) / number;
    at(r.outer) = r.kind == Relation::split ? other : number;
    at(r.inner) = r.kind == Relation::split ? number : other;
  }
  return at(axis) <= 1;
}

std::string fresh_axis_name(const StageState& stage, const std::string& wanted) {
  std::string name = wanted;
  for (int i = 1; stage.find_axis(name) >= 0; ++i) name = fmt::format("{}{}", wanted, i);
  return name;
}
std::string fresh_stage_name(const ScheduleState& state, const std::string& wanted) {
  std::unordered_set<std::string_view> taken;
  for (const StageState& s : state.stages) taken.insert(s.name);
  std::string name = wanted;
  for (int i = 1; taken.contains(name); ++i) name = fmt::format("{}_{}", wanted, i);
  return name;
}

}  // namespace tc
