// A function for the accelerator, compiled: its segments, on the host and on the device,
// and how they are run. Private: users have tc::Function.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tc/codegen/build.h"
#include "tc/codegen/profile.h"
#include "tc/runtime/accel/executable.h"

namespace tc {

class AccelCode {
 public:
  /// Compiles the segments and takes a device of `options.target`'s machine. `abi` tells how the
  /// arguments are checked. Errors: codegen.accel.*, those of codegen::compile and of
  /// accel::Executable::load.
  [[nodiscard]] static Expected<AccelCode> make(const FuncRef& nested, const codegen::AbiSpec& abi,
                                                const BuildOptions& options);

  /// Checks the arguments (runtime.arg.*), then runs the segments in order; with `profile` it
  /// is filled. Any number of threads at once.
  [[nodiscard]] Check run(std::span<const DLTensor* const> args, const sim::RunOptions& options,
                          Profile* profile) const;

  [[nodiscard]] std::vector<DeviceProgram> programs() const;
  /// The segments as nested IR; those of the host in target form; their LLVM; the listings of
  /// the programs. Each after a line that names it.
  [[nodiscard]] std::string segments_text() const;
  [[nodiscard]] std::string target_text() const;
  [[nodiscard]] std::string llvm() const;
  [[nodiscard]] std::string listings() const;
  /// How many segments run on the device and on the host, in a few words.
  [[nodiscard]] std::string summary() const;
  /// The list that accel::Bundle runs, with files of that stem.
  [[nodiscard]] std::string bundle_text(const std::string& stem) const;
  /// The host's segments, for an object file.
  [[nodiscard]] std::vector<codegen::ExportFunc> host_functions() const;

 private:
  // One of the device's inputs or outputs, and the buffer that holds it.
  struct Operand {
    std::string name;
    size_t buffer = 0, bytes = 0;
  };
  struct Step {
    std::string name;
    FuncRef func;                           // nested
    std::vector<size_t> buffers;            // of each parameter: the arguments first, then the intermediates
    std::optional<codegen::Kernel> kernel;  // host
    std::shared_ptr<const isa::Program> program;  // device
    accel::CompileStats stats;
    std::shared_ptr<accel::Executable> executable;
    std::vector<Operand> inputs, outputs;
    [[nodiscard]] bool device() const { return program != nullptr; }
  };
  [[nodiscard]] Check compile_step(Step& step, bool device, const BuildOptions& options);
  [[nodiscard]] Check check_outputs(const Step& step) const;
  [[nodiscard]] Check load_programs();
  [[nodiscard]] Check check_args(std::span<const DLTensor* const> args) const;
  [[nodiscard]] static Expected<sim::RunResult> run_device(const Step& step, std::span<void* const> memory,
                                                           const sim::RunOptions& options);

  codegen::AbiSpec abi_;
  std::string machine_, function_;
  std::vector<std::string> names_;  // of the buffers: the arguments first
  std::vector<Step> steps_;
  std::vector<int64_t> intermediate_bytes_;
};

}  // namespace tc
