#include "lexer.h"

#include <fmt/format.h>

#include <array>

namespace tc::ir::text {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// The length of the word at `s`: letters, digits, _ and dots before a letter.
size_t word_length(std::string_view s) {
  size_t n = 0;
  while (n < s.size() &&
         (is_letter(s[n]) || is_digit(s[n]) || (s[n] == '.' && n + 1 < s.size() && is_letter(s[n + 1]))))
    ++n;
  return n;
}

size_t number_length(std::string_view s) {
  size_t n = 0;
  const auto digits = [&] {
    while (n < s.size() && is_digit(s[n])) ++n;
  };
  if (s.starts_with("0x") || s.starts_with("0X")) {
    n = 2;
    while (n < s.size() && is_hex(s[n])) ++n;
    return n;
  }
  digits();
  if (n + 1 < s.size() && s[n] == '.' && is_digit(s[n + 1])) {
    ++n;
    digits();
  }
  if (n < s.size() && (s[n] == 'e' || s[n] == 'E')) {
    const size_t before = n++;
    if (n < s.size() && (s[n] == '+' || s[n] == '-')) ++n;
    const size_t first = n;
    digits();
    if (n == first) n = before;
  }
  return n;
}

size_t punct_length(std::string_view s) {
  static constexpr std::array<std::string_view, 9> kTwo = {
      "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "->"};
  for (const std::string_view p : kTwo)
    if (s.starts_with(p)) return 2;
  return std::string_view("+-*/%<>=!~&|^()[]{},:;.").find(s[0]) == std::string_view::npos ? 0 : 1;
}

}  // namespace

std::vector<Token> tokenize(const Source& source) {
  std::vector<Token> tokens;
  const std::string_view text = source.text;
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
      continue;
    }
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("//")) {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    Token t{Token::Kind::punct, i, {}};
    size_t n = 0;
    if (is_letter(c)) {
      t.kind = Token::Kind::word;
      n = word_length(rest);
    } else if (is_digit(c)) {
      t.kind = Token::Kind::number;
      n = number_length(rest);
    } else {
      n = punct_length(rest);
    }
    if (n == 0)
      throw source
          .error("ir.parse", fmt::format("unexpected character '{}'", printable(rest.substr(0, 1))), i)
          .fix("remove it");
    t.text = rest.substr(0, n);
    tokens.push_back(t);
    i += n;
  }
  tokens.push_back({Token::Kind::end, text.size(), {}});
  return tokens;
}

std::string describe(const Token& token) {
  if (token.kind == Token::Kind::end) return "the end of the text";
  return fmt::format("'{}'", token.text.size() > 40 ? std::string(token.text.substr(0, 40)) + "..."
                                                    : std::string(token.text));
}

}  // namespace tc::ir::text
