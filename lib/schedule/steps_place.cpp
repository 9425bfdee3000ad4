// Steps that say where a stage is computed: compute_at (its reverse is in
// steps_reverse.cpp), root, inline, init_at.
#include <fmt/format.h>

#include <algorithm>

#include "state.h"
#include "tc/ir/written_size.h"

namespace tc {
namespace {

Check compute_at(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  const auto consumer = stage_of(state, step.axes.at(0));
  if (!consumer) return consumer.error();
  const StageState& c = state.stages[static_cast<size_t>(consumer.value())];
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot compute {} at {} of {}: {}", s.name, step.axes[1], c.name, why))
        .fact("stage", s.name)
        .fact("axis", step.axes[1])
        .fact("loops of " + c.name, list_loops(c))
        .fix(std::move(fix));
  };
  if (c.is_input)
    return refuse("schedule.compute_at.reader", fmt::format("{} is an input and has no loops", c.name),
                  fmt::format("name a stage that reads {}", s.name));
  const std::vector<int> others = state.readers(consumer.value());
  const bool turned = std::find(others.begin(), others.end(), id) != others.end();
  if (s.is_output)
    return refuse("schedule.compute_at.output", fmt::format("{} is an output", s.name),
                  turned ? fmt::format("{1} reads {0}: compute {0} at a loop of {1}", c.name, s.name)
                         : "cache_write it and place the cache");
  const auto axis = loop_of(c, step.axes[1], "compute at");
  if (!axis) return axis.error();
  if (state.inside(consumer.value(), id))
    return refuse("schedule.compute_at.cycle", fmt::format("{} is computed inside {}", c.name, s.name),
                  "place the consumer elsewhere first");
  const std::vector<int> readers = state.readers(id);
  for (const int r : readers) {
    const StageState& reader = state.stages[static_cast<size_t>(r)];
    // the reader is the consumer itself, or placed at this loop or inside it
    int q = r;
    while (q != consumer.value()) {
      const StageState& sq = state.stages[static_cast<size_t>(q)];
      if (sq.attach != StageState::at)
        return refuse(
            "schedule.compute_at.reader", fmt::format("{} reads {} outside that loop", reader.name, s.name),
            fmt::format("place {0} inside that loop first (and before it what reads it), or {1} at a loop "
                        "that encloses all its readers, or at root",
                        reader.name, s.name));
      if (sq.at_stage == consumer.value() && c.leaf_position(sq.at_axis) < c.leaf_position(axis.value()))
        return refuse("schedule.compute_at.reader",
                      fmt::format("{} reads {} and is computed at {}, outside that loop", reader.name, s.name,
                                  c.axes[static_cast<size_t>(sq.at_axis)].name),
                      fmt::format("place {} further in first", reader.name));
      q = sq.at_stage;
    }
  }
  if (readers.empty())
    return refuse("schedule.compute_at.unused", fmt::format("nothing reads {}", s.name), "leave it at root");
  for (int p = 0; p <= c.leaf_position(axis.value()); ++p)
    if (const AxisState& a = c.axes[static_cast<size_t>(c.leaves[static_cast<size_t>(p)])];
        a.mode == ir::LoopMode::vectorized)
      return refuse("schedule.compute_at.vectorized", fmt::format("{} is vectorized", a.name),
                    "compute it at a loop outside the vectorized one");
  s.attach = StageState::at;
  s.at_stage = consumer.value();
  s.at_axis = axis.value();
  state.steps.push_back(step);
  return std::nullopt;
}

// The expression of `s` at the indices of a read.
Expr inlined_value(const StageState& s, const ir::Load& load) {
  size_t component = 0;
  while (!s.buffers[component].same(load.buffer)) ++component;
  ir::VarMap map;
  for (size_t i = 0; i < s.vars.size(); ++i) map[s.vars[i]] = load.indices[i];
  return ir::substitute(s.values[component], map);
}

// How long `value` is with every read of `s` replaced, or more.
int64_t inlined_size(const StageState& s, const Expr& value) {
  int64_t most = 0, reads = 0;
  for (const Expr& v : s.values) most = std::max(most, ir::written_size(*v));
  ir::walk<ir::Load>(value, [&](const ir::Load& l) {
    reads +=
        std::any_of(s.buffers.begin(), s.buffers.end(), [&](const BufferRef& b) { return b.same(l.buffer); });
  });
  return ir::written_size(*value) + reads * most;
}

Check compute_inline(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot inline {}: {}", s.name, why))
        .fact("stage", s.name)
        .fix(std::move(fix));
  };
  if (s.is_output) return refuse("schedule.inline.output", "it is an output", "inline its producers instead");
  if (s.has_reduce())
    return refuse("schedule.inline.reduce", "it is a reduction", "compute_at a loop of its reader instead");
  for (const StageState& other : state.stages)
    if (other.attach == StageState::at && other.at_stage == id)
      return refuse("schedule.inline.attached", fmt::format("{} is computed inside its loops", other.name),
                    fmt::format("place {} elsewhere first", other.name));
  if (!s.relations.empty() || !s.layout.empty() || s.intrinsic || s.double_buffer || s.rolling ||
      !s.align.empty() || !s.prefetches.empty())
    return refuse("schedule.inline.steps", "its loops or storage were scheduled",
                  "inline it before other steps, or leave it");
  for (const int r : state.readers(id)) {
    StageState& reader = state.stages[static_cast<size_t>(r)];
    for (Expr& v : reader.values) {
      const bool fits = inlined_size(s, v) <= ir::kMaxWritten;
      if (fits)
        v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
          for (const BufferRef& b : s.buffers)
            if (b.same(l.buffer)) return inlined_value(s, l);
          return nullptr;
        });
      if (!fits || ir::written_size(*v) > ir::kMaxWritten)
        return refuse(
            "schedule.inline.size",
            fmt::format("it is read so often that {} would have more than {} operations and operands",
                        reader.name, ir::kMaxWritten),
            fmt::format("compute {} at root or at a loop of {}", s.name, reader.name));
    }
  }
  s.attach = StageState::inlined;
  state.steps.push_back(step);
  return std::nullopt;
}

