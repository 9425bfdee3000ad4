#include "access.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "tc/ir/equal.h"
#include "tc/ir/numeric.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/te/reducer.h"

namespace tc {
namespace {

// Large expressions, which may be shared, are not searched.
bool reads_memory(const Expr& e) {
  bool found = false;
  if (e->depth <= 40) ir::walk<ir::Load>(e, [&](const ir::Load&) { found = true; });
  return found;
}

class AccessChecker {
 public:
  AccessChecker(const std::string& stage, const ScanPlace* place, const Expr& time)
      : stage_(stage), place_(place), time_(time) {}

  void enter(const VarRef& var, const Expr& min, const Expr& extent) {
    bounds_.push_loop(var, min, extent);
    if (ir::is_of_sizes(extent)) runs(extent);
    const auto lo = ir::as_int(min), n = ir::as_int(extent);
    if (lo && n) domain_[var.get()] = {*lo, *n};
  }

  Check visit(const Expr& e) {
    if (const auto* l = e.as<ir::Load>()) return check_load(*l);
    if (const auto* c = e.as<ir::Call>(); c && c->op == ir::CallOp::if_then_else) return check_guarded(*c);
    if (const auto* c = e.as<ir::Call>(); c && c->op == ir::CallOp::assume) return check_asserted(*c);
    if (const auto* r = e.as<ir::Reduce>()) {
      const auto mark = bounds_.mark();
      for (size_t i = 0; i < r->vars.size(); ++i) {
        if (ir::is_int(r->extents[i], 0)) return std::nullopt;  // nothing is read
        enter(r->vars[i], r->mins[i], r->extents[i]);
      }
      Check error;
      for (const Expr& s : r->source)
        if (!error) error = visit(s);
      bounds_.pop(mark);
      return error;
    }
    Check error;
    (void)ir::map_children(e, ir::overloaded{[&](const Expr& child) {
                                               if (!error) error = visit(child);
                                               return child;
                                             },
                                             [](const ir::Stmt& s) { return s; }});
    return error ? error : check_overflow(e);
  }

  Check visit(const ir::Stmt& s) {
    if (!s) return std::nullopt;
    if (const auto* f = s.as<ir::For>()) return check_loop(*f);
    if (const auto* i = s.as<ir::If>()) {
      if (auto error = visit(i->condition)) return error;
      if (auto error = under(i->condition, true, i->if_true)) return error;
      return i->if_false ? under(i->condition, false, i->if_false) : Check();
    }
    if (const auto* l = s.as<ir::Let>()) {
      if (auto error = visit(l->value)) return error;
      const auto mark = bounds_.mark();
      if (l->var->type == ir::kIndex) bounds_.push(l->var, l->value, l->value);
      auto error = visit(l->body);
      bounds_.pop(mark);
      return error;
    }
    if (const auto* st = s.as<ir::Store>()) {
      if (auto error = visit(st->value)) return error;
      return visit(ir::load(st->buffer, st->indices));  // its place is judged as that of a read
    }
    Check error;
    (void)ir::map_children(s, ir::overloaded{[](const Expr& e) { return e; },
                                             [&](const ir::Stmt& child) {
                                               if (!error) error = visit(child);
                                               return child;
                                             }});
    return error;
  }

 private:
  // What is read is read in iterations: the extent is 1 or more, and so is each size whose multiple it is.
  void runs(const Expr& extent) {
    if (ir::as_int(extent)) return;
    bounds_.assume(extent >= 1);
    const auto* b = extent.as<ir::Binary>();
    if (!b || b->op != ir::BinaryOp::mul) return;
    const auto counts = [&](const Expr& e) { return ir::interval_of(e, bounds_).lo.value_or(-1) >= 0; };
    if (counts(b->a) && counts(b->b)) runs(b->a), runs(b->b);
  }

