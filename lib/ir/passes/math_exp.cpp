// exp and its relatives. The reduction is Cody and Waite's: x = n ln 2 + r with
// ln 2 in two parts, n ln2_hi exact (Muller, Elementary Functions, ch. 11).
// Polynomials are minimax (Remez) in relative error, on |r| <= ln 2.
#include <array>

#include "math_emit.h"

namespace tc::ir {

namespace {

constexpr double kLog2E = 0x1.71547652b82fep+0;
// 15 and 33 bits of ln 2, and the rest
constexpr double kLn2Hi32 = 0x1.62e4p-1, kLn2Lo32 = 0x1.7f7d1cp-20;
constexpr double kLn2Hi64 = 6.93147180369123816490e-01, kLn2Lo64 = 1.90821492927058770002e-10;

// e^r = 1 + r + r^2 / 2 + r^3 c(r); errors 2^-24.2 and 2^-54.6
constexpr std::array kExp32 = {0.5,
                               0.16666358709335327,
                               0.041663724929094315,
                               0.008351794444024563,
                               0.0014066685689613223,
                               0.0001738606224535033};
constexpr std::array kExp64 = {0.5,
                               0.16666666666667937,
                               0.041666666666679016,
                               0.008333333333022247,
                               0.0013888888885886209,
                               0.00019841270104903474,
                               2.480158983752479e-05,
                               2.755721867625238e-06,
                               2.755634999631531e-07,
                               2.5069705947784953e-08,
                               2.104859026475142e-09,
                               1.4945667783148147e-10};

// x - n ln 2 / scale, n in units of scale
Expr reduced(const MathEmitter& e, const Expr& x, const Expr& n, double scale) {
  const Expr r = e.mad(n, e.number(-scale * kLn2Hi32, -scale * kLn2Hi64), x);
  return e.name(e.mad(n, e.number(-scale * kLn2Lo32, -scale * kLn2Lo64), r));
}

Expr tail_poly(const MathEmitter& e, const Expr& r) {
  return e.wide() ? e.poly(r, kExp64) : e.poly(r, kExp32);
}

}  // namespace

Expr MathEmitter::with_sign(const Expr& magnitude, const Expr& x) const {
  const Expr sign = binary(BinaryOp::bit_and, to_bits(x), sign_mask());
  return from_bits(binary(BinaryOp::bit_or, to_bits(magnitude), sign));
}

Expr MathEmitter::name(Expr x) const {
  if (!out_ || x->kind == Kind::Var || x->kind == Kind::IntImm || x->kind == Kind::FloatImm) return x;
  const VarRef v = var("m", x->type);
  out_->emplace_back(v, std::move(x));
  return v;
}

Expr MathEmitter::mad(const Expr& a, const Expr& b, const Expr& c) const {
  return fma_ ? call(CallOp::fma, {a, b, c}) : a * b + c;
}

Expr MathEmitter::poly(const Expr& x, std::span<const double> c) const {
  Expr sum = number(c.back());
  for (size_t i = c.size() - 1; i-- > 0;) sum = mad(sum, x, number(c[i]));
  return sum;
}

Expr MathEmitter::power_of_two(const Expr& t) const {
  const int64_t bias = int64_t{wide() ? 1023 : 127} << mantissa();
  return from_bits(binary(BinaryOp::shl, to_bits(t), integer(mantissa())) + integer(bias));
}

// With x = 2 m ln 2 + r the result is e^r 2^m 2^m: two multiplications reach from
// denormals to infinity without a branch. A NaN passes the clamps as the second operand.
Expr emit_exp(const MathEmitter& e, Expr x) {
  const Expr clamped = e.name(max(min(e.name(x), e.number(90, 711)), e.number(-105, -746)));
  const Expr t = e.name(e.mad(clamped, e.number(kLog2E / 2), e.magic()));
  const Expr r = reduced(e, clamped, e.name(t - e.magic()), 2);
  const Expr p = e.mad(e.mad(tail_poly(e, r), r, e.number(1)), r, e.number(1));
  const Expr s = e.name(e.power_of_two(t));
  return p * s * s;
}

// With y = 2 |x| and m = e^y - 1 = 2^n (e^r - 1) + (2^n - 1): tanh |x| = m / (m + 2),
// accurate for small x, where n = 0.
Expr emit_tanh(const MathEmitter& e, Expr x) {
  x = e.name(x);
  const Expr y = e.name(min(e.abs(x) * e.number(2), e.number(20, 45)));
  const Expr t = e.name(e.mad(y, e.number(kLog2E), e.magic()));
  const Expr r = reduced(e, y, e.name(t - e.magic()), 1);
  const Expr q = e.mad(tail_poly(e, r) * r, r, r);
  const Expr s = e.name(e.power_of_two(t));
  const Expr m = e.name(e.mad(s, q, s - e.number(1)));
  return e.with_sign(m / (m + e.number(2)), x);
}

// With z = e^-|x|: 1 / (1 + z), or z / (1 + z) for x < 0, which keeps the digits of small results.
Expr emit_sigmoid(const MathEmitter& e, Expr x) {
  x = e.name(x);
  const Expr z = e.name(emit_exp(e, -e.abs(x)));
  return select(x < e.number(0), z, e.number(1)) / (e.number(1) + z);
}

namespace {

// After N. Juffa's erff: x + x p(x^2) below 0.93, 1 - exp(-q(|x|)) above.
Expr erf32(const MathEmitter& e, const Expr& x) {
  static constexpr std::array kSmall = {1.28379166e-1,  -3.76125336e-1, 1.12819925e-1,
                                        -2.67681349e-2, 4.99119423e-3,  -5.96761703e-4};
  static constexpr std::array kLarge = {-1.28717512e-1, -6.34846687e-1, -1.06777877e-1, 2.42546219e-2,
                                        -3.88396438e-3, 3.83197126e-4,  -1.72853470e-5};
  const Expr a = e.name(min(e.abs(x), e.number(4)));
  const Expr large = e.number(1) - emit_exp(e, e.mad(e.poly(a, kLarge), a, -a));
  const Expr small = e.mad(e.poly(e.name(x * x), kSmall), x, x);
  return select(a > e.number(0.927734375), e.with_sign(large, x), small);
}

// x + x p(x^2) up to 1, and 1 - exp(-x^2) h((x - 2) / (x + 2)) above; errors 2^-55.8 and 2^-56.6.
Expr erf64(const MathEmitter& e, const Expr& x) {
  static constexpr std::array kSmall = {
      0.1283791670955126,     -0.3761263890318375,     0.11283791670954879,    -0.026866170645076792,
      0.0052239776248180145,  -0.000854832698083379,   0.0001205533111164271,  -1.4925595266831182e-05,
      1.6461000484121368e-06, -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09,
      5.957176147748911e-11};
  static constexpr std::array kLarge = {
      0.25539567631050575,     -0.4271858474139579,    0.24165819424246987,    -0.07897858101585253,
      0.00373289240349224,     0.006997461747753573,   -0.0008471431980760424, -0.0009819773208131022,
      4.3554202452705896e-05,  0.00017436697232946864, 2.754312818566672e-05,  -2.7647305443610053e-05,
      -1.4067532694582058e-05, 1.820143195975009e-06,  3.917059299925389e-06};
  const Expr a = e.name(min(e.abs(x), e.number(6)));
  const Expr u = e.name((a - e.number(2)) / (a + e.number(2)));
  const Expr large = e.number(1) - emit_exp(e, -(a * a)) * e.poly(u, kLarge);
  const Expr small = e.mad(e.poly(e.name(x * x), kSmall), x, x);
  return select(a > e.number(1), e.with_sign(large, x), small);
}

}  // namespace

Expr emit_erf(const MathEmitter& e, Expr x) {
  x = e.name(x);
  return e.wide() ? erf64(e, x) : erf32(e, x);
}

}  // namespace tc::ir
