// The legalised graph computes what the plain one computes, bit by bit, on any machine.
#include "tc/codegen/accel_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "run_legal.h"
#include "tc/ir/parse.h"
#include "tc/ir/traverse.h"
#include "tc/isa/random.h"
#include "tc/te/evaluate.h"
#include "tc/te/extern.h"
#include "tc/te/ops_quantized.h"
#include "tc/te/scan.h"
#include "tc/te/workload.h"

namespace tc::accel {
namespace {

isa::MachineConfig machine(int64_t batch, int64_t in, int64_t out) {
  isa::MachineConfig c;
  c.batch = batch, c.block_in = in, c.block_out = out;
  return c;
}

std::string kinds(const Legalized& l) {
  std::string out;
  for (const DeviceOp& op : l.ops) out += (out.empty() ? "" : " ") + std::string(to_string(op.kind));
  return out;
}

// Evaluates both graphs on the same inputs and compares the outputs' bytes.
void expect_same(const std::vector<Tensor>& args, const Legalized& l, uint64_t seed = 1) {
  const std::vector<HostTensor> plain = make_args(args, seed, Fill::uniform),
                                blocked = make_args(args, seed, Fill::uniform);
  ASSERT_EQ(args.size(), l.args.size());
  Check error = evaluate(args, views_of(plain));
  ASSERT_FALSE(error) << error->str();
  error = evaluate(l.args, views_of(blocked));
  ASSERT_FALSE(error) << error->str();
  for (size_t i = 0; i < args.size(); ++i) {
    EXPECT_EQ(args[i].name(), l.args[i].name());
    ASSERT_EQ(plain[i].shape(), blocked[i].shape());
    EXPECT_EQ(std::memcmp(plain[i].data(), blocked[i].data(), plain[i].bytes()), 0) << args[i].name();
  }
}

Legalized legal(const std::vector<Tensor>& args, const isa::MachineConfig& config) {
  auto l = legalize(args, config);
  EXPECT_TRUE(l) << l.error().str();
  return l ? std::move(l).value() : Legalized{};
}

const isa::MachineConfig kMachines[] = {machine(1, 16, 16), machine(2, 4, 8), machine(4, 8, 4)};

void check(std::string_view workload, std::string_view expected) {
  const std::vector<Tensor> args = parse_workload(workload).value().build().args;
  for (const isa::MachineConfig& config : kMachines) {
    SCOPED_TRACE(fmt::format("{} on ({},{})x({},{})", workload, config.batch, config.block_in,
                             config.block_in, config.block_out));
    const Legalized l = legal(args, config);
    std::string left;
    for (const std::string& s : l.left) left += s + "; ";
    EXPECT_EQ(kinds(l), expected) << left;
    expect_same(args, l);
  }
}

TEST(Legalize, MatrixProducts) {
  for (const auto& [m, n, k] :
       {std::array<int, 3>{16, 16, 16}, {1, 1, 1}, {5, 33, 17}, {7, 1, 40}, {1, 64, 3}}) {
    const std::string_view kind = "gemm";
    check(fmt::format("qmatmul m={} n={} k={} bias=1 shift=5 act=relu round=1", m, n, k), kind);
    check(fmt::format("qmatmul m={} n={} k={} tb=1 shift=3 mul=3 low=-100 high=90", m, n, k), kind);
    check(fmt::format("matmul m={} n={} k={} dtype=i8", m, n, k), kind);  // four parts of i32
    check(fmt::format("matmul m={} n={} k={} ta=1 dtype=i8", m, n, k), kind);
  }
  check("batch_matmul b=3 m=5 n=9 k=6 dtype=i8", "gemm");
  check("dense m=3 n=20 k=30 bias=1 act=relu dtype=i8", "gemm");
}

TEST(Legalize, Convolutions) {
  for (const char* layout : {"nhwc", "nchw"}) {
    const auto conv = [&](const char* sizes) {
      return fmt::format("qconv2d {} layout={} bias=1 shift=6 round=1 act=relu", sizes, layout);
    };
    check(conv("n=1 c=16 h=6 w=6 k=16 r=3 s=3 pad=1"), "gemm");
    check(conv("n=2 c=5 h=7 w=6 k=19 r=3 s=3 stride=2 pad=1"), "gemm");
    check(conv("n=3 c=3 h=9 w=5 k=4 r=1 s=1 stride=2"), "gemm");
    check(conv("n=1 c=20 h=5 w=8 k=6 r=2 s=3 pad=1x0x2x1 dilation=1x2"), "gemm");
    check(conv("n=1 c=4 h=4 w=4 k=4 r=1 s=1 pad=1"), "gemm");
  }
  check("conv2d n=1 c=3 h=5 w=5 k=7 r=3 s=3 pad=1 dtype=i8", "gemm");
  check("conv2d_transpose n=1 c=3 h=4 w=4 k=5 r=3 s=3 stride=2 pad=1 dtype=i8", "gemm");
  check("qconv2d n=1 c=6 h=5 w=5 k=4 r=3 s=3 pad=1 groups=2 shift=4", "reduce");
}

TEST(Legalize, WhatTheAluDoes) {
  for (const char* layout : {"nhwc", "nchw"}) {
    check(fmt::format("max_pool2d n=1 c=20 h=7 w=6 r=3 s=3 stride=2 pad=1 dtype=i8 layout={}", layout),
          "reduce");
    check(fmt::format("max_pool2d n=2 c=3 h=6 w=6 r=2 s=2 stride=2 dtype=i8 layout={}", layout), "reduce");
    check(fmt::format("qavg_pool2d n=1 c=9 h=6 w=4 r=2 s=2 stride=2 shift=2 round=1 layout={}", layout),
          "reduce");
    check(fmt::format("qdepthwise_conv2d n=1 c=18 h=6 w=5 r=3 s=3 pad=1 bias=1 shift=5 layout={}", layout),
          "reduce");
    check(fmt::format("qdepthwise_conv2d n=2 c=3 h=7 w=7 r=3 s=3 stride=2 pad=1 shift=5 act=relu layout={}",
                      layout),
          "reduce");
  }
  check("qadd m=9 n=33 shift=1 round=1", "elementwise");
  check("qadd shape=1x5x6x20 act=relu", "elementwise");
  check("add m=7 n=9 dtype=i8", "elementwise");
  check("sub m=7 n=9 dtype=i8", "elementwise");
  check("mul m=7 n=9 rhs=9 dtype=i8", "elementwise");
  check("maximum m=7 n=9 dtype=i8", "elementwise");
  check("abs m=5 n=3 dtype=i8", "elementwise");
  check("neg shape=40 dtype=i8", "elementwise");
  check("clip m=5 n=3 low=-3 high=100 dtype=i8", "elementwise");
  for (const char* w : {"sum m=4 n=9 dtype=i8", "sum m=5 n=7 dtype=i32", "max m=4 n=9 dtype=i16",
                        "max_pool2d n=1 c=5 h=6 w=6 r=2 s=2 stride=2 dtype=i32"})
    check(w, "reduce");
}

// Ranges that the ALU follows show that a value does not depend on an input; the input is an argument
// nevertheless.
TEST(Legalize, AnInputThatDoesNotMatterLeavesAllToTheCpu) {
  const Tensor a = placeholder({4}, kI8, "A"), b = placeholder({4}, kI8, "B");
  const Tensor c = compute(
      {4},
      [&](Expr i) {
        return tc::max(tc::min(tc::cast(kI32, a(i)), ir::int_imm(-200, kI32)), tc::cast(kI32, b(i)));
      },
      "C");
  const std::vector<Tensor> args = {a, b, c};
  const Legalized l = legal(args, {});
  EXPECT_TRUE(l.ops.empty());
  ASSERT_FALSE(l.left.empty());
  EXPECT_EQ(l.left.back(), "A: no value depends on it");
  expect_same(args, l);
}

TEST(Legalize, WhatTheDeviceCannotDoStaysOnTheCpu) {
  for (const char* w : {"matmul m=8 n=8 k=8 dtype=f32", "softmax m=4 n=8 dtype=f32", "add m=4 n=4 dtype=i64",
                        "div m=4 n=4 dtype=i8", "argmax m=4 n=9 dtype=i8", "qmatmul m=0 n=4 k=4",
                        "transpose m=4 n=6 dtype=i8", "matmul m=8 n=8 k=8 dtype=u8", "exp m=3 n=3 dtype=f32"})
    check(w, "");
  check("qmatmul m=4 n=4 k=0 bias=1", "elementwise");  // sums of nothing are zeros; the bias is not
  const Legalized l = legal(parse_workload("matmul m=8 n=8 k=8 dtype=u8").value().build().args, {});
  ASSERT_EQ(l.left.size(), 1u);
  EXPECT_EQ(l.left[0], "C: a factor is no signed integer of the width of the machine's operands");
}

TEST(Legalize, WhatStaysIsTheSameGraph) {
  const std::vector<Tensor> args = parse_workload("softmax m=4 n=8 dtype=f32").value().build().args;
  const Legalized l = legal(args, {});
  EXPECT_TRUE(l.args.back() == args.back());
}

// conv -> conv -> + input -> relu -> pool -> dense -> softmax: every stage finds its place, and
// blocked results are read as they are where the next stage wants the same blocks.
TEST(Legalize, NetworksAreDoneInParts) {
  const Tensor x = placeholder({1, 8, 8, 16}, kI8, "X"), w1 = placeholder({3, 3, 16, 16}, kI8, "W1"),
               b1 = placeholder({16}, kI32, "b1"), w2 = placeholder({3, 3, 16, 16}, kI8, "W2"),
               w3 = placeholder({10, 256}, kI8, "W3");
  op::Conv2dOptions o;
  o.padding = 1, o.name = "Y1";
  const Tensor y1 = op::qconv2d(x, w1, b1, o, {.shift = 6, .relu = true});
  o.name = "Y2";
  const Tensor y2 = op::qconv2d(y1, w2, {}, o, {.shift = 5});
  const Tensor y3 = op::qadd(y2, x, {.relu = true}, "Y3");
  const Tensor p = op::max_pool2d(y3, {.name = "P"});
  const Tensor flat = op::reshape(p, {1, 256}, "flat");
  const Tensor d = op::dense(flat, w3, {}, {.name = "D"});
  const Tensor s = op::softmax(op::cast(d, kF32, "D_f32"), 1, "S");
  const std::vector<Tensor> args = {x, w1, b1, w2, w3, s};
  for (const isa::MachineConfig& config : kMachines) {
    const Legalized l = legal(args, config);
    EXPECT_EQ(kinds(l), "gemm gemm reduce gemm");  // the sum is part of the second convolution
    expect_same(args, l);
    if (config.batch == 1) {
      EXPECT_TRUE(l.ops[1].copies[0].packed == l.ops[0].out);
      EXPECT_TRUE(l.ops[2].copies[0].packed == l.ops[1].out);
    }
    EXPECT_FALSE(l.left.empty());
  }
}

// Recurrences and externs stay on the host, and read what the device made. (Both were taken for
// computes once, and a stage that reads itself was put into itself without end.)
TEST(Legalize, RecurrencesAndExternsStayOnTheHost) {
  const Tensor a = placeholder({6, 12}, kI8, "A"), b = placeholder({12, 8}, kI8, "B");
  const Tensor c = op::qmatmul(a, b, {}, {.requantize = {.shift = 4}});
  const Tensor h = scan_state({6, 8}, kI8, "h");
  const Tensor next = compute({6, 8}, [&](Expr t, Expr i) { return h(t - 1, i) + c(t, i); }, "N");
  const Tensor first = compute({1, 8}, [&](Expr, Expr i) { return c(0, i); }, "I");
  const Tensor run = scan(first, next, h);
  const auto f = ir::parse_func(
      "func turn(X: i8[6, 8], R: i8[6, 8]) { for i in [0, +6) { for j in [0, +8) { R[i, j] = X[5 - i, j] } } "
      "}");
  ASSERT_TRUE(f) << f.error().str();
  const Tensor turned = extern_func(f.value(), {run})[0];
  const Tensor d = op::qadd(turned, c, {.shift = 1}, "D");
  const std::vector<Tensor> args = {a, b, d, run};
  for (const isa::MachineConfig& config : kMachines) {
    const Legalized l = legal(args, config);
    EXPECT_EQ(kinds(l), "gemm elementwise");
    EXPECT_EQ(l.left, (std::vector<std::string>{"N: a recurrence", "R: an extern"}));
    expect_same(args, l);
  }
}

// Transfers are known when a program is made, so memory cannot say what they read.
TEST(Legalize, GathersStayOnTheHost) {
  const Tensor a = placeholder({9, 12}, kI8, "A"), at = placeholder({9}, kI32, "at");
  const Tensor b = placeholder({12, 20}, kI8, "B");
  const ReduceAxis k = reduce_axis(0, 12, "k");
  const Tensor c = compute(
      {9, 20},
      [&](Expr i, Expr j) {
        const Expr row = max(min(at(i), ir::int_imm(8, kI32)), ir::int_imm(0, kI32));
        return sum(cast(kI32, a(row, k)) * cast(kI32, b(k, j)), k);
      },
      "C");
  const Legalized l = legal({a, at, b, c}, {});
  EXPECT_EQ(kinds(l), "");
  expect_same({a, at, b, c}, l);
}

TEST(Legalize, ResultsWithSeveralReadersAreUnpackedOnce) {
  const Tensor a = placeholder({9, 12}, kI8, "A"), b = placeholder({12, 20}, kI8, "B");
  const Tensor c = op::qmatmul(a, b, {}, {.requantize = {.shift = 4}});
  const Tensor d = op::qadd(c, c, {.shift = 1}, "D"), e = op::softmax(op::cast(c, kF32, "F"));
  const std::vector<Tensor> args = {a, b, d, e, c};
  const Legalized l = legal(args, {});
  EXPECT_EQ(kinds(l), "gemm elementwise");
  expect_same(args, l);
}

// The epilogue costs no micro-op more than it must.
TEST(Legalize, EpiloguesAreSimplified) {
  const auto ops = [](std::string_view workload) {
    const Legalized l = legal(parse_workload(workload).value().build().args, {});
    int n = 0;
    ir::walk<ir::Binary>(l.ops.at(0).out.op().values[0], [&](const ir::Binary& b) { n += b.type == kI32; });
    return n;
  };
  const std::string base = "qmatmul m=4 n=16 k=16 ";
  EXPECT_EQ(ops(base + "shift=4"), 3);           // >> max min
  EXPECT_EQ(ops(base + "shift=4 act=relu"), 3);  // >> max min: relu and the lower bound are one
  EXPECT_EQ(ops(base + "bias=1 shift=4 round=1 act=relu"), 4);  // + >> max min: the half is in the bias
  EXPECT_EQ(ops(base + "bias=1 shift=24 round=1"), 2);          // + >>: what is left fits
  EXPECT_EQ(ops(base + "shift=24"), 1);
}

// Chains of any length, sums of a tensor with itself, sizes beyond all memory.
TEST(Legalize, HostileGraphsAreDoneInTime) {
  const Tensor x = placeholder({40}, kI8, "X");
  Tensor t = x;
  for (int i = 0; i < 300; ++i)  // written out, 2^300 reads
    t = compute({40}, [&](Expr k) { return t(k) + t(k); }, "T" + std::to_string(i));
  const Legalized l = legal({x, t}, {});
  EXPECT_GT(l.ops.size(), 1u);
  Tensor f = placeholder({4}, kF32, "F");
  const Tensor first = f;
  for (int i = 0; i < 1500; ++i) f = compute({4}, [&](Expr k) { return f(k) + 1; }, "G" + std::to_string(i));
  EXPECT_TRUE(legal({first, f}, {}).ops.empty());
  const int64_t n = int64_t{1} << 29;
  const Tensor a = placeholder({n, 64}, kI8, "A"), b = placeholder({64, 64}, kI8, "B");
  const Tensor c = op::qmatmul(a, b);
  const Legalized big = legal({a, b, c}, {});  // some 2^27 instructions: for the CPU
  EXPECT_TRUE(big.ops.empty());
  ASSERT_EQ(big.left.size(), 2u);
  EXPECT_NE(big.left[0].find("instructions, and a program may have"), big.left[0].npos) << big.left[0];
}

TEST(Legalize, ErrorsAreThoseOfTheArguments) {
  const Tensor a = placeholder({4, 4}, kI8, "A"), b = placeholder({4, 4}, kI8, "B");
  const Tensor c = op::qmatmul(a, b);
  EXPECT_EQ(legalize({a, c}, {}).error().code(), "te.args.missing");
  isa::MachineConfig bad;
  bad.batch = 0;
  EXPECT_EQ(legalize({a, b, c}, bad).error().code(), "isa.config.range");
}

// Random shapes, layouts and machines.
TEST(Legalize, RandomLayersOnRandomMachines) {
  Rng rng(20261121);
  const auto draw = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
  };
  for (int round = 0; round < 150; ++round) {
    const isa::MachineConfig config = isa::random_config(rng);
    const int64_t r = draw(1, 3), s = draw(1, 3);
    const std::string image =
        fmt::format("n={} c={} h={} w={}", draw(1, 3), draw(1, 20), draw(r, 8), draw(s, 8));
    const std::string window =
        fmt::format("r={} s={} stride={} layout={}", r, s, draw(1, 3), draw(0, 1) ? "nhwc" : "nchw");
    const std::string after = fmt::format("shift={} round={} act={} low={}", draw(0, 12), draw(0, 1),
                                          draw(0, 1) ? "relu" : "none", draw(-128, 5));
    std::string text;
    switch (draw(0, 4)) {
      case 0:
        text = fmt::format("qconv2d {} k={} {} pad={} bias={} {}", image, draw(1, 20), window, draw(0, 2),
                           draw(0, 1), after);
        break;
      case 1:
        text = fmt::format("qdepthwise_conv2d {} {} pad={} bias={} {}", image, window, draw(0, 2), draw(0, 1),
                           after);
        break;
      case 2:
        text = fmt::format("qavg_pool2d {} {} {}", image, window, after);
        break;
      case 3:
        text = fmt::format("qmatmul m={} n={} k={} tb={} bias={} {}", draw(1, 40), draw(1, 40), draw(1, 40),
                           draw(0, 1), draw(0, 1), after);
        break;
      default:
        text = fmt::format("max_pool2d {} {} dtype=i8", image, window);
    }
    SCOPED_TRACE(fmt::format("{} on {}", text, isa::to_json(config)));
    const std::vector<Tensor> args = parse_workload(text).value().build().args;
    expect_same(args, legal(args, config), static_cast<uint64_t>(round));
    if (testing::Test::HasFailure()) break;
  }
}

// ---- what does not fit

std::string left_of(const std::vector<Tensor>& args, const isa::MachineConfig& config) {
  const Legalized l = legalize(args, config).value();
  expect_same(args, l);
  std::string out;
  for (const std::string& why : l.left) out += (out.empty() ? "" : "\n") + why;
  return out;
}
std::vector<Tensor> args_of(std::string_view workload) {
  return parse_workload(workload).value().build().args;
}

// The number that does not fit and what would: with that there is a program.
TEST(Legalize, SaysWhatDoesNotFitAndWhatWould) {
  isa::MachineConfig config;
  for (const std::string workload :
       {"depthwise_conv2d n=1 c=16 h=9 w=9 r=3 s=3 dtype=i8", "qadd shape=9x33"}) {
    SCOPED_TRACE(workload);
    config.acc_depth = 2;
    const std::string why = left_of(args_of(workload), config);
    const size_t at = why.find("acc_depth is 2, ");
    ASSERT_NE(at, why.npos) << why;
    const int64_t enough = std::stoll(why.substr(at + 16));
    config.acc_depth = enough - 1;
    EXPECT_FALSE(left_of(args_of(workload), config).empty());
    config.acc_depth = enough;
    const Legalized l = legalize(args_of(workload), config).value();
    EXPECT_TRUE(l.left.empty());
    const auto compiled = compile_all(default_schedule(l, config).value(), l.args, config);
    EXPECT_TRUE(compiled) << compiled.error().str();
  }
  config.acc_depth = 2;
  EXPECT_EQ(left_of(args_of("depthwise_conv2d n=1 c=16 h=9 w=9 r=3 s=3 dtype=i8"), config),
            "Y: one tile of the result takes 3 tiles of 64 bytes in acc; acc_depth is 2, 3 would do");
}

// A machine of tiny tiles and scratchpads would take half a million instructions for this: it is said
// at once, and the CPU computes it.
TEST(Legalize, WhatTakesTooManyInstructionsStaysOnTheCpu) {
  isa::MachineConfig small;
  small.block_in = small.block_out = 4;
  small.uop_depth = small.inp_depth = small.wgt_depth = small.acc_depth = 8;
  const Legalized l = legalize(args_of("qmatmul m=257 n=255 k=253 shift=9"), small).value();
  for (const DeviceOp& op : l.ops) EXPECT_NE(op.kind, DeviceOp::Kind::gemm);
  ASSERT_EQ(l.left.size(), 1u);
  EXPECT_EQ(l.left[0],
            "C: about 420160 instructions, and a program may have 262144; deeper scratchpads need fewer");
  small.inp_depth = small.wgt_depth = small.acc_depth = small.uop_depth = 64;
  EXPECT_TRUE(legalize(args_of("qmatmul m=257 n=255 k=253 shift=9"), small).value().left.empty());
}

// ---- wide elements

// The ALU's arithmetic is that of i32, wrap and all; parts of a result are stored as planes.
TEST(Legalize, ElementwiseStagesOfI32RunOnTheDevice) {
  const Tensor a = placeholder({5, 20}, kI32, "A"), b = placeholder({5, 20}, kI32, "B"),
               c = placeholder({5, 20}, kI8, "C");
  const auto number = [](int64_t v) { return ir::int_imm(v, kI32); };
  const auto each = [&](const std::function<Expr(Expr, Expr, Expr)>& f) {
    return std::vector<Tensor>{
        a, b, c,
        compute(
            {5, 20},
            [&](const Axes& i) { return f(a(i[0], i[1]), b(i[0], i[1]), cast(kI32, c(i[0], i[1]))); }, "R")};
  };
  const std::function<Expr(Expr, Expr, Expr)> cases[] = {
      [&](Expr x, Expr y, Expr z) { return x + y * z; },
      [&](Expr x, Expr y, Expr z) { return tc::max(x - y, z); },
      [&](Expr x, Expr y, Expr z) { return tc::min(ir::binary(ir::BinaryOp::shr, x, number(3)), y) + z; },
      [&](Expr x, Expr y, Expr z) { return x * y - ir::binary(ir::BinaryOp::shl, z, number(9)); },
      [&](Expr x, Expr y, Expr z) { return x * number(70000) + y + z; },
  };
  for (const auto& f : cases) {
    const std::vector<Tensor> args = each(f);
    for (const isa::MachineConfig& config : {isa::MachineConfig{}, machine(4, 8, 4)}) {
      const Legalized l = legalize(args, config).value();
      EXPECT_EQ(kinds(l), "elementwise");
      ASSERT_FALSE(l.ops.empty());
      EXPECT_EQ(l.ops[0].planes, 4);
      expect_same(args, l);
    }
  }
  // what it does not have is said
  EXPECT_EQ(
      left_of(each([&](Expr x, Expr y, Expr z) { return ir::binary(ir::BinaryOp::div, x, y) + z; }), {}),
      "R: arithmetic that the ALU does not have");
}

}  // namespace
}  // namespace tc::accel
