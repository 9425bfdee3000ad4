// tensorc tune: searches schedules of workloads, one after another, and keeps
// what it learns in a log.
#include <fmt/format.h>

#include <algorithm>

#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "progress.h"

namespace tc::cli {
namespace {

using autotune::Status, autotune::TuneEnd, autotune::TuneResult;

constexpr size_t kMessageLines = 8;  // of a failure's message

struct Options {
  std::vector<std::string> workloads;
  std::string target = "cpu", log = "tuned.jsonl", search = "evolutionary";
  int64_t trials = 64, early_stop = 0;
  uint64_t seed = 0;
  int threads = 0, workers = 1;
  double time_budget = 0, interval = 5, build_limit = 10, run_limit = 10;
};

TuneSettings settings_of(const Options& o) {
  TuneSettings s;
  s.target = parse_target(o.target);
  TC_REQUIRE(s.target.is_accel() || s.target == codegen::Target::host(),
             Error("autotune.options.target", "trials run on this machine, so it is what can be tuned for")
                 .fact("got", o.target)
                 .fix("--target cpu, or an accelerator, which is simulated: --target accel:FILE"));
  s.threads = use_threads(o.threads);
  if (!s.target.is_accel()) s.worker = find_worker();
  s.workers = static_cast<size_t>(o.workers);
  s.options.trials = o.trials;
  s.options.seed = o.seed;
  s.options.search = o.search;
  s.options.early_stop = o.early_stop;
  s.options.time_budget_s = o.time_budget;
  s.options.limits = {o.build_limit, o.run_limit};
  s.options.log_path = o.log;
  return s;
}

std::string indent(std::string_view message) {
  std::string out;
  size_t lines = 0;
  for (const char c : message) {
    if (c == '\n' && ++lines == kMessageLines) return out + "\n      ...";
    out += c;
    if (c == '\n') out += "      ";
  }
  return out;
}

Json to_json(const Workload& w, const TuneResult& r) {
  Json statuses = Json::object(), messages = Json::object(), best;
  for (const auto& [status, n] : r.statuses) statuses[std::string(autotune::to_string(status))] = n;
  for (const auto& [status, text] : r.first_message)
    messages[std::string(autotune::to_string(status))] = text;
  if (r.best) {
    const double ns = r.best->cost();
    best = {{"id", r.best->id},
            {"ns", ns},
            {"gflops", w.build().flops / ns},
            {"decisions", autotune::to_json(r.best->decisions)},
            {"steps", r.best->steps}};
  }
  return {{"workload", w.text()},
          {"end", std::string(autotune::to_string(r.end))},
          {"best", std::move(best)},
          {"resumed", r.resumed},
          {"measured", r.measured},
          {"invalid", r.invalid},
          {"statuses", std::move(statuses)},
          {"messages", std::move(messages)},
          {"warnings", r.warnings},
          {"elapsed_s", r.elapsed_s}};
}

// The failures, for people: which statuses, how often, and what the first one said.
void note_failures(const TuneResult& r) {
  for (const std::string& warning : r.warnings) note("  warning: " + warning);
  for (const auto& [status, text] : r.first_message) {
    const auto found = r.statuses.find(status);
    const auto n = status == Status::invalid   ? static_cast<int64_t>(r.invalid)
                   : found == r.statuses.end() ? 0
                                               : found->second;
    note(fmt::format("  {} {}, the first: {}", n, autotune::to_string(status), indent(text)));
  }
}

std::string summary(const Workload& w, const TuneResult& r, bool accel) {
  std::string best = "no valid candidate";
  if (r.best)
    best =
        fmt::format("{}, {} {}", cost_text(r.best->cost(), accel),
                    speed_text(w.build().flops / r.best->cost()), accel ? "operations a cycle" : "GFLOP/s");
  std::string out = fmt::format("{}: {}; {} trials", w.text(), best, r.resumed + r.measured);
  if (r.resumed > 0) out += fmt::format(" ({} from the log)", r.resumed);
  if (const std::string h = histogram(r.statuses); !h.empty()) out += fmt::format(": {}", h);
  if (r.end != TuneEnd::trials) out += fmt::format("; ended by {}", autotune::to_string(r.end));
  return fmt::format("{}; {:.1f} s\n", out, r.elapsed_s);
}

int run(const Options& o, bool json) {
  std::vector<Workload> workloads;  // a bucket is tuned by itself
  for (const Workload& w : parse_workloads(o.workloads))
    for (Workload& bucket : w.buckets()) workloads.push_back(std::move(bucket));
  TuneSettings settings = settings_of(o);
  const StopOnSignal signals;
  Json results = Json::array();
  int exit = kDone;
  for (const Workload& w : workloads) {
    ProgressLine line(w, o.interval, settings.target.is_accel());
    settings.options.on_progress = [&](const autotune::Progress& p) { line.update(p); };
    settings.options.should_stop = [&] {
      line.tick();
      return StopOnSignal::stopped();
    };
    const auto result = tune(w, settings);
    line.clear();
    if (!result) throw result.error();
    const TuneResult& r = result.value();
    if (json)
      results.push_back(to_json(w, r));
    else
      print(summary(w, r, settings.target.is_accel()));
    std::fflush(stdout);
    note_failures(r);
    if (r.end == TuneEnd::interrupted) {
      exit = kInterrupted;
      break;
    }
    if (!r.best) exit = kNoCandidate;
  }
  if (json)
    print_json({{"log", o.log},
                {"threads", settings.threads},
                {"interrupted", exit == kInterrupted},
                {"results", std::move(results)}});
  if (exit == kInterrupted) note(fmt::format("interrupted; {} has all trials that ended", o.log));
  return exit;
}

}  // namespace

void add_tune(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "tune", "Search for fast schedules and log every trial",
      [](CLI::App& sub, Options& o) {
        sub.add_option("WORKLOAD", o.workloads, "One or more, or @FILE with one a line")->required();
        sub.add_option("--target", o.target, "cpu: this machine; or accel:FILE");
        sub.add_option("--trials", o.trials, "Trials per workload or bucket, those in the log included (64)")
            ->check(CLI::Range(int64_t{1}, int64_t{10'000'000}));
        sub.add_option("--seed", o.seed, "The same seed and measurements make the same search (0)");
        sub.add_option("--log", o.log, "Tuned-operator log to resume from and append to (tuned.jsonl)");
        sub.add_option("--threads", o.threads, "Threads of a candidate (default: all CPUs)")
            ->check(CLI::Range(0, 4096));
        sub.add_option("--workers", o.workers, "Worker processes, which build side by side (1)")
            ->check(CLI::Range(1, 256));
        sub.add_option("--time-budget", o.time_budget, "Seconds per workload or bucket (no limit)")
            ->check(CLI::Range(0.0, 1e9));
        sub.add_option("--early-stop", o.early_stop, "Stop after so many trials without a gain (never)")
            ->check(CLI::Range(int64_t{0}, int64_t{10'000'000}));
        sub.add_option("--build-limit", o.build_limit, "Seconds that building a candidate may take (10)")
            ->check(CLI::Range(0.0, 1e6));
        sub.add_option("--run-limit", o.run_limit, "Seconds that checking and timing it may take (10)")
            ->check(CLI::Range(0.0, 1e6));
        sub.add_option("--search", o.search, "evolutionary, random, grid or annealing");
        sub.add_option("--interval", o.interval, "Seconds between lines where stderr is no terminal (5)")
            ->check(CLI::Range(0.1, 1e6));
      },
      run);
}

}  // namespace tc::cli
