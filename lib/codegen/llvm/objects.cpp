#include "../objects.h"

#include "codegen.h"

namespace tc::codegen {

namespace {
std::string generate_verified(const std::vector<ExportFunc>& funcs, const Target& target, Output output) {
  return generate(emit_module(funcs, target), target, output, true);  // not on any hot path
}
}  // namespace

std::string module_object(const std::vector<ExportFunc>& funcs, const Target& target) {
  return generate_verified(funcs, target, Output::object);
}
std::string module_assembly(const std::vector<ExportFunc>& funcs, const Target& target) {
  return generate_verified(funcs, target, Output::assembly);
}
std::string module_text(const std::vector<ExportFunc>& funcs, const Target& target) {
  return generate_verified(funcs, target, Output::llvm);
}

}  // namespace tc::codegen
