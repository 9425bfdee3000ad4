// Saved functions of an accelerator, loaded without compiling.
#include <fmt/format.h>

#include "functions.h"
#include "tc/ir/dtype.h"
#include "tc/runtime/accel/bundle.h"

namespace tc::python {
namespace {

using accel::Bundle, accel::BundleArg;

// As CallArgs checks arrays; Bundle::run checks shapes, strides and overlap.
codegen::AbiSpec abi_of(const Bundle& b) {
  codegen::AbiSpec abi;
  for (const BundleArg& a : b.args())
    abi.args.push_back({a.name, ir::parse_dtype(a.dtype).value(), a.shape, a.is_output, 0});
  return abi;
}

void call(const Bundle& b, const py::args& given) {
  const CallArgs args(b.name(), abi_of(b), given);
  Check error;
  {
    const py::gil_scoped_release nogil;
    error = b.run(args.args());
  }
  throw_if(std::move(error));
}

}  // namespace

void bind_bundles(py::module_& m) {
  py::class_<Bundle> c(
      m, "Bundle", "A saved function of an accelerator: b(x, y, out) runs it on arrays as the Function did.");
  c.def("__call__", &call);
  c.def_property_readonly("name", &Bundle::name);
  c.def_property_readonly("args", [](const Bundle& b) {
    std::vector<Arg> out;
    for (const BundleArg& a : b.args()) {
      std::vector<Expr> shape;
      for (const int64_t n : a.shape) shape.push_back(ir::int_imm(n));
      out.push_back({a.name, a.dtype, std::move(shape), a.is_output});
    }
    return out;
  });
  c.def("__repr__", [](const Bundle& b) {
    std::vector<std::string> names;
    for (const BundleArg& a : b.args()) names.push_back(a.name);
    return fmt::format("Bundle({}({}))", b.name(), fmt::join(names, ", "));
  });
  m.def(
      "load",
      [](py::handle path) {
        const std::string at = to_path(path);
        const py::gil_scoped_release nogil;
        return Bundle::load(at).value();
      },
      py::arg("path"),
      "load(\"dir/matmul.bundle\") -> Bundle: what Function.export wrote for an accelerator. It runs the "
      "code of a shared library: load only what you trust.");
}

}  // namespace tc::python
