#include "tc/support/source_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace tc {

std::string printable(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c < ' ' || c > '~') c = c == '\t' ? ' ' : '?';
  return out;
}

Error SourceText::error(std::string code, std::string message, size_t at, size_t width) const {
  return located(Error(std::move(code), std::move(message)), at, width);
}

Error SourceText::located(const Error& e, size_t at, size_t width) const {
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

}  // namespace tc
