#include "tc/runtime/module.h"

#include <dlfcn.h>

#include <climits>
#include <string_view>
#include <utility>

namespace tc::runtime {

struct Library {
  void* handle = nullptr;
  std::string path;
  // A library may carry a runtime of its own; its errors are then there.
  const char* (*last_error)() = nullptr;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle != nullptr) dlclose(handle);
  }
};

namespace {

Status failed(std::string code, std::string_view sentence, std::string_view facts) {
  std::string text = "error[" + code + "]: ";
  text.append(sentence).append(facts);
  return {std::move(code), std::move(text)};
}

/// dlerror() as a fact, newlines and all; "" if there is none.
std::string loader_fact() {
  const char* reason = dlerror();
  return reason != nullptr ? std::string("\n  loader  ") + reason : std::string();
}

/// A compiled library takes tc_parallel_for and its like from the process. Where the
/// runtime came along with a plug-in (a Python module), it is not among what the
/// process offers until it is opened again as such.
void offer_runtime() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&tc_parallel_for), &self) == 0 || self.dli_fname == nullptr) return;
  static void* const kept = dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
  (void)kept;
  dlerror();  // an executable is offered as it is
}

}  // namespace

Status status_of_error_text(const char* text) {
  const std::string_view view = text != nullptr ? text : "";
  constexpr std::string_view kStart = "error[";
  const size_t end = view.find(']');
  if (!view.starts_with(kStart) || end == std::string_view::npos || end == kStart.size()) {
    return {"runtime.failed",
            view.empty() ? "error[runtime.failed]: the function failed without a reason\n  fix  see what the "
                           "function calls: an extern function, or a loop body, returned non-zero"
                         : std::string(view)};
  }
  return {std::string(view.substr(kStart.size(), end - kStart.size())), std::string(view)};
}

Status Module::load(const std::string& path, Module* module) {
  auto library = std::make_shared<Library>();
  library->path = path;
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  offer_runtime();
  library->handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) {
    return failed("runtime.module.open", "cannot load " + path,
                  loader_fact() + "\n  fix     give the path of a shared library compiled for this machine");
  }
  library->last_error = reinterpret_cast<const char* (*)()>(dlsym(library->handle, "tc_last_error"));
  if (library->last_error == nullptr) library->last_error = tc_last_error;
  module->library_ = std::move(library);
  return {};
}

Status Module::find(const std::string& name, Function* function) const {
  if (!valid()) return failed("runtime.module.open", "no library is loaded", "");
  dlerror();  // forget older failures
  void* entry = dlsym(library_->handle, name.c_str());
  void* spec = entry != nullptr ? dlsym(library_->handle, (name + "_spec").c_str()) : nullptr;
  if (spec == nullptr) {
    const std::string missing = entry == nullptr ? name : name + "_spec";
    return failed("runtime.module.symbol", library_->path + " has no symbol " + missing,
                  loader_fact() + "\n  fix     ask for a function that this library was compiled from");
  }
  const auto* description = static_cast<const tc_func_spec*>(spec);
  if (description->abi_version != TC_ABI_VERSION) {
    return failed("runtime.abi",
                  name + " was compiled for runtime ABI " + std::to_string(description->abi_version) +
                      ", the runtime has " + std::to_string(TC_ABI_VERSION),
                  "\n  fix  compile it again with the tc that the runtime came with");
  }
  function->library_ = library_;
  function->entry_ = reinterpret_cast<Function::Entry>(entry);
  function->spec_ = description;
  return {};
}

Status Function::call(std::span<const DLTensor* const> args) const {
  if (!valid()) return failed("runtime.module.symbol", "the function was not found", "");
  const auto count = static_cast<int32_t>(args.size() > INT32_MAX ? INT32_MAX : args.size());
  if (entry_(args.data(), count) == 0) return {};
  return status_of_error_text(library_->last_error());
}

}  // namespace tc::runtime
