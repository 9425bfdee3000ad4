// IR text as tokens, and errors that point into it. Private to lib/ir.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tc/support/source_text.h"

namespace tc::ir::text {

/// A name (words joined by dots), a number, an operator or the end.
struct Token {
  enum class Kind : uint8_t { word, number, punct, end };
  Kind kind = Kind::end;
  size_t at = 0;  // offset in the text
  std::string_view text;
};

using Source = SourceText;

/// All tokens, the end last. Comments run from // to the end of the line.
/// Throws ir.parse at a character that no token starts with.
[[nodiscard]] std::vector<Token> tokenize(const Source& source);

/// "')'" or "the end of the text", for messages.
[[nodiscard]] std::string describe(const Token& token);

}  // namespace tc::ir::text
