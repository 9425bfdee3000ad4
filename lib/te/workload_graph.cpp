// Workloads of any computation: the te-form function on one line, with names
// that depend on nothing but their order.
#include <fmt/format.h>

#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "workload_detail.h"

namespace tc {
namespace {

std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n';
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  return out;
}

/// Params a0 a1 ..., stages t0 t1 ..., axes i0 ..., reduce axes k0 ..., and the
/// variables of combiners l0 ... and r0 ... .
class Renamer {
 public:
  explicit Renamer(const FuncRef& func) : func_(func) {}

  FuncRef run() {
    std::vector<BufferRef> params;
    for (const BufferRef& p : func_->params) params.push_back(renamed(p, fmt::format("a{}", params.size())));
    ir::Stmt body = stmt(func_->body);
    return ir::func("main", std::move(params), std::move(body));
  }

 private:
  BufferRef renamed(const BufferRef& b, std::string name) {
    BufferRef fresh = ir::buffer(std::move(name), b->type, b->shape);
    buffers_.emplace(b, fresh);
    return fresh;
  }
  ir::Stmt stmt(const ir::Stmt& s) {
    if (const auto* a = s.as<ir::Alloc>()) {
      BufferRef b = renamed(a->buffer, fmt::format("t{}", stages_++));
      return ir::alloc(std::move(b), stmt(a->body));
    }
    if (const auto* q = s.as<ir::Seq>()) {
      std::vector<ir::Stmt> out;
      for (const ir::Stmt& t : q->stmts) out.push_back(stmt(t));
      return ir::seq(std::move(out));
    }
    if (const auto* scan = s.as<ir::Scan>()) return ir::scan(stmt(scan->body));
    if (const auto* x = s.as<ir::Extern>()) return external(*x);
    return compute(*s.as<ir::Compute>());
  }
  // Loops and lets v0 v1 ..., buffers of its own l0 l1 ...; what is not bound twice stays so.
  ir::Stmt external(const ir::Extern& x) {
    vars_.clear();
    int locals = 0, named = 0;
    const std::function<ir::Stmt(const ir::Stmt&)> inside = [&](const ir::Stmt& s) -> ir::Stmt {
      if (const auto* f = s.as<ir::For>()) {
        const Expr min = expr(f->min), extent = expr(f->extent);
        const VarRef v = fresh(f->var, fmt::format("v{}", named++));
        return ir::for_(v, min, extent, f->mode, inside(f->body));
      }
      if (const auto* l = s.as<ir::Let>()) {
        const Expr value = expr(l->value);
        const VarRef v = fresh(l->var, fmt::format("v{}", named++));
        return ir::let(v, value, inside(l->body));
      }
      if (const auto* a = s.as<ir::Alloc>()) {
        const BufferRef b =
            ir::buffer(fmt::format("l{}", locals++), a->buffer->type, a->buffer->shape, a->buffer->scope);
        buffers_.insert_or_assign(a->buffer, b);
        return ir::alloc(b, inside(a->body));
      }
      if (const auto* st = s.as<ir::Store>()) {
        std::vector<Expr> at;
        for (const Expr& e : st->indices) at.push_back(expr(e));
        return ir::store(buffers_.at(st->buffer), std::move(at), expr(st->value));
      }
      if (const auto* i = s.as<ir::If>())
        return ir::if_(expr(i->condition), inside(i->if_true), i->if_false ? inside(i->if_false) : nullptr);
      std::vector<ir::Stmt> out;
      for (const ir::Stmt& t : s.as<ir::Seq>()->stmts) out.push_back(inside(t));
      return ir::seq(std::move(out));
    };
    std::vector<BufferRef> writes, reads;
    for (const BufferRef& b : x.writes) writes.push_back(buffers_.at(b));
    for (const BufferRef& b : x.reads) reads.push_back(buffers_.at(b));
    return ir::extern_(std::move(writes), std::move(reads), inside(x.body));
  }
  ir::Stmt compute(const ir::Compute& c) {
    vars_.clear();
    std::vector<BufferRef> buffers;
    std::vector<VarRef> axes;
    std::vector<Expr> values;
    for (const BufferRef& b : c.buffers) buffers.push_back(buffers_.at(b));
    for (const VarRef& v : c.vars) axes.push_back(fresh(v, fmt::format("i{}", axes.size())));
    std::vector<VarRef> reduced;
    if (const auto* r = c.values[0].as<ir::Reduce>())
      for (const VarRef& v : r->vars) reduced.push_back(fresh(v, fmt::format("k{}", reduced.size())));
    for (const Expr& v : c.values) {
      const auto* r = v.as<ir::Reduce>();
      if (!r) {
        values.push_back(expr(v));
        continue;
      }
      // components of one reduction may each have variables of their own
      for (size_t i = 0; i < r->vars.size(); ++i) vars_.insert_or_assign(r->vars[i], reduced[i]);
      std::vector<Expr> source;
      for (const Expr& s : r->source) source.push_back(expr(s));
      values.push_back(
          ir::reduce(combiner(r->combiner), r->mins, r->extents, reduced, std::move(source), r->component));
    }
    return ir::compute(std::move(buffers), std::move(axes), std::move(values));
  }
  // sum, prod, ... stay what they are; others are told apart by what they do.
  ir::CombinerRef combiner(const ir::CombinerRef& c) {
    if (c->results.size() == 1 && c->results[0].as<ir::Binary>()) return c;
    if (c.same(last_)) return renamed_;  // the components of one reduction share it
    last_ = c;
    ir::VarMap map;
    std::vector<VarRef> lhs, rhs;
    const auto rename = [&](const std::vector<VarRef>& from, std::vector<VarRef>& to, const char* prefix) {
      for (const VarRef& v : from) {
        to.push_back(ir::var(fmt::format("{}{}", prefix, to.size()), v->type));
        map.insert_or_assign(v, to.back());
      }
    };
    rename(c->lhs, lhs, "l");
    rename(c->rhs, rhs, "r");
    std::vector<Expr> results;
    for (const Expr& e : c->results) results.push_back(ir::substitute(e, map));
    return renamed_ = ir::combiner("combine", std::move(lhs), std::move(rhs), std::move(results), c->identity,
                                   ir::substitute(c->where, map));
  }
  VarRef fresh(const VarRef& v, std::string name) {
    VarRef f = ir::var(std::move(name), v->type);
    vars_.insert_or_assign(v, f);
    return f;
  }
  Expr expr(const Expr& e) {
    if (e->kind == ir::Kind::Var) {
      const auto it = vars_.find(VarRef(static_cast<const ir::Var*>(e.get())));
      return it == vars_.end() ? e : Expr(it->second);
    }
    const Expr inner = ir::map_children(e, [&](const Expr& child) { return expr(child); });
    const auto* load = inner.as<ir::Load>();
    return load ? ir::load(buffers_.at(load->buffer), load->indices) : inner;
  }

