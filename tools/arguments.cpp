#include "arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "inputs.h"
#include "tc/ir/traverse.h"
#include "tc/runtime/c_api.h"

namespace tc::cli {
namespace {

constexpr double kEvaluateOps = 2e7;  // operations of te evaluation per comparison, a second or so
constexpr double kMostElements = 1024, kFewestElements = 16;

DLDataType dl_type(DType t) {
  const auto code = t.is_bool()                      ? kDLBool
                    : t.code == ir::TypeCode::bfloat ? kDLBfloat
                    : t.is_float()                   ? kDLFloat
                    : t.is_signed()                  ? kDLInt
                                                     : kDLUInt;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(t.is_bool() ? 8 : t.bits), 1};
}

// Whether results are exact on small integers: only sums, products and
// comparisons of integers, which the types hold; a recurrence that multiplies
// grows beyond them.
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
        } else if (n.kind == ir::Kind::Binary) {
          const auto& b = static_cast<const ir::Binary&>(n);
          exact &= !(b.type.is_float() && (b.op == ir::BinaryOp::div || b.op == ir::BinaryOp::mod));
        } else if (n.kind == ir::Kind::FloatImm) {
          const double x = static_cast<const ir::FloatImm&>(n).value;
          exact &= !std::isfinite(x) || x == std::floor(x);
        }
      });
  return exact;
}

// The rounding errors of a sum of n terms, with random signs, grow like sqrt(n)
// half-ulps; eight times that, and 16 ulps for the functions of elements.
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

int64_t flat_index(const std::vector<int64_t>& shape, const std::vector<int64_t>& index) {
  int64_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + index[d];
  return flat;
}

std::vector<std::vector<int64_t>> all_indices(const std::vector<int64_t>& shape, int64_t size) {
  std::vector<std::vector<int64_t>> out;
  std::vector<int64_t> at(shape.size(), 0);
  for (int64_t i = 0; i < size; ++i) {
    out.push_back(at);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++at[d] < shape[d]) break;
      at[d] = 0;
    }
  }
  return out;
}

// The first element that still holds the poison of poison_outputs. One byte may
// well be the poison's by chance, wider elements are not by any likelihood.
std::optional<int64_t> unwritten(const runtime::Tensor& t) {
  const size_t width = t.dtype().bits / 8;
  if (width < 4) return std::nullopt;
  const auto* p = static_cast<const unsigned char*>(t.data());
  for (int64_t i = 0; i < t.size(); ++i)
    if (std::all_of(p + static_cast<size_t>(i) * width, p + static_cast<size_t>(i + 1) * width,
                    [](unsigned char c) { return c == 0xa5; }))
      return i;
  return std::nullopt;
}

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

Arguments::Arguments(const WorkloadGraph& graph, uint64_t seed, Fill fill)
    : graph_(graph), seed_(seed), fill_(fill) {
  require_memory(2 * bytes_of(graph) + 64e6);
  for (const HostTensor& h : make_args(graph_.args, seed, fill)) {
    runtime::Tensor t(h.shape(), dl_type(h.dtype()));
    if (h.bytes() > 0) std::memcpy(t.data(), h.data(), h.bytes());
    tensors_.push_back(std::move(t));
  }
}

void Arguments::poison_outputs() {
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (!graph_.args[i].op().is_placeholder() && tensors_[i].bytes() > 0)
      std::memset(tensors_[i].data(), 0xa5, static_cast<size_t>(tensors_[i].bytes()));
}

void Arguments::evaluate() {
  outputs_.emplace();
  std::vector<ir::TensorView> views;
  double elements = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    views.push_back({graph_.args[i].dtype(), tensors_[i].shape(), tensors_[i].data()});
    if (!graph_.args[i].op().is_placeholder()) elements += static_cast<double>(tensors_[i].size());
  }
  const double per_element = std::max(1.0, graph_.flops / std::max(1.0, elements));
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const Tensor& t = graph_.args[i];
    if (t.op().is_placeholder()) continue;
    const double affordable = std::clamp(kEvaluateOps / per_element, kFewestElements, kMostElements);
    const auto size = static_cast<double>(tensors_[i].size());
    Output out{i,
               size <= affordable ? all_indices(tensors_[i].shape(), tensors_[i].size())
                                  : random_indices(t, static_cast<size_t>(affordable), seed_ ^ i),
               {}};
    for (const ir::Value& v : evaluate_at(graph_.args, t, out.indices, views).value())
      out.values.push_back(v.as_double());
    outputs_->push_back(std::move(out));
  }
}

Comparison Arguments::compare() {
  if (!outputs_) evaluate();
  Comparison c;
  const bool integers = fill_ == Fill::small_integers && exact_on_integers(graph_.graph);
  for (const Output& out : *outputs_) {
    const runtime::Tensor& t = tensors_[out.arg];
    const Tensor& tensor = graph_.args[out.arg];
    const double tolerance =
        integers || !tensor.dtype().is_float() ? 0 : tolerance_of(graph_.graph, tensor.dtype());
    c.tolerance = std::max(c.tolerance, tolerance);
    if (const auto i = unwritten(t); i && c.passed())
      c.difference = fmt::format("element {} of {} was not written", *i, tensor.name());
    for (size_t i = 0; i < out.indices.size(); ++i) {
      const double got = t.get(flat_index(t.shape(), out.indices[i])), want = out.values[i];
      const double error = got == want || (std::isnan(got) && std::isnan(want))
                               ? 0
                               : std::abs(got - want) / std::max(1.0, std::abs(want));
      ++c.elements;
      c.max_error = error <= c.max_error ? c.max_error : error;  // a NaN is kept
      if (!(error <= tolerance) && c.passed())
        c.difference = fmt::format("{}[{}] is {}, the reference {}", tensor.name(),
                                   fmt::join(out.indices[i], ", "), got, want);
    }
  }
  return c;
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
}

void BoundKernel::run() const {
  if (function_.kernel().raw()(data_.data()) != 0) throw Error("runtime.failed", tc_last_error());
}

Comparison BoundKernel::check() const {
  arguments_->poison_outputs();
  function_(pointers_);
  return arguments_->compare();
}

}  // namespace tc::cli
