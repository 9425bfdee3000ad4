// tensorc run: builds a workload, runs it on generated inputs, and says how
// long that takes and whether the result is right.
#include <fmt/format.h>

#include "accel_report.h"
#include "declare.h"
#include "inputs.h"
#include "measure.h"
#include "output.h"

namespace tc::cli {
namespace {

struct Options {
  std::vector<std::string> workload, at;
  std::string log, target = "cpu", timeline;
  int threads = 0, rounds = 5, orders = 0;
  uint64_t seed = 0;
  bool check = false;
};

Json to_json(const Comparison& c) {
  return {{"passed", c.passed()},     {"elements", c.elements},   {"unbounded", c.unbounded},
          {"max_error", c.max_error}, {"tolerance", c.tolerance}, {"difference", c.difference}};
}

std::string to_text(const Comparison& c) {
  if (!c.passed()) return "DIFFERS: " + c.difference;
  std::string out = fmt::format("equal at {} elements", c.elements);
  if (c.tolerance > 0)
    out += fmt::format(", largest error {:.1e} (allowed {:.1e})", c.max_error, c.tolerance);
  else if (c.elements > 0)
    out += ", bit by bit";
  if (c.unbounded > 0)
    out += fmt::format("; at {} rounding may change every digit: alike in magnitude", c.unbounded);
  return out;
}

// What --check says: whether all is right, as JSON and as lines.
struct Checks {
  bool passed = true;
  Json json = Json::array();
  std::string lines;
};

Checks check(const BoundKernel& kernel, const WorkloadGraph& graph, uint64_t seed) {
  Checks out;
  Arguments integers(graph, seed, Fill::small_integers);
  const Comparison results[] = {BoundKernel(kernel.function(), integers).check(), kernel.check()};
  const char* names[] = {"small integers", "uniform reals"};
  for (size_t i = 0; i < 2; ++i) {
    out.passed &= results[i].passed();
    out.json.push_back(to_json(results[i]));
    out.json.back()["inputs"] = names[i];
    out.lines += fmt::format("  check     {}: {}\n", names[i], to_text(results[i]));
  }
  return out;
}

// Time is the device's: cycles of a timed run, and no rounds, for they are always the same.
int run_on_accel(const Options& o, const Workload& w, const BoundKernel& kernel, Checks checks, bool json) {
  const Profile profile = timed_run(kernel);
  const bool programs = !kernel.function().programs().empty();
  if (o.orders > 0 && !programs) {
    checks.json.push_back({{"orders", 0}, {"passed", true}, {"difference", "there is no program to order"}});
    checks.lines += "  check     no random orders: there is no program for the accelerator\n";
  } else if (o.orders > 0) {
    const std::string wrong = check_orders(kernel, o.orders, o.seed);
    checks.passed &= wrong.empty();
    checks.json.push_back({{"orders", o.orders}, {"passed", wrong.empty()}, {"difference", wrong}});
    checks.lines += wrong.empty() ? fmt::format("  check     equal in {} random orders\n", o.orders)
                                  : fmt::format("  check     DIFFERS in {}\n", wrong);
  }
  if (!o.timeline.empty()) write_file(o.timeline, profile.chrome_trace());
  if (json) {
    Json out = {{"workload", w.text()}, {"schedule", kernel.function().explain()}, {"seed", o.seed}};
    out.update(profile_json(profile));
    if (!checks.json.empty()) out["checks"] = checks.json;
    print_json(out);
  } else {
    print(fmt::format("{}\n  schedule  {}\n{}\n{}", w.text(), kernel.function().explain(), checks.lines,
                      profile.table() + (programs ? "\n" + profile.timeline() : "")));
  }
  return checks.passed ? kDone : kResultsDiffer;
}

// One call of the function of a workload: its time, and whether it is right.
struct CallResult {
  bool passed = true;
  Json json;
  std::string lines;
};

CallResult run_call(const Options& o, const Function& function, const Workload& call, int threads) {
  const WorkloadGraph graph = call.build();
  Arguments arguments(graph, o.seed, Fill::uniform);
  const BoundKernel kernel(function, arguments);
  const Checks checks = o.check ? check(kernel, graph, o.seed) : Checks();
  const Contestant only[] = {{"run", [&] { kernel.run(); }}};
  const Timing t = measure(only, {.rounds = o.rounds})[0];
  const Yardstick y = yardstick(graph, threads, false);
  CallResult out{checks.passed,
                 {{"median_ns", t.median_ns},
                  {"samples", t.samples},
                  {"speed", y.speed(t.median_ns)},
                  {"unit", y.unit()}},
                 fmt::format("  time      {} (median of {}), {} {}, {} thread{}\n{}", time_text(t.median_ns),
                             t.samples, speed_text(y.speed(t.median_ns)), y.unit(), threads,
                             threads == 1 ? "" : "s", checks.lines)};
  if (o.check) out.json["checks"] = checks.json;
  return out;
}

int run_on_cpu(const Options& o, const Workload& w, const Function& function,
               const std::vector<Workload>& calls, int threads, bool json) {
  Json out = {
      {"workload", w.text()}, {"schedule", function.explain()}, {"threads", threads}, {"seed", o.seed}};
  const bool sized = !w.ranges().empty();
  bool passed = true;
  if (!json) print(fmt::format("{}\n  schedule  {}\n", w.text(), function.explain()));
  for (const Workload& call : calls) {
    CallResult r = run_call(o, function, call, threads);
    passed &= r.passed;
    if (!json)
      print((sized ? fmt::format("{}\n", call.text()) : "") + r.lines);
    else if (!sized)
      out.update(r.json);
    else
      r.json["workload"] = call.text(), out["calls"].push_back(std::move(r.json));
  }
  if (json) print_json(out);
  return passed ? kDone : kResultsDiffer;
}

int run(const Options& o, bool json) {
  const Workload w = parse_one_workload(o.workload);
  const std::vector<Workload> calls = calls_of(w, o.at);
  const autotune::Log log = load_log(o.log);
  const int threads = use_threads(o.threads);
  BuildOptions build_options;
  build_options.target = parse_target(o.target);
  const bool accel = build_options.target.is_accel();
  TC_REQUIRE(accel || (o.timeline.empty() && o.orders == 0),
             Error("cli.usage", "--timeline and --orders are for an accelerator").fix("--target accel:FILE"));
  if (!accel) {
    for (const Workload& call : calls) require_arguments(call.build());  // before anything is compiled
    return run_on_cpu(o, w, build(w, log, threads, build_options).value(), calls, threads, json);
  }
  Function function = build(w, log, threads, build_options).value();  // which refuses sizes
  const WorkloadGraph graph = w.build();
  Arguments arguments(graph, o.seed, Fill::uniform);
  const BoundKernel kernel(std::move(function), arguments);
  return run_on_accel(o, w, kernel, o.check ? check(kernel, graph, o.seed) : Checks(), json);
}

}  // namespace

void add_run(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "run", "Build a workload and run it on generated inputs",
      [](CLI::App& sub, Options& o) {
        sub.add_option("WORKLOAD", o.workload, "e.g. \"softmax m=128 n=1000\"")->required();
        sub.add_option("--log", o.log, "Tuned-operator log to take the schedule from")->envname("TC_LOG");
        sub.add_option("--target", o.target, "cpu, \"cpu -mattr=+F,-F\", or accel:FILE");
        sub.add_option("--threads", o.threads, "Threads (default: all CPUs)")->check(CLI::Range(0, 4096));
        sub.add_option("--at", o.at,
                       "Of a workload with ranges: run for these values, e.g. m=100; may be given again "
                       "(default: first, middle and last of each bucket)");
        sub.add_option("--seed", o.seed, "Of the inputs");
        sub.add_option("--rounds", o.rounds, "Samples of the time")->check(CLI::Range(1, 1000));
        sub.add_option("--timeline", o.timeline, "accel: write a trace for chrome://tracing to this file");
        sub.add_option("--orders", o.orders, "accel: compare in so many random legal orders, too")
            ->check(CLI::Range(0, 1'000'000));
        sub.add_flag("--check", o.check,
                     "Compare with the reference: that every element is written, and of each output up to "
                     "1024 elements, drawn by the seed; exit code 4 where they differ");
      },
      run);
}

}  // namespace tc::cli
