// Building the polynomials of lower_math: values of one float type, scalar or
// vector, with shared ones named by lets. Private to lib/ir.
#pragma once
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "tc/ir/expr.h"

namespace tc::ir {

/// Variables and their values, in the order of evaluation.
using Bindings = std::vector<std::pair<VarRef, Expr>>;

class MathEmitter {
 public:
  /// `type` is f32 or f64, any lanes; lets go to `out`. Without one, values are not named
  /// (and evaluated wherever they are used).
  MathEmitter(DType type, bool fma, Bindings* out) : type_(type), fma_(fma), out_(out) {}
  [[nodiscard]] MathEmitter with(DType type) const { return {type, fma_, out_}; }

  [[nodiscard]] DType type() const { return type_; }
  [[nodiscard]] bool wide() const { return type_.bits == 64; }
  /// The unsigned integers of the same width: they wrap, where i64 must not overflow.
  [[nodiscard]] DType bits_type() const { return (wide() ? kU64 : kU32).with_lanes(type_.lanes); }
  [[nodiscard]] int mantissa() const { return wide() ? 52 : 23; }
  [[nodiscard]] Expr number(double v) const { return float_imm(v, type_); }
  [[nodiscard]] Expr number(double f32, double f64) const { return number(wide() ? f64 : f32); }
  [[nodiscard]] Expr integer(int64_t v) const { return int_imm(v, bits_type()); }
  [[nodiscard]] Expr to_bits(const Expr& x) const { return reinterpret(bits_type(), x); }
  [[nodiscard]] Expr bits_of(double v) const {
    return integer(wide() ? std::bit_cast<int64_t>(v) : std::bit_cast<int32_t>(static_cast<float>(v)));
  }
  [[nodiscard]] Expr from_bits(const Expr& x) const { return reinterpret(type_, x); }
  [[nodiscard]] Expr sign_mask() const { return integer(int64_t{1} << (wide() ? 63 : 31)); }
  /// |magnitude| with the sign of x.
  [[nodiscard]] Expr with_sign(const Expr& magnitude, const Expr& x) const;
  [[nodiscard]] Expr abs(const Expr& x) const { return call(CallOp::abs, {x}); }

  /// x, named.
  [[nodiscard]] Expr name(Expr x) const;
  /// a * b + c.
  [[nodiscard]] Expr mad(const Expr& a, const Expr& b, const Expr& c) const;
  /// c[0] + c[1] * x + c[2] * x^2 + ...
  [[nodiscard]] Expr poly(const Expr& x, std::span<const double> c) const;

  /// 1.5 * 2^mantissa: added to |v| < 2^(mantissa - 2), it rounds v to an integer that stands
  /// in the low bits of the sum.
  [[nodiscard]] double magic_value() const { return wide() ? 0x1.8p52 : 0x1.8p23; }
  [[nodiscard]] Expr magic() const { return number(magic_value()); }
  /// 2^n for the n in the low bits of t = n + magic, -126 <= n <= 127 (f64: -1022 <= n <= 1023).
  [[nodiscard]] Expr power_of_two(const Expr& t) const;

 private:
  DType type_;
  bool fma_;
  Bindings* out_;
};

// ---- the functions; bounds in passes.h. `e.type()` is x's type.
[[nodiscard]] Expr emit_exp(const MathEmitter& e, Expr x);
[[nodiscard]] Expr emit_tanh(const MathEmitter& e, Expr x);
[[nodiscard]] Expr emit_sigmoid(const MathEmitter& e, Expr x);
[[nodiscard]] Expr emit_erf(const MathEmitter& e, Expr x);
[[nodiscard]] Expr emit_log(const MathEmitter& e, Expr x);
[[nodiscard]] Expr emit_pow(const MathEmitter& e, Expr x, Expr y);
[[nodiscard]] Expr emit_sin(const MathEmitter& e, Expr x, bool cosine);

}  // namespace tc::ir
