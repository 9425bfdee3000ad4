// IR text as tokens, and errors that point into it. Private to lib/ir.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tc/support/error.h"

namespace tc::ir::text {

/// A name (words joined by dots), a number, an operator or the end.
struct Token {
  enum class Kind : uint8_t { word, number, punct, end };
  Kind kind = Kind::end;
  size_t at = 0;  // offset in the text
  std::string_view text;
};

/// The text under parsing and its name, for messages.
struct Source {
  std::string_view text, file;

  /// The error `code` at an offset, with the place, the line and a caret under
  /// `width` characters.
  [[nodiscard]] Error error(std::string code, std::string message, size_t at, size_t width = 1) const;
  /// `e` with the place and the line added, for errors that makers report.
  [[nodiscard]] Error located(const Error& e, size_t at, size_t width) const;
};

/// All tokens, the end last. Comments run from // to the end of the line.
/// Throws ir.parse at a character that no token starts with.
[[nodiscard]] std::vector<Token> tokenize(const Source& source);

/// "')'" or "the end of the text", for messages.
[[nodiscard]] std::string describe(const Token& token);

/// The item of `known` nearest to `word`, or "" where none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tc::ir::text