Check init_at(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (step.axes.size() != 1)
    return Error("schedule.parse", "init_at takes one axis").fix("write e.g. init_at C y");
  if (!s.has_reduce())
    return Error("schedule.init_at.reduce",
                 fmt::format("cannot place the initialisation of {}: it is no reduction", s.name))
        .fact("stage", s.name)
        .fix("leave the step out");
  const auto axis = loop_of(s, step.axes[0], "init at");
  if (!axis) return axis.error();
  s.init_at = axis.value();
  state.steps.push_back(step);
  return std::nullopt;
}

}  // namespace

Check apply_place_step(ScheduleState& state, const Step& step) {
  const auto found = stage_of(state, step.stage);
  if (!found) return found.error();
  const int id = found.value();
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (s.is_input)
    return Error("schedule.stage.input",
                 fmt::format("cannot {} {}: it is an input", to_string(step.kind), s.name))
        .fact("stage", s.name)
        .fix("copy it with cache_read, and place the copy");
  switch (step.kind) {
    case StepKind::compute_at:
      return compute_at(state, id, step);
    case StepKind::reverse_compute_at:
      return reverse_compute_at(state, id, step);
    case StepKind::compute_inline:
      return compute_inline(state, id, step);
    case StepKind::init_at:
      return init_at(state, id, step);
    default:
      if (s.double_buffer)
        return Error("schedule.double_buffer.place",
                     fmt::format(
                         "cannot compute {} at root: it is kept in two places, which take turns in a loop",
                         s.name))
            .fact("stage", s.name)
            .fix("place it first, then double_buffer it");
      if (s.rolling)
        return Error("schedule.rolling_buffer.place",
                     fmt::format("cannot compute {} at root: it is kept in a rolling buffer, for the "
                                 "iterations of a loop",
                                 s.name))
            .fact("stage", s.name)
            .fix("place it first, then keep it in a rolling buffer");
      s.attach = StageState::root;
      s.at_stage = s.at_axis = -1;
      state.steps.push_back(step);
      return std::nullopt;
  }
}

}  // namespace tc
