// Running functions on random arguments, for tests that compare programs.
#pragma once
#include <cstring>

#include "ir/random_ir.h"
#include "tc/ir/interpret.h"
#include "tc/ir/numeric.h"

namespace tc::ir::testing {

/// Memory for the arguments of a function whose shapes are constants.
struct Arguments {
  std::vector<std::vector<std::byte>> data;
  std::vector<TensorView> views;
  Arguments() = default;
  Arguments(Arguments&&) = default;
  Arguments(const Arguments&) = delete;
};

/// Small integers, of every type; bools.
inline Arguments random_arguments(const FuncRef& f, uint64_t seed) {
  Arguments args;
  RandomIr random(seed + 77);
  for (const BufferRef& b : f->params) {
    TensorView view{b->type, {}, nullptr};
    int64_t n = 1;
    for (const Expr& e : b->shape) {
      view.shape.push_back(as_int(e).value());
      n *= view.shape.back();
    }
    std::vector<std::byte> bytes(static_cast<size_t>(std::max<int64_t>(n, 1) * b->type.bytes()));
    for (int64_t i = 0; i < n; ++i) {
      const int64_t v = b->type.is_bool() ? random.below(2) : wrap(b->type, random.below(17) - 8);
      std::byte* at = bytes.data() + i * b->type.bytes();
      const auto put = [&](auto x) { std::memcpy(at, &x, sizeof x); };
      if (b->type == kF64)
        put(static_cast<double>(v));
      else if (b->type == kF32)
        put(static_cast<float>(v));
      else if (b->type == kF16)
        put(to_f16_bits(static_cast<float>(v)));
      else if (b->type == kBF16)
        put(to_bf16_bits(static_cast<float>(v)));
      else
        std::memcpy(at, &v, static_cast<size_t>(b->type.bytes()));
    }
    args.data.push_back(std::move(bytes));
    view.data = args.data.back().data();
    args.views.push_back(std::move(view));
  }
  return args;
}

/// Whether the contents are equal, bit for bit except that NaNs equal each other.
inline bool same_contents(const Arguments& a, const Arguments& b) {
  for (size_t n = 0; n < a.views.size(); ++n) {
    if (a.data[n].size() != b.data[n].size()) return false;
    const DType t = a.views[n].type;
    const auto each = static_cast<size_t>(t.bytes());
    for (size_t at = 0; at < a.data[n].size(); at += each) {
      const std::byte *x = a.data[n].data() + at, *y = b.data[n].data() + at;
      if (std::memcmp(x, y, each) == 0) continue;
      const auto nan = [&](const std::byte* p) {
        if (t == kF64) {
          double v;
          std::memcpy(&v, p, 8);
          return v != v;
        }
        if (t == kF32) {
          float v;
          std::memcpy(&v, p, 4);
          return v != v;
        }
        uint16_t u;
        if (!t.is_float()) return false;
        std::memcpy(&u, p, 2);
        const float v = t == kF16 ? from_f16_bits(u) : from_bf16_bits(u);
        return v != v;
      };
      if (!nan(x) || !nan(y)) return false;
    }
  }
  return true;
}

}  // namespace tc::ir::testing
