#include "lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

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

// Text of a hostile line as printable ASCII.
std::string printable(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c < ' ' || c > '~') c = c == '\t' ? ' ' : '?';
  return out;
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

Error Source::error(std::string code, std::string message, size_t at, size_t width) const {
  return located(Error(std::move(code), std::move(message)), at, width);
}

Error Source::located(const Error& e, size_t at, size_t width) const {
  at = std::min(at, text.size());
  // an error at the end of the text stands behind the last character that says something
  if (at == text.size())
    while (at > 0 &&
           (text[at - 1] == '\n' || text[at - 1] == ' ' || text[at - 1] == '\t' || text[at - 1] == '\r'))
      --at;
  const std::string_view before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const size_t column = at - start;
  std::string_view shown = text.substr(start, std::min(text.find('\n', start), text.size()) - start);
  // of a long line, the part around the caret
  const size_t skip = column > 80 ? column - 60 : 0;
  shown = shown.substr(std::min(skip, shown.size()), 110);
  const std::string number = fmt::format("{}", line);
  const size_t carets =
      std::max<size_t>(1, std::min(width, shown.size() > column - skip ? shown.size() - (column - skip) : 1));
  std::string excerpt = fmt::format(
      "{} | {}{}\n{} | {}{}", number, skip ? "..." : "", printable(shown), std::string(number.size(), ' '),
      std::string(column - skip + (skip ? 3 : 0), ' '), std::string(carets, '^'));
  Error out = Error(e.code(), e.message())
                  .fact("at", fmt::format("{}:{}:{}", file, line, column + 1))
                  .excerpt(std::move(excerpt));
  for (const auto& [name, value] : e.facts()) (void)std::move(out).fact(name, value);
  if (!e.how_to_fix().empty()) (void)std::move(out).fix(e.how_to_fix());
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return "";
  size_t best = word.size() / 2 + 1;  // more changes than this is no resemblance
  std::string found;
  for (const std::string& candidate : known) {
    if (candidate.size() > 64) continue;
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t next =
            std::min({row[j] + 1, row[j - 1] + 1, diagonal + (word[i - 1] != candidate[j - 1])});
        diagonal = std::exchange(row[j], next);
      }
    }
    if (row.back() < best) {
      best = row.back();
      found = candidate;
    }
  }
  return found;
}

}  // namespace tc::ir::text
