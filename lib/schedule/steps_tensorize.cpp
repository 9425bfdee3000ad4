// tensorize: an intrinsic in the place of the inner loops of a stage. Whether it fits is
// found by lowering, here and after every later step, so that none breaks it unseen.
#include <fmt/format.h>

#include "state.h"
#include "tc/te/reducer.h"

namespace tc {
namespace {

Expected<std::shared_ptr<const Intrinsic>> intrinsic_of(const ScheduleState& state, const std::string& name) {
  std::vector<std::string> declared;
  for (const auto& known : state.intrinsics) {
    if (known->name == name) return known;
    declared.push_back(known->name);
  }
  auto made = builtin_intrinsic(name);
  if (made) return std::make_shared<const Intrinsic>(std::move(made).value());
  Error error = made.error();
  if (!declared.empty())
    (void)std::move(error).fact("declared", fmt::format("{}", fmt::join(declared, ", ")));
  return error;
}

// Whether the intrinsic may sum the products of one element in another order.
bool folds_inside(const Intrinsic& intrinsic) {
  const auto* r = intrinsic.body->body.as<ir::Compute>()->values[0].as<ir::Reduce>();
  if (!r) return false;
  for (const Expr& e : r->extents)
    if (!ir::is_int(e, 1)) return true;
  return false;
}

}  // namespace

Check apply_tensorize(ScheduleState& state, const Step& step) {
  const auto found = stage_of(state, step.stage);
  if (!found) return found.error();
  StageState& s = state.stages[static_cast<size_t>(found.value())];
  if (step.axes.size() != 1)
    return Error("schedule.parse", "tensorize takes one axis")
        .fix("write e.g. tensorize C xi intrinsic=gemm_f32_6x16x1");
  if (s.is_input)
    return Error("schedule.stage.input", fmt::format("cannot tensorize {}: it is an input", s.name))
        .fact("stage", s.name)
        .fix("tensorize a stage that computes");
  const auto axis = loop_of(s, step.axes[0], "tensorize");
  if (!axis) return axis.error();
  if (s.intrinsic)
    return Error("schedule.tensorize.twice", fmt::format("{} is tensorized already", s.name))
        .fact("stage", s.name)
        .fact("axis", s.axes[static_cast<size_t>(s.tensor_axis)].name)
        .fact("intrinsic", s.intrinsic->name)
        .fix("give each stage one intrinsic; cache_write makes two stages");
  auto intrinsic = intrinsic_of(state, step.intrinsic);
  if (!intrinsic) return intrinsic.error();
  const auto* r = s.values[0].as<ir::Reduce>();
  if (r && !is_exact(*r->combiner) && folds_inside(*intrinsic.value()) && !step.reassociate)
    return Error("schedule.tensorize.reassociate",
                 fmt::format("{} may change the order of the float {} in {}", step.intrinsic,
                             r->combiner->name, s.name))
        .fact("stage", s.name)
        .fact("axis", step.axes[0])
        .fact("loops", list_loops(s))
        .fix(fmt::format("allow it: tensorize({}, \"{}\", reassociate=True)", step.axes[0], step.intrinsic));
  s.tensor_axis = axis.value();
  s.intrinsic = std::move(intrinsic).value();
  state.steps.push_back(step);
  return std::nullopt;
}

}  // namespace tc
