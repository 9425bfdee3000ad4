// Names that stand bare in assembly text. Private to runtime/isa.
#pragma once
#include <algorithm>
#include <string_view>

namespace tc::isa::detail {

/// Letters, digits, . _ - + ; 1 to 64 of them.
[[nodiscard]] inline bool is_name(std::string_view s) {
  return !s.empty() && s.size() <= 64 && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '+';
  });
}

}  // namespace tc::isa::detail
