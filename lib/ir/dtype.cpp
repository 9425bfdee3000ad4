#include "tc/ir/dtype.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace tc::ir {
namespace {
constexpr std::array<std::pair<std::string_view, DType>, 13> kNames = {{{"f64", kF64},
                                                                        {"f32", kF32},
                                                                        {"f16", kF16},
                                                                        {"bf16", kBF16},
                                                                        {"i64", kI64},
                                                                        {"i32", kI32},
                                                                        {"i16", kI16},
                                                                        {"i8", kI8},
                                                                        {"u64", kU64},
                                                                        {"u32", kU32},
                                                                        {"u16", kU16},
                                                                        {"u8", kU8},
                                                                        {"bool", kBool}}};
constexpr std::array<std::pair<std::string_view, DType>, 12> kNumpyNames = {{{"float64", kF64},
                                                                             {"float32", kF32},
                                                                             {"float16", kF16},
                                                                             {"bfloat16", kBF16},
                                                                             {"int64", kI64},
                                                                             {"int32", kI32},
                                                                             {"int16", kI16},
                                                                             {"int8", kI8},
                                                                             {"uint64", kU64},
                                                                             {"uint32", kU32},
                                                                             {"uint16", kU16},
                                                                             {"uint8", kU8}}};
}  // namespace

std::string to_string(DType type) {
  for (const auto& [name, t] : kNames)
    if (t == type.element())
      return type.lanes == 1 ? std::string(name) : fmt::format("{}x{}", name, type.lanes);
  return fmt::format("?{}x{}", type.bits, type.lanes);
}

std::optional<DType> parse_dtype(std::string_view text) {
  int lanes = 1;
  if (const size_t x = text.rfind('x'); x != std::string_view::npos) {
    const char* end = text.data() + text.size();
    const auto [p, error] = std::from_chars(text.data() + x + 1, end, lanes);
    if (error != std::errc() || p != end || lanes < 1 || lanes > 4096) return std::nullopt;
    text = text.substr(0, x);
  }
  for (const auto& [name, type] : kNames)
    if (name == text) return type.with_lanes(lanes);
  for (const auto& [name, type] : kNumpyNames)
    if (name == text) return type.with_lanes(lanes);
  return std::nullopt;
}

int64_t min_of(DType type) {
  if (type.is_bool() || type.code == TypeCode::uint) return 0;
  return type.bits == 64 ? std::numeric_limits<int64_t>::min() : -(int64_t{1} << (type.bits - 1));
}
int64_t max_of(DType type) {
  if (type.is_bool()) return 1;
  const int bits = type.is_signed() ? type.bits - 1 : type.bits;
  return bits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << bits) - 1;
}

}  // namespace tc::ir
