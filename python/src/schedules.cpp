// tc.Schedule: the C++ class, with axes and stages named in any way that is clear.
#include <fmt/format.h>

#include "convert.h"
#include "tc/schedule/schedule.h"
#include "tc/schedule/show.h"

namespace tc::python {
namespace {

using SchedulePtr = std::shared_ptr<Schedule>;

// s[C]: the stage of a schedule that it keeps alive.
struct StageHandle {
  SchedulePtr schedule;
  std::string name;
  [[nodiscard]] Stage get() const { return (*schedule)[name]; }
};

std::string stage_name(Schedule& s, py::handle key) {
  if (py::isinstance<StageHandle>(key)) return s[key.cast<StageHandle>().name].name();
  if (py::isinstance<Tensor>(key)) return s[key.cast<Tensor>()].name();
  TC_REQUIRE(PyUnicode_Check(key.ptr()), Error("schedule.stage.unknown", a_type(key) + " names no stage")
                                             .fact("stages", fmt::format("{}", fmt::join(s.stages(), ", ")))
                                             .fix("name it by its tensor, s[C], or by its name, s[\"C\"]"));
  return s[key.cast<std::string>()].name();
}

Axis axis_of(const StageHandle& stage, py::handle v) {
  if (py::isinstance<Axis>(v)) return v.cast<Axis>();
  if (py::isinstance<ReduceAxis>(v)) return stage.get().axis(v.cast<ReduceAxis>());
  TC_REQUIRE(PyUnicode_Check(v.ptr()), Error("schedule.axis.type", a_type(v) + " is no axis of " + stage.name)
                                           .fact("stage", stage.name)
                                           .fix("name one of s[C].axes, what a step returned, or its name"));
  return stage.get().axis(v.cast<std::string>());
}

std::vector<Axis> axes_of(const StageHandle& stage, const py::args& args) {
  std::vector<Axis> out;
  for (const py::handle v : args) {
    if (is_sequence(v))
      for (const py::handle w : py::reinterpret_borrow<py::object>(v)) out.push_back(axis_of(stage, w));
    else
      out.push_back(axis_of(stage, v));
  }
  return out;
}

py::tuple to_tuple(const std::vector<Axis>& axes) { return py::tuple(py::cast(axes)); }

py::tuple split(const StageHandle& s, py::handle axis, py::handle factor, py::handle parts) {
  TC_REQUIRE(factor.is_none() != parts.is_none(),
             Error("schedule.split.number", "split takes a factor or a number of parts")
                 .fact("stage", s.name)
                 .fix("write split(y, 8) for pieces of 8, or split(y, parts=4)"));
  const Axis a = axis_of(s, axis);
  const auto made = factor.is_none() ? s.get().split_parts(a, to_int(parts, "parts"))
                                     : s.get().split(a, to_int(factor, "the factor"));
  return py::make_tuple(made[0], made[1]);
}

py::tuple tile(const StageHandle& s, const py::args& args) {
  TC_REQUIRE(args.size() % 2 == 0 && !args.empty(),
             Error("schedule.tile.count", fmt::format("tile is given {} arguments", args.size()))
                 .fact("stage", s.name)
                 .fix("give the axes and then one factor an axis: tile(y, x, 8, 16)"));
  const size_t n = args.size() / 2;
  std::vector<Axis> axes;
  std::vector<int64_t> factors;
  for (size_t i = 0; i < n; ++i)
    axes.push_back(axis_of(s, args[i])), factors.push_back(to_int(args[n + i], "a factor"));
  return to_tuple(s.get().tile(axes, factors));
}

std::vector<std::string> dims_of(const py::args& args) {
  std::vector<std::string> out;
  for (const py::handle v : args) {
    if (is_sequence(v))
      for (const py::handle w : py::reinterpret_borrow<py::object>(v)) out.push_back(py::str(w));
    else
      out.push_back(py::isinstance<Axis>(v) ? v.cast<Axis>().name : std::string(py::str(v)));
  }
  return out;
}

// Through a Step, since its scope is text that the schedule checks.
StageHandle cache(const SchedulePtr& s, StepKind kind, py::handle key, std::string scope,
                  py::handle readers) {
  Step step{.kind = kind, .stage = stage_name(*s, key), .scope = std::move(scope)};
  if (is_sequence(readers))
    for (const py::handle r : py::reinterpret_borrow<py::object>(readers))
      step.names.push_back(stage_name(*s, r));
  else if (!readers.is_none())
    step.names.push_back(stage_name(*s, readers));
  throw_if(s->apply(step));
  return {s, s->steps().back().into[0]};
}

void bind_stage(py::module_& m) {
  using H = StageHandle;
  py::class_<Axis> axis(m, "Axis", "A loop of a stage.");
  axis.def_readonly("stage", &Axis::stage).def_readonly("name", &Axis::name);
  axis.def("__eq__",
           [](const Axis& a, py::handle b) { return py::isinstance<Axis>(b) && a == b.cast<Axis>(); });
  axis.def("__hash__", [](const Axis& a) { return py::hash(py::make_tuple(a.stage, a.name)); });
  axis.def("__repr__", [](const Axis& a) { return fmt::format("Axis({} of {})", a.name, a.stage); });

  py::class_<Step> step(m, "Step", "One step of a schedule. str() is its text, which Schedule.apply reads.");
  step.def_property_readonly("kind", [](const Step& s) { return std::string(to_string(s.kind)); });
  step.def_readonly("stage", &Step::stage)
      .def_readonly("axes", &Step::axes)
      .def_readonly("into", &Step::into);
  step.def_property_readonly("text", &Step::text);
  step.def("__str__", &Step::text).def("__repr__", [](const Step& s) { return "Step(" + s.text() + ")"; });
  step.def("__eq__",
           [](const Step& a, py::handle b) { return py::isinstance<Step>(b) && a == b.cast<Step>(); });
  step.def("__hash__", [](const Step& s) { return py::hash(py::str(s.text())); });

  py::class_<H> c(m, "Stage", "One stage of a schedule, s[C]. Steps that make no axes return the stage.");
  c.def_readonly("name", &H::name);
  c.def_property_readonly(
      "axes", [](const H& s) { return to_tuple(s.get().axes()); },
      "The axes of the tensor, one per dimension.");
  c.def_property_readonly(
      "reduce_axes", [](const H& s) { return to_tuple(s.get().reduce_axes()); }, "The axes it reduces over.");
  c.def_property_readonly(
      "leaf_axes", [](const H& s) { return to_tuple(s.get().leaf_axes()); },
      "The loops as they stand, outermost first.");
  c.def(
      "axis", [](const H& s, const std::string& name) { return s.get().axis(name); }, py::arg("name"),
      "The axis of this name.");
  c.def("split", &split, py::arg("axis"), py::arg("factor") = py::none(), py::arg("parts") = py::none(),
        "split(axis, factor) or split(axis, parts=n) -> (outer, inner). A rest becomes a loop of its own. "
        "A size, which only the call tells, is split by 2**24 at most.");
  c.def("tile", &tile,
        "tile(y, x, ..., 8, 16, ...) -> (yo, xo, ..., yi, xi, ...): axes, then a factor for each.");
  c.def(
      "fuse", [](const H& s, const py::args& a) { return s.get().fuse(axes_of(s, a)); },
      "fuse(y, x, ...) -> axis: one loop of adjacent ones.");
  c.def(
      "reorder",
      [](const H& s, const py::args& a) {
        s.get().reorder(axes_of(s, a));
        return s;
      },
      "reorder(yo, xo, k, ...): these loops in this order, outermost first.");
  c.def(
      "vectorize",
      [](const H& s, py::handle a, bool r) {
        s.get().vectorize(axis_of(s, a), r);
        return s;
      },
      py::arg("axis"), py::arg("reassociate") = false,
      "vectorize(axis): the loop runs in vectors. A reduction of floats needs reassociate=True, for its sums "
      "change order.");
  c.def(
      "unroll",
      [](const H& s, py::handle a) {
        s.get().unroll(axis_of(s, a));
        return s;
      },
      py::arg("axis"), "unroll(axis): the body is repeated.");
  c.def(
      "parallel",
      [](const H& s, py::handle a) {
        s.get().parallel(axis_of(s, a));
        return s;
      },
      py::arg("axis"), "parallel(axis): iterations run on all threads.");
  c.def(
      "vthread",
      [](const H& s, py::handle a) {
        s.get().vthread(axis_of(s, a));
        return s;
      },
      py::arg("axis"),
      "vthread(axis): iterations become virtual threads, whose statements take turns: one works while "
      "another waits. Each has what is computed inside in storage of its own.");
  c.def(
      "double_buffer",
      [](const H& s) {
        s.get().double_buffer();
        return s;
      },
      "double_buffer(): kept in two places that take turns from one iteration of the loop where it is "
      "computed to the next. A CPU uses one place.");
  c.def(
      "rolling_buffer",
      [](const H& s) {
        s.get().rolling_buffer();
        return s;
      },
      "rolling_buffer(): kept as a ring outside the loop where it is computed; iterations after the first "
      "compute only what is new in their window.");
  c.def(
      "storage_align",
      [](const H& s, const std::string& dim, int64_t factor, int64_t offset) {
        s.get().storage_align(dim, factor, offset);
        return s;
      },
      py::arg("dim"), py::arg("factor"), py::arg("offset") = 0,
      "storage_align(\"y\", 16, 1): pads the storage so that neighbours along y are k * 16 + 1 elements "
      "apart.");
  c.def(
      "prefetch",
      [](const H& s, py::handle tensor, py::handle a, int64_t distance) {
        s.get().prefetch(stage_name(*s.schedule, tensor), axis_of(s, a), distance);
        return s;
      },
      py::arg("tensor"), py::arg("axis"), py::arg("distance") = 1,
      "prefetch(B, axis, distance): each iteration of the loop asks for what this stage reads of B that "
      "many iterations later.");
  c.def(
      "compute_at",
      [](const H& s, py::handle consumer, py::handle a) {
        const H other{s.schedule, stage_name(*s.schedule, consumer)};
        s.get().compute_at(other.get(), axis_of(other, a));
        return s;
      },
      py::arg("consumer"), py::arg("axis"),
      "compute_at(s[D], axis): computed inside that loop of D, as much as an iteration needs.");
  c.def(
      "reverse_compute_at",
      [](const H& s, py::handle producer, py::handle a) {
        const H other{s.schedule, stage_name(*s.schedule, producer)};
        s.get().reverse_compute_at(other.get(), axis_of(other, a));
        return s;
      },
      py::arg("producer"), py::arg("axis"),
      "reverse_compute_at(s[C], axis): takes over the loops of C from the outermost to axis, and computes C "
      "inside them.");
  c.def(
      "rfactor",
      [](const H& s, py::handle a, int64_t position, bool reassociate) {
        return H{s.schedule, s.get().rfactor(axis_of(s, a), position, reassociate).name()};
      },
      py::arg("axis"), py::arg("position") = 0, py::arg("reassociate") = false,
      "rfactor(axis, position) -> stage: a new stage computes one partial result per value of the reduce "
      "loop, in dimension `position`; this one folds them. Floats need reassociate=True, for their sums "
      "change order.");
  c.def(
      "tensorize",
      [](const H& s, py::handle a, const std::string& intrinsic, bool reassociate) {
        s.get().tensorize(axis_of(s, a), intrinsic, reassociate);
        return s;
      },
      py::arg("axis"), py::arg("intrinsic"), py::arg("reassociate") = false,
      "tensorize(axis, \"gemm_f32_6x16x1\"): an intrinsic in the place of the loops from axis inward. Built "
      "in: "
      "dot_TYPE_TYPE_NxG, gemm_TYPE_MxNxK; others by Schedule.declare.");
  c.def(
      "compute_root",
      [](const H& s) {
        s.get().compute_root();
        return s;
      },
      "compute_root(): computed as a whole, before its readers.");
  c.def(
      "compute_inline", [](const H& s) { s.get().compute_inline(); },
      "compute_inline(): its expression replaces every read; the stage is gone.");
  c.def(
      "set_scope",
      [](const H& s, std::string scope) {
        throw_if(
            s.schedule->apply(Step{.kind = StepKind::set_scope, .stage = s.name, .scope = std::move(scope)}));
        return s;
      },
      py::arg("scope"), "set_scope(\"stack\"): where the stage is kept, global or stack.");
  c.def(
      "layout",
      [](const H& s, const py::args& dims) {
        s.get().layout(dims_of(dims));
        return s;
      },
      "layout(\"x/16\", \"y\", \"x%16\"): the dimensions that the stage is stored with. Of an input: what "
      "the function expects; see Function.pack.");
  c.def(
      "init_at",
      [](const H& s, py::handle a) {
        s.get().init_at(axis_of(s, a));
        return s;
      },
      py::arg("axis"), "init_at(axis): where the reduction is initialised.");
  c.def("steps", [](const H& s) { return s.get().steps(); }, "The steps applied to this stage, in order.");
  c.def("__repr__", [](const H& s) {
    std::vector<std::string> loops;
    for (const Axis& a : s.get().leaf_axes()) loops.push_back(a.name);
    return fmt::format("Stage({}: {})", s.name, fmt::join(loops, ", "));
  });
}

}  // namespace

void bind_schedules(py::module_& m) {
  bind_stage(m);
  py::class_<Intrinsic> i(
      m, "Intrinsic",
      "Intrinsic(name, body, update): what tensorize puts in the place of loops. The body, in te form, "
      "is what it means; update, in nested form, is how it is computed.");
  i.def(py::init([](std::string name, const std::string& body, const std::string& update,
                    const std::string& init, std::vector<std::vector<int64_t>> strides) {
          return make_intrinsic(std::move(name), body, update, init, std::move(strides)).value();
        }),
        py::arg("name"), py::arg("body"), py::arg("update"), py::arg("init") = "",
        py::arg("strides") = std::vector<std::vector<int64_t>>{});
  i.def_readonly("name", &Intrinsic::name);
  i.def("__repr__", [](const Intrinsic& x) { return "Intrinsic(" + x.name + ")"; });
  py::class_<Schedule, SchedulePtr> c(
      m, "Schedule",
      "Schedule(C) or Schedule([C, D]): how a computation runs, a list of checked steps. s[C] is a stage.");
  c.def(py::init([](py::handle outputs) {
          return std::make_shared<Schedule>(to_tensors(outputs, "the outputs of a schedule"));
        }),
        py::arg("outputs"));
  c.def(
      "__getitem__", [](const SchedulePtr& s, py::handle key) { return StageHandle{s, stage_name(*s, key)}; },
      "The stage of a tensor, or of this name.");
  c.def_property_readonly("stages", &Schedule::stages, "The names of the stages, producers first.");
  c.def_property_readonly("inputs", [](const Schedule& s) { return s.graph().inputs; });
  c.def_property_readonly("outputs", [](const Schedule& s) { return s.graph().outputs; });
  c.def(
      "cache_read",
      [](const SchedulePtr& s, py::handle t, std::string scope, py::handle readers) {
        return cache(s, StepKind::cache_read, t, std::move(scope), readers);
      },
      py::arg("tensor"), py::arg("scope") = "global", py::arg("readers") = py::none(),
      "cache_read(A, \"global\", [C]) -> stage: a copy of A that these stages (all readers, if none) read "
      "instead.");
  c.def(
      "cache_write",
      [](const SchedulePtr& s, py::handle t, std::string scope) {
        return cache(s, StepKind::cache_write, t, std::move(scope), py::none());
      },
      py::arg("tensor"), py::arg("scope") = "stack",
      "cache_write(C, \"stack\") -> stage: C is computed into a new buffer and copied from it. The "
      "new stage has the loops as they stand.");
  c.def("declare", &Schedule::declare, py::arg("intrinsic"),
        "Makes an intrinsic known to tensorize, by its name.");
  c.def_property_readonly("steps", [](const Schedule& s) { return s.steps(); }, "All steps, in order.");
  c.def("text", &Schedule::text, "The steps as text, one a line; apply(text) replays them.");
  c.def(
      "loops",
      [](const Schedule& s, bool costs, py::handle sizes) { return s.loops(costs, to_size_values(sizes)); },
      py::arg("costs") = true, py::arg("sizes") = py::dict(),
      "The loop nests as they stand, with trip counts; beside each loop what one run of it computes, and "
      "touches of every buffer (unless costs=False), for sizes={n: 64}; else for 1, or the least value.");
  c.def(
      "html",
      [](const Schedule& s, bool steps, bool page, const std::string& title, py::handle sizes) {
        return to_html(s, {steps, page, title, to_size_values(sizes)});
      },
      py::arg("steps") = true, py::arg("page") = true, py::arg("title") = "", py::arg("sizes") = py::dict(),
      "A self-contained page: the loops coloured by kind, costs where the pointer rests (for sizes={n: 64}), "
      "and every step with the loops before and after it. page=False: a fragment with the loops as they "
      "stand.");
  c.def(
      "apply",
      [](Schedule& s, py::handle steps) {
        if (PyUnicode_Check(steps.ptr()))
          return throw_if(s.apply(parse_steps(steps.cast<std::string>()).value()));
        if (py::isinstance<Step>(steps)) return throw_if(s.apply(steps.cast<Step>()));
        TC_REQUIRE(is_sequence(steps), Error("schedule.parse", a_type(steps) + " is no step")
                                           .fix("give text, one step a line, or what s.steps has"));
        for (const py::handle step : steps) {
          TC_REQUIRE(py::isinstance<Step>(step), Error("schedule.parse", a_type(step) + " is no step")
                                                     .fix("give text, one step a line, or what s.steps has"));
          throw_if(s.apply(step.cast<Step>()));
        }
      },
      py::arg("steps"),
      "apply(text) or apply(steps): applies each; an illegal one raises, those before it stay applied.");
  c.def(
      "copy", [](const Schedule& s) { return std::make_shared<Schedule>(s); },
      "A schedule with the same steps, to go on with separately.");
  c.def("__copy__", [](const Schedule& s) { return std::make_shared<Schedule>(s); });
  c.def("__str__", &Schedule::text);
  c.def("__repr__", [](const Schedule& s) {
    return fmt::format("Schedule({}; {} steps)", fmt::join(s.stages(), ", "), s.steps().size());
  });
  c.def("_repr_html_", [](const Schedule& s) { return to_html(s, {false, false, ""}); });
}

}  // namespace tc::python
