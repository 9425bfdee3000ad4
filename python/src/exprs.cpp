// Expressions and tensors: operators, compute, reductions.
#include <fmt/format.h>

#include "convert.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/written_size.h"
#include "tc/te/extern.h"
#include "tc/te/graph.h"
#include "tc/te/reducer.h"
#include "tc/te/scan.h"

namespace tc::python {
namespace {

using ir::BinaryOp;

// ---- operators

using Make = Expr (*)(const Expr&, const Expr&);

Expr true_div(const Expr& a, const Expr& b) {
  TC_REQUIRE(a->type.is_float(),
             Error("te.div", "/ of two " + ir::to_string(a->type) + " values")
                 .fix("use // for division that rounds down, or cast to a float: tc.cast(\"f32\", x)"));
  return a / b;
}
Expr floor_div(const Expr& a, const Expr& b) { return a->type.is_float() ? tc::floor(a / b) : a / b; }
Expr and_(const Expr& a, const Expr& b) {
  return ir::binary(a->type.is_bool() ? BinaryOp::and_ : BinaryOp::bit_and, a, b);
}
Expr or_(const Expr& a, const Expr& b) {
  return ir::binary(a->type.is_bool() ? BinaryOp::or_ : BinaryOp::bit_or, a, b);
}
template <BinaryOp op>
Expr make(const Expr& a, const Expr& b) {
  return ir::binary(op, a, b);
}

// Both `a op b` and, where a is a number, `b.__rop__(a)`.
template <class C>
void def_operator(C& c, const char* name, const char* reflected, Make f) {
  c.def(name, [f](py::handle a, py::handle b) {
    const auto [x, y] = to_pair(a, b);
    return f(x, y);
  });
  if (reflected)
    c.def(reflected, [f](py::handle b, py::handle a) {
      const auto [x, y] = to_pair(a, b);
      return f(x, y);
    });
}

[[noreturn]] void refuse_bool(const Expr& e) {
  throw Error("te.bool",
              "the expression " + ir::to_string(e) + " has no truth value while the program is being written")
      .fix(
          "use tc.select(condition, a, b) for if, or tc.if_then_else where the condition guards an access; "
          "& and | and ~ for and, or, not; tc.max(a, b) and tc.min(a, b) for max and min; and two "
          "comparisons for "
          "a < b < c");
}

template <class C>
void def_operators(C& c) {
  def_operator(c, "__add__", "__radd__", make<BinaryOp::add>);
  def_operator(c, "__sub__", "__rsub__", make<BinaryOp::sub>);
  def_operator(c, "__mul__", "__rmul__", make<BinaryOp::mul>);
  def_operator(c, "__truediv__", "__rtruediv__", true_div);
  def_operator(c, "__floordiv__", "__rfloordiv__", floor_div);
  def_operator(c, "__mod__", "__rmod__", make<BinaryOp::mod>);
  def_operator(c, "__and__", "__rand__", and_);
  def_operator(c, "__or__", "__ror__", or_);
  def_operator(c, "__xor__", "__rxor__", make<BinaryOp::bit_xor>);
  def_operator(c, "__lshift__", "__rlshift__", make<BinaryOp::shl>);
  def_operator(c, "__rshift__", "__rrshift__", make<BinaryOp::shr>);
  def_operator(c, "__lt__", nullptr, make<BinaryOp::lt>);
  def_operator(c, "__le__", nullptr, make<BinaryOp::le>);
  def_operator(c, "__gt__", nullptr, make<BinaryOp::gt>);
  def_operator(c, "__ge__", nullptr, make<BinaryOp::ge>);
  def_operator(c, "__eq__", nullptr, make<BinaryOp::eq>);
  def_operator(c, "__ne__", nullptr, make<BinaryOp::ne>);
  def_operator(c, "__pow__", "__rpow__", [](const Expr& a, const Expr& b) { return tc::pow(a, b); });
  c.def("__neg__", [](py::handle a) { return -to_expr(a); });
  c.def("__pos__", [](py::handle a) { return to_expr(a); });
  c.def("__abs__", [](py::handle a) { return tc::abs(to_expr(a)); });
  c.def("__invert__", [](py::handle a) {
    const Expr e = to_expr(a);
    if (e->type.is_bool()) return ir::logical_not(e);
    return ir::binary(BinaryOp::bit_xor, e, ir::int_imm(-1, e->type));
  });
  c.def("__bool__", [](py::handle a) -> bool { refuse_bool(to_expr(a)); });
  c.def("__hash__", [](py::handle a) { return reinterpret_cast<uintptr_t>(to_expr(a).get()) >> 4; });
}

// ---- compute

// Names for the axes: those of the body's parameters, as far as it has any.
std::vector<std::string> parameter_names(const py::function& body, size_t dims, const std::string& stage) {
  if (!py::hasattr(body, "__code__")) return {};
  const py::object code = body.attr("__code__");
  auto count = code.attr("co_argcount").cast<size_t>();
  const size_t skipped = py::hasattr(body, "__self__") ? 1 : 0;  // of a bound method
  count -= std::min(count, skipped);
  const bool rest = code.attr("co_flags").cast<int>() & 0x4;  // *args
  const py::object defaults = py::getattr(body, "__defaults__", py::none());
  const size_t optional = defaults.is_none() ? 0 : py::len(defaults);
  if (dims + optional < count || (dims > count && !rest)) detail::wrong_axis_count(stage, dims, count);
  std::vector<std::string> names;
  if (dims <= count)
    for (size_t i = 0; i < dims; ++i)
      names.push_back(code.attr("co_varnames").attr("__getitem__")(i + skipped).cast<std::string>());
  return names;
}

std::string default_axis_name(size_t i, size_t n) {
  if (n == 1) return "i";
  if (n == 2) return i ? "x" : "y";
  return i < 8 ? std::string(1, "ijklmnop"[i]) : fmt::format("i{}", i);
}

std::vector<std::string> output_names(py::handle name, size_t count) {
  std::vector<std::string> out;
  if (is_sequence(name)) {
    for (const py::handle one : py::reinterpret_borrow<py::object>(name)) out.push_back(to_name(one));
    return out;
  }
  const std::string stem = to_name(name);
  for (size_t i = 0; i < count; ++i) out.push_back(count == 1 ? stem : fmt::format("{}_{}", stem, i));
  return out;
}

py::object compute(py::handle shape_arg, const py::function& body, py::handle name) {
  const Shape shape = to_extents(shape_arg);
  const std::string stage = is_sequence(name) && py::len(name) ? py::str(*py::iter(name)).cast<std::string>()
                                                               : py::str(name).cast<std::string>();
  std::vector<std::string> names = parameter_names(body, shape.size(), stage);
  if (names.empty())
    for (size_t i = 0; i < shape.size(); ++i) names.push_back(default_axis_name(i, shape.size()));
  std::vector<VarRef> axes;
  py::tuple params(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) {
    axes.push_back(ir::var(names[i]));
    params[i] = py::cast(Expr(axes.back()));
  }
  const py::object result = body(*params);
  std::vector<Expr> values;
  if (result.is_none())
    throw Error("te.expr", "the body of " + stage + " returns None")
        .fact("stage", stage)
        .fix("return the value of one element");
  const bool several = is_sequence(result);
  if (several)
    for (const py::handle v : result) values.push_back(to_expr(v));
  else
    values.push_back(to_expr(result));
  // the body has been run on axes of ours, since only now the outputs can be counted
  const std::vector<std::string> outputs = output_names(name, values.size());
  for (size_t i = 0; i < values.size(); ++i) ir::require_written_size(values[i], outputs[i]);
  std::vector<Tensor> out = compute_many(
      shape,
      [&](const Axes& real) {
        ir::VarMap map;
        for (size_t i = 0; i < axes.size(); ++i) map[axes[i]] = real[i];
        std::vector<Expr> mapped;
        for (const Expr& v : values) mapped.push_back(ir::substitute(v, map));
        return mapped;
      },
      outputs, names);
  if (!several) return py::cast(out[0]);
  return py::tuple(py::cast(out));
}

// ---- reductions

py::tuple to_tuple(const std::vector<Expr>& es) { return py::tuple(py::cast(es)); }

std::vector<Expr> exprs_of(py::handle values) {
  std::vector<Expr> out;
  for (const py::handle v : py::reinterpret_borrow<py::object>(values)) out.push_back(to_expr(v));
  return out;
}

// A reducer from a Python function: of two tuples, or where `identity` is no
// sequence, of two values.
ir::CombinerRef reducer_of(const py::function& f, const std::vector<DType>& types, py::handle identity,
                           py::handle where, const std::string& name) {
  const bool several = is_sequence(identity);
  std::vector<Expr> like;
  for (const DType t : types) like.push_back(ir::const_of(t, 0));
  const auto take = [&](py::handle values, const char* code, const char* what, const char* fix) {
    if (!several) return State{to_expr(values, &like[0])};
    TC_REQUIRE(
        is_sequence(values) && py::len(values) == types.size(),
        Error(code, fmt::format("{} combines {} values and needs as many {}", name, types.size(), what))
            .fix(fix));
    State out;
    for (const py::handle v : py::reinterpret_borrow<py::object>(values))
      out.push_back(to_expr(v, &like[out.size()]));
    return out;
  };
  const auto give = [&](const State& s) -> py::object {
    return several ? py::object(to_tuple(s)) : py::cast(s[0]);
  };
  TC_REQUIRE(
      (several || types.size() == 1) && !identity.is_none(),
      Error("te.reduce.identity",
            fmt::format("{} combines {} values and needs as many identity elements", name, types.size()))
          .fix("give identity=(...), what an empty reduction has"));
  Where condition;
  if (!where.is_none())
    condition = [&](const State& s) { return to_expr(py::reinterpret_borrow<py::function>(where)(give(s))); };
  return reducer(
      name, types,
      [&](const State& a, const State& b) {
        return take(f(give(a), give(b)), "te.reduce.combine", "results",
                    "take two tuples and return one of the same length");
      },
      take(identity, "te.reduce.identity", "identity elements",
           "give identity=(...), what an empty reduction has"),
      condition);
}

ir::CombinerRef named_combiner(const std::string& word, const std::vector<Expr>& source) {
  const size_t count = word == "mean_variance" ? 3 : 2;
  const bool known = word == "argmax" || word == "argmin" || word == "softmax" || word == "mean_variance";
  TC_REQUIRE(
      known && source.size() == count,
      Error("te.reduce.combine", fmt::format("there is no reducer \"{}\" of {} values", word, source.size()))
          .fix("\"argmax\" and \"argmin\" combine (value, index), \"softmax\" (x, 1), "
               "\"mean_variance\" (1, x, 0)"));
  const auto is_axis = [](const Expr& e) {
    const auto* c = e.as<ir::Cast>();
    return (c ? c->value : e).as<ir::Var>() != nullptr;
  };
  TC_REQUIRE(!word.starts_with("arg") || !is_axis(source[0]) || is_axis(source[1]),
             Error("te.reduce.combine",
                   fmt::format("{} combines (value, index), and the index is given first", word))
                 .fix("give the value first: (A[k], k)"));
  if (word == "softmax") return softmax_combiner(source[0]->type);
  if (word == "mean_variance") return mean_variance_combiner(source[0]->type);
  return word == "argmax" ? argmax_combiner(source[0]->type, source[1]->type)
                          : argmin_combiner(source[0]->type, source[1]->type);
}

py::tuple reduce_tuple(const py::object& combine, py::handle values, py::handle axis, py::handle identity,
                       const std::string& name, py::handle where) {
  const std::vector<Expr> source = exprs_of(values);
  std::vector<DType> types;
  for (const Expr& e : source) types.push_back(e->type);
  const ir::CombinerRef c = PyUnicode_Check(combine.ptr())
                                ? named_combiner(combine.cast<std::string>(), source)
                                : reducer_of(combine, types, identity, where, name);
  return to_tuple(tc::reduce_tuple(c, source, to_reduce_axes(axis)));
}

// What comm_reducer gives.
struct Reducer {
  ir::CombinerRef combiner;
  bool several;
};
Reducer comm_reducer(const py::function& combine, py::handle identity, py::handle dtype, py::handle where,
                     const std::string& name) {
  const bool several = is_sequence(identity);
  const size_t count = several ? py::len(identity) : 1;
  std::vector<DType> types;
  if (is_sequence(dtype))
    for (const py::handle t : py::reinterpret_borrow<py::object>(dtype)) types.push_back(to_dtype(t));
  else
    types.assign(count, to_dtype(dtype));
  return {reducer_of(combine, types, identity, where, name), several};
}
py::object apply_reducer(const Reducer& r, py::handle values, py::handle axis) {
  std::vector<Expr> source;
  const auto& results = r.combiner->results;
  if (r.several) {
    TC_REQUIRE(
        is_sequence(values) && py::len(values) == results.size(),
        Error("te.reduce.combine", fmt::format("{} combines {} values", r.combiner->name, results.size()))
            .fix("give a tuple of as many values"));
    for (const py::handle v : py::reinterpret_borrow<py::object>(values))
      source.push_back(to_expr(v, &results[source.size()]));
  } else {
    source.push_back(to_expr(values, &results[0]));
  }
  const std::vector<Expr> out = tc::reduce_tuple(r.combiner, source, to_reduce_axes(axis));
  return r.several ? py::object(to_tuple(out)) : py::cast(out[0]);
}

// max(x, k), max(x, axis=[k1, k2]) reduce; max(x, y) is of two values.
using Fold = Expr (*)(Expr, const std::vector<ReduceAxis>&);
Expr extremum(Fold fold, BinaryOp op, py::handle a, py::handle b, py::handle axis) {
  if (!axis.is_none()) {
    TC_REQUIRE(b.is_none(), Error("te.reduce.axes", "min and max take either two values or axis=")
                                .fix("write tc.max(x, axis=k) or tc.max(x, y)"));
    return fold(to_expr(a), to_reduce_axes(axis));
  }
  TC_REQUIRE(!b.is_none(),
             Error("te.reduce.axes", "min and max need a second value, or the axis to reduce over")
                 .fix("write tc.max(x, axis=k) or tc.max(x, y)"));
  if (py::isinstance<ReduceAxis>(b) || is_sequence(b)) return fold(to_expr(a), to_reduce_axes(b));
  const auto [x, y] = to_pair(a, b);
  return ir::binary(op, x, y);
}

// ---- tensors

Expr element(const Tensor& t, py::handle index) {
  std::vector<Expr> indices;
  const Expr like = ir::int_imm(0);
  const auto add = [&](py::handle v) {
    TC_REQUIRE(!PySlice_Check(v.ptr()),
               Error("te.tensor.index", "an element of " + t.name() + " is asked for with a slice")
                   .fact("tensor", t.name())
                   .fix("name every index; loops over elements are what tc.compute is for"));
    indices.push_back(to_expr(v, &like));
    const auto d = static_cast<int>(indices.size()) - 1;
    const auto constant = ir::as_int(indices.back());
    if (constant && d < t.ndim() && PyIndex_Check(v.ptr()))
      TC_REQUIRE(*constant >= 0 && *constant < t.dim(d).number().value_or(INT64_MAX),
                 Error("te.tensor.index", fmt::format("index {} of {} is {}, its extent {}", d, t.name(),
                                                      *constant, to_string(t.dim(d))))
                     .fact("tensor", t.name())
                     .fix("indices count from 0; the last element is at extent - 1"));
  };
  if (PyTuple_Check(index.ptr()))
    for (const py::handle v : py::reinterpret_borrow<py::object>(index)) add(v);
  else
    add(index);
  return t.at(std::move(indices));
}

std::string tensor_repr(const Tensor& t) {
  return fmt::format("Tensor({}: {}{})", t.name(), ir::to_string(t.dtype()), to_string(Shape(t.shape())));
}

}  // namespace

void bind_exprs(py::module_& m) {
  py::class_<Expr> expr(
      m, "Expr",
      "A value that is computed for each element: an index, an element of a tensor, or made of them.");
  expr.def_property_readonly("dtype", [](const Expr& e) { return ir::to_string(e->type); });
  expr.def("__repr__", [](const Expr& e) {
    return ir::written_size(*e) <= ir::kMaxWritten
               ? ir::to_string(e)
               : fmt::format("<an expression of more than {} operations and operands>", ir::kMaxWritten);
  });
  expr.def(
      "astype", [](const Expr& e, py::handle type) { return ir::cast(to_dtype(type), e); }, py::arg("dtype"),
      "The value cast to another element type.");

  py::class_<ReduceAxis> axis(m, "ReduceAxis",
                              "An axis to reduce over, from reduce_axis. In an expression it is its index.");
  axis.def_property_readonly("name", [](const ReduceAxis& k) { return k.var->name; });
  axis.def_property_readonly("min", [](const ReduceAxis& k) { return py::object(from_extents({k.min})[0]); });
  axis.def_property_readonly("extent",
                             [](const ReduceAxis& k) { return py::object(from_extents({k.extent})[0]); });
  axis.def_property_readonly("dtype", [](const ReduceAxis& k) { return ir::to_string(k.var->type); });
  axis.def("__repr__", [](const ReduceAxis& k) {
    return fmt::format("ReduceAxis({} in {}, +{})", k.var->name, ir::to_string(k.min),
                       ir::to_string(k.extent));
  });
  def_operators(expr);
  def_operators(axis);
  expr.attr("__array_ufunc__") = py::none();  // np.exp(e) is a TypeError, np.float32(2) * e ours
  axis.attr("__array_ufunc__") = py::none();

  py::class_<Tensor> tensor(
      m, "Tensor", "A tensor of a computation: it has a shape, but no memory. A[i, j] is an element.");
  tensor.def_property_readonly("name", &Tensor::name);
  tensor.def_property_readonly("dtype", [](const Tensor& t) { return ir::to_string(t.dtype()); });
  tensor.def_property_readonly("shape", [](const Tensor& t) { return from_extents(t.shape()); });
  tensor.def_property_readonly("ndim", &Tensor::ndim);
  tensor.def_property_readonly(
      "is_placeholder", [](const Tensor& t) { return t.op().is_placeholder(); }, "Whether it is an input.");
  tensor.def_property_readonly("reduce_axes",
                               [](const Tensor& t) { return py::tuple(py::cast(t.op().reduce_axes())); });
  tensor.def("__getitem__", &element, "The element at these indices, one per dimension.");
  tensor.def("__eq__", [](const Tensor& a, py::handle b) {
    return py::isinstance<Tensor>(b) && a == b.cast<Tensor>();
  });
  tensor.def("__hash__", [](const Tensor& t) { return reinterpret_cast<uintptr_t>(t.buffer().get()) >> 4; });
  tensor.def("__repr__", &tensor_repr);
  tensor.attr("__iter__") = py::none();  // else Python would count up indices
  tensor.attr("__array_ufunc__") = py::none();

  m.def(
      "placeholder",
      [](py::handle shape, py::handle dtype, py::handle name) {
        return placeholder(to_extents(shape), to_dtype(dtype), to_name(name));
      },
      py::arg("shape"), py::arg("dtype") = "f32", py::arg("name") = "A",
      "placeholder(shape, dtype=\"f32\", name=\"A\"): an input.");
  m.def(
      "size_var",
      [](py::handle name, py::handle least) {
        return Expr(size_var(to_name(name), to_int(least, "the least value of a size")));
      },
      py::arg("name"), py::arg("least") = 0,
      "size_var(name, least=0): a size, for shapes: an extent that a function learns when it is called, "
      "from the\n"
      "first argument that has it as an extent by itself. One function serves every value from least on.");
  m.def(
      "bind_sizes",
      [](py::handle args, py::handle sizes) {
        return bind_sizes(to_tensors(args, "the arguments"), to_size_values(sizes)).args;
      },
      py::arg("args"), py::arg("sizes"),
      "bind_sizes([A, B, C], {n: 64}): the computation anew for these values of its sizes, in the same "
      "order.");
  m.def(
      "extern",
      [](const std::string& function, py::handle inputs) -> py::object {
        const std::vector<Tensor> in = to_tensors(inputs, "the inputs of an extern");
        const std::vector<Tensor> out = extern_func(ir::parse_func(function).value(), in);
        return out.size() == 1 ? py::cast(out[0]) : py::object(py::tuple(py::cast(out)));
      },
      py::arg("function"), py::arg("inputs"),
      "extern(function, inputs): the tensors that a program of your own computes from others. It is the text "
      "of a\n"
      "function in nested form, `func f(A: f32[8], B: f32[8]) { for i in [0, +8) { B[i] = A[7 - i] } }`: "
      "what it\n"
      "stores to are the outputs, the other parameters the inputs, in order. Schedules leave it as it is.");
  m.def(
      "scan_state",
      [](py::handle shape, py::handle dtype, std::string name) {
        return scan_state(to_extents(shape), to_dtype(dtype), std::move(name));
      },
      py::arg("shape"), py::arg("dtype") = "f32", py::arg("name") = "h",
      "scan_state(shape, dtype=\"f32\", name=\"h\"): what stands for a history, time first, in the updates "
      "of a "
      "scan.");
  m.def(
      "scan",
      [](py::handle init, py::handle update, py::handle state) -> py::object {
        const std::vector<Tensor> out =
            scan(to_tensors(init, "the first values of a scan"), to_tensors(update, "the updates of a scan"),
                 to_tensors(state, "the states of a scan"));
        return is_sequence(update) ? py::object(py::tuple(py::cast(out))) : py::cast(out[0]);
      },
      py::arg("init"), py::arg("update"), py::arg("state"),
      "scan(init, update, state): the recurrence that is init at the first times and update from then on, in "
      "which\n"
      "state stands for it; tensors, or tuples of them for several states. Time is the first axis of them "
      "all and\n"
      "of every stage between; states are read at earlier times only.");
  m.def(
      "reduce_axis",
      [](py::handle range, py::handle name) {
        TC_REQUIRE(is_sequence(range) && py::len(range) == 2,
                   Error("te.axis.range", "reduce_axis takes a range")
                       .fix("write tc.reduce_axis((0, n), name=\"k\")"));
        const py::tuple ends = py::reinterpret_borrow<py::object>(range);
        const Extent begin = to_extent(ends[0], "the begin of a range"),
                     end = to_extent(ends[1], "the end of a range");
        return reduce_axis(begin, end, to_name(name));
      },
      py::arg("range"), py::arg("name") = "k",
      "reduce_axis((begin, end), name=\"k\"): an axis to reduce over, end excluded.");
  m.def("compute", &compute, py::arg("shape"), py::arg("body"), py::arg("name") = "T",
        "compute(shape, body, name=\"T\"): a tensor, each element body(indices). Axes are named as body's "
        "parameters.\n"
        "A body that returns a tuple makes several tensors, named name_0, name_1, ... or as the tuple `name` "
        "says.");
  m.def(
      "const",
      [](py::handle value, py::handle dtype) {
        const Expr like = ir::const_of(to_dtype(dtype), 0);
        return to_expr(value, &like);
      },
      py::arg("value"), py::arg("dtype") = "f32", "const(value, dtype=\"f32\"): a number as an expression.");

  m.def(
      "sum", [](py::handle e, py::handle axis) { return tc::sum(to_expr(e), to_reduce_axes(axis)); },
      py::arg("expr"), py::arg("axis"),
      "sum(expr, axis=k) or axis=[k1, k2]: the sum over the axes. Stands at the top of a body, as all "
      "reductions.");
  m.def(
      "prod", [](py::handle e, py::handle axis) { return tc::prod(to_expr(e), to_reduce_axes(axis)); },
      py::arg("expr"), py::arg("axis"), "prod(expr, axis=k): the product over the axes.");
  m.def(
      "max",
      [](py::handle a, py::handle b, py::handle axis) {
        return extremum([](Expr e, const std::vector<ReduceAxis>& k) { return tc::max(std::move(e), k); },
                        BinaryOp::max, a, b, axis);
      },
      py::arg("expr"), py::arg("other") = py::none(), py::arg("axis") = py::none(),
      "max(expr, axis=k): the greatest over the axes; max(a, b): the greater of two values.");
  m.def(
      "min",
      [](py::handle a, py::handle b, py::handle axis) {
        return extremum([](Expr e, const std::vector<ReduceAxis>& k) { return tc::min(std::move(e), k); },
                        BinaryOp::min, a, b, axis);
      },
      py::arg("expr"), py::arg("other") = py::none(), py::arg("axis") = py::none(),
      "min(expr, axis=k): the least over the axes; min(a, b): the lesser of two values.");
  m.def("reduce_tuple", &reduce_tuple, py::arg("combine"), py::arg("values"), py::arg("axis"),
        py::arg("identity") = py::none(), py::arg("name") = "combine", py::arg("where") = py::none(),
        "reduce_tuple(combine, values, axis, identity=None, name=\"combine\", where=None): reduces several "
        "values together.\n"
        "combine is \"argmax\" or \"argmin\" of (value, index), \"softmax\" of (x, 1), \"mean_variance\" of "
        "(1, "
        "x, 0), or a\n"
        "function of two tuples as in comm_reducer.");
  py::class_<Reducer> made(m, "Reducer", "How two partial results become one; what comm_reducer gives.");
  made.def_property_readonly("name", [](const Reducer& r) { return r.combiner->name; });
  made.def("__call__", &apply_reducer, py::arg("values"), py::arg("axis"),
           "The reduction of a value, or of a tuple of values, over the axes.");
  m.def(
      "comm_reducer", &comm_reducer, py::arg("combine"), py::arg("identity"), py::arg("dtype") = "f32",
      py::arg("where") = py::none(), py::arg("name") = "reducer",
      "comm_reducer(combine, identity, dtype=\"f32\", where=None, name=\"reducer\"): a reducer of your own.\n"
      "combine(a, b) makes one partial result of two: values, or tuples where identity is a tuple. It must "
      "be\n"
      "associative and commutative, with identity as neutral element, for the states of which where(state)\n"
      "holds: checked at once, and refused with the states that show otherwise.");

  m.def(
      "select",
      [](py::handle c, py::handle a, py::handle b) {
        const auto [x, y] = to_pair(a, b);
        return ir::select(to_expr(c), x, y);
      },
      py::arg("condition"), py::arg("a"), py::arg("b"),
      "select(condition, a, b): a where the condition holds, else b; both are evaluated.");
  m.def(
      "if_then_else",
      [](py::handle c, py::handle a, py::handle b) {
        const auto [x, y] = to_pair(a, b);
        return ir::if_then_else(to_expr(c), x, y);
      },
      py::arg("condition"), py::arg("a"), py::arg("b"),
      "if_then_else(condition, a, b): only the chosen side is evaluated, so that it may guard a read.");
  m.def(
      "assume", [](py::handle c, py::handle value) { return ir::assume(to_expr(c), to_expr(value)); },
      py::arg("condition"), py::arg("value"),
      "assume(condition, value): the value; you assert that the condition holds wherever it is needed, so "
      "that\n"
      "it need not be proved: assume((i >= 0) & (i < n), A[i]). tc.evaluate checks it "
      "(ir.interpret.assume);\n"
      "what is compiled relies on it and does not check.");
  m.def(
      "cast",
      [](py::handle a, py::handle b) {
        const bool expr_first =
            py::isinstance<Expr>(a) || py::isinstance<ReduceAxis>(a) || py::isinstance<Tensor>(a);
        return ir::cast(to_dtype(expr_first ? b : a), to_expr(expr_first ? a : b));
      },
      py::arg("dtype"), py::arg("expr"),
      "cast(dtype, expr), or cast(expr, dtype): the value in another element type.");
#define TC_X(f)                                                         \
  m.def(                                                                \
      #f, [](py::handle x) { return tc::f(to_expr(x)); }, py::arg("x"), \
      #f "(x) of a value; tc.op." #f " takes a tensor.");
  // clang-format off
  TC_X(exp) TC_X(log) TC_X(sqrt) TC_X(rsqrt) TC_X(tanh) TC_X(erf) TC_X(sigmoid) TC_X(sin) TC_X(cos)
  TC_X(floor) TC_X(ceil) TC_X(round) TC_X(abs)
  // clang-format on
#undef TC_X
  m.def(
      "pow",
      [](py::handle a, py::handle b) {
        const auto [x, y] = to_pair(a, b);
        return tc::pow(x, y);
      },
      py::arg("x"), py::arg("y"), "pow(x, y) of two float values.");
}

}  // namespace tc::python
