// Device functions as IR text, compared with the interpreter: what the ALU is made to do,
// storage, virtual threads, order through memory.
#include "run_device.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"
#include "tc/support/rng.h"

namespace tc::accel::test {
namespace {

// Tiles of 1 x 4 everywhere.
isa::MachineConfig tiny(int64_t depth = 64) {
  isa::MachineConfig c = machine(1, 4, 4);
  c.inp_depth = c.wgt_depth = c.acc_depth = depth;
  return c;
}

// Runs func main(A: i8[16, 4], B: i8[16, 4, 4], D: i32[16, 4], C: i8[16, 4]) { body } in the
// interpreter and on the device.
CompileStats expect_same(const std::string& body, const isa::MachineConfig& config = tiny()) {
  const auto func = ir::parse_func("func main(A: i8[16, 4], B: i8[16, 4, 4], D: i32[16, 4], C: i8[16, 4]) {" +
                                   body + "\n}");
  EXPECT_TRUE(func) << func.error().str();
  if (!func) return {};
  const auto code = compile_device(func.value(), config);
  EXPECT_TRUE(code) << code.error().str() << body;
  if (!code) return {};
  Rng rng(7);
  std::vector<HostTensor> start;
  start.emplace_back(kI8, std::vector<int64_t>{16, 4});
  start.emplace_back(kI8, std::vector<int64_t>{16, 4, 4});
  start.emplace_back(kI32, std::vector<int64_t>{16, 4});
  start.emplace_back(kI8, std::vector<int64_t>{16, 4});
  for (HostTensor& t : start)
    for (int64_t i = 0; i < t.size(); ++i)
      t.set(i, t.dtype() == kI32 && rng.below(2) ? static_cast<double>(static_cast<int32_t>(rng.next()))
                                                 : static_cast<double>(rng.between(-128, 127)));
  std::vector<HostTensor> want;
  for (const HostTensor& t : start) {
    want.emplace_back(t.dtype(), t.shape());
    std::memcpy(want.back().data(), t.data(), t.bytes());
  }
  const Check error = ir::interpret(func.value(), views_of(want), {.initialized_outputs = true});
  EXPECT_FALSE(error) << error->str();
  for (int order = 0; order < 8; ++order) {
    sim::Dram dram = sim::Dram::of(code.value().program).value();
    const char* names[] = {"A", "B", "D", "C"};
    for (size_t i = 0; i < 4; ++i)
      std::memcpy(dram.bytes().data() + code.value().program.region(names[i])->address, start[i].data(),
                  start[i].bytes());
    const auto ran = sim::run(code.value().program, dram,
                              {.order = order == 0   ? sim::Order::program
                                        : order == 1 ? sim::Order::timed
                                                     : sim::Order::random,
                               .seed = static_cast<uint64_t>(order)});
    EXPECT_TRUE(ran) << ran.error().str() << body << isa::disassemble(code.value().program);
    if (!ran) break;
    for (size_t i = 0; i < 4; ++i) {
      const bool same = std::memcmp(dram.bytes().data() + code.value().program.region(names[i])->address,
                                    want[i].data(), want[i].bytes()) == 0;
      EXPECT_TRUE(same) << names[i] << " differs" << body << isa::disassemble(code.value().program);
      if (!same) return code.value().stats;
    }
  }
  return code.value().stats;
}

// C = cast(i8, e) of x and y in acc, tile by tile; both from D.
std::string values(const std::string& e) {
  return R"(
  alloc x: i32[8, 4] acc
  alloc y: i32[8, 4] acc
  alloc n: i8[8, 4] acc
  for t in [0, +8) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +8) { for i in [0, +4) { y[t, i] = D[t + 8, i] } }
  for t in [0, +8) { for i in [0, +4) { n[t, i] = A[t + 3, i] } }
  for t in [0, +8) { for i in [0, +4) { C[t, i] = cast(i8, )" +
         e + R"() } }
  for t in [0, +8) { for i in [0, +4) { C[t + 8, i] = cast(i8, x[t, i] >> i32(8)) } })";
}

TEST(AccelAlu, Expressions) {
  const std::string x = "x[t, i]", y = "y[t, i]", n = "cast(i32, n[t, i])";
  const std::vector<std::string> all = {
      x,
      x + " + " + y,
      x + " - " + y,
      y + " - " + x,
      "i32(7) - " + y,
      "i32(100000) - " + y,
      x + " - i32(40000)",
      x + " + i32(-2147483648)",
      x + " * i32(65537)",
      "max(" + x + ", i32(-100000)) >> i32(3)",
      "-" + y,
      "abs(" + y + ")",
      "abs(" + x + " + i32(1))",
      x + " + " + x,
      "(" + x + " + i32(1)) * (" + x + " - i32(1))",
      x + " + " + y + " * " + x,
      "(" + y + " + " + n + ") * (" + y + " - " + n + ") + " + y,
      "min(max(" + x + " >> i32(5), i32(0)), i32(127))",
      "(" + x + " << i32(3)) + " + n,
      x + " / i32(16)",
      y + " >> (" + n + " - " + n + " + i32(4))",
      "cast(i32, cast(i8, " + y + ")) + cast(i32, cast(i16, " + x + ")) >> i32(1)",
      "cast(i32, n[t, i] + n[t, i]) >> i32(1)",
      "cast(i32, n[t, i] * i8(3)) >> i32(2)",
      "min(" + x + ", " + y + ") - max(" + x + ", " + y + ")",
      "i32(300)",
      "i32(0) - (i32(5) - " + y + ")"};
  for (const std::string& e : all) {
    expect_same(values(e));
    expect_same(values("(" + e + ") >> i32(13)"));  // the high bits too
  }
}

TEST(AccelAlu, WorksInPlaceWhereNothingNeedsTheOperand) {
  const std::string body = R"(
  alloc x: i32[8, 4] acc
  for t in [0, +8) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +8) { for i in [0, +4) { C[t, i] = cast(i8, max(x[t, i], i32(0))) } })";
  EXPECT_EQ(expect_same(body).alus, 1);
  EXPECT_EQ(expect_same(body).gemms, 0);
  // x is read later: a copy takes its place
  const CompileStats s =
      expect_same(body + "\n  for t in [0, +8) { for i in [0, +4) { C[t + 8, i] = cast(i8, x[t, i]) } }");
  EXPECT_EQ(s.alus, 2);
  EXPECT_EQ(s.gemms, 1);
}

