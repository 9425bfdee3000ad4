#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tc/autotune/measure.h"
#include "tc/autotune/spaces.h"
#include "tc/codegen/build.h"
#include "tc/ir/traverse.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/timer.h"
#include "tc/te/evaluate.h"

#ifndef TC_VERSION
#define TC_VERSION "0.1.0"
#endif

namespace tc::autotune {
namespace {

constexpr size_t kElements = 192;   // compared per output and set of inputs
constexpr double kSampleNs = 1e6;   // a sample lasts at least this long
constexpr double kBudgetNs = 16e6;  // of timing per trial, once three samples are there
constexpr int kMaxSamples = 9;

// Inputs of one workload and what the outputs must hold at some elements.
struct Expectation {
  std::vector<HostTensor> tensors;
  struct Output {
    size_t arg;
    std::vector<std::vector<int64_t>> indices;
    std::vector<double> values;
  };
  std::vector<Output> outputs;
  double tolerance = 0;  // relative to max(1, |value|); 0: bit by bit
};

struct Bench {
  std::string text;
  WorkloadGraph graph;
  std::vector<Expectation> sets;
};

// Whether results are exact on small integers: only sums, products and
// comparisons, so that every intermediate is an integer that the type holds. A
// recurrence that multiplies grows beyond it.
bool exact_on_integers(const Graph& g) {
  bool exact = true;
  for (const auto& op : g.ops) exact &= !op->external;
  for (size_t i = 0; i < g.ops.size(); ++i)
    for (const Expr& v : g.ops[i]->values)
      ir::walk<ir::Binary>(v, [&](const ir::Binary& b) {
        exact &= g.scans[i] < 0 || !b.type.is_float() || b.op != ir::BinaryOp::mul;
      });
  for (const auto& op : g.ops)
    for (const Expr& v : op->values)
      ir::walk_all(*v, [&](const ir::Node& n) {
        if (n.kind == ir::Kind::Call) {
          const auto c = static_cast<const ir::Call&>(n).op;
          exact &= c == ir::CallOp::neg || c == ir::CallOp::abs || c == ir::CallOp::if_then_else ||
                   c == ir::CallOp::fma;
        }
        if (n.kind == ir::Kind::Binary) {
          const auto& b = static_cast<const ir::Binary&>(n);
          exact &= !(b.type.is_float() && (b.op == ir::BinaryOp::div || b.op == ir::BinaryOp::mod));
        }
        if (n.kind == ir::Kind::FloatImm) {
          const double x = static_cast<const ir::FloatImm&>(n).value;
          exact &= !std::isfinite(x) || x == std::floor(x);
        }
      });
  return exact;
}

// Rounding of n additions grows at most like n half-ulps; with random signs like
// its root. 8 * sqrt(n) ulps, plus the bound of the transcendental functions.
double tolerance_of(const Graph& g, DType type) {
  double longest = 1;
  for (size_t i = 0; i < g.ops.size(); ++i) {
    double n = 1;
    for (const ReduceAxis& k : g.ops[i]->reduce_axes())
      n *= static_cast<double>(std::max<int64_t>(ir::as_int(k.extent).value_or(1), 1));
    if (g.scans[i] >= 0)  // what one step rounds, the next ones carry on
      n *= static_cast<double>(std::max<int64_t>(ir::as_int(g.ops[i]->shape[0]).value_or(1), 1));
    longest = std::max(longest, n);
  }
  const double ulp = type.bits == 64                     ? 0x1p-52
                     : type.bits == 32                   ? 0x1p-23
                     : type.code == ir::TypeCode::bfloat ? 0x1p-7
                                                         : 0x1p-10;
  return ulp * (16 + 8 * std::sqrt(longest));
}

double to_double(const ir::Value& v) { return v.as_double(); }

Expectation expect(const WorkloadGraph& g, uint64_t seed, Fill fill) {
  Expectation e;
  e.tensors = make_args(g.args, seed, fill);
  const auto views = views_of(e.tensors);
  const bool integers = fill == Fill::small_integers && exact_on_integers(g.graph);
  for (size_t i = 0; i < g.args.size(); ++i) {
    if (g.args[i].op().is_placeholder()) continue;
    Expectation::Output out{i, random_indices(g.args[i], kElements, seed ^ i), {}};
    const std::vector<ir::Value> values = evaluate_at(g.args, g.args[i], out.indices, views).value();
    for (const ir::Value& v : values) out.values.push_back(to_double(v));
    if (g.args[i].dtype().is_float() && !integers)
      e.tolerance = std::max(e.tolerance, tolerance_of(g.graph, g.args[i].dtype()));
    e.outputs.push_back(std::move(out));
  }
  return e;
}

int64_t flat_index(const std::vector<int64_t>& shape, const std::vector<int64_t>& index) {
  int64_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + index[d];
  return flat;
}

DLTensor dl_view(const HostTensor& t) {
  const DType d = t.dtype();
  const auto code = d.is_bool()                      ? kDLBool
                    : d.code == ir::TypeCode::bfloat ? kDLBfloat
                    : d.is_float()                   ? kDLFloat
                    : d.is_signed()                  ? kDLInt
                                                     : kDLUInt;
  DLTensor v{};
  v.data = t.data();
  v.device = {kDLCPU, 0};
  v.ndim = static_cast<int32_t>(t.shape().size());
  v.dtype = {static_cast<uint8_t>(code), static_cast<uint8_t>(d.is_bool() ? 8 : d.bits), 1};
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
    for (Expectation& e : bench_->sets) {
      const auto args = bind(e);
      poison_outputs(e);
      (*function_)(args.pointers);
      const auto problem = compare(e, worst, elements);
      if (problem) return {{"status", "wrong_result"}, {"message", *problem}};
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
      bench_->sets.push_back(expect(bench_->graph, seed, fill));
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

  static void poison_outputs(const Expectation& e) {
    for (const auto& out : e.outputs)
      std::memset(e.tensors[out.arg].data(), 0xa5, e.tensors[out.arg].bytes());
  }

  // The first difference, or nothing.
  static std::optional<std::string> compare(const Expectation& e, double& worst, int64_t& elements) {
    for (const auto& out : e.outputs) {
      const HostTensor& t = e.tensors[out.arg];
      for (size_t i = 0; i < out.indices.size(); ++i) {
        const double got = t.get(flat_index(t.shape(), out.indices[i])), want = out.values[i];
        const double error = got == want || (std::isnan(got) && std::isnan(want))
                                 ? 0
                                 : std::abs(got - want) / std::max(1.0, std::abs(want));
        ++elements;
        if (!(error <= e.tolerance))
          return fmt::format("output {}[{}] is {}, expected {}", out.arg, fmt::join(out.indices[i], ", "),
                             got, want);
        worst = std::max(worst, error);
      }
      if (const auto i = unwritten(t))
        return fmt::format("output {} was not written at element {}", out.arg, *i);
    }
    return std::nullopt;
  }

  // One-byte results may well be 0xa5; wider ones are not by any likelihood.
  static std::optional<int64_t> unwritten(const HostTensor& t) {
    const auto width = static_cast<size_t>(t.dtype().bytes());
    if (width < 2) return std::nullopt;
    const auto* p = static_cast<const unsigned char*>(t.data());
    for (int64_t i = 0; i < t.size(); ++i) {
      bool poison = true;
      for (size_t b = 0; b < width; ++b) poison &= p[static_cast<size_t>(i) * width + b] == 0xa5;
      if (poison && width >= 4) return i;
    }
    return std::nullopt;
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
  RecordTarget r;
  r.kind = t.kind, r.triple = t.triple, r.cpu = t.cpu, r.isa = t.isa, r.tune = t.tune, r.threads = threads;
  return r;
}
BuildStamp build_stamp() { return {TC_VERSION, "19.1"}; }

std::unique_ptr<Measurer> make_cpu_measurer() { return std::make_unique<CpuMeasurer>(); }

int cpu_worker_main() {
  worker_main_setup();
  CpuMeasurer measurer;
  return worker_serve(measurer);
}

}  // namespace tc::autotune
