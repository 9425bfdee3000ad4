#include "tc/ir/numeric.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "wrap.h"

namespace tc::ir {

int64_t wrap(DType type, int64_t v) {
  if (type.is_bool()) return v != 0;
  if (type.bits == 64) return v;
  const auto u = static_cast<uint64_t>(v) & ((uint64_t{1} << type.bits) - 1);
  if (!type.is_signed()) return static_cast<int64_t>(u);
  const uint64_t sign = uint64_t{1} << (type.bits - 1);
  return static_cast<int64_t>((u ^ sign) - sign);
}

uint16_t to_bf16_bits(float v) {
  auto u = std::bit_cast<uint32_t>(v);
  if (std::isnan(v)) return static_cast<uint16_t>((u >> 16) | 0x40);
  u += 0x7fff + ((u >> 16) & 1);
  return static_cast<uint16_t>(u >> 16);
}
float from_bf16_bits(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t to_f16_bits(float v) {
  const _Float16 h = static_cast<_Float16>(v);
  return std::bit_cast<uint16_t>(h);
}
float from_f16_bits(uint16_t bits) { return static_cast<float>(std::bit_cast<_Float16>(bits)); }

double round_to(DType type, double v) {
  if (type.bits == 64) return v;
  if (type.bits == 32) return static_cast<float>(v);
  if (type.code == TypeCode::bfloat) {
    // through f32 with round-to-odd, so that the two roundings equal one
    float f = static_cast<float>(v);
    if (std::isfinite(f) && static_cast<double>(f) != v) {
      auto u = std::bit_cast<uint32_t>(f);
      if (!(u & 1)) {
        const bool up = (static_cast<double>(f) > v) != (v < 0);  // |f| > |v|: step back towards zero
        u = up ? u - 1 : u + 1;
        if (u & 1) f = std::bit_cast<float>(u);
      }
    }
    return from_bf16_bits(to_bf16_bits(f));
  }
  return static_cast<double>(static_cast<_Float16>(v));
}

int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
int64_t floor_mod(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

namespace {
bool less(DType type, int64_t a, int64_t b) {
  return type.code == TypeCode::uint ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
}
std::optional<int64_t> divide(BinaryOp op, DType type, int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  if (type.code == TypeCode::uint) {
    const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    return static_cast<int64_t>(op == BinaryOp::div ? x / y : x % y);
  }
  if (b == -1) return op == BinaryOp::div ? wrap(type, sub_wrap(0, a)) : 0;  // INT64_MIN / -1 wraps
  return wrap(type, op == BinaryOp::div ? floor_div(a, b) : floor_mod(a, b));
}
}  // namespace

std::optional<int64_t> fold_int(BinaryOp op, DType type, int64_t a, int64_t b) {
  switch (op) {
    case BinaryOp::add:
      return wrap(type, add_wrap(a, b));
    case BinaryOp::sub:
      return wrap(type, sub_wrap(a, b));
    case BinaryOp::mul:
      return wrap(type, mul_wrap(a, b));
    case BinaryOp::div:
    case BinaryOp::mod:
      return divide(op, type, a, b);
    case BinaryOp::min:
      return less(type, a, b) ? a : b;
    case BinaryOp::max:
      return less(type, b, a) ? a : b;
    case BinaryOp::eq:
      return a == b;
    case BinaryOp::ne:
      return a != b;
    case BinaryOp::lt:
      return less(type, a, b);
    case BinaryOp::le:
      return !less(type, b, a);
    case BinaryOp::gt:
      return less(type, b, a);
    case BinaryOp::ge:
      return !less(type, a, b);
    case BinaryOp::and_:
      return a && b;
    case BinaryOp::or_:
      return a || b;
    case BinaryOp::bit_and:
      return a & b;
    case BinaryOp::bit_or:
      return a | b;
    case BinaryOp::bit_xor:
      return wrap(type, a ^ b);
    case BinaryOp::shl:
    case BinaryOp::shr:
      if (b < 0 || b >= type.bits) return std::nullopt;
      if (op == BinaryOp::shl) return wrap(type, static_cast<int64_t>(static_cast<uint64_t>(a) << b));
      return type.is_signed() ? a >> b : static_cast<int64_t>(static_cast<uint64_t>(a) >> b);
  }
  return std::nullopt;
}

double fold_float(BinaryOp op, DType type, double a, double b) {
  const bool wide = type.bits == 64;
  const auto fa = static_cast<float>(a), fb = static_cast<float>(b);
  switch (op) {
    case BinaryOp::add:
      return round_to(type, wide ? a + b : fa + fb);
    case BinaryOp::sub:
      return round_to(type, wide ? a - b : fa - fb);
    case BinaryOp::mul:
      return round_to(type, wide ? a * b : fa * fb);
    case BinaryOp::div:
      return round_to(type, wide ? a / b : fa / fb);
    case BinaryOp::mod: {
      const double r = wide ? std::fmod(a, b) : std::fmod(fa, fb);
      return round_to(type, r != 0 && (r < 0) != (b < 0) ? r + b : r);
    }
    case BinaryOp::min:
      return b < a ? b : a;
    case BinaryOp::max:
      return b > a ? b : a;
    default:
      TC_ASSERT(false, "not a float operation");
      return 0;
  }
}

bool fold_compare(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::eq:
      return a == b;
    case BinaryOp::ne:
      return a != b;
    case BinaryOp::lt:
      return a < b;
    case BinaryOp::le:
      return a <= b;
    case BinaryOp::gt:
      return a > b;
    case BinaryOp::ge:
      return a >= b;
    default:
      TC_ASSERT(false, "not a comparison");
      return false;
  }
}

int64_t float_to_int(DType type, double v) {
  if (type.is_bool()) return v != 0;
  if (std::isnan(v)) return 0;
  v = std::trunc(v);
  if (type.code == TypeCode::uint && type.bits == 64) {
    if (v <= 0) return 0;
    if (v >= 18446744073709551616.0) return -1;
    return static_cast<int64_t>(static_cast<uint64_t>(v));
  }
  const int64_t lo = min_of(type), hi = max_of(type);
  if (v <= static_cast<double>(lo)) return lo;
  if (v >= static_cast<double>(hi)) return hi;
  return static_cast<int64_t>(v);
}

double int_to_float(DType to, DType from, int64_t v) {
  if (from.code == TypeCode::uint && v < 0) {  // a u64 of 2^63 or more
    const auto u = static_cast<uint64_t>(v);
    if (to.bits == 64) return static_cast<double>(u);
    if (to.bits == 32) return static_cast<float>(u);
    return round_to(to, static_cast<double>((u & ~uint64_t{0x7ff}) | ((u & 0x7ff) ? 0x800u : 0u)));
  }
  if (to.bits == 64) return static_cast<double>(v);
  if (to.bits == 32) return static_cast<float>(v);
  // what a double cannot hold is kept as one sticky bit, so that rounding again is exact
  const bool wide = v > (int64_t{1} << 53) || v < -(int64_t{1} << 53);
  return round_to(to, static_cast<double>(wide ? (v & ~int64_t{0x7ff}) | (v & 0x7ff ? 0x800 : 0) : v));
}

}  // namespace tc::ir
