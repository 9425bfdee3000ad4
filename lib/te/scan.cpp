#include "tc/te/scan.h"

#include <fmt/format.h>

#include <unordered_set>

#include "access.h"
#include "scan_detail.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc {
namespace detail {

std::vector<Tensor> make_scan(ScanBody body) {
  std::unordered_map<const ir::Buffer*, int> places;
  for (size_t i = 0; i < body.stages.size(); ++i)
    for (const BufferRef& b : body.stages[i].buffers) places[b.get()] = static_cast<int>(i);
  auto op = std::make_shared<Op>();
  for (size_t i = 0; i < body.stages.size(); ++i) {
    const ScanStage& s = body.stages[i];
    const ScanPlace place{places, static_cast<int>(i)};
    const auto& shape = s.buffers[0]->shape;
    if (auto error = check_accesses(s.name, s.axes, shape, s.values, &place)) throw *std::move(error);
    if (auto error = check_reductions(s.name, s.axes, shape, s.values)) throw *std::move(error);
    for (const BufferRef& b : s.buffers) {
      op->output_names.push_back(b->name);
      op->values.push_back(ir::load(b, {s.axes.begin(), s.axes.end()}));
    }
  }
  op->name = op->output_names[0];
  op->shape = body.stages[0].buffers[0]->shape;
  op->axes = body.stages[0].axes;
  std::vector<BufferRef> buffers;
  for (const ScanStage& s : body.stages)
    for (const BufferRef& b : s.buffers) buffers.push_back(ir::buffer(b->name, b->type, b->shape));
  op->scan = std::make_shared<const ScanBody>(std::move(body));
  for (const BufferRef& b : outside_reads(*op->scan))
    op->open |= b->source && static_cast<const Op*>(b->source.get())->open;
  std::vector<Tensor> out;
  for (const BufferRef& b : buffers) {
    const_cast<ir::Buffer&>(*b).source = op;
    out.emplace_back(b);
  }
  return out;
}

namespace {
template <class F>
void for_each_load(const ScanBody& body, F&& f) {
  for (const ScanStage& s : body.stages)
    for (const Expr& v : s.values) ir::walk<ir::Load>(v, f);
}
}  // namespace

std::vector<BufferRef> outside_reads(const ScanBody& body) {
  std::unordered_set<const ir::Buffer*> seen;
  for (const ScanStage& s : body.stages)
    for (const BufferRef& b : s.buffers) seen.insert(b.get());
  std::vector<BufferRef> out;
  for_each_load(body, [&](const ir::Load& l) {
    if (seen.insert(l.buffer.get()).second) out.push_back(l.buffer);
  });
  return out;
}

std::vector<std::shared_ptr<const Op>> operations(const ScanBody& body,
                                                  const std::vector<BufferRef>& buffers) {
  ir::BufferMap map;
  size_t next = 0;
  for (const ScanStage& s : body.stages)
    for (const BufferRef& b : s.buffers) map.emplace(b, buffers[next++]);
  std::vector<std::shared_ptr<const Op>> out;
  for (const ScanStage& s : body.stages) {
    auto op = std::make_shared<Op>();
    op->name = s.name;
    op->axes = s.axes;
    op->shape = s.buffers[0]->shape;
    for (const BufferRef& b : s.buffers) op->output_names.push_back(b->name);
    for (const Expr& v : s.values)
      op->values.push_back(ir::rewrite(v, [&](const ir::Load& l) -> Expr {
        const auto it = map.find(l.buffer);
        return it == map.end() || it->second.same(l.buffer) ? Expr() : ir::load(it->second, l.indices);
      }));
    out.push_back(std::move(op));
  }
  return out;
}

}  // namespace detail

namespace {

class ScanBuilder {
 public:
  ScanBuilder(const std::vector<Tensor>& init, const std::vector<Tensor>& update,
              const std::vector<Tensor>& state)
      : init_(init), update_(update), state_(state) {}

