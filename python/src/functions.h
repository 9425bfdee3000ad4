// What building and tuning share.
#pragma once
#include <memory>

#include "convert.h"
#include "tc/autotune/log.h"
#include "tc/codegen/target.h"
#include "tc/te/workload.h"

namespace tc::python {

/// tc.Workload: the workload and its tensors, made once.
struct WorkloadHandle {
  Workload workload;
  std::shared_ptr<const WorkloadGraph> graph;
};

/// A Target or its text.
codegen::Target to_target(py::handle value);
/// None is what parallel loops use now.
int to_threads(py::handle value);
/// A Workload or its text, a schedule, one output tensor, or all arguments in order.
Workload to_workload(py::handle value);
/// A Log, a path, or a list of paths.
autotune::Log to_log(py::handle value);

}  // namespace tc::python
