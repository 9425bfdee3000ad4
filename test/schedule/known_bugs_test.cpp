// Schedules that once went wrong in TVM and Halide: here each gives the right result,
// or is refused when it is written, with the reason. Numbers are those of apache/tvm
// unless said otherwise.
#include "schedule/run_schedule.h"
#include "tc/te/reducer.h"

namespace tc::test {
namespace {

const std::string kSum = R"(func main(A: f32[20, 48], S: f32[20]) {
  compute S[y] = sum(A[y, k], k in [0, +48))
})";
const std::string kMatmul = R"(func main(A: f32[20, 30], B: f32[30, 18], C: f32[20, 18]) {
  compute C[y, x] = sum(A[y, k] * B[k, x], k in [0, +30))
})";

// A reduction run in parallel raced, and nothing said so.
TEST(KnownBugs, Tvm7420ParallelReductionIsRefused) {
  EXPECT_EQ(refusal(kSum, "parallel S k"), "schedule.parallel.reduce: parallelising k would race on S");
  EXPECT_EQ(refusal(kSum, "split S k factor=8\nparallel S ko"),
            "schedule.parallel.reduce: parallelising ko would race on S");
  // what the user wanted
  expect_right(kSum, "split S k factor=8\nrfactor S ko reassociate\nreorder S_rf ko,y\nparallel S_rf ko");
}

// Lanes of a reduction overwrote one another: the sum of 128 ones was 1.
TEST(KnownBugs, Tvm1795VectorizedReductionIsRefusedOrFolded) {
  const std::string ones = R"(func main(V: i32[128], O: i32[1]) {
  compute O[i] = sum(V[k], k in [0, +128))
})";
  expect_right(ones, "vectorize O k");  // integers fold in any order
  EXPECT_EQ(refusal(kSum, "vectorize S k"),
            "schedule.vectorize.reassociate: vectorizing k would change the order of the float sum in S");
}

// A subtraction passed as a reducer, and its value changed with the schedule.
TEST(KnownBugs, Tvm15196SubtractionIsNoReducer) {
  const auto code_and_laws = [](const std::function<void()>& f) {
    try {
      f();
    } catch (const Error& e) {
      EXPECT_NE(e.fact_of("combine(combine(a, b), c)"), e.fact_of("combine(a, combine(b, c))")) << e.str();
      return e.code();
    }
    return std::string("taken");
  };
  for (const DType t : {kF32, kI32, kU8})
    EXPECT_EQ(code_and_laws([&] {
                (void)reducer("sub", {t}, [](const State& a, const State& b) { return State{a[0] - b[0]}; },
                              {ir::const_of(t, 0)});
              }),
              "te.reducer.associative");
  // nor from text, where a schedule would have begun
  const std::string text = R"(func main(A: f32[20, 48], S: f32[20]) {
  compute S[y] = reduce sub(a: f32; b: f32) -> (a - b) from (0.0) of (A[y, k], k in [0, +48))
})";
  EXPECT_EQ(code_and_laws([&] { (void)from_func(ir::parse_func(text).value()).value(); }),
            "te.reducer.associative");
  // what was meant is a sum of negative terms, the same under every schedule
  const std::string meant = R"(func main(A: f32[20, 48], S: f32[20]) {
  compute S[y] = sum(0.0 - A[y, k], k in [0, +48))
})";
  expect_right(meant, "split S k factor=5\nrfactor S ki reassociate\nvectorize S ki reassociate");
}

// compute_at between splits by factors of which neither divides the other.
TEST(KnownBugs, Tvm2898UnrelatedFactors) {
  const std::string copies = R"(func main(A: f16[48], D: f16[48]) {
  alloc C: f16[48]
  compute C[i] = A[i]
  compute D[i] = C[i]
})";
  expect_right(copies, "split C i factor=10 into=co,ci\nsplit D i factor=32 into=do,di\ncompute_at C D do");
}

// A tiled sum whose last tile is shorter, with the input cached tile by tile.
TEST(KnownBugs, Tvm5303ShortLastTileOfACachedInput) {
  for (const int n : {1, 31, 32, 33, 50, 64}) {
    const std::string text = R"(func main(a: f32[)" + std::to_string(n) + R"(], b: f32[32]) {
  compute b[i] = sum(cast(f32, i) * a[j], j in [0, +)" +
                             std::to_string(n) + R"())
})";
    expect_right(text,
                 "split b i parts=1\nsplit b j factor=32\nreorder b io,jo,ii,ji\ncache_read a scope=stack "
                 "readers=b into=s\ncompute_at s b jo\nsplit s d0 factor=1");
  }
}