TEST(AccelAlu, IntermediateResultsInWhatIsFree) {
  // 9 of 11 tiles are taken: pieces of two tiles
  const std::string body = R"(
  alloc x: i32[9, 4] acc
  for t in [0, +9) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +9) { for i in [0, +4) { C[t, i] = cast(i8, x[t, i] + i32(3)) } }
  for t in [0, +7) { for i in [0, +4) { C[t + 9, i] = cast(i8, x[t, i]) } })";
  EXPECT_GT(expect_same(body, tiny(11)).alus, 1 + 1);
  const auto func = ir::parse_func("func main(A: i8[16, 4], D: i32[16, 4], C: i8[16, 4]) {" + body + "\n}");
  const auto code = compile_device(func.value(), tiny(9));
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), "codegen.accel.capacity");
}

TEST(AccelAlu, Reductions) {
  for (const char* update :
       {"s[t, i] + x[t + k, i]", "max(s[t, i], x[t + k, i])", "min(x[t + k, i], s[t, i])",
        "s[t, i] * x[t + k, i]", "s[t, i] + x[t + k, i] * x[k, i]", "s[t, i] + i32(100000)",
        "s[t, i] + i32(3)", "s[t, i] + (x[t + k, i] >> i32(2))"})
    for (const char* loops :
         {"for k in [0, +3) { for t in [0, +4) {", "for t in [0, +4) { for k in [0, +3) {"})
      for (const char* condition : {"", "if t + k < 5 {", "if t + k >= 2 && k != 1 {"}) {
        const bool guarded = *condition != 0;
        expect_same(std::string(R"(
  alloc x: i32[8, 4] acc
  alloc s: i32[4, 4] acc
  for t in [0, +8) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +4) { for i in [0, +4) { s[t, i] = i32(1) } }
  )") + loops + " for i in [0, +4) {" +
                    condition + " s[t, i] = " + update + (guarded ? "} } } }" : " } } }") + R"(
  for t in [0, +4) { for i in [0, +4) { C[t, i] = cast(i8, s[t, i] >> i32(3)) } })");
      }
}

