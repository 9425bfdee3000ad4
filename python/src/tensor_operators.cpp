// Arithmetic on tensors as a whole. A tensor without dimensions is a number; any other
// is told to name an element, where Python would only say that it knows no such operand.
#include "convert.h"

namespace tc::python {

void bind_tensor_operators(py::module_& m) {
  const auto tensor = py::reinterpret_borrow<py::class_<Tensor>>(m.attr("Tensor"));
  const auto expr = m.attr("Expr");
  tensor.attr("__array_ufunc__") = py::none();  // so that NumPy's operands ask us
  constexpr const char* kBinary[] = {
      "__add__",     "__radd__",     "__sub__",      "__rsub__",      "__mul__", "__rmul__",
      "__truediv__", "__rtruediv__", "__floordiv__", "__rfloordiv__", "__mod__", "__rmod__",
      "__pow__",     "__rpow__",     "__and__",      "__rand__",      "__or__",  "__ror__",
      "__xor__",     "__rxor__",     "__lt__",       "__le__",        "__gt__",  "__ge__"};
  constexpr const char* kUnary[] = {"__neg__", "__pos__", "__invert__", "__abs__"};
  for (const char* name : kBinary)
    if (py::hasattr(expr, name))
      py::setattr(tensor, name,
                  py::cpp_function(
                      [name](const Tensor& t, const py::object& other) -> py::object {
                        return py::cast(to_expr(py::cast(t))).attr(name)(other);
                      },
                      py::name(name), py::is_method(tensor), py::is_operator()));
  for (const char* name : kUnary)
    if (py::hasattr(expr, name))
      py::setattr(
          tensor, name,
          py::cpp_function(
              [name](const Tensor& t) -> py::object { return py::cast(to_expr(py::cast(t))).attr(name)(); },
              py::name(name), py::is_method(tensor)));
}

}  // namespace tc::python
