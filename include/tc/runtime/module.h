// Loads a library that was compiled ahead of time, and calls its functions.
// Programs in C use dlopen themselves: a function is NAME and its description
// NAME_spec (see c_api.h).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tc/runtime/c_api.h"
#include "tc/runtime/status.h"

namespace tc::runtime {

/// An open library; the last Module or Function that refers to it closes it.
struct Library;

/// A compiled function. Copies are cheap, outlive the Module, and may be called
/// from several threads at once on different outputs.
class Function {
 public:
  Function() = default;
  [[nodiscard]] bool valid() const { return entry_ != nullptr; }
  /// What the function expects. Only where valid().
  [[nodiscard]] const tc_func_spec& spec() const { return *spec_; }
  /// Calls the function, which checks the arguments itself. The order is that
  /// of spec().args. A refusal is the function's error.
  Status call(std::span<const DLTensor* const> args) const;

 private:
  friend class Module;
  using Entry = int32_t (*)(const DLTensor* const*, int32_t);
  std::shared_ptr<const Library> library_;
  Entry entry_ = nullptr;
  const tc_func_spec* spec_ = nullptr;
};

/// A loaded library, or none.
class Module {
 public:
  /// Opens a shared library, privately and with all symbols resolved. A path
  /// without '/' names a file of the working directory; no search path is used.
  /// Running foreign code cannot be made safe: load only what you trust.
  /// Errors: runtime.module.open.
  static Status load(const std::string& path, Module* module);
  [[nodiscard]] bool valid() const { return library_ != nullptr; }
  /// Finds a function by name. Errors: runtime.module.symbol (no such function,
  /// or no description beside it), runtime.abi (another ABI version).
  Status find(const std::string& name, Function* function) const;

 private:
  std::shared_ptr<const Library> library_;
};

}  // namespace tc::runtime
