// Workloads, the tuner and its log.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "functions.h"
#include "tc/autotune/api.h"
#include "tc/autotune/measure.h"

namespace tc::python {

using namespace autotune;

autotune::WorkloadKey key_of(const Workload& w) { return autotune::WorkloadKey(w.text()); }

Workload to_workload(py::handle value) {
  if (py::isinstance<WorkloadHandle>(value)) return value.cast<const WorkloadHandle&>().workload;
  if (PyUnicode_Check(value.ptr())) return parse_workload(value.cast<std::string>()).value();
  std::vector<Tensor> args;
  if (py::isinstance<Schedule>(value)) {
    const auto& schedule = value.cast<const Schedule&>();
    TC_REQUIRE(schedule.steps().empty(),
               Error("workload.schedule", "a workload is a computation, and this schedule has steps already")
                   .fact("steps", std::to_string(schedule.steps().size()))
                   .fix("give the tensors, tc.tune(C): tuning finds steps of its own; or build the schedule "
                        "as it is"));
    const Graph& g = schedule.graph();
    args = g.inputs;
    args.insert(args.end(), g.outputs.begin(), g.outputs.end());
  } else {
    args = to_tensors(value, "what is tuned");
    const bool has_input =
        std::any_of(args.begin(), args.end(), [](const Tensor& t) { return t.op().is_placeholder(); });
    if (!has_input) {  // only outputs: their inputs come first
      std::vector<Tensor> all = Graph::of(args).inputs;
      all.insert(all.end(), args.begin(), args.end());
      args = std::move(all);
    }
  }
  return Workload::from_graph(args).value();
}

Log to_log(py::handle value) {
  if (py::isinstance<Log>(value)) return value.cast<const Log&>();
  std::vector<std::string> paths;
  if (is_sequence(value))
    for (const py::handle p : py::reinterpret_borrow<py::object>(value)) paths.push_back(to_path(p));
  else
    paths.push_back(to_path(value));
  const py::gil_scoped_release nogil;
  return Log::load(paths).value();
}

namespace {

py::object json_to_python(const Json& j) { return py::module_::import("json").attr("loads")(dump_json(j)); }

std::map<std::string, int64_t> names_of(const std::map<Status, int64_t>& statuses) {
  std::map<std::string, int64_t> out;
  for (const auto& [status, n] : statuses) out[std::string(to_string(status))] = n;
  return out;
}

py::dict decisions_of(const Point& p) {
  py::dict out;
  for (const auto& [name, value] : p.decisions()) out[py::str(name)] = value;
  return out;
}

// Of an accelerator run_ns counts cycles.
std::string cost_text(const Record& r) {
  if (!r.ok()) return "no time";
  if (r.target.kind == "accel") return fmt::format("{:.0f} cycles", r.cost());
  return r.cost() < 1e5 ? fmt::format("{:.4g} ns", r.cost()) : fmt::format("{:.4g} ms", r.cost() / 1e6);
}

// ---- the session

// What a callback gets, and may keep.
struct ProgressCopy {
  Progress p;
  std::optional<Record> last;
};

// Runs Python from the tuner's thread. The first exception stops the session; it
// is raised when the log is complete.
class Callbacks {
 public:
  explicit Callbacks(py::object progress) : progress_(std::move(progress)) {}

  bool should_stop() {
    if (stopped_) return true;
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) keep();
    return stopped_;
  }
  void on_progress(const Progress& p) {
    if (stopped_ || progress_.is_none()) return;
    const py::gil_scoped_acquire gil;
    try {
      progress_(ProgressCopy{p, p.last ? std::optional<Record>(*p.last) : std::nullopt});
    } catch (py::error_already_set& e) {
      e.restore();
      keep();
    }
  }
  [[nodiscard]] bool has_progress() const { return !progress_.is_none(); }
  void raise() {
    if (error_) throw py::error_already_set(*error_);
  }

