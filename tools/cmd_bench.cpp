// tensorc bench: a workload without schedule, with the default one and with the
// log's, side by side.
#include <fmt/format.h>

#include "accel_report.h"
#include "arguments.h"
#include "declare.h"
#include "inputs.h"
#include "measure.h"
#include "output.h"

namespace tc::cli {
namespace {

struct Options {
  std::vector<std::string> workloads;
  std::string log, target = "cpu";
  int threads = 0, rounds = 9;
  bool no_naive = false;
};

struct Row {
  std::string workload, schedule;
  Yardstick yardstick;
  std::vector<Contestant> contestants;
  std::vector<Timing> timings;
};

/// "tuned", "nearest" or "default": the first word of an explanation; "3 variants" of one by lines.
std::string source_of(const Function& f) { return f.explain().substr(0, f.explain().find_first_of(":;\n")); }
bool uses_log(const Function& f) {
  for (const char* source : {"tuned: ", "nearest: "})
    if (f.explain().find(source) != std::string::npos) return true;
  return false;
}

// The contestants for one call.
Row bench_call(const std::vector<std::pair<const char*, Function>>& functions, const Workload& call,
               const Options& o, int threads) {
  const WorkloadGraph graph = call.build();
  Arguments arguments(graph, 0, Fill::uniform);
  std::vector<BoundKernel> kernels;
  kernels.reserve(functions.size());
  Row row{call.text(), functions.back().second.explain(), yardstick(graph, threads), {}, {}};
  for (const auto& [name, f] : functions) {
    kernels.emplace_back(f, arguments);
    row.contestants.push_back({name, [&k = kernels.back()] { k.run(); }});
  }
  row.timings = measure(row.contestants, {.rounds = o.rounds, .threads = threads});
  for (Contestant& c : row.contestants) c.run = nullptr;  // the kernels end here
  return row;
}

/// A row; of a workload with sizes one for each value at which it is judged.
std::vector<Row> bench(const Workload& w, const autotune::Log& log, const Options& o, int threads) {
  const WorkloadGraph graph = w.build();
  BuildOptions options;
  options.target = parse_target(o.target);
  std::vector<std::pair<const char*, Function>> functions;
  const std::vector<Workload> calls = w.judged();
  for (const Workload& call : calls) require_arguments(call.build());  // before anything is compiled
  if (!o.no_naive)
    functions.emplace_back("naive", build(Schedule(graph.outputs), graph.args, options).value());
  functions.emplace_back("default", build(w, {}, threads, options).value());
  Function tuned = build(w, log, threads, options).value();
  const std::string why = tuned.explain();
  if (uses_log(tuned)) functions.emplace_back("tuned", std::move(tuned));
  std::vector<Row> rows;
  for (const Workload& call : calls) {
    rows.push_back(bench_call(functions, call, o, threads));
    rows.back().schedule = why;
  }
  return rows;
}

const Timing* timing(const Row& row, std::string_view name) {
  for (size_t i = 0; i < row.contestants.size(); ++i)
    if (row.contestants[i].name == name) return &row.timings[i];
  return nullptr;
}

Json to_json(const Row& row, int threads) {
  Json out = {{"workload", row.workload},
              {"threads", threads},
              {"unit", row.yardstick.unit()},
              {"peak", row.yardstick.peak},
              {"schedule", row.schedule}};
  for (size_t i = 0; i < row.timings.size(); ++i) {
    const Timing& t = row.timings[i];
    out[row.contestants[i].name] = {{"median_ns", t.median_ns},
                                    {"q1_ns", t.first_quartile_ns},
                                    {"q3_ns", t.third_quartile_ns},
                                    {"samples", t.samples},
                                    {"speed", row.yardstick.speed(t.median_ns)},
                                    {"share_of_peak", row.yardstick.share(t.median_ns)}};
  }
  return out;
}

// On an accelerator: cycles, which need no rounds; the default schedule and the log's.
int bench_accel(const Options& o, const std::vector<Workload>& workloads, const autotune::Log& log,
                bool json) {
  BuildOptions options;
  options.target = parse_target(o.target);
  Json results = Json::array();
  Table table({"workload", "default", "tuned", "cycles of", "occupied", "GEMM", "programs", "schedule"},
              {0, 3, 7});
  for (const Workload& w : workloads) {
    Function by_rule = build(w, {}, 1, options).value();  // which refuses sizes
    const WorkloadGraph graph = w.build();
    Arguments arguments(graph, 0, Fill::uniform);
    const BoundKernel standard(std::move(by_rule), arguments);
    const Profile by_default = timed_run(standard);
    const BoundKernel logged(build(w, log, 1, options).value(), arguments);
    const std::string source = source_of(logged.function());
    const bool tuned = source != "default";
    const Profile best = tuned ? timed_run(logged) : by_default;
    const auto percent = [](double share) { return fmt::format("{:.1f}%", 100 * share); };
    table.add({w.text(), std::to_string(by_default.cycles()), tuned ? std::to_string(best.cycles()) : "-",
               best.machine, percent(best.occupancy()), percent(best.gemm_utilisation()),
               std::to_string(logged.function().programs().size()), source});
    Json one = {{"workload", w.text()},
                {"schedule", logged.function().explain()},
                {"default", profile_json(by_default)}};
    if (tuned) one["tuned"] = profile_json(best);
    results.push_back(std::move(one));
  }
  if (json)
    print_json({{"target", options.target.text()}, {"results", std::move(results)}});
  else
    print(table.str());
  return kDone;
}

int run(const Options& o, bool json) {
  const std::vector<Workload> workloads = parse_workloads(o.workloads);
  const autotune::Log log = load_log(o.log);
  if (parse_target(o.target).is_accel()) return bench_accel(o, workloads, log, json);
  const int threads = use_threads(o.threads);
  Json results = Json::array();
  Table table({"workload", "naive", "default", "tuned", "", "of peak", "schedule"}, {0, 4, 6});
  const auto add = [&](const Row& row) {
    if (json) {
      results.push_back(to_json(row, threads));
      return;
    }
    const auto speed = [&](const char* name) {
      const Timing* t = timing(row, name);
      return t ? speed_text(row.yardstick.speed(t->median_ns)) : "-";
    };
    const Timing* best = timing(row, "tuned") ? timing(row, "tuned") : timing(row, "default");
    table.add({row.workload, speed("naive"), speed("default"), speed("tuned"), row.yardstick.unit(),
               fmt::format("{:.0f}%", 100 * row.yardstick.share(best->median_ns)),
               row.schedule.substr(0, row.schedule.find_first_of(":;\n"))});
  };
  for (const Workload& w : workloads)
    for (const Row& row : bench(w, log, o, threads)) add(row);
  if (json)
    print_json({{"threads", threads}, {"results", std::move(results)}});
  else
    print(table.str() +
          fmt::format("{} thread{}, medians of interleaved rounds\n", threads, threads == 1 ? "" : "s"));
  return kDone;
}

}  // namespace

void add_bench(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "bench", "Speeds of workloads: naive, default and tuned",
      [](CLI::App& sub, Options& o) {
        sub.add_option("WORKLOAD", o.workloads, "One or more, or @FILE with one a line")->required();
        sub.add_option("--log", o.log, "Tuned-operator log to take schedules from")->envname("TC_LOG");
        sub.add_option("--target", o.target, "cpu, \"cpu -mattr=+F,-F\", or accel:FILE: cycles");
        sub.add_option("--threads", o.threads, "Threads (default: all CPUs)")->check(CLI::Range(0, 4096));
        sub.add_option("--rounds", o.rounds, "Interleaved rounds (9)")->check(CLI::Range(1, 1000));
        sub.add_flag("--no-naive", o.no_naive, "Leave out the plain loops, which may be slow");
      },
      run);
}

}  // namespace tc::cli
