// Workloads with sizes from their schedules to their results: defaults, variants in one function,
// judging, and records of buckets.
#include <gtest/gtest.h>

#include <cstring>

#include "tc/autotune/api.h"
#include "tc/autotune/judge.h"
#include "tc/autotune/measure.h"
#include "tc/runtime/c_api.h"
#include "tc/te/ops.h"

namespace tc::autotune {
namespace {

BuildOptions uncached() {
  BuildOptions options;
  options.compile.use_cache = false;
  options.passes.verify = true;
  return options;
}

std::vector<DLTensor> dl_of(const std::vector<HostTensor>& tensors) {
  std::vector<DLTensor> out;
  for (const HostTensor& t : tensors) {
    DLTensor d{};
    d.data = t.data();
    d.device = {kDLCPU, 0};
    d.ndim = static_cast<int32_t>(t.shape().size());
    d.dtype = codegen::dl_type(t.dtype());
    d.shape = const_cast<int64_t*>(t.shape().data());
    out.push_back(d);
  }
  return out;
}
Check call(const Function& f, const std::vector<HostTensor>& tensors) {
  const std::vector<DLTensor> all = dl_of(tensors);
  std::vector<const DLTensor*> pointers;
  for (const DLTensor& t : all) pointers.push_back(&t);
  return f.run(pointers);
}

// The function of a workload with sizes against te evaluation of the numbers, within the bounds of errors.
void expect_right(const Function& f, const Workload& numbers) {
  const WorkloadGraph g = numbers.build();
  const auto tensors = make_args(g.args, 11);
  const auto views = views_of(tensors);
  const Reference reference(g.args, views, Fill::small_integers, 4096, 11);
  Check refused;
  const Comparison c = reference.check(views, [&] { refused = call(f, tensors); });
  ASSERT_EQ(refused, std::nullopt) << numbers.text() << "\n" << (refused ? refused->str() : "");
  EXPECT_TRUE(c.passed()) << numbers.text() << ": " << c.difference << "\n" << f.schedule_text();
}

// Every bound of the range, one around it, and one above them all.
std::vector<int64_t> around(const WorkloadRange& r) {
  std::vector<int64_t> out = {r.least, r.least + 1};
  for (const int64_t last : r.last)
    for (const int64_t v : {last - 1, last, last + 1})
      if (v > out.back()) out.push_back(v);
  out.push_back(r.last.back() + 9);
  return out;
}

class Defaults : public ::testing::TestWithParam<const char*> {};
TEST_P(Defaults, AreRightAroundEveryBound) {
  const Workload w = workload(GetParam());
  const auto ranges = w.ranges();
  for (const int threads : {1, 2}) {
    const auto f = build(w, Log(), threads, uncached());
    ASSERT_TRUE(f) << f.error().str();
    for (size_t i = 0; i < ranges.size(); ++i)
      for (const int64_t v : around(ranges[i])) {
        std::vector<int64_t> values;
        for (const WorkloadRange& r : ranges) values.push_back(r.last[0]);
        values[i] = v;
        expect_right(f.value(), w.at(values));
      }
  }
}
INSTANTIATE_TEST_SUITE_P(
    Workloads, Defaults,
    ::testing::Values("matmul m=0..1..9..40 n=70 k=33", "matmul m=1..20 n=6 k=5 ta=1 tb=1",
                      "matmul m=30 n=1..20..70 k=9", "matmul m=12 n=20 k=0..7..40",
                      "matmul m=1..4..9 n=1..70 k=1..5", "batch_matmul b=1..3 m=1..17 n=20 k=9",
                      "matmul m=5 n=40 k=1..9 tb=1", "dense m=1..8..37 n=40 k=19 bias=1 act=relu",
                      "dense m=1..3 n=5 k=300", "qmatmul m=1..9 n=20 k=16 bias=1 shift=4",
                      "conv2d n=1..2..3 c=16 h=9 w=7 k=24 r=1 s=1 bias=1 act=relu",
                      "conv2d n=0..2 c=3 h=9 w=7 k=24 r=3 s=3 pad=1",
                      "depthwise_conv2d n=1..2 c=20 h=9 w=7 r=3 s=3 pad=1",
                      "max_pool2d n=1..3 c=20 h=9 w=7 r=3 s=3 stride=2", "batch_norm n=1..2 c=20 h=3 w=4",
                      "relu m=0..9..70 n=37", "add m=1..9 n=64 rhs=64", "sum m=1..9 n=100",
                      "mean m=1..19 n=40 axis=0", "softmax m=1..3..17 n=50", "layer_norm m=1..9 n=80",
                      "argmax m=1..9 n=30", "cumsum m=1..9 n=20 axis=0", "lstm t=1..4 b=1..5 k=9 n=20",
                      "gru t=3 b=1..2..7 k=9 n=20 bias=1"));

TEST(Buckets, OneFunctionHasAVariantForEach) {
  const Workload w = workload("matmul m=2..5..64 n=64 k=48");
  const Function f = build(w, Log(), 1, uncached()).value();
  EXPECT_NE(f.ir("nested").find("if m <= 5 {"), std::string::npos) << f.ir("nested");
  EXPECT_NE(f.ir("nested").find("m >= 2"), std::string::npos);
  EXPECT_EQ(f.explain().find("2 variants"), 0u) << f.explain();
  EXPECT_NE(f.explain().find("m=2..5: default: "), std::string::npos) << f.explain();
  EXPECT_NE(f.explain().find("m=6..64: default: "), std::string::npos) << f.explain();
  EXPECT_EQ(f.schedule_text().find("# if m <= 5\n"), 0u) << f.schedule_text();
  EXPECT_NE(f.schedule_text().find("# else\n"), std::string::npos);
  EXPECT_EQ(f.packs().size(), 1u);
  const Check below = call(f, make_args(w.at({1}).build().args, 1));
  ASSERT_TRUE(below);
  EXPECT_EQ(below->code(), "runtime.arg.shape") << below->str();
}

TEST(Buckets, AnAcceleratorNeedsNumbers) {
  BuildOptions options;
  options.target = codegen::Target::accel({}).value();
  const auto f = build(workload("qmatmul m=1..64 n=16 k=16"), Log(), 1, options);
  ASSERT_FALSE(f);
  EXPECT_EQ(f.error().code(), "te.shape.symbolic");
  TuneSettings settings;
  settings.target = options.target;
  EXPECT_EQ(tune(workload("qmatmul m=1..64 n=16 k=16"), settings).error().code(), "te.shape.symbolic");
}

// ---- judging

// The workload's product, but of the rows after the last whole tile of 8 nothing.
TEST(Buckets, WhatIsWrongInTailsAloneIsSeen) {
  const Workload w = workload("matmul m=8..64 n=16 k=8");
  const Judge judge(w, 3);
  const std::vector<Tensor>& args = judge.graph().args;
  const Function right = build(Schedule(judge.graph().outputs), args, uncached()).value();
  EXPECT_TRUE(judge.check(right).passed()) << judge.check(right).difference;
  EXPECT_GT(judge.time(right).size(), 2u);

  const Expr whole = args[0].shape()[0] / 8 * 8;
  const ReduceAxis k = reduce_axis(0, 8, "k");
  const Tensor P = compute(
      {args[0].shape()[0], 16}, [&](Expr y, Expr x) { return sum(args[0](y, k) * args[1](k, x), k); }, "P");
  const Tensor C = compute(
      {args[0].shape()[0], 16},
      [&](Expr y, Expr x) { return if_then_else(y < whole, P(y, x), ir::const_of(kF32, 0)); }, "C");
  const Function wrong = build(Schedule({C}), {args[0], args[1], C}, uncached()).value();
  const Comparison c = judge.check(wrong);
  EXPECT_FALSE(c.passed());
  EXPECT_NE(c.difference.find(" for m=37"), std::string::npos) << c.difference;
}

// What a worker does with a job of a bucket, in this process.
TEST(Buckets, TheMeasurerChecksAndTimesABucket) {
  const Workload w = workload("dense m=3..17 n=40 k=24 bias=1 act=relu");
  const auto measurer = make_cpu_measurer();
  Choices choices = Choices::defaults();
  const SpaceContext context{codegen::Target::host(), 1};
  const std::string steps = draw_schedule(w.build(), context, choices).value().text();
  const Json job = {{"workload", w.text()},
                    {"target", to_json(record_target(context.target, 1))},
                    {"decisions", to_json(choices.point())},
                    {"seed", 5}};
  EXPECT_EQ(measurer->build(job).at("steps"), steps);
  const Json reply = measurer->run(job);
  ASSERT_TRUE(reply.contains("check")) << reply.dump();
  EXPECT_EQ(reply["check"]["passed"], true);
  EXPECT_GE(reply["run_ns"].size(), 3u);
}

// Every sampled schedule of a space is legal, packs alike, and right where it has tails.
TEST(Buckets, SampledSchedulesAreRightAndPackAlike) {
  for (const char* text : {"matmul m=2..30 n=100 k=20", "dense m=1..30 n=33 k=12 bias=1 act=relu",
                           "conv2d n=1..3 c=8 h=6 w=5 k=40 r=1 s=1", "softmax m=1..9 n=70",
                           "gru t=2 b=1..5 k=6 n=18", "add m=1..30 n=70"}) {
    const Judge judge(workload(text), 1);
    std::string packs;
    for (uint64_t seed = 0; seed < 12; ++seed) {
      Choices choices = Choices::sample(seed);
      const auto s =
          draw_schedule(judge.graph(), {codegen::Target::host(), 1 + static_cast<int>(seed % 2)}, choices);
      ASSERT_TRUE(s) << text << "\n" << s.error().str();
      const auto f = build(s.value(), judge.graph().args, uncached());
      ASSERT_TRUE(f) << text << "\n" << s.value().text() << f.error().str();
      std::string mine;
      for (const Pack& p : f.value().packs()) mine += p.layout + ";";
      if (seed == 0) packs = mine;
      EXPECT_EQ(mine, packs) << text << "\n" << s.value().text();
      const Comparison c = judge.check(f.value());
      EXPECT_TRUE(c.passed()) << text << "\n" << s.value().text() << c.difference;
    }
  }
}

// ---- records

Record record_of(const Workload& w, const Point& decisions, double ns) {
  const SpaceContext context{codegen::Target::host(), 1};
  Choices choices = Choices::replay(decisions);
  Record r;
  r.id = w.text();
  r.workload = w.text();
  r.workload_hash = WorkloadKey(w.text()).hash();
  r.target = record_target(context.target, 1);
  r.build = build_stamp();
  r.steps = draw_schedule(w.build(), context, choices).value().text();
  r.decisions = choices.point();
  r.status = Status::ok;
  r.run_ns = {ns};
  r.check = OutputCheck{"te", 10, 0, true};
  return r;
}

TEST(Buckets, EachTakesItsOwnRecordAndElseTheNearest) {
  const Workload w = workload("matmul m=1..4..16..64 n=128 k=32");
  const auto buckets = w.buckets();
  Choices sampled = Choices::sample(3);
  (void)draw_schedule(buckets[1].build(), {codegen::Target::host(), 1}, sampled).value();
  const Log log({record_of(buckets[1], sampled.point(), 100)});
  const Function f = build(w, log, 1, uncached()).value();
  EXPECT_NE(f.explain().find("m=5..16: tuned: "), std::string::npos) << f.explain();
  EXPECT_NE(f.explain().find("m=17..64: nearest: "), std::string::npos) << f.explain();
  EXPECT_NE(f.schedule_text().find("# if m <= 16\n" + log.records()[0].steps), std::string::npos)
      << f.schedule_text();
  for (const int64_t m : {1, 4, 5, 13, 16, 17, 64, 70}) expect_right(f, w.at({m}));
  // a bucket by itself is the same task
  EXPECT_EQ(build(buckets[1], log, 1, uncached()).value().explain().find("tuned: "), 0u);
}

}  // namespace
}  // namespace tc::autotune