// cache_write refused a split reduce axis with a message about something else.
TEST(KnownBugs, Tvm10325CacheWriteOfASplitReduction) {
  const std::string loops =
      expect_right(kMatmul, "split C k factor=8\ncache_write C scope=stack into=C_w\ncompute_at C_w C y");
  EXPECT_NE(loops.find("for ko in 4"), std::string::npos) << loops;
  EXPECT_NE(loops.find("for ki in 8"), std::string::npos) << loops;
}

// split and rfactor aborted with out_of_range.
TEST(KnownBugs, Tvm12162SplitAndRfactor) {
  for (const char* axis : {"ko", "ki"})
    for (const char* factor : {"7", "48", "100", "1"})
      for (const char* position : {"0", "1"})
        expect_right(kSum, std::string("split S k factor=") + factor + "\nrfactor S " + axis +
                               " position=" + position + " reassociate");
}

// compute_at of a stage at itself hung the compiler, as did a longer circle.
TEST(KnownBugs, Tvm7898CirclesAreRefused) {
  const std::string three = R"(func main(A: f32[8, 8], D: f32[8, 8]) {
  alloc T: f32[8, 8]
  compute T[y, x] = A[y, x] + 1.0
  alloc U: f32[8, 8]
  compute U[y, x] = T[y, x] * 2.0
  compute D[y, x] = U[y, x] + 1.0
})";
  EXPECT_EQ(refusal(three, "compute_at T T y"),
            "schedule.compute_at.cycle: cannot compute T at y of T: T is computed inside T");
  EXPECT_EQ(refusal(three, "compute_at T U y\ncompute_at U T y"),
            "schedule.compute_at.cycle: cannot compute U at y of T: T is computed inside U");
  EXPECT_EQ(refusal(three, "reverse_compute_at T T y"),
            "schedule.reverse_compute_at.reader: cannot compute T around y of T: T does not read T");
}

// Tiles that the last piece cuts could not be tensorized.
TEST(KnownBugs, Tvm1698TensorizedTails) {
  const std::string loops = expect_right(kMatmul,
                                         "split C y factor=6\nsplit C x factor=16\nreorder C "
                                         "yo,xo,k,yi,xi\ntensorize C yi intrinsic=gemm_f32_6x16x1");
  EXPECT_NE(loops.find("ramp"), std::string::npos) << loops;  // whole tiles use it
}

const std::string kConv = R"(func main(X: f32[10, 6], W: f32[3, 6, 8], Y: f32[10, 8]) {
  compute Y[w, o] = sum(if_then_else(w + r >= 1 && w + r < 11, X[w + r - 1, c] * W[r, c, o], 0.0), r in [0, +3), c in [0, +6))
})";

// The condition of the padding made the body look different.
TEST(KnownBugs, Tvm737TensorizedPadding) {
  for (const char* w : {"1", "2", "3", "5", "10"}) {
    const std::string loops =
        expect_right(kConv, std::string("split Y w factor=") + w +
                                "\nreorder Y wo,r,c,wi,o\ntensorize Y wi intrinsic=gemm_f32_" + w + "x8x1");
    EXPECT_NE(loops.find("ramp"), std::string::npos) << loops;
  }
}

// Quotients and remainders of a fused or blocked axis were left in the indices.
TEST(KnownBugs, Tvm3598DivModResidue) {
  const std::string blocked = R"(func main(A: f32[4, 8, 16], B: f32[128, 12], C: f32[4, 16, 12]) {
  compute C[n, y, x] = sum(A[n, k / 16, k % 16] * B[k, x], k in [0, +128))
})";
  expect_right(
      blocked,
      "split C k factor=4\nreorder C n,ko,y,x,ki\ntensorize C y intrinsic=gemm_f32_16x12x4 reassociate");
  const std::string fused =
      "fuse C y,x into=yx\nsplit C yx factor=18\nreorder C yxo,k,yxi\n"
      "tensorize C yxi intrinsic=gemm_f32_1x18x1";
  expect_right(kMatmul, fused);
  expect_right(kMatmul,
               "layout B dims=x/6,y,x%6\nsplit C x factor=6\nreorder C y,xo,k,xi\ntensorize C xi "
               "intrinsic=gemm_f32_1x6x1");
}

