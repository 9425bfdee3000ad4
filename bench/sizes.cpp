// A product of any number of rows beside the products compiled for those rows, under one schedule:
// time of the one over time of the other, medians of interleaved repetitions, one thread. Then the
// same product tuned for buckets of rows beside the products tuned for single numbers of rows, each
// with TRIALS trials (0: not at all); the worker is $TC_WORKER, else ../tools/tc-worker.
//
//   bench/sizes [ROUNDS [TRIALS]]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "tc/autotune/api.h"
#include "tc/codegen/build.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/timer.h"
#include "tc/te/evaluate.h"
#include "tc/te/ops.h"

namespace {

using namespace tc;

constexpr int64_t kDepth = 256, kColumns = 256, kRows = 6;

struct Product {
  std::vector<Tensor> args;
  Function function;
};

Product product(const Extent& rows) {
  const Tensor a = placeholder({rows, kDepth}, kF32, "A"), b = placeholder({kDepth, kColumns}, kF32, "B");
  const Tensor c = op::matmul(a, b);
  Schedule s({c});
  const auto [y, x] = s[c].axes<2>();
  const auto [k] = s[c].reduce_axes<1>();
  const auto t = s[c].tile({y, x}, {kRows, 32});
  const auto [xo, xi] = s[c].split(t[3], 16);
  s[c].reorder({t[1], t[0], k, t[2], xo, xi});
  s[c].unroll(t[2]).unroll(xo).vectorize(xi);
  return {{a, b, c}, build(s, {a, b, c}).value()};
}

// Tensors of a call; constants come packed as the function wants them.
struct Call {
  std::vector<HostTensor> tensors;
  std::vector<DLTensor> views;
  std::vector<runtime::Tensor> packed;
  std::vector<const DLTensor*> pointers;

  Call(const Function& f, int64_t rows) {
    for (const auto& shape : {std::vector<int64_t>{rows, kDepth}, {kDepth, kColumns}, {rows, kColumns}})
      tensors.emplace_back(kF32, shape);
    for (HostTensor& t : tensors)
      for (int64_t i = 0; i < t.size(); ++i) t.set(i, static_cast<double>(i % 7 - 3));
    for (const HostTensor& t : tensors) {
      DLTensor d{};
      d.data = t.data();
      d.device = {kDLCPU, 0};
      d.ndim = 2;
      d.dtype = codegen::dl_type(kF32);
      d.shape = const_cast<int64_t*>(t.shape().data());
      views.push_back(d);
    }
    for (const DLTensor& d : views) pointers.push_back(&d);
    packed.reserve(f.packs().size());
    for (const Pack& p : f.packs()) {
      const auto i = static_cast<size_t>(p.arg);
      packed.push_back(f.pack(p.arg, views[i]).value());
      pointers[i] = packed.back().dl();
    }
  }
  double seconds(const Function& f, int calls) const {
    const int64_t start = runtime::now_ns();
    for (int i = 0; i < calls; ++i) f(pointers);
    return static_cast<double>(runtime::now_ns() - start) * 1e-9 / calls;
  }
};

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// One row of a table: the function of any size beside that of this size. False where they differ.
bool compare(const Function& any, const Function& one, int64_t rows, int rounds) {
  const Call call(any, rows), check(one, rows);
  any(call.pointers);
  one(check.pointers);
  for (int64_t i = 0; i < call.tensors[2].size(); ++i)
    if (call.tensors[2].get(i) != check.tensors[2].get(i)) {
      fmt::print("{} rows: the results differ\n", rows);
      return false;
    }
  const int calls = static_cast<int>(std::max<int64_t>(1, 2000 / rows));
  std::vector<double> symbolic, constant, ratio;
  for (int r = 0; r < rounds; ++r) {
    symbolic.push_back(call.seconds(any, calls));
    constant.push_back(check.seconds(one, calls));
    ratio.push_back(symbolic.back() / constant.back());
  }
  const double flops = 2.0 * static_cast<double>(rows * kDepth * kColumns);
  fmt::print("{:4} {:8.2f} us {:8.2f} us {:9.1f} {:8.2f}\n", rows, median(symbolic) * 1e6,
             median(constant) * 1e6, flops / median(symbolic) * 1e-9, median(ratio));
  return true;
}

std::string worker_path() {
  if (const char* given = std::getenv("TC_WORKER")) return given;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../tools/tc-worker";
}

// Tuned anew, into a log that goes with the run.
Function tuned(const Workload& w, int64_t trials, const std::string& log_path) {
  TuneSettings settings;
  settings.worker = worker_path();
  settings.options.trials = trials;
  settings.options.log_path = log_path;
  (void)tune(w, settings).value();
  const std::string paths[] = {log_path};
  return build(w, Log::load(paths).value(), 1).value();
}

bool compare_tuned(int rounds, int64_t trials) {
  const std::string log =
      std::filesystem::temp_directory_path() / fmt::format("tc-bench-sizes-{}.jsonl", ::getpid());
  const Workload w = workload(fmt::format("matmul m=1..16..64..512 n={} k={}", kColumns, kDepth));
  const Function any = tuned(w, trials, log);
  fmt::print("\n{}\n{}\n", w.text(), any.explain());
  fmt::print("rows    buckets   this size   GFLOP/s   ratio, both tuned by {} trials\n", trials);
  bool same = true;
  for (const Workload& call : w.judged())
    same = compare(any, tuned(call, trials, log), call.integer("m"), rounds) && same;
  std::filesystem::remove(log);
  return same;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  tc_set_num_threads(1);
  const Product any = product(size_var("n"));
  fmt::print("rows   any size   this size   GFLOP/s   ratio (1: as fast)\n");
  bool same = true;
  for (const int64_t rows : {1, 7, 64, 100, 512})
    same = compare(any.function, product(rows).function, rows, rounds) && same;
  const int64_t trials = argc > 2 ? std::atoi(argv[2]) : 12;
  if (trials > 0) same = compare_tuned(rounds, trials) && same;
  return same ? 0 : 1;
}
