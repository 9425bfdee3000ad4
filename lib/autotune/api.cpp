#include "tc/autotune/api.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/autotune/local_executor.h"
#include "tc/autotune/measure.h"
#include "tc/codegen/accel_schedule.h"

namespace tc {
namespace {

autotune::WorkloadKey key_of(const Workload& w) { return autotune::WorkloadKey(w.text()); }

// The schedule of a recorded or default point, or why it cannot be had.
Expected<Schedule> schedule_of(const WorkloadGraph& graph, const autotune::SpaceContext& context,
                               const autotune::Record* record) {
  using autotune::Choices;
  Choices choices = record ? Choices::replay(record->decisions) : Choices::defaults();
  return autotune::draw_schedule(graph, context, choices);
}

// The same for an accelerator, with what stays on the CPU said in the explanation.
Expected<Function> build_default(const WorkloadGraph& graph, const BuildOptions& options) {
  const isa::MachineConfig machine = options.target.machine();
  auto legal = accel::legalize(graph.args, machine);
  if (!legal) return legal.error();
  auto schedule = accel::default_schedule(legal.value(), machine);
  if (!schedule) return schedule.error();
  auto function = build(schedule.value(), legal.value().args, options);
  if (!function) return function.error();
  std::string why = function.value().explain();
  why = "default: the largest tiles that fit" + why.substr(std::min(why.find("; "), why.size()));
  if (!legal.value().left.empty()) why += fmt::format("; on the CPU {}", fmt::join(legal.value().left, ", "));
  function.value().set_explanation(std::move(why));
  return function;
}

}  // namespace

Expected<autotune::TuneResult> tune(const Workload& workload, const TuneSettings& settings) {
  autotune::LocalOptions local;
  local.worker = settings.worker;
  local.args = settings.worker_args;
  local.workers = settings.workers;
  auto executor = autotune::LocalExecutor::create(std::move(local));
  if (!executor) return executor.error();
  const WorkloadGraph graph = workload.build();
  autotune::TuneOptions options = settings.options;
  options.build = autotune::build_stamp();
  const autotune::Task task{key_of(workload), autotune::record_target(settings.target, settings.threads),
                            autotune::make_space(graph, {settings.target, settings.threads})};
  return autotune::tune(task, *executor.value(), options);
}

Expected<Function> build(const Workload& workload, const autotune::Log& log, int threads,
                         BuildOptions options) {
  const WorkloadGraph graph = workload.build();
  const autotune::SpaceContext context{options.target, threads};
  const autotune::Lookup found =
      log.lookup(key_of(workload), autotune::record_target(options.target, threads));
  options.workload = workload.text();
  if (options.name == "main") options.name = std::string(workload.name());
  if (options.target.is_accel()) return build_default(graph, options);
  std::string why = found.why;
  if (const size_t bad = log.bad().size(); bad > 0)
    why += fmt::format("; {} damaged line{} of the log {} passed over", bad, bad == 1 ? "" : "s",
                       bad == 1 ? "is" : "are");
  auto schedule = schedule_of(graph, context, found.record ? &*found.record : nullptr);
  std::string source(autotune::to_string(found.source));
  if (!schedule && found.record) {
    why = fmt::format("the {} record does not fit: {}", source, schedule.error().message());
    source = "default";
    schedule = schedule_of(graph, context, nullptr);
  }
  if (!schedule) return schedule.error();
  auto function = build(schedule.value(), graph.args, options);
  if (function) function.value().set_explanation(fmt::format("{}: {}", source, why));
  return function;
}

}  // namespace tc
