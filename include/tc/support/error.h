// The one error type of tc. It says what, where, what was expected, what was
// got and how to fix it, in the user's words. Not for control flow inside a
// pass: an invariant of ours that breaks is an `internal` error (TC_ASSERT).
#pragma once
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tc {

/// Who must act on an error: the user (each kind names a part of tc) or us.
enum class ErrorKind {
  te,
  schedule,
  lower,
  ir,
  codegen,
  runtime,
  autotune,
  log,
  workload,
  isa,
  sim,
  cli,
  io,
  internal
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

/// One problem. `code` is stable and listed in docs/errors.md, e.g.
/// "schedule.vectorize.reduce"; its first word is the kind. `facts` are
/// printed in order, one a line ("stage  C"); `excerpt` is program text with
/// carets or arrows, printed between the facts and the fix.
class Error : public std::exception {
 public:
  Error(std::string code, std::string message);

  Error&& fact(std::string name, std::string value) &&;
  Error&& fix(std::string how) &&;
  Error&& excerpt(std::string text) &&;

  [[nodiscard]] ErrorKind kind() const { return kind_; }
  [[nodiscard]] const std::string& code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& facts() const { return facts_; }
  [[nodiscard]] const std::string& how_to_fix() const { return fix_; }
  [[nodiscard]] const std::string& excerpt_text() const { return excerpt_; }
  /// The value of a fact, or "" if the error has none of that name.
  [[nodiscard]] std::string fact_of(std::string_view name) const;
  /// The whole text, several lines, no trailing newline:
  ///   error[schedule.vectorize.reduce]: vectorizing k would race on C
  ///     stage  C
  ///     fix    vectorize x, or rfactor k first
  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  void render();
  ErrorKind kind_;
  std::string code_, message_, fix_, excerpt_, text_;
  std::vector<std::pair<std::string, std::string>> facts_;
};

/// A value or the Error that explains its absence: what search code, which
/// must not throw, gets from a legality check.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::move(value)) {}      // NOLINT(implicit)
  Expected(Error error) : state_(std::move(error)) {}  // NOLINT(implicit)
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  /// The value; throws the Error where there is none.
  T& value() & {
    if (!ok()) throw std::get<1>(state_);
    return std::get<0>(state_);
  }
  const T& value() const& {
    if (!ok()) throw std::get<1>(state_);
    return std::get<0>(state_);
  }
  /// By value, so that nothing dangles in `for (auto& x : f().value())`.
  T value() && {
    if (!ok()) throw std::get<1>(state_);
    return std::get<0>(std::move(state_));
  }
  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// No error, or the one that was found.
using Check = std::optional<Error>;

namespace detail {
[[noreturn]] void assert_failed(const char* condition, const char* file, int line, const std::string& note);
}

}  // namespace tc

/// What users do wrong: throws the Error given if the condition is false.
#define TC_REQUIRE(condition, ...)       \
  do {                                   \
    if (!(condition)) throw __VA_ARGS__; \
  } while (0)

/// What we did wrong: throws an `internal` Error naming the place.
#define TC_ASSERT(condition, ...)                                                                            \
  do {                                                                                                       \
    if (!(condition)) ::tc::detail::assert_failed(#condition, __FILE__, __LINE__, std::string(__VA_ARGS__)); \
  } while (0)
