#include "tc/autotune/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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

// The function of a schedule; its explanation is what there is to say besides.
Expected<Function> build_scheduled(const Scheduled& scheduled, const BuildOptions& options) {
  auto function = build(scheduled.schedule, scheduled.args, options);
  if (!function) return function;
  const std::string said = function.value().explain();  // how it was scheduled; where it runs
  const size_t where = said.find("; ");
  function.value().set_explanation((where == said.npos ? "" : said.substr(where)) + scheduled.note);
  return function;
}

// What makes a program that no machine of that kind holds is still a computation: all of it on the CPU.
bool too_large(const Error& e) {
  return e.code() == "codegen.accel.limit" || e.code() == "sim.dram.size" ||
         e.code() == "codegen.accel.capacity";
}

// The default; where a program of an accelerator would be too long, or need too much memory, on the CPU.
Expected<Function> build_default(const WorkloadGraph& graph, const autotune::SpaceContext& context,
                                 const BuildOptions& options) {
  auto scheduled = schedule_of(graph, context, nullptr);
  auto function =
      scheduled ? build_scheduled(scheduled.value(), options) : Expected<Function>(scheduled.error());
  if (function || !context.target.is_accel() || !too_large(function.error())) return function;
  return build_scheduled(
      {graph.args, Schedule(graph.outputs), fmt::format("; on the CPU all: {}", function.error().message())},
      options);
}

// Records of machines that differ from `host` in times alone apply to this one, too.
autotune::RecordTarget at_any_time(autotune::RecordTarget host, const Log& log) {
  for (const autotune::Record& r : log.records())
    for (const std::string& field : r.target.isa)
      if (r.target.kind == host.kind && !isa::decides_encoding(field.substr(0, field.find('='))) &&
          std::find(host.isa.begin(), host.isa.end(), field) == host.isa.end())
        host.isa.push_back(field);
  return host;
}

// The schedule to build, and where it came from.
struct Found {
  autotune::Lookup lookup;
  std::optional<Scheduled> scheduled;  // of the record
};

constexpr size_t kShownRecords = 3;  // of those passed over

// The best record whose decisions still make the steps that it holds. Others are passed over, and
// `passed` says which.
Found find_schedule(const WorkloadGraph& graph, const autotune::WorkloadKey& key, const Log& log,
                    const autotune::SpaceContext& context, std::string& passed) {
  std::set<std::string> out_of_use;
  const auto usable = [&](const autotune::Record& r) { return !out_of_use.contains(r.id); };
  const autotune::RecordTarget host = autotune::record_target(context.target, context.threads);
  while (true) {
    Found found{log.lookup(key, host, autotune::workload_distance, usable), std::nullopt};
    if (found.lookup.source != autotune::Lookup::Source::tuned && context.target.is_accel())
      if (const autotune::Record* r = log.best(key, at_any_time(host, log), usable))
        found.lookup = {
            autotune::Lookup::Source::nearest, *r, r->cost(),
            fmt::format("this workload's record of {}, a machine that differs in its times alone ({})",
                        r->target.cpu, r->id)};
    if (!found.lookup.record) return found;
    const autotune::Record& r = *found.lookup.record;
    auto scheduled = schedule_of(graph, context, &r);
    const bool own = r.workload_hash == key.hash();
    if (scheduled && (!own || scheduled.value().schedule.text() == r.steps)) {
      found.scheduled = std::move(scheduled).value();
      return found;
    }
    const std::string why =
        scheduled ? "its decisions make other steps than it holds" : scheduled.error().message();
    if (!own)  // decisions for another shape need not suit this one; nor do its others
      return {{autotune::Lookup::Source::default_schedule, std::nullopt, 0,
               fmt::format("the nearest record does not fit: {}", why)},
              std::nullopt};
    if (out_of_use.size() < kShownRecords) passed += fmt::format("; record {} is passed over: {}", r.id, why);
    out_of_use.insert(r.id);
  }
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
  options.workload = workload.text();
  if (options.name == "main") options.name = std::string(workload.name());
  std::string passed;
  const Found found = find_schedule(graph, key_of(workload), log, context, passed);
  std::string why = found.lookup.why + passed;
  if (const size_t bad = log.bad().size(); bad > 0)
    why += fmt::format("; {} damaged line{} of the log {} passed over", bad, bad == 1 ? "" : "s",
                       bad == 1 ? "is" : "are");
  std::string source(autotune::to_string(found.lookup.source));
  auto function =
      found.scheduled ? build_scheduled(*found.scheduled, options) : build_default(graph, context, options);
  if (!function && found.scheduled) {
    why = fmt::format("the {} record does not fit: {}", source, function.error().message());
    source = "default";
    function = build_default(graph, context, options);
  }
  if (function) {
    const std::string parts = function.value().explain();  // on which machine
    function.value().set_explanation(fmt::format("{}: {}{}", source, why, parts));
  }
  return function;
}

}  // namespace tc
