#include "tc/autotune/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/codegen/runtime_error.h"
#include "tc/runtime/timer.h"

namespace tc::autotune {
namespace {

constexpr size_t kElements = 192;   // compared per output and set of inputs
constexpr double kSampleNs = 1e6;   // a sample lasts at least this long
constexpr double kBudgetNs = 16e6;  // of timing per trial, once three samples are there
constexpr int kMaxSamples = 9;

// One set of inputs and what the outputs must hold.
struct Expectation {
  std::vector<HostTensor> tensors;
  std::vector<ir::TensorView> views;
  Reference reference;

  Expectation(const WorkloadGraph& g, uint64_t seed, Fill fill)
      : tensors(make_args(g.args, seed, fill)),
        views(views_of(tensors)),
        reference(g.args, views, fill, kElements, seed) {}
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

// A call of one function on one set: packed inputs, and the pointers of Kernel::raw.
struct Call {
  std::vector<DLTensor> plain;
  std::vector<runtime::Tensor> packed;
  std::vector<const DLTensor*> pointers;
  std::vector<int64_t> sizes;
  std::vector<void*> data;

  Call(const Function& f, const Expectation& e) {
    for (const HostTensor& t : e.tensors) plain.push_back(dl_view(t));
    for (const DLTensor& t : plain) pointers.push_back(&t);
    packed.reserve(f.packs().size());
    for (const Pack& p : f.packs()) {
      const auto i = static_cast<size_t>(p.arg);
      packed.push_back(f.pack(p.arg, plain[i]).value());
      pointers[i] = packed.back().dl();
    }
    for (const DLTensor* t : pointers) data.push_back(static_cast<char*>(t->data) + t->byte_offset);
    sizes = f.kernel().abi().size_values(pointers);
    for (int64_t& s : sizes) data.push_back(&s);
  }
  Call(Call&&) = default;
};

}  // namespace

struct Judge::Case {
  std::string where;  // " for m=17", nothing for numbers
  std::vector<Expectation> sets;
};

Judge::Judge(const Workload& workload, uint64_t seed) : graph_(workload.build()) {
  const std::vector<WorkloadRange> ranges = workload.ranges();
  for (const Workload& one : workload.judged()) {
    auto made = std::make_unique<Case>();
    for (const WorkloadRange& r : ranges)
      made->where += fmt::format("{}{}={}", made->where.empty() ? " for " : " ", r.key, one.integer(r.key));
    const WorkloadGraph numbers = one.build();
    for (const Fill fill : {Fill::small_integers, Fill::uniform})
      made->sets.emplace_back(numbers, seed, fill);
    cases_.push_back(std::move(made));
  }
}
Judge::~Judge() = default;

Comparison Judge::check(const Function& function) const {
  Comparison all;
  for (const auto& one : cases_)
    for (const Expectation& e : one->sets) {
      const Call call(function, e);
      const Comparison c = e.reference.check(e.views, [&] { function(call.pointers); });
      all.elements += c.elements, all.unbounded += c.unbounded;
      all.max_error = std::max(all.max_error, c.max_error);
      all.tolerance = std::max(all.tolerance, c.tolerance);
      if (!c.passed()) {
        all.difference = c.difference + one->where;
        return all;
      }
    }
  return all;
}

std::vector<double> Judge::time(const Function& function) const {
  std::vector<Call> calls;
  for (const auto& one : cases_) calls.emplace_back(function, one->sets.back());
  const auto raw = function.kernel().raw();
  const auto once = [&](int64_t rounds) {
    const int64_t t0 = runtime::now_ns();
    for (int64_t i = 0; i < rounds; ++i)
      for (Call& c : calls)
        if (raw(c.data.data()) != 0) throw codegen::last_runtime_error();
    return static_cast<double>(runtime::now_ns() - t0) /
           (static_cast<double>(rounds) * static_cast<double>(calls.size()));
  };
  const double first = once(1) * static_cast<double>(calls.size());
  const auto rounds = static_cast<int64_t>(std::clamp(kSampleNs / std::max(first, 1.0), 1.0, 1e6));
  std::vector<double> samples;
  const int64_t begin = runtime::now_ns();
  for (int i = 0; i < kMaxSamples; ++i) {
    samples.push_back(once(rounds));
    if (i >= 2 && static_cast<double>(runtime::now_ns() - begin) > kBudgetNs) break;
  }
  return samples;
}

}  // namespace tc::autotune
