#include "peel_sizes.h"

#include <algorithm>

#include "clone.h"
#include "peel_conditions.h"
#include "tc/ir/simplify.h"

namespace tc::ir {

Expr lesser(const Expr& a, const Expr& b, const Bounds& bounds) {
  if (prove(a <= b, bounds) == true) return a;
  return prove(b <= a, bounds) == true ? b : simplify(min(a, b), bounds);
}
Expr greater(const Expr& a, const Expr& b, const Bounds& bounds) {
  if (prove(a >= b, bounds) == true) return a;
  return prove(b >= a, bounds) == true ? b : simplify(max(a, b), bounds);
}

namespace {

class Collector {
 public:
  Collector(const For& f, const Bounds& bounds) : v_(f.var), around_(bounds), bounds_(bounds) {
    bounds_.push_loop(f.var, f.min, f.extent);
  }
  SizeCut cut;
  bool of_sizes = false;

  // A comparison that is understood in one place only keeps its place.
  void finish() {
    const auto elsewhere = [&](const Expr& c) {
      return std::any_of(unknown_.begin(), unknown_.end(), [&](const Expr& u) { return same_expr(u, c); });
    };
    if (std::erase_if(cut.comparisons, elsewhere) != 0) cut.outside_false = false;
  }

  void visit(const Stmt& s) {
    if (!s) return;
    const size_t depth = inner_.size(), names = bound_.size();
    const auto mark = bounds_.mark();
    if (const auto* n = s.as<For>()) {
      bound_.push_back(n->var.get());
      if (n->var->type == kIndex) {
        inner_.push_back({n->var, n->min, n->min + n->extent - 1});
        bounds_.push_loop(n->var, n->min, n->extent);
      }
      visit(n->body);
    } else if (const auto* n = s.as<Let>()) {
      bound_.push_back(n->var.get());
      visit(n->body);
    } else if (const auto* n = s.as<If>()) {
      for_each_comparison(n->condition, [&](const Expr& c) { comparison(c); });
      visit(n->if_true), visit(n->if_false);
    } else if (const auto* n = s.as<Seq>()) {
      for (const Stmt& x : n->stmts) visit(x);
    } else if (const auto* n = s.as<Alloc>()) {
      visit(n->body);
    }
    bounds_.pop(mark);
    inner_.resize(depth), bound_.resize(names);
  }

 private:
  // coef * v + rest <= 0 for every value of rest, and for none, from one value of v on.
  void comparison(const Expr& c) {
    auto sum = at_most_zero(c, bounds_);
    const int64_t coef = sum ? sum->coef_of(v_) : 0;
    if (coef == 0 || coef == INT64_MIN || !sum->add(v_, -coef)) return;
    const Expr rest = from_affine(*sum);
    const auto [least, greatest] =
        reads_memory(rest) ? std::pair<Expr, Expr>() : symbolic_bounds(rest, inner_, bounds_);
    if (!usable(greatest)) return unknown_.push_back(c);
    const int64_t size = coef > 0 ? coef : -coef;
    // v <= -rest / coef, or v >= rest / -coef
    const auto at = [&](const Expr& bound) {
      const Expr e =
          coef > 0 ? (int_imm(0) - bound) / int_imm(size) + 1 : (bound + int_imm(size - 1)) / int_imm(size);
      return simplify(e, bounds_);
    };
    const Expr all = at(greatest);
    std::vector<VarRef> sizes;
    collect_sizes(all, sizes);
    of_sizes |= !sizes.empty();
    const bool exact = usable(least) && is_int(simplify(at(least) - all, bounds_), 0);
    Expr& side = coef > 0 ? cut.end : cut.first;
    if (side && !same_expr(side, all)) {
      cut.outside_false = false;
      side = coef > 0 ? lesser(side, all, bounds_) : greater(side, all, bounds_);
    } else {
      side = all;
    }
    cut.outside_false = cut.outside_false && exact && !(cut.first && cut.end);
    cut.comparisons.push_back(c);
  }
  // It can be computed before the loop.
  bool usable(const Expr& e) const {
    if (!e || !can_be_early(e, around_)) return false;
    bool ok = true;
    walk<Var>(e, [&](const Var& v) {
      ok = ok && &v != v_.get() && std::find(bound_.begin(), bound_.end(), &v) == bound_.end();
    });
    return ok;
  }

  VarRef v_;
  Bounds around_, bounds_;  // before the loop; where the statement stands
  std::vector<VarRange> inner_;
  std::vector<const Var*> bound_;
  std::vector<Expr> unknown_;
};

Expr replaced(const Expr& e, const SizeCut& cut, bool value) {
  const auto known = [&](const Expr& c) { return same_expr(c, e); };
  if (std::any_of(cut.comparisons.begin(), cut.comparisons.end(), known)) return bool_imm(value);
  if (const auto* b = e.as<Binary>(); b && (b->op == BinaryOp::and_ || b->op == BinaryOp::or_))
    return binary(b->op, replaced(b->a, cut, value), replaced(b->b, cut, value));
  if (const auto* c = e.as<Call>(); c && c->op == CallOp::not_)
    return logical_not(replaced(c->args[0], cut, value));
  return e;
}

}  // namespace

std::optional<SizeCut> size_cut(const For& f, const Bounds& bounds) {
  Collector c(f, bounds);
  c.visit(f.body);
  c.finish();
  if (!c.of_sizes || c.cut.comparisons.empty()) return std::nullopt;
  return std::move(c.cut);
}

Stmt with_comparisons(const Stmt& body, const SizeCut& cut, bool value) {
  return rewrite(
      body,
      [&](const If& n) -> Stmt {
        const Expr c = replaced(n.condition, cut, value);
        return c.same(n.condition) ? nullptr : if_(c, n.if_true, n.if_false);
      },
      [](const Seq& q) { return flat_seq(q); });
}

}  // namespace tc::ir