  // Arithmetic on axes is that of indices, which do not wrap: what is proved of them would not hold.
  [[nodiscard]] Check check_overflow(const Expr& e) const {
    const auto* b = e.as<ir::Binary>();
    using enum ir::BinaryOp;
    if (!b || e->type != ir::kIndex || (b->op != add && b->op != sub && b->op != mul)) return std::nullopt;
    ir::Bounds ranges;
    bool plain = true;
    ir::walk_all(*e, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Var) {
        constexpr int64_t kLarge = 1 << 12;  // for a size, of which five may be multiplied
        const auto* v = static_cast<const ir::Var*>(&n);
        const ir::Interval range = bounds_.range(*v);
        ranges.push(VarRef(v), ir::Interval::range(range.lo.value_or(-kLarge), range.hi.value_or(kLarge)));
      } else {
        plain = plain && (n.kind == ir::Kind::Binary || n.kind == ir::Kind::IntImm);
      }
      return plain;
    });
    const ir::Interval value = plain ? ir::interval_of(e, ranges) : ir::Interval::of(0);
    if (value.lo && value.hi) return std::nullopt;
    return Error("te.overflow",
                 fmt::format("{} computes {} of axes, which leaves 64 bits", stage_, ir::to_string(e)))
        .fact("stage", stage_)
        .fix("compute in u64, which wraps: cast(\"u64\", i) * c, in C++ cast(kU64, i) * c");
  }

  Check check_loop(const ir::For& f) {
    for (const Expr& e : {f.min, f.extent})
      if (auto error = visit(e)) return error;
    if (f.extent->type != ir::kIndex || ir::is_int(f.extent, 0))
      return ir::is_int(f.extent, 0) ? std::nullopt : visit(f.body);
    const auto mark = bounds_.mark();
    enter(f.var, f.min, f.extent);
    auto error = visit(f.body);
    domain_.erase(f.var.get());
    bounds_.pop(mark);
    return error;
  }
  // What runs where a condition has this value.
  Check under(const Expr& condition, bool value, const ir::Stmt& body) {
    if (ir::prove(condition, bounds_) == !value) return std::nullopt;  // never runs
    const auto mark = bounds_.mark();
    bounds_.assume(condition, value);
    const size_t known = conditions_.size();
    remember(condition, value);
    auto error = visit(body);
    conditions_.resize(known);
    bounds_.pop(mark);
    return error;
  }

  Check check_guarded(const ir::Call& c) {
    if (auto error = visit(c.args[0])) return error;
    for (const bool side : {true, false}) {
      if (ir::prove(c.args[0], bounds_) == !side) continue;  // never evaluated
      if (auto error = where(c.args[0], side, c.args[side ? 1 : 2])) return error;
    }
    return std::nullopt;
  }
  Check check_asserted(const ir::Call& c) {
    if (auto error = visit(c.args[0])) return error;
    if (ir::prove(c.args[0], bounds_) == false)
      return Error("te.assume", fmt::format("{} asserts what never holds", stage_))
          .fact("stage", stage_)
          .fact("assertion", ir::to_string(c.args[0]))
          .fix("assert what the inputs are known to keep, such as assume(index < n, A[index])");
    return where(c.args[0], true, c.args[1]);
  }
  // A value that is needed where a condition has this value.
  Check where(const Expr& condition, bool holds, const Expr& value) {
    const auto mark = bounds_.mark();
    const size_t known = conditions_.size(), named = reads_.size();
    assume(condition, holds);
    remember(condition, holds);
    auto error = visit(value);
    conditions_.resize(known), reads_.resize(named);
    bounds_.pop(mark);
    return error;
  }
  // One conjunct after the other: what the first says makes the sums of the next known to be small.
  void assume(const Expr& condition, bool holds) {
    const auto* c = condition.as<ir::Call>();
    if (c && c->op == ir::CallOp::not_ && c->type.is_bool()) return assume(c->args[0], !holds);
    const auto* b = condition.as<ir::Binary>();
    if (b && b->op == (holds ? ir::BinaryOp::and_ : ir::BinaryOp::or_))
      return assume(b->a, holds), assume(b->b, holds);
    bounds_.assume(named(condition, Naming::apart), holds);
    if (reads_memory(condition)) bounds_.assume(named(condition, Naming::whole), holds);
  }

