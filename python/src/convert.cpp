#include "convert.h"

#include <cmath>

#include "tc/ir/numeric.h"
#include "tc/ir/print.h"

namespace tc::python {
namespace {

bool is_number(py::handle v) {
  return PyFloat_Check(v.ptr()) || PyIndex_Check(v.ptr()) || PyBool_Check(v.ptr());
}

// numpy's scalars other than float64 are no float, but have __float__.
bool is_float_like(py::handle v) {
  return PyFloat_Check(v.ptr()) || (!PyIndex_Check(v.ptr()) && !PyUnicode_Check(v.ptr()) &&
                                    py::hasattr(v, "__float__") && !py::hasattr(v, "__len__"));
}

Error does_not_fit(py::handle v, DType type) {
  return Error("ir.type",
               "the number " + py::str(v).cast<std::string>() + " does not fit " + ir::to_string(type))
      .fix("cast the expression to a wider type first");
}

// Infinity is written as such, and does not come from a number that is too large.
void check_fits(py::handle v, double d, DType type) {
  TC_REQUIRE(!type.is_float() || !std::isfinite(d) || std::isfinite(ir::round_to(type, d)),
             does_not_fit(v, type));
}

// The int that v stands for; none where it is no integer: an array has __index__, and
// refuses when it is asked.
py::object index_of(py::handle v) {
  if (!PyIndex_Check(v.ptr())) return {};
  auto number = py::reinterpret_steal<py::object>(PyNumber_Index(v.ptr()));
  if (!number && PyErr_ExceptionMatches(PyExc_TypeError))
    PyErr_Clear();
  else if (!number)
    throw py::error_already_set();
  return number;
}

Expr int_of(py::handle number, DType type) {
  if (type.is_float()) {
    const double d = PyLong_AsDouble(number.ptr());
    if (d == -1 && PyErr_Occurred()) {  // larger than any double
      PyErr_Clear();
      throw does_not_fit(number, type);
    }
    check_fits(number, d, type);
    return ir::const_of(type, d);
  }
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  bool fits = overflow == 0;
  if (fits && type != kI64 && type != kU64) fits = value >= ir::min_of(type) && value <= ir::max_of(type);
  if (fits && type == kU64) fits = value >= 0;
  if (!fits && type == kU64 && overflow > 0) {
    const unsigned long long large = PyLong_AsUnsignedLongLong(number.ptr());
    if (!PyErr_Occurred()) return ir::int_imm(static_cast<int64_t>(large), type);
    PyErr_Clear();
  }
  TC_REQUIRE(fits, does_not_fit(number, type));
  return type.is_bool() ? ir::bool_imm(value != 0) : ir::int_imm(value, type);
}

bool is_expr(py::handle v) {
  return py::isinstance<Expr>(v) || py::isinstance<ReduceAxis>(v) || py::isinstance<Tensor>(v);
}

}  // namespace

std::string type_name(py::handle value) {
  const std::string name = Py_TYPE(value.ptr())->tp_name;
  return name.starts_with("tc._tc.") ? "tc." + name.substr(7) : name;
}

std::string a_type(py::handle value) {
  const std::string name = type_name(value);
  return (name.find_first_of("aeiouAEIOU") == 0 ? "an " : "a ") + name;
}

bool is_sequence(py::handle value) { return PyTuple_Check(value.ptr()) || PyList_Check(value.ptr()); }

DType to_dtype(py::handle value) {
  std::string name;
  if (PyUnicode_Check(value.ptr()))
    name = value.cast<std::string>();
  else if (py::hasattr(value, "name") && PyUnicode_Check(value.attr("name").ptr()))
    name = value.attr("name").cast<std::string>();  // numpy.dtype
  else if (PyType_Check(value.ptr()))
    name = value.attr("__name__").cast<std::string>();  // numpy.float32
  else
    name = py::str(value).cast<std::string>();
  if (name.rfind("torch.", 0) == 0) name.erase(0, 6);
  const auto type = ir::parse_dtype(name);
  TC_REQUIRE(type, Error("te.dtype", "there is no element type " + name)
                       .fix("use f64 f32 f16 bf16, i64 i32 i16 i8, u64 u32 u16 u8 or bool"));
  return *type;
}

int64_t to_int(py::handle value, const char* what) {
  int overflow = 0;
  long long out = 0;
  const py::object number = index_of(value);
  const bool ok = static_cast<bool>(number);
  if (ok) {
    out = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  }
  TC_REQUIRE(ok && overflow == 0,
             Error("te.number",
                   std::string(what) + " is " + (ok ? "beyond 64 bits" : a_type(value) + ", not an integer"))
                 .fix(std::string("give ") + what + (ok ? " from -2^63 to 2^63 - 1" : " as an int")));
  return out;
}

std::vector<int64_t> to_shape(py::handle value) {
  if (index_of(value)) return {to_int(value, "an extent")};
  const bool sequence = PySequence_Check(value.ptr()) && !PyUnicode_Check(value.ptr()) &&
                        !PyBytes_Check(value.ptr()) && !py::isinstance<Tensor>(value);
  TC_REQUIRE(sequence, Error("te.shape.type", "a shape is a sequence of integers, not " + a_type(value))
                           .fix("give it as a tuple: (64, 64)"));
  std::vector<int64_t> out;
  for (const py::handle extent : py::reinterpret_borrow<py::object>(value))
    out.push_back(to_int(extent, "an extent"));
  return out;
}

Extent to_extent(py::handle value, const char* what) {
  return py::isinstance<Expr>(value) ? Extent(value.cast<Expr>()) : Extent(to_int(value, what));
}

Shape to_extents(py::handle value) {
  if (py::isinstance<Expr>(value)) return {value.cast<Expr>()};
  if (!PySequence_Check(value.ptr()) || PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr()) ||
      py::isinstance<Tensor>(value))
    return to_shape(value);
  Shape out;
  for (const py::handle extent : py::reinterpret_borrow<py::object>(value))
    out.push_back(to_extent(extent, "an extent"));
  return out;
}

