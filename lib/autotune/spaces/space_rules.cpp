#include <algorithm>

#include "rules.h"
#include "tc/schedule/lower.h"

namespace tc::autotune {

Expected<Schedule> draw_schedule(const WorkloadGraph& graph, const SpaceContext& context, Choices& choices) {
  try {
    Schedule s(graph.outputs);
    const View view = look_at(graph);
    Drawing d{s, view, context, choices};
    std::vector<bool> done(view.stages.size(), false);
    for (size_t i = 0; i < view.stages.size(); ++i)
      if (schedule_contraction(d, static_cast<int>(i))) {
        done[i] = true;
        if (!view.is_output(static_cast<int>(i))) done[static_cast<size_t>(view.stages[i].readers[0])] = true;
        break;  // one set of decisions; further contractions are scheduled plainly
      }
    if (std::none_of(done.begin(), done.end(), [](bool b) { return b; }) && schedule_rows(d)) return s;
    schedule_rest(d, done);
    return s;
  } catch (const Error& e) {
    return e;
  }
}

SpaceFn make_space(const WorkloadGraph& graph, const SpaceContext& context) {
  return [graph, context](Choices& choices) -> Expected<Features> {
    auto schedule = draw_schedule(graph, context, choices);
    if (!schedule) return schedule.error();
    auto lowered = lower(schedule.value(), graph.args);
    if (!lowered) return lowered.error();
    return features_of(lowered.value().func, context.target, graph.sizes);
  };
}

}  // namespace tc::autotune
