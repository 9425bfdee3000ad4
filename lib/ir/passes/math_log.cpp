// log and pow. The logarithm is that of fdlibm's e_log.c and FreeBSD's e_logf.c:
// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), s = f / (2 + f), and
// log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)).
#include <array>
#include <limits>

#include "math_emit.h"

namespace tc::ir {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr std::array kLog32 = {0xaaaaaa.0p-24, 0xccce13.0p-25, 0x91e9ee.0p-25, 0xf89e26.0p-26};
constexpr std::array kLog64 = {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                               2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                               1.479819860511658591e-01};
constexpr double kLn2Hi32 = 6.9313812256e-01, kLn2Lo32 = 9.0580006145e-06;
constexpr double kLn2Hi64 = 6.93147180369123816490e-01, kLn2Lo64 = 1.90821492927058770002e-10;

// A small signed integer (as its bits) as a float.
Expr to_float(const MathEmitter& e, const Expr& bits) {
  return e.from_bits(bits + e.bits_of(e.magic_value())) - e.magic();
}

}  // namespace

Expr emit_log(const MathEmitter& e, Expr x) {
  x = e.name(x);
  const int scale = e.wide() ? 54 : 25;
  const Expr tiny = e.name(x < e.number(0x1p-126, 0x1p-1022));
  const Expr normal = e.name(select(tiny, x * e.number(static_cast<double>(int64_t{1} << scale)), x));
  // the exponent, rounded so that the fraction lies about 1
  const Expr bits = e.name(e.to_bits(normal));
  const DType i = (e.wide() ? kI64 : kI32).with_lanes(e.type().lanes);
  const Expr above = reinterpret(i, bits - e.bits_of(0.70710678118654752));
  const Expr k = e.name(reinterpret(e.bits_type(), binary(BinaryOp::shr, above, int_imm(e.mantissa(), i))));
  const Expr f = e.name(e.from_bits(bits - binary(BinaryOp::shl, k, e.integer(e.mantissa()))) - e.number(1));
  const Expr n = e.name(to_float(e, k) - select(tiny, e.number(scale), e.number(0)));

  const Expr s = e.name(f / (e.number(2) + f));
  const Expr z = e.name(s * s);
  const Expr big_r = z * (e.wide() ? e.poly(z, kLog64) : e.poly(z, kLog32));
  const Expr half = e.name(f * f * e.number(0.5));
  const Expr low = e.mad(n, e.number(kLn2Lo32, kLn2Lo64), s * (half + big_r));
  const Expr log = e.mad(n, e.number(kLn2Hi32, kLn2Hi64), f - (half - low));
  const Expr outside = select(eq(x, e.number(0)), e.number(-kInf), e.number(kNan));
  return select(x > e.number(0), select(x < e.number(kInf), log, x), outside);
}

// exp(y log |x|) in f64, with the sign and the exceptions of C's pow.
Expr emit_pow(const MathEmitter& e, Expr x, Expr y) {
  x = e.name(x), y = e.name(y);
  const MathEmitter d = e.with(kF64.with_lanes(e.type().lanes));
  const Expr size = e.name(e.abs(x));
  const Expr product = d.name(cast(kF64, y) * emit_log(d, cast(kF64, size)));
  const Expr power = e.name(cast(e.type().element(), emit_exp(d, product)));

  const auto whole = [&](const Expr& v) { return eq(call(CallOp::trunc, {v}), v); };
  const Expr half = e.name(y * e.number(0.5));
  const Expr odd = logical_and(whole(y), logical_not(whole(half)));
  const Expr signed_power = select(odd, e.with_sign(power, x), power);
  const Expr undefined = logical_and(logical_and(x<e.number(0), x> e.number(-kInf)), logical_not(whole(y)));
  const Expr one = logical_or(logical_or(eq(y, e.number(0)), eq(x, e.number(1))),
                              logical_and(eq(size, e.number(1)), eq(e.abs(y), e.number(kInf))));
  return select(one, e.number(1), select(undefined, e.number(kNan), signed_power));
}

}  // namespace tc::ir
