// Schedules of legalised computations lower to loops that compute the same.
#include "tc/codegen/accel_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"
#include "tc/isa/random.h"
#include "tc/schedule/lower.h"
#include "tc/te/evaluate.h"
#include "tc/te/ops_quantized.h"
#include "tc/te/workload.h"

namespace tc::accel {
namespace {

isa::MachineConfig machine(int64_t batch, int64_t in, int64_t out) {
  isa::MachineConfig c;
  c.batch = batch, c.block_in = in, c.block_out = out;
  return c;
}
Legalized legal(std::string_view workload, const isa::MachineConfig& config) {
  return legalize(parse_workload(workload).value().build().args, config).value();
}

// Tiles that allocations of each scratchpad have, a virtual thread each its own.
Footprint allocated(const ir::FuncRef& func, const isa::MachineConfig& config) {
  Footprint f;
  const std::function<void(const ir::Stmt&, int64_t)> visit = [&](const ir::Stmt& s, int64_t threads) {
    if (!s) return;
    if (const auto* loop = s.as<ir::For>()) {
      visit(loop->body,
            loop->mode == ir::LoopMode::vthread ? threads * ir::as_int(loop->extent).value() : threads);
    } else if (const auto* q = s.as<ir::Seq>()) {
      for (const ir::Stmt& t : q->stmts) visit(t, threads);
    } else if (const auto* b = s.as<ir::If>()) {
      visit(b->if_true, threads), visit(b->if_false, threads);
    } else if (const auto* l = s.as<ir::Let>()) {
      visit(l->body, threads);
    } else if (const auto* a = s.as<ir::Alloc>()) {
      int64_t n = threads;
      for (const Expr& e : a->buffer->shape) n *= ir::as_int(e).value();
      if (a->buffer->scope == Scope::inp) f.inp += n / (config.batch * config.block_in);
      if (a->buffer->scope == Scope::wgt) f.wgt += n / (config.block_out * config.block_in);
      if (a->buffer->scope == Scope::acc) f.acc += n / (config.batch * config.block_out);
      visit(a->body, threads);
    }
  };
  visit(func->body, 1);
  return f;
}

void expect_computes(const std::vector<Tensor>& args, const Legalized& l, const Schedule& s) {
  auto lowered = lower(s, l.args);
  ASSERT_TRUE(lowered) << lowered.error().str();
  const std::vector<HostTensor> want = make_args(args, 3, Fill::uniform),
                                got = make_args(args, 3, Fill::uniform);
  Check error = evaluate(args, views_of(want));
  ASSERT_FALSE(error) << error->str();
  error = ir::interpret(lowered.value().func, views_of(got));
  ASSERT_FALSE(error) << error->str() << s.text() << ir::to_string(lowered.value().func);
  for (size_t i = 0; i < args.size(); ++i)
    EXPECT_EQ(std::memcmp(want[i].data(), got[i].data(), want[i].bytes()), 0) << s.text();
}

const char* const kWorkloads[] = {
    "qmatmul m=5 n=33 k=17 bias=1 shift=5 act=relu round=1",
    "matmul m=9 n=20 k=40 dtype=i8",
    "matmul m=1 n=1 k=1 dtype=i8",
    "qconv2d n=1 c=20 h=7 w=6 k=36 r=3 s=3 stride=2 pad=1 bias=1 shift=6 act=relu",
    "qconv2d n=2 c=16 h=6 w=6 k=16 r=3 s=3 pad=1 shift=6 layout=nchw",
    "qconv2d n=1 c=9 h=5 w=9 k=4 r=1 s=1 stride=2 shift=4",
    "max_pool2d n=1 c=20 h=7 w=6 r=3 s=3 stride=2 pad=1 dtype=i8",
    "qdepthwise_conv2d n=1 c=18 h=6 w=5 r=3 s=3 pad=1 bias=1 shift=5",
    "qadd m=9 n=33 shift=1 round=1",
    "maximum shape=40 dtype=i8"};

TEST(Plan, TheDefaultFitsAndComputesTheSame) {
  isa::MachineConfig small = machine(1, 4, 4);
  small.inp_depth = 24, small.wgt_depth = 12, small.acc_depth = 20;
  for (const char* w : kWorkloads)
    for (const isa::MachineConfig& config : {machine(1, 16, 16), machine(2, 4, 8), small}) {
      SCOPED_TRACE(fmt::format("{} on {}", w, isa::to_json(config)));
      const Legalized l = legal(w, config);
      ASSERT_EQ(l.ops.size(), 1u);
      const auto plan = default_plan(l.ops[0], config);
      ASSERT_TRUE(plan);
      EXPECT_TRUE(footprint(l.ops[0], *plan).fits(config));
      const auto s = default_schedule(l, config);
      ASSERT_TRUE(s) << s.error().str();
      expect_computes(parse_workload(w).value().build().args, l, s.value());
    }
}

// Any plan is right, and takes no more of the scratchpads than footprint says.
TEST(Plan, RandomPlansComputeTheSame) {
  Rng rng(7);
  const auto draw = [&](int64_t n) { return static_cast<int64_t>(rng.below(static_cast<uint64_t>(n))); };
  for (int round = 0; round < 120; ++round) {
    const std::string_view w = kWorkloads[round % std::size(kWorkloads)];
    const isa::MachineConfig config = machine(1 + draw(2), 4 << draw(3), 4 << draw(3));
    const Legalized l = legal(w, config);
    const auto extents = tiled_extents(l.ops[0]);
    DevicePlan p;
    for (const int64_t e : extents) p.tile.push_back(1 + draw(e + 1));
    p.order.resize(extents.size());
    std::iota(p.order.begin(), p.order.end(), 0);
    for (size_t i = extents.size(); i-- > 1;)
      std::swap(p.order[i], p.order[static_cast<size_t>(draw(static_cast<int64_t>(i) + 1))]);
    p.thread_axis = static_cast<int>(draw(static_cast<int64_t>(extents.size()) + 1)) - 1;
    p.threads = 2 + draw(2);
    p.depth = 1 + draw(4);
    p.windows_inside = draw(3) != 0;
    p.image = static_cast<Keep>(draw(3)), p.weight = static_cast<Keep>(draw(3));
    SCOPED_TRACE(fmt::format("{} on ({},{})x({},{})", w, config.batch, config.block_in, config.block_in,
                             config.block_out));
    const auto s = make_schedule(l, {p});
    ASSERT_TRUE(s) << s.error().str();
    expect_computes(parse_workload(w).value().build().args, l, s.value());
    const Footprint most = footprint(l.ops[0], p),
                    have = allocated(lower(s.value(), l.args).value().func, config);
    EXPECT_LE(have.inp, most.inp) << s.value().text();
    EXPECT_LE(have.wgt, most.wgt) << s.value().text();
    EXPECT_LE(have.acc, most.acc) << s.value().text();
    Schedule replayed(l.outputs);
    ASSERT_FALSE(replayed.apply(parse_steps(s.value().text()).value()));
    if (testing::Test::HasFailure()) break;
  }
}

// A reduction over single elements and its epilogue read the same ones: each has a copy of its own.
TEST(Plan, SumsAndEpilogueMayReadTheSame) {
  const Tensor x = placeholder({1, 5, 4, 7}, kI8, "X"), w = placeholder({1, 1, 7, 1}, kI8, "W");
  const Tensor y = op::qdepthwise_conv2d(x, w, {}, {}, {.shift = 3});
  const std::vector<Tensor> args = {x, w, op::qadd(y, x, {}, "Z")};
  const Legalized l = legalize(args, {}).value();
  ASSERT_EQ(l.ops.size(), 1u);
  const auto s = default_schedule(l, {});
  ASSERT_TRUE(s) << s.error().str();
  expect_computes(args, l, s.value());
}

TEST(Plan, PlansOfOtherOpsAreRefused) {
  const Legalized l = legal("qadd m=9 n=33", {});
  EXPECT_EQ(make_schedule(l, {}).error().code(), "codegen.accel.plan");
  EXPECT_EQ(make_schedule(l, {DevicePlan{}}).error().code(), "codegen.accel.plan");
  isa::MachineConfig config;
  config.acc_depth = 8;
  EXPECT_TRUE(default_schedule(l, config));
}

}  // namespace
}  // namespace tc::accel
