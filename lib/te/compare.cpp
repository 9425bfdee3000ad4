#include "tc/te/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "element.h"
#include "error_bound.h"
#include "tc/ir/traverse.h"

namespace tc {
namespace {

// Two runs of the same program on outputs that differ in every byte: what is written is
// alike in both, what is not differs.
constexpr unsigned char kPattern = 0xa5, kOther = 0x5a;

// Terms of second order that the analysis leaves out, and its own rounding in f64.
constexpr double kSlack = 1.0625;

// Whether results are exact on small integers: only sums, products and comparisons,
// so that every intermediate is an integer that the type holds.
bool exact_on_integers(const Graph& g) {
  bool exact = true;
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

int64_t count(const ir::TensorView& v) {
  int64_t n = 1;
  for (const int64_t e : v.shape) n *= e;
  return n;
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

double element_at(const ir::TensorView& v, const std::vector<int64_t>& index) {
  int64_t flat = 0;
  for (size_t d = 0; d < index.size(); ++d) flat = flat * v.shape[d] + index[d];
  return detail::read_element(v.type, static_cast<const std::byte*>(v.data) + flat * v.type.bytes());
}

void fill(const ir::TensorView& v, unsigned char pattern) {
  if (const auto bytes = static_cast<size_t>(count(v) * v.type.bytes()); bytes > 0)
    std::memset(v.data, pattern, bytes);
}

// The elements all of whose bytes are `pattern`; empty where there are none.
std::vector<bool> elements_that_hold(const ir::TensorView& v, unsigned char pattern) {
  const auto width = static_cast<size_t>(v.type.bytes());
  const auto n = static_cast<size_t>(count(v));
  const auto* p = static_cast<const unsigned char*>(v.data);
  std::array<unsigned char, 8> wanted{};
  wanted.fill(pattern);
  std::vector<bool> out;
  for (size_t i = 0; i < n; ++i)
    if (std::memcmp(p + i * width, wanted.data(), width) == 0) {
      if (out.empty()) out.resize(n);
      out[i] = true;
    }
  return out;
}

}  // namespace

Reference::Reference(const std::vector<Tensor>& args, std::span<const ir::TensorView> views, Fill filled,
                     size_t elements, uint64_t seed) {
  std::vector<Tensor> computed;
  for (const Tensor& t : args)
    if (!t.op().is_placeholder()) computed.push_back(t);
  const Graph graph = Graph::of(computed);
  const bool exact = filled == Fill::small_integers && exact_on_integers(graph);
  const ErrorBounds bounds = exact ? ErrorBounds{} : error_bounds(graph, args);
  std::vector<ir::TensorView> all(views.begin(), views.end());
  for (const ErrorBounds::Bound& b : bounds.bounds) all.push_back({kF64, args[b.arg].extents(), nullptr});
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].op().is_placeholder()) continue;
    const int64_t size = count(views[i]);
    const bool few = static_cast<uint64_t>(size) <= elements;
    Output out{i,
               args[i].name(),
               few ? all_indices(views[i].shape, size) : random_indices(args[i], elements, seed ^ i),
               {},
               {}};
    for (const ir::Value& v : evaluate_at(args, args[i], out.indices, views).value())
      out.values.push_back(v.as_double());
    out.allowed.assign(out.values.size(), 0);
    for (const ErrorBounds::Bound& b : bounds.bounds) {
      if (b.arg != i) continue;
      const auto found = ir::evaluate_at(bounds.func, b.buffer, out.indices, all).value();
      for (size_t e = 0; e < found.size(); ++e)  // NaN: infinity less infinity, or times 0
        out.allowed[e] = std::isnan(found[e].f) ? std::numeric_limits<double>::infinity()
                                                : std::max(0.0, kSlack * found[e].f);
    }
    outputs_.push_back(std::move(out));
  }
}

void Reference::compare(const Output& out, const ir::TensorView& view, Comparison& c) const {
  for (size_t i = 0; i < out.indices.size(); ++i) {
    const double got = element_at(view, out.indices[i]), want = out.values[i];
    if (!std::isfinite(out.allowed[i])) continue;
    const bool same = got == want || (std::isnan(got) && std::isnan(want));
    const double error = same ? 0 : std::abs(got - want), scale = std::max(1.0, std::abs(want));
    ++c.elements;
    if (std::isfinite(scale)) c.tolerance = std::max(c.tolerance, out.allowed[i] / scale);
    c.max_error = error / scale <= c.max_error ? c.max_error : error / scale;  // a NaN is kept
    if (!(error <= out.allowed[i]) && c.passed())
      c.difference =
          fmt::format("{}[{}] is {}, expected {}{}", out.name, fmt::join(out.indices[i], ", "), got, want,
                      out.allowed[i] > 0 ? fmt::format(" +- {:.2g}", out.allowed[i]) : "");
  }
}

Comparison Reference::check(std::span<const ir::TensorView> views, const std::function<void()>& run) const {
  for (const Output& o : outputs_) fill(views[o.arg], kPattern);
  run();
  Comparison c;
  bool again = false;
  std::vector<std::vector<bool>> suspects;
  for (const Output& o : outputs_) {
    compare(o, views[o.arg], c);
    suspects.push_back(elements_that_hold(views[o.arg], kPattern));
    again |= !suspects.back().empty();
  }
  if (!again) return c;
  for (const Output& o : outputs_) fill(views[o.arg], kOther);
  run();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (suspects[i].empty()) continue;
    const std::vector<bool> still = elements_that_hold(views[outputs_[i].arg], kOther);
    for (size_t e = 0; e < still.size(); ++e) {
      if (!still[e] || !suspects[i][e]) continue;
      // before a wrong value: that an element is missing says more
      c.difference = fmt::format("element {} of {} was not written", e, outputs_[i].name);
      return c;
    }
  }
  return c;
}

}  // namespace tc
