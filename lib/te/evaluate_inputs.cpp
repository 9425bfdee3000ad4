// make_args: inputs on which a computation is legal and, with small integers, exact.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "tc/ir/traverse.h"
#include "tc/support/rng.h"
#include "tc/te/evaluate.h"

namespace tc {
namespace {

/// What the stages ask of the inputs.
struct Demands {
  std::unordered_set<const void*> positive;
  std::unordered_map<const void*, int64_t> index_of;  // buffer -> least extent that it indexes
  double sum_length = 1, product_length = 1;
  int mantissa = 64;  // bits of the narrowest float type

  explicit Demands(const Graph& graph) {
    for (const auto& op : graph.ops)
      for (const Expr& value : op->values) stage(value);
    for (size_t i = 0; i < graph.ops.size(); ++i)  // a recurrence may add up over time
      if (graph.scans[i] >= 0 && (i == 0 || graph.scans[i - 1] != graph.scans[i]))
        sum_length *=
            static_cast<double>(std::max<int64_t>(ir::as_int(graph.ops[i]->shape[0]).value_or(1), 1));
  }

 private:
  static int mantissa_of(DType t) {
    if (!t.is_float()) return 64;
    return t == kBF16 ? 8 : t.bits == 16 ? 11 : t.bits == 32 ? 24 : 53;
  }

  void stage(const Expr& value) {
    if (const auto* r = value.as<ir::Reduce>()) {
      double length = 1;
      for (const Expr& e : r->extents)
        length *= static_cast<double>(std::max<int64_t>(ir::as_int(e).value_or(1), 1));
      const auto folds_by = [&](ir::BinaryOp op) {
        return std::any_of(r->combiner->results.begin(), r->combiner->results.end(), [&](const Expr& e) {
          const auto* b = e.as<ir::Binary>();
          return b && b->op == op;
        });
      };
      if (r->component == 0 && folds_by(ir::BinaryOp::add)) sum_length *= length;
      if (r->component == 0 && folds_by(ir::BinaryOp::mul)) product_length *= length;
    }
    ir::walk_all(*value, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Load) load(static_cast<const ir::Load&>(n));
      if (n.kind == ir::Kind::Call) call(static_cast<const ir::Call&>(n));
      if (n.kind == ir::Kind::Binary) divide(static_cast<const ir::Binary&>(n));
    });
    mantissa = std::min(mantissa, mantissa_of(value->type));
  }
  void load(const ir::Load& l) {
    mantissa = std::min(mantissa, mantissa_of(l.buffer->type));
    for (size_t d = 0; d < l.indices.size(); ++d) {
      const int64_t extent = ir::as_int(l.buffer->shape[d]).value_or(1);
      ir::walk<ir::Load>(l.indices[d], [&](const ir::Load& inner) {
        const auto [it, fresh] = index_of.emplace(inner.buffer.get(), extent);
        if (!fresh) it->second = std::min(it->second, extent);
      });
    }
  }
  void call(const ir::Call& c) {
    using enum ir::CallOp;
    if (c.op == log || c.op == sqrt || c.op == rsqrt || c.op == pow)
      for (const Expr& e : c.args) mark_positive(e);
  }
  void divide(const ir::Binary& b) {
    if (b.op == ir::BinaryOp::div || b.op == ir::BinaryOp::mod) mark_positive(b.b);
  }
  void mark_positive(const Expr& e) {
    ir::walk<ir::Load>(e, [&](const ir::Load& l) { positive.insert(l.buffer.get()); });
  }
};

/// Draws the elements of one input.
struct Source {
  int64_t low = 0, high = 0;  // integers
  bool real = false, no_zero = false;
  double offset = 0;  // of reals, in [offset, offset + width)
  double width = 2;

  double draw(Rng& random) const {
    if (real) return offset + width * random.uniform();
    const int64_t v = random.between(low, high);
    return static_cast<double>(no_zero && v == 0 ? 1 : v);
  }
};

int64_t magnitude(const Demands& d) {
  int64_t m = 4;
  const double limit = std::ldexp(1.0, d.mantissa);
  while (m > 1 && static_cast<double>(m * m) * d.sum_length > limit) --m;
  if (d.product_length > 12) return 1;
  return d.product_length > 1 ? std::min<int64_t>(m, 2) : m;
}

Source source_of(const Tensor& t, const Demands& d, Fill fill) {
  const DType type = t.dtype();
  const void* key = t.buffer().get();
  const bool positive = d.positive.contains(key);
  Source s;
  if (const auto it = d.index_of.find(key); it != d.index_of.end()) {
    s.high = std::clamp<int64_t>(it->second - 1, 0, ir::max_of(type.is_int() ? type : kI32));
    return s;
  }
  if (type.is_bool()) {
    s.high = 1;
    return s;
  }
  if (fill == Fill::uniform && type.is_float()) {
    s.real = true;
    s.offset = positive ? 0.5 : -1;
    s.width = positive ? 1 : 2;
    return s;
  }
  const int64_t m = fill == Fill::uniform ? 1000 : magnitude(d);
  s.low = positive ? 1 : -m;
  s.high = m;
  s.no_zero = d.product_length > 1;
  if (type.is_int()) s.low = std::max(s.low, ir::min_of(type)), s.high = std::min(s.high, ir::max_of(type));
  return s;
}

}  // namespace

std::vector<HostTensor> make_args(const std::vector<Tensor>& args, uint64_t seed, Fill fill) {
  std::vector<Tensor> outputs;
  for (const Tensor& t : args)
    if (t && !t.op().is_placeholder()) outputs.push_back(t);
  const Demands demands(Graph::of(outputs));
  std::vector<HostTensor> out;
  for (size_t i = 0; i < args.size(); ++i) {
    out.emplace_back(args[i]);
    if (!args[i].op().is_placeholder()) continue;
    Rng random(seed * 0x9e3779b97f4a7c15ull + i + 1);
    const Source source = source_of(args[i], demands, fill);
    for (int64_t e = 0; e < out.back().size(); ++e) out.back().set(e, source.draw(random));
  }
  return out;
}

}  // namespace tc