  std::vector<Tensor> run() {
    check_arguments();
    for (const Tensor& t : init_)
      TC_REQUIRE(!depends(t.buffer()),
                 Error("te.scan.init", fmt::format("the initial value {} depends on a state", t.name()))
                     .fix("compute it of tensors outside the scan"));
    const auto ops = body_ops();
    for (const Op* op : ops) declare(*op);
    ScanBody body;
    for (const Op* op : ops) add_stage(*op, body);
    const std::vector<Tensor> all = detail::make_scan(std::move(body));
    std::vector<Tensor> out;
    for (const Tensor& u : update_)
      for (const Tensor& t : all)
        if (t.name() == buffers_.at(u.buffer().get())->name) out.push_back(t);
    return out;
  }

 private:
  void check_arguments() {
    TC_REQUIRE(!update_.empty() && init_.size() == update_.size() && state_.size() == update_.size(),
               Error("te.scan.count", fmt::format("a scan of {} initial values, {} updates and {} states",
                                                  init_.size(), update_.size(), state_.size()))
                   .fix("give one of each for each state"));
    std::unordered_set<const ir::Buffer*> seen;
    for (size_t i = 0; i < state_.size(); ++i) {
      const Tensor &s = state_[i], &u = update_[i], &n = init_[i];
      TC_REQUIRE(s && u && n, Error("te.tensor.empty", "an empty Tensor in a scan"));
      const bool fits = s.op().is_placeholder() && s.op().open;
      TC_REQUIRE(fits && seen.insert(s.buffer().get()).second,
                 Error("te.scan.state", fmt::format("the state {} is {}", s.name(),
                                                    fits ? "given twice" : "not made by scan_state"))
                     .fix("make one of the shape of the whole history for each: scan_state(shape)"));
      TC_REQUIRE(!u.op().is_placeholder() && !u.op().scan && seen.insert(u.buffer().get()).second,
                 Error("te.scan.state", fmt::format("the update {} of the state {} is no compute of its own",
                                                    u.name(), s.name()))
                     .fix("compute each update as a tensor of its own"));
      const auto refuse = [&](const Tensor& t, const std::string& expected) {
        throw Error("te.scan.shape", fmt::format("{} does not go with the state {}", t.name(), s.name()))
            .fact("expected", expected)
            .fact("got", text(t))
            .fix(
                "the update has the state's shape; the initial value, too, but for its first dimension, "
                "which has "
                "as many times as it gives: 1 where the update reads t - 1");
      };
      if (s.ndim() == 0) refuse(s, "time as the first dimension");
      if (u.dtype() != s.dtype() || Shape(u.shape()) != Shape(s.shape())) refuse(u, text(s));
      if (s.dim(0) != state_[0].dim(0)) refuse(s, fmt::format("{} times", to_string(state_[0].dim(0))));
      Shape first = s.shape();
      first[0] = i > 0                  ? init_[0].extent(0)
                 : n.ndim() == s.ndim() ? std::max<int64_t>(n.extent(0), 1)
                                        : int64_t{1};
      if (n.dtype() != s.dtype() || Shape(n.shape()) != first)
        refuse(n, ir::to_string(s.dtype()) + to_string(first));
    }
    first_ = init_[0].extent(0);
  }
  static std::string text(const Tensor& t) { return ir::to_string(t.dtype()) + to_string(Shape(t.shape())); }

  // Operations below `root`, producers first, each once; a stack of our own, as chains may be long.
  static void collect(const BufferRef& root, std::unordered_set<const Op*>& seen,
                      std::vector<const Op*>& out) {
    struct Entry {
      const Op* op;
      bool expanded;
    };
    std::vector<Entry> stack{{Tensor(root).buffer()->source ? &Tensor(root).op() : nullptr, false}};
    while (!stack.empty()) {
      const auto [op, expanded] = stack.back();
      stack.pop_back();
      if (!op || op->is_placeholder()) continue;
      if (expanded) {
        out.push_back(op);
        continue;
      }
      if (!seen.insert(op).second) continue;
      stack.push_back({op, true});
      for (const BufferRef& b : reads(*op))
        if (b->source) stack.push_back({static_cast<const Op*>(b->source.get()), false});
    }
  }
  static std::vector<BufferRef> reads(const Op& op) {
    if (op.scan) return detail::outside_reads(*op.scan);
    std::vector<BufferRef> out;
    for (const Expr& v : op.values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) { out.push_back(l.buffer); });
    return out;
  }
  [[nodiscard]] bool is_state(const BufferRef& b) const {
    return std::any_of(state_.begin(), state_.end(), [&](const Tensor& t) { return t.buffer().same(b); });
  }
  // Whether computing `root` takes a state.
  bool depends(const BufferRef& root) const {
    if (is_state(root)) return true;
    std::unordered_set<const Op*> seen;
    std::vector<const Op*> ops;
    collect(root, seen, ops);
    return std::any_of(ops.begin(), ops.end(), [&](const Op* op) {
      const auto list = reads(*op);
      return std::any_of(list.begin(), list.end(), [&](const BufferRef& b) { return is_state(b); });
    });
  }

