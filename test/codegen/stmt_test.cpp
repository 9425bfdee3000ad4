// Control flow, storage and memory access forms.
#include <thread>

#include "run.h"
#include "tc/runtime/c_api.h"

namespace tc::codegen {
namespace {

using namespace testing;

Tensor iota(int64_t n, DType t = kF32) {
  Tensor a(t, {n});
  for (int64_t i = 0; i < n; ++i) a.set(i, static_cast<double>(i));
  return a;
}
std::vector<double> values(const Tensor& t) {
  std::vector<double> out;
  for (int64_t i = 0; i < t.size(); ++i) out.push_back(t.get(i));
  return out;
}
using V = std::vector<double>;

TEST(Loops, RunOncePerValueFromMin) {
  Tensor o(kI64, {6});
  EXPECT_RUNS(
      run_text("func f(O: i64[6]) { for i in [0, +6) serial { O[i] = 0 }  for i in [2, +3) serial { O[i] = "
               "O[i] + i } }",
               {&o}));
  EXPECT_EQ(values(o), (V{0, 0, 2, 3, 4, 0}));
}
TEST(Loops, DynamicExtentsMayBeEmptyOrNegative) {
  for (const int64_t n : {-3, 0, 1, 4}) {
    Tensor count(kI64, {1}), o(kI64, {4});
    count.set_int(0, n);
    EXPECT_RUNS(
        run_text("func f(N: i64[1], O: i64[4]) { for i in [0, +4) serial { O[i] = 7 }  for i in [0, +N[0]) "
                 "serial { O[i] = i } }",
                 {&count, &o}));
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(o.get_int(i), i < n ? i : 7);
  }
}
TEST(Loops, OfExtentOneAndZero) {
  Tensor o(kI64, {3});
  EXPECT_RUNS(
      run_text("func f(O: i64[3]) { for i in [0, +3) serial { O[i] = 0 }  for i in [2, +1) serial { O[i] = i "
               "* 5 } for i in [0, +0) serial { O[i] = 9 } }",
               {&o}));
  EXPECT_EQ(values(o), (V{0, 0, 10}));
}
TEST(Loops, NestedIndicesHoistAndFold) {
  Tensor a = iota(60), o(kF32, {60});
  EXPECT_RUNS(
      run_text("func f(A: f32[60], O: f32[60]) { for i in [0, +3) serial { for j in [0, +4) serial { for k "
               "in [0, +5) serial {"
               " O[(2 - i) * 20 + j * 5 + (4 - k)] = A[(i * 4 + j) * 5 + k] + A[(i * 20 + j * 5 + k) / 7 * 7 "
               "+ (i * 20 + j * 5 + k) % 7] } } } }",
               {&a, &o}));
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 5; ++k) EXPECT_EQ(o.get((2 - i) * 20 + j * 5 + 4 - k), 2 * (i * 20 + j * 5 + k));
}
TEST(Branches, TakeOneSideAndProtectLoads) {
  Tensor a = iota(4), o(kF32, {8});
  EXPECT_RUNS(
      run_text("func f(A: f32[4], O: f32[8]) { for i in [0, +8) serial { if i >= 2 && i < 6 { O[i] = A[i - "
               "2] } else { if i < 2 { O[i] = -1.0 } else { O[i] = -2.0 } } } }",
               {&a, &o}));
  EXPECT_EQ(values(o), (V{-1, -1, 0, 1, 2, 3, -2, -2}));
}
TEST(Lets, OfLoadedIndicesReachInnerLoops) {
  Tensor idx(kI64, {3}), a = iota(30), o(kF32, {12});
  for (int i = 0; i < 3; ++i) idx.set_int(i, 2 - i);
  EXPECT_RUNS(run_text(
      "func f(I: i64[3], A: f32[30], O: f32[12]) { for i in [0, +3) serial { let p: i64 = I[i] * 10 + 1\n"
      " let q: i64 = p + 2\n for j in [0, +4) serial { O[i * 4 + j] = A[q + j] } } }",
      {&idx, &a, &o}));
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j) EXPECT_EQ(o.get(i * 4 + j), (2 - i) * 10 + 3 + j);
}
TEST(Lets, TheSameLoadTwice) {
  Tensor idx(kI64, {1}), a = iota(8), o(kF32, {2});
  idx.set_int(0, 3);
  EXPECT_RUNS(
      run_text("func f(I: i64[1], A: f32[8], O: f32[2]) { { let p: i64 = I[0]\n O[0] = A[p] } { let q: i64 = "
               "I[0]\n O[1] = A[q + 1] + A[I[0]] } }",
               {&idx, &a, &o}));
  EXPECT_EQ(values(o), (V{3, 7}));
}
TEST(Memory, StoresAreSeenByLaterLoads) {
  Tensor o = iota(4);
  EXPECT_RUNS(
      run_text("func f(O: f32[4]) { O[0] = O[1] + O[2]  O[1] = O[0] + O[1]  O[ramp(2, 1, 2)] = O[ramp(0, 1, "
               "2)]  O[0] = O[2] }",
               {&o}));
  EXPECT_EQ(values(o), (V{3, 4, 3, 4}));
}
TEST(Memory, StridedReversedAndBroadcastVectors) {
  Tensor a = iota(32), o(kF32, {32});
  EXPECT_RUNS(
      run_text("func f(A: f32[32], O: f32[32]) { O[ramp(0, 1, 8)] = A[ramp(1, 3, 8)]  O[ramp(15, -1, 8)] = "
               "A[ramp(7, -1, 8)]"
               " O[ramp(16, 1, 8)] = A[broadcast(5, 8)]  O[ramp(24, 1, 8)] = A[ramp(31, -4, 8)] }",
               {&a, &o}));
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(o.get(i), 1 + 3 * i);
    EXPECT_EQ(o.get(8 + i), i);
    EXPECT_EQ(o.get(16 + i), 5);
    EXPECT_EQ(o.get(24 + i), 31 - 4 * i);
  }
}
TEST(Memory, GathersAndScattersInLaneOrder) {
  Tensor idx(kI64, {4}), a = iota(8), o = iota(8);
  for (int i = 0; i < 4; ++i) idx.set_int(i, std::vector<int64_t>{6, 2, 6, 0}[static_cast<size_t>(i)]);
  EXPECT_RUNS(
      run_text("func f(I: i64[4], A: f32[8], O: f32[8]) { O[I[ramp(0, 1, 4)]] = A[I[ramp(0, 1, 4)]] * 2.0 + "
               "A[ramp(0, 1, 4)] }",
               {&idx, &a, &o}));
  EXPECT_EQ(values(o), (V{3, 1, 5, 3, 4, 5, 14, 7}));  // of the two stores to 6 the later stays
}
TEST(Memory, RampsOfRunTimeStride) {
  Tensor s(kI64, {1}), a = iota(32), o(kF32, {4});
  s.set_int(0, 5);
  EXPECT_RUNS(
      run_text("func f(S: i64[1], A: f32[32], O: f32[4]) { let s: i64 = S[0]\n O[ramp(0, 1, 4)] = A[ramp(1, "
               "s, 4) + broadcast(s, 4)] }",
               {&s, &a, &o}));
  EXPECT_EQ(values(o), (V{6, 11, 16, 21}));
}
TEST(Memory, BoolsAreBytes) {
  Tensor a(kBool, {8}), o(kBool, {8});
  for (int i = 0; i < 8; ++i) a.set_int(i, i % 3 == 0);
  a.set_int(7, 255);  // any non-zero byte is true
  EXPECT_RUNS(
      run_text("func f(A: bool[8], O: bool[8]) { O[ramp(0, 1, 8)] = !A[ramp(0, 1, 8)]  O[0] = A[7] && A[3] }",
               {&a, &o}));
  EXPECT_EQ(values(o), (V{1, 1, 1, 0, 1, 1, 0, 0}));
}
TEST(Memory, ZeroDimensionalBuffers) {
  Tensor o(kF32, {});
  EXPECT_RUNS(run_text("func f(O: f32[]) { O[] = 4.0 }", {&o}));
  EXPECT_EQ(o.get(0), 4);
}
TEST(Memory, ConstantsFarBeyond32Bits) {
  // the address is formed in two parts that overflow nothing
  Tensor a = iota(4), o(kF32, {1});
  EXPECT_RUNS(run_text(
      "func f(A: f32[4], O: f32[1]) { for i in [4000000001, +2) serial { O[0] = A[i - 4000000000] } }",
      {&a, &o}));
  EXPECT_EQ(o.get(0), 2);
}
TEST(Reduce, CombinesHalvesWithTheMiddleAlone) {
  for (const int n : {2, 3, 5, 7, 8, 16}) {
    Tensor a = iota(n), o(kF32, {3});
    const std::string r = "vreduce(OP, A[ramp(0, 1, " + std::to_string(n) + ")])";
    const auto with = [&](const char* op) { return std::string(r).replace(r.find("OP"), 2, op); };
    EXPECT_RUNS(run_text("func f(A: f32[" + std::to_string(n) + "], O: f32[3]) { O[0] = " + with("+") +
                             " O[1] = " + with("max") + " O[2] = " + with("min") + " }",
                         {&a, &o}));
    EXPECT_EQ(values(o), (V{n * (n - 1) / 2.0, n - 1.0, 0}));
  }
}
TEST(Reduce, OrderIsThatOfTheDefinition) {
  Tensor a(kF32, {5}), o(kF32, {1});
  const float x[] = {1e8f, 1.0f, 3.0f, -1e8f, 2.0f};
  for (int i = 0; i < 5; ++i) a.set(i, x[i]);
  EXPECT_RUNS(run_text("func f(A: f32[5], O: f32[1]) { O[0] = vreduce(+, A[ramp(0, 1, 5)]) }", {&a, &o}));
  const float p = x[0] + x[3], q = x[1] + x[4], m = x[2];  // then (p, q, m): p + m, q
  EXPECT_EQ(o.get(0), static_cast<double>((p + m) + q));
}
TEST(Alloc, RegistersCarryValuesAcrossLoops) {
  Tensor a = iota(32), o(kF32, {8});
  EXPECT_RUNS(run_text(
      "func f(A: f32[32], O: f32[8]) { alloc T: f32[8] register\n T[ramp(0, 1, 8)] = broadcast(0.0, 8)\n"
      " for i in [0, +4) serial { T[ramp(0, 1, 8)] = T[ramp(0, 1, 8)] + A[ramp(i * 8, 1, 8)] }\n O[ramp(0, "
      "1, 8)] = T[ramp(0, 1, 8)] }",
      {&a, &o}));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(o.get(i), 48 + 4 * i);
}
TEST(Alloc, RegistersWithOverlappingAccessesStillWork) {
  Tensor o(kF32, {4});
  EXPECT_RUNS(
      run_text("func f(O: f32[4]) { alloc T: f32[4] register\n T[ramp(0, 1, 4)] = broadcast(1.0, 4)\n T[2] = "
               "5.0\n for i in [0, +4) serial { O[i] = T[i] } }",
               {&o}));
  EXPECT_EQ(values(o), (V{1, 1, 5, 1}));
}
TEST(Alloc, StackAndWorkspaceOfEverySize) {
  for (const std::string scope : {"stack", "global"})
    for (const int n : {1, 100, scope == "stack" ? 8192 : 100000}) {  // 64 KiB of stack is all there is
      Tensor o(kI64, {1});
      const std::string e = std::to_string(n);
      EXPECT_RUNS(run_text("func f(O: i64[1]) { O[0] = 0  for r in [0, +3) serial { alloc T: i64[" + e +
                               "] " + scope + "\n for i in [0, +" + e +
                               ") serial { T[i] = i + r }\n"
                               " for i in [0, +" +
                               e + ") serial { O[0] = O[0] + T[i] } } }",
                           {&o}));
      EXPECT_EQ(o.get_int(0), 3 * (int64_t{n} * (n - 1) / 2) + 3 * int64_t{n});
    }
}
// Each fits; together they fill more than the frame, and the second goes elsewhere.
TEST(Alloc, WhatTheFrameHasNoRoomForIsOnTheHeap) {
  Tensor o(kI64, {1});
  EXPECT_RUNS(
      run_text("func f(O: i64[1]) { alloc S: i64[6000] stack alloc T: i64[6000] stack\n"
               " for i in [0, +6000) serial { S[i] = i T[i] = 2 * i }\n"
               " O[0] = 0 for i in [0, +6000) serial { O[0] = O[0] + T[i] - S[i] } }",
               {&o}));
  EXPECT_EQ(o.get_int(0), 5999 * 3000);
}
TEST(Alloc, WhatNoStackHasRoomForIsRefused) {
  const auto f = parse_func(
                     "func f(O: i64[1]) { alloc T: i64[8193] stack\n"
                     " for i in [0, +8193) serial { T[i] = i } O[0] = T[8192] }")
                     .value();
  EXPECT_EQ(
      compile(f, AbiSpec::of(*f), Target::host(), fresh()).error().str(),
      "error[codegen.stack]: T alone does not fit the stack\n"
      "  function  f\n"
      "  bytes     65544\n"
      "  limit     65536 bytes\n"
      "  fix       compute_at T at a loop further in, where less of it is needed, or place it in memory: "
      "set_scope T scope=global");
}
TEST(Alloc, FailureComesBackAsAnError) {
  Tensor o(kI64, {1});
  const Check c = run_text(
      "func f(O: i64[1]) { alloc T: i64[100000000000000000] global\n alloc U: i8[10] global\n T[0] = 1  U[0] "
      "= i8(2) O[0] = T[0] }",
      {&o});
  ASSERT_TRUE(c);
  EXPECT_EQ(c->code().rfind("runtime.alloc", 0), 0u) << c->str();
}
// The runtime keeps what was given back for the thread, and hands it out again.
void expect_given_back_once(const std::string& failing) {
  const int64_t outer = 200'000, inner = 1'000'000;
  void *t = tc_alloc(outer), *u = tc_alloc(inner);
  tc_free(t), tc_free(u);
  Tensor o(kI64, {1});
  const Check c = run_text(
      "func f(O: i64[1]) { alloc T: i8[200000] global\n T[0] = i8(1)\n"
      " for r in [0, +2) serial { alloc U: i8[1000000] global\n U[0] = i8(2) " +
          failing + " O[0] = cast(i64, U[0]) + cast(i64, T[0]) } }",
      {&o});
  ASSERT_TRUE(c);
  EXPECT_EQ(c->code(), "runtime.alloc.size");
  void *t1 = tc_alloc(outer), *t2 = tc_alloc(outer), *u1 = tc_alloc(inner), *u2 = tc_alloc(inner);
  EXPECT_TRUE(t1 == t && t2 != t && u1 == u && u2 != u);
  for (void* memory : {t1, t2, u1, u2}) tc_free(memory);
}
TEST(Alloc, FailureGivesBackEachBlockOnce) {
  const std::string none = "alloc V: i64[100000000000000000] global\n V[0] = 1 O[0] = V[0]";
  std::thread(expect_given_back_once, none).join();
  std::thread(expect_given_back_once, "for i in [0, +4) parallel { " + none + " }").join();
}
TEST(Parallel, CapturesVariablesAndBuffers) {
  Tensor a = iota(1000), n(kI64, {1}), o(kF32, {3000});
  n.set_int(0, 7);
  EXPECT_RUNS(
      run_text("func f(A: f32[1000], N: i64[1], O: f32[3000]) { let n: i64 = N[0]\n let v: f32x4 = A[ramp(n, "
               "1, 4)]\n for r in [0, +3) serial {"
               " alloc T: f32[1000] global\n for i in [0, +1000) parallel { alloc S: f32[4] stack\n "
               "S[ramp(0, 1, 4)] = v\n T[i] = A[i] + S[1] + cast(f32, r) }\n"
               " for i in [10, +990) parallel { O[r * 1000 + i] = T[i] }\n for i in [0, +10) serial { O[r * "
               "1000 + i] = 0.0 } } }",
               {&a, &n, &o}));
  for (int r = 0; r < 3; ++r)
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(o.get(r * 1000 + i), i < 10 ? 0 : i + 8 + r) << r << " " << i;
}
TEST(Parallel, NestedLoopsRunSerially) {
  Tensor o(kI64, {64});
  EXPECT_RUNS(
      run_text("func f(O: i64[64]) { for i in [0, +8) parallel { for j in [0, +8) parallel { O[i * 8 + j] = "
               "i * j } } }",
               {&o}));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(o.get_int(i), (i / 8) * (i % 8));
}
TEST(Parallel, ErrorsInPartsComeBack) {
  Tensor o(kI64, {4});
  const Check c = run_text(
      "func f(O: i64[4]) { for i in [0, +4) parallel { alloc T: i64[100000000000000000] global\n T[0] = i  "
      "O[i] = T[0] } }",
      {&o});
  ASSERT_TRUE(c);
  EXPECT_EQ(c->code().rfind("runtime.alloc", 0), 0u) << c->str();
}
TEST(Form, WhatTargetFormLacksIsRefused) {
  const auto code = [](const char* text) {
    const auto f = parse_func(text).value();
    const auto k = compile(f, AbiSpec::of(*f), Target::host(), fresh());
    return k ? "" : k.error().code();
  };
  EXPECT_EQ(code("func f(A: f32[4]) { for i in [0, +4) vectorized { A[i] = 0.0 } }"), "codegen.form");
  EXPECT_EQ(code("func f(A: f32[4]) { for i in [0, +4) unrolled { A[i] = 0.0 } }"), "codegen.form");
  EXPECT_EQ(code("func f(A: f32[4]) { alloc T: f32[4] acc\n T[0] = 1.0 }"), "codegen.form");
  EXPECT_EQ(code("func f(A: f32[4]) { alloc T: f32[2, 2] stack\n T[0, 0] = 1.0 }"), "codegen.form");
  EXPECT_EQ(code("func f(A: f32[2, 2]) { A[0, 0] = 1.0 }"), "codegen.abi");
  EXPECT_EQ(code("func f(A: f32[8]) { alloc T: f32[1] register\n T[0] = 1.0 for i in [0, +8) parallel { A[i] "
                 "= T[0] } }"),
            "codegen.form");
}
TEST(Form, DivisionByZeroDoesNotTrap) {
  Tensor a(kI32, {2}), o(kI32, {2});
  a.set_int(0, 0), a.set_int(1, -1);
  EXPECT_RUNS(run_text(
      "func f(A: i32[2], O: i32[2]) { O[0] = i32(7) / A[0]  O[1] = i32(-0x80000000) / A[1] }", {&a, &o}));
  EXPECT_EQ(o.get_int(1), INT32_MIN);
}

}  // namespace
}  // namespace tc::codegen
