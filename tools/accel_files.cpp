#include "accel_files.h"

#include "inputs.h"
#include "tc/isa/assembler.h"

namespace tc::cli {
namespace {
constexpr size_t kMaxConfig = size_t{1} << 20, kMaxProgram = size_t{1} << 30;
}

isa::MachineConfig read_config(const std::string& path) {
  if (path.empty()) return {};
  if (const auto named = isa::builtin_config(path)) return *named;
  return isa::parse_config(read_file(path, kMaxConfig), path).value();
}

isa::Program read_program(const std::string& path, const std::string& config) {
  const std::string contents = read_file(path, kMaxProgram);
  if (path.ends_with(".s")) return isa::assemble(contents, path, read_config(config)).value();
  return isa::load(contents).value();
}

}  // namespace tc::cli
