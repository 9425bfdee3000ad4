// Steps that change the loops of one stage: split, fuse, reorder and the modes.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "state.h"
#include "tc/te/reducer.h"

namespace tc {
namespace {

// A loop that others hang on, or that has a mode, must keep its identity.
Check require_plain(const ScheduleState& state, int stage, int axis, const char* step) {
  const StageState& s = state.stages[static_cast<size_t>(stage)];
  const AxisState& a = s.axes[static_cast<size_t>(axis)];
  if (a.mode != ir::LoopMode::serial)
    return Error("schedule.axis.mode",
                 fmt::format("cannot {} {}: it is {}", step, a.name, ir::to_string(a.mode)))
        .fact("stage", s.name)
        .fact("axis", a.name)
        .fix(fmt::format("{} first, then set the mode of the new loops", step));
  for (const StageState& other : state.stages)
    if (other.attach == StageState::at && other.at_stage == stage && other.at_axis == axis)
      return Error("schedule.axis.attached",
                   fmt::format("cannot {} {}: {} is computed at it", step, a.name, other.name))
          .fact("stage", s.name)
          .fact("axis", a.name)
          .fix(fmt::format("{} first, then place {}", step, other.name));
  if (s.tensor_axis == axis)
    return Error("schedule.axis.attached",
                 fmt::format("cannot {} {}: {} is tensorized at it", step, a.name, s.name))
        .fact("stage", s.name)
        .fact("intrinsic", s.intrinsic->name)
        .fix(fmt::format("{} first, then tensorize", step));
  for (const Hint& h : s.prefetches)
    if (h.axis == axis)
      return Error("schedule.axis.attached",
                   fmt::format("cannot {} {}: {} is prefetched at it", step, a.name, h.buffer->name))
          .fact("stage", s.name)
          .fact("axis", a.name)
          .fix(fmt::format("{} first, then prefetch", step));
  if (s.init_at == axis)
    return Error("schedule.axis.attached",
                 fmt::format("cannot {} {}: the reduction is initialised at it", step, a.name))
        .fact("stage", s.name)
        .fix(fmt::format("{} first, then init_at", step));
  return std::nullopt;
}

Check check_into(const StageState& s, const Step& step, size_t count) {
  if (step.into.empty()) return std::nullopt;
  std::set<std::string> seen;
  for (const std::string& n : step.into)
    if (n.empty() || s.find_axis(n) >= 0 || !seen.insert(n).second)
      return Error("schedule.axis.name", fmt::format("{} has an axis `{}` already", s.name, n))
          .fact("stage", s.name)
          .fix("name the new axes otherwise");
  if (step.into.size() != count)
    return Error("schedule.axis.name", fmt::format("{} makes {} axes, {} names are given",
                                                   to_string(step.kind), count, step.into.size()))
        .fact("stage", s.name)
        .fix(fmt::format("give {} with into=, or leave into= out",
                         count == 1 ? "one name" : "a name for each"));
  return std::nullopt;
}

// What is cut from an extent that only the call tells has loops of constant extents, which
// run whatever the size is: their product over the stage, with `number` in `axis`.
double constant_iterations(const StageState& s, int axis, int64_t number) {
  std::vector<bool> open(s.axes.size());  // has no constant extent
  for (size_t i = 0; i < open.size(); ++i) {
    const auto d = i - s.vars.size();
    open[i] = i < s.vars.size()     ? !ir::as_int(s.buffers[0]->shape[i])
              : d < s.reduce.size() ? !ir::as_int(s.reduce[d].extent)
                                    : false;
  }
  double out = 1;
  for (const Relation& r : s.relations) {
    const auto at = [&](int i) -> std::vector<bool>::reference { return open[static_cast<size_t>(i)]; };
    if (r.kind == Relation::fuse) {
      at(r.parent) = at(r.outer) || at(r.inner);
    } else if (at(r.parent)) {
      at(r.kind == Relation::split ? r.outer : r.inner) = true;
      out *= static_cast<double>(r.number);
    }
  }
  return open[static_cast<size_t>(axis)] ? out * static_cast<double>(number) : 1;
}

Check split(ScheduleState& state, int id, Step step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (step.axes.size() != 1)
    return Error("schedule.parse", "split takes one axis").fix("write e.g. split C y factor=8");
  const auto axis = loop_of(s, step.axes[0], "split");
  if (!axis) return axis.error();
  if (auto error = require_plain(state, id, axis.value(), "split")) return error;
  if (step.number < 1)
    return Error("schedule.split.factor", fmt::format("cannot split {} by {}", step.axes[0], step.number))
        .fact("stage", s.name)
        .fact("axis", step.axes[0])
        .fact("expected", step.parts ? "1 part or more" : "a factor of 1 or more")
        .fact("got", std::to_string(step.number))
        .fix("any positive number is legal: tails become loops of their own");
  constexpr double kMostPieces = 0x1p24, kMostIterations = 0x1p48;
  if (const double all = constant_iterations(s, axis.value(), step.number);
      all > kMostIterations || (all > 1 && static_cast<double>(step.number) > kMostPieces))
    return Error("schedule.split.factor",
                 fmt::format("cannot split {} by {}: its extent is known at the call only, and small ones "
                             "would run too many empty iterations",
                             step.axes[0], step.number))
        .fact("stage", s.name)
        .fact("axis", step.axes[0])
        .fact("expected", "2^24 at most, and 2^48 in all pieces of sizes of the stage")
        .fact("got", fmt::format("{}, {:.6g} in all", step.number, all))
        .fix("split by less, or give the size a value with bind_sizes");
  if (auto error = check_into(s, step, 2)) return error;
  if (step.into.empty()) {
    step.into.push_back(fresh_axis_name(s, step.axes[0] + "o"));
    step.into.push_back(fresh_axis_name(s, step.axes[0] + "i"));
  }
  const int n = static_cast<int>(s.axes.size());
  const bool reduce = s.axes[static_cast<size_t>(axis.value())].reduce;
  s.axes.push_back({step.into[0], reduce, {}, false});
  s.axes.push_back({step.into[1], reduce, {}, false});
  s.relations.push_back(
      {step.parts ? Relation::parts : Relation::split, axis.value(), n, n + 1, step.number});
  const int p = s.leaf_position(axis.value());
  s.leaves[static_cast<size_t>(p)] = n;
  s.leaves.insert(s.leaves.begin() + p + 1, n + 1);
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

Check check_fusable(const ScheduleState& state, int id, const std::vector<int>& ids) {
  const StageState& s = state.stages[static_cast<size_t>(id)];
  const auto name = [&](int i) { return s.axes[static_cast<size_t>(i)].name; };
  for (size_t i = 0; i < ids.size(); ++i) {
    if (auto error = require_plain(state, id, ids[i], "fuse")) return error;
    if (i == 0) continue;
    if (s.axes[static_cast<size_t>(ids[i])].reduce != s.axes[static_cast<size_t>(ids[0])].reduce)
      return Error("schedule.fuse.kinds",
                   fmt::format("cannot fuse {} and {}: one is reduced over, the other is not", name(ids[0]),
                               name(ids[i])))
          .fact("stage", s.name)
          .fact("loops", list_loops(s))
          .fix("fuse axes of one kind");
    if (s.leaf_position(ids[i]) != s.leaf_position(ids[i - 1]) + 1)
      return Error("schedule.fuse.adjacent",
                   fmt::format("cannot fuse {} and {}: {} is not the loop just inside {}", name(ids[i - 1]),
                               name(ids[i]), name(ids[i]), name(ids[i - 1])))
          .fact("stage", s.name)
          .fact("loops", list_loops(s))
          .fix("reorder them to be adjacent, and name the outer one first");
  }
  return std::nullopt;
}

Check fuse(ScheduleState& state, int id, Step step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (step.axes.size() < 2)
    return Error("schedule.parse", "fuse takes two axes or more").fix("write e.g. fuse C y,x");
  std::vector<int> ids;
  for (const std::string& n : step.axes) {
    const auto axis = loop_of(s, n, "fuse");
    if (!axis) return axis.error();
    ids.push_back(axis.value());
  }
  if (auto error = check_fusable(state, id, ids)) return error;
  if (auto error = check_into(s, step, 1)) return error;
  if (step.into.empty()) {
    std::string wanted;
    for (const std::string& n : step.axes) wanted += n;
    step.into.push_back(fresh_axis_name(s, wanted));
  }
  const bool reduce = s.axes[static_cast<size_t>(ids[0])].reduce;
  int outer = ids[0];
  for (size_t i = 1; i < ids.size(); ++i) {
    const int made = static_cast<int>(s.axes.size());
    const bool last = i + 1 == ids.size();
    s.axes.push_back({last ? step.into[0] : fresh_axis_name(s, step.into[0] + "_part"), reduce, {}, false});
    s.relations.push_back({Relation::fuse, made, outer, ids[i], 0});
    const int p = s.leaf_position(outer);
    s.leaves[static_cast<size_t>(p)] = made;
    s.leaves.erase(s.leaves.begin() + p + 1);
    outer = made;
  }
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

// A loop that others hang on keeps its meaning if the loops at or outside it stay the
// same ones, in whatever order: what is computed inside it needs the same region, as
// often. Hence also: it keeps its place, and so does everything that compares places.
bool keeps_outside(const std::vector<int>& before, const std::vector<int>& after, int axis) {
  const auto p = std::find(before.begin(), before.end(), axis) - before.begin();
  return after[static_cast<size_t>(p)] == axis &&
         std::is_permutation(before.begin(), before.begin() + p, after.begin());
}

Check check_reorder_places(const ScheduleState& state, int id, const std::vector<int>& order) {
  const StageState& s = state.stages[static_cast<size_t>(id)];
  const auto refuse = [&](int axis, std::string what, std::string first) {
    const std::string& at = s.axes[static_cast<size_t>(axis)].name;
    return Error("schedule.reorder.attached",
                 fmt::format("cannot reorder {}: {} at {}, and other loops would be outside it", s.name, what,
                             at))
        .fact("stage", s.name)
        .fact("axis", at)
        .fact("loops", list_loops(s))
        .fix(
            fmt::format("reorder loops inside {} or those outside it, or reorder first, then {}", at, first));
  };
  for (const StageState& other : state.stages)
    if (other.attach == StageState::at && other.at_stage == id &&
        !keeps_outside(s.leaves, order, other.at_axis))
      return refuse(other.at_axis, other.name + " is computed", "place " + other.name);
  if (s.init_at >= 0 && !keeps_outside(s.leaves, order, s.init_at))
    return refuse(s.init_at, "the reduction is initialised", "init_at");
  return std::nullopt;
}

// Loops inside a vectorized one run in lanes: they can neither be shared among
// threads, virtual ones or not, nor be vectors themselves. Nor are threads split again
// by an inner loop; virtual threads may be, and a thread may run several of them.
Check check_modes(const StageState& s) {
  using enum ir::LoopMode;
  for (size_t p = 0; p < s.leaves.size(); ++p)
    for (size_t q = p + 1; q < s.leaves.size(); ++q) {
      const AxisState &outer = s.axes[static_cast<size_t>(s.leaves[p])],
                      &inner = s.axes[static_cast<size_t>(s.leaves[q])];
      const bool clash = outer.mode == vectorized ? inner.mode != serial && inner.mode != unrolled
                                                  : outer.mode == parallel && inner.mode == parallel;
      if (clash)
        return Error("schedule.mode.nested",
                     fmt::format("{} cannot be {} inside {}, which is {}", inner.name,
                                 ir::to_string(inner.mode), outer.name, ir::to_string(outer.mode)))
            .fact("stage", s.name)
            .fact("loops", list_loops(s))
            .fix(outer.mode == vectorized
                     ? "vectorize the innermost loop"
                     : fmt::format("fuse {} and {}, and parallelise that", outer.name, inner.name));
    }
  return std::nullopt;
}

Check reorder(ScheduleState& state, int id, Step step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  std::vector<int> ids;
  std::vector<size_t> places;
  for (const std::string& n : step.axes) {
    const auto axis = loop_of(s, n, "reorder");
    if (!axis) return axis.error();
    if (std::find(ids.begin(), ids.end(), axis.value()) != ids.end())
      return Error("schedule.reorder.twice", fmt::format("cannot reorder: {} is named twice", n))
          .fact("stage", s.name)
          .fix("name each loop once");
    ids.push_back(axis.value());
    places.push_back(static_cast<size_t>(s.leaf_position(axis.value())));
  }
  std::sort(places.begin(), places.end());
  std::vector<int> order = s.leaves;
  for (size_t i = 0; i < ids.size(); ++i) order[places[i]] = ids[i];
  if (auto error = check_reorder_places(state, id, order)) return error;
  std::swap(s.leaves, order);
  if (auto error = check_modes(s)) {
    std::swap(s.leaves, order);
    return error;
  }
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

Error reduce_mode_error(const StageState& s, const AxisState& a, std::string_view mode, std::string fix) {
  const std::string what = mode == "parallel"    ? "parallelising " + a.name
                           : mode == "vectorize" ? "vectorizing " + a.name
                                                 : fmt::format("virtual threads over {}", a.name);
  return Error(fmt::format("schedule.{}.reduce", mode), fmt::format("{} would race on {}", what, s.name))
      .fact("stage", s.name)
      .fact("axis", a.name + " (reduce)")
      .fact("loops", list_loops(s) + fmt::format("  <- {} carries {}", a.name, s.name))
      .fix(std::move(fix));
}

std::string spatial_loops(const StageState& s) {
  std::string out;
  for (const int l : s.leaves)
    if (const AxisState& a = s.axes[static_cast<size_t>(l)]; !a.reduce)
      out += (out.empty() ? "" : " or ") + a.name;
  return out;
}

// A simple combiner folds lanes in any order; of floats, sum and product change with it.
Check check_vectorized_reduce(const StageState& s, const AxisState& a, bool reassociate) {
  const auto* r = s.values[0].as<ir::Reduce>();
  const std::string& c = r->combiner->name;
  const std::string other = spatial_loops(s);
  if (!operation_of(*r->combiner))
    return reduce_mode_error(s, a, "vectorize",
                             other.empty()
                                 ? "leave it serial, or rfactor it and vectorize the partial results"
                                 : "vectorize " + other + " instead");
  if (!is_exact(*r->combiner) && !reassociate)
    return Error(
               "schedule.vectorize.reassociate",
               fmt::format("vectorizing {} would change the order of the float {} in {}", a.name, c, s.name))
        .fact("stage", s.name)
        .fact("axis", a.name + " (reduce)")
        .fact("loops", list_loops(s))
        .fix(other.empty() ? fmt::format("allow it: vectorize({}, reassociate=True)", a.name)
                           : fmt::format("vectorize {} instead, or allow it: vectorize({}, reassociate=True)",
                                         other, a.name));
  return std::nullopt;
}

Check set_mode(ScheduleState& state, int id, Step step, ir::LoopMode mode) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  const std::string verb(to_string(step.kind));
  if (step.axes.size() != 1)
    return Error("schedule.parse", verb + " takes one axis").fix("write e.g. " + verb + " C y");
  const auto axis = loop_of(s, step.axes[0], verb.c_str());
  if (!axis) return axis.error();
  AxisState& a = s.axes[static_cast<size_t>(axis.value())];
  if (a.mode != ir::LoopMode::serial)
    return Error("schedule.axis.mode",
                 fmt::format("cannot {} {}: it is {} already", verb, a.name, ir::to_string(a.mode)))
        .fact("stage", s.name)
        .fact("axis", a.name)
        .fix("give each loop one mode; split it to have two");
  const bool folds = a.reduce && !folds_once(s, axis.value());
  if (mode == ir::LoopMode::parallel && folds) {
    const std::string other = spatial_loops(s);
    return reduce_mode_error(
        s, a, "parallel",
        other.empty()
            ? fmt::format("make partial results, rfactor({}{}), and parallelise their axis "
                          "of this name; or leave it serial",
                          a.name,
                          is_exact(*s.values[0].as<ir::Reduce>()->combiner) ? "" : ", reassociate=True")
            : "parallelise " + other);
  }
  if (mode == ir::LoopMode::vthread && folds) {
    const std::string other = spatial_loops(s);
    return reduce_mode_error(
        s, a, "vthread",
        other.empty() ? "leave it serial, or rfactor it" : "make virtual threads of " + other);
  }
  if (mode == ir::LoopMode::vectorized) {
    if (folds)
      if (auto error = check_vectorized_reduce(s, a, step.reassociate)) return error;
    for (const StageState& other : state.stages)
      if (other.attach == StageState::at && other.at_stage == id &&
          s.leaf_position(other.at_axis) >= s.leaf_position(axis.value()))
        return Error("schedule.vectorize.attached",
                     fmt::format("cannot vectorize {}: {} is computed inside it", a.name, other.name))
            .fact("stage", s.name)
            .fact("axis", a.name)
            .fix(fmt::format("compute {} outside {}, or vectorize a loop inside", other.name, a.name));
  }
  a.mode = mode;
  if (auto error = check_modes(s)) {
    a.mode = ir::LoopMode::serial;
    return error;
  }
  a.reassociate = step.reassociate;
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

}  // namespace

Check apply_loop_step(ScheduleState& state, const Step& step) {
  const auto id = stage_of(state, step.stage);
  if (!id) return id.error();
  const StageState& s = state.stages[static_cast<size_t>(id.value())];
  if (s.is_input)
    return Error("schedule.stage.input",
                 fmt::format("cannot {} {}: it is an input and has no loops", to_string(step.kind), s.name))
        .fact("stage", s.name)
        .fix(fmt::format("copy it with cache_read, and {} the copy", to_string(step.kind)));
  switch (step.kind) {
    case StepKind::split:
      return split(state, id.value(), step);
    case StepKind::fuse:
      return fuse(state, id.value(), step);
    case StepKind::reorder:
      return reorder(state, id.value(), step);
    case StepKind::vectorize:
      return set_mode(state, id.value(), step, ir::LoopMode::vectorized);
    case StepKind::unroll:
      return set_mode(state, id.value(), step, ir::LoopMode::unrolled);
    case StepKind::vthread:
      return set_mode(state, id.value(), step, ir::LoopMode::vthread);
    default:
      return set_mode(state, id.value(), step, ir::LoopMode::parallel);
  }
}

}  // namespace tc
