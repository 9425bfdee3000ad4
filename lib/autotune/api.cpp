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

Check refuse_sizes(const Workload& workload, const codegen::Target& target) {
  const auto ranges = workload.ranges();
  if (!target.is_accel() || ranges.empty()) return std::nullopt;
  return Error("te.shape.symbolic",
               fmt::format("the accelerator runs programs of numbers, and {} is a range", ranges[0].key))
      .fact("workload", workload.text())
      .fact("target", target.text())
      .fix(fmt::format("give {} one number, once for each that is needed", ranges[0].key));
}

// ---- buckets

// The graph with its sizes cut to a bucket: the same tensors, other guides.
WorkloadGraph cut_to(WorkloadGraph graph, const Workload& bucket) {
  const auto ranges = bucket.ranges();
  for (size_t i = 0; i < ranges.size(); ++i)
    graph.sizes[i].least = ranges[i].least, graph.sizes[i].greatest = ranges[i].last.back();
  return graph;
}
// Which calls are a bucket's, those of the buckets before it apart; null for all others.
Expr condition_of(const WorkloadGraph& graph, const Workload& bucket) {
  Expr when;
  const auto ranges = bucket.ranges();
  for (size_t i = 0; i < ranges.size(); ++i) {
    const int64_t last = ranges[i].last.back();
    if (last == graph.sizes[i].greatest) continue;  // what is above runs there, too
    const Expr below = Expr(graph.sizes[i].var) <= ir::int_imm(last);
    when = when ? logical_and(when, below) : below;
  }
  return when;
}
std::string ranges_text(const Workload& bucket) {
  std::string out;
  for (const WorkloadRange& r : bucket.ranges())
    out += fmt::format("{}{}={}..{}", out.empty() ? "" : " ", r.key, r.least, r.last.back());
  return out;
}

std::string damage_text(const Log& log) {
  const size_t bad = log.bad().size();
  if (bad == 0) return "";
  return fmt::format("; {} damaged line{} of the log {} passed over", bad, bad == 1 ? "" : "s",
                     bad == 1 ? "is" : "are");
}

// One function with a variant a bucket; its explanation has a line for each. Without a log all
// schedules are the defaults, because of `failure`.
Expected<Function> join_buckets(const WorkloadGraph& graph, const std::vector<Workload>& buckets,
                                const Log* log, const std::string& failure,
                                const autotune::SpaceContext& context, const BuildOptions& options) {
  std::vector<Variant> variants;
  std::string why = fmt::format("{} variants{}", buckets.size(), log ? damage_text(*log) : "");
  for (const Workload& bucket : buckets) {
    const WorkloadGraph cut = cut_to(graph, bucket);
    std::string passed;
    Found found{{autotune::Lookup::Source::default_schedule, std::nullopt, 0, failure}, std::nullopt};
    if (log) found = find_schedule(cut, key_of(bucket), *log, context, passed);
    const std::string_view source = found.scheduled ? autotune::to_string(found.lookup.source) : "default";
    auto schedule =
        found.scheduled ? Expected<Scheduled>(*found.scheduled) : schedule_of(cut, context, nullptr);
    if (!schedule) return schedule.error();
    variants.push_back({std::move(schedule.value().schedule), condition_of(graph, bucket)});
    why += fmt::format("\n    {}: {}: {}{}", ranges_text(bucket), source, found.lookup.why, passed);
  }
  auto function = build(variants, graph.args, options);
  if (function) function.value().set_explanation(std::move(why));
  return function;
}
Expected<Function> build_buckets(const Workload& workload, const std::vector<Workload>& buckets,
                                 const Log& log, const autotune::SpaceContext& context,
                                 const BuildOptions& options) {
  const WorkloadGraph graph = workload.build();
  auto function = join_buckets(graph, buckets, &log, "", context, options);
  if (function) return function;
  const std::string failure =
      fmt::format("the log's schedules make no function: {}", function.error().message());
  return join_buckets(graph, buckets, nullptr, failure, context, options);
}

// ---- tuning

Expected<autotune::TuneResult> tune_cpu(const Workload& workload, const TuneSettings& settings) {
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

void add_bucket(autotune::TuneResult& all, autotune::TuneResult one) {
  all.end = one.end;
  all.resumed += one.resumed, all.measured += one.measured, all.invalid += one.invalid;
  all.elapsed_s += one.elapsed_s;
  for (const auto& [status, n] : one.statuses) all.statuses[status] += n;
  for (const auto& [status, text] : one.first_message) all.first_message.try_emplace(status, text);
  all.warnings.insert(all.warnings.end(), one.warnings.begin(), one.warnings.end());
  all.buckets.push_back(std::move(one));
}

}  // namespace

Expected<autotune::TuneResult> tune(const Workload& workload, const TuneSettings& settings) {
  if (Check wrong = refuse_sizes(workload, settings.target)) return *wrong;
  const std::vector<Workload> buckets = workload.buckets();
  if (buckets.size() > 1) {
    autotune::TuneResult all;
    for (const Workload& bucket : buckets) {
      auto one = tune(bucket, settings);
      if (!one) return one;
      add_bucket(all, std::move(one).value());
      if (all.end == autotune::TuneEnd::interrupted) break;
    }
    return all;
  }
  if (settings.target.is_accel()) return tune_accel(workload, settings);
  return tune_cpu(workload, settings);
}

Expected<Function> build(const Workload& workload, const autotune::Log& log, int threads,
                         BuildOptions options) {
  if (Check wrong = refuse_sizes(workload, options.target)) return *wrong;
  const autotune::SpaceContext context{options.target, threads};
  options.workload = workload.text();
  if (options.name == "main") options.name = std::string(workload.name());
  if (const auto buckets = workload.buckets(); buckets.size() > 1)
    return build_buckets(workload, buckets, log, context, options);
  const WorkloadGraph graph = workload.build();
  std::string passed;
  const Found found = find_schedule(graph, key_of(workload), log, context, passed);
  std::string why = found.lookup.why + passed + damage_text(log);
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
