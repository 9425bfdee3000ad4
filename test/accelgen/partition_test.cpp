// Cutting a function into what the device and what the host runs: the parts, one after the
// other in the interpreter, do what the whole does.
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "tc/codegen/accel.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/verify.h"
#include "tc/schedule/lower.h"
#include "tc/te/evaluate.h"

namespace tc::accel {
namespace {

using ir::FuncRef;

// Bytes of each buffer of `f`, as tensors that start with the same contents.
std::vector<HostTensor> tensors_of(const std::vector<ir::BufferRef>& buffers) {
  std::vector<HostTensor> out;
  for (const ir::BufferRef& b : buffers) {
    std::vector<int64_t> shape;
    for (const Expr& e : b->shape) shape.push_back(ir::as_int(e).value());
    HostTensor& t = out.emplace_back(b->type, shape);
    for (int64_t i = 0; i < t.size(); ++i) t.set(i, static_cast<double>((i * 7 + 3) % 11 - 5));
  }
  return out;
}

// Runs the whole and the parts, and compares what the parameters hold then.
void expect_same(const FuncRef& whole, const Partition& parts) {
  auto expected = tensors_of(whole->params), got = tensors_of(parts.params);
  auto between = tensors_of(parts.intermediates);
  ir::InterpretOptions options;
  options.initialized_outputs = true;
  const Check wrong = ir::interpret(whole, views_of(expected), options);
  ASSERT_FALSE(wrong) << wrong->str();
  std::map<const ir::Buffer*, ir::TensorView> memory;
  for (size_t i = 0; i < got.size(); ++i) memory[parts.params[i].get()] = got[i].view();
  for (size_t i = 0; i < between.size(); ++i) memory[parts.intermediates[i].get()] = between[i].view();
  for (const Segment& s : parts.segments) {
    const Check broken = ir::verify(s.func, ir::Form::nested);
    ASSERT_FALSE(broken) << broken->str();
    std::vector<ir::TensorView> args;
    for (const ir::BufferRef& p : s.func->params) args.push_back(memory.at(p.get()));
    const Check failed = ir::interpret(s.func, args, options);
    ASSERT_FALSE(failed) << failed->str();
  }
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(std::memcmp(got[i].data(), expected[i].data(), got[i].bytes()), 0)
        << ir::to_string(whole->params[i]->type) << " " << whole->params[i]->name;
}

std::string kinds_of(const Partition& p) {
  std::string out;
  for (const Segment& s : p.segments) out += s.device ? 'd' : 'h';
  return out;
}

Partition cut(std::string_view text, std::string_view kinds) {
  const FuncRef f = ir::parse_func(text).value();
  Partition p = partition(f).value();
  EXPECT_EQ(kinds_of(p), kinds);
  expect_same(f, p);
  return p;
}

TEST(Partition, HostAndDeviceTakeTurns) {
  const Partition p = cut(R"(
    func f(A: i64[4], B: i64[4]) {
      alloc P: i64[4]
      alloc Q: i64[4]
      for i in [0, +4) { P[i] = A[i] + 1 }
      for i in [0, +4) {
        alloc T: i64[1] acc
        T[0] = P[i] * 2
        Q[i] = T[0]
      }
      for i in [0, +4) { Q[i] = Q[i] + A[i] }
      for i in [0, +4) { B[i] = Q[i] - 3 }
    })",
                          "hdh");
  ASSERT_EQ(p.intermediates.size(), 2u);
  EXPECT_EQ(ir::to_string(p.segments[1].func), R"(func f_1(P: i64[4], Q: i64[4]) {
  for i in [0, +4) {
    alloc T: i64[1] acc
    T[0] = P[i] * 2
    Q[i] = T[0]
  }
})");
  EXPECT_EQ(p.segments[2].func->params.size(), 3u);  // A, B, Q: those of the function first
  EXPECT_EQ(p.segments[2].func->params[2]->name, "Q");
}

TEST(Partition, EachNestOfTheDeviceIsOneProgramUnlessTheyShareAScratchpad) {
  cut(R"(
    func f(A: i64[4], B: i64[4], C: i64[4]) {
      for i in [0, +4) { alloc T: i64[1] acc  T[0] = A[i]  B[i] = T[0] }
      for i in [0, +4) { alloc U: i64[1] acc  U[0] = B[i]  C[i] = U[0] }
    })",
      "dd");
  const Partition p = cut(R"(
    func f(A: i64[4], B: i64[4], C: i64[4]) {
      alloc T: i64[4] acc
      for i in [0, +4) { T[i] = A[i] }
      for i in [0, +4) { B[i] = T[i] }
      for i in [0, +4) { C[i] = B[i] }
    })",
                          "dh");
  EXPECT_TRUE(p.intermediates.empty());
}

