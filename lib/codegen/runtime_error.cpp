#include "runtime_error.h"

#include <algorithm>

#include "tc/runtime/c_api.h"

namespace tc::codegen {

Error runtime_error() {
  const std::string_view text = tc_last_error();
  const size_t open = text.find('['), close = text.find("]: ");
  if (open == std::string_view::npos || close == std::string_view::npos)
    return Error("runtime.call", std::string(text));
  const size_t line = text.find('\n');
  Error e(std::string(text.substr(open + 1, close - open - 1)),
          std::string(text.substr(close + 3, line == std::string_view::npos ? line : line - close - 3)));
  std::string_view rest = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view fact = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    fact.remove_prefix(std::min(fact.find_first_not_of(' '), fact.size()));
    const size_t gap = fact.find("  ");
    if (gap == std::string_view::npos) continue;
    std::string name(fact.substr(0, gap)), value(fact.substr(fact.find_first_not_of(' ', gap)));
    if (name == "fix")
      (void)std::move(e).fix(std::move(value));  // both change e in place
    else
      (void)std::move(e).fact(std::move(name), std::move(value));
  }
  return e;
}

}  // namespace tc::codegen
