// A workload is one string, the same in the log, on the command line and in
// error messages: "matmul m=1024 n=1024 k=1024 dtype=f32". This is its grammar
// and its canonical form; what the keys mean, and their defaults, is for the
// operator library to say.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tc/support/error.h"

namespace tc::autotune {

/// `op key=value key=value ...`, separated by spaces. Names start with a letter
/// or '_' and go on with letters, digits, '_', '.' and '-'; a value is a 64-bit
/// integer or such a name.
class Workload {
 public:
  using Value = std::variant<int64_t, std::string>;

  /// Error workload.syntax with carets, workload.duplicate or workload.size.
  [[nodiscard]] static Expected<Workload> parse(std::string_view text);
  /// Builds one in code; the same rules, without text.
  explicit Workload(std::string op) : op_(std::move(op)) {}
  Workload& set(std::string key, Value value);

  [[nodiscard]] const std::string& op() const { return op_; }
  /// In the order written.
  [[nodiscard]] const std::vector<std::pair<std::string, Value>>& args() const { return args_; }
  [[nodiscard]] std::optional<int64_t> get_int(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> get_name(std::string_view key) const;

  /// As written, spaces and integers normalised.
  [[nodiscard]] std::string str() const;
  /// The text that is compared and hashed: keys in byte order.
  [[nodiscard]] std::string canonical() const;
  /// SHA-256 of canonical(), in hex.
  [[nodiscard]] std::string hash() const;

 private:
  std::string op_;
  std::vector<std::pair<std::string, Value>> args_;
};

/// How unlike two workloads are: 0 where equal, the root of the sum of squared
/// log2 ratios of their integers, or nothing where one says nothing about the
/// other (another op, other keys, other names).
[[nodiscard]] std::optional<double> workload_distance(const Workload& a, const Workload& b);

}  // namespace tc::autotune
