// Steps that say when data is fetched and how much of it is kept: double_buffer,
// rolling_buffer and prefetch.
#include <fmt/format.h>

#include <algorithm>

#include "state.h"

namespace tc {
namespace {

constexpr int64_t kMaxDistance = 1 << 20;

Check double_buffer(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot double buffer {}: {}", s.name, why))
        .fact("stage", s.name)
        .fix(std::move(fix));
  };
  if (s.is_input || s.is_output)
    return refuse("schedule.double_buffer.argument",
                  fmt::format("it is an {} and the caller's", s.is_input ? "input" : "output"),
                  "use cache_read or cache_write, and place the copy at a loop");
  if (s.attach != StageState::at)
    return refuse("schedule.double_buffer.place", "it is computed once, at root",
                  "compute_at a loop first: its iterations take turns between the two places");
  if (s.rolling)
    return refuse(
        "schedule.double_buffer.rolling", "it is kept in a rolling buffer",
        "one of the two: what a ring keeps for the next iteration is in use while that one fills it");
  s.double_buffer = true;
  state.steps.push_back(step);
  return std::nullopt;
}

Check rolling_buffer(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot keep {} in a rolling buffer: {}", s.name, why))
        .fact("stage", s.name)
        .fix(std::move(fix));
  };
  if (s.is_input || s.is_output)
    return refuse("schedule.rolling_buffer.argument",
                  fmt::format("it is an {} and the caller's", s.is_input ? "input" : "output"),
                  "use cache_read or cache_write, and place the copy at a loop");
  if (s.attach != StageState::at)
    return refuse("schedule.rolling_buffer.place", "it is computed once, at root",
                  "compute_at the loop along which its window moves first");
  if (s.double_buffer)
    return refuse(
        "schedule.double_buffer.rolling", "it is double buffered",
        "one of the two: what a ring keeps for the next iteration is in use while that one fills it");
  s.rolling = true;  // whether the window rolls is seen where regions are inferred
  state.steps.push_back(step);
  return std::nullopt;
}

bool reads(const StageState& s, const BufferRef& buffer) {
  const auto all = buffers_read(s.values);
  return std::any_of(all.begin(), all.end(), [&](const BufferRef& b) { return b.same(buffer); });
}

std::string names_read(const ScheduleState& state, const StageState& s) {
  std::string out;
  for (const BufferRef& b : buffers_read(s.values))
    out += (out.empty() ? "" : ", ") + state.stages[static_cast<size_t>(state.find(b.get()))].name;
  return out.empty() ? "nothing" : out;
}

Check prefetch(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (step.axes.size() != 1 || step.names.size() != 1)
    return Error("schedule.parse", "prefetch takes one axis and one tensor")
        .fix("write e.g. prefetch C k tensor=B distance=4");
  if (s.is_input)
    return Error("schedule.stage.input",
                 fmt::format("cannot prefetch in {}: it is an input and has no loops", s.name))
        .fact("stage", s.name)
        .fix("prefetch in a loop of the stage that reads it");
  const auto axis = loop_of(s, step.axes[0], "prefetch at");
  if (!axis) return axis.error();
  const auto tensor = stage_of(state, step.names[0]);
  if (!tensor) return tensor.error();
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code,
                 fmt::format("cannot prefetch {} at {} of {}: {}", step.names[0], step.axes[0], s.name, why))
        .fact("stage", s.name)
        .fact("axis", step.axes[0])
        .fix(std::move(fix));
  };
  if (step.number < 0 || step.number > kMaxDistance)
    return refuse("schedule.prefetch.distance",
                  fmt::format("{} iterations ahead is no distance", step.number),
                  fmt::format("give 0 to {}: as many iterations as take the time of a fetch", kMaxDistance));
  std::vector<BufferRef> chosen;
  for (const BufferRef& b : state.stages[static_cast<size_t>(tensor.value())].buffers)
    if (reads(s, b)) chosen.push_back(b);
  if (chosen.empty())
    return refuse("schedule.prefetch.reader", fmt::format("{} does not read it", s.name),
                  "name what the stage itself reads: " + names_read(state, s));
  for (const BufferRef& b : chosen) {
    for (const Hint& h : s.prefetches)
      if (h.axis == axis.value() && h.buffer.same(b))
        return refuse("schedule.prefetch.twice", "it is prefetched there already",
                      "give it once, with one distance");
    s.prefetches.push_back({axis.value(), b, step.number});
  }
  state.steps.push_back(step);
  return std::nullopt;
}

// Whether `tensor` is computed at the loop at position `p` of the stage `id`, or inside it.
bool computed_inside(const ScheduleState& state, int tensor, int id, int p) {
  for (int q = tensor; q >= 0;) {
    const StageState& s = state.stages[static_cast<size_t>(q)];
    if (s.attach != StageState::at) return false;
    if (s.at_stage == id) return state.stages[static_cast<size_t>(id)].leaf_position(s.at_axis) >= p;
    q = s.at_stage;
  }
  return false;
}

}  // namespace

Check check_prefetches(const ScheduleState& state, const Step& step) {
  for (size_t i = 0; i < state.stages.size(); ++i) {
    const StageState& s = state.stages[i];
    if (s.attach == StageState::inlined) continue;
    for (const Hint& h : s.prefetches) {
      const std::string& axis = s.axes[static_cast<size_t>(h.axis)].name;
      const int p = s.leaf_position(h.axis), tensor = state.find(h.buffer.get());
      const std::string name = tensor < 0 ? h.buffer->name : state.stages[static_cast<size_t>(tensor)].name;
      const auto refuse = [&](const char* code, const std::string& why, std::string fix) {
        return Error(code, fmt::format("illegal: {}. The loop {} of {} prefetches {}, {}", step.text(), axis,
                                       s.name, name, why))
            .fact("stage", s.name)
            .fact("axis", axis)
            .fix(std::move(fix));
      };
      if (tensor < 0 || !reads(s, h.buffer))
        return refuse("schedule.prefetch.reader", fmt::format("which {} would not read any more", s.name),
                      "apply this step first, then prefetch what is read");
      if (computed_inside(state, tensor, static_cast<int>(i), p))
        return refuse("schedule.prefetch.inside", "which is computed inside that loop",
                      fmt::format("prefetch what {} reads, or compute it further out", name));
      if (s.intrinsic && p >= s.leaf_position(s.tensor_axis))
        return refuse("schedule.prefetch.tensorized", "and an intrinsic stands in the place of that loop",
                      "prefetch at a loop outside it");
    }
  }
  return std::nullopt;
}

Check apply_hint_step(ScheduleState& state, const Step& step) {
  const auto found = stage_of(state, step.stage);
  if (!found) return found.error();
  if (step.kind == StepKind::prefetch) return prefetch(state, found.value(), step);
  return step.kind == StepKind::double_buffer ? double_buffer(state, found.value(), step)
                                              : rolling_buffer(state, found.value(), step);
}

}  // namespace tc