TEST(AccelAlu, OneTileToSeveralPlaces) {
  expect_same(R"(
  alloc x: i32[2, 4] acc
  for t in [0, +2) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +2) { for u in [0, +3) { for i in [0, +4) { C[t * 3 + u, i] = cast(i8, x[t, i] + i32(1)) } } })");
}

TEST(AccelStorage, ManyStagesShareAPlaceWhenTheyMust) {
  std::string body;
  for (int n = 0; n < 4; ++n) body += "\n  alloc x" + std::to_string(n) + ": i32[4, 4] acc";
  for (int n = 0; n < 4; ++n) {
    const std::string x = "x" + std::to_string(n), at = std::to_string(4 * n);
    body += "\n  for t in [0, +4) { for i in [0, +4) { " + x + "[t, i] = D[t + " + at + ", i] } }";
    body += "\n  for t in [0, +4) { for i in [0, +4) { C[t + " + at + ", i] = cast(i8, " + x + "[t, i]) } }";
  }
  EXPECT_EQ(expect_same(body, tiny(16)).acc_tiles, 16);
  EXPECT_EQ(expect_same(body, tiny(8)).acc_tiles, 4);
}

// One leaf reads the one for the last time and writes the other for the first.
TEST(AccelStorage, WhatOneLeafTouchesIsApart) {
  for (const auto& [x, y] : {std::pair(4, 5), std::pair(5, 4)}) {
    const std::string body = "\n  alloc x: i32[" + std::to_string(x) + ", 4] acc\n  alloc y: i32[" +
                             std::to_string(y) + ", 4] acc" + R"(
  for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +4) { for i in [0, +4) { y[t, i] = x[3 - t, i] + i32(1) } }
  for t in [0, +4) { for i in [0, +4) { C[t, i] = cast(i8, y[t, i]) } })";
    EXPECT_EQ(expect_same(body, tiny(9)).acc_tiles, 9);
    const auto func = ir::parse_func("func main(D: i32[16, 4], C: i8[16, 4]) {" + body + "\n}");
    const auto code = compile_device(func.value(), tiny(8));
    ASSERT_FALSE(code);
    EXPECT_EQ(code.error().code(), "codegen.accel.capacity");
  }
}

// y has the place of x, and is allocated while x is still needed.
TEST(AccelStorage, APlaceIsTakenAtTheFirstUse) {
  const std::string body = R"(
  alloc x: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t, i] } }
  alloc y: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { C[t, i] = cast(i8, x[t, i] + i32(1)) } }
  for t in [0, +4) { for i in [0, +4) { C[t + 4, i] = cast(i8, x[t, i]) } }
  for t in [0, +4) { for i in [0, +4) { y[t, i] = D[t + 8, i] } }
  for t in [0, +4) { for i in [0, +4) { C[t + 8, i] = cast(i8, y[t, i]) } })";
  EXPECT_EQ(expect_same(body, tiny(7)).acc_tiles, 4);
}

// What a loop needs in every iteration keeps its place while the loop runs.
TEST(AccelStorage, LastsAsLongAsALoopNeedsIt) {
  const std::string body = R"(
  alloc x: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for r in [0, +3) {
    for t in [0, +4) { for i in [0, +4) { C[r * 4 + t, i] = cast(i8, x[t, i]) } }
    alloc y: i32[4, 4] acc
    for t in [0, +4) { for i in [0, +4) { y[t, i] = D[t + 8, i] } }
    for t in [0, +2) { for i in [0, +4) { C[r * 2 + t, i] = cast(i8, y[t, i]) } }
  })";
  EXPECT_EQ(expect_same(body, tiny(8)).acc_tiles, 8);
}

