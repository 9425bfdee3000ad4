// te-form function -> tensors.
#include <fmt/format.h>

#include <unordered_set>

#include "access.h"
#include "extern_detail.h"
#include "scan_detail.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/te/graph.h"

namespace tc {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 62;

Error form_error(std::string message, std::string fix) {
  return Error("te.func.form", std::move(message)).fix(std::move(fix));
}

class Reader {
 public:
  explicit Reader(const FuncRef& func) : func_(func) {}

  ParsedGraph read() {
    TC_REQUIRE(func_, form_error("there is no function", "pass a te-form function"));
    flatten(func_->body);
    for (size_t i = 0; i < computes_.size(); ++i)
      for (const BufferRef& b : written(i))
        TC_REQUIRE(written_.insert(b.get()).second, form_error(fmt::format("{} is computed twice", b->name),
                                                               "give each stage a buffer of its own"));
    for (const BufferRef& p : func_->params) declare_param(p);
    for (size_t i = 0; i < computes_.size();) {
      size_t end = i + 1;
      if (scans_[i] >= 0) {
        while (end < computes_.size() && scans_[end] == scans_[i]) ++end;
        scan(i, end);
      } else if (externs_[i]) {
        external(*externs_[i]);
      } else {
        stage(*computes_[i]);
      }
      i = end;
    }
    ParsedGraph out;
    for (const BufferRef& p : func_->params) out.args.emplace_back(made_.at(p));
    out.outputs = outputs();
    return out;
  }

 private:
  // alloc ... alloc { computes }, in any nesting
  void flatten(const ir::Stmt& s) {
    if (!s) return;
    if (const auto* a = s.as<ir::Alloc>()) {
      local_.insert(a->buffer.get());
      flatten(a->body);
    } else if (const auto* q = s.as<ir::Seq>()) {
      for (const ir::Stmt& t : q->stmts) flatten(t);
    } else if (const auto* c = s.as<ir::Compute>()) {
      add(c, nullptr, -1);
    } else if (const auto* x = s.as<ir::Extern>()) {
      add(nullptr, x, -1);
    } else if (const auto* scan = s.as<ir::Scan>()) {
      ir::walk<ir::Compute>(scan->body, [&](const ir::Compute& inner) { add(&inner, nullptr, scan_count_); });
      ++scan_count_;
    } else {
      throw form_error(
          fmt::format("a {} statement in {}, which is not in te form", ir::to_string(s->kind), func_->name),
          "te form has alloc, compute, scan and extern statements only");
    }
  }

  void add(const ir::Compute* c, const ir::Extern* x, int scan) {
    computes_.push_back(c), externs_.push_back(x), scans_.push_back(scan);
  }
  [[nodiscard]] const std::vector<BufferRef>& written(size_t i) const {
    return externs_[i] ? externs_[i]->writes : computes_[i]->buffers;
  }

  static void check_shape(const ir::Buffer& b) {
    TC_REQUIRE(b.type.is_scalar(),
               form_error(fmt::format("{} has elements of type {}", b.name, ir::to_string(b.type)),
                          "use an element type"));
    int64_t bytes = b.type.bytes();
    for (const Expr& e : b.shape) {
      const auto n = ir::as_int(e);
      if (!n && ir::is_of_sizes(e) && Extent(e).at_least(0)) continue;
      TC_REQUIRE(n, Error("te.shape.symbolic", fmt::format("an extent of {} is no constant", b.name))
                        .fact("extent", ir::to_string(e))
                        .fix("give it as a number, or in sizes so that it is never negative"));
      TC_REQUIRE(*n == 0 || bytes <= kMaxBytes / *n,
                 Error("te.shape.overflow", fmt::format("{} has more than 2^62 bytes", b.name))
                     .fix("make it smaller"));
      if (*n != 0) bytes *= *n;
    }
  }

  void declare_param(const BufferRef& p) {
    check_shape(*p);
    TC_REQUIRE(params_.insert(p.get()).second,
               form_error(fmt::format("{} is a parameter twice", p->name), "name each parameter once"));
    if (written_.contains(p.get())) return;
    made_.emplace(p, placeholder(p->shape, p->type, p->name).buffer());
  }

