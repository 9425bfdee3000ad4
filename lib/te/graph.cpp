#include "tc/te/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "scan_detail.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/te/extern.h"

namespace tc {
namespace {

// Depth-first over producers with a stack of our own: a chain of a hundred
// thousand stages must not overflow ours.
struct Walker {
  Graph& graph;
  std::unordered_set<const void*> done, seen_inputs;
  std::unordered_map<const void*, std::vector<BufferRef>> held;  // op -> buffers met

  static std::vector<BufferRef> reads(const Op& op) {
    if (op.scan) return detail::outside_reads(*op.scan);
    if (op.external) return op.external->tensors;
    std::vector<BufferRef> out;
    std::unordered_set<const void*> seen;
    for (const Expr& v : op.values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) {
        if (seen.insert(l.buffer.get()).second) out.push_back(l.buffer);
      });
    return out;
  }
  void meet(const BufferRef& b) {
    TC_REQUIRE(b->source,
               Error("te.tensor.foreign",
                     fmt::format("{} is read, and is no tensor: placeholder and compute make them", b->name))
                   .fix(fmt::format(
                       "declare it as an input, placeholder({{...}}, type, \"{0}\"), and read {0}(i, ...)",
                       b->name)));
    auto& list = held[b->source.get()];
    for (const BufferRef& h : list)
      if (h.same(b)) return;
    list.push_back(b);
  }
  void visit(const BufferRef& root) {
    std::vector<std::pair<BufferRef, bool>> stack{{root, false}};
    while (!stack.empty()) {
      auto [b, expanded] = stack.back();
      stack.pop_back();
      meet(b);
      const auto op = std::static_pointer_cast<const Op>(b->source);
      TC_REQUIRE(!op->open, Error("te.scan.open", fmt::format("{} depends on the state of a scan", b->name))
                                .fact("stage", op->name)
                                .fix("use the tensors that scan(init, update, state) gives"));
      if (op->is_placeholder()) {
        if (seen_inputs.insert(b.get()).second) graph.inputs.emplace_back(b);
        continue;
      }
      if (expanded) {
        if (done.insert(op.get()).second) graph.ops.push_back(op);
        continue;
      }
      if (done.contains(op.get())) continue;
      stack.push_back({b, true});
      const auto list = reads(*op);
      for (auto it = list.rbegin(); it != list.rend(); ++it) stack.push_back({*it, false});
    }
  }
};

// The outputs of `op`: those met, and stand-ins for the components nobody uses.
std::vector<BufferRef> outputs_of(const std::shared_ptr<const Op>& source,
                                  const std::vector<BufferRef>& met) {
  const Op& op = *source;
  std::vector<BufferRef> out(op.values.size());
  for (const BufferRef& b : met) {
    for (size_t i = 0; i < op.values.size(); ++i)
      if (op.output_names[i] == b->name) out[i] = b;
  }
  size_t next = 0;
  if (op.scan)  // each of its own shape
    for (const ScanStage& s : op.scan->stages)
      for (const BufferRef& b : s.buffers) {
        if (!out[next]) out[next] = b;
        ++next;
      }
  for (size_t i = 0; i < out.size(); ++i)
    if (!out[i]) {
      out[i] = ir::buffer(op.output_names[i], op.values[i]->type, op.shape);
      const_cast<ir::Buffer&>(*out[i]).source = source;
    }
  return out;
}

// Each scan in the place of its operation: the stages, one after the other.
void expand_scans(Graph& graph) {
  std::vector<std::shared_ptr<const Op>> ops;
  std::vector<std::vector<BufferRef>> buffers;
  int scans = 0;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (!graph.ops[i]->scan) {
      ops.push_back(graph.ops[i]);
      buffers.push_back(std::move(graph.buffers[i]));
      graph.scans.push_back(-1);
      continue;
    }
    auto next = graph.buffers[i].begin();
    for (auto& op : detail::operations(*graph.ops[i]->scan, graph.buffers[i])) {
      const auto end = next + static_cast<std::ptrdiff_t>(op->values.size());
      buffers.emplace_back(next, end);
      next = end;
      ops.push_back(std::move(op));
      graph.scans.push_back(scans);
    }
    ++scans;
  }
  graph.ops = std::move(ops);
  graph.buffers = std::move(buffers);
}

}  // namespace

