// Text that is parsed, and errors that point into it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tc/support/error.h"

namespace tc {

/// The text under parsing and its name, for messages.
struct SourceText {
  std::string_view text, file;

  /// The error `code` at an offset, with the place, the line and a caret under
  /// `width` characters.
  [[nodiscard]] Error error(std::string code, std::string message, size_t at, size_t width = 1) const;
  /// `e` with the place and the line added, for errors that makers report.
  [[nodiscard]] Error located(const Error& e, size_t at, size_t width) const;
};

/// Text of a hostile line as printable ASCII.
[[nodiscard]] std::string printable(std::string_view s);

/// The item of `known` nearest to `word`, or "" where none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tc
