// Command streams: where tokens go, what is refused, and micro-op kernels in a cache
// that is too small for them, against a plain computation.
#include "tc/runtime/accel/stream.h"

#include <gtest/gtest.h>

#include <numeric>

#include "matmul.h"
#include "tc/isa/assembler.h"
#include "tc/runtime/accel/device.h"

namespace tc::accel {
namespace {

using isa::AluOp, isa::MemId, isa::Unit;
using test::Matmul, test::small_machine;

std::string code(const Check& error) { return error ? error->code() : ""; }

std::string text(const CommandStream& s) {
  std::string out;
  for (const isa::Insn& insn : s.insns()) out += isa::disassemble(insn) + "\n";
  return out;
}

CommandStream stream() { return CommandStream::make(small_machine()).value(); }

TEST(Stream, RecordsWhatIsAsked) {
  CommandStream s = stream();
  ASSERT_FALSE(s.load({.mem = MemId::inp,
                       .sram = 1,
                       .dram = 24,
                       .rows = 2,
                       .cols = 3,
                       .stride = 5,
                       .pad_top = 1,
                       .pad_bottom = 2,
                       .pad_left = 3,
                       .pad_right = 4}));
  ASSERT_FALSE(s.load({.mem = MemId::wgt, .dram = 32, .cols = 1}));
  ASSERT_FALSE(s.load({.mem = MemId::acc, .dram = 64, .cols = 1}));
  ASSERT_FALSE(s.load({.mem = MemId::acc8, .dram = 64, .cols = 1}));
  ASSERT_FALSE(s.store({.sram = 2, .dram = 48, .rows = 2, .cols = 1, .stride = 4}));
  ASSERT_FALSE(s.gemm({{2, 1, 0, 3}, {3, 0, 1, 0}, {{0, 0, 0}, {4, 0, 1}}}));
  ASSERT_FALSE(s.alu(AluOp::max, {{}, {2, 1, 2, 0}, {{0, 4, 0}}}));
  ASSERT_FALSE(s.alu(AluOp::shr, {{}, {2, 1, 2, 0}, {{0, 4, 0}}}, -5));
  EXPECT_EQ(
      text(s),
      "load.inp sram_base=1 dram_base=3 y_size=2 x_size=3 x_stride=5 y_pad0=1 y_pad1=2 x_pad0=3 x_pad1=4\n"
      "load.wgt dram_base=2 y_size=1 x_size=1\n"
      "load.acc dram_base=2 y_size=1 x_size=1\n"
      "load.acc8 dram_base=8 y_size=1 x_size=1\n"
      "store.out sram_base=2 dram_base=6 y_size=2 x_size=1 x_stride=4\n"
      "load.uop y_size=1 x_size=2 x_stride=2\n"
      "gemm uop_end=2 iter_out=2 iter_in=3 dst_out=1 src_in=1 wgt_out=3\n"
      "load.uop sram_base=2 dram_base=2 y_size=1 x_size=1 x_stride=1\n"
      "alu.max uop_bgn=2 uop_end=3 iter_out=1 iter_in=2 dst_in=1 src_in=2\n"
      "alu.shr uop_bgn=2 uop_end=3 iter_out=1 iter_in=2 dst_in=1 src_in=2 use_imm imm=-5\n");
  EXPECT_EQ(s.kernels(), (KernelCounts{3, 2}));
  EXPECT_EQ(s.uop_bytes(), 12);
  const isa::Program p = s.finish(400, 1000).value();
  EXPECT_EQ(isa::disassemble(p.insns[5]), "load.uop dram_base=100 y_size=1 x_size=2 x_stride=2");
  EXPECT_EQ(isa::disassemble(p.insns[7]), "load.uop sram_base=2 dram_base=102 y_size=1 x_size=1 x_stride=1");
  EXPECT_EQ(p.segments[0].address, 400u);
  EXPECT_EQ(p.segments[0].bytes.size(), 12u);
  s.clear();
  EXPECT_TRUE(s.insns().empty());
  EXPECT_EQ(s.uop_bytes(), 0);
  EXPECT_EQ(s.finish(0, 0).value().insns.size(), 1u);
}

TEST(Stream, TokensHangOnInstructionsWhereTheyCan) {
  CommandStream s = stream();
  ASSERT_FALSE(s.push(Unit::store, Unit::compute));  // nothing there yet
  ASSERT_FALSE(s.pop(Unit::store, Unit::compute));
  ASSERT_FALSE(s.load({.mem = MemId::inp, .cols = 1}));
  ASSERT_FALSE(s.push(Unit::load, Unit::compute));
  ASSERT_FALSE(s.push(Unit::load, Unit::compute));  // has one already
  ASSERT_FALSE(s.pop(Unit::load, Unit::compute));
  ASSERT_FALSE(s.pop(Unit::load, Unit::compute));  // asked for already
  ASSERT_FALSE(s.gemm({{}, {}, {{0, 0, 0}}}, true));
  ASSERT_FALSE(s.pop(Unit::compute, Unit::store));
  ASSERT_FALSE(s.push(Unit::compute, Unit::store));
  ASSERT_FALSE(s.push(Unit::store, Unit::compute));  // a pop stands before
  ASSERT_FALSE(s.pop(Unit::store, Unit::compute));
  EXPECT_EQ(text(s),
            "store.out push_prev\n"
            "load.inp y_size=1 x_size=1 push_next\n"
            "load.inp push_next\n"
            "load.uop pop_prev pop_next\n"
            "load.uop y_size=1 x_size=1 x_stride=1\n"  // need not wait
            "gemm reset uop_end=1 iter_out=1 iter_in=1 pop_prev push_next\n"
            "store.out pop_prev push_prev\n");
  const isa::Program p = s.finish(0, 64).value();
  ASSERT_EQ(p.insns.size(), 9u);
  EXPECT_EQ(isa::disassemble(p.insns[7]), "load.uop pop_next");
  sim::Dram dram = sim::Dram::of(p).value();
  const auto ran = sim::run(p, dram);
  EXPECT_TRUE(ran.ok()) << ran.error().str();
}

TEST(Stream, PushBehindAPopDoesNotOvertakeIt) {
  CommandStream s = stream();
  ASSERT_FALSE(s.load({.mem = MemId::inp, .cols = 1}));
  ASSERT_FALSE(s.pop(Unit::compute, Unit::load));
  ASSERT_FALSE(s.push(Unit::load, Unit::compute));
  EXPECT_EQ(text(s), "load.inp y_size=1 x_size=1\nload.inp pop_next push_next\n");
}

TEST(Stream, FinishWaitsForAllDma) {
  CommandStream s = stream();
  ASSERT_FALSE(s.gemm({{}, {}, {{0, 0, 0}}}, true));
  ASSERT_FALSE(s.push(Unit::compute, Unit::store));
  ASSERT_FALSE(s.pop(Unit::compute, Unit::store));
  ASSERT_FALSE(s.store({.dram = 0, .cols = 1}));
  ASSERT_FALSE(s.load({.mem = MemId::inp, .dram = 16, .cols = 1}));
  const isa::Program p = s.finish(32, 64).value();
  EXPECT_EQ(isa::disassemble(p.insns[p.insns.size() - 2]), "load.uop pop_prev pop_next");
  sim::Dram dram = sim::Dram::of(p).value();
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto ran = sim::run(p, dram, {.order = sim::Order::random, .seed = seed});
    EXPECT_TRUE(ran.ok()) << ran.error().str();
  }
}

TEST(Stream, FinishRefusesTokensThatDoNotMatch) {
  CommandStream s = stream();
  ASSERT_FALSE(s.push(Unit::load, Unit::compute));
  const auto more = s.finish(0, 64);
  EXPECT_EQ(more.error().code(), "runtime.accel.token");
  EXPECT_EQ(more.error().message(), "load sends compute 1 tokens, of which 0 are taken");
  ASSERT_FALSE(s.pop(Unit::load, Unit::compute));
  ASSERT_FALSE(s.pop(Unit::load, Unit::compute));
  EXPECT_EQ(s.finish(0, 64).error().message(), "load sends compute 1 tokens, of which 2 should be taken");
  EXPECT_EQ(code(s.push(Unit::load, Unit::store)), "runtime.accel.token");
  EXPECT_EQ(code(s.pop(Unit::compute, Unit::compute)), "runtime.accel.token");
  ASSERT_FALSE(s.push(Unit::load, Unit::compute));
  EXPECT_TRUE(s.finish(0, 64).ok());
}

TEST(Stream, NothingIsRecordedForNothing) {
  CommandStream s = stream();
  EXPECT_EQ(code(s.load({.cols = 0})), "");
  EXPECT_EQ(code(s.load({.rows = 0, .cols = 3})), "");
  EXPECT_EQ(code(s.store({.cols = 0})), "");
  EXPECT_EQ(code(s.store({.rows = 0, .cols = 3})), "");
  EXPECT_EQ(code(s.gemm({})), "");
  EXPECT_EQ(code(s.alu(AluOp::add, {{0}, {1}, {{0, 0, 0}}})), "");
  EXPECT_TRUE(s.insns().empty());
  EXPECT_EQ(code(s.load({.rows = 0, .cols = 3, .pad_bottom = 2})), "");  // zeros
  EXPECT_EQ(s.insns().size(), 1u);
}

TEST(Stream, RefusesWhatDoesNotFit) {
  CommandStream s = stream();
  EXPECT_EQ(code(s.load({.mem = MemId::inp, .dram = 12, .cols = 1})), "runtime.accel.align");
  EXPECT_EQ(code(s.store({.dram = 4, .cols = 1})), "runtime.accel.align");
  EXPECT_EQ(code(s.load({.mem = MemId::uop, .cols = 1})), "runtime.accel.mem");
  EXPECT_EQ(code(s.load({.mem = MemId::out, .cols = 1})), "isa.encode.mem_id");
  EXPECT_EQ(code(s.load({.cols = 0, .pad_left = 1})), "runtime.accel.pad");
  for (const int64_t bad : {int64_t{-1}, int64_t{1} << 16, int64_t{1} << 32, INT64_MAX}) {
    EXPECT_EQ(code(s.load({.sram = bad, .cols = 1})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.load({.rows = bad, .cols = 1})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.load({.cols = bad})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.load({.cols = 1, .stride = bad})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.load({.cols = 1, .pad_right = bad})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.store({.cols = bad})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.gemm({{bad}, {}, {{0, 0, 0}}})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.gemm({{2, bad, 0, 0}, {}, {{0, 0, 0}}})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.gemm({{}, {2, 0, 0, bad}, {{0, 0, 0}}})), "isa.encode.range") << bad;
    EXPECT_EQ(code(s.alu(AluOp::add, {{}, {2, 0, bad, 0}, {{0, 0, 0}}})), "isa.encode.range") << bad;
    if (bad > 0) {
      EXPECT_EQ(code(s.alu(AluOp::add, {{}, {}, {{0, 0, 0}}}, bad)), "isa.encode.range") << bad;
    }
  }
  EXPECT_EQ(code(s.load({.dram = int64_t{8} << 32, .cols = 1})), "isa.encode.range");
  EXPECT_EQ(code(s.load({.cols = 1, .pad_top = 16})), "isa.encode.range");
  EXPECT_EQ(code(s.gemm({{}, {}, {{16, 0, 0}}})), "isa.encode.range");  // the micro-op
  EXPECT_EQ(code(s.alu(static_cast<AluOp>(7), {{}, {}, {{0, 0, 0}}})), "isa.encode.alu_op");
  EXPECT_EQ(s.finish(2, 64).error().code(), "runtime.accel.align");
  EXPECT_EQ(s.finish(-4, 64).error().code(), "isa.encode.range");
  EXPECT_EQ(s.finish(int64_t{1} << 40, int64_t{1} << 41).error().code(), "isa.encode.range");
  EXPECT_TRUE(s.insns().empty());
  ASSERT_FALSE(s.gemm({{}, {}, {{0, 0, 0}}}, true));
  EXPECT_EQ(s.finish(64, 64).error().code(), "isa.program.dram");  // no room for micro-ops
}

TEST(Stream, HoldsSoManyInstructions) {
  CommandStream s = CommandStream::make(small_machine(), 20).value();
  Check error;
  int n = 0;
  while (n < 100 && !(error = s.load({.cols = 1}))) ++n;
  EXPECT_EQ(code(error), "runtime.accel.limit");
  EXPECT_EQ(code(s.push(Unit::load, Unit::compute)), "runtime.accel.limit");
  EXPECT_EQ(code(s.gemm({{}, {}, {{0, 0, 0}}})), "runtime.accel.limit");
  EXPECT_LE(s.finish(0, 64).value().insns.size(), 20u);
}

TEST(Kernels, AreKnownByTheirContents) {
  CommandStream s = stream();
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(s.gemm({{}, {}, {{0, 0, 0}, {1, 0, 0}}}, true));
    ASSERT_FALSE(s.gemm({{i + 1}, {}, {{0, 0, 0}, {2, 0, 0}}}, true));  // other micro-ops, any loops
  }
  EXPECT_EQ(s.kernels(), (KernelCounts{20, 2}));
  EXPECT_EQ(s.uop_bytes(), 16);
}