 private:
  void keep() {
    if (!error_)
      error_.emplace();
    else
      PyErr_Clear();
    stopped_ = true;
  }
  py::object progress_;
  std::optional<py::error_already_set> error_;
  std::atomic<bool> stopped_ = false;
};

TuneResult tune_any(py::handle what, py::handle target, int64_t trials, py::handle log, py::handle seed,
                    py::handle threads, const py::object& on_progress, const std::string& search,
                    double time_budget, int64_t early_stop, size_t workers, double build_timeout,
                    double run_timeout, const py::object& worker) {
  const Workload workload = to_workload(what);
  TuneSettings settings;
  settings.target = to_target(target);
  settings.threads = to_threads(threads);
  settings.workers = workers;
  settings.worker = worker.is_none() ? py::module_::import("tc._worker").attr("path")().cast<std::string>()
                                     : to_path(worker);
  TuneOptions& o = settings.options;
  o.trials = trials, o.seed = to_seed(seed), o.search = search, o.time_budget_s = time_budget,
  o.early_stop = early_stop;
  o.limits = {build_timeout, run_timeout};
  if (!log.is_none()) o.log_path = to_path(log);
  Callbacks callbacks(on_progress);
  o.should_stop = [&] { return callbacks.should_stop(); };
  if (callbacks.has_progress()) o.on_progress = [&](const Progress& p) { callbacks.on_progress(p); };
  std::optional<Expected<TuneResult>> result;
  {
    const py::gil_scoped_release nogil;
    result = tune(workload, settings);
  }
  callbacks.raise();
  return std::move(*result).value();
}

WorkloadHandle handle_of(Workload x) {
  auto graph = std::make_shared<const WorkloadGraph>(x.build());
  return WorkloadHandle{std::move(x), std::move(graph)};
}

void bind_records(py::module_& m) {
  py::class_<OutputCheck> check(m, "OutputCheck", "How the output of a trial was checked.");
  check.def_readonly("oracle", &OutputCheck::oracle).def_readonly("elements", &OutputCheck::elements);
  check.def_readonly("max_err", &OutputCheck::max_err).def_readonly("passed", &OutputCheck::passed);

  py::class_<Record> r(m, "Record", "One trial of a log.");
  r.def_readonly("id", &Record::id)
      .def_readonly("kind", &Record::kind)
      .def_readonly("run", &Record::run)
      .def_readonly("workload", &Record::workload);
  r.def_readonly("message", &Record::message)
      .def_readonly("steps", &Record::steps)
      .def_readonly("seed", &Record::seed)
      .def_readonly("ts", &Record::ts);
  r.def_readonly("run_ns", &Record::run_ns)
      .def_readonly("build_s", &Record::build_s)
      .def_readonly("check", &Record::check);
  r.def_property_readonly("status", [](const Record& x) { return std::string(to_string(x.status)); });
  r.def_property_readonly("ok", &Record::ok);
  r.def_property_readonly("cost", &Record::cost,
                          "The median of run_ns: nanoseconds, of an accelerator cycles; infinity unless ok.");
  r.def_property_readonly("decisions", [](const Record& x) { return decisions_of(x.decisions); });
  r.def_property_readonly("target", [](const Record& x) { return json_to_python(to_json(x.target)); });
  r.def("line", [](const Record& x) { return to_line(x); }, "The record as its line of JSON.");
  r.def("__repr__", [](const Record& x) {
    return fmt::format("Record({}, {}, {})", x.workload, to_string(x.status), cost_text(x));
  });

  using P = ProgressCopy;
  py::class_<P> p(m, "Progress", "Where a tuning session stands, for on_progress.");
  p.def_property_readonly(
      "done", [](const P& x) { return x.p.done; }, "Trials so far, those that the log had included.");
  p.def_property_readonly("trials", [](const P& x) { return x.p.trials; }, "Trials asked for.");
  p.def_property_readonly("measured", [](const P& x) { return x.p.measured; }, "Trials of this session.");
  p.def_property_readonly(
      "best_ns", [](const P& x) { return x.p.best_ns; }, "Infinity before the first that is ok.");
  p.def_property_readonly("elapsed", [](const P& x) { return x.p.elapsed_s; }, "Seconds.");
  p.def_property_readonly(
      "finals", [](const P& x) { return x.p.finals; }, "Whether finalists are being measured again.");
  p.def_readonly("last", &P::last, "The record just made.");

  py::class_<TuneResult> t(m, "TuneResult", "What a tuning session found.");
  t.def_readonly("best", &TuneResult::best, "The best record, None where no trial is ok.");
  t.def_property_readonly(
      "trials", [](const TuneResult& x) { return x.resumed + x.measured; },
      "Trials in all, those that the log had included.");
  t.def_property_readonly(
      "buckets", [](const TuneResult& x) { return x.buckets; },
      "Of a workload with several buckets the result of each; then best is None, and counts are sums.");
  t.def_readonly("resumed", &TuneResult::resumed)
      .def_readonly("measured", &TuneResult::measured)
      .def_readonly("invalid", &TuneResult::invalid);
  t.def_readonly("warnings", &TuneResult::warnings).def_readonly("elapsed", &TuneResult::elapsed_s);
  t.def_property_readonly("end", [](const TuneResult& x) { return std::string(to_string(x.end)); });
  t.def_property_readonly(
      "statuses", [](const TuneResult& x) { return names_of(x.statuses); }, "How many trials ended how.");
  t.def_property_readonly("first_message", [](const TuneResult& x) {
    std::map<std::string, std::string> out;
    for (const auto& [status, text] : x.first_message) out[std::string(to_string(status))] = text;
    return out;
  });
  t.def("__repr__", [](const TuneResult& x) {
    if (!x.buckets.empty())
      return fmt::format("TuneResult({} buckets, {} trials, ended by {})", x.buckets.size(),
                         x.resumed + x.measured, to_string(x.end));
    return fmt::format("TuneResult(best {}, {} trials, ended by {})", x.best ? cost_text(*x.best) : "none",
                       x.resumed + x.measured, to_string(x.end));
  });
}

void bind_log(py::module_& m) {
  py::class_<BadLine> bad(m, "BadLine", "A line of a log that holds no usable record.");
  bad.def_readonly("file", &BadLine::file)
      .def_readonly("line", &BadLine::line)
      .def_readonly("code", &BadLine::code)
      .def_readonly("reason", &BadLine::reason);
  bad.def("__str__", &BadLine::str).def("__repr__", [](const BadLine& b) {
    return "BadLine(" + b.str() + ")";
  });

  py::class_<TaskStats> s(m, "TaskStats", "What a log knows of one workload on one machine.");
  s.def_readonly("workload", &TaskStats::workload)
      .def_readonly("trials", &TaskStats::trials)
      .def_readonly("best_ns", &TaskStats::best_ns);
  s.def_property_readonly("statuses", [](const TaskStats& x) { return names_of(x.statuses); });
  s.def_property_readonly("target", [](const TaskStats& x) { return json_to_python(to_json(x.target)); });
  s.def("__repr__", [](const TaskStats& x) {
    return fmt::format("TaskStats({}, {} trials, best {:.4g} ns)", x.workload, x.trials, x.best_ns);
  });

  py::class_<Log> c(m, "Log",
                    "Log(\"tuned.jsonl\"), or a list of files: the records, read whole. Damaged lines are "
                    "passed over; see check.");
  c.def(py::init([](py::handle paths) { return to_log(paths); }), py::arg("paths"));
  c.def_property_readonly("records", [](const Log& l) { return l.records(); });
  c.def("__len__", [](const Log& l) { return l.records().size(); });
  c.def(
      "best",
      [](const Log& l, py::handle w, py::handle target, py::handle threads) -> std::optional<Record> {
        const Record* r =
            l.best(key_of(to_workload(w)), record_target(to_target(target), to_threads(threads)));
        return r ? std::optional<Record>(*r) : std::nullopt;
      },
      py::arg("workload"), py::arg("target") = "cpu", py::arg("threads") = py::none(),
      "best(w): the fastest record that applies to this machine, or None.");
  c.def("stats", &Log::stats, "One entry a workload and machine, in the order of first appearance.");
  c.def(
      "check", [](const Log& l) { return l.bad(); },
      "The lines that hold no usable record, and why; empty where the log is sound.");
  c.def("__repr__", [](const Log& l) {
    return fmt::format("Log({} records, {} bad lines)", l.records().size(), l.bad().size());
  });
}

}  // namespace

