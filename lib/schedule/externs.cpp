// What schedules may not do to an extern: its body is a program of its own, which
// stands as it is and reads whole tensors; where these are kept is free.
#include <fmt/format.h>

#include <algorithm>

#include "state.h"

namespace tc {
namespace {

Check check_own(const StageState& s, const Step& step) {
  const std::string verb(step.kind == StepKind::compute_at || step.kind == StepKind::reverse_compute_at
                             ? "place"
                         : step.kind == StepKind::compute_inline ? "inline"
                                                                 : to_string(step.kind));
  switch (step.kind) {
    case StepKind::cache_read:
    case StepKind::cache_write:
    case StepKind::compute_root:
    case StepKind::set_scope:
    case StepKind::layout:
    case StepKind::storage_align:
      return std::nullopt;
    default:
      return Error("schedule.extern.body",
                   fmt::format("cannot {} {}: it is an extern, whose body stays as it is", verb, s.name))
          .fact("stage", s.name)
          .fix("schedule the stages before and after it, or write the loops of its body otherwise");
  }
}

}  // namespace

Check check_extern_step(const ScheduleState& state, const Step& step) {
  const int id = state.find(step.stage);
  if (id < 0) return std::nullopt;
  const StageState& s = state.stages[static_cast<size_t>(id)];
  if (s.external) {
    if (auto error = check_own(s, step)) return error;
  }
  if (step.kind != StepKind::compute_inline) return std::nullopt;
  for (const int r : state.readers(id)) {
    const StageState& reader = state.stages[static_cast<size_t>(r)];
    if (!reader.external) continue;
    return Error("schedule.extern.reader",
                 fmt::format("cannot inline {}: the extern {} reads it, and its body stays as it is", s.name,
                             reader.name))
        .fact("stage", s.name)
        .fact("reader", reader.name)
        .fix("leave it a stage of its own");
  }
  return std::nullopt;
}

}  // namespace tc