TEST(Kernels, AreLoadedAheadInOneTransfer) {
  CommandStream s = stream();  // UOP holds 8
  const Kernel a{{}, {}, {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}}, b{{}, {}, {{3, 0, 0}, {4, 0, 0}, {5, 0, 0}}};
  const Kernel none, c{{}, {}, {{6, 0, 0}, {7, 0, 0}, {8, 0, 0}}};
  const Kernel* all[] = {&a, &none, &b, &a, &c};  // a once, and no room for c
  ASSERT_FALSE(s.preload(std::span<const Kernel* const>(all, 3)));
  ASSERT_FALSE(s.gemm(b, true));
  ASSERT_FALSE(s.gemm(a, true));
  EXPECT_EQ(text(s),
            "load.uop y_size=1 x_size=6 x_stride=6\n"
            "gemm reset uop_bgn=3 uop_end=6 iter_out=1 iter_in=1\n"
            "gemm reset uop_end=3 iter_out=1 iter_in=1\n");
  EXPECT_EQ(s.kernels(), (KernelCounts{2, 2}));
  EXPECT_EQ(code(s.preload(std::span<const Kernel* const>(all, 1))), "runtime.accel.kernel");
  CommandStream t = stream();
  ASSERT_FALSE(t.preload(all));
  ASSERT_FALSE(t.gemm(c, true));
  EXPECT_EQ(text(t),
            "load.uop y_size=1 x_size=6 x_stride=6\n"
            "load.uop dram_base=6 y_size=1 x_size=3 x_stride=3\n"
            "gemm reset uop_end=3 iter_out=1 iter_in=1\n");
  CommandStream nothing = stream();
  ASSERT_FALSE(nothing.preload({}));
  EXPECT_TRUE(nothing.insns().empty());
}