// With two places in turns, what is loaded next does not wait for what is read now.
TEST(AccelStorage, DoubleBuffersTakeTurns) {
  const auto body = [](const std::string& mode) {
    return R"(
  alloc x: i32[2, 4] acc
  for u in [0, +2) { for i in [0, +4) { x[u, i] = i32(0) } }
  for k in [0, +5) {
    alloc a: i8[2, 4] inp )" +
           mode + R"(
    alloc w: i8[1, 4, 4] wgt )" +
           mode + R"(
    for u in [0, +2) { for i in [0, +4) { a[u, i] = A[k * 2 + u, i] } }
    for o in [0, +4) { for i in [0, +4) { w[0, o, i] = B[k, o, i] } }
    for u in [0, +2) { for o in [0, +4) { for i in [0, +4) {
      x[u, o] = x[u, o] + cast(i32, a[u, i]) * cast(i32, w[0, o, i])
    } } }
  }
  for u in [0, +2) { for i in [0, +4) { C[u, i] = cast(i8, x[u, i] >> i32(4)) } })";
  };
  const CompileStats plain = expect_same(body("")), twice = expect_same(body("double_buffer"));
  EXPECT_EQ(plain.inp_tiles, 2);
  EXPECT_EQ(twice.inp_tiles, 4);
  EXPECT_EQ(twice.wgt_tiles, 2);
  EXPECT_EQ(twice.acc_tiles, plain.acc_tiles);
}

TEST(AccelThreads, TakeTurns) {
  const std::string body = R"(
  for t in [0, +2) vthread {
    alloc x: i32[2, 4] acc
    for u in [0, +2) { for i in [0, +4) { x[u, i] = i32(0) } }
    for k in [0, +3) {
      alloc a: i8[2, 4] inp
      alloc w: i8[1, 4, 4] wgt
      for u in [0, +2) { for i in [0, +4) { a[u, i] = A[t * 6 + k * 2 + u, i] } }
      for o in [0, +4) { for i in [0, +4) { w[0, o, i] = B[t * 8 + k, o, i] } }
      for u in [0, +2) { for o in [0, +4) { for i in [0, +4) {
        x[u, o] = x[u, o] + cast(i32, a[u, i]) * cast(i32, w[0, o, i])
      } } }
    }
    for u in [0, +2) { for i in [0, +4) { C[t * 2 + u, i] = cast(i8, x[u, i] >> i32(4)) } }
  })";
  const CompileStats s = expect_same(body);
  EXPECT_EQ(s.inp_tiles, 4);
  EXPECT_EQ(s.wgt_tiles, 2);
  EXPECT_EQ(s.acc_tiles, 4);
}

// The first thread is at y while the second one still needs x: they cannot share.
TEST(AccelThreads, AreNotAtOnePlaceInTheCode) {
  const std::string body = R"(
  for t in [0, +2) vthread {
    alloc x: i32[3, 4] acc
    alloc y: i32[4, 4] acc
    for u in [0, +3) { for i in [0, +4) { x[u, i] = D[t * 3 + u, i] } }
    for u in [0, +3) { for i in [0, +4) { C[t * 3 + u, i] = cast(i8, x[u, i]) } }
    for u in [0, +4) { for i in [0, +4) { y[u, i] = D[t * 4 + u + 8, i] } }
    for k in [0, +2) {
      alloc z: i32[1, 4] acc
      for i in [0, +4) { z[0, i] = D[t + k, i] }
      for i in [0, +4) { C[t + 2 * k + 6, i] = cast(i8, z[0, i]) }
    }
    for u in [0, +3) { for i in [0, +4) { C[t * 3 + u + 10, i] = cast(i8, y[u + 1, i]) } }
  })";
  EXPECT_EQ(expect_same(body, tiny(16)).acc_tiles, 16);
  const auto func = ir::parse_func(R"(func main(D: i32[16, 4], C: i8[16, 4]) {)" + body + "\n}");
  const auto code = compile_device(func.value(), tiny(12));
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), "codegen.accel.capacity");
}

// Intermediate results of one thread keep clear of what another thread has later in the code.
TEST(AccelThreads, IntermediateResults) {
  expect_same(R"(
  for t in [0, +2) vthread {
    alloc x: i32[2, 4] acc
    alloc y: i32[2, 4] acc
    for u in [0, +2) { for i in [0, +4) { x[u, i] = D[t * 2 + u, i] } }
    for u in [0, +2) { for i in [0, +4) { C[t * 2 + u, i] = cast(i8, x[u, i] * x[u, i] + x[u, i]) } }
    for u in [0, +2) { for i in [0, +4) { y[u, i] = D[t * 2 + u + 4, i] } }
    for k in [0, +2) {
      alloc a: i8[1, 4] inp
      for i in [0, +4) { a[0, i] = A[k, i] }
      alloc z: i32[1, 4] acc
      for i in [0, +4) { z[0, i] = i32(0) }
    }
    for u in [0, +2) { for i in [0, +4) { C[t * 2 + u + 8, i] = cast(i8, y[u, i] + x[u, i]) } }
  })",
              tiny(12));
}

