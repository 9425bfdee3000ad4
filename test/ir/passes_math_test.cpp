// lower_math against long double, in units in the last place of the result.
// TC_MATH_SAMPLES sets the samples
// of each function: 2^14 by default; the table in passes.h was checked with 2^20.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "tc/ir/interpret.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

using Reference = long double (*)(long double);

struct Case {
  CallOp op;
  Reference reference;
  double least, greatest;  // where the bound holds
  double f32, f64;         // ulp, with fma and without
  double f32_plain, f64_plain;
};

long double sigmoid(long double x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
long double rsqrt(long double x) { return 1 / sqrtl(x); }
constexpr double kAll = std::numeric_limits<double>::infinity();

const Case kCases[] = {
    {CallOp::exp, expl, -kAll, kAll, 2, 2, 2.5, 2},
    {CallOp::log, logl, -kAll, kAll, 1, 1, 1, 1},
    {CallOp::tanh, tanhl, -kAll, kAll, 4, 3.5, 5, 3.5},
    {CallOp::erf, erfl, -kAll, kAll, 1.5, 1.5, 1.5, 1.5},
    {CallOp::sigmoid, sigmoid, -kAll, kAll, 4, 4, 4, 4},
    {CallOp::rsqrt, rsqrt, -kAll, kAll, 1.5, 1.5, 1.5, 1.5},
    {CallOp::sin, sinl, -0x1p20, 0x1p20, 2, 3, 2, 3},
    {CallOp::cos, cosl, -0x1p20, 0x1p20, 2, 3, 2, 3},
};

template <class T>
constexpr DType dtype() {
  return sizeof(T) == 4 ? kF32 : kF64;
}

// |got - want| in ulps of T at want; 0 where both are NaN or the same infinity.
template <class T>
double ulps(T got, long double want) {
  const T rounded = static_cast<T>(want);
  if (std::isnan(rounded) || std::isnan(got)) return std::isnan(rounded) && std::isnan(got) ? 0 : kAll;
  if (std::isinf(got) && got == rounded) return 0;
  if (std::isinf(got) || std::isinf(rounded)) {
    // one past the greatest number is an error of about an ulp
    const T top = std::numeric_limits<T>::max();
    const T other = std::isinf(got) ? rounded : got;
    return std::abs(other) == top ? 1 : kAll;
  }
  int exponent = 0;
  std::frexp(rounded, &exponent);
  const int least = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
  const int unit = std::max(exponent - std::numeric_limits<T>::digits, least);
  return static_cast<double>(fabsl(static_cast<long double>(got) - want) / ldexpl(1, unit));
}

// y[i] = op(x[i]...) over vectors of eight, lowered.
template <class T>
std::vector<T> evaluate(CallOp op, std::vector<std::vector<T>> args, bool fma) {
  const auto n = static_cast<int64_t>(args[0].size());
  std::vector<BufferRef> params;
  std::vector<Expr> loads;
  std::vector<TensorView> views;
  const VarRef i = var("i");
  const Expr at = ramp(i * 8, int_imm(1), 8);
  for (std::vector<T>& a : args) {
    params.push_back(buffer("x", dtype<T>(), {int_imm(n)}));
    loads.push_back(load(params.back(), {at}));
    views.push_back({dtype<T>(), {n}, a.data()});
  }
  params.push_back(buffer("y", dtype<T>(), {int_imm(n)}));
  std::vector<T> out(args[0].size());
  views.push_back({dtype<T>(), {n}, out.data()});
  const Stmt body =
      for_(i, int_imm(0), int_imm(n / 8), LoopMode::serial, store(params.back(), {at}, call(op, loads)));
  PassContext context;
  context.fma = fma;
  const FuncRef f = run_pass(passes::lower_math, func("f", params, body), context);
  int left = 0;
  walk<Call>(f->body, [&](const Call& c) { left += c.op == op; });
  EXPECT_EQ(left, 0);
  if (const Check error = interpret(f, views)) ADD_FAILURE() << error->str();
  return out;
}

int64_t samples() {
  const char* text = std::getenv("TC_MATH_SAMPLES");
  return text ? std::atoll(text) : int64_t{1} << 14;
}

// Bit patterns over the whole range, evenly spread values in the busy middle, and the odd ones.
template <class T>
std::vector<T> inputs(int64_t n) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  std::vector<T> x = {0.0,
                      -0.0,
                      T(kAll),
                      T(-kAll),
                      std::numeric_limits<T>::quiet_NaN(),
                      std::numeric_limits<T>::denorm_min(),
                      -std::numeric_limits<T>::denorm_min(),
                      std::numeric_limits<T>::min(),
                      std::numeric_limits<T>::max(),
                      std::numeric_limits<T>::lowest(),
                      1,
                      -1,
                      T(88.72284),
                      T(88.7228394),
                      T(-103.97),
                      T(-103.98),
                      T(-87.4),
                      T(709.79),
                      T(-745.2),
                      T(0.927734375),
                      T(0.9277344),
                      T(1.0000001),
                      T(0.70710677)};
  uint64_t state = 1;
  while (static_cast<int64_t>(x.size()) < n || x.size() % 8) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t z = (state ^ (state >> 29)) * 0xbf58476d1ce4e5b9u;
    const double unit = static_cast<double>(z >> 11) * 0x1p-53;
    switch (x.size() % 4) {
      case 0:
        x.push_back(std::bit_cast<T>(static_cast<Bits>(z >> (64 - 8 * sizeof(T)))));
        break;
      case 1:
        x.push_back(static_cast<T>((unit - 0.5) * 8));
        break;
      case 2:
        x.push_back(static_cast<T>((unit - 0.5) * (sizeof(T) == 4 ? 220 : 1500)));
        break;
      default:
        x.push_back(static_cast<T>((unit - 0.5) * 0x1p20));
        break;
    }
  }
  return x;
}