  // An index or a condition with a variable for each number that it gets from memory: of a sum for its
  // terms, unless it may wrap, or for it as a whole. While one value is computed memory stands still: what
  // is read twice is one number, of which conditions tell.
  enum class Naming { apart, whole };
  Expr named(const Expr& e, Naming how) {
    if (!reads_memory(e)) return e;
    using enum ir::BinaryOp;
    if (const auto* c = e.as<ir::Call>(); c && c->op == ir::CallOp::not_ && c->type.is_bool())
      return ir::logical_not(named(c->args[0], how));
    const auto* b = e.as<ir::Binary>();
    if (b && (b->op == and_ || b->op == or_)) return ir::binary(b->op, named(b->a, how), named(b->b, how));
    if (b && ir::is_compare(b->op)) return compared(*b, how);
    if (e->type != ir::kIndex) return e;
    if (how == Naming::whole) return number(e);
    // narrower arithmetic is that of indices where its value is one of its type
    const auto* c = e.as<ir::Cast>();
    const DType type = c ? c->value->type : ir::kIndex;
    if (c && type.is_int() && type != kU64) b = c->value.as<ir::Binary>();
    if (!b) return number(e);
    const auto made = [&] {
      return ir::binary(b->op, named(ir::cast(ir::kIndex, b->a), how),
                        named(ir::cast(ir::kIndex, b->b), how));
    };
    if (b->op == add || b->op == sub || b->op == mul) {
      const Expr value = made();
      const ir::Interval i = ir::interval_of(value, bounds_);
      const bool fits = c ? i.within(ir::min_of(type), ir::max_of(type)) : i.lo && i.hi;
      return fits ? value : number(e);
    }
    const bool divides = (b->op == div || b->op == mod) && ir::as_int(b->b).value_or(0) > 0;
    return divides || b->op == ir::BinaryOp::min || b->op == ir::BinaryOp::max ? made() : number(e);
  }
  // Integers of any type are compared as indices. A u64 below a constant is an index from 0 on.
  Expr compared(const ir::Binary& b, Naming how) {
    const DType t = b.a->type;
    if (!t.is_int() || t.lanes != 1) return Expr(&b);
    const auto side = [&](const Expr& e) { return named(ir::cast(ir::kIndex, e), how); };
    if (t != kU64) return ir::binary(b.op, side(b.a), side(b.b));
    const auto limit = ir::as_int(b.b);
    if (!limit || *limit < 0) return Expr(&b);
    const Expr x = side(b.a), n = ir::int_imm(*limit);
    switch (b.op) {
      case ir::BinaryOp::lt:
        return ir::logical_and(x >= 0, x < n);
      case ir::BinaryOp::le:
        return ir::logical_and(x >= 0, x <= n);
      case ir::BinaryOp::gt:
        return ir::logical_not(ir::logical_and(x >= 0, x <= n));
      case ir::BinaryOp::ge:
        return ir::logical_not(ir::logical_and(x >= 0, x < n));
      case ir::BinaryOp::eq:
        return ir::eq(x, n);
      default:
        return ir::ne(x, n);
    }
  }
  Expr number(const Expr& read) {
    const auto same = [&](const auto& r) { return ir::equal(r.first, read); };
    auto it = std::find_if(reads_.begin(), reads_.end(), same);
    if (it == reads_.end()) it = reads_.insert(it, {read, ir::var("read")});
    if (!bounds_.find(*it->second)) bounds_.push(it->second, ir::interval_of(read, bounds_));
    return it->second;
  }

  // A stage of the same scan: an earlier time, or this time of a stage before.
  Check check_time(const ir::Load& l) const {
    if (!place_) return std::nullopt;
    const auto it = place_->stages.find(l.buffer.get());
    if (it == place_->stages.end()) return std::nullopt;
    const Expr& at = l.indices[0];
    if (at.same(time_) && it->second < place_->self) return std::nullopt;
    if (ir::prove(at < time_, bounds_) == true) return std::nullopt;
    return Error("te.scan.future",
                 fmt::format("{} is not shown to read {} at an earlier time", stage_, l.buffer->name))
        .fact("stage", stage_)
        .fact("read", ir::to_string(Expr(&l)))
        .fact("time", ir::to_string(time_))
        .fix(fmt::format("read the state at {0} - 1 or before; what this step computes is read at {0}",
                         ir::to_string(time_)));
  }