  FuncRef func_;
  ir::BufferMap buffers_;
  std::unordered_map<VarRef, VarRef, ir::RefHash, ir::RefSame> vars_;
  ir::CombinerRef last_, renamed_;
  int stages_ = 0;
};

}  // namespace

Expected<Workload> Workload::from_graph(const std::vector<Tensor>& args) {
  try {
    std::vector<Tensor> outputs;
    for (const Tensor& t : args)
      if (t && !t.op().is_placeholder()) outputs.push_back(t);
    const Graph graph = Graph::of(outputs);
    const std::vector<VarRef> sizes = sizes_of(args);
    TC_REQUIRE(sizes.empty(),
               Error("te.shape.symbolic",
                     fmt::format("a workload is made of numbers, and {} is a size", sizes[0]->name))
                   .fact("size", sizes[0]->name)
                   .fix("give the sizes values with bind_sizes"));
    Workload w;
    w.func_ = Renamer(to_func(graph, args)).run();
    w.text_ = "graph: " + one_line(ir::to_string(w.func_));
    TC_REQUIRE(w.text_.size() <= kMaxGraphText,
               Error("workload.size",
                     fmt::format("the text of the computation has more than {} characters", kMaxGraphText))
                   .fact("got", std::to_string(w.text_.size()))
                   .fix("tune its parts one by one"));
    if (auto error = detail::check_budget(w.build())) return std::move(*error);
    return w;
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc
