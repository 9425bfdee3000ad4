// What tensorc prints: JSON, tables, errors, and how much of a terminal there is.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "command.h"

namespace tc::cli {

/// Text as it is, to stdout or stderr.
void print(std::string_view text);
void note(std::string_view text);  // to stderr, with a newline

/// One object, indented, with a newline. What is not finite becomes null.
void print_json(const Json& json);

/// {"code", "kind", "message", "facts", "excerpt", "fix", "text"}.
[[nodiscard]] Json to_json(const Error& error);
/// The error on stderr, or with `json` as {"error": ..., "exit": code} on stdout.
void print_error(const Error& error, bool json, int exit);
/// The exit code that an error of this code stands for.
[[nodiscard]] int exit_of(const Error& error);

/// Columns of stderr; 0 where it is no terminal.
[[nodiscard]] int terminal_width();

/// A table of text cells: the first column to the left, others to the right
/// unless `left` names them.
class Table {
 public:
  explicit Table(std::vector<std::string> header, std::vector<size_t> left = {0}) : left_(std::move(left)) {
    rows_.push_back(std::move(header));
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// With a line below the header and a newline at the end.
  [[nodiscard]] std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> left_;
};

/// "812 us", "1.24 ms": three digits.
[[nodiscard]] std::string time_text(double ns);
/// The cost in a record, for people: time, or the cycles of an accelerator, recorded as nanoseconds.
[[nodiscard]] std::string cost_text(double ns, bool accel);
/// Three significant digits; "-" where it is not finite or not positive.
[[nodiscard]] std::string speed_text(double value);

}  // namespace tc::cli