Graph Graph::of(std::vector<Tensor> outputs) {
  TC_REQUIRE(!outputs.empty(), Error("te.graph.outputs", "a computation without outputs")
                                   .fix("give at least one tensor that is computed"));
  Graph graph;
  Walker walker{graph, {}, {}, {}};
  for (const Tensor& t : outputs) {
    TC_REQUIRE(t, Error("te.tensor.empty", "an empty Tensor is an output").fix("give what compute returns"));
    TC_REQUIRE(!t.op().is_placeholder(),
               Error("te.graph.outputs", fmt::format("the output {} is an input", t.name()))
                   .fix("compute a copy of it, each element from the same place of the input"));
    walker.visit(t.buffer());
  }
  for (const auto& op : graph.ops) graph.buffers.push_back(outputs_of(op, walker.held[op.get()]));
  graph.outputs = std::move(outputs);
  expand_scans(graph);
  return graph;
}

namespace {
// A call learns the sizes from the inputs: each is an extent of one, by itself.
void check_sizes(const Graph& graph) {
  std::vector<VarRef> given;
  for (const Tensor& t : graph.inputs)
    for (const Expr& e : t.shape())
      if (e->kind == ir::Kind::Var) ir::collect_sizes(e, given);
  const auto need = [&](const Expr& e, const std::string& where) {
    std::vector<VarRef> used;
    ir::collect_sizes(e, used);
    for (const VarRef& v : used)
      TC_REQUIRE(std::any_of(given.begin(), given.end(), [&](const VarRef& g) { return g.same(v); }),
                 Error("te.size.unbound", fmt::format("no input says what {} is", v->name))
                     .fact("size", v->name)
                     .fact("used by", where)
                     .fix(fmt::format(
                         "give an input a dimension that is {0} alone; where all are {0} * 2, say, let that "
                         "be the size, and the others half of it",
                         v->name)));
  };
  for (const Tensor& t : graph.inputs)
    for (const Expr& e : t.shape()) need(e, t.name());
  for (const auto& op : graph.ops) {
    for (const Expr& e : op->shape) need(e, op->name);
    for (const Expr& v : op->values) need(v, op->name);
  }
}
}  // namespace

FuncRef to_func(const Graph& graph, const std::vector<Tensor>& args, std::string name) {
  check_sizes(graph);
  std::unordered_set<const void*> given;
  std::vector<BufferRef> params;
  for (const Tensor& t : args) {
    TC_REQUIRE(t, Error("te.tensor.empty", "an empty Tensor is an argument")
                      .fix("give what placeholder and compute return"));
    TC_REQUIRE(given.insert(t.buffer().get()).second,
               Error("te.args.twice", fmt::format("{} is an argument twice", t.name()))
                   .fix("name each tensor once"));
    params.push_back(t.buffer());
  }
  std::unordered_set<const void*> known;
  const auto need = [&](const Tensor& t, const char* what) {
    known.insert(t.buffer().get());
    if (given.contains(t.buffer().get())) return;
    const bool namesake =
        std::any_of(args.begin(), args.end(), [&](const Tensor& a) { return a.name() == t.name(); });
    Error error("te.args.missing", fmt::format("the {} {} is not among the arguments", what, t.name()));
    if (!namesake) throw std::move(error).fix(fmt::format("add {} to the list of arguments", t.name()));
    throw std::move(error)
        .fact("given", fmt::format("another tensor that is named {} too", t.name()))
        .fix(fmt::format("give the {} that the computation {}, not one made anew", t.name(),
                         t.op().is_placeholder() ? "reads" : "ends in"));
  };
  for (const Tensor& t : graph.inputs) need(t, "input");
  for (const Tensor& t : graph.outputs) need(t, "output");
  std::vector<ir::Stmt> body;
  std::vector<BufferRef> locals;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const BufferRef& b : graph.buffers[i]) {
      known.insert(b.get());  // an intermediate may be asked for as an argument
      if (!given.contains(b.get())) locals.push_back(b);
    }
    const Op& op = *graph.ops[i];
    ir::Stmt s = op.external ? extern_statement(*op.external, graph.buffers[i])
                             : ir::compute(graph.buffers[i], op.axes, op.values);
    const bool first = i == 0 || graph.scans[i - 1] != graph.scans[i];
    if (graph.scans[i] < 0 || first) {
      body.push_back(graph.scans[i] < 0 ? std::move(s) : ir::scan(std::move(s)));
    } else {
      body.back() = ir::scan(ir::seq({body.back().as<ir::Scan>()->body, std::move(s)}));
    }
  }
  for (const Tensor& t : args)
    TC_REQUIRE(known.contains(t.buffer().get()),
               Error("te.args.unused", fmt::format("the argument {} is neither read nor computed", t.name()))
                   .fix(fmt::format("leave {} out; a read that cannot matter, as of {}[i] * 0, is none",
                                    t.name(), t.name())));
  ir::Stmt s = ir::seq(std::move(body));
  for (auto it = locals.rbegin(); it != locals.rend(); ++it) s = ir::alloc(*it, s);
  return ir::func(std::move(name), std::move(params), std::move(s));
}