  Check check_load(const ir::Load& l) {
    if (auto error = check_time(l)) return error;
    for (size_t d = 0; d < l.indices.size(); ++d) {
      if (auto error = visit(l.indices[d])) return error;
      const auto mark = bounds_.mark();
      const size_t known = reads_.size();
      const Expr i = ir::rewrite(l.indices[d], [&](const ir::Call& c) -> Expr {
        if (c.op != ir::CallOp::assume) return nullptr;
        assume(c.args[0], true);
        return c.args[1];
      });
      const Expr apart = named(i, Naming::apart), whole = named(i, Naming::whole);
      const Expr& n = l.buffer->shape[d];
      const bool low = from_zero(apart) || from_zero(whole), high = below(apart, n) || below(whole, n);
      const ir::Interval range = ir::interval_of(apart, bounds_);
      bounds_.pop(mark);
      reads_.resize(known);
      const auto extent = ir::as_int(n);
      if ((!low || !high) && !(extent && inside_by_trial(i, *extent))) return refuse(l, d, range);
    }
    return std::nullopt;
  }

  [[nodiscard]] bool from_zero(const Expr& i) const {
    return ir::interval_of(i, bounds_).lo.value_or(-1) >= 0 ||
           ir::prove(i >= ir::int_imm(0), bounds_) == true;
  }
  [[nodiscard]] bool below(const Expr& i, const Expr& n) const {
    const auto extent = ir::as_int(n);
    const ir::Interval range = ir::interval_of(i, bounds_);
    return (extent && range.hi && *range.hi < *extent) || ir::prove(i < n, bounds_) == true ||
           quotient_below(i, n);
  }
  // a / d < n where a < n * d.
  [[nodiscard]] bool quotient_below(const Expr& i, const Expr& n) const {
    const auto* b = i.as<ir::Binary>();
    return b && b->op == ir::BinaryOp::div && ir::is_of_sizes(b->b) &&
           ir::prove(b->b >= 1, bounds_) == true && ir::prove(b->a < n * b->b, bounds_) == true;
  }

  // Conjuncts that hold, each by itself.
  void remember(const Expr& e, bool value) {
    const auto* b = e.as<ir::Binary>();
    const auto op = value ? ir::BinaryOp::and_ : ir::BinaryOp::or_;
    if (b && b->op == op) {
      remember(b->a, value), remember(b->b, value);
      return;
    }
    conditions_.emplace_back(e, value);
  }

  using Values = std::unordered_map<const ir::Var*, int64_t>;

  // The variables of an expression of integers; nothing where it reads memory or
  // has a variable without constant range.
  bool variables(const Expr& e, Values& out) const {
    bool ok = true;
    ir::walk_all(*e, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Var) {
        const auto* v = static_cast<const ir::Var*>(&n);
        ok = ok && domain_.contains(v);
        out.emplace(v, 0);
      } else if (n.kind != ir::Kind::Binary && n.kind != ir::Kind::IntImm) {
        ok = false;
      }
    });
    return ok;
  }

  static std::optional<int64_t> evaluate(const Expr& e, const Values& at) {
    if (const auto* v = e.as<ir::Var>()) return at.at(v);
    if (const auto* c = e.as<ir::IntImm>()) return c->value;
    const auto* b = e.as<ir::Binary>();
    const auto x = evaluate(b->a, at), y = evaluate(b->b, at);
    return x && y ? ir::fold_int(b->op, b->a->type, *x, *y) : std::nullopt;
  }

  // What the prover cannot show may still be so: every value of the few variables
  // that an index has is tried, under the conditions on those variables alone.
  bool inside_by_trial(const Expr& index, int64_t extent) const {
    Values at;
    if (!variables(index, at)) return false;
    std::vector<std::pair<Expr, bool>> relevant;
    for (const auto& [c, value] : conditions_) {
      Values mine;
      const bool usable = variables(c, mine) && std::all_of(mine.begin(), mine.end(), [&](const auto& m) {
                            return at.contains(m.first);
                          });
      if (usable) relevant.emplace_back(c, value);
    }
    std::vector<const ir::Var*> vars;
    int64_t points = 1;
    for (auto& [v, value] : at) {
      const auto [lo, n] = domain_.at(v);
      if (n <= 0) return true;
      if (points > kMaxTrials / n) return false;
      points *= n, value = lo;
      vars.push_back(v);
    }
    for (int64_t p = 0; p < points; ++p) {
      const bool reached = std::all_of(relevant.begin(), relevant.end(),
                                       [&](const auto& c) { return evaluate(c.first, at) == c.second; });
      const auto i = evaluate(index, at);
      if (reached && (!i || *i < 0 || *i >= extent)) return false;
      for (const ir::Var* v : vars) {  // the next point
        const auto [lo, n] = domain_.at(v);
        if (++at[v] < lo + n) break;
        at[v] = lo;
      }
    }
    return true;
  }

  Error refuse(const ir::Load& l, size_t d, const ir::Interval& range) const {
    const std::string got = fmt::format("{} in {} .. {}", ir::to_string(l.indices[d]),
                                        range.lo ? fmt::format("{}", *range.lo) : "?",
                                        range.hi ? fmt::format("{}", *range.hi) : "?");
    bool gathers = false;
    ir::walk<ir::Load>(l.indices[d], [&](const ir::Load&) { gathers = true; });
    return Error("te.bounds",
                 fmt::format("{} may read {} outside its shape, in dimension {}", stage_, l.buffer->name, d))
        .fact("stage", stage_)
        .fact("read", ir::to_string(Expr(&l)))
        .fact("expected",
              fmt::format("0 .. {}", ir::to_string(ir::simplify(l.buffer->shape[d] - ir::int_imm(1)))))
        .fact("got", got)
        .fix(gathers
                 ? "guard it: if_then_else(i >= 0 && i < n, A[i], 0); or clamp the index, with sizes of 1 or "
                   "more: max(min(i, n - 1), 0); or assert it: assume(i >= 0 && i < n, A[i])"
                 : "guard it: if_then_else(inside, A[...], 0) (select evaluates both sides), or clamp "
                   "the index "
                   "with min and max");
  }

  static constexpr int64_t kMaxTrials = 1 << 18;
  const std::string& stage_;
  const ScanPlace* place_;
  Expr time_;
  ir::Bounds bounds_;
  std::unordered_map<const ir::Var*, std::pair<int64_t, int64_t>> domain_;  // first value, count
  std::vector<std::pair<Expr, bool>> conditions_;
  std::vector<std::pair<Expr, VarRef>> reads_;  // what is read from memory, and its name
};

}  // namespace