template <class T>
double worst(const Case& c, bool fma) {
  const std::vector<T> x = inputs<T>(samples());
  const std::vector<T> y = evaluate<T>(c.op, {x}, fma);
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool in_domain = (x[i] >= c.least && x[i] <= c.greatest) || std::isnan(x[i]) || std::isinf(x[i]);
    if (!in_domain) continue;
    most = std::max(most, ulps<T>(y[i], c.reference(x[i])));
    if (x[i] == 0) {
      EXPECT_EQ(std::signbit(y[i]), std::signbit(static_cast<T>(c.reference(x[i])))) << to_string(c.op);
    }
  }
  return most;
}

TEST(LowerMath, KeepsItsBoundsInF32) {
  for (const Case& c : kCases)
    for (const bool fma : {true, false})
      EXPECT_LE(worst<float>(c, fma), fma ? c.f32 : c.f32_plain) << to_string(c.op);
}
TEST(LowerMath, KeepsItsBoundsInF64) {
  for (const Case& c : kCases)
    for (const bool fma : {true, false})
      EXPECT_LE(worst<double>(c, fma), fma ? c.f64 : c.f64_plain) << to_string(c.op);
}

TEST(LowerMath, SineOutsideItsDomainStaysInRange) {
  for (const CallOp op : {CallOp::sin, CallOp::cos})
    for (const float y : evaluate<float>(op, {inputs<float>(4096)}, true))
      EXPECT_TRUE(std::isnan(y) || std::abs(y) <= 1);
}

template <class T>
double worst_pow(bool specials) {
  std::vector<T> x = inputs<T>(4096), y;
  uint64_t state = 7;
  for (size_t i = 0; i < x.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double unit = static_cast<double>(state >> 11) * 0x1p-53;
    y.push_back(static_cast<T>(i % 3 ? (unit - 0.5) * 20 : std::floor((unit - 0.5) * 20)));
  }
  if (specials) {
    x.clear(), y.clear();
    const T inf = T(kAll), nan = std::numeric_limits<T>::quiet_NaN();
    const T odd[] = {0, T(-0.0), 1,   -1,   2,   -2,      T(0.5),   T(-0.5),
                     3, -3,      inf, -inf, nan, T(1e30), T(-1e30), T(2.5)};
    for (const T a : odd)
      for (const T b : odd) x.push_back(a), y.push_back(b);
  }
  const std::vector<T> z = evaluate<T>(CallOp::pow, {x, y}, true);
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double want = powl(x[i], y[i]);
    double u = ulps<T>(z[i], want);
    if (sizeof(T) == 8 && std::isfinite(u))
      u /= 1 + static_cast<double>(std::min<long double>(746, fabsl(y[i] * logl(fabsl(x[i])))));
    most = std::max(most, u);
    if (specials) {
      EXPECT_LE(u, 4) << "pow(" << x[i] << ", " << y[i] << ") is " << z[i] << ", not "
                      << static_cast<double>(want);
      if (want == 0) {
        EXPECT_EQ(std::signbit(z[i]), std::signbit(want)) << x[i] << " " << y[i];
      }
    }
  }
  return most;
}

TEST(LowerMath, PowKeepsItsBoundsAndExceptions) {
  EXPECT_LE(worst_pow<float>(false), 1);
  EXPECT_LE(worst_pow<float>(true), 4);
  EXPECT_LE(worst_pow<double>(false), 2);  // times 1 + |y log x|
  EXPECT_LE(worst_pow<double>(true), 4);
}

TEST(LowerMath, ComputesEqualCallsOnce) {
  const BufferRef x = buffer("x", kF32, {int_imm(8)}), y = buffer("y", kF32, {int_imm(8)});
  const Expr once = call(CallOp::exp, {load(x, {int_imm(0)})}),
             again = call(CallOp::exp, {load(x, {int_imm(0)})});
  const FuncRef f = run_pass(passes::lower_math, func("f", {x, y}, store(y, {int_imm(0)}, once + again)));
  int loads = 0;
  walk<Load>(f->body, [&](const Load&) { ++loads; });
  EXPECT_EQ(loads, 1) << to_string(f);
}

}  // namespace
}  // namespace tc::ir
