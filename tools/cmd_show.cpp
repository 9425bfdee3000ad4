// tensorc show: the loops of a workload's schedule as a page of HTML, or as text.
#include <fmt/format.h>

#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "tc/codegen/accel_legalize.h"
#include "tc/schedule/show.h"

namespace tc::cli {
namespace {

constexpr size_t kMaxText = size_t{1} << 20;

struct Options {
  std::vector<std::string> workload;
  std::string log, target = "cpu", steps, output;
  int threads = 0;
};

// The steps of a file, else those that a build would apply now.
Schedule schedule_of(const Workload& w, WorkloadGraph graph, const Options& o) {
  const codegen::Target target = parse_target(o.target);
  if (target.is_accel())  // whose schedules are of its own stages, tiles
    graph.outputs = accel::legalize(graph.args, target.machine()).value().outputs;
  Schedule s(graph.outputs);
  std::string text;
  if (!o.steps.empty()) {
    text = read_file(o.steps, kMaxText);
  } else {
    BuildOptions options;
    options.target = target;
    text = build(w, load_log(o.log), use_threads(o.threads), options).value().schedule_text();
  }
  if (Check e = s.apply(parse_steps(text).value())) throw *e;
  return s;
}

int run(const Options& o, bool json) {
  const Workload w = parse_one_workload(o.workload);
  const std::vector<Workload> buckets = w.buckets();
  TC_REQUIRE(buckets.size() == 1,
             Error("cli.usage", fmt::format("the workload has {} buckets, each with a schedule of its own",
                                            buckets.size()))
                 .fact("workload", w.text())
                 .fix(fmt::format("show one of them, e.g. \"{}\"", buckets[0].text())));
  const WorkloadGraph graph = w.build();
  const Schedule s = schedule_of(w, graph, o);
  SizeValues greatest;
  for (const WorkloadSize& size : graph.sizes) greatest.emplace_back(size.var, size.greatest);
  const std::string loops = s.loops(true, greatest);
  if (!o.output.empty()) {
    ShowOptions options;
    options.title = w.text();
    options.sizes = greatest;
    write_file(o.output, to_html(s, options));
  }
  if (json)
    print_json({{"workload", w.text()}, {"steps", s.text()}, {"loops", loops}, {"file", o.output}});
  else if (o.output.empty())
    print(loops);
  return kDone;
}

}  // namespace

void add_show(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "show", "Show the loops of a workload's schedule: text, or a page to walk through its steps",
      [](CLI::App& sub, Options& o) {
        sub.add_option("WORKLOAD", o.workload, "e.g. \"matmul m=64 n=64 k=64\"")->required();
        sub.add_option("--log", o.log, "Apply the best schedule of this log")->envname("TC_LOG");
        sub.add_option("--steps", o.steps, "Apply the steps of this file instead; - reads standard input");
        sub.add_option("--target", o.target, "The machine to schedule for");
        sub.add_option("--threads", o.threads, "Threads that the schedule is for; 0: all");
        sub.add_option("-o,--output", o.output, "Write a self-contained HTML page to this file");
      },
      run);
}

}  // namespace tc::cli
