// The passes on accumulators, shared and invariant values and fma leave every
// result as it is, on random programs.
#include <cstdlib>

#include "ir/passes2_check.h"
#include "ir/random_nest.h"
#include "tc/ir/parse.h"
#include "tc/ir/simplify.h"

namespace tc::ir {
namespace {

using testing::RandomIr;
using testing::RandomNest;

// TC_SEEDS=n tries n programs instead.
uint64_t seeds(uint64_t usual) {
  const char* n = std::getenv("TC_SEEDS");
  return n ? std::strtoull(n, nullptr, 10) : usual;
}

// The passes of these names, the form checked after each.
FuncRef checked(std::string_view names, const FuncRef& f) {
  RunOptions options;
  options.verify = true;
  return run_pipeline(parse_pipeline(names), f, {}, options);
}

class SamePrograms : public ::testing::TestWithParam<const char*> {};

TEST_P(SamePrograms, OnNests) {
  int changed = 0, ran = 0;
  for (uint64_t seed = 0; seed < seeds(1500) && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const FuncRef f = RandomNest(seed).func();
    const FuncRef before = run_pipeline(parse_pipeline(seed % 2 ? "unroll,simplify" : "unroll"), f);
    const FuncRef after = checked(GetParam(), before);
    changed += after.same(before) ? 0 : 1;
    ran += testing::expect_same_results(before, after, seed) ? 1 : 0;
  }
  EXPECT_GT(changed, 0);
  EXPECT_GT(ran, static_cast<int>(seeds(1500) / 3));
}

TEST_P(SamePrograms, OnAnything) {
  if (std::string_view(GetParam()).find("contract_fma") != std::string_view::npos)
    return;  // rounds less: equal only on integers
  for (uint64_t seed = 0; seed < seeds(600) && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::RandomOptions options;
    options.transcendentals = false;
    options.stmts = 12;
    const FuncRef f = RandomIr(seed, options).func();
    const FuncRef before = run_pipeline(parse_pipeline("unroll,simplify"), f);
    testing::expect_same_results(before, checked(GetParam(), before), seed);
  }
}

// Small machines too: few registers make other choices.
TEST(Passes2Pipeline, NestsReachTargetFormUnchanged) {
  for (uint64_t seed = 0; seed < seeds(600) && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    PassContext context;
    context.vector_bits = seed % 3 == 0 ? 128 : 512;
    context.vector_registers = seed % 2 == 0 ? 4 : 32;
    RunOptions options;
    options.verify = true;
    const FuncRef f = RandomNest(seed).func();
    testing::expect_same_results(f, run_pipeline(cpu_pipeline(), f, context, options), seed);
  }
}

// A run ends where a buffer has more slots than are told apart: none beyond may be taken
// for one that the run touches, its memory not yet written.
TEST(Passes2, MoreSlotsThanAreToldApart) {
  const int64_t n = 300;
  const BufferRef a = buffer("A", kF32, {int_imm(n)}), v = buffer("V", kF32, {int_imm(n)}),
                  s = buffer("S", kF32, {int_imm(1)});
  for (const int64_t used : {0, 255, 256, 257}) {
    std::vector<Stmt> stmts;
    for (int64_t i = 0; i < n; ++i) {
      stmts.push_back(store(v, {int_imm(i)}, load(a, {int_imm(i)})));
      if (i == used) {  // worth a register, where it can be told
        const VarRef k = var("k");
        const Stmt add = store(v, {int_imm(i)}, load(v, {int_imm(i)}) + load(a, {k}));
        stmts.push_back(for_(k, int_imm(0), int_imm(4), LoopMode::serial, add));
      }
    }
    stmts.push_back(store(s, {int_imm(0)}, load(v, {int_imm(used)})));
    const FuncRef f = func("many", {a, v, s}, seq(std::move(stmts)));
    EXPECT_TRUE(testing::expect_same_results(f, checked("promote_accumulators", f), 1)) << used;
  }
}

// Accesses that look alike and are not: an index that memory holds and the loop changes, a sum
// over lanes that starts at another element than it is stored to, one address written in two
// ways of which each is in bounds only where it stands.
TEST(Passes2, WhatIsNoAccumulator) {
  for (const char* text : {R"(func moves(A: f32[16], I: i64[1], C: f32[8]) {
  I[0] = 0
  for i in [0, +8) {
    C[i] = 0.0
  }
  for k in [0, +6) {
    let j: i64 = I[0]
    C[j] = C[j] + A[k]
    I[0] = j + 1
  }
})",
                           R"(func starts(A: f32[16], C: f32[2]) {
  C[0] = 1.0
  C[1] = 2.0
  for k in [0, +3) {
    C[0] = C[1] + vreduce(+, A[ramp(k, 1, 4)]) + C[0]
  }
})",
                           R"(func rows(A: f32[16], C: f32[2, 4]) {
  for x in [0, +5) {
    if x < 4 {
      C[0, x] = 0.0
    } else {
      C[1, x - 4] = 0.0
    }
    for k in [0, +3) {
      if x < 4 {
        C[0, x] = C[0, x] + A[k]
      } else {
        C[1, x - 4] = C[1, x - 4] + A[k]
      }
    }
  }
})"}) {
    const FuncRef f = parse_func(text).value();
    EXPECT_TRUE(testing::expect_same_results(f, checked("promote_accumulators", f), 1)) << text;
    EXPECT_TRUE(testing::expect_same_results(f, run_pipeline(cpu_pipeline(), f), 2)) << text;
  }
}

// What stands under a condition or a let stays there: a division that is protected, an address
// that memory holds, a condition on a name that the loop binds.
TEST(Passes2, WhatIsProtected) {
  for (const char* text : {R"(func divides(A: f32[8], D: f32[8]) {
  for i in [0, +8) {
    D[i] = 0.0
  }
  for j in [0, +3) {
    for i in [0, +8) {
      if i > 3 && j > 0 {
        D[i] = D[i] + A[8 / j % 8] + A[i]
      }
    }
  }
})",
                           R"(func names(A: f32[8], D: f32[8]) {
  for i in [0, +8) {
    D[i] = 0.0
  }
  for j in [0, +3) {
    for i in [0, +8) {
      let t = i * j % 5
      if t > 1 && j > 0 {
        D[i] = D[i] + A[t]
      }
    }
  }
})"}) {
    const FuncRef f = parse_func(text).value();
    for (const char* pass : {"hoist_invariants", "hoist_guards", "share_subexprs,hoist_invariants"})
      EXPECT_TRUE(testing::expect_same_results(f, checked(pass, f), 1)) << pass << "\n" << text;
    EXPECT_TRUE(testing::expect_same_results(f, run_pipeline(cpu_pipeline(), f), 2)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Passes2, SamePrograms,
    ::testing::Values("promote_accumulators", "share_subexprs", "hoist_invariants", "hoist_guards",
                      "to_registers", "contract_fma",
                      "promote_accumulators,to_registers,flatten,simplify,share_subexprs,hoist_invariants"),
    [](const auto& info) {
      std::string name = info.param;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
      return name;
    });

}  // namespace
}  // namespace tc::ir