// The loops had to stand in the order of the intrinsic's.
TEST(KnownBugs, Tvm1625ReorderedAxes) {
  for (const char* order : {"yi,xi,ki", "xi,yi,ki", "ki,xi,yi", "yi,ki,xi"})
    expect_right(
        kMatmul,
        std::string("split C y factor=5\nsplit C x factor=6\nsplit C k factor=3\nreorder C yo,xo,ko,") +
            order + "\ntensorize C " + std::string(order).substr(0, 2) +
            " intrinsic=gemm_f32_5x6x3 reassociate");
}

// Two bodies that print the same failed to match, and nothing said where they differ.
TEST(KnownBugs, Tvm7879TheFirstDifferenceIsShown) {
  // operands in another order, sums written otherwise, and dimensions that stand still do match
  const std::string written = R"(func main(A: f32[1, 12, 30], B: f32[1, 30, 18], C: f32[1, 12, 18]) {
  compute C[n, y, x] = sum(B[n, k, x + 3 - 3] * A[0, (y + y) / 2, k], k in [0, +30))
})";
  expect_right(written, "reorder C n,k,y,x\ntensorize C y intrinsic=gemm_f32_12x18x1");
  const std::string other = R"(func main(A: f32[12, 30], B: f64[30, 18], C: f32[12, 18]) {
  compute C[y, x] = sum(A[y, k] * cast(f32, B[k, x]), k in [0, +30))
})";
  Schedule s(program(other).outputs);
  const Check error = apply_text(s, "reorder C k,y,x\ntensorize C y intrinsic=gemm_f32_12x18x1");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->str(),
            R"(error[schedule.tensorize.match]: C does not compute what gemm_f32_12x18x1 does from y inward
  stage                 C
  axis                  y
  first difference      cast(f32, B[k, x])
  gemm_f32_12x18x1 has  B[k, j]
  loops                 k (reduce), y, x
  fix                   name the loop where the operands of the intrinsic begin, or an intrinsic with this body)");
}

// reverse_compute_at left a part of the output uncomputed where the tile does not divide.
TEST(KnownBugs, Tvm15911ReverseComputeAtComputesEverything) {
  for (const int n : {1, 31, 32, 33, 1000}) {
    const std::string m = std::to_string(n);
    const std::string text = "func main(A: f32[" + m + "], B: f32[" + m + "], E: f32[" + m +
                             "]) {\n  alloc C: f32[" + m +
                             "]\n  compute C[i] = A[i] + B[i]\n  alloc D: f32[" + m +
                             "]\n  compute D[i] = C[i] + C[i]\n  compute E[i] = D[i] + A[i]\n}";
    expect_right(text, "split D i factor=32\ncompute_at C D io\nreverse_compute_at E D io");
    expect_right(text, "split D i parts=5\nsplit D ii factor=3\nreverse_compute_at E D iio");
  }
}

// Of Halide: directives that are illegal were ignored or computed wrongly (#7820); and
// partial reductions of a split update (#7890), tiles of a window at an inner loop (#7872).
const std::string kBlur = R"(func main(I: i32[20, 20], O: i32[16, 16]) {
  alloc S: i32[16, 16]
  compute S[y, x] = sum(I[y + r, x + q], r in [0, +5), q in [0, +5))
  compute O[y, x] = S[y, x] / i32(25)
})";
TEST(KnownBugs, Halide7820IllegalStepsAreRefusedAndChangeNothing) {
  for (const char* step : {"parallel S r", "parallel S q", "fuse S x,r", "reorder S y,y", "compute_at O S y",
                           "vectorize S z", "split S x factor=0", "compute_inline S", "compute_at S O r",
                           "init_at O y", "rfactor S x position=0", "layout O dims=x,y"}) {
    Schedule s(program(kBlur).outputs);
    const std::string before = s.loops();
    EXPECT_TRUE(apply_text(s, step)) << step;
    EXPECT_EQ(s.text(), "") << step;
    EXPECT_EQ(s.loops(), before) << step;
  }
}
TEST(KnownBugs, Halide7890RfactorOfASplitUpdate) {
  expect_right(kBlur, "split O y factor=2\nsplit S x factor=4\nsplit S xi factor=1\nrfactor S q position=0");
  expect_right(
      kBlur,
      "split O y factor=2\nsplit S x factor=4\nfuse S r,q into=rq\nsplit S rq factor=4\nrfactor S rqi "
      "position=1\ncompute_at S O yo\ncompute_at S_rf S y");
}
TEST(KnownBugs, Halide7872WindowAtAnInnerLoop) {
  expect_right(kBlur, "split O x factor=2\ncompute_at S O xi");
  expect_right(kBlur, "split O x factor=3\ncompute_at S O xo");
}

}  // namespace
}  // namespace tc::test
