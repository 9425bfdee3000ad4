// tc.Error: the fields of tc::Error, and the line of the user's program.
#include "convert.h"
#include "tc/support/error.h"

namespace tc::python {
namespace {

PyObject* error_class = nullptr;  // lives as long as the module, which is never unloaded

// "matmul.py:14": the innermost Python frame, since tc itself has none.
std::string user_line() {
  PyFrameObject* frame = PyEval_GetFrame();  // borrowed
  if (!frame) return {};
  const auto code = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  auto file = code.attr("co_filename").cast<std::string>();
  const size_t slash = file.rfind('/');
  if (slash != std::string::npos) file.erase(0, slash + 1);
  return file + ":" + std::to_string(PyFrame_GetLineNumber(frame));
}

void raise(const Error& original) {
  Error e = original;
  if (const std::string line = user_line(); !line.empty()) {
    const bool taken = !e.fact_of("at").empty();
    e = Error(std::move(e).fact(taken ? "line" : "at", line));
  }
  py::dict facts;
  for (const auto& [name, value] : e.facts()) facts[py::str(name)] = value;
  const auto field = [](const std::string& text) -> py::object {
    return text.empty() ? py::object(py::none()) : py::object(py::str(text));
  };
  py::object value = py::reinterpret_borrow<py::object>(error_class)(e.str());
  value.attr("code") = e.code();
  value.attr("kind") = std::string(to_string(e.kind()));
  value.attr("message") = e.message();
  value.attr("stage") = field(e.fact_of("stage"));
  const std::string axis = e.fact_of("axis");  // "k (reduce, extent 512)"
  value.attr("axis") = field(axis.substr(0, axis.find(' ')));
  value.attr("fix") = field(e.how_to_fix());
  value.attr("excerpt") = field(e.excerpt_text());
  value.attr("facts") = facts;
  PyErr_SetObject(error_class, value.ptr());
}

}  // namespace

void bind_errors(py::module_& m) {
  error_class = PyErr_NewExceptionWithDoc(
      "tc.Error",
      "What went wrong, where, and how to fix it.\n\n"
      "code is stable (docs/errors.md); kind, message, stage, axis, fix and excerpt are str or\n"
      "None; facts has every fact by name, among them the line of your program (at).",
      nullptr, nullptr);
  if (!error_class) throw py::error_already_set();
  m.attr("Error") = py::reinterpret_borrow<py::object>(error_class);
  py::register_local_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const Error& e) {
      raise(e);
    }
  });
}

}  // namespace tc::python
