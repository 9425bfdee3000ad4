#include "tc/support/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tc {
namespace {

constexpr std::array<std::string_view, 14> kKindNames = {
    "te",  "schedule", "lower", "ir",  "codegen", "runtime", "autotune",
    "log", "workload", "isa",   "sim", "cli",     "io",      "internal"};

ErrorKind kind_of(std::string_view code) {
  const std::string_view head = code.substr(0, code.find('.'));
  const auto it = std::find(kKindNames.begin(), kKindNames.end(), head);
  return it == kKindNames.end() ? ErrorKind::internal : static_cast<ErrorKind>(it - kKindNames.begin());
}

void append_indented(std::string& out, std::string_view text, std::string_view indent) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out += fmt::format("\n{}{}", indent, text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string_view to_string(ErrorKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

Error::Error(std::string code, std::string message)
    : kind_(kind_of(code)), code_(std::move(code)), message_(std::move(message)) {
  render();
}

Error&& Error::fact(std::string name, std::string value) && {
  facts_.emplace_back(std::move(name), std::move(value));
  render();
  return std::move(*this);
}

Error&& Error::fix(std::string how) && {
  fix_ = std::move(how);
  render();
  return std::move(*this);
}

Error&& Error::excerpt(std::string text) && {
  excerpt_ = std::move(text);
  render();
  return std::move(*this);
}

std::string Error::fact_of(std::string_view name) const {
  for (const auto& [key, value] : facts_)
    if (key == name) return value;
  return "";
}

void Error::render() {
  size_t width = fix_.empty() ? 0 : 3;
  for (const auto& [key, value] : facts_) width = std::max(width, key.size());
  text_ = fmt::format("error[{}]: {}", code_, message_);
  for (const auto& [key, value] : facts_) {
    std::string lines;
    append_indented(lines, value, std::string(width + 4, ' '));
    text_ +=
        fmt::format("\n  {:<{}}  {}", key, width, lines.size() > width + 5 ? lines.substr(width + 5) : "");
  }
  append_indented(text_, excerpt_, "    ");
  if (!fix_.empty()) text_ += fmt::format("\n  {:<{}}  {}", "fix", width, fix_);
}

namespace detail {
void assert_failed(const char* condition, const char* file, int line, const std::string& note) {
  const std::string_view path(file);
  const size_t slash = path.find_last_of('/');
  throw Error("internal.assert", fmt::format("a bug in tc: {} does not hold", condition))
      .fact("at", fmt::format("{}:{}", path.substr(slash == std::string_view::npos ? 0 : slash + 1), line))
      .fact("note", note)
      .fix("please report this with the program that caused it");
}
}  // namespace detail

}  // namespace tc
