// What schedules may not do to a recurrence. All its stages share one loop over
// time, which runs in order; a stage whose history is kept is computed there, step
// by step, and one that lasts a step only may be placed or inlined as any other.
#include <fmt/format.h>

#include <algorithm>

#include "state.h"

namespace tc {

bool keeps_history(const ScheduleState& state, int id) {
  const StageState& s = state.stages[static_cast<size_t>(id)];
  if (s.is_output) return true;
  for (const int r : state.readers(id)) {
    const StageState& reader = state.stages[static_cast<size_t>(r)];
    if (reader.scan != s.scan) return true;
    bool earlier = false;
    for (const Expr& v : reader.values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) {
        earlier |= state.find(l.buffer.get()) == id && !l.indices[0].same(reader.vars[0]);
      });
    if (earlier) return true;
  }
  return false;
}

namespace {

std::string other_loops(const StageState& s) {
  std::string out;
  for (const int l : s.leaves)
    if (l != 0) out += (out.empty() ? "" : ", ") + s.axes[static_cast<size_t>(l)].name;
  return out;
}

Check check_time(const StageState& s, const Step& step) {
  const std::string& time = s.axes[0].name;
  if (std::find(step.axes.begin(), step.axes.end(), time) == step.axes.end()) return std::nullopt;
  const std::string verb =
                        step.kind == StepKind::parallel ? "parallelise" : std::string(to_string(step.kind)),
                    others = other_loops(s);
  return Error("schedule.scan.time",
               fmt::format("cannot {} {}: it is the time of a recurrence, whose steps run in order", verb,
                           time))
      .fact("stage", s.name)
      .fact("axis", time + " (time)")
      .fact("loops", list_loops(s))
      .fix(others.empty() ? "leave it as it is" : fmt::format("{} {}, inside a step", verb, others));
}

Check check_history(const ScheduleState& state, int id, const char* step) {
  const StageState& s = state.stages[static_cast<size_t>(id)];
  if (!keeps_history(state, id)) return std::nullopt;
  return Error("schedule.scan.history",
               fmt::format("cannot {} {}: the recurrence reads what it was at earlier times", step, s.name))
      .fact("stage", s.name)
      .fact("loops", list_loops(s))
      .fix(fmt::format("leave it in the loop over {}; place or inline what it reads at its own time",
                       s.axes[0].name));
}

// Time stays the first dimension of the partial results.
Check check_partial(const StageState& s, const Step& step) {
  if (step.number != 0) return std::nullopt;
  const std::string axis = step.axes.empty() ? "" : step.axes[0];
  return Error("schedule.scan.time",
               fmt::format("cannot make {} dimension 0 of the partial results of {}: that is the time of a "
                           "recurrence",
                           axis, s.name))
      .fact("stage", s.name)
      .fact("loops", list_loops(s))
      .fix(fmt::format("put it behind: rfactor({}, position=1)", axis));
}

// The loops that a stage of a recurrence takes over begin with its time only if they
// are those of a stage of the same recurrence.
Check check_taken(const ScheduleState& state, const StageState& s, const Step& step) {
  const int producer = step.axes.empty() ? -1 : state.find(step.axes[0]);
  if (producer < 0 || state.stages[static_cast<size_t>(producer)].scan == s.scan) return std::nullopt;
  const std::string& name = state.stages[static_cast<size_t>(producer)].name;
  return Error("schedule.scan.time",
               fmt::format("cannot compute {} around the loops of {}: its own begin with {}, the time of a "
                           "recurrence",
                           s.name, name, s.axes[0].name))
      .fact("stage", s.name)
      .fact("loops", list_loops(s))
      .fix(fmt::format("place {} in the loops of {}: compute_at", name, s.name));
}

}  // namespace

Check check_scan_step(const ScheduleState& state, const Step& step) {
  if (step.kind == StepKind::reverse_compute_at && !step.axes.empty()) {  // which places its producer
    const int producer = state.find(step.axes[0]);
    if (producer >= 0 && state.stages[static_cast<size_t>(producer)].scan >= 0)
      if (auto error = check_history(state, producer, "place")) return error;
  }
  const int id = state.find(step.stage);
  if (id < 0 || state.stages[static_cast<size_t>(id)].scan < 0) return std::nullopt;
  const StageState& s = state.stages[static_cast<size_t>(id)];
  switch (step.kind) {  // of all kinds: a new one has to be thought of here
    case StepKind::split:
    case StepKind::fuse:
    case StepKind::reorder:
    case StepKind::vectorize:
    case StepKind::unroll:
    case StepKind::parallel:
    case StepKind::vthread:
    case StepKind::tensorize:
      return check_time(s, step);
    case StepKind::compute_at:
      return check_history(state, id, "place");
    case StepKind::compute_inline:
      return check_history(state, id, "inline");
    case StepKind::reverse_compute_at:
      return check_taken(state, s, step);
    case StepKind::rfactor:
      return check_partial(s, step);
    case StepKind::compute_root:
    case StepKind::cache_read:   // the new stage is one of the recurrence too,
    case StepKind::cache_write:  // step by step
    case StepKind::set_scope:
    case StepKind::layout:
    case StepKind::init_at:
    case StepKind::double_buffer:  // of what one iteration computes: never a history
    case StepKind::prefetch:
    case StepKind::storage_align:
      return std::nullopt;
    case StepKind::rolling_buffer:
      return check_history(state, id, "roll");
  }
  return std::nullopt;
}

}  // namespace tc
