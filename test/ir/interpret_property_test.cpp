#include <gtest/gtest.h>

#include <chrono>

#include "ir/run_ir.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

using testing::Arguments;

void run(const FuncRef& f, Arguments& args, const InterpretOptions& options, uint64_t seed) {
  const Check failed = interpret(f, args.views, options);
  ASSERT_FALSE(failed.has_value()) << "seed " << seed << "\n" << failed->str() << "\n" << to_string(f);
}

// Random programs are free of every error that is detected, and do not depend
// on the order of parallel iterations.
TEST(InterpretProperty, ParallelOrderDoesNotMatter) {
  for (uint64_t seed = 0; seed < 4000 && !::testing::Test::HasFatalFailure(); ++seed) {
    const FuncRef f = testing::RandomIr(seed).func();
    Arguments forward = testing::random_arguments(f, seed), reverse = testing::random_arguments(f, seed),
              shuffled = testing::random_arguments(f, seed);
    run(f, forward, {}, seed);
    run(f, reverse, {.order = LoopOrder::reverse}, seed);
    run(f, shuffled, {.order = LoopOrder::shuffled, .seed = seed}, seed);
    ASSERT_TRUE(same_contents(forward, reverse) && same_contents(forward, shuffled))
        << "seed " << seed << "\n"
        << to_string(f);
  }
}

// The element evaluator agrees with the whole.
TEST(InterpretProperty, ElementsEqualTheWhole) {
  for (uint64_t seed = 0; seed < 3000 && !::testing::Test::HasFatalFailure(); ++seed) {
    const FuncRef f = testing::RandomIr(seed).te_func();
    Arguments whole = testing::random_arguments(f, seed), single = testing::random_arguments(f, seed);
    run(f, whole, {}, seed);
    auto evaluator = ElementEvaluator::make(f, single.views);
    ASSERT_TRUE(evaluator.ok()) << evaluator.error().str() << to_string(f);
    for (size_t p = 0; p < f->params.size(); ++p) {
      const TensorView& view = single.views[p];
      std::vector<int64_t> index(view.shape.size(), 0);
      int64_t n = 1, at = 0;
      for (const int64_t e : view.shape) n *= e;
      for (; at < n; ++at) {
        for (size_t d = index.size(), rest = static_cast<size_t>(at); d-- > 0;
             rest /= static_cast<size_t>(view.shape[d]))
          index[d] = static_cast<int64_t>(rest % static_cast<size_t>(view.shape[d]));
        const auto v = evaluator.value().at(f->params[p], index);
        if (!v.ok() && v.error().code() == "ir.interpret.args") break;  // an input
        ASSERT_TRUE(v.ok()) << "seed " << seed << v.error().str() << to_string(f);
        std::byte* to = single.data[p].data() + at * view.type.bytes();
        const Value& x = v.value();
        if (view.type == kF64)
          std::memcpy(to, &x.f, 8);
        else if (view.type == kF32) {
          const auto y = static_cast<float>(x.f);
          std::memcpy(to, &y, 4);
        } else if (view.type == kF16) {
          const uint16_t y = to_f16_bits(static_cast<float>(x.f));
          std::memcpy(to, &y, 2);
        } else if (view.type == kBF16) {
          const uint16_t y = to_bf16_bits(static_cast<float>(x.f));
          std::memcpy(to, &y, 2);
        } else
          std::memcpy(to, &x.i, static_cast<size_t>(view.type.bytes()));
      }
    }
    ASSERT_TRUE(same_contents(whole, single)) << "seed " << seed << "\n" << to_string(f);
  }
}

}  // namespace
}  // namespace tc::ir
