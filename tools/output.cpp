#include "output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace tc::cli {
namespace {

bool colours() {
  const char* no = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) && !(no && *no);
}

// Width in columns of UTF-8 text, one a code point.
size_t columns(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void note(std::string_view text) { fmt::print(stderr, "{}\n", text); }

void print_json(const Json& json) {
  print(json.dump(2, ' ', false, Json::error_handler_t::replace));
  print("\n");
}

Json to_json(const Error& e) {
  Json facts = Json::object();
  for (const auto& [name, value] : e.facts()) facts[name] = value;
  return {{"code", e.code()},
          {"kind", std::string(to_string(e.kind()))},
          {"message", e.message()},
          {"facts", std::move(facts)},
          {"excerpt", e.excerpt_text()},
          {"fix", e.how_to_fix()},
          {"text", e.str()}};
}

void print_error(const Error& error, bool json, int exit) {
  if (json) {
    print_json({{"error", to_json(error)}, {"exit", exit}});
    return;
  }
  const std::string& text = error.str();
  const size_t head = std::min(text.find(']'), text.size() - 1) + 1;  // "error[code]"
  if (colours())
    fmt::print(stderr, "\x1b[1;31m{}\x1b[0m{}\n", text.substr(0, head), text.substr(head));
  else
    note(text);
}

int exit_of(const Error& error) {
  const std::string& code = error.code();
  const auto starts = [&](std::string_view prefix) { return code.rfind(prefix, 0) == 0; };
  if (starts("cli.memory") || starts("cli.worker")) return kFailed;
  if (starts("cli.")) return kUsage;
  if (starts("log.open") || starts("log.write")) return kFailed;
  if (starts("io.read") || starts("codegen.target") || starts("autotune.options") ||
      starts("autotune.search."))
    return kInvalidInput;
  switch (error.kind()) {
    case ErrorKind::te:
    case ErrorKind::workload:
    case ErrorKind::schedule:
    case ErrorKind::ir:
    case ErrorKind::log:
    case ErrorKind::isa:
    case ErrorKind::sim:
      return kInvalidInput;
    default:
      return kFailed;
  }
}

int terminal_width() {
  if (!::isatty(STDERR_FILENO)) return 0;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string Table::str() const {
  std::vector<size_t> width;
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i >= width.size()) width.push_back(0);
      width[i] = std::max(width[i], columns(row[i]));
    }
  std::string out;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      const std::string& cell = rows_[r][i];
      const std::string pad(width[i] - columns(cell), ' ');
      const bool left = std::find(left_.begin(), left_.end(), i) != left_.end();
      line += (i ? "  " : "") + (left ? cell + pad : pad + cell);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (r == 0) {
      size_t total = width.empty() ? 0 : 2 * (width.size() - 1);
      for (const size_t w : width) total += w;
      out += std::string(total, '-') + "\n";
    }
  }
  return out;
}

std::string speed_text(double v) {
  if (!std::isfinite(v) || v <= 0) return "-";
  return v >= 100 ? fmt::format("{:.0f}", v) : v >= 10 ? fmt::format("{:.1f}", v) : fmt::format("{:.2f}", v);
}

std::string time_text(double ns) {
  if (!std::isfinite(ns)) return "-";
  if (ns < 1e3) return fmt::format("{} ns", speed_text(ns));
  if (ns < 1e6) return fmt::format("{} us", speed_text(ns * 1e-3));
  if (ns < 1e9) return fmt::format("{} ms", speed_text(ns * 1e-6));
  return fmt::format("{} s", speed_text(ns * 1e-9));
}

std::string cost_text(double ns, bool accel) {
  if (!accel || !std::isfinite(ns)) return time_text(ns);
  return fmt::format("{:.0f} cycles", ns);
}

}  // namespace tc::cli
