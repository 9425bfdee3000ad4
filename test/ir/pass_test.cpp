#include "tc/ir/pass.h"

#include <gtest/gtest.h>

#include "tc/ir/parse.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"

namespace tc::ir {
namespace {

FuncRef parsed(const char* text) { return parse_func(text).value(); }

const char* kCopy = R"(func f(A: f32[4], B: f32[4]) {
  for i in [0, +2) unrolled {
    B[i] = A[i]
  }
})";

TEST(Pass, NamesAreUniqueAndFindThePass) {
  for (const Pass* p : all_passes()) {
    EXPECT_EQ(find_pass(p->name), p);
    EXPECT_FALSE(p->summary.empty());
  }
  EXPECT_EQ(find_pass("no_such_pass"), nullptr);
}

TEST(Pass, AnUnknownNameIsAnErrorThatListsTheKnownOnes) {
  try {
    (void)parse_pipeline("unroll,unrol");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "ir.pass");
    EXPECT_NE(e.how_to_fix().find("unroll"), std::string::npos);
  }
}

TEST(Pipeline, ReportsEveryStepAndWhatDidNotChange) {
  std::vector<std::string> seen;
  RunOptions options;
  options.verify = true;
  options.report = [&](const StepReport& r) { seen.push_back(to_string(r)); };
  const FuncRef f = run_pipeline(parse_pipeline("vectorize, unroll ,unroll"), parsed(kCopy), {}, options);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0], "---- 00 input\n" + to_string(parsed(kCopy)));
  EXPECT_EQ(seen[1], "---- 01 vectorize (unchanged)");
  EXPECT_EQ(seen[2], "---- 02 unroll\n" + to_string(f));
  EXPECT_EQ(seen[3], "---- 03 unroll (unchanged)");
}

TEST(Pipeline, StopsAfterAStep) {
  RunOptions options;
  options.stop_after = 1;
  EXPECT_EQ(to_string(run_pipeline(parse_pipeline("vectorize,unroll"), parsed(kCopy), {}, options)), kCopy);
}

FuncRef break_it(const FuncRef& f, const PassContext&) {
  const BufferRef stranger = buffer("S", kF32, {int_imm(1)});
  return func(f->name, f->params, store(stranger, {int_imm(0)}, float_imm(0)));
}

TEST(Pipeline, NamesThePassThatBrokeTheForm) {
  static const Pass kBad{"bad", "uses a buffer from nowhere", Form::nested, Form::nested, break_it};
  RunOptions options;
  options.verify = true;
  try {
    (void)run_pipeline({"test", Form::nested, Form::nested, {{&passes::unroll, ""}, {&kBad, ""}}},
                       parsed(kCopy), {}, options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.fact_of("pass"), "bad");
    EXPECT_EQ(e.fact_of("step"), "2");
  }
}

TEST(Pipeline, TheCpuPipelineGivesTargetForm) {
  const char* text = R"(func f(A: f32[60, 50], B: f32[60, 50]) {
  for y in [0, +60) parallel {
    for xo in [0, +7) {
      for xi in [0, +8) vectorized {
        if xo * 8 + xi < 50 {
          B[y, xo * 8 + xi] = exp(A[y, xo * 8 + xi])
        }
      }
    }
  }
})";
  RunOptions options;
  options.verify = true;
  const FuncRef f = run_pipeline(cpu_pipeline(), parsed(text), {}, options);
  EXPECT_FALSE(verify(f, Form::target).has_value());
}

}  // namespace
}  // namespace tc::ir
