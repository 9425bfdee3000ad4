// The outcome of a runtime call in C++: a value, since the runtime has neither
// exceptions at its boundary nor the compiler's error type.
#pragma once
#include <string>

namespace tc::runtime {

/// Success, or an error: its stable code ("runtime.module.symbol") and its whole
/// text in the form of tc_last_error().
struct [[nodiscard]] Status {
  std::string code, text;
  [[nodiscard]] bool ok() const { return code.empty(); }
  explicit operator bool() const { return ok(); }
};

/// The Status of a newest-error text, whose code is read from its first line;
/// the code is "runtime.failed" where the text names none.
Status status_of_error_text(const char* text);

}  // namespace tc::runtime
