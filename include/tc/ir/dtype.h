// Element types and vectors of them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tc::ir {

enum class TypeCode : uint8_t { int_, uint, float_, bfloat, bool_ };

/// The type of a value: `lanes` elements of `bits` bits each. Texts: f64 f32
/// f16 bf16, i64 i32 i16 i8, u64 u32 u16 u8, bool; vectors as `f32x8`.
struct DType {
  TypeCode code = TypeCode::int_;
  uint8_t bits = 64;
  uint16_t lanes = 1;

  friend constexpr bool operator==(const DType&, const DType&) = default;
  [[nodiscard]] constexpr bool is_float() const {
    return code == TypeCode::float_ || code == TypeCode::bfloat;
  }
  [[nodiscard]] constexpr bool is_int() const { return code == TypeCode::int_ || code == TypeCode::uint; }
  [[nodiscard]] constexpr bool is_signed() const { return code == TypeCode::int_; }
  [[nodiscard]] constexpr bool is_bool() const { return code == TypeCode::bool_; }
  [[nodiscard]] constexpr bool is_scalar() const { return lanes == 1; }
  [[nodiscard]] constexpr DType with_lanes(int n) const { return {code, bits, static_cast<uint16_t>(n)}; }
  [[nodiscard]] constexpr DType element() const { return with_lanes(1); }
  /// Bytes of one element in memory (bool takes one byte).
  [[nodiscard]] constexpr int bytes() const { return bits < 8 ? 1 : bits / 8; }
};

inline constexpr DType kF64{TypeCode::float_, 64, 1}, kF32{TypeCode::float_, 32, 1},
    kF16{TypeCode::float_, 16, 1};
inline constexpr DType kBF16{TypeCode::bfloat, 16, 1};
inline constexpr DType kI64{TypeCode::int_, 64, 1}, kI32{TypeCode::int_, 32, 1}, kI16{TypeCode::int_, 16, 1},
    kI8{TypeCode::int_, 8, 1};
inline constexpr DType kU64{TypeCode::uint, 64, 1}, kU32{TypeCode::uint, 32, 1}, kU16{TypeCode::uint, 16, 1},
    kU8{TypeCode::uint, 8, 1};
inline constexpr DType kBool{TypeCode::bool_, 1, 1};
/// The type of loop variables, indices and extents.
inline constexpr DType kIndex = kI64;

/// "f32", "i8x16".
[[nodiscard]] std::string to_string(DType type);
/// The type that `text` names, or nothing. Also takes numpy's names (float32, int8, ...).
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view text);

/// The least and greatest value of an integer or bool type, as 64-bit signed;
/// u64's greatest does not fit and is given as INT64_MAX.
[[nodiscard]] int64_t min_of(DType type);
[[nodiscard]] int64_t max_of(DType type);

}  // namespace tc::ir
