// Whole modules as files, for export.cpp. Defined in lib/codegen/llvm. Private.
#pragma once
#include <string>
#include <vector>

#include "tc/codegen/export.h"

namespace tc::codegen {

/// Each throws tc::Error.
std::string module_object(const std::vector<ExportFunc>& funcs, const Target& target);
std::string module_assembly(const std::vector<ExportFunc>& funcs, const Target& target);
std::string module_text(const std::vector<ExportFunc>& funcs, const Target& target);

}  // namespace tc::codegen