TEST(Partition, WhatStandsBetweenMovesWhereItMay) {
  cut(R"(
    func f(A: i64[4], B: i64[4], C: i64[4], D: i64[4]) {
      alloc T: i64[4] acc
      for i in [0, +4) { T[i] = A[i] }
      for i in [0, +4) { C[i] = A[i] * 5 }
      for i in [0, +4) { B[i] = T[i] + C[i] }
      for i in [0, +4) { D[i] = B[i] }
    })",
      "hdh");
  const auto refused = partition(ir::parse_func(R"(
    func f(A: i64[4], B: i64[4], C: i64[4], D: i64[4]) {
      alloc T: i64[4] acc
      for i in [0, +4) { T[i] = A[i]  D[i] = T[i] }
      for i in [0, +4) { C[i] = D[i] * 5 }
      for i in [0, +4) { B[i] = T[i] + C[i] }
    })")
                                     .value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "codegen.accel.partition");
  EXPECT_EQ(refused.error().fact_of("stages"), "B, C, D, T");
}

TEST(Partition, StorageOfOneHostSegmentStaysInIt) {
  const Partition p = cut(R"(
    func f(A: i64[4], B: i64[4]) {
      alloc S: i64[4] stack
      alloc R: i64[4] stack
      alloc unused: i64[4]
      for i in [0, +4) { S[i] = A[i] + 1 }
      for i in [0, +4) { R[i] = S[i] * 2 }
      for i in [0, +4) { alloc T: i64[1] acc  T[0] = R[i]  B[i] = T[0] }
    })",
                          "hd");
  ASSERT_EQ(p.intermediates.size(), 1u);
  EXPECT_EQ(p.intermediates[0]->scope, ir::Scope::global);
  EXPECT_EQ(p.intermediates[0]->name, "R");
}

TEST(Partition, NamesAreThoseOfRegions) {
  const ir::BufferRef a = ir::buffer("x", ir::kI32, {ir::int_imm(2, ir::kIndex)}),
                      b = ir::buffer("x", ir::kI32, {ir::int_imm(2, ir::kIndex)}),
                      c = ir::buffer("my tensor\n", ir::kI32, {ir::int_imm(2, ir::kIndex)});
  const auto copy = [](const ir::BufferRef& to, const ir::BufferRef& from) {
    return ir::store(to, {ir::int_imm(0, ir::kIndex)}, ir::load(from, {ir::int_imm(0, ir::kIndex)}));
  };
  const FuncRef f = ir::func("f", {a, b, c}, ir::seq({copy(b, a), copy(c, b)}));
  const Partition p = partition(f).value();
  EXPECT_EQ(p.params[0]->name, "x");
  EXPECT_EQ(p.params[1]->name, "x_1");
  EXPECT_EQ(p.params[2]->name, "my_tensor_");
  expect_same(f, p);
}

TEST(Partition, EmptyAndWholeFunctions) {
  EXPECT_EQ(partition(ir::parse_func("func f(A: i64[4]) { }").value()).value().segments.size(), 0u);
  const Partition p = cut("func f(A: i64[0], B: i64[4]) { for i in [0, +4) { B[i] = 1 } }", "h");
  EXPECT_EQ(p.params.size(), 2u);
  EXPECT_EQ(p.segments[0].func->params.size(), 1u);
}

// A scheduled computation: operands packed by the host, a product in the scratchpads.
TEST(Partition, ScheduledMatmul) {
  const Tensor a = placeholder({5, 7}, kI8, "A"), b = placeholder({7, 6}, kI8, "B");
  const Tensor ap = compute(
      {5, 8},
      [&](Expr i, Expr k) {
        return if_then_else(k < 7, a(i, ir::min(k, ir::int_imm(6))), ir::int_imm(0, kI8));
      },
      "Ap");
  ReduceAxis k = reduce_axis(0, 7, "k");
  const Tensor c = compute(
      {5, 6}, [&](Expr i, Expr j) { return sum(cast(kI32, ap(i, k)) * cast(kI32, b(k, j)), k); }, "C");
  const Tensor d = compute(
      {5, 6},
      [&](Expr i, Expr j) { return cast(kI8, ir::binary(ir::BinaryOp::shr, c(i, j), ir::int_imm(2, kI32))); },
      "D");
  const Tensor e = compute({6, 5}, [&](Expr i, Expr j) { return d(j, i); }, "E");
  Schedule s({e});
  s[c].set_scope(Scope::acc);
  auto inp = s.cache_read(ap, Scope::inp, {s[c]});
  auto wgt = s.cache_read(b, Scope::wgt, {s[c]});
  s[c].compute_at(s[d], s[d].axes()[0]);
  inp.compute_at(s[c], s[c].axes()[0]);
  wgt.compute_at(s[c], s[c].axes()[0]);
  const Lowered lowered = lower(s, {a, b, e}, "mm").value();
  const Partition p = partition(lowered.func).value();
  EXPECT_EQ(kinds_of(p), "hdh") << ir::to_string(lowered.func);
  expect_same(lowered.func, p);
}

}  // namespace
}  // namespace tc::accel