TEST(Stream, PassTakesTokensAlone) {
  CommandStream s = stream();
  const Kernel one{{}, {}, {{0, 0, 0}}};
  ASSERT_FALSE(s.gemm(one, true));
  ASSERT_FALSE(s.push(Unit::compute, Unit::load));
  ASSERT_FALSE(s.pop(Unit::compute, Unit::load));
  ASSERT_FALSE(s.pass(Unit::load));
  ASSERT_FALSE(s.load({.mem = MemId::inp, .cols = 1}));
  EXPECT_EQ(text(s),
            "load.uop y_size=1 x_size=1 x_stride=1\n"
            "gemm reset uop_end=1 iter_out=1 iter_in=1 push_prev\n"
            "load.inp pop_next\n"
            "load.inp y_size=1 x_size=1\n");
}

TEST(Kernels, TooLongForTheCacheAreSplitOrRefused) {
  CommandStream s = stream();
  Kernel k;
  for (uint32_t i = 0; i < 11; ++i) k.uops.push_back({i, i * i % 16, 0});  // UOP holds 8
  ASSERT_FALSE(s.alu(AluOp::add, k));
  ASSERT_FALSE(s.alu(AluOp::add, {{2}, {}, k.uops}, 1));
  EXPECT_EQ(s.kernels().used, 4);
  const size_t before = s.insns().size();
  const Check error = s.alu(AluOp::add, {{2}, {}, k.uops});
  EXPECT_EQ(code(error), "runtime.accel.uops");
  EXPECT_EQ(error->message(), "a kernel has 11 micro-ops in loops; UOP holds 8");
  EXPECT_EQ(s.insns().size(), before);
}