namespace {
// The operations of one evaluation of `e`. What reads no element is index
// arithmetic and costs nothing, nor does the guard of an access.
double flops_of(const Expr& e, bool& loads) {
  if (e->kind == ir::Kind::Load) {
    loads = true;
    return 0;
  }
  double n = 0;
  bool any = false;
  const auto* call = e.as<ir::Call>();
  const bool guard = call && (call->op == ir::CallOp::if_then_else || call->op == ir::CallOp::assume);
  ir::for_each_child(*e, [&](const ir::Node& child, ir::Role) {
    const auto* x = static_cast<const ir::ExprNode*>(&child);
    if (guard && x == call->args[0].get()) return;
    n += flops_of(Expr(x), any);
  });
  loads |= any;
  const bool counts = e->kind == ir::Kind::Binary || (call && !guard && e->type.is_float());
  return any && counts ? n + 1 : n;
}
double flops_of(const Expr& e) {
  bool loads = false;
  return flops_of(e, loads);
}
}  // namespace

namespace {
// Of statements, each as often as its loops run.
double flops_of(const ir::Stmt& s) {
  if (!s) return 0;
  if (const auto* f = s.as<ir::For>())
    return static_cast<double>(std::max<int64_t>(ir::as_int(f->extent).value_or(1), 0)) * flops_of(f->body);
  if (const auto* st = s.as<ir::Store>()) return flops_of(st->value);
  double n = 0;
  (void)ir::map_children(s, ir::overloaded{[](const Expr& e) { return e; },
                                           [&](const ir::Stmt& child) {
                                             n += flops_of(child);
                                             return child;
                                           }});
  return n;
}
}  // namespace

double count_flops(const Graph& graph, const SizeValues& sizes) {
  ir::VarMap map;
  for (const auto& [v, value] : sizes) map[v] = ir::int_imm(value);
  const auto number = [&](const Expr& e) {
    const auto n = ir::as_int(e);
    return static_cast<double>(
        n || map.empty() ? n.value_or(1) : ir::as_int(ir::simplify(ir::substitute(e, map))).value_or(1));
  };
  double total = 0;
  for (const auto& op : graph.ops) {
    if (op->external) {
      total += flops_of(op->external->body);
      continue;
    }
    double points = 1, each = 0;
    for (const Expr& e : op->shape) points *= number(e);
    if (const auto* r = op->values[0].as<ir::Reduce>()) {
      for (const Expr& e : r->extents) points *= number(e);
      for (const Expr& s : r->source) each += flops_of(s) + 1;
    } else {
      for (const Expr& v : op->values) each += flops_of(v);
    }
    total += points * each;
  }
  return total;
}

}  // namespace tc
