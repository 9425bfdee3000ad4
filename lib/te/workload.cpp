#include "tc/te/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/te/ops.h"
#include "workload_detail.h"

namespace tc {
namespace {

size_t position(const WorkloadOp* op, std::string_view key) {
  TC_ASSERT(op, fmt::format("{} of a graph", key));
  for (size_t i = 0; i < op->keys.size(); ++i)
    if (op->keys[i].name == key) return i;
  TC_ASSERT(false, fmt::format("{} has no key {}", op->name, key));
  return 0;
}

int64_t to_int(std::string_view text) {
  int64_t v = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  TC_ASSERT(ec == std::errc() && end == text.data() + text.size(), std::string(text));
  return v;
}

double bytes_of(const BufferRef& b, const ir::VarMap& sizes = {}) {
  double n = b->type.bytes();
  for (const Expr& e : b->shape) {
    const auto number = sizes.empty() ? ir::as_int(e) : ir::as_int(ir::simplify(ir::substitute(e, sizes)));
    n *= static_cast<double>(number.value_or(0));
  }
  return n;
}

// The work of a call, and with sizes of the mean call at the values at which they are judged.
void count_work(const Workload& w, WorkloadGraph& g) {
  const auto all = detail::judged_values(w.ranges());
  for (const std::vector<int64_t>& values : all) {
    SizeValues sizes;
    ir::VarMap map;
    for (size_t i = 0; i < values.size(); ++i) {
      sizes.emplace_back(g.sizes[i].var, values[i]);
      map[g.sizes[i].var] = ir::int_imm(values[i]);
    }
    g.flops += count_flops(g.graph, sizes) / static_cast<double>(all.size());
    for (const Tensor& t : g.args) g.bytes += bytes_of(t.buffer(), map) / static_cast<double>(all.size());
  }
}

std::string_view kind_text(const WorkloadKey& key) {
  switch (key.kind) {
    case KeyKind::extent:
      return "0 or more";
    case KeyKind::count:
      return "1 or more";
    case KeyKind::integer:
      return "an integer";
    case KeyKind::flag:
      return "0 or 1";
    case KeyKind::list:
      return "integers joined by x";
    case KeyKind::dtype:
    case KeyKind::choice:
      return key.choices;
  }
  return "";
}

}  // namespace

std::string_view Workload::name() const { return op_ ? op_->name : "graph"; }

bool Workload::has(std::string_view key) const { return !values_[position(op_, key)].empty(); }

int64_t Workload::integer(std::string_view key) const { return to_int(values_[position(op_, key)]); }

Extent Workload::extent(std::string_view key, const WorkloadGraph& graph) const {
  for (const WorkloadSize& s : graph.sizes)
    if (s.var->name == key) return s.var;
  return integer(key);
}

std::vector<int64_t> Workload::list(std::string_view key) const {
  const std::string& text = values_[position(op_, key)];
  if (text.empty() && key == "shape") return {integer("m"), integer("n")};
  return detail::split_list(text);
}

DType Workload::dtype(std::string_view key) const {
  const std::string& text = values_[position(op_, key)];
  if (text.empty()) return key == "out" ? op::sum_type(dtype()) : dtype();
  return ir::parse_dtype(text).value();
}

const std::string& Workload::word(std::string_view key) const { return values_[position(op_, key)]; }

WorkloadGraph Workload::build() const {
  WorkloadGraph g;
  for (const WorkloadRange& r : ranges())
    g.sizes.push_back({size_var(std::string(r.key), r.least), r.least, r.last.back()});
  if (op_) {
    op_->build(*this, g);
  } else {
    ParsedGraph parsed = from_func(func_).value();
    g.args = std::move(parsed.args);
    g.outputs = std::move(parsed.outputs);
  }
  g.graph = Graph::of(g.outputs);
  count_work(*this, g);
  return g;
}

namespace detail {

std::vector<int64_t> split_list(std::string_view text) {
  std::vector<int64_t> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('x', at), text.size());
    out.push_back(to_int(text.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

Check check_budget(const WorkloadGraph& g) {
  constexpr double kMaxBytes = 1.0995116e12;  // 2^40
  double bytes = 0;
  for (const Tensor& t : g.graph.inputs) bytes += bytes_of(t.buffer());
  for (const auto& stage : g.graph.buffers)
    for (const BufferRef& b : stage) bytes += bytes_of(b);
  if (bytes <= kMaxBytes) return std::nullopt;
  return Error("workload.size", "the tensors of the workload have more than 2^40 bytes")
      .fact("expected", "2^40 bytes at most, stages included")
      .fact("got", fmt::format("{:.3g} bytes", bytes))
      .fix("use smaller extents");
}

}  // namespace detail

std::string workload_help() {
  std::string out;
  for (const WorkloadOp& op : workload_table()) {
    out += fmt::format("{}: {}\n", op.name, op.doc);
    for (const WorkloadKey& key : op.keys) {
      const std::string fallback = key.required           ? "required"
                                   : key.fallback.empty() ? ""
                                                          : fmt::format("default {}", key.fallback);
      std::string values(kind_text(key));
      if (key.sized) values += ", or a range";
      if (!fallback.empty()) values += "; " + fallback;
      out += fmt::format("  {:<18} {} ({})\n", key.name, key.doc, values);
    }
  }
  out +=
      "A range, e.g. 1..16..64, makes the key a size that only a call tells: of 1 or more here, tuned for "
      "the "
      "buckets 1..16 and 17..64.\n"
      "graph: any computation, as a te-form function on one line: graph: func main(a0: f32[4], a1: f32[4]) { "
      "... }\n";
  return out;
}

}  // namespace tc
