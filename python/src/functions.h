// What building and tuning share.
#pragma once
#include <deque>
#include <memory>
#include <span>

#include "arrays.h"
#include "tc/autotune/log.h"
#include "tc/codegen/build.h"
#include "tc/te/workload.h"

namespace tc::python {

/// tc.Workload: the workload and its tensors, made once.
struct WorkloadHandle {
  Workload workload;
  std::shared_ptr<const WorkloadGraph> graph;
};

/// One argument of a Function or Bundle.
struct Arg {
  std::string name, dtype;
  std::vector<ir::Expr> shape;
  bool is_output;
};

/// A Target or its text.
codegen::Target to_target(py::handle value);
/// The machine of an accelerator as given: a dict (as JSON), or a name or path.
std::string machine_text(py::handle config);
/// All sizes of a machine.
py::dict machine_dict(const isa::MachineConfig& machine);

/// The arrays of one call, checked for types; made and destroyed under the GIL.
class CallArgs {
 public:
  CallArgs(const Function& f, const py::args& given) : CallArgs(f.name(), f.abi(), given) {}
  CallArgs(const std::string& name, const codegen::AbiSpec& abi, const py::args& given);
  [[nodiscard]] std::span<const DLTensor* const> args() const { return args_; }

 private:
  std::deque<ArrayView> views_;
  std::vector<const DLTensor*> args_;
};
/// The seed of something random: an integer of 0 or more; error te.number.
uint64_t to_seed(py::handle value);
/// None is what parallel loops use now.
int to_threads(py::handle value);
/// A Workload or its text, a schedule, one output tensor, or all arguments in order.
Workload to_workload(py::handle value);
/// A Log, a path, or a list of paths.
autotune::Log to_log(py::handle value);

/// Saved functions: tc.load and its class.
void bind_bundles(py::module_& m);

}  // namespace tc::python
