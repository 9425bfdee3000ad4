// tc.build and what it gives; the two references, evaluate and interpret.
#include "functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "tc/autotune/api.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/size_values.h"
#include "tc/ir/traverse.h"
#include "tc/runtime/c_api.h"
#include "tc/te/evaluate.h"

namespace tc::python {

codegen::Target to_target(py::handle value) {
  if (py::isinstance<codegen::Target>(value)) return value.cast<codegen::Target>();
  return codegen::Target::parse(py::str(value).cast<std::string>()).value();
}

uint64_t to_seed(py::handle value) {
  const int64_t seed = to_int(value, "a seed");
  TC_REQUIRE(seed >= 0, Error("te.number", fmt::format("the seed is {}; it is 0 or more", seed))
                            .fix("give an int of 0 or more"));
  return static_cast<uint64_t>(seed);
}

int to_threads(py::handle value) {
  if (value.is_none()) return tc_num_threads();
  const int64_t n = to_int(value, "threads");
  const auto cpus = static_cast<int64_t>(
      py::module_::import("os").attr("sched_getaffinity")(0).attr("__len__")().cast<size_t>());
  TC_REQUIRE(n >= 1 && n <= cpus,
             Error("autotune.options.threads", fmt::format("there are not {} threads to run on", n))
                 .fact("expected", fmt::format("1 .. {}, the CPUs of this process", cpus))
                 .fact("got", std::to_string(n))
                 .fix("give a number of threads that this machine has"));
  return static_cast<int>(n);
}

namespace {

std::vector<Tensor> args_of(const Graph& g) {
  std::vector<Tensor> out = g.inputs;
  out.insert(out.end(), g.outputs.begin(), g.outputs.end());
  return out;
}

// ---- calling

std::string argument_name(const codegen::AbiSpec& abi, size_t i) {
  return i < abi.args.size() && !abi.args[i].name.empty() ? abi.args[i].name : fmt::format("argument {}", i);
}

std::string names_of(const codegen::AbiSpec& abi) {
  std::vector<std::string> names;
  for (const auto& a : abi.args) names.push_back(a.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

void call(const Function& f, const py::args& given, const py::kwargs& named) {
  // pybind11's own error would print every array in full
  if (!named.empty())
    throw py::type_error(
        fmt::format("{}() takes its arrays by position, without names: f({})", f.name(), names_of(f.abi())));
  const CallArgs args(f, given);
  Check error;
  {
    const py::gil_scoped_release nogil;
    error = f.run(args.args());
  }
  throw_if(std::move(error));
}

py::object pack(const Function& f, const py::kwargs& given) {
  const auto& args = f.abi().args;
  py::list out;
  for (const auto& [key, value] : given) {
    const auto name = key.cast<std::string>();
    const auto it = std::find_if(args.begin(), args.end(), [&](const auto& a) { return a.name == name; });
    if (it == args.end()) {
      std::vector<std::string> names;
      for (const auto& a : args) names.push_back(a.name);
      throw Error("runtime.pack", fmt::format("there is no argument {}", name))
          .fact("arguments", fmt::format("{}", fmt::join(names, ", ")))
          .fix("name one of the arguments: f.pack(B=b)");
    }
    const auto i = static_cast<int>(it - args.begin());
    auto view = std::make_unique<ArrayView>(value, name);
    view->expect(it->type);
    const bool packed =
        std::any_of(f.packs().begin(), f.packs().end(), [&](const Pack& p) { return p.arg == i; });
    if (!packed) {  // taken as it is: so the caller need not know
      out.append(std::make_unique<NDArray>(std::move(view)));
      continue;
    }
    std::unique_ptr<NDArray> made;
    {
      const py::gil_scoped_release nogil;
      made = std::make_unique<NDArray>(f.pack(i, *view->dl()).value());
    }
    out.append(std::move(made));
  }
  TC_REQUIRE(!out.empty(), Error("runtime.pack", "pack is given no argument").fix("name it: f.pack(B=b)"));
  if (out.size() == 1) return out[0];
  return py::tuple(out);
}

std::vector<Arg> args_of(const Function& f) {
  std::vector<Arg> out;
  for (const auto& a : f.abi().args) {
    std::vector<Expr> shape = a.extents;
    if (shape.empty())
      for (const int64_t n : a.shape) shape.push_back(ir::int_imm(n));
    out.push_back({a.name, ir::to_string(a.type), std::move(shape), a.is_output});
  }
  return out;
}

}  // namespace

CallArgs::CallArgs(const std::string& function, const codegen::AbiSpec& abi, const py::args& given) {
  if (given.size() != abi.args.size()) {
    throw Error("runtime.arg.count",
                fmt::format("{} takes {} arguments and is given {}", function, abi.args.size(), given.size()))
        .fact("expected", names_of(abi))
        .fix("give every argument in this order, outputs too");
  }
  args_.reserve(given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string name = argument_name(abi, i);
    ArrayView& v = views_.emplace_back(given[i], name);
    v.expect(abi.args[i].type);
    TC_REQUIRE(
        !abi.args[i].is_output || !v.readonly(),
        Error("runtime.arg.readonly", fmt::format("{} is an output, and the array given is read-only", name))
            .fact("argument", name)
            .fix("pass an array that may be written"));
    args_.push_back(v.dl());
  }
}

namespace {

// ---- building

Function build_schedule(const Schedule& schedule, py::handle args, const BuildOptions& options) {
  const std::vector<Tensor> tensors =
      args.is_none() ? args_of(schedule.graph()) : to_tensors(args, "the arguments of a function");
  const Schedule copy = schedule;  // another thread may go on with it
  const py::gil_scoped_release nogil;
  return build(copy, tensors, options).value();
}

Function build_any(py::handle what, py::handle args, py::handle target, py::handle name, py::handle log,
                   py::handle threads, bool cache) {
  BuildOptions options;
  options.target = to_target(target);
  options.name = "kernel";
  if (!name.is_none()) options.name = name.cast<std::string>();
  options.compile.use_cache = cache;
  // for an accelerator tensors need more than loops: blocking, and a schedule
  const bool legalise = options.target.is_accel() && !py::isinstance<Schedule>(what);
  const bool is_workload = PyUnicode_Check(what.ptr()) || py::isinstance<WorkloadHandle>(what);
  if (legalise && !is_workload) {
    const Workload workload = to_workload(args.is_none() ? what : args);
    const autotune::Log records = log.is_none() ? autotune::Log() : to_log(log);
    const py::gil_scoped_release nogil;
    return build(workload, records, 1, options).value();
  }
  if (!is_workload) {
    TC_REQUIRE(log.is_none(), Error("autotune.log.use", "a log is given for a schedule")
                                  .fix("a log chooses the schedule of a workload: tc.build(tc.workload([A, "
                                       "B, C]), log=..., threads=N), N as "
                                       "when it was tuned"));
    if (py::isinstance<Schedule>(what)) return build_schedule(what.cast<const Schedule&>(), args, options);
    const std::vector<Tensor> tensors = to_tensors(what, "what is built");
    std::vector<Tensor> outputs;  // of a list with inputs, which is one of arguments, as for an accelerator
    for (const Tensor& t : tensors)
      if (!t.op().is_placeholder()) outputs.push_back(t);
    const bool arguments = args.is_none() && !outputs.empty() && outputs.size() < tensors.size();
    return build_schedule(Schedule(arguments ? outputs : tensors), arguments ? what : args, options);
  }
  TC_REQUIRE(
      args.is_none(),
      Error("te.args.workload", "a workload has its own arguments").fix("leave out the list of tensors"));
  if (name.is_none()) options.name = "main";  // then it is named after the operator
  const Workload workload = to_workload(what);
  const autotune::Log records = log.is_none() ? autotune::Log() : to_log(log);
  const int n = to_threads(threads);
  const py::gil_scoped_release nogil;
  return build(workload, records, n, options).value();
}

// ---- references

// The shape of `t` where the inputs have these shapes; error te.size.unbound.
std::vector<int64_t> shape_for(const Tensor& t, const std::vector<Tensor>& inputs,
                               const std::vector<ir::TensorView>& views) {
  ir::SizeMap sizes;
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t d = 0; d < views[i].shape.size(); ++d)
      if (const auto* v = inputs[i].shape()[d].as<ir::Var>()) sizes.emplace(v, views[i].shape[d]);
  std::vector<int64_t> out;
  for (const Expr& e : t.shape()) {
    std::vector<VarRef> used;
    ir::collect_sizes(e, used);
    for (const VarRef& v : used)
      TC_REQUIRE(sizes.contains(v.get()),
                 Error("te.size.unbound", fmt::format("no input says what {} is", v->name))
                     .fact("used by", t.name())
                     .fix("give the inputs that have the sizes as extents"));
    const auto n = ir::value_of(e, sizes);
    TC_REQUIRE(n, Error("te.shape.overflow", fmt::format("the extent {} of {} is too large for these inputs",
                                                         ir::to_string(e), t.name()))
                      .fact("tensor", t.name())
                      .fix("give smaller inputs"));
    out.push_back(std::max<int64_t>(*n, 0));
  }
  return out;
}

py::object evaluate(py::handle outputs, const py::dict& inputs) {
  const std::vector<Tensor> wanted = to_tensors(outputs, "the outputs");
  std::vector<Tensor> args;
  std::vector<std::unique_ptr<ArrayView>> keep;
  std::vector<ir::TensorView> views;
  for (const auto& [key, value] : inputs) {
    TC_REQUIRE(py::isinstance<Tensor>(key),
               Error("te.tensors", "the inputs are named by " + a_type(key) + ", not by tensors")
                   .fix("write tc.evaluate(C, {A: a, B: b})"));
    args.push_back(key.cast<Tensor>());
    views.push_back(interpreter_view(args.back(), value, false, keep));
  }
  py::list out;
  const std::vector<Tensor> given = args;
  const std::vector<ir::TensorView> given_views = views;
  for (const Tensor& t : wanted) {
    TC_REQUIRE(!t.op().is_placeholder(),
               Error("te.graph.outputs", fmt::format("the output {} is an input", t.name()))
                   .fix("name what is computed; an input is what it is given as"));
    out.append(numpy_empty(t.dtype(), shape_for(t, given, given_views)));
    args.push_back(t);
    views.push_back(interpreter_view(t, out[out.size() - 1], true, keep));
  }
  Check error;
  {
    const py::gil_scoped_release nogil;
    error = evaluate(args, views);
  }
  throw_if(std::move(error));
  if (!is_sequence(outputs)) return out[0];
  return out;
}

// (tensor or name, index): an element as it is stored.
std::optional<ir::Watch> to_watch(py::handle watch) {
  if (watch.is_none()) return std::nullopt;
  TC_REQUIRE(is_sequence(watch) && py::len(watch) == 2,
             Error("ir.interpret.watch", "watch is a " + type_name(watch) + ", which names no element")
                 .fix("write watch=(\"C\", [3, 4])"));
  const py::object buffer = py::reinterpret_borrow<py::object>(watch)[py::int_(0)],
                   index = py::reinterpret_borrow<py::object>(watch)[py::int_(1)];
  ir::Watch out;
  if (py::isinstance<Tensor>(buffer))
    out.buffer = buffer.cast<Tensor>().name();
  else
    out.buffer = py::str(buffer);
  if (is_sequence(index))
    for (const py::handle i : index) out.index.push_back(to_int(i, "an index"));
  else
    out.index.push_back(to_int(index, "an index"));
  return out;
}

py::object interpret(const Schedule& schedule, py::handle args_list, py::handle arrays, py::handle watched) {
  const std::vector<Tensor> args = to_tensors(args_list, "the arguments");
  const auto given = py::cast<std::vector<py::object>>(arrays);
  TC_REQUIRE(
      given.size() == args.size(),
      Error("runtime.arg.count", fmt::format("there are {} tensors and {} arrays", args.size(), given.size()))
          .fix("give one array a tensor"));
  Lowered lowered = lower(schedule, args).value();
  std::optional<ir::Watch> watch = to_watch(watched);
  // parsed back from its print a function has no name twice where two live at once
  if (watch) lowered.func = ir::parse_func(ir::to_string(lowered.func)).value();
  std::vector<std::unique_ptr<ArrayView>> keep;
  std::vector<ir::TensorView> views;
  for (size_t i = 0; i < args.size(); ++i)
    views.push_back(interpreter_view(args[i], given[i], !args[i].op().is_placeholder(), keep));
  std::deque<HostTensor> packed;
  ir::InterpretOptions options;
  options.detect_races = !schedule.folds_lanes();
  if (watch) options.watch = &*watch;
  Check error;
  {
    const py::gil_scoped_release nogil;
    for (const Pack& p : lowered.packs) {
      const auto i = static_cast<size_t>(p.arg);
      const HostTensor& t = packed.emplace_back(args[i].dtype(), p.shape);
      const ir::TensorView pair[] = {views[i], t.view()};
      if (!error) error = ir::interpret(p.func, pair);
      views[i] = t.view();
    }
    if (!error) error = ir::interpret(lowered.func, views, options);
  }
  throw_if(std::move(error));
  return watch ? py::cast(std::move(watch->writes)) : py::none();
}

std::string line_of(const ir::Write& w) {
  std::vector<std::string> loops;
  for (const auto& [name, value] : w.loops) loops.push_back(fmt::format("{} = {}", name, value));
  return fmt::format("{} by {}{}{}", ir::to_string(w.value), w.statement,
                     w.lane < 0 ? "" : fmt::format(", lane {}", w.lane),
                     loops.empty() ? "" : fmt::format(", at {}", fmt::join(loops, ", ")));
}

void bind_write(py::module_& m) {
  py::class_<ir::Write> c(m, "Write", "One write of a watched element; see tc.interpret.");
  c.def_property_readonly("value", [](const ir::Write& w) -> py::object {
    if (w.value.type.is_float()) return py::float_(w.value.f);
    if (w.value.type.is_bool()) return py::bool_(w.value.i != 0);
    if (w.value.type == kU64) return py::int_(static_cast<uint64_t>(w.value.i));
    return py::int_(w.value.i);
  });
  c.def_readonly("statement", &ir::Write::statement);
  c.def_property_readonly(
      "loops", [](const ir::Write& w) { return w.loops; }, "(name, value) of the loops around it.");
  c.def_property_readonly(
      "lane",
      [](const ir::Write& w) -> py::object { return w.lane < 0 ? py::none() : py::object(py::int_(w.lane)); },
      "Which lane of a vector, or None.");
  c.def("__str__", &line_of).def("__repr__", [](const ir::Write& w) { return "Write(" + line_of(w) + ")"; });
}

void bind_function(py::module_& m) {
  py::class_<Arg> arg(m, "Arg", "An argument of a Function or Bundle.");
  arg.def_readonly("name", &Arg::name)
      .def_readonly("dtype", &Arg::dtype)
      .def_readonly("is_output", &Arg::is_output);
  arg.def_property_readonly("shape", [](const Arg& a) { return from_extents(a.shape); });
  arg.def("__repr__", [](const Arg& a) {
    return fmt::format("Arg({}: {}{}{})", a.name, a.dtype, to_string(Shape(a.shape)),
                       a.is_output ? ", output" : "");
  });

  py::class_<Function> c(m, "Function",
                         "A compiled computation. f(a, b, c) runs it on arrays, in the order given to build; "
                         "outputs are written in place.");
  c.def("__call__", &call,
        "Runs on NumPy arrays, or anything with __dlpack__, the buffer protocol or __array_interface__, "
        "without copies. Other threads run meanwhile.");
  c.def_property_readonly("name", &Function::name);
  c.def_property_readonly("args", [](const Function& f) { return args_of(f); });
  c.def_property_readonly(
      "packed_args",
      [](const Function& f) {
        std::vector<std::string> out;
        for (const Pack& p : f.packs()) out.push_back(f.abi().args[static_cast<size_t>(p.arg)].name);
        return out;
      },
      "The names of the arguments that run faster when they come from pack.");
  c.def("pack", &pack,
        "pack(B=b): the argument in the layout that the schedule wants, to be passed instead of b, again and "
        "again.\n"
        "An argument that is not packed comes back as it is. Several give a tuple.");
  c.def(
      "ir", [](const Function& f, const std::string& form) { return f.ir(form); }, py::arg("form") = "nested",
      "The program as text: \"te\", \"nested\", \"target\" (what code is made of), or after the pass of "
      "this name. For an accelerator also \"segments\": what runs on the device and on the host.");
  c.def("llvm", &Function::llvm, "LLVM's IR; for an accelerator that of what stays on the host.",
        py::call_guard<py::gil_scoped_release>());
  c.def("asm", &Function::assembly, "The machine code as assembly; for an accelerator its programs.",
        py::call_guard<py::gil_scoped_release>());
  c.def_property_readonly("target", &Function::target);
  c.def("explain", &Function::explain,
        "Of a workload: which schedule this is (tuned, nearest or default) and why; empty of a schedule that "
        "was given.");
  c.def("schedule", &Function::schedule_text, "The steps that it was built from, as text.");
  c.def(
      "export",
      [](const Function& f, py::handle path, std::optional<bool> object, std::optional<bool> header,
         std::optional<bool> shared, bool llvm, bool assembly) {
        const std::string at = to_path(path);
        const bool cpu = !f.target().is_accel();
        Check error;
        {
          const py::gil_scoped_release nogil;
          error = f.export_to(
              at, {object.value_or(true), header.value_or(cpu), shared.value_or(true), llvm, assembly});
        }
        throw_if(std::move(error));
      },
      py::arg("path"), py::kw_only(), py::arg("object") = py::none(), py::arg("header") = py::none(),
      py::arg("shared") = py::none(), py::arg("llvm") = false, py::arg("assembly") = false,
      "export(\"dir/matmul\"): writes dir/matmul.o, dir/matmul.h and dir/libmatmul.so, which need only tc's "
      "runtime; for an accelerator no header, but dir/matmul.NAME.prog for each program, and "
      "dir/matmul.bundle, "
      "which tc.load and C++'s tc::accel::Bundle run.");
  c.def("__repr__", [](const Function& f) {
    std::vector<std::string> names;
    for (const auto& a : f.abi().args) names.push_back(a.name);
    return fmt::format("Function({}({}))", f.name(), fmt::join(names, ", "));
  });
}

}  // namespace

void bind_functions(py::module_& m) {
  bind_function(m);
  using codegen::Target;
  py::class_<Target> t(m, "Target",
                       "Target(\"cpu\"): this machine; Target(\"cpu -mcpu=znver3\"): another processor.\n"
                       "Target(\"accel\", config): an accelerator simulated beside this machine; config is a "
                       "file with JSON (tc's or VTA's), a dict, or a name: vta, vta-1x32x32, vta-4x16x16.");
  t.def(py::init([](std::string text, py::handle config) {
          if (!config.is_none()) {
            TC_REQUIRE(text == "accel", Error("codegen.target", fmt::format("{} takes no config", text))
                                            .fix("Target(\"accel\", config)"));
            text += ":" + machine_text(config);
          }
          return Target::parse(text).value();
        }),
        py::arg("text") = "cpu", py::arg("config") = py::none());
  t.def_readonly("kind", &Target::kind)
      .def_readonly("triple", &Target::triple)
      .def_readonly("cpu", &Target::cpu);
  t.def_readonly("isa", &Target::isa).def_readonly("vector_bits", &Target::vector_bits);
  t.def_property_readonly(
      "machine",
      [](const Target& x) -> py::object {
        if (!x.is_accel()) return py::none();
        return machine_dict(x.machine());
      },
      "The sizes of an accelerator as a dict; None of a CPU.");
  t.def("__str__", &Target::text).def("__repr__", [](const Target& x) {
    return "Target(\"" + x.text() + "\")";
  });
  t.def("__eq__",
        [](const Target& a, py::handle b) { return py::isinstance<Target>(b) && a == b.cast<Target>(); });
  t.def("__hash__", [](const Target& x) { return py::hash(py::str(x.text())); });

  m.def("build", &build_any, py::arg("what"), py::arg("args") = py::none(), py::arg("target") = "cpu",
        py::arg("name") = py::none(), py::arg("log") = py::none(), py::arg("threads") = py::none(),
        py::kw_only(), py::arg("cache") = true,
        "build(schedule, [A, B, C], target=\"cpu\", name=...) -> Function of these tensors, in this order.\n"
        "build(workload, log=\"tuned.jsonl\") -> Function with the best schedule that the log has; "
        "f.explain() says which.\n"
        "build(C) or build([A, B, C]): the outputs, or all arguments, without a schedule.\n"
        "build(C, target=tc.Target(\"accel\")): for an accelerator the computation is blocked into its tiles "
        "first, and scheduled; a schedule that is given runs as it is.");
  m.def("evaluate", &evaluate, py::arg("outputs"), py::arg("inputs"),
        "evaluate(C, {A: a, B: b}) -> numpy.ndarray, or a list for a list of outputs: what the expressions "
        "mean, computed\n"
        "element by element. Slow; bf16 is uint16.");
  bind_write(m);
  m.def("interpret", &interpret, py::arg("schedule"), py::arg("args"), py::arg("arrays"),
        py::arg("watch") = py::none(),
        "interpret(s, [A, B, C], [a, b, c]): runs the scheduled loops in the checking interpreter, writing "
        "c. Slow. watch=(\"C\", [3, 4]): gives the writes of that element, in order, as it is stored.");
  m.def(
      "set_num_threads",
      [](py::handle n) { tc_set_num_threads(static_cast<int32_t>(to_int(n, "the number of threads"))); },
      py::arg("n"), "Threads that parallel loops use, at most the CPUs of this process; 0 for the default.");
  m.def("num_threads", &tc_num_threads, "Threads that parallel loops use.");
}

}  // namespace tc::python