TEST(AccelThreads, OfDifferentLengths) {
  expect_same(R"(
  for t in [0, +3) vthread {
    for k in [0, +(3 - t)) {
      alloc x: i32[1, 4] acc
      for i in [0, +4) { x[0, i] = D[t * 4 + k, i] }
      if k != 1 { for i in [0, +4) { C[t * 4 + k, i] = cast(i8, x[0, i]) } } else {
        for i in [0, +4) { C[t * 4 + k, i] = cast(i8, x[0, i] + i32(1)) }
      }
    }
  })");
}

// What is stored and then loaded goes from store through compute to load.
TEST(AccelMemory, LoadsWaitForStores) {
  expect_same(R"(
  alloc x: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +4) { for i in [0, +4) { C[t, i] = cast(i8, x[t, i]) } }
  alloc z: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { z[t, i] = cast(i32, C[t, i]) } }
  for t in [0, +4) { for i in [0, +4) { C[t + 4, i] = cast(i8, z[t, i] + i32(1)) } }
  alloc a: i8[4, 4] inp
  for t in [0, +4) { for i in [0, +4) { a[t, i] = C[t + 3, i] } }
  alloc w: i8[1, 4, 4] wgt
  for o in [0, +4) { for i in [0, +4) { w[0, o, i] = B[2, o, i] } }
  alloc y: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { y[t, i] = i32(0) } }
  for t in [0, +4) { for o in [0, +4) { for i in [0, +4) {
    y[t, o] = y[t, o] + cast(i32, a[t, i]) * cast(i32, w[0, o, i])
  } } }
  for t in [0, +4) { for i in [0, +4) { C[t + 2, i] = cast(i8, y[t, i]) } })");
}

TEST(AccelMemory, RowsOfATransferAreApart) {
  expect_same(R"(
  alloc x: i32[4, 4] acc
  for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t, i] } }
  for t in [0, +4) { for i in [0, +4) { C[t * 2, i] = cast(i8, x[t, i]) } }
  alloc z: i32[1, 4] acc
  for i in [0, +4) { z[0, i] = cast(i32, C[6, i]) }
  for i in [0, +4) { C[9, i] = cast(i8, z[0, i]) })");
}

TEST(AccelMemory, StoresWaitForLoads) {
  expect_same(R"(
  for r in [0, +3) {
    alloc a: i8[4, 4] inp
    for t in [0, +4) { for i in [0, +4) { a[t, i] = C[t + 4 * r, i] } }
    alloc x: i32[4, 4] acc
    for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t, i] } }
    for t in [0, +4) { for i in [0, +4) { C[t + 4 * r, i] = cast(i8, x[t, i]) } }
  })");
}

TEST(AccelLoops, FusedSplitAndOffset) {
  expect_same(R"(
  alloc x: i32[4, 4] acc
  for f in [0, +16) { x[f / 4, f % 4] = D[f / 4 + 2, f % 4] }
  for i in [0, +4) { for t in [4, +4) { C[t, i] = cast(i8, x[t - 4, i]) } }
  let k: i64 = 3
  for f in [0, +8) { C[f / 4 + k + 5, f % 4] = cast(i8, x[f / 4 + 1, f % 4] >> i32(2)) })");
}

TEST(AccelLoops, TheLastOfSeveralCopiesStays) {
  expect_same(R"(
  alloc x: i32[4, 4] acc
  for r in [0, +3) { for t in [0, +4) { for i in [0, +4) { x[t, i] = D[t + r, i] } } }
  for t in [0, +4) { for i in [0, +4) { C[t, i] = cast(i8, x[t, i]) } })");
}

}  // namespace
}  // namespace tc::accel::test
