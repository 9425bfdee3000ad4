// Text built in a fixed buffer: what error messages are made with in the part
// of the runtime that C programs link, which must not need libstdc++.
#pragma once
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace tc::runtime {

/// Zero-terminated text of at most 2047 bytes; what does not fit is cut.
class Text {
 public:
  [[nodiscard]] const char* c_str() const { return chars_; }
  [[nodiscard]] size_t size() const { return size_; }
  void clear() { chars_[size_ = 0] = '\0'; }

  __attribute__((format(printf, 2, 3))) void append(const char* format, ...) {
    va_list values;
    va_start(values, format);
    const int written = vsnprintf(chars_ + size_, sizeof chars_ - size_, format, values);
    va_end(values);
    if (written > 0) size_ += static_cast<size_t>(written);
    if (size_ >= sizeof chars_) size_ = sizeof chars_ - 1;
  }

 private:
  char chars_[2048] = {};
  size_t size_ = 0;
};

/// One line under an error's sentence.
struct Fact {
  const char* name;
  const char* value;
};

/// Makes the calling thread's newest error: "error[code]: sentence", then each
/// fact indented on a line of its own, names padded to the longest one. Facts
/// whose value is null or empty are left out.
void set_error(const char* code, const char* sentence, const Fact* facts, int num_facts);

/// Makes the whole text of another thread's error the calling thread's.
void adopt_error(const char* text);

}  // namespace tc::runtime
