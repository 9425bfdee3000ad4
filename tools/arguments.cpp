#include "arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "inputs.h"
#include "tc/codegen/runtime_error.h"
#include "tc/runtime/c_api.h"

namespace tc::cli {
namespace {

constexpr double kEvaluateOps = 1e7;  // of the graph per reference: half a second with the bounds of errors
constexpr double kMostElements = 1024, kFewestElements = 16;

double bytes_of(const WorkloadGraph& g) {
  double bytes = 0;
  for (const Tensor& t : g.args) {
    double n = t.dtype().bytes();
    for (const int64_t e : t.extents()) n *= static_cast<double>(e);
    bytes += n;
  }
  return bytes;
}

}  // namespace

void require_arguments(const WorkloadGraph& graph) { require_memory(2 * bytes_of(graph) + 64e6); }

Arguments::Arguments(const WorkloadGraph& graph, uint64_t seed, Fill fill)
    : graph_(graph), seed_(seed), fill_(fill) {
  require_arguments(graph);
  for (const HostTensor& h : make_args(graph_.args, seed, fill)) {
    runtime::Tensor t(h.shape(), codegen::dl_type(h.dtype()));
    if (h.bytes() > 0) std::memcpy(t.data(), h.data(), h.bytes());
    tensors_.push_back(std::move(t));
  }
}

Comparison Arguments::check(const std::function<void()>& run) {
  std::vector<ir::TensorView> views;
  double elements = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    views.push_back({graph_.args[i].dtype(), tensors_[i].shape(), tensors_[i].data()});
    if (!graph_.args[i].op().is_placeholder()) elements += static_cast<double>(tensors_[i].size());
  }
  if (!reference_) {
    const double each = std::max(1.0, graph_.flops / std::max(1.0, elements));
    const double affordable = std::clamp(kEvaluateOps / each, kFewestElements, kMostElements);
    reference_.emplace(graph_.args, views, fill_, static_cast<size_t>(affordable), seed_);
  }
  return reference_->check(views, run);
}

BoundKernel::BoundKernel(Function function, Arguments& arguments)
    : function_(std::move(function)), arguments_(&arguments) {
  for (const runtime::Tensor& t : arguments.tensors()) pointers_.push_back(t.dl());
  packed_.reserve(function_.packs().size());
  for (const Pack& p : function_.packs()) {
    const auto i = static_cast<size_t>(p.arg);
    packed_.push_back(function_.pack(p.arg, *pointers_[i]).value());
    pointers_[i] = packed_.back().dl();
  }
  for (const DLTensor* t : pointers_) data_.push_back(static_cast<char*>(t->data) + t->byte_offset);
  if (function_.target().is_accel()) return;
  sizes_ = function_.kernel().abi().size_values(pointers_);
  for (int64_t& s : sizes_) data_.push_back(&s);
}

void BoundKernel::run() const {
  if (function_.target().is_accel()) return function_(pointers_);
  if (function_.kernel().raw()(data_.data()) != 0) throw codegen::last_runtime_error();
}

Comparison BoundKernel::check() const {
  return arguments_->check([this] { function_(pointers_); });
}

}  // namespace tc::cli
