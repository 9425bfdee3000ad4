// Signatures that Python can read; see signatures.cpp.
#pragma once
#include <pybind11/pybind11.h>

namespace tc::python {

/// Gives the functions of a module, and the methods of its classes, a __text_signature__.
void give_signatures(const pybind11::module_& m);

}  // namespace tc::python
