#include <optional>

#include "tc/autotune/accel.h"
#include "tc/autotune/judge.h"
#include "tc/autotune/measure.h"
#include "tc/autotune/spaces.h"
#include "tc/codegen/build.h"
#include "tc/runtime/c_api.h"

#ifndef TC_VERSION
#define TC_VERSION "0.1.0"
#endif

namespace tc::autotune {
namespace {

class CpuMeasurer final : public Measurer {
 public:
  Json build(const Json& job) override {
    function_.reset();
    prepare(job.at("workload").get<std::string>(), job.value("seed", uint64_t{0}));
    const int threads = job.at("target").value("threads", 1);
    tc_set_num_threads(threads);
    Choices choices = Choices::replay(point_from_json(job.at("decisions")).value());
    const SpaceContext context{target_, threads};
    Schedule schedule = draw_schedule(judge_->graph(), context, choices).value();
    BuildOptions options;
    options.target = target_;
    options.name = "trial";
    options.workload = text_;
    options.compile.use_cache = false;  // trials are built once
    function_ = tc::build(schedule, judge_->graph().args, options).value();
    return {{"steps", schedule.text()}};
  }

  Json run(const Json&) override {
    const Comparison c = judge_->check(*function_);
    if (!c.passed()) return {{"status", "wrong_result"}, {"message", c.difference}};
    Json reply;
    reply["check"] = {
        {"oracle", "te.evaluate_at"}, {"elements", c.elements}, {"max_err", c.max_error}, {"passed", true}};
    reply["run_ns"] = judge_->time(*function_);
    return reply;
  }

 private:
  void prepare(const std::string& text, uint64_t seed) {
    if (judge_ && text_ == text) return;
    text_ = text;
    judge_.emplace(parse_workload(text).value(), seed);
  }

  codegen::Target target_ = codegen::Target::host();
  std::string text_;
  std::optional<Judge> judge_;
  std::optional<Function> function_;
};

}  // namespace

RecordTarget record_target(const codegen::Target& t, int threads) {
  if (t.is_accel()) return record_target(t.machine());
  RecordTarget r;
  r.kind = t.kind, r.triple = t.triple, r.cpu = t.cpu, r.isa = t.isa, r.tune = t.tune, r.threads = threads;
  return r;
}
BuildStamp build_stamp() { return {TC_VERSION, "19.1", kCodeVersion}; }

std::unique_ptr<Measurer> make_cpu_measurer() { return std::make_unique<CpuMeasurer>(); }

int cpu_worker_main() {
  worker_main_setup();
  CpuMeasurer measurer;
  return worker_serve(measurer);
}

}  // namespace tc::autotune
