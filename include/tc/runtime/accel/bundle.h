// A function for the accelerator as files, run without the compiler: its programs, a shared
// library with the parts that run on the host, and a list of what runs in which order.
//
//   tc-bundle 1                        the first line; of a newer version nothing else is read
//   name mm
//   library libmm.so                   where some part runs on the host
//   arg A i8 input 5x7                 arguments in order; "scalar" for no extents
//   arg C i8 output 5x6
//   buffer Ap 56                       what the parts pass on: name and bytes
//   host mm_0 A Ap                     a function of the library, and its arguments
//   device mm.mm_1.prog Ap O           a program file, and the buffers that are its regions
//   end 2                              the number of host and device lines
//
// Files lie beside the list. Running foreign code cannot be made safe: load only what you trust.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tc/runtime/accel/executable.h"
#include "tc/runtime/dlpack.h"

namespace tc::accel {

/// An argument, as the list has it.
struct BundleArg {
  std::string name, dtype;
  std::vector<int64_t> shape;
  bool is_output = false;
};

/// A loaded function. Copies share it; calls may come from any thread.
class Bundle {
 public:
  /// Reads PATH, the list that Function::export_to writes as NAME.bundle. Errors:
  /// runtime.accel.bundle (the list is malformed, with the line, or does not fit the files
  /// beside it), runtime.accel.file (a file cannot be read), and those of isa::load,
  /// runtime::Module and Executable::load.
  [[nodiscard]] static Expected<Bundle> load(const std::string& path);

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::vector<BundleArg>& args() const;
  /// Checks the arguments (runtime.arg.*) and runs all parts; those of the device as the
  /// options say. Errors of a part as Executable::run, or as the host's function says.
  [[nodiscard]] Check run(std::span<const DLTensor* const> args, const sim::RunOptions& options = {}) const;

 private:
  struct State;
  explicit Bundle(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  friend class BundleReader;
  std::shared_ptr<const State> state_;
};

}  // namespace tc::accel
