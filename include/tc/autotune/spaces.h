// Search spaces made by rules that look at the computation: how each kind of
// stage may be tiled, vectorised, packed and placed. A space is a function of
// Choices; hand-written schedule functions can take its place anywhere.
#pragma once
#include "tc/autotune/space.h"
#include "tc/codegen/target.h"
#include "tc/schedule/schedule.h"
#include "tc/te/workload.h"

namespace tc::autotune {

/// What a space is made for.
struct SpaceContext {
  codegen::Target target;
  int threads = 1;
};

/// One schedule of the computation, drawn from `choices`. `constants` (positions
/// in args) are inputs that may be packed ahead of time. Of a graph with sizes the schedule is legal
/// for all their values, and its choices suit the greatest; the layouts of inputs depend on the graph and the
/// target alone, so that schedules for other values take the same arguments. Errors: schedule.*,
/// autotune.choices.*.
[[nodiscard]] Expected<Schedule> draw_schedule(const WorkloadGraph& graph, const SpaceContext& context,
                                               Choices& choices);

/// The space of a computation for the tuner: draws, lowers, and describes the
/// loops by features.
[[nodiscard]] SpaceFn make_space(const WorkloadGraph& graph, const SpaceContext& context);

/// Fixed-length description of a function in nested form: sizes and modes of
/// loops, arithmetic, and per operand stride, reuse and footprint at three depths.
/// Sizes count at their greatest values.
[[nodiscard]] Features features_of(const FuncRef& nested, const codegen::Target& target,
                                   const std::vector<WorkloadSize>& sizes = {});
inline constexpr size_t kNumFeatures = 96;

}  // namespace tc::autotune