// Random kernels on ACC through caches of random, small sizes. The reference is ACC as
// numbers; what a kernel does follows from its definition in kernel.h.
TEST(Kernels, RandomOnesComputeWhatTheySay) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    isa::MachineConfig config = small_machine();
    config.uop_depth = 2 + static_cast<int64_t>(rng.below(12));
    config.out_bits = 32;
    auto device = AccelDevice::make(config, 1 << 16).value();
    Queue queue = Queue::make(device).value();
    CommandStream& s = queue.stream();
    std::vector<int32_t> acc(16);  // a number for each tile: all of its elements
    Kernel all{{}, {16, 1, 0, 0}, {{0, 0, 0}}};
    ASSERT_FALSE(s.gemm(all, true));
    std::vector<Kernel> kernels;
    for (int i = 0; i < 12; ++i) {
      Kernel k{{1 + static_cast<int64_t>(rng.below(2)), static_cast<int64_t>(rng.below(4)),
                static_cast<int64_t>(rng.below(4)), 0},
               {1 + static_cast<int64_t>(rng.below(2)), static_cast<int64_t>(rng.below(4)),
                static_cast<int64_t>(rng.below(4)), 0},
               {}};
      if (rng.below(2)) k.outer = k.inner = {};
      for (uint64_t n = 1 + rng.below(15); n > 0; --n)
        k.uops.push_back({static_cast<uint32_t>(rng.below(10)), static_cast<uint32_t>(rng.below(10)), 0});
      kernels.push_back(k);
    }
    for (int i = 0; i < 100; ++i) {
      const Kernel& k = kernels[rng.below(kernels.size())];
      const bool immediate = rng.below(2) != 0;
      const auto imm = static_cast<int32_t>(rng.below(100)) - 50;
      const Check error = immediate ? s.alu(AluOp::add, k, imm) : s.alu(AluOp::add, k);
      if (code(error) == "runtime.accel.uops") {
        ASSERT_GT(static_cast<int64_t>(k.uops.size()), config.uop_depth);
        continue;
      }
      ASSERT_FALSE(error) << error->str();
      for (int64_t y = 0; y < k.outer.iterations; ++y)
        for (int64_t x = 0; x < k.inner.iterations; ++x)
          for (const isa::Uop& u : k.uops) {
            const auto dst = static_cast<size_t>(u.dst + y * k.outer.dst + x * k.inner.dst),
                       src = static_cast<size_t>(u.src + y * k.outer.src + x * k.inner.src);
            const auto operand = static_cast<uint32_t>(immediate ? imm : acc[src]);
            acc[dst] = static_cast<int32_t>(static_cast<uint32_t>(acc[dst]) + operand);
          }
    }
    EXPECT_GT(s.kernels().loaded, 12);  // some were evicted
    ASSERT_FALSE(s.push(Unit::compute, Unit::store));
    ASSERT_FALSE(s.pop(Unit::compute, Unit::store));
    const int64_t bytes = 16 * config.out_bytes();
    const uint64_t out = device->allocate(static_cast<uint64_t>(bytes), 32).value();
    ASSERT_FALSE(s.store({.dram = static_cast<int64_t>(out), .cols = 16}));
    const auto ran = queue.synchronize({.order = sim::Order::random, .seed = seed});
    ASSERT_TRUE(ran.ok()) << ran.error().str();
    std::vector<int32_t> got(16 * 8);
    ASSERT_TRUE(device->copy_to_host(got.data(), out, bytes).ok());
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_EQ(got[i], acc[i / 8]) << "seed " << seed << " element " << i;
  }
}

TEST(Stream, ConfigurationsThatAreWrong) {
  isa::MachineConfig config;
  config.batch = 0;
  EXPECT_EQ(CommandStream::make(config).error().code(), "isa.config.range");
}

}  // namespace
}  // namespace tc::accel
