// The extension module tc._tc; python/tc/__init__.py gives its names.
#include "functions.h"
#include "signatures.h"

PYBIND11_MODULE(_tc, m) {
  using namespace tc::python;
  m.doc() = "The tensor compiler tc.";
  m.attr("__version__") = TC_VERSION;
  bind_errors(m);
  bind_exprs(m);
  bind_tensor_operators(m);
  bind_ops(m);
  bind_schedules(m);
  bind_arrays(m);
  bind_functions(m);
  bind_tuning(m);
  bind_accel(m);
  bind_bundles(m);
  give_signatures(m);
  give_signatures(m.attr("op"));
}
