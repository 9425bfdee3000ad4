// Signatures as Python's own functions have them: pybind11 writes one with C++ types
// into the docstring, of which inspect.signature and editors can make nothing.
//
//   conv2d(x: tc._tc.Tensor, weight: tc._tc.Tensor, *, stride: object = 1) -> tc._tc.Tensor
//   -> conv2d(x, weight, *, stride=1)
//
// The types stand in python/tc/*.pyi.
#include "signatures.h"

#include <cstdlib>
#include <cstring>

#include "convert.h"

namespace tc::python {
namespace {

// The parts of a list of parameters: commas and colons count outside of brackets and quotes only.
std::vector<std::string> split(const std::string& text, char at, bool once = false) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '[' || c == '(') {
      ++depth;
    } else if (c == ']' || c == ')') {
      --depth;
    } else if (c == at && depth == 0 && !(once && parts.size() > 1)) {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

std::string trim(const std::string& s) {
  const size_t first = s.find_first_not_of(' '), last = s.find_last_not_of(' ');
  return first == s.npos ? "" : s.substr(first, last - first + 1);
}

// name: type = value -> name=value
std::string parameter(const std::string& text) {
  const std::vector<std::string> sides = split(text, '=', true);
  const std::string name = trim(split(sides[0], ':', true)[0]);
  return sides.size() == 1 ? name : name + "=" + trim(sides[1]);
}

// "" where the text does not start with one signature.
std::string with_plain_signature(const std::string& doc) {
  const size_t open = doc.find('('), end = doc.find('\n');
  const std::string line = doc.substr(0, end);
  const size_t close = line.rfind(") ->");
  if (open == doc.npos || close == line.npos || doc.find("\nOverloaded function.") != doc.npos) return "";
  std::string out = line.substr(0, open) + "(";
  if (const std::string inside = line.substr(open + 1, close - open - 1); !inside.empty()) {
    const std::vector<std::string> parts = split(inside, ',');
    for (size_t i = 0; i < parts.size(); ++i) out += (i ? ", " : "") + parameter(parts[i]);
  }
  std::string rest = end == doc.npos ? "" : doc.substr(end);
  rest.erase(0, rest.find_first_not_of('\n'));
  while (!rest.empty() && rest.back() == '\n') rest.pop_back();
  return out + ")\n--\n\n" + rest;
}

void improve(py::handle object) {
  if (PyInstanceMethod_Check(object.ptr())) object = PyInstanceMethod_GET_FUNCTION(object.ptr());
  if (!PyCFunction_Check(object.ptr())) return;
  PyMethodDef* def = reinterpret_cast<PyCFunctionObject*>(object.ptr())->m_ml;
  if (!def->ml_doc) return;
  const std::string text = with_plain_signature(def->ml_doc);
  if (text.empty()) return;
  // pybind11 made it by strdup, and frees what is there in the end
  std::free(const_cast<char*>(def->ml_doc));
  def->ml_doc = strdup(text.c_str());
}

}  // namespace

void give_signatures(const py::module_& m) {
  for (const auto& item : py::dict(m.attr("__dict__"))) {
    improve(item.second);
    if (PyType_Check(item.second.ptr()))
      for (const auto& member : py::dict(item.second.attr("__dict__"))) improve(member.second);
  }
}

}  // namespace tc::python
