// An object in memory made executable. Private.
#pragma once
#include <memory>
#include <string>

namespace tc::codegen {

/// Code and data of one object, mapped for as long as this lives: code is
/// read-only once it may be executed, data never executable.
class LoadedObject {
 public:
  /// Throws codegen.link where the object is broken or needs a symbol that
  /// generated code may not use.
  static std::shared_ptr<const LoadedObject> load(const std::string& object);
  ~LoadedObject();
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;
  /// The address of a symbol of the object; null if there is none.
  [[nodiscard]] void* symbol(const std::string& name) const;

 private:
  struct Impl;
  explicit LoadedObject(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tc::codegen
