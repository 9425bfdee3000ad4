#include "tc/ir/loop_stats.h"

#include <algorithm>

#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

// The least and greatest index of one dimension, in terms of variables outside.
struct Box {
  const Buffer* buffer;
  bool read, written;
  std::vector<Expr> lo, hi;  // null: not known
};

// Of two bounds the lower (or upper), where their difference is a number; else null.
Expr outer_of(const Expr& a, const Expr& b, bool lower) {
  if (!a || !b) return nullptr;
  const auto d = as_int(simplify(a - b));
  if (!d) return nullptr;
  return (*d < 0) == lower ? a : b;
}

class Profiler {
 public:
  std::vector<LoopStats> out;
  explicit Profiler(Bounds sizes) : bounds_(std::move(sizes)) {}

  void visit(const Stmt& s) {
    if (!s) return;
    if (const auto* f = s.as<For>()) return visit_for(*f);
    if (const auto* q = s.as<Seq>())
      for (const Stmt& child : q->stmts) visit(child);
    else if (const auto* i = s.as<If>())
      touch_reads(*i->condition), visit(i->if_true), visit(i->if_false);
    else if (const auto* l = s.as<Let>())
      touch_reads(*l->value), visit(l->body);
    else if (const auto* a = s.as<Alloc>())
      visit(a->body);
    else if (const auto* st = s.as<Store>())
      visit_store(*st);
    else
      touch_reads(*s);
  }

 private:
  struct Open {
    size_t at;  // in out
    const For* loop;
    std::vector<Box> boxes;
  };

  void visit_for(const For& f) {
    const Interval extent = interval_of(f.extent, bounds_);
    LoopStats stats;
    stats.loop = &f;
    stats.depth = static_cast<int>(open_.size());
    stats.trips = static_cast<double>(std::max<int64_t>(extent.hi.value_or(1), 0));
    stats.runs = open_.empty() ? 1 : out[open_.back().at].runs * out[open_.back().at].trips;
    out.push_back(std::move(stats));
    open_.push_back({out.size() - 1, &f, {}});
    const auto mark = bounds_.mark();
    bounds_.push_loop(f.var, f.min, f.extent);
    visit(f.body);
    bounds_.pop(mark);
    close();
  }

  // Boxes were collected in terms of variables outside the loop: sizes are differences.
  void close() {
    Open& o = open_.back();
    LoopStats& s = out[o.at];
    for (const Box& b : o.boxes) {
      double elements = 1;
      for (size_t d = 0; d < b.lo.size(); ++d) {
        const double whole = static_cast<double>(most(b.buffer->shape[d]).value_or(1));
        const auto size = b.lo[d] && b.hi[d] ? most(simplify(b.hi[d] - b.lo[d])) : std::nullopt;
        elements *= size ? std::min(static_cast<double>(*size) + 1, whole) : whole;
      }
      s.touches.push_back({b.buffer, b.read, b.written, s.trips == 0 ? 0 : elements});
    }
    open_.pop_back();
    if (!open_.empty()) out[open_.back().at].flops += out[open_.back().at].trips * s.flops;
  }

  [[nodiscard]] std::optional<int64_t> most(const Expr& e) const { return interval_of(e, bounds_).hi; }

  void visit_store(const Store& s) {
    double flops = 0;
    const bool floats = s.value->type.is_float();
    walk_all(*s.value, [&](const Node& n) {
      if (n.kind == Kind::Load) return false;  // indices are not the work
      if (n.kind == Kind::Binary || n.kind == Kind::Call) {
        const DType t = static_cast<const ExprNode&>(n).type;
        flops += t.is_float() || (!floats && t == s.value->type);
      }
      return true;
    });
    if (!open_.empty()) out[open_.back().at].flops += out[open_.back().at].trips * flops;
    touch(*s.buffer, s.indices, true);
    touch_reads(*s.value);
    for (const Expr& i : s.indices) touch_reads(*i);
  }

  void touch_reads(const Node& n) {
    walk_all(n, [&](const Node& m) {
      if (m.kind == Kind::Load) {
        const auto& l = static_cast<const Load&>(m);
        touch(*l.buffer, l.indices, false);
      }
      return true;
    });
  }

  void touch(const Buffer& buffer, const std::vector<Expr>& indices, bool written) {
    std::vector<VarRange> inside;  // of the loops from `o` on, outermost first
    for (size_t i = open_.size(); i-- > 0;) {
      const For& f = *open_[i].loop;
      inside.insert(inside.begin(), {f.var, f.min, simplify(f.min + f.extent - int_imm(1))});
      Box box{&buffer, !written, written, {}, {}};
      for (const Expr& index : indices) {
        auto [lo, hi] = symbolic_bounds(index, inside, bounds_);
        box.lo.push_back(lo ? simplify(lo) : nullptr);
        box.hi.push_back(hi ? simplify(hi) : nullptr);
      }
      merge(open_[i].boxes, std::move(box));
    }
  }

  static void merge(std::vector<Box>& boxes, Box box) {
    const auto at =
        std::find_if(boxes.begin(), boxes.end(), [&](const Box& b) { return b.buffer == box.buffer; });
    if (at == boxes.end()) return boxes.push_back(std::move(box));
    at->read |= box.read;
    at->written |= box.written;
    for (size_t d = 0; d < at->lo.size(); ++d) {
      at->lo[d] = outer_of(at->lo[d], box.lo[d], true);
      at->hi[d] = outer_of(at->hi[d], box.hi[d], false);
    }
  }

  std::vector<Open> open_;
  Bounds bounds_;
};

}  // namespace

std::vector<LoopStats> loop_stats(const Func& func, const Bounds& sizes) {
  Profiler p(sizes);
  p.visit(func.body);
  return std::move(p.out);
}

}  // namespace tc::ir
