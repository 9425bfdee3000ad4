#include "tc/runtime/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace tc::runtime {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

float float_of_half(uint16_t half) {
  const uint32_t sign = uint32_t{half} >> 15 << 31;
  const uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t widened = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

/// value / 2^shift, to nearest, ties to even.
uint32_t shift_rounded(uint32_t value, int shift) {
  if (shift > 31) return 0;
  const uint32_t half = 1u << (shift - 1), rest = value & ((1u << shift) - 1), quotient = value >> shift;
  return quotient + (rest > half || (rest == half && (quotient & 1) != 0) ? 1 : 0);
}

uint16_t half_of_float(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t result;
  if (magnitude > 0x7f800000u) {
    result = 0x7e00u;  // NaN
  } else if (magnitude >= 0x477ff000u) {
    result = 0x7c00u;  // 65520 and more round to infinity
  } else if (magnitude >= 0x38800000u) {
    result = shift_rounded(magnitude - (112u << 23), 13);
  } else {  // subnormal: the significand moves right by what the exponent lacks
    const int exponent = static_cast<int>(magnitude >> 23);
    const uint32_t significand = (magnitude & 0x7fffffu) | (exponent > 0 ? 0x800000u : 0);
    result = shift_rounded(significand, 126 - (exponent > 0 ? exponent : 1));
  }
  return static_cast<uint16_t>(sign | result);
}

uint16_t bfloat_of_float(float value) {
  if (std::isnan(value)) return 0x7fc0u;
  return static_cast<uint16_t>(shift_rounded(std::bit_cast<uint32_t>(value), 16));
}

/// A float truncated to 64 bits, wrapping, with NaN as 0: no undefined casts.
uint64_t wrapped(double value) {
  if (!std::isfinite(value)) return 0;
  const double rest = std::fmod(std::trunc(value), 18446744073709551616.0);
  return rest < 0 ? uint64_t{0} - static_cast<uint64_t>(-rest) : static_cast<uint64_t>(rest);
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
uint64_t next_random(uint64_t* state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/// Calls `visit` with a value of the C++ type that stores one element.
template <class Visit>
void with_storage(DLDataType dtype, Visit visit) {
  if (dtype.lanes != 1) return;
  if (dtype.code == kDLFloat && dtype.bits == 64) return visit(double{});
  if (dtype.code == kDLFloat && dtype.bits == 32) return visit(float{});
  const bool is_signed = dtype.code == kDLInt;
  if (!is_signed && dtype.code != kDLUInt) return;
  switch (dtype.bits) {
    case 8:
      return is_signed ? visit(int8_t{}) : visit(uint8_t{});
    case 16:
      return is_signed ? visit(int16_t{}) : visit(uint16_t{});
    case 32:
      return is_signed ? visit(int32_t{}) : visit(uint32_t{});
    case 64:
      return is_signed ? visit(int64_t{}) : visit(uint64_t{});
    default:
      return;
  }
}

bool is_type(DLDataType dtype, DLDataTypeCode code, int bits) {
  return dtype.code == code && dtype.bits == bits && dtype.lanes == 1;
}

}  // namespace

std::optional<DLDataType> dtype_of_name(std::string_view name) {
  struct Named {
    std::string_view name;
    DLDataType dtype;
  };
  static constexpr Named kTypes[] = {
      {"f64", {kDLFloat, 64, 1}},   {"f32", {kDLFloat, 32, 1}}, {"f16", {kDLFloat, 16, 1}},
      {"bf16", {kDLBfloat, 16, 1}}, {"i64", {kDLInt, 64, 1}},   {"i32", {kDLInt, 32, 1}},
      {"i16", {kDLInt, 16, 1}},     {"i8", {kDLInt, 8, 1}},     {"u64", {kDLUInt, 64, 1}},
      {"u32", {kDLUInt, 32, 1}},    {"u16", {kDLUInt, 16, 1}},  {"u8", {kDLUInt, 8, 1}},
      {"bool", {kDLBool, 8, 1}}};
  for (const Named& type : kTypes) {
    if (type.name == name) return type.dtype;
  }
  return std::nullopt;
}

std::optional<int64_t> compact_bytes(std::span<const int64_t> shape, DLDataType dtype) {
  int64_t bits = int64_t{dtype.bits} * dtype.lanes;
  bool empty = false;
  for (const int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    empty |= extent == 0;
  }
  if (empty) return 0;
  for (const int64_t extent : shape) {
    if (__builtin_mul_overflow(bits, extent, &bits)) return std::nullopt;
  }
  if (bits > int64_t{8} << 47) return std::nullopt;
  return (bits + 7) / 8;
}

Tensor::Tensor(std::vector<int64_t> shape, DLDataType dtype)
    : shape_(std::move(shape)), strides_(shape_.size()) {
  const std::optional<int64_t> bytes = compact_bytes(shape_, dtype);
  if (!bytes) throw std::length_error("tc::runtime::Tensor: a negative extent, or too many bytes");
  bytes_ = *bytes;
  // Without elements the strides mean nothing, and the product of the other
  // extents may not fit.
  const bool empty = std::find(shape_.begin(), shape_.end(), 0) != shape_.end();
  size_ = empty ? 0 : 1;
  for (size_t axis = shape_.size(); axis-- > 0;) {
    strides_[axis] = empty ? 1 : size_;
    size_ *= shape_[axis];
  }
  const bool huge = bytes_ >= kHugePage / 2;
  const int64_t alignment = huge ? kHugePage : 64;
  const int64_t allocated = (bytes_ + alignment - 1) / alignment * alignment;
  if (bytes_ > 0) {
    data_.reset(std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(allocated)));
    if (!data_) throw std::bad_alloc();
    // Before the first touch; where it is refused the tensor is only slower.
    if (huge) madvise(data_.get(), static_cast<size_t>(allocated), MADV_HUGEPAGE);
    std::memset(data_.get(), 0, static_cast<size_t>(bytes_));
  }
  view_ = {data_.get(),
           {kDLCPU, 0},
           static_cast<int32_t>(shape_.size()),
           dtype,
           shape_.data(),
           strides_.data(),
           0};
}

double Tensor::get(int64_t index) const {
  const DLDataType type = dtype();
  if (is_type(type, kDLFloat, 16)) return float_of_half(as<uint16_t>()[index]);
  if (is_type(type, kDLBfloat, 16)) return std::bit_cast<float>(uint32_t{as<uint16_t>()[index]} << 16);
  if (is_type(type, kDLBool, 8)) return as<uint8_t>()[index] != 0 ? 1 : 0;
  double value = 0;
  with_storage(type, [&](auto element) { value = static_cast<double>(as<decltype(element)>()[index]); });
  return value;
}

void Tensor::set(int64_t index, double value) {
  const DLDataType type = dtype();
  if (is_type(type, kDLFloat, 16)) {
    as<uint16_t>()[index] = half_of_float(static_cast<float>(value));
  } else if (is_type(type, kDLBfloat, 16)) {
    as<uint16_t>()[index] = bfloat_of_float(static_cast<float>(value));
  } else if (is_type(type, kDLBool, 8)) {
    as<uint8_t>()[index] = value != 0 ? 1 : 0;
  } else {
    with_storage(type, [&](auto element) {
      using T = decltype(element);
      if constexpr (std::is_floating_point_v<T>) {
        as<T>()[index] = static_cast<T>(value);
      } else {
        as<T>()[index] = static_cast<T>(wrapped(value));
      }
    });
  }
}

void Tensor::fill(double value) {
  for (int64_t i = 0; i < size_; ++i) set(i, value);
}

void Tensor::fill_integers(uint64_t seed, int64_t low, int64_t high) {
  const uint64_t count = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  for (int64_t i = 0; i < size_; ++i) {
    const uint64_t draw = next_random(&seed);
    set(i, static_cast<double>(
               static_cast<int64_t>(static_cast<uint64_t>(low) + (count == 0 ? draw : draw % count))));
  }
}

void Tensor::fill_uniform(uint64_t seed, double low, double high) {
  for (int64_t i = 0; i < size_; ++i) {
    set(i, low + (high - low) * (static_cast<double>(next_random(&seed) >> 11) * 0x1p-53));
  }
}

void Tensor::poison() {
  if (bytes_ > 0) std::memset(data(), 0xff, static_cast<size_t>(bytes_));
}

}  // namespace tc::runtime
