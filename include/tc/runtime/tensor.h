// An owning, compact, aligned CPU tensor for tests, benchmarks and the command
// line. Not an array library: it is filled, passed to functions, and read.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tc/runtime/dlpack.h"

namespace tc::runtime {

/// The DLPack type of a name: f64 f32 f16 bf16, i64..i8, u64..u8, bool; lanes 1.
std::optional<DLDataType> dtype_of_name(std::string_view name);

/// Bytes of a compact tensor, sub-byte elements packed; nullopt where an extent
/// is negative or the size exceeds 2^47, the user's address space.
std::optional<int64_t> compact_bytes(std::span<const int64_t> shape, DLDataType dtype);

/// A tensor whose data is aligned to 64 bytes (2 MiB, with huge pages asked for,
/// from 2 MiB on) and starts as zeros. Moves only; a moved-from tensor may be
/// assigned and destroyed, nothing else.
class Tensor {
 public:
  Tensor() = default;
  /// Throws std::length_error where compact_bytes has no answer, std::bad_alloc
  /// where memory is short.
  Tensor(std::vector<int64_t> shape, DLDataType dtype);

  [[nodiscard]] const std::vector<int64_t>& shape() const { return shape_; }
  [[nodiscard]] DLDataType dtype() const { return view_.dtype; }
  /// Elements; lanes are not counted.
  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] int64_t bytes() const { return bytes_; }
  [[nodiscard]] void* data() { return data_.get(); }
  [[nodiscard]] const void* data() const { return data_.get(); }
  template <class T>
  [[nodiscard]] T* as() {
    return static_cast<T*>(data());
  }
  template <class T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data());
  }
  /// The DLPack view, with row-major strides; valid as long as the tensor and
  /// until it is moved.
  [[nodiscard]] const DLTensor* dl() const { return &view_; }

  /// Element `index` of row-major order as a number, of any type listed at
  /// dtype_of_name; 0 for other types. 64-bit integers beyond 2^53 are rounded.
  [[nodiscard]] double get(int64_t index) const;
  /// Stores a number: rounded to nearest even for floats (f16 and bf16 in two
  /// steps, through f32), truncated and wrapped for integers, != 0 for bool.
  void set(int64_t index, double value);

  void fill(double value);
  /// Integers in [low, high], of a fixed sequence for each seed: sums of them
  /// are exact in floats as well, so that results compare bitwise.
  void fill_integers(uint64_t seed, int64_t low, int64_t high);
  /// Uniform reals in [low, high), of a fixed sequence for each seed.
  void fill_uniform(uint64_t seed, double low, double high);
  /// Sets every byte to 0xff, which is NaN in all float types: an output that a
  /// function must overwrite.
  void poison();

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::vector<int64_t> shape_, strides_;
  std::unique_ptr<void, Free> data_;
  int64_t size_ = 0, bytes_ = 0;
  DLTensor view_ = {};
};

}  // namespace tc::runtime
