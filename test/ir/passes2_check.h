// What a pass must not change: the results, bit by bit, and that nothing is read
// before it is written and no iterations race.
#pragma once
#include <gtest/gtest.h>

#include "ir/run_ir.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"

namespace tc::ir::testing {

/// Small integers in f32 too, so that sums are exact in any order, and
/// none 0, so that no product is -0.0, which min and max do not tell from 0.0.
inline Arguments exact_arguments(const FuncRef& f, uint64_t seed) {
  Arguments args = random_arguments(f, seed);
  RandomIr random(seed + 78);
  for (size_t i = 0; i < args.views.size(); ++i) {
    if (args.views[i].type != kF32) continue;
    for (size_t at = 0; at < args.data[i].size(); at += sizeof(float)) {
      const auto v = static_cast<float>(random.below(2) == 0 ? random.below(4) - 4 : random.below(4) + 1);
      std::memcpy(args.data[i].data() + at, &v, sizeof v);
    }
  }
  return args;
}

/// Runs both on the same arguments, parallel loops in any order. A program that
/// is in error itself says nothing: false.
inline bool expect_same_results(const FuncRef& before, const FuncRef& after, uint64_t seed) {
  Arguments a = exact_arguments(before, seed), b = exact_arguments(after, seed);
  InterpretOptions options;
  options.max_steps = 20'000'000;
  if (const Check error = interpret(before, a.views, options)) return false;
  options.order = seed % 2 ? LoopOrder::reverse : LoopOrder::forward;
  const Check error = interpret(after, b.views, options);
  EXPECT_FALSE(error) << error->str() << "\n" << to_string(before) << "\n" << to_string(after);
  EXPECT_TRUE(same_contents(a, b)) << to_string(before) << "\n" << to_string(after);
  return true;
}

}  // namespace tc::ir::testing
