// Tensors for tests: bytes with a type, read and written as numbers.
#pragma once
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tc/codegen/jit.h"
#include "tc/ir/numeric.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/runtime/dlpack.h"

namespace tc::codegen::testing {

using namespace tc::ir;

/// A compact tensor; elements go in and out as int64 (integers, bool) or double.
class Tensor {
 public:
  Tensor(DType type, std::vector<int64_t> shape) : type_(type), shape_(std::move(shape)) {
    int64_t n = 1;
    for (const int64_t e : shape_) n *= e;
    size_ = n;
    words_.assign(static_cast<size_t>(n * type.bytes() + 7) / 8 + 8, 0xa5a5a5a5a5a5a5a5u);
    tensor_ = {words_.data(),
               {kDLCPU, 0},
               static_cast<int32_t>(shape_.size()),
               dl_type(type),
               shape_.data(),
               nullptr,
               0};
  }
  Tensor(const Tensor&) = delete;
  Tensor(Tensor&& o) noexcept
      : type_(o.type_),
        shape_(std::move(o.shape_)),
        size_(o.size_),
        words_(std::move(o.words_)),
        tensor_(o.tensor_) {
    tensor_.shape = shape_.data();
  }

  [[nodiscard]] DLTensor* dl() { return &tensor_; }
  [[nodiscard]] void* data() { return words_.data(); }
  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] DType type() const { return type_; }

  void set(int64_t i, double v) {
    if (!type_.is_float()) return set_int(i, float_to_int(type_, v));
    if (type_.bits == 64) return put(i, v);
    if (type_.bits == 32) return put(i, static_cast<float>(v));
    put(i, type_.code == TypeCode::bfloat ? to_bf16_bits(static_cast<float>(round_to(type_, v)))
                                          : to_f16_bits(static_cast<float>(round_to(type_, v))));
  }
  void set_int(int64_t i, int64_t v) {
    switch (type_.bytes()) {
      case 1:
        return put(i, static_cast<uint8_t>(v));
      case 2:
        return put(i, static_cast<uint16_t>(v));
      case 4:
        return put(i, static_cast<uint32_t>(v));
      default:
        return put(i, v);
    }
  }
  [[nodiscard]] double get(int64_t i) const {
    if (!type_.is_float()) return static_cast<double>(get_int(i));
    if (type_.bits == 64) return take<double>(i);
    if (type_.bits == 32) return take<float>(i);
    return type_.code == TypeCode::bfloat ? from_bf16_bits(take<uint16_t>(i))
                                          : from_f16_bits(take<uint16_t>(i));
  }
  [[nodiscard]] int64_t get_int(int64_t i) const {
    int64_t raw = 0;
    std::memcpy(&raw, reinterpret_cast<const char*>(words_.data()) + i * type_.bytes(),
                static_cast<size_t>(type_.bytes()));
    return type_.is_bool() ? raw : wrap(type_, raw);
  }
  /// The element as a constant, and the other way round.
  [[nodiscard]] Expr imm(int64_t i) const {
    return type_.is_float() ? float_imm(get(i), type_) : int_imm(get_int(i), type_);
  }
  void set(int64_t i, const Expr& constant) {
    if (const auto* f = constant.as<FloatImm>())
      set(i, f->value);
    else
      set_int(i, *as_int(constant));
  }

 private:
  template <class T>
  void put(int64_t i, T v) {
    std::memcpy(reinterpret_cast<char*>(words_.data()) + i * static_cast<int64_t>(sizeof v), &v, sizeof v);
  }
  template <class T>
  [[nodiscard]] T take(int64_t i) const {
    T v;
    std::memcpy(&v, reinterpret_cast<const char*>(words_.data()) + i * static_cast<int64_t>(sizeof v),
                sizeof v);
    return v;
  }
  DType type_;
  std::vector<int64_t> shape_;
  int64_t size_ = 0;
  std::vector<uint64_t> words_;
  DLTensor tensor_{};
};

/// Equal as numbers; one NaN is as good as another, zeros have signs.
inline bool same(const Expr& a, const Expr& b) {
  const auto *x = a.as<FloatImm>(), *y = b.as<FloatImm>();
  if (!x || !y) return !x && !y && as_int(a) == as_int(b);
  return std::isnan(x->value) ? std::isnan(y->value)
                              : std::bit_cast<int64_t>(x->value) == std::bit_cast<int64_t>(y->value);
}

inline CompileOptions fresh() {
  CompileOptions o;
  o.use_cache = false;
  o.verify = true;
  return o;
}

inline Kernel compile_or_fail(const FuncRef& f) {
  auto k = compile(f, AbiSpec::of(*f), Target::host(), fresh());
  if (!k) throw std::runtime_error(k.error().str() + "\n" + to_string(f));
  return k.value();
}

/// Compiles IR text and runs it on `args`.
inline Check run_text(std::string_view text, std::vector<Tensor*> args) {
  const Kernel k = compile_or_fail(parse_func(text).value());
  std::vector<const DLTensor*> raw;
  for (Tensor* t : args) raw.push_back(t->dl());
  return k.run(raw);
}

#define EXPECT_RUNS(...)                                   \
  do {                                                     \
    const ::tc::Check check_ = (__VA_ARGS__);              \
    EXPECT_FALSE(check_) << (check_ ? check_->str() : ""); \
  } while (0)

}  // namespace tc::codegen::testing