py::tuple from_extents(const std::vector<Expr>& shape) {
  py::tuple out(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) {
    const auto n = ir::as_int(shape[d]);
    out[d] = n ? py::object(py::int_(*n)) : py::cast(shape[d]);
  }
  return out;
}

VarRef to_size(py::handle value) {
  const auto e = py::isinstance<Expr>(value) ? value.cast<Expr>() : Expr();
  const auto* v = e ? e.as<ir::Var>() : nullptr;
  TC_REQUIRE(v && v->least, Error("te.size.unbound", a_type(value) + " is given where a size is asked for")
                                .fix("name what tc.size_var gave"));
  return VarRef(v);
}

SizeValues to_size_values(py::handle sizes) {
  TC_REQUIRE(PyDict_Check(sizes.ptr()),
             Error("te.size.unbound", a_type(sizes) + " is given where sizes and their values are asked for")
                 .fix("give a dict: {n: 64}"));
  SizeValues values;
  for (const auto& [key, value] : sizes.cast<py::dict>())
    values.emplace_back(to_size(key), to_int(value, "the value of a size"));
  return values;
}

Expr to_expr(py::handle v, const Expr* like) {
  if (py::isinstance<Expr>(v)) return v.cast<Expr>();
  if (py::isinstance<ReduceAxis>(v)) return v.cast<ReduceAxis>().var;
  if (py::isinstance<Tensor>(v)) {
    const auto t = v.cast<Tensor>();
    TC_REQUIRE(t.ndim() == 0,
               Error("te.expr",
                     t.name() + " is a tensor of " + std::to_string(t.ndim()) + " dimensions, not a value")
                   .fact("tensor", t.name())
                   .fix("name an element: " + t.name() + "[i, ...], or use tc.op for whole tensors"));
    return t.at({});
  }
  if (PyBool_Check(v.ptr()) && !like) return ir::bool_imm(v.cast<bool>());
  if (const py::object number = index_of(v)) return int_of(number, like ? (*like)->type.element() : kI64);
  if (is_float_like(v)) {
    const double d = PyFloat_AsDouble(v.ptr());
    if (d == -1 && PyErr_Occurred()) throw py::error_already_set();
    if (like) check_fits(v, d, (*like)->type.element());
    return like ? ir::imm_like(*like, d) : ir::float_imm(d);
  }
  throw Error("te.expr", a_type(v) + " is no expression")
      .fix("use elements of tensors, axes and numbers; tc.const(value, dtype) makes a constant");
}

std::pair<Expr, Expr> to_pair(py::handle a, py::handle b) {
  if (is_expr(a)) {
    Expr x = to_expr(a);
    Expr y = to_expr(b, &x);
    return {std::move(x), std::move(y)};
  }
  if (is_expr(b)) {
    Expr y = to_expr(b);
    Expr x = to_expr(a, &y);
    return {std::move(x), std::move(y)};
  }
  Expr x = to_expr(a), y = to_expr(b);
  if (x->type != y->type && is_number(a) && is_number(b))
    x = to_expr(py::float_(a.cast<double>())), y = to_expr(py::float_(b.cast<double>()));
  return {std::move(x), std::move(y)};
}

std::vector<ReduceAxis> to_reduce_axes(py::handle value) {
  std::vector<ReduceAxis> out;
  const auto add = [&](py::handle v) {
    TC_REQUIRE(py::isinstance<ReduceAxis>(v),
               Error("te.reduce.axes", a_type(v) + " is no axis to reduce over")
                   .fix("make one: k = tc.reduce_axis((0, n), name=\"k\")"));
    out.push_back(v.cast<ReduceAxis>());
  };
  if (!is_sequence(value))
    add(value);
  else
    for (const py::handle v : py::reinterpret_borrow<py::object>(value)) add(v);
  return out;
}

std::vector<Tensor> to_tensors(py::handle value, const char* what) {
  std::vector<Tensor> out;
  const auto add = [&](py::handle v) {
    TC_REQUIRE(py::isinstance<Tensor>(v),
               Error("te.tensors", std::string(what) + " are tensors; this is " + a_type(v))
                   .fix("give what tc.placeholder and tc.compute returned"));
    out.push_back(v.cast<Tensor>());
  };
  if (!is_sequence(value))
    add(value);
  else
    for (const py::handle v : py::reinterpret_borrow<py::object>(value)) add(v);
  return out;
}

std::string to_name(py::handle value) {
  TC_REQUIRE(PyUnicode_Check(value.ptr()), Error("te.name", "a name is a str, not " + a_type(value))
                                               .fix("give a str, or leave it out: there is a default"));
  return value.cast<std::string>();
}

std::string to_path(py::handle value) {
  const auto path = py::reinterpret_steal<py::object>(PyOS_FSPath(value.ptr()));
  if (!path) throw py::error_already_set();
  return path.cast<std::string>();
}

}  // namespace tc::python
