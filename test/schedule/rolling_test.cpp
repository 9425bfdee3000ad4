// Rolling buffers over stencils: windows of many sizes and steps, splits that leave tails,
// stages that are tiled, laid out, padded and folded themselves, and rings that fill rings.
// Each is lowered, run through the passes, and interpreted after every one of them.
#include <fmt/format.h>

#include "schedule/run_schedule.h"
#include "tc/ir/passes.h"
#include "tc/ir/traverse.h"

namespace tc::test {
namespace {

// Every pass of the CPU keeps the result; races and reads of what is not written show.
void expect_right_after_passes(const std::string& text, const std::string& steps) {
  expect_right(text, steps);
  const ParsedGraph g = program(text);
  Schedule s(g.outputs);
  ASSERT_FALSE(apply_text(s, steps));
  const std::vector<HostTensor> want = make_args(g.args, 3);
  ASSERT_FALSE(evaluate(g.args, views_of(want)));
  const size_t out = g.args.size() - 1;
  ir::RunOptions options;
  options.verify = true;
  options.report = [&](const ir::StepReport& r) {
    if (!r.changed) return;
    std::vector<ir::TensorView> views = views_of(want);
    HostTensor got(g.args[out]);
    views[out] = got.view();
    for (size_t i = 0; i < views.size(); ++i)
      if (r.func->params[i]->shape.size() != views[i].shape.size()) {
        int64_t n = 1;
        for (const int64_t e : views[i].shape) n *= e;
        views[i].shape = {n};
      }
    const Check error = ir::interpret(r.func, views);
    ASSERT_FALSE(error) << r.name << "\n" << error->str() << ir::to_string(r.func);
    EXPECT_EQ(std::memcmp(got.data(), want[out].data(), got.bytes()), 0) << r.name << "\n"
                                                                         << ir::to_string(r.func);
  };
  (void)ir::run_pipeline(ir::cpu_pipeline(), lower(s, g.args).value().func, {}, options);
}

// D[y, x] sums `taps` rows of T from y * stride on, `gap` apart; T doubles A.
std::string stencil(int64_t rows, int64_t stride, int64_t taps, int64_t gap) {
  const int64_t read = (rows - 1) * stride + (taps - 1) * gap + 1;
  return fmt::format(
      "func main(A: f32[{0}, 5], D: f32[{1}, 5]) {{\n  alloc T: f32[{0}, 5]\n"
      "  compute T[i, j] = A[i, j] * 2.0\n"
      "  compute D[y, x] = sum(T[y * {2} + k * {4}, x], k in [0, +{3}))\n}}",
      read, rows, stride, taps, gap);
}

TEST(Rolling, WindowsOfEverySizeAndStep) {
  for (const int64_t rows : {1, 2, 7})
    for (const int64_t stride : {1, 2, 3})
      for (const int64_t taps : {2, 3, 4})
        for (const int64_t gap : {1, 2}) {
          if ((taps - 1) * gap + 1 <= stride || (rows == 1)) continue;
          SCOPED_TRACE(fmt::format("{} rows, stride {}, {} taps {} apart", rows, stride, taps, gap));
          expect_right_after_passes(stencil(rows, stride, taps, gap), "compute_at T D y\nrolling_buffer T");
        }
}

TEST(Rolling, InsideOtherLoops) {
  const std::string text = stencil(11, 1, 3, 1);
  for (const std::string steps :
       {"split D y factor=4\ncompute_at T D yi\nrolling_buffer T\nparallel D yo",
        "split D y factor=4\ncompute_at T D yi\nrolling_buffer T\nvthread D yo",
        "split D x factor=2\nreorder D xo,y,xi,k\ncompute_at T D y\nrolling_buffer T\nparallel D xo",
        "split D y factor=4\nsplit D x factor=3\nreorder D yo,xo,yi,xi,k\ncompute_at T D yi\nrolling_buffer "
        "T",
        "compute_at T D y\nrolling_buffer T\nunroll D y", "compute_at T D y\nrolling_buffer T\nvectorize D x",
        "compute_at T D y\nrolling_buffer T\nreorder D y,k,x\ninit_at D k"}) {
    SCOPED_TRACE(steps);
    expect_right_after_passes(text, steps);
  }
}

TEST(Rolling, OfStagesWithStepsOfTheirOwn) {
  const std::string text = stencil(11, 2, 5, 1);
  for (const std::string steps :
       {"split T i factor=2", "split T i factor=3\nreorder T io,j,ii", "fuse T i,j", "vectorize T j",
        "vectorize T i", "unroll T i", "parallel T i", "layout T dims=j,i", "layout T dims=i/2,j,i%2",
        "storage_align T i factor=8 offset=1", "set_scope T scope=stack", "reorder T j,i\nvthread T j",
        "cache_read A scope=stack into=R\ncompute_at R T i",
        "cache_read A scope=stack into=R\ncompute_at R D y\nrolling_buffer R",
        "cache_write T scope=stack into=W\ncompute_at W T i", "prefetch T i tensor=A distance=2"}) {
    SCOPED_TRACE(steps);
    expect_right_after_passes(text, "compute_at T D y\n" + steps + "\nrolling_buffer T");
    if (steps.find("cache") == std::string::npos)
      expect_right_after_passes(text, "compute_at T D y\nrolling_buffer T\n" + steps);
  }
}

TEST(Rolling, OfReductionsAndChains) {
  const std::string sums = R"(func main(A: f32[12, 6], D: f32[10, 2]) {
  alloc T: f32[12, 4]
  compute T[i, j] = sum(A[i, j + r], r in [0, +3))
  compute D[y, x] = T[y, x] + T[y + 1, x + 1] + T[y + 2, x + 2]
})";
  for (const std::string steps : {"", "init_at T r\n", "reorder T r,i,j\n", "vectorize T j\n",
                                  "rfactor T r reassociate\ncompute_at T_rf D y\n"}) {
    SCOPED_TRACE(steps);
    expect_right_after_passes(sums, "compute_at T D y\n" + steps + "rolling_buffer T");
  }
  const std::string chain = R"(func main(A: f32[16, 3], D: f32[10, 3]) {
  alloc S: f32[16, 3]
  alloc T: f32[13, 3]
  compute S[i, j] = A[i, j] + 1.0
  compute T[i, j] = S[i, j] * 2.0 + S[i + 3, j]
  compute D[y, x] = T[y, x] + T[y + 3, x]
})";
  for (const std::string steps :
       {"rolling_buffer T", "rolling_buffer S", "rolling_buffer T\nrolling_buffer S",
        "rolling_buffer S\nrolling_buffer T\nunroll D y"}) {
    SCOPED_TRACE(steps);
    expect_right_after_passes(chain, "compute_at T D y\ncompute_at S D y\n" + steps);
    expect_right_after_passes(chain, "split D y factor=3\ncompute_at T D yi\ncompute_at S D yi\n" +
                                         steps.substr(0, steps.find("\nunroll")));
  }
}

