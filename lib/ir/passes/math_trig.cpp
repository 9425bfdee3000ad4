// sin and cos: x = n pi/2 + r with pi/2 in parts as in fdlibm (Cody and Waite),
// then the polynomial that n's last bits choose. f32 is reduced in f64.
#include <array>

#include "math_emit.h"

namespace tc::ir {

namespace {

constexpr double kTwoOverPi = 6.36619772367581382433e-01;

// sin r = r + r^3 s(r^2), cos r = 1 - r^2/2 + r^4 c(r^2) on |r| <= pi/4
constexpr std::array kSin32 = {-0.1666666716337204, 0.008333331905305386, -0.00019840085587929934,
                               2.7249864160694415e-06};
constexpr std::array kCos32 = {0.0416666679084301, -0.00138888880610466, 2.480059993104078e-05,
                               -2.7300907845528855e-07};
constexpr std::array kSin64 = {-0.16666666666666666,   0.008333333333333331,    -0.0001984126984126506,
                               2.7557319219335453e-06, -2.5052106231157904e-08, 1.605853141458901e-10,
                               -7.586685070091267e-13};
constexpr std::array kCos64 = {0.041666666666666664,   -0.0013888888888888887, 2.4801587301584645e-05,
                               -2.755731922140076e-07, 2.0876755790363397e-09, -1.1470460773969325e-11,
                               4.7458652037874553e-14};

struct Quadrant {
  Expr r, n;  // the rest, and n in the low bits
};

// In f64: 25 bits of pi/2 keep n * part exact for n < 2^28, 33 bits for n < 2^20.
Quadrant reduce(const MathEmitter& d, const Expr& x, bool for_f32) {
  static constexpr std::array kForF32 = {1.57079631090164184570e+00, 1.58932547735281966916e-08};
  static constexpr std::array kForF64 = {1.57079632673412561417e+00, 6.07710050630396597660e-11,
                                         2.02226624879595063154e-21};
  const Expr t = d.name(d.mad(x, d.number(kTwoOverPi), d.magic()));
  const Expr n = d.name(t - d.magic());
  Expr r = x;
  for (const double part : for_f32 ? std::span<const double>(kForF32) : std::span<const double>(kForF64))
    r = d.mad(n, d.number(-part), r);
  // beyond the domain: keep the result in [-1, 1]
  return {max(min(r, d.number(0.7854)), d.number(-0.7854)), d.to_bits(t)};
}

}  // namespace

Expr emit_sin(const MathEmitter& e, Expr x, bool cosine) {
  const MathEmitter d = e.with(kF64.with_lanes(e.type().lanes));
  const Quadrant q = reduce(d, d.name(cast(kF64, x)), !e.wide());
  const Expr r = e.name(cast(e.type().element(), q.r));
  Expr n = cast(e.bits_type().element(), q.n);
  if (cosine) n = n + e.integer(1);  // cos x = sin(x + pi/2)
  n = e.name(n);
  const Expr z = e.name(r * r);
  const Expr sine =
      e.with_sign(e.mad((e.wide() ? e.poly(z, kSin64) : e.poly(z, kSin32)) * z, r, r), r);  // for -0
  const Expr low = e.mad(e.wide() ? e.poly(z, kCos64) : e.poly(z, kCos32), z * z, z * e.number(-0.5));
  const Expr turned =
      select(eq(binary(BinaryOp::bit_and, n, e.integer(1)), e.integer(0)), sine, low + e.number(1));
  const Expr sign =
      binary(BinaryOp::shl, binary(BinaryOp::bit_and, n, e.integer(2)), e.integer(e.wide() ? 62 : 30));
  return e.from_bits(binary(BinaryOp::bit_xor, e.to_bits(turned), sign));
}

}  // namespace tc::ir
