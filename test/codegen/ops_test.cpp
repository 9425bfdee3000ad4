// Every operation on every type, scalar and in vectors of several lengths,
// against the constant folding of the IR.
#include <limits>

#include "run.h"

namespace tc::codegen {
namespace {

using namespace testing;

const std::vector<DType> kTypes = {kF64, kF32, kF16, kBF16, kI64, kI32, kI16,
                                   kI8,  kU64, kU32, kU16,  kU8,  kBool};
const std::vector<int> kLanes = {1, 3, 8, 16};
constexpr int64_t kCount = 144;  // 12 x 12 pairs; divided by every count of lanes

std::vector<double> interesting(DType t) {
  const double inf = std::numeric_limits<double>::infinity();
  if (t.is_bool()) return {0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0};
  if (t.is_float())
    return {0.0,  -0.0, 1.5,  -2.5,         0.5,  3.0,
            -7.0, inf,  -inf, std::nan(""), 1e-3, t.bits == 16 ? 60000.0 : 3e38};
  const auto lo = static_cast<double>(min_of(t)), hi = static_cast<double>(max_of(t));
  if (t.is_signed()) return {0, 1, -1, 2, -3, 7, -7, 64, -100, 5, lo, t.bits == 64 ? 1e15 : hi};
  return {0, 1, 2, 3, 7, 64, 100, 5, 200, 128, t.bits == 64 ? 1e15 : hi, 17};
}

struct Inputs {
  Tensor a, b;
};
Inputs pairs(DType t) {
  Inputs in{Tensor(t, {kCount}), Tensor(t, {kCount})};
  const auto v = interesting(t);
  for (int64_t i = 0; i < kCount; ++i) {
    in.a.set(i, v[static_cast<size_t>(i / 12)]);
    in.b.set(i, v[static_cast<size_t>(i % 12)]);
  }
  return in;
}

// out_L[i] = f(a[i], b[i]) for each L of kLanes in one function; `want` by
// folding, null where the operation is not defined.
template <class Make>
void check(DType from, DType to, Inputs& in, const std::string& what, Make&& make) {
  const BufferRef A = buffer("A", from, {int_imm(kCount)}), B = buffer("B", from, {int_imm(kCount)});
  std::vector<BufferRef> params = {A, B};
  std::vector<Stmt> body;
  std::vector<Tensor> outs;
  for (const int lanes : kLanes) {
    const BufferRef O = buffer("O", to, {int_imm(kCount)});
    params.push_back(O);
    outs.emplace_back(to, std::vector<int64_t>{kCount});
    const VarRef i = var("i");
    const Expr index = ramp(Expr(i) * lanes, int_imm(1), lanes);
    body.push_back(for_(i, int_imm(0), int_imm(kCount / lanes), LoopMode::serial,
                        store(O, {index}, make(load(A, {index}), load(B, {index})))));
  }
  const Kernel k = compile_or_fail(func("ops", params, seq(body)));
  std::vector<const DLTensor*> args = {in.a.dl(), in.b.dl()};
  for (Tensor& o : outs) args.push_back(o.dl());
  EXPECT_RUNS(k.run(args));
  for (int64_t i = 0; i < kCount; ++i) {
    const Expr want = make(in.a.imm(i), in.b.imm(i));
    if (!want.as<IntImm>() && !want.as<FloatImm>()) continue;
    for (size_t l = 0; l < kLanes.size(); ++l)
      ASSERT_TRUE(same(outs[l].imm(i), want))
          << what << " lanes " << kLanes[l] << ": " << to_string(in.a.imm(i)) << ", "
          << to_string(in.b.imm(i)) << " gave " << to_string(outs[l].imm(i)) << ", not " << to_string(want);
  }
}

bool applies(BinaryOp op, DType t) {
  if (op == BinaryOp::and_ || op == BinaryOp::or_) return t.is_bool();
  if (op == BinaryOp::shl || op == BinaryOp::shr) return t.is_int();
  if (op >= BinaryOp::bit_and) return t.is_int() || t.is_bool();
  return op == BinaryOp::eq || op == BinaryOp::ne || !t.is_bool();
}

class BinaryOps : public ::testing::TestWithParam<DType> {};
TEST_P(BinaryOps, AgreeWithFolding) {
  const DType t = GetParam();
  for (int o = 0; o < kNumBinaryOps; ++o) {
    const auto op = static_cast<BinaryOp>(o);
    if (!applies(op, t)) continue;
    Inputs in = pairs(t);
    const bool shift = op == BinaryOp::shl || op == BinaryOp::shr;
    if (shift)
      for (int64_t i = 0; i < kCount; ++i) in.b.set_int(i, i % t.bits);
    const DType out = is_compare(op) ? kBool : t;
    check(t, out, in, std::string(to_string(op)) + " " + to_string(t),
          [&](const Expr& a, const Expr& b) { return binary(op, a, b); });
  }
}
TEST_P(BinaryOps, DivideByConstants) {
  const DType t = GetParam();
  if (!t.is_int()) return;
  for (const int64_t c : {1, 2, 3, 8, 10, 100, -1, -3}) {
    if (c < 0 && !t.is_signed()) continue;
    for (const auto op : {BinaryOp::div, BinaryOp::mod}) {
      Inputs in = pairs(t);
      check(t, t, in, std::string(to_string(op)) + " " + to_string(t) + " by " + std::to_string(c),
            [&](const Expr& a, const Expr&) { return binary(op, a, int_imm(c, a->type)); });
    }
  }
}
TEST_P(BinaryOps, CastToEveryType) {
  for (const DType to : kTypes) {
    Inputs in = pairs(GetParam());
    check(GetParam(), to, in, "cast " + to_string(GetParam()) + " to " + to_string(to),
          [&](const Expr& a, const Expr&) { return cast(to, a); });
  }
}
TEST_P(BinaryOps, SelectAndNegate) {
  const DType t = GetParam();
  Inputs in = pairs(t);
  check(t, t, in, "select " + to_string(t),
        [&](const Expr& a, const Expr& b) { return select(ne(a, b), b, a); });
  check(t, t, in, "negate " + to_string(t),
        [&](const Expr& a, const Expr&) { return t.is_bool() ? logical_not(a) : -a; });
}
INSTANTIATE_TEST_SUITE_P(Types, BinaryOps, ::testing::ValuesIn(kTypes),
                         [](const auto& info) { return to_string(info.param); });

// Functions that folding leaves alone: against the C library.
void check_call(CallOp op, DType t, const std::function<double(double, double)>& want) {
  Inputs in = pairs(t);
  const BufferRef A = buffer("A", t, {int_imm(kCount)}), B = buffer("B", t, {int_imm(kCount)});
  for (const int lanes : kLanes) {
    const DType out = op == CallOp::isnan ? kBool : t;
    const BufferRef O = buffer("O", out, {int_imm(kCount)});
    const VarRef i = var("i");
    const Expr index = ramp(Expr(i) * lanes, int_imm(1), lanes);
    std::vector<Expr> args = {load(A, {index})};
    if (num_args(op) == 3) args = {load(A, {index}), load(B, {index}), load(A, {index})};
    Tensor o(out, {kCount});
    const Kernel k = compile_or_fail(func(
        "call", {A, B, O},
        for_(i, int_imm(0), int_imm(kCount / lanes), LoopMode::serial, store(O, {index}, call(op, args)))));
    EXPECT_RUNS(k.run(std::vector<const DLTensor*>{in.a.dl(), in.b.dl(), o.dl()}));
    for (int64_t j = 0; j < kCount; ++j) {
      const double v = want(in.a.get(j), in.b.get(j));
      ASSERT_TRUE(same(o.imm(j), const_of(out, v)))
          << to_string(op) << " " << to_string(t) << "x" << lanes << " of " << in.a.get(j) << ", "
          << in.b.get(j) << " gave " << o.get(j) << ", not " << v;
    }
  }
}

TEST(Calls, OfFloats) {
  for (const DType t : {kF64, kF32, kF16, kBF16}) {
    const bool wide = t.bits == 64;
    check_call(CallOp::abs, t, [](double a, double) { return std::fabs(a); });
    check_call(CallOp::sqrt, t,
               [&](double a, double) { return wide ? std::sqrt(a) : std::sqrt(static_cast<float>(a)); });
    check_call(CallOp::floor, t, [](double a, double) { return std::floor(a); });
    check_call(CallOp::ceil, t, [](double a, double) { return std::ceil(a); });
    check_call(CallOp::trunc, t, [](double a, double) { return std::trunc(a); });
    check_call(CallOp::round, t, [](double a, double) { return std::nearbyint(a); });
    check_call(CallOp::isnan, t, [](double a, double) { return std::isnan(a) ? 1.0 : 0.0; });
    check_call(CallOp::fma, t, [&](double a, double b) {
      return wide ? std::fma(a, b, a)
                  : static_cast<double>(
                        std::fma(static_cast<float>(a), static_cast<float>(b), static_cast<float>(a)));
    });
  }
}

TEST(Calls, OfIntegers) {
  Tensor a(kI32, {4}), o(kI32, {4});
  for (int i = 0; i < 4; ++i) a.set_int(i, std::vector<int64_t>{5, -5, INT32_MIN, 0}[static_cast<size_t>(i)]);
  EXPECT_RUNS(
      run_text("func f(A: i32[4], O: i32[4]) { O[ramp(0, 1, 4)] = abs(A[ramp(0, 1, 4)]) }", {&a, &o}));
  EXPECT_EQ(o.get_int(1), 5);
  EXPECT_EQ(o.get_int(2), INT32_MIN);
  EXPECT_RUNS(run_text("func f(A: i32[4], O: i32[4]) { O[ramp(0, 1, 4)] = ~A[ramp(0, 1, 4)] }", {&a, &o}));
  EXPECT_EQ(o.get_int(0), -6);
}

TEST(Calls, BitsOfEveryWidth) {
  for (const auto& [f, i] :
       std::vector<std::pair<DType, DType>>{{kF64, kI64}, {kF32, kU32}, {kF16, kU16}, {kBF16, kI16}}) {
    const BufferRef A = buffer("A", f, {int_imm(8)}), O = buffer("O", i, {int_imm(8)});
    const Expr index = ramp(int_imm(0), int_imm(1), 8);
    Tensor a(f, {8}), o(i, {8});
    for (int j = 0; j < 8; ++j) a.set(j, j - 3.5);
    const Kernel k =
        compile_or_fail(func("f", {A, O}, store(O, {index}, reinterpret(i.with_lanes(8), load(A, {index})))));
    EXPECT_RUNS(k.run(std::vector<const DLTensor*>{a.dl(), o.dl()}));
    EXPECT_EQ(std::memcmp(a.data(), o.data(), static_cast<size_t>(8 * f.bytes())), 0);
  }
}

TEST(Calls, TranscendentalsAreRefused) {
  const auto f = parse_func("func f(A: f32[1]) { A[0] = exp(A[0]) }").value();
  EXPECT_EQ(compile(f, AbiSpec::of(*f), Target::host(), fresh()).error().code(), "codegen.form");
}

}  // namespace
}  // namespace tc::codegen
