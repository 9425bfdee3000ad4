// The table of MachineConfig's numbers: names, ranges, meaning. Private to runtime/isa.
#pragma once
#include <span>
#include <string_view>

#include "tc/isa/config.h"

namespace tc::isa::detail {

struct ConfigField {
  std::string_view name;
  int64_t MachineConfig::* member;
  int64_t min, max;
  std::string_view doc;
};

[[nodiscard]] std::span<const ConfigField> config_fields();

}  // namespace tc::isa::detail
