#include "tc/autotune/api.h"

#include <fmt/format.h>

#include "tc/autotune/accel.h"
#include "tc/autotune/local_executor.h"
#include "tc/autotune/measure.h"

namespace tc {
namespace {

autotune::WorkloadKey key_of(const Workload& w) { return autotune::WorkloadKey(w.text()); }

// What is built: the arguments and their schedule. An accelerator takes other stages than the
// computation was written with, for the same arguments.
struct Scheduled {
  std::vector<Tensor> args;
  Schedule schedule;
  std::string note;  // on what the device does not do
};

Expected<Scheduled> on_accelerator(const WorkloadGraph& graph, const isa::MachineConfig& machine,
                                   autotune::Choices choices) {
  auto legal = accel::legalize(graph.args, machine);
  if (!legal) return legal.error();
  auto plans = autotune::draw_plans(legal.value(), machine, choices);
  if (!plans) return plans.error();
  auto schedule = accel::make_schedule(legal.value(), plans.value());
  if (!schedule) return schedule.error();
  Scheduled out{std::move(legal.value().args), std::move(schedule).value(), ""};
  for (const std::string& why : legal.value().left) out.note += "; on the CPU " + why;
  return out;
}

// The schedule of a recorded or default point, or why it cannot be had.
Expected<Scheduled> schedule_of(const WorkloadGraph& graph, const autotune::SpaceContext& context,
                                const autotune::Record* record) {
  using autotune::Choices;
  Choices choices = record ? Choices::replay(record->decisions) : Choices::defaults();
  if (context.target.is_accel()) return on_accelerator(graph, context.target.machine(), std::move(choices));
  auto schedule = autotune::draw_schedule(graph, context, choices);
  if (!schedule) return schedule.error();
  return Scheduled{graph.args, std::move(schedule).value(), ""};
}

// The function of a recorded or default point; its explanation is what there is to say besides.
Expected<Function> build_with(const WorkloadGraph& graph, const autotune::SpaceContext& context,
                              const autotune::Record* record, const BuildOptions& options) {
  auto scheduled = schedule_of(graph, context, record);
  if (!scheduled) return scheduled.error();
  auto function = build(scheduled.value().schedule, scheduled.value().args, options);
  if (!function) return function;
  const std::string said = function.value().explain();  // how it was scheduled; where it runs
  const size_t where = said.find("; ");
  function.value().set_explanation((where == said.npos ? "" : said.substr(where)) + scheduled.value().note);
  return function;
}

// Cycles are the same in every run: finalists need not be measured again.
Expected<autotune::TuneResult> tune_accel(const Workload& workload, const TuneSettings& settings) {
  const isa::MachineConfig machine = settings.target.machine();
  auto space = autotune::make_accel_space(workload.build(), machine);
  if (!space) return space.error();
  autotune::TuneOptions options = settings.options;
  options.build = autotune::build_stamp();
  options.finalists = 0;
  const auto executor = autotune::make_accel_executor(machine, settings.workers);
  const autotune::Task task{key_of(workload), autotune::record_target(machine), std::move(space).value()};
  return autotune::tune(task, *executor, options);
}

}  // namespace

Expected<autotune::TuneResult> tune(const Workload& workload, const TuneSettings& settings) {
  if (settings.target.is_accel()) return tune_accel(workload, settings);
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
  std::string why = found.why;
  if (const size_t bad = log.bad().size(); bad > 0)
    why += fmt::format("; {} damaged line{} of the log {} passed over", bad, bad == 1 ? "" : "s",
                       bad == 1 ? "is" : "are");
  std::string source(autotune::to_string(found.source));
  auto function = build_with(graph, context, found.record ? &*found.record : nullptr, options);
  if (!function && found.record) {
    why = fmt::format("the {} record does not fit: {}", source, function.error().message());
    source = "default";
    function = build_with(graph, context, nullptr, options);
  }
  if (function) {
    const std::string parts = function.value().explain();  // on which machine
    function.value().set_explanation(fmt::format("{}: {}{}", source, why, parts));
  }
  return function;
}

}  // namespace tc
