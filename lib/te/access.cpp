#include "access.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "tc/ir/numeric.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"

namespace tc {
namespace {

class AccessChecker {
 public:
  explicit AccessChecker(const std::string& stage) : stage_(stage) {}

  void enter(const VarRef& var, const Expr& min, const Expr& extent) {
    bounds_.push_loop(var, min, extent);
    const auto lo = ir::as_int(min), n = ir::as_int(extent);
    if (lo && n) domain_[var.get()] = {*lo, *n};
  }

  Check visit(const Expr& e) {
    if (const auto* l = e.as<ir::Load>()) return check_load(*l);
    if (const auto* c = e.as<ir::Call>(); c && c->op == ir::CallOp::if_then_else) return check_guarded(*c);
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
    return error;
  }

 private:
  Check check_guarded(const ir::Call& c) {
    if (auto error = visit(c.args[0])) return error;
    for (const bool side : {true, false}) {
      if (ir::prove(c.args[0], bounds_) == !side) continue;  // never evaluated
      const auto mark = bounds_.mark();
      bounds_.assume(c.args[0], side);
      const size_t known = conditions_.size();
      remember(c.args[0], side);
      auto error = visit(c.args[side ? 1 : 2]);
      conditions_.resize(known);
      bounds_.pop(mark);
      if (error) return error;
    }
    return std::nullopt;
  }

  Check check_load(const ir::Load& l) {
    for (size_t d = 0; d < l.indices.size(); ++d) {
      if (auto error = visit(l.indices[d])) return error;
      const Expr& i = l.indices[d];
      const Expr& n = l.buffer->shape[d];
      const ir::Interval range = ir::interval_of(i, bounds_);
      const auto extent = ir::as_int(n);
      const bool low = (range.lo && *range.lo >= 0) || ir::prove(i >= ir::int_imm(0), bounds_) == true;
      const bool high = (extent && range.hi && *range.hi < *extent) || ir::prove(i < n, bounds_) == true;
      if ((!low || !high) && !(extent && inside_by_trial(i, *extent))) return refuse(l, d, range);
    }
    return std::nullopt;
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
    return Error("te.bounds",
                 fmt::format("{} may read {} outside its shape, in dimension {}", stage_, l.buffer->name, d))
        .fact("stage", stage_)
        .fact("read", ir::to_string(Expr(&l)))
        .fact("expected",
              fmt::format("0 .. {}", ir::to_string(ir::simplify(l.buffer->shape[d] - ir::int_imm(1)))))
        .fact("got", got)
        .fix(
            "guard it: if_then_else(inside, A[...], 0) (select evaluates both sides), or clamp the index "
            "with min and max");
  }

  static constexpr int64_t kMaxTrials = 1 << 18;
  const std::string& stage_;
  ir::Bounds bounds_;
  std::unordered_map<const ir::Var*, std::pair<int64_t, int64_t>> domain_;  // first value, count
  std::vector<std::pair<Expr, bool>> conditions_;
};

}  // namespace

Check check_accesses(const std::string& name, const std::vector<VarRef>& axes, const std::vector<Expr>& shape,
                     const std::vector<Expr>& values) {
  AccessChecker checker(name);
  for (size_t i = 0; i < axes.size(); ++i) {
    if (ir::is_int(shape[i], 0)) return std::nullopt;  // no element, no read
    checker.enter(axes[i], ir::int_imm(0), shape[i]);
  }
  for (const Expr& v : values)
    if (auto error = checker.visit(v)) return error;
  return std::nullopt;
}

}  // namespace tc