  // Every variable is an axis and every buffer is known; loads of the new buffers.
  Expr checked_value(const ir::Compute& c, const Expr& value) const {
    TC_REQUIRE(value->type.is_scalar(),
               form_error(fmt::format("the value of {} is a vector", c.buffers[0]->name),
                          "te form has scalar values"));
    std::unordered_set<const void*> known;
    for (const VarRef& v : c.vars) known.insert(v.get());
    const auto* reduce = value.as<ir::Reduce>();
    if (reduce) {
      for (const Expr& e : reduce->mins) require_constant(e, c);
      for (const Expr& e : reduce->extents) require_constant(e, c);
      for (const VarRef& v : reduce->vars) known.insert(v.get());
      std::vector<Expr> source;
      for (const Expr& s : reduce->source) source.push_back(checked_element(c, s, known));
      return ir::reduce(reduce->combiner, reduce->mins, reduce->extents, reduce->vars, std::move(source),
                        reduce->component);
    }
    return checked_element(c, value, known);
  }

  static void require_constant(const Expr& e, const ir::Compute& c) {
    TC_REQUIRE(ir::as_int(e) || ir::is_of_sizes(e),
               form_error(fmt::format("a reduce axis of {} has no constant range", c.buffers[0]->name),
                          "give its first value and extent as numbers"));
  }

