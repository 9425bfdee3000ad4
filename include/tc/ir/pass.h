// Passes and pipelines: named, pure functions from Func to Func, and lists of
// them. A pass is one file in lib/ir/passes, one line in passes.h and one line
// in a pipeline. There is no pass manager: no analyses kept, no registration.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tc/ir/stmt.h"
#include "tc/ir/verify.h"

namespace tc::ir {

/// What the passes may know of the machine, and the limits they keep.
struct PassContext {
  int vector_bits = 256;        ///< width of a vector register
  int vector_registers = 16;    ///< how many of them
  bool fma = true;              ///< the machine has fused multiply-add
  int64_t max_unrolled = 4096;  ///< statements that one unrolled loop may become
  int64_t max_peeled = 2000;    ///< statements that peel_tails may add to a function
};

/// `in` is the loosest form taken; a pass with in == out keeps the form that it is given.
struct Pass {
  std::string_view name, summary;
  Form in, out;
  FuncRef (*run)(const FuncRef&, const PassContext&);
};

/// A pass and why it stands where it stands.
struct Step {
  const Pass* pass;
  std::string_view reason;
};
struct Pipeline {
  std::string_view name;
  Form in, out;  ///< what it takes and what it promises at its end
  std::vector<Step> steps;
};

/// What one step did. Step 0 is the function before the first pass ("input").
struct StepReport {
  int number = 0;
  std::string_view name;
  FuncRef func;
  bool changed = false;
  double seconds = 0;
};

/// Knobs of a run.
struct RunOptions {
  std::function<void(const StepReport&)> report;  ///< called after every step
  int stop_after = -1;                            ///< steps to run, for bisection; -1: all
  bool verify = false;                            ///< check the form after every step
};

/// Runs the steps in order. An error that a pass or the verifier raises gains
/// the facts `pass` and `step`.
[[nodiscard]] FuncRef run_pipeline(const Pipeline& pipeline, const FuncRef& func,
                                   const PassContext& context = {}, const RunOptions& options = {});
[[nodiscard]] FuncRef run_pass(const Pass& pass, const FuncRef& func, const PassContext& context = {});

/// "unroll,simplify": the passes of these names in order; error ir.pass names an unknown one.
[[nodiscard]] Pipeline parse_pipeline(std::string_view names);
/// The pass of this name, or null.
[[nodiscard]] const Pass* find_pass(std::string_view name);

/// "---- 03 unroll (unchanged)" or the header and the function's text: for dumps.
[[nodiscard]] std::string to_string(const StepReport& report);

/// Nested form to target form for a CPU; see pipeline_cpu.cpp for the reasons.
[[nodiscard]] const Pipeline& cpu_pipeline();

}  // namespace tc::ir