void bind_tuning(py::module_& m) {
  py::class_<WorkloadHandle> w(m, "Workload", "A computation that is tuned and logged under one text.");
  w.def_property_readonly("text", [](const WorkloadHandle& h) { return h.workload.text(); });
  w.def_property_readonly("name", [](const WorkloadHandle& h) { return std::string(h.workload.name()); });
  w.def_property_readonly(
      "args", [](const WorkloadHandle& h) { return h.graph->args; },
      "The tensors in call order: inputs, then outputs.");
  w.def_property_readonly("outputs", [](const WorkloadHandle& h) { return h.graph->outputs; });
  w.def_property_readonly(
      "flops", [](const WorkloadHandle& h) { return h.graph->flops; },
      "Floating-point operations of one run; with sizes of the mean run that is timed.");
  w.def_property_readonly(
      "bytes", [](const WorkloadHandle& h) { return h.graph->bytes; }, "Bytes of all arguments.");
  w.def_property_readonly(
      "constants", [](const WorkloadHandle& h) { return h.graph->constants; },
      "Positions in args of weights and the like, which may be packed once.");
  w.def_property_readonly(
      "buckets",
      [](const WorkloadHandle& h) {
        std::vector<WorkloadHandle> out;
        for (Workload& b : h.workload.buckets()) out.push_back(handle_of(std::move(b)));
        return out;
      },
      "One workload for each bucket of the sizes, as the log knows them; of numbers the workload itself.");
  w.def("__str__", [](const WorkloadHandle& h) { return h.workload.text(); });
  w.def("__repr__", [](const WorkloadHandle& h) { return "Workload(" + h.workload.text() + ")"; });
  w.def("__eq__", [](const WorkloadHandle& a, py::handle b) {
    return py::isinstance<WorkloadHandle>(b) && a.workload == b.cast<const WorkloadHandle&>().workload;
  });
  w.def("__hash__", [](const WorkloadHandle& h) { return py::hash(py::str(h.workload.text())); });
  m.def(
      "workload", [](py::handle what) { return handle_of(to_workload(what)); }, py::arg("what"),
      "workload(\"matmul m=1024 n=1024 k=1024 dtype=f32\"), or of tensors: workload([A, B, C]), "
      "workload(C).\n"
      "In \"matmul m=1..16..64 n=256 k=256\" the rows are a size that a call tells, 1 or more, tuned and "
      "scheduled for the buckets\n1..16 and 17..64.");
  m.def("workload_help", &workload_help, "The operators that a workload's text may name, and their keys.");
  bind_records(m);
  bind_log(m);
  m.def("tune", &tune_any, py::arg("what"), py::arg("target") = "cpu", py::arg("trials") = 64,
        py::arg("log") = py::none(), py::arg("seed") = 0, py::arg("threads") = py::none(),
        py::arg("on_progress") = py::none(), py::kw_only(), py::arg("search") = "evolutionary",
        py::arg("time_budget") = 0.0, py::arg("early_stop") = 0, py::arg("workers") = 1,
        py::arg("build_timeout") = 10.0, py::arg("run_timeout") = 10.0, py::arg("worker") = py::none(),
        "tune(w, trials=64, log=\"tuned.jsonl\", seed=0) -> TuneResult: measures schedules of a workload in "
        "processes of their own,\n"
        "checks every output, and appends to the log, from which a session goes on where another ended. "
        "Ctrl-C ends it with the\n"
        "log intact. on_progress is called after every trial; an exception from it ends the session too. "
        "The buckets of a workload\nare tuned in turn, each with all the trials; see TuneResult.buckets.");
  m.def(
      "log_line", [](const std::string& line) { return record_from_line(line).value(); }, py::arg("line"),
      "The record that a line of a log holds.");
}

}  // namespace tc::python
