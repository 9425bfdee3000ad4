// Compiling a function into this process. Generated code lives as long as a
// Kernel refers to it, in pages that are writable or executable, never both.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tc/codegen/abi.h"
#include "tc/codegen/cache.h"
#include "tc/codegen/target.h"
#include "tc/ir/stmt.h"
#include "tc/runtime/dlpack.h"

namespace tc::codegen {

struct CompileOptions {
  bool use_cache = true;               ///< look in the object cache, and publish to it
  std::shared_ptr<ObjectCache> cache;  ///< null: ObjectCache::shared()
#ifdef NDEBUG
  bool verify = false;  ///< check the LLVM IR before code generation
#else
  bool verify = true;
#endif
};

/// A function that is brought to target form only where that is needed: not when the
/// cache has its object. `func` (in any form) and the target decide what `target_form`
/// gives, for this build of tc.
struct Source {
  ir::FuncRef func;
  std::function<Expected<ir::FuncRef>()> target_form;
};

/// Where a kernel came from and what it cost, in milliseconds.
struct CompileStats {
  enum class Source { compiled, memory, disk } source = Source::compiled;
  double key_ms = 0, emit_ms = 0, codegen_ms = 0, link_ms = 0;
  int64_t llvm_instructions = 0;  ///< before code generation; 0 from the cache
  [[nodiscard]] double total_ms() const { return key_ms + emit_ms + codegen_ms + link_ms; }
};

/// A compiled function. Copies share the code; calls may come from any thread.
class Kernel {
 public:
  /// int32_t raw(void* const* data): the function without any check, on pointers
  /// to the first elements in the order of the arguments, then to the values of its sizes,
  /// int64_t, in the order of abi().sizes(). Non-zero where
  /// workspace could not be had or a parallel loop failed.
  using Raw = int32_t (*)(void* const* data);
  using Entry = int32_t (*)(const DLTensor* const* args, int32_t n);

  /// Checks the arguments (runtime.arg.* and runtime.abi errors), then runs.
  [[nodiscard]] Check run(std::span<const DLTensor* const> args) const;
  /// As run, throwing the error.
  void operator()(std::span<const DLTensor* const> args) const;

  [[nodiscard]] Raw raw() const;
  [[nodiscard]] Entry entry() const;
  [[nodiscard]] const std::string& name() const;  ///< stem of the symbols
  [[nodiscard]] const AbiSpec& abi() const;
  [[nodiscard]] const Target& target() const;
  [[nodiscard]] const CompileStats& stats() const;
  [[nodiscard]] const std::string& object() const;  ///< the relocatable ELF object
  /// The function in target form; made now if the object came from the cache without it.
  [[nodiscard]] ir::FuncRef func() const;
  /// Texts, made anew at each call.
  [[nodiscard]] std::string llvm_ir() const;
  [[nodiscard]] std::string assembly() const;

 private:
  struct State;
  explicit Kernel(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  friend Expected<Kernel> compile(const Source&, const AbiSpec&, const Target&, const CompileOptions&);
  std::shared_ptr<const State> state_;
};

/// Compiles a function in target form and loads it. Errors: codegen.abi,
/// codegen.form (what target form does not allow), codegen.target.*,
/// codegen.llvm, internal.llvm. Safe to call from several threads at once.
[[nodiscard]] Expected<Kernel> compile(const ir::FuncRef& func, const AbiSpec& abi, const Target& target,
                                       const CompileOptions& options = {});

/// The same from a source; also the errors of its target_form.
[[nodiscard]] Expected<Kernel> compile(const Source& source, const AbiSpec& abi, const Target& target,
                                       const CompileOptions& options = {});

/// The texts without loading anything.
enum class Listing { llvm, assembly };
[[nodiscard]] Expected<std::string> listing(const ir::FuncRef& func, const AbiSpec& abi, const Target& target,
                                            Listing what);

}  // namespace tc::codegen
