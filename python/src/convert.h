// What Python passes and what C++ takes: errors, numbers, shapes, element types.
#pragma once
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "tc/te/graph.h"

namespace tc::python {

namespace py = pybind11;

/// Makes the class tc.Error and has every tc::Error become one.
void bind_errors(py::module_& m);
void bind_exprs(py::module_& m);
void bind_tensor_operators(py::module_& m);
void bind_ops(py::module_& m);
void bind_schedules(py::module_& m);
void bind_arrays(py::module_& m);
void bind_functions(py::module_& m);
void bind_tuning(py::module_& m);
void bind_accel(py::module_& m);

/// Throws the error, if there is one.
inline void throw_if(Check error) {
  if (error) throw *std::move(error);
}

/// "f32", "float32", numpy.float32 or numpy.dtype("f4"); error te.dtype.
DType to_dtype(py::handle value);
/// An integer or a sequence of them; error te.shape.type.
std::vector<int64_t> to_shape(py::handle value);
/// The same, in which sizes may stand: tc.size_var("n"), n + 2.
Shape to_extents(py::handle value);
Extent to_extent(py::handle value, const char* what);
/// ints, and expressions where there are sizes.
py::tuple from_extents(const std::vector<Expr>& shape);
/// What tc.size_var gave; error te.size.unbound.
VarRef to_size(py::handle value);
SizeValues to_size_values(py::handle sizes);  // {n: 64}
/// An integer; `what` names it in the error te.number.
int64_t to_int(py::handle value, const char* what);
/// An expression, a reduce axis, a 0-d tensor or a number, which takes the type of
/// `like` (without: bool, i64 or f32). Error te.expr.
Expr to_expr(py::handle value, const Expr* like = nullptr);
/// Two operands of which one may be a number.
std::pair<Expr, Expr> to_pair(py::handle a, py::handle b);
/// One reduce axis or a sequence of them.
std::vector<ReduceAxis> to_reduce_axes(py::handle value);
/// One tensor or a sequence of them; `what` names it in the error te.tensors.
std::vector<Tensor> to_tensors(py::handle value, const char* what);
/// A list of one or several values, as Python has it: `(a, b)` or `[a, b]`.
bool is_sequence(py::handle value);
/// The name of a tensor or axis; what it may hold is checked where it is made.
std::string to_name(py::handle value);
/// A str or os.PathLike.
std::string to_path(py::handle value);
/// The type's name, for messages: "int"; and with its article: "an int".
std::string type_name(py::handle value);
std::string a_type(py::handle value);

}  // namespace tc::python
