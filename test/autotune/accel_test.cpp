// Tuning for an accelerator: the space, the trials, the log.
#include "tc/autotune/accel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tc/autotune/api.h"
#include "tc/autotune/spaces.h"
#include "tc/codegen/accel.h"
#include "tc/schedule/lower.h"
#include "tc/te/ops_quantized.h"

namespace tc::autotune {
namespace {

constexpr std::string_view kConv = "qconv2d n=1 c=24 h=10 w=9 k=40 r=3 s=3 pad=1 bias=1 act=relu shift=6";

WorkloadGraph graph_of(std::string_view text) { return parse_workload(text).value().build(); }

isa::MachineConfig small_machine() {
  isa::MachineConfig c;
  c.block_in = c.block_out = 8;
  c.inp_depth = 128, c.wgt_depth = 64, c.acc_depth = 64;
  return c;
}

// Nine of ten points drawn at random compile; they are all different plans of one computation.
TEST(AccelSpace, SampledPointsAreValid) {
  for (const std::string_view text :
       {kConv, std::string_view("qmatmul m=33 n=70 k=90 bias=1 shift=7"),
        std::string_view("matmul m=20 n=30 k=64 dtype=i8"),
        std::string_view("max_pool2d n=1 c=32 h=12 w=12 r=3 s=3 stride=2 pad=1 dtype=i8"),
        std::string_view("qdepthwise_conv2d n=1 c=40 h=9 w=9 r=3 s=3 pad=1 bias=1 shift=5"),
        std::string_view("qadd shape=1x14x14x64 shift=1")})
    for (const isa::MachineConfig& config : {isa::MachineConfig{}, small_machine()}) {
      SCOPED_TRACE(std::string(text) + " " + isa::to_json(config));
      const WorkloadGraph graph = graph_of(text);
      const Space space(make_accel_space(graph, config).value());
      const accel::Legalized l = accel::legalize(graph.args, config).value();
      Rng rng(3);
      int good = 0;
      constexpr int kPoints = 20;
      for (int i = 0; i < kPoints; ++i) {
        const Draw d = space.sample(rng);
        if (!d.features) continue;
        EXPECT_EQ(d.features.value().size(), kNumFeatures);
        Choices choices = Choices::replay(d.point);
        const auto plans = draw_plans(l, config, choices).value();
        EXPECT_TRUE(accel::footprint(l.ops[0], plans[0]).fits(config));
        const auto lowered = lower(accel::make_schedule(l, plans).value(), l.args).value();
        bool ok = true;
        for (const accel::Segment& s : accel::partition(lowered.func).value().segments)
          if (s.device) ok = ok && accel::compile_device(s.func, config);
        good += ok;
      }
      EXPECT_GE(good * 10, kPoints * 9);
    }
}

TEST(AccelSpace, TheDefaultPointIsTheDefaultPlan) {
  for (const isa::MachineConfig& config : {isa::MachineConfig{}, small_machine()}) {
    const accel::Legalized l = accel::legalize(graph_of(kConv).args, config).value();
    Choices choices = Choices::defaults();
    EXPECT_TRUE(draw_plans(l, config, choices).value()[0] == *accel::default_plan(l.ops[0], config));
  }
}

TEST(AccelSpace, WithoutWorkForTheDeviceThereIsNone) {
  const WorkloadGraph graph = graph_of("softmax m=4 n=8 dtype=f32");
  EXPECT_EQ(make_accel_space(graph, {}).error().code(), "codegen.accel.nothing");
  EXPECT_EQ(AccelBench::make(graph, {}).error().code(), "codegen.accel.nothing");
}

TEST(AccelBench, TrialsAreVerifiedAndTheSameInEveryRun) {
  const auto bench = AccelBench::make(graph_of(kConv), small_machine()).value();
  const auto plan = *accel::default_plan(bench->legalized().ops[0], small_machine());
  const AccelTrial a = bench->run({plan}).value(), b = bench->run({plan}).value();
  EXPECT_EQ(a.counters, b.counters);
  EXPECT_GT(a.elements, 0);
  accel::DevicePlan other = plan;
  other.thread_axis = -1;
  EXPECT_GT(bench->run({other}).value().counters.cycles, a.counters.cycles);
  accel::DevicePlan large = plan;
  large.tile.assign(large.tile.size(), 1000);
  large.depth = 1000;
  EXPECT_EQ(bench->run({large}).error().code(), "codegen.accel.capacity");
}

// Two layers: the second one reads what the first one stored.
TEST(AccelBench, SeveralResultsAreSeveralPrograms) {
  const Tensor x = placeholder({1, 6, 6, 16}, kI8, "X"), w1 = placeholder({3, 3, 16, 16}, kI8, "W1"),
               w2 = placeholder({1, 1, 16, 24}, kI8, "W2");
  op::Conv2dOptions o;
  o.padding = 1, o.name = "A";
  const Tensor a = op::qconv2d(x, w1, {}, o, {.shift = 6, .relu = true});
  o.padding = 0, o.name = "B";
  const Tensor b = op::qconv2d(a, w2, {}, o, {.shift = 5});
  const WorkloadGraph graph = Workload::from_graph({x, w1, w2, b}).value().build();
  const auto bench = AccelBench::make(graph, {}).value();
  ASSERT_EQ(bench->legalized().ops.size(), 2u);
  Choices choices = Choices::defaults();
  const auto plans = draw_plans(bench->legalized(), {}, choices).value();
  const auto trial = bench->run(plans);
  ASSERT_TRUE(trial) << trial.error().str();
  EXPECT_GT(trial.value().counters.gemm_uops, 36 * 9 + 36 * 2 - 1);
}

TEST(AccelTune, FindsNoWorseThanTheDefaultAndResumes) {
  const std::string log = testing::TempDir() + "accel_tune.jsonl";
  std::filesystem::remove(log);
  TuneSettings settings;
  settings.target = codegen::Target::accel(small_machine()).value();
  settings.workers = 2;
  settings.options.trials = 24;
  settings.options.log_path = log;
  const Workload workload = parse_workload(kConv).value();
  const TuneResult first = tune(workload, settings).value();
  ASSERT_TRUE(first.best);
  EXPECT_EQ(first.measured, 24);
  EXPECT_EQ(first.statuses.at(Status::ok), 24) << first.best->message;
  const auto bench = AccelBench::make(workload.build(), small_machine()).value();
  const auto preset = bench->run({*accel::default_plan(bench->legalized().ops[0], small_machine())}).value();
  EXPECT_LE(first.best->cost(), static_cast<double>(preset.counters.cycles));
  // the record says all that it takes to have these cycles again
  Choices choices = Choices::replay(first.best->decisions);
  const AccelTrial again =
      bench->run(draw_plans(bench->legalized(), small_machine(), choices).value()).value();
  EXPECT_EQ(static_cast<double>(again.counters.cycles), first.best->cost());
  EXPECT_EQ(again.steps, first.best->steps);
  EXPECT_EQ(first.best->target.kind, "accel");
  const TuneResult second = tune(workload, settings).value();
  EXPECT_EQ(second.resumed, 24);
  EXPECT_EQ(second.measured, 0);
  // another machine is another task
  settings.target = codegen::Target::accel({}).value();
  settings.options.trials = 4;
  EXPECT_EQ(tune(workload, settings).value().resumed, 0);
}

// ---- what a build takes from a log

// A log of one machine with a record of each of these trials.
struct Tuned {
  Workload workload = parse_workload("qmatmul m=20 n=30 k=64 shift=5").value();
  std::vector<Record> records;
  explicit Tuned(const isa::MachineConfig& config) {
    const std::string log = testing::TempDir() + "accel_build.jsonl";
    std::filesystem::remove(log);
    TuneSettings settings;
    settings.target = codegen::Target::accel(config).value();
    settings.options.trials = 4;
    settings.options.log_path = log;
    (void)tune(workload, settings).value();
    records = read_log(log).value().records;
    std::sort(records.begin(), records.end(),
              [](const Record& a, const Record& b) { return a.cost() < b.cost(); });
  }
  [[nodiscard]] std::string built(const isa::MachineConfig& config) const {
    BuildOptions options;
    options.target = codegen::Target::accel(config).value();
    return build(workload, Log(records), 1, options).value().explain();
  }
};

TEST(AccelBuild, ARecordWhoseStepsDoNotComeOutIsPassedOver) {
  Tuned tuned({});
  ASSERT_EQ(tuned.records.size(), 4u);
  EXPECT_TRUE(tuned.built({}).starts_with("tuned: ")) << tuned.built({});
  EXPECT_EQ(tuned.built({}).find("passed over"), std::string::npos);
  // the best one is damaged: the next one is taken, and it is said
  tuned.records[0].steps += "unroll C_out_blocked row\n";
  const std::string next = tuned.built({});
  EXPECT_TRUE(next.starts_with("tuned: ")) << next;
  EXPECT_NE(next.find("record " + tuned.records[0].id +
                      " is passed over: its decisions make other steps than it holds"),
            std::string::npos)
      << next;
  EXPECT_NE(next.find(tuned.records[1].id), std::string::npos) << next;
  for (Record& r : tuned.records) r.steps = "";
  const std::string none = tuned.built({});
  EXPECT_TRUE(none.starts_with("default: no record of this workload is usable")) << none;
}

TEST(AccelBuild, ARecordThatLacksAFieldOfTheMachineDoesNotApply) {
  Tuned tuned({});
  for (Record& r : tuned.records)
    std::erase_if(r.target.isa, [](const std::string& f) { return f.starts_with("acc_depth="); });
  const std::string said = tuned.built({});
  EXPECT_TRUE(
      said.starts_with("default: this workload's record does not apply: it does not say the machine's "
                       "acc_depth"))
      << said;
}

TEST(AccelBuild, AMachineOfOtherTimesStartsFromTheRecord) {
  const Tuned tuned({});
  isa::MachineConfig slow;
  slow.dram_latency = 400, slow.alu_interval = 2;
  const std::string said = tuned.built(slow);
  EXPECT_TRUE(
      said.starts_with("nearest: this workload's record of vta, a machine that differs in its times "
                       "alone"))
      << said;
  slow.acc_depth = 1024;
  EXPECT_TRUE(tuned.built(slow).starts_with("default: ")) << tuned.built(slow);
}

}  // namespace
}  // namespace tc::autotune