Check check_accesses(const std::string& name, const std::vector<VarRef>& axes, const std::vector<Expr>& shape,
                     const std::vector<Expr>& values, const ScanPlace* place) {
  AccessChecker checker(name, place, place ? Expr(axes[0]) : Expr());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (ir::is_int(shape[i], 0)) return std::nullopt;  // no element, no read
    checker.enter(axes[i], ir::int_imm(0), shape[i]);
  }
  for (const Expr& v : values)
    if (auto error = checker.visit(v)) return error;
  return std::nullopt;
}

Check check_statement(const std::string& name, const ir::Stmt& body) {
  return AccessChecker(name, nullptr, Expr()).visit(body);
}

Check check_reductions(const std::string& name, const std::vector<VarRef>& axes,
                       const std::vector<Expr>& shape, const std::vector<Expr>& values) {
  const ir::Combiner* last = nullptr;
  for (const Expr& value : values) {
    const auto* r = value.as<ir::Reduce>();
    if (!r || r->combiner.get() == last) continue;  // the components of one reduction share it
    last = r->combiner.get();
    if (auto error = check_reducer(*last)) return error;
    if (ir::is_int(last->where, 1)) continue;
    ir::Bounds bounds;
    for (size_t i = 0; i < axes.size(); ++i) bounds.push_loop(axes[i], ir::int_imm(0), shape[i]);
    for (size_t i = 0; i < r->vars.size(); ++i) bounds.push_loop(r->vars[i], r->mins[i], r->extents[i]);
    ir::VarMap map;
    std::vector<std::string> source;
    for (size_t i = 0; i < r->source.size(); ++i) {
      map[last->lhs[i]] = r->source[i];
      source.push_back(ir::to_string(r->source[i]));
    }
    if (ir::prove(ir::substitute(last->where, map), bounds) != true)
      return Error("te.reducer.where",
                   fmt::format("{} reduces what is not shown to be a state of {}", name, last->name))
          .fact("stage", name)
          .fact("where", ir::to_string(last->where))
          .fact("source", fmt::format("({})", fmt::join(source, ", ")))
          .fix("reduce values for which the condition is plain, such as a count of 1");
  }
  return std::nullopt;
}

}  // namespace tc
