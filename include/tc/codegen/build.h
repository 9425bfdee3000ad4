// From a schedule to something callable: lower, then for the CPU its pipeline and machine code;
// for an accelerator partition, and programs of the device beside machine code for the host.
#pragma once
#include <functional>
#include <memory>

#include "tc/codegen/export.h"
#include "tc/codegen/jit.h"
#include "tc/codegen/profile.h"
#include "tc/ir/pass.h"
#include "tc/runtime/tensor.h"
#include "tc/schedule/lower.h"

namespace tc {

using codegen::Target;

/// Counted up with a change of lowering, passes or code generation, LLVM's included,
/// that makes schedules faster or slower: what was measured before is measured again.
inline constexpr int kCodeVersion = 1;

struct BuildOptions {
  codegen::Target target = codegen::Target::host();
  std::string name = "main";  ///< of the function, and of its symbols
  std::string workload;       ///< text for logs and people
  codegen::CompileOptions compile;
  ir::RunOptions passes;  ///< dumps, verification
};

/// A compiled computation. Copies share it; calls may come from any thread.
class Function {
 public:
  /// Runs on CPU tensors, in the order of the arguments given to build. An argument
  /// that the schedule packs (see packs) may come packed, or as the plain tensor:
  /// then it is packed anew in every call. Errors: runtime.arg.*.
  [[nodiscard]] Check run(std::span<const DLTensor* const> args) const;
  void operator()(std::span<const DLTensor* const> args) const;

  /// Positions of the arguments that are expected packed, with shapes and layouts.
  [[nodiscard]] const std::vector<Pack>& packs() const;
  /// The packed form of argument `arg` (one of packs()).
  [[nodiscard]] Expected<runtime::Tensor> pack(int arg, const DLTensor& plain) const;

  /// Stem of its symbols.
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const Target& target() const;
  /// The compiled function on packed arguments, for benchmarks: its raw() makes no checks. Throws
  /// codegen.accel.kernel where the function has parts on an accelerator.
  [[nodiscard]] const codegen::Kernel& kernel() const;
  /// The function as IR after each step: "te", "nested", "target", or a pass' name; for an
  /// accelerator "te", "nested", "segments", and "target" of what stays on the host.
  [[nodiscard]] std::string ir(std::string_view form = "nested") const;
  /// LLVM's IR; for an accelerator that of the host's segments.
  [[nodiscard]] std::string llvm() const;
  /// Machine code as text; for an accelerator the listings of its programs.
  [[nodiscard]] std::string assembly() const;

  /// The programs for the accelerator, in the order in which they run; none of a CPU's function.
  [[nodiscard]] std::vector<DeviceProgram> programs() const;
  /// Runs as run does, and tells what the device did; the default is a timed run with its
  /// timeline. Any order gives the same results. Errors also codegen.profile where the function
  /// is for a CPU, and those of sim::run.
  [[nodiscard]] Expected<Profile> profile(std::span<const DLTensor* const> args,
                                          const sim::RunOptions& options = timed()) const;
  [[nodiscard]] static sim::RunOptions timed();
  /// Which schedule this is and why; set by whoever chose it.
  [[nodiscard]] const std::string& explain() const;
  void set_explanation(std::string text);
  /// The steps that it was built from, as text; of variants each below a comment with its condition.
  [[nodiscard]] const std::string& schedule_text() const;
  /// The plain arguments: names, types, shapes and which are outputs.
  [[nodiscard]] const codegen::AbiSpec& abi() const;
  /// Object, header, shared library at `path`; with packed arguments there is a
  /// function NAME_pack_ARG for each beside NAME. For an accelerator: the host's segments as
  /// functions NAME_0, ... of the object and library, the device's as files PATH.NAME_1.prog
  /// (isa::load, tensorc sim), and PATH.bundle, by which accel::Bundle runs the whole without
  /// the compiler. A header is refused: codegen.export.accel.
  [[nodiscard]] Check export_to(std::string_view path, const codegen::ExportFormats& formats = {}) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  friend Expected<Function> build(std::span<const Variant>, const std::vector<Tensor>&, const BuildOptions&);
};

/// Compiles the schedule's function of `args`. For an accelerator, what the schedule places in
/// scopes inp, wgt and acc becomes programs of the device (tc/codegen/accel_legalize.h makes such
/// computations), all else code for the host. Errors: te.args.*, lower.*, codegen.*.
[[nodiscard]] Expected<Function> build(const Schedule& schedule, const std::vector<Tensor>& args,
                                       const BuildOptions& options = {});

/// The same of several schedules of one computation: one function, in which a call runs the first
/// variant whose condition holds of its sizes. Errors also lower.variants.
[[nodiscard]] Expected<Function> build(std::span<const Variant> variants, const std::vector<Tensor>& args,
                                       const BuildOptions& options = {});

/// The target form of a schedule without generating code: what the tuner's
/// features and the tests look at.
struct TargetForm {
  Lowered lowered;
  FuncRef func;
  codegen::AbiSpec abi;  ///< of the packed arguments
};
[[nodiscard]] Expected<TargetForm> to_target_form(const Schedule& schedule, const std::vector<Tensor>& args,
                                                  const BuildOptions& options = {});
[[nodiscard]] ir::PassContext pass_context(const codegen::Target& target);

}  // namespace tc
