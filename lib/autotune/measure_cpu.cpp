#include <fmt/format.h>

#include <algorithm>

#include "tc/autotune/accel.h"
#include "tc/autotune/measure.h"
#include "tc/autotune/spaces.h"
#include "tc/codegen/build.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/timer.h"
#include "tc/te/compare.h"

#ifndef TC_VERSION
#define TC_VERSION "0.1.0"
#endif

namespace tc::autotune {
namespace {

constexpr size_t kElements = 192;   // compared per output and set of inputs
constexpr double kSampleNs = 1e6;   // a sample lasts at least this long
constexpr double kBudgetNs = 16e6;  // of timing per trial, once three samples are there
constexpr int kMaxSamples = 9;

// Inputs of one workload and what the outputs must hold.
struct Expectation {
  std::vector<HostTensor> tensors;
  std::vector<ir::TensorView> views;
  Reference reference;

  Expectation(const WorkloadGraph& g, uint64_t seed, Fill fill)
      : tensors(make_args(g.args, seed, fill)),
        views(views_of(tensors)),
        reference(g.args, views, fill, kElements, seed) {}
};

struct Bench {
  std::string text;
  WorkloadGraph graph;
  std::vector<Expectation> sets;
};

DLTensor dl_view(const HostTensor& t) {
  DLTensor v{};
  v.data = t.data();
  v.device = {kDLCPU, 0};
  v.ndim = static_cast<int32_t>(t.shape().size());
  v.dtype = codegen::dl_type(t.dtype());
  v.shape = const_cast<int64_t*>(t.shape().data());
  return v;
}

class CpuMeasurer final : public Measurer {
 public:
  Json build(const Json& job) override {
    function_.reset();
    prepare(job.at("workload").get<std::string>(), job.value("seed", uint64_t{0}));
    const int threads = job.at("target").value("threads", 1);
    tc_set_num_threads(threads);
    Choices choices = Choices::replay(point_from_json(job.at("decisions")).value());
    const SpaceContext context{target_, threads};
    Schedule schedule = draw_schedule(bench_->graph, context, choices).value();
    BuildOptions options;
    options.target = target_;
    options.name = "trial";
    options.workload = bench_->text;
    options.compile.use_cache = false;  // trials are built once
    function_ = tc::build(schedule, bench_->graph.args, options).value();
    return {{"steps", schedule.text()}};
  }

  Json run(const Json&) override {
    Json reply;
    double worst = 0;
    int64_t elements = 0;
    for (const Expectation& e : bench_->sets) {
      const auto args = bind(e);
      const Comparison c = e.reference.check(e.views, [&] { (*function_)(args.pointers); });
      if (!c.passed()) return {{"status", "wrong_result"}, {"message", c.difference}};
      worst = std::max(worst, c.max_error);
      elements += c.elements;
    }
    reply["check"] = {
        {"oracle", "te.evaluate_at"}, {"elements", elements}, {"max_err", worst}, {"passed", true}};
    reply["run_ns"] = time(bind(bench_->sets.back()));
    return reply;
  }

 private:
  struct Args {
    std::vector<DLTensor> plain;
    std::vector<runtime::Tensor> packed;
    std::vector<const DLTensor*> pointers;
    std::vector<void*> data;
  };

  void prepare(const std::string& text, uint64_t seed) {
    if (bench_ && bench_->text == text) return;
    bench_.emplace();
    bench_->text = text;
    bench_->graph = parse_workload(text).value().build();
    for (const Fill fill : {Fill::small_integers, Fill::uniform})
      bench_->sets.emplace_back(bench_->graph, seed, fill);
  }

  Args bind(const Expectation& e) const {
    Args a;
    for (const HostTensor& t : e.tensors) a.plain.push_back(dl_view(t));
    for (const DLTensor& t : a.plain) a.pointers.push_back(&t);
    a.packed.reserve(function_->packs().size());
    for (const Pack& p : function_->packs()) {
      const auto i = static_cast<size_t>(p.arg);
      a.packed.push_back(function_->pack(p.arg, a.plain[i]).value());
      a.pointers[i] = a.packed.back().dl();
    }
    for (const DLTensor* t : a.pointers) a.data.push_back(static_cast<char*>(t->data) + t->byte_offset);
    return a;
  }

  Json time(const Args& a) const {
    const auto raw = function_->kernel().raw();
    const auto once = [&](int64_t calls) {
      const int64_t t0 = runtime::now_ns();
      for (int64_t i = 0; i < calls; ++i)
        if (raw(a.data.data()) != 0) throw Error("runtime.failed", tc_last_error());
      return static_cast<double>(runtime::now_ns() - t0) / static_cast<double>(calls);
    };
    const double first = once(1);
    const auto calls = static_cast<int64_t>(std::clamp(kSampleNs / std::max(first, 1.0), 1.0, 1e6));
    Json samples = Json::array();
    const int64_t begin = runtime::now_ns();
    for (int i = 0; i < kMaxSamples; ++i) {
      samples.push_back(once(calls));
      if (i >= 2 && static_cast<double>(runtime::now_ns() - begin) > kBudgetNs) break;
    }
    return samples;
  }

  codegen::Target target_ = codegen::Target::host();
  std::optional<Bench> bench_;
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