  Expr checked_element(const ir::Compute& c, const Expr& e,
                       const std::unordered_set<const void*>& known) const {
    const auto refuse = [&](const std::string& what) {
      throw form_error(fmt::format("{} in the value of {}", what, c.buffers[0]->name),
                       "see the te form in docs/ir.md");
    };
    ir::walk_all(*e, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Reduce) refuse("a reduction that is not on top");
      if (n.kind == ir::Kind::Ramp || n.kind == ir::Kind::Broadcast || n.kind == ir::Kind::VectorReduce)
        refuse("a vector");
      if (n.kind == ir::Kind::Var && !known.contains(&n) && !static_cast<const ir::Var&>(n).least)
        refuse(fmt::format("the unknown variable {}", static_cast<const ir::Var&>(n).name));
    });
    return rename(c, e);
  }

  // Not rewrite(): that would apply to each use of a shared node again, and a
  // load must be rebuilt whole. Types do not change, so nothing folds.
  Expr rename(const ir::Compute& c, const Expr& e) const {
    const Expr inner = ir::map_children(e, [&](const Expr& child) { return rename(c, child); });
    const auto* load = inner.as<ir::Load>();
    if (!load) return inner;
    const auto it = made_.find(load->buffer);
    TC_REQUIRE(it != made_.end(),
               form_error(fmt::format("{} is read by {} before it is computed", load->buffer->name,
                                      c.buffers[0]->name),
                          "compute stages in order; inputs are parameters that nothing computes"));
    return ir::load(it->second, load->indices);
  }

  // Computes from `begin` on, before `end`, over one time. Their buffers are read
  // inside by what the parser gave them, and outside as those of the scan.
  void scan(size_t begin, size_t end) {
    ScanBody body;
    std::unordered_set<std::string> names;
    std::vector<BufferRef> given;
    for (size_t i = begin; i < end; ++i) {
      const ir::Compute& c = *computes_[i];
      ScanStage s;
      s.axes = c.vars;
      for (const BufferRef& b : c.buffers) {
        check_local(*b);
        check_shape(*b);
        TC_REQUIRE(!b->shape.empty() && Extent(b->shape[0]) == Extent(computes_[begin]->buffers[0]->shape[0]),
                   form_error(fmt::format("{} is computed in a scan over another time", b->name),
                              "give all stages of a scan one first extent"));
        std::string name = b->name;
        for (int n = 1; !names.insert(name).second; ++n) name = fmt::format("{}_{}", b->name, n);
        given.push_back(b);
        s.buffers.push_back(ir::buffer(name, b->type, b->shape));
        made_.emplace(b, s.buffers.back());
      }
      s.name = s.buffers[0]->name;
      body.stages.push_back(std::move(s));
    }
    for (size_t i = begin; i < end; ++i) {
      const ir::Compute& c = *computes_[i];
      ScanStage& s = body.stages[i - begin];
      for (const Expr& v : c.values) s.values.push_back(checked_value(c, v));
      (void)ir::compute(s.buffers, s.axes, s.values);  // the rules for ranks, types and several outputs
    }
    const std::vector<Tensor> out = detail::make_scan(std::move(body));
    for (size_t i = 0; i < given.size(); ++i) made_.insert_or_assign(given[i], out[i].buffer());
  }

  void check_local(const ir::Buffer& b) const {
    TC_REQUIRE(params_.contains(&b) || local_.contains(&b),
               form_error(fmt::format("{} is neither a parameter nor allocated", b.name), "alloc it"));
  }

  void external(const ir::Extern& x) {
    ExternBody body{x.reads, x.writes, {}, x.body};
    for (const BufferRef& b : x.writes) check_local(*b), check_shape(*b);
    for (const BufferRef& b : x.reads) {
      const auto it = made_.find(b);
      TC_REQUIRE(it != made_.end(),
                 form_error(fmt::format("{} is read by {} before it is computed", b->name, x.writes[0]->name),
                            "compute stages in order; inputs are parameters that nothing computes"));
      body.tensors.push_back(it->second);
    }
    const std::vector<Tensor> out = detail::make_extern(x.writes[0]->name, std::move(body));
    for (size_t i = 0; i < out.size(); ++i) made_.emplace(x.writes[i], out[i].buffer());
  }

  void stage(const ir::Compute& c) {
    auto op = std::make_shared<Op>();
    op->axes = c.vars;
    std::unordered_set<std::string> names;
    for (size_t i = 0; i < c.buffers.size(); ++i) {
      const BufferRef& b = c.buffers[i];
      check_local(*b);
      check_shape(*b);
      op->values.push_back(checked_value(c, c.values[i]));
      // outputs of one operation are told apart by name
      std::string name = b->name;
      for (int n = 1; !names.insert(name).second; ++n) name = fmt::format("{}_{}", b->name, n);
      op->output_names.push_back(std::move(name));
    }
    op->name = op->output_names[0];
    op->shape = c.buffers[0]->shape;
    std::vector<BufferRef> buffers;
    for (size_t i = 0; i < c.buffers.size(); ++i) {
      buffers.push_back(ir::buffer(op->output_names[i], c.buffers[i]->type, op->shape));
      const_cast<ir::Buffer&>(*buffers[i]).source = op;
    }
    (void)ir::compute(buffers, op->axes, op->values);  // the rules for ranks, types and several outputs
    if (auto error = check_accesses(op->name, op->axes, op->shape, op->values)) throw *std::move(error);
    if (auto error = check_reductions(op->name, op->axes, op->shape, op->values)) throw *std::move(error);
    for (size_t i = 0; i < buffers.size(); ++i) made_.emplace(c.buffers[i], buffers[i]);
  }

  // Computed parameters. They come back in an order under which to_func gives
  // the function back, where there is one: as computed, or those first that no
  // other stage reads.
  std::vector<Tensor> outputs() const {
    std::vector<Tensor> in_order, roots, others;
    for (size_t i = 0; i < computes_.size(); ++i)
      for (const BufferRef& b : written(i)) {
        if (!params_.contains(b.get())) continue;
        in_order.emplace_back(made_.at(b));
        (is_read(*b) ? others : roots).emplace_back(made_.at(b));
      }
    TC_REQUIRE(!in_order.empty(), form_error(fmt::format("{} computes none of its parameters", func_->name),
                                             "make the result a parameter"));
    if (others.empty() || same_order(in_order)) return in_order;
    roots.insert(roots.end(), others.begin(), others.end());
    return same_order(roots) ? roots : in_order;
  }
  bool is_read(const ir::Buffer& b) const {
    bool read = false;
    for (size_t i = 0; i < computes_.size(); ++i) {
      if (externs_[i])
        for (const BufferRef& r : externs_[i]->reads) read |= r.get() == &b;
      else
        for (const Expr& v : computes_[i]->values)
          ir::walk<ir::Load>(v, [&](const ir::Load& l) { read |= l.buffer.get() == &b; });
    }
    return read;
  }
  bool same_order(const std::vector<Tensor>& outputs) const {
    const Graph graph = Graph::of(outputs);
    if (graph.ops.size() != computes_.size()) return false;
    for (size_t i = 0; i < graph.ops.size(); ++i)
      if (graph.scans[i] < 0 ? made_.at(written(i)[0])->source != graph.ops[i]
                             : scans_[i] < 0 || !same_scan(i, graph))
        return false;
    return true;
  }

  // ops[i] is made anew for each graph; its buffer, or that of the scan, is not.
  bool same_scan(size_t i, const Graph& graph) const {
    const BufferRef& made = made_.at(computes_[i]->buffers[0]);
    const auto* op = static_cast<const Op*>(made->source.get());
    for (const ScanStage& s : op->scan->stages)
      if (graph.buffers[i][0].same(s.buffers[0]) && s.name == made->name) return true;
    return graph.buffers[i][0].same(made);
  }

  FuncRef func_;
  std::vector<const ir::Compute*> computes_;
  std::vector<const ir::Extern*> externs_;  // instead of computes_[i], or null
  std::vector<int> scans_;                  // which scan computes_[i] stands in, or -1
  int scan_count_ = 0;
  std::unordered_set<const void*> local_, params_, written_;
  ir::BufferMap made_;
};

}  // namespace

Expected<ParsedGraph> from_func(const FuncRef& te_func) {
  try {
    return Reader(te_func).read();
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc
