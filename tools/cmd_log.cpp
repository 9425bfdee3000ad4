// tensorc log: what a tuned-operator log holds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "progress.h"

namespace tc::cli {
namespace {

using autotune::BadLine, autotune::LogFile, autotune::Record, autotune::TaskStats;

struct Options {
  std::vector<std::string> files;
  std::string output;
};

Json to_json(const BadLine& b) {
  return {{"file", b.file}, {"line", b.line}, {"code", b.code}, {"reason", b.reason}};
}

// Of a workload's text; 0 where this tc cannot build it.
bool is_accel(const TaskStats& s) { return s.target.kind == "accel"; }
double flops_of(const std::string& workload) {
  const auto w = parse_workload(workload);
  return w ? w.value().build().flops : 0;
}

int check(const Options& o, bool json) {
  Json files = Json::array();
  bool clean = true;
  for (const std::string& path : o.files) {
    const LogFile file = autotune::read_log(path).value();
    clean &= file.bad_lines == 0;
    Json bad = Json::array();
    for (const BadLine& b : file.bad) {
      if (json)
        bad.push_back(to_json(b));
      else
        print(b.str() + "\n");
    }
    if (json)
      files.push_back({{"file", path},
                       {"records", file.records.size()},
                       {"lines", file.lines},
                       {"bad_lines", file.bad_lines},
                       {"bad", std::move(bad)}});
    else
      print(fmt::format("{}: {} records, {} bad lines\n", path, file.records.size(), file.bad_lines));
  }
  if (json) print_json({{"ok", clean}, {"files", std::move(files)}});
  return clean ? kDone : kInvalidInput;
}

autotune::Log load(const Options& o) {
  autotune::Log log = autotune::Log::load(o.files).value();
  if (!log.bad().empty())
    note(fmt::format("warning: {} bad lines passed over; `tensorc log check` lists them", log.bad().size()));
  return log;
}

int best(const Options& o, bool json) {
  const autotune::Log log = load(o);
  Json out = Json::array();
  Table table({"workload", "cpu", "threads", "time", "GFLOP/s", "trials", "record"}, {0, 1, 6});
  for (const TaskStats& s : log.stats()) {
    const Record* r = log.best(autotune::WorkloadKey(s.workload), s.target);
    const double gflops = r ? flops_of(s.workload) / r->cost() : 0;
    if (json)
      out.push_back({{"workload", s.workload},
                     {"target", autotune::to_json(s.target)},
                     {"trials", s.trials},
                     {"ns", r ? Json(r->cost()) : Json()},
                     {"gflops", r ? Json(gflops) : Json()},
                     {"id", r ? Json(r->id) : Json()},
                     {"steps", r ? Json(r->steps) : Json()}});
    else
      table.add({s.workload, s.target.cpu, std::to_string(s.target.threads),
                 r ? cost_text(r->cost(), is_accel(s)) : "-", is_accel(s) ? "-" : speed_text(gflops),
                 std::to_string(s.trials), r ? r->id : "-"});
  }
  if (json)
    print_json({{"best", std::move(out)}});
  else
    print(table.str());
  return kDone;
}

int stats(const Options& o, bool json) {
  const autotune::Log log = load(o);
  Json out = Json::array();
  Table table({"workload", "cpu", "threads", "trials", "best", "statuses"}, {0, 1, 5});
  for (const TaskStats& s : log.stats()) {
    Json statuses = Json::object();
    for (const auto& [status, n] : s.statuses) statuses[std::string(autotune::to_string(status))] = n;
    if (json)
      out.push_back({{"workload", s.workload},
                     {"target", autotune::to_json(s.target)},
                     {"trials", s.trials},
                     {"best_ns", std::isfinite(s.best_ns) ? Json(s.best_ns) : Json()},
                     {"statuses", std::move(statuses)}});
    else
      table.add({s.workload, s.target.cpu, std::to_string(s.target.threads), std::to_string(s.trials),
                 cost_text(s.best_ns, is_accel(s)), histogram(s.statuses)});
  }
  if (json)
    print_json(
        {{"records", log.records().size()}, {"bad_lines", log.bad().size()}, {"tasks", std::move(out)}});
  else
    print(table.str() + fmt::format("{} records, {} bad lines\n", log.records().size(), log.bad().size()));
  return kDone;
}

Json records_of(std::string_view lines) {
  Json out = Json::array();
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    out.push_back(Json::parse(lines.substr(0, end)));
    lines.remove_prefix(end + 1);
  }
  return out;
}

// To a file, or without one to stdout: then --json gives the records in its object.
int merge(const Options& o, bool json) {
  autotune::MergedLog m;
  if (o.output.empty())
    m = autotune::merged_log(o.files).value();
  else
    m.report = autotune::merge_logs(o.files, o.output).value();
  Json bad = Json::array();
  for (const BadLine& b : m.report.bad) {
    bad.push_back(to_json(b));
    if (!json) note("left out: " + b.str());
  }
  Json out = {{"output", o.output.empty() ? Json() : Json(o.output)},
              {"written", m.report.written},
              {"duplicates", m.report.duplicates},
              {"bad", std::move(bad)}};
  if (json) {
    if (o.output.empty()) out["records"] = records_of(m.text);
    print_json(out);
    return kDone;
  }
  const std::string counts = fmt::format("{} records, {} duplicates and {} bad lines left out",
                                         m.report.written, m.report.duplicates, m.report.bad.size());
  if (o.output.empty()) {
    print(m.text);
    note(counts);
  } else {
    print(fmt::format("{}: {}\n", o.output, counts));
  }
  return kDone;
}

}  // namespace

void add_log(CLI::App& app, Call& call) {
  CLI::App* log = app.add_subcommand("log", "Check, query and merge tuned-operator logs");
  log->require_subcommand(1);
  const auto files = [](CLI::App& sub, Options& o) {
    sub.add_option("FILE", o.files, "Tuned-operator logs")->required();
  };
  add_command<Options>(*log, call, "check",
                       "List the lines that hold no usable record; exit code 3 where there are any", files,
                       check);
  add_command<Options>(*log, call, "best", "The best record of each workload and machine", files, best);
  add_command<Options>(*log, call, "stats", "Trials and how they ended, for each workload and machine", files,
                       stats);
  add_command<Options>(
      *log, call, "merge", "Write the records of all files, each once, to one file or to stdout",
      [files](CLI::App& sub, Options& o) {
        files(sub, o);
        sub.add_option("-o,--output", o.output, "The merged log, which may be one of the files (stdout)");
      },
      merge);
}

}  // namespace tc::cli