  // The updates, and what they need that needs a state.
  std::vector<const Op*> body_ops() {
    std::unordered_set<const Op*> seen, inside;
    std::vector<const Op*> all, out;
    for (const Tensor& u : update_) collect(u.buffer(), seen, all);
    for (const Op* op : all) {
      bool is = std::any_of(update_.begin(), update_.end(), [&](const Tensor& u) { return &u.op() == op; });
      for (const BufferRef& b : reads(*op))
        is |= is_state(b) || inside.contains(static_cast<const Op*>(b->source.get()));
      if (!is) continue;
      TC_REQUIRE(!op->scan && !op->external,
                 Error("te.scan.nested", fmt::format("{} depends on a state and is a {}", op->name,
                                                     op->scan ? "scan itself" : "extern"))
                     .fact("stage", op->name)
                     .fix("compute the recurrence of all states in one scan of computes"));
      TC_REQUIRE(!op->axes.empty() && Extent(op->shape[0]) == state_[0].dim(0),
                 Error("te.scan.time",
                       fmt::format("{} depends on a state and its first axis is not the time", op->name))
                     .fact("stage", op->name)
                     .fact("expected", fmt::format("a first extent of {}", to_string(state_[0].dim(0))))
                     .fix("compute it for every time: a first axis t, at which it is read"));
      inside.insert(op);
      out.push_back(op);
    }
    return out;
  }

  std::string fresh(std::string name) {
    const std::string stem = name;
    for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", stem, i);
    return name;
  }
  [[nodiscard]] int update_of(const Op& op, size_t output) const {
    for (size_t i = 0; i < update_.size(); ++i)
      if (&update_[i].op() == &op && update_[i].name() == op.output_names[output]) return static_cast<int>(i);
    return -1;
  }
  // The buffers that stand for its outputs: histories of states, or what lasts a step.
  void declare(const Op& op) {
    for (size_t o = 0; o < op.values.size(); ++o) {
      const BufferRef b = ir::buffer(fresh(op.output_names[o]), op.values[o]->type, op.shape);
      outputs_[&op].push_back(b);
      if (const int i = update_of(op, o); i >= 0) {
        buffers_[update_[static_cast<size_t>(i)].buffer().get()] = b;
        buffers_[state_[static_cast<size_t>(i)].buffer().get()] = b;
      }
    }
  }

  // Reads of states and of the scan's stages, as reads of the scan's buffers.
  Expr inside(const Op& op, const Expr& e) const {
    const Expr time = op.axes[0];
    return ir::rewrite(e, [&](const ir::Load& l) -> Expr {
      const auto* source = static_cast<const Op*>(l.buffer->source.get());
      const auto it = outputs_.find(source);
      const bool state = is_state(l.buffer);
      if (!state && it == outputs_.end()) return nullptr;
      TC_REQUIRE(state || l.indices[0].same(time),
                 Error("te.scan.time",
                       fmt::format("{} reads {} at another time than its own", op.name, l.buffer->name))
                     .fact("stage", op.name)
                     .fact("read", ir::to_string(Expr(&l)))
                     .fix("make it a state to read it at earlier times"));
      // of a state as it is at this time, the update has it
      TC_REQUIRE(
          !state || !l.indices[0].same(time),
          Error("te.scan.future",
                fmt::format("{} reads the state {} at its own time", op.name, l.buffer->name))
              .fact("stage", op.name)
              .fact("read", ir::to_string(Expr(&l)))
              .fix(fmt::format("read it at {0} - 1 or before, or its update at {0}", ir::to_string(time))));
      if (state) return ir::load(buffers_.at(l.buffer.get()), l.indices);
      for (size_t o = 0; o < source->values.size(); ++o)
        if (source->output_names[o] == l.buffer->name) return ir::load(it->second[o], l.indices);
      return nullptr;
    });
  }