// An image with a border of zeros: what lies outside is never computed.
TEST(Rolling, PaddedImage) {
  const std::string text = R"(func main(A: f32[9, 4], D: f32[9, 4]) {
  alloc T: f32[9, 4]
  compute T[i, j] = A[i, j] * 2.0
  compute D[y, x] = sum(if_then_else(y + k >= 1 && y + k < 10, T[y + k - 1, x], 0.0), k in [0, +3))
})";
  Schedule s(program(text).outputs);
  const Check error = apply_text(s, "compute_at T D y\nrolling_buffer T");
  if (error)
    EXPECT_EQ(error->code(), "schedule.rolling_buffer.window");
  else
    expect_right_after_passes(text, "compute_at T D y\nrolling_buffer T");
}

// Each element of T is computed once, not once for each window that it lies in.
TEST(Rolling, ComputesNothingTwice) {
  const ParsedGraph g = program(stencil(7, 1, 3, 1));
  for (const bool rolling : {false, true}) {
    Schedule s(g.outputs);
    ASSERT_FALSE(apply_text(s, rolling ? "compute_at T D y\nrolling_buffer T" : "compute_at T D y"));
    const std::vector<HostTensor> args = make_args(g.args, 3);
    int64_t writes = 0;
    for (int64_t row = 0; row < 3; ++row) {
      ir::Watch watch;
      watch.buffer = "T", watch.index = {row, 0};
      ASSERT_FALSE(ir::interpret(lower(s, g.args).value().func, views_of(args), {.watch = &watch}));
      writes += watch.count;
    }
    EXPECT_EQ(writes, rolling ? 9 : 21);
  }
}

// The nest is written twice, for the first iteration and for the others; passes decide for
// each buffer where it is kept, and so the copies may not share one.
TEST(Rolling, CopiesOfTheNestHaveMemoryOfTheirOwn) {
  const std::string text = R"(func main(A: f32[9, 7], D: f32[7, 7]) {
  alloc Q: f32[9, 7]
  compute Q[y, x] = A[y, x] * 2.0
  compute D[y, x] = sum(Q[y + r, x], r in [0, +3))
})";
  const std::string steps =
      "cache_read Q scope=global into=Q_r\ncompute_at Q_r D y\nrolling_buffer Q_r\nreverse_compute_at Q_r Q "
      "y";
  const ParsedGraph g = program(text);
  Schedule s(g.outputs);
  ASSERT_FALSE(apply_text(s, steps));
  std::vector<BufferRef> seen;
  const FuncRef f = lower(s, g.args).value().func;
  ir::walk<ir::Alloc>(f->body, [&](const ir::Alloc& a) {
    for (const BufferRef& b : seen) EXPECT_FALSE(b.same(a.buffer)) << b->name << "\n" << ir::to_string(f);
    seen.push_back(a.buffer);
  });
  EXPECT_EQ(seen.size(), 3u);
  expect_right_after_passes(text, steps);
}

}  // namespace
}  // namespace tc::test