  // In the times of the initial values nothing is computed: reads would go before time 0.
  void add_stage(const Op& op, ScanBody& body) {
    const Expr running = Expr(op.axes[0]) >= ir::int_imm(first_);
    ScanStage s;
    s.name = outputs_.at(&op)[0]->name;
    s.axes = op.axes;
    s.buffers = outputs_.at(&op);
    const auto* reduce = op.values[0].as<ir::Reduce>();
    if (reduce) {
      std::vector<Expr> source;
      for (size_t i = 0; i < reduce->source.size(); ++i) {
        Expr e = inside(op, reduce->source[i]);
        bool loads = false;
        ir::walk<ir::Load>(e, [&](const ir::Load&) { loads = true; });
        source.push_back(loads ? ir::if_then_else(running, e, reduce->combiner->identity[i]) : e);
      }
      for (const Expr& v : op.values) {
        const auto* r = v.as<ir::Reduce>();
        s.values.push_back(ir::reduce(r->combiner, r->mins, r->extents, reduce->vars, source, r->component));
      }
      bool any = false;
      for (size_t o = 0; o < op.values.size(); ++o) any |= update_of(op, o) >= 0;
      if (any) return add_reduced_update(op, std::move(s), body);
    } else {
      for (size_t o = 0; o < op.values.size(); ++o)
        s.values.push_back(if_running(op, o, s.axes, inside(op, op.values[o])));
    }
    body.stages.push_back(std::move(s));
  }
  // A reduction stands on top of a value: it becomes a stage that the update copies.
  void add_reduced_update(const Op& op, ScanStage s, ScanBody& body) {
    ScanStage update = s;
    update.axes.clear();
    for (const VarRef& v : s.axes) update.axes.push_back(ir::var(v->name));
    const std::vector<Expr> at(update.axes.begin(), update.axes.end());
    s.name = fresh(s.name + "_reduced");
    for (size_t o = 0; o < s.buffers.size(); ++o) {
      const BufferRef& b = s.buffers[o];
      s.buffers[o] = ir::buffer(o == 0 ? s.name : fresh(b->name + "_reduced"), b->type, b->shape);
      update.values[o] = if_running(op, o, update.axes, ir::load(s.buffers[o], at));
    }
    body.stages.push_back(std::move(s));
    body.stages.push_back(std::move(update));
  }
  [[nodiscard]] Expr if_running(const Op& op, size_t output, const std::vector<VarRef>& axes,
                                const Expr& e) const {
    const Expr starting = Expr(axes[0]) < ir::int_imm(first_);
    const int i = update_of(op, output);
    if (i < 0) return ir::if_then_else(starting, ir::const_of(e->type, 0), e);
    std::vector<Expr> at(axes.begin(), axes.end());
    if (first_ == 1) at[0] = ir::int_imm(0);
    return ir::if_then_else(starting, ir::load(init_[static_cast<size_t>(i)].buffer(), at), e);
  }

  const std::vector<Tensor>&init_, &update_, &state_;
  int64_t first_ = 1;  // times that the initial values take
  std::unordered_set<std::string> names_;
  std::unordered_map<const Op*, std::vector<BufferRef>> outputs_;  // of the body's operations
  std::unordered_map<const ir::Buffer*, BufferRef> buffers_;       // of updates and states
};

}  // namespace

Tensor scan_state(const Shape& shape, DType type, std::string name) {
  Tensor t = placeholder(shape, type, std::move(name));
  const_cast<Op&>(t.op()).open = true;
  return t;
}

std::vector<Tensor> scan(const std::vector<Tensor>& init, const std::vector<Tensor>& update,
                         const std::vector<Tensor>& state) {
  return ScanBuilder(init, update, state).run();
}
Tensor scan(const Tensor& init, const Tensor& update, const Tensor& state) {
  return scan(std::vector{init}, std::vector{update}, std::vector{state})[0];
}

}  // namespace tc
