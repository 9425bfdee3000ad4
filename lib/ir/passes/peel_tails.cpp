// peel_tails: loops are cut where the conditions inside them change, so that the
// main loop carries no branch.
//
//   for yo in [0, +8) {                         for yo in [0, +7) {
//     for yi in [0, +8) {                         for yi in [0, +8) {
//       if yo * 8 + yi < 60 {                       B[yo * 8 + yi] = A[yo * 8 + yi]
//         B[yo * 8 + yi] = A[yo * 8 + yi]   ->    }
//       }                                       }
//     }                                         for yi in [0, +4) {
//   }                                             B[56 + yi] = A[56 + yi]
//                                               }
//
// A loop variable is cut at the values from which on a comparison of index sums
// becomes always true, mixed or always false, given the ranges of the other
// variables. A quotient or remainder of one (of a fused loop) is cut the same way
// by a chain of `if`s in the loop's body; so is the variable of a parallel loop,
// whose iterations must stay together. Where a segment has one value, the value is
// put in. What stays mixed over a few values is cut into single ones. Conditions
// that a loop does not change are decided outside it. == and != are left alone. Where the
// conditions ask for sizes, a loop is cut at expressions of them, into a main loop in which they
// hold and what is before and after it (peel_sizes.h).
//
// Code may grow to 16 times its size and by PassContext::max_peeled statements;
// beyond, the `if` stays. Segments are treated longest first, so that the main
// loop has the first claim.
#include <algorithm>

#include "clone.h"
#include "peel_conditions.h"
#include "peel_sizes.h"
#include "tc/ir/passes.h"
#include "tc/ir/simplify.h"

namespace tc::ir {

namespace {

constexpr size_t kMaxSegments = 16;

struct Segment {
  int64_t first, last;
  [[nodiscard]] int64_t length() const { return last - first + 1; }
};

bool uses(const Expr& e, const std::vector<const Var*>& vars) {
  bool found = false;
  walk<Var>(e, [&](const Var& v) { found |= std::find(vars.begin(), vars.end(), &v) != vars.end(); });
  return found;
}

// A quotient or remainder, the atoms worth a cut.
bool is_step(const Expr& e) {
  const auto* b = e.as<Binary>();
  return b && (b->op == BinaryOp::div || b->op == BinaryOp::mod) && as_int(b->b) && !reads_memory(b->a);
}

Stmt replace(const Stmt& s, const Expr& old, const Expr& by) {
  return rewrite(s, [&](const Binary& b) -> Expr { return same_expr(Expr(&b), old) ? by : nullptr; });
}

class Peeler {
 public:
  Peeler(const FuncRef& f, const PassContext& context) {
    const int64_t size = count_statements(f->body);
    budget_ = std::min(context.max_peeled, std::max<int64_t>(128, 15 * size));
    work_ = 40 * context.max_peeled;
  }

  Stmt operator()(const Stmt& s) {
    if (!s) return s;
    switch (s->kind) {
      case Kind::For:
        return loop(*s.as<For>());
      case Kind::If:
        return branch(*s.as<If>());
      case Kind::Let:
        return scoped_let(*s.as<Let>());
      case Kind::Alloc:
        return map_children(s, *this);
      case Kind::Seq: {
        std::vector<Stmt> out;
        bool same = true;
        for (const Stmt& x : s.as<Seq>()->stmts) out.push_back((*this)(x)), same &= out.back().same(x);
        return same ? s : seq(std::move(out));
      }
      default:
        return s;
    }
  }
  Expr operator()(const Expr& e) { return e; }

 private:
  // ---- statements

  Stmt branch(const If& n) {
    const Expr c = decide(n.condition, bounds_);
    if (const auto v = as_int(c)) return *v ? (*this)(n.if_true) : n.if_false ? (*this)(n.if_false) : seq({});
    const auto side = [&](const Stmt& s, bool value) {
      const auto mark = bounds_.mark();
      bounds_.assume(c, value);
      Stmt out = (*this)(s);
      bounds_.pop(mark);
      return out;
    };
    Stmt t = side(n.if_true, true), f = n.if_false ? side(n.if_false, false) : nullptr;
    if (c.same(n.condition) && t.same(n.if_true) && f.same(n.if_false)) return Stmt(&n);
    return if_(c, t, f);
  }

  Stmt scoped_let(const Let& n) {
    const auto mark = bounds_.mark();
    if (n.value->type == kIndex) bounds_.push(n.var, n.value, n.value);
    Stmt body = (*this)(n.body);
    bounds_.pop(mark);
    return body.same(n.body) ? Stmt(&n) : let(n.var, n.value, body);
  }

  Stmt loop(const For& f) {
    const auto min = as_int(f.min), extent = as_int(f.extent);
    if (!min || !extent || f.var->type != kIndex) return size_loop(f);
    if (*extent <= 0) return seq({});
    const Segment all{*min, *min + *extent - 1};
    const std::vector<Segment> segments = cut(f.body, f.var, all);
    if (segments.size() == 1) return again(size_loop(f));
    if (!afford(f.body, segments.size() - 1)) return whole_loop(f);
    if (f.mode == LoopMode::parallel) return parallel_loop(f, segments);
    return seq(in_order(segments, [&](const Segment& s) { return segment_loop(f, s); }));
  }

  // A loop that sizes cut: a main loop in which the comparisons hold, and what is before and
  // after it. Of a loop of lanes, of copies or of virtual threads the extent has to stay.
  Stmt size_loop(const For& f) {
    const bool parallel = f.mode == LoopMode::parallel;
    if ((f.mode != LoopMode::serial && !parallel) || f.var->type != kIndex) return whole_loop(f);
    const auto cut = size_cut(f, bounds_);
    if (!cut || !afford(f.body, cut->first && cut->end ? 2 : 1)) return whole_loop(f);
    if (parallel) return size_branch(f, *cut);
    const Expr end = tc::ir::simplify(f.min + f.extent, bounds_);
    const bool rest = !cut->outside_false;
    Expr first = cut->first ? greater(f.min, cut->first, bounds_) : f.min;
    if (cut->first && rest) first = lesser(first, end, bounds_);
    Expr last = cut->end ? lesser(end, cut->end, bounds_) : end;
    if (cut->end && rest) last = greater(first, last, bounds_);
    const auto part = [&](const Expr& from, const Expr& to, const Stmt& body) {
      const VarRef v = var(f.var->name);
      const Expr extent = tc::ir::simplify(to - from, bounds_);
      return whole_loop(*for_(v, from, extent, f.mode, clone(body, {{f.var, v}})).as<For>());
    };
    Stmt main = part(first, last, with_comparisons(f.body, *cut, true));
    if (!rest) {
      // what comparisons do not guard runs outside too
      const Stmt other = with_comparisons(f.body, *cut, false);
      if (is_empty(simplify(other, bounds_))) return main;
      if (cut->first) first = lesser(first, end, bounds_);
      if (cut->end) last = greater(first, last, bounds_);
      main = part(first, last, with_comparisons(f.body, *cut, true));
      return seq({cut->first ? part(f.min, first, other) : seq({}), std::move(main),
                  cut->end ? part(last, end, other) : seq({})});
    }
    return seq({cut->first ? part(f.min, first, f.body) : seq({}), std::move(main),
                cut->end ? part(last, end, f.body) : seq({})});
  }
  // The same of a parallel loop, whose iterations must stay together.
  Stmt size_branch(const For& f, const SizeCut& cut) {
    Expr inside = bool_imm(true);
    if (cut.first) inside = logical_and(inside, f.var >= cut.first);
    if (cut.end) inside = logical_and(inside, f.var < cut.end);
    const auto mark = bounds_.mark();
    bounds_.push_loop(f.var, f.min, f.extent);
    const auto side = [&](bool value) {
      const auto known = bounds_.mark();
      bounds_.assume(inside, value);
      const Stmt body = value || cut.outside_false ? with_comparisons(f.body, cut, value) : f.body;
      Stmt out = steps(clone(body, {}), f.var);
      bounds_.pop(known);
      return out;
    };
    Stmt yes = side(true), no = side(false);
    bounds_.pop(mark);
    Stmt body = is_empty(no) ? if_(inside, yes) : if_(inside, yes, no);
    return for_(f.var, f.min, f.extent, f.mode, body);
  }

  // The loop as it stands, its body treated.
  Stmt whole_loop(const For& f) {
    const auto mark = bounds_.mark();
    bounds_.push_loop(f.var, f.min, f.extent);
    Stmt body = steps(f.body, f.var);
    bounds_.pop(mark);
    if (is_empty(body)) return seq({});
    return unswitch(shrink(body.same(f.body) ? Stmt(&f) : for_(f.var, f.min, f.extent, f.mode, body)));
  }

  // for v in [m, +n) { if v <= e && c { s } }   ->   for v in [m, +min(n, e - m + 1)) { if c { s } }
  [[nodiscard]] Stmt shrink(const Stmt& s) const {
    const auto* f = s.as<For>();
    const auto* body = f ? f->body.as<If>() : nullptr;
    if (!body || body->if_false || f->mode != LoopMode::serial || f->var->type != kIndex) return s;
    Expr extent = f->extent, left;
    for_each_conjunct(body->condition, [&](const Expr& c) {
      const std::optional<Expr> end = last_value(c, f->var);
      if (end)
        extent = min(extent, *end - f->min + 1);
      else
        left = left ? logical_and(left, c) : c;
    });
    if (extent.same(f->extent)) return s;
    return for_(f->var, f->min, extent, f->mode, left ? if_(left, body->if_true) : body->if_true);
  }
  // e of v <= e, where that is what the comparison says.
  [[nodiscard]] std::optional<Expr> last_value(const Expr& comparison, const VarRef& v) const {
    auto sum = at_most_zero(comparison, bounds_);
    if (!sum || sum->coef_of(v) != 1 || !sum->add(v, -1) || !sum->scale(-1)) return std::nullopt;
    const Expr end = from_affine(*sum);
    if (uses_var(*end, *v) || !can_be_early(end, bounds_)) return std::nullopt;
    return end;
  }

  // The part of a loop where its variable is in the segment.
  Stmt segment_loop(const For& f, const Segment& s) {
    if (s.length() == 1) return (*this)(clone(f.body, {{f.var, int_imm(s.first)}}));
    const VarRef v = var(f.var->name);
    const Stmt part = for_(v, int_imm(s.first), int_imm(s.length()), f.mode, clone(f.body, {{f.var, v}}));
    return again(whole_loop(*part.as<For>()));
  }

  // Cutting inner loops may leave conditions that ask for this loop's variable alone.
  Stmt again(const Stmt& s) {
    const auto* f = s.as<For>();
    if (!f) return s;
    const auto min = as_int(f->min), extent = as_int(f->extent);
    if (!min || !extent || f->var->type != kIndex) return s;
    return cut(f->body, f->var, {*min, *min + *extent - 1}).size() == 1 ? s : loop(*f);
  }

  // One parallel loop around a chain of ifs; where only one segment does anything, that alone.
  Stmt parallel_loop(const For& f, const std::vector<Segment>& segments) {
    std::vector<Segment> busy;
    std::vector<Stmt> bodies;
    const std::vector<Stmt> all =
        in_order(segments, [&](const Segment& s) { return range_body(f.body, f.var, s); });
    for (size_t i = 0; i < segments.size(); ++i)
      if (!is_empty(all[i])) busy.push_back(segments[i]), bodies.push_back(all[i]);
    if (busy.empty()) return seq({});
    const Segment range{busy.front().first, busy.back().last};
    return for_(f.var, int_imm(range.first), int_imm(range.length()), f.mode, chain(f.var, busy, bodies));
  }

  // ---- cutting

  // The body where `v` (in scope, or of a let around it) is in the segment.
  Stmt range_body(const Stmt& body, const VarRef& v, const Segment& s) {
    if (s.length() == 1) return (*this)(clone(body, {{v, int_imm(s.first)}}));
    const auto mark = bounds_.mark();
    bounds_.push(v, Interval::range(s.first, s.last));
    Stmt out = steps(clone(body, {}), v);
    bounds_.pop(mark);
    return out;
  }

  // if v <= last0 { body0 } else if v <= last1 { body1 } ... with nothing between the segments
  static Stmt chain(const Expr& v, const std::vector<Segment>& segments, const std::vector<Stmt>& bodies) {
    Stmt out = bodies.back();
    for (size_t i = bodies.size() - 1; i-- > 0;) {
      if (segments[i].last + 1 != segments[i + 1].first) out = if_(v >= int_imm(segments[i + 1].first), out);
      const Expr last = int_imm(segments[i].last);
      out = is_empty(bodies[i]) ? if_(v > last, out) : if_(v <= last, bodies[i], out);
    }
    return out;
  }

  // Quotients and remainders of v that conditions in the body ask for.
  Stmt steps(const Stmt& body, const VarRef& v) {
    const Expr atom = find_step(body, v);
    if (!atom) return (*this)(body);
    const Interval range = interval_of(atom, bounds_);
    const VarRef r = var("step");
    const Stmt named = replace(body, atom, r);
    const Segment all{*range.lo, *range.hi};
    const std::vector<Segment> segments = cut(named, r, all);
    if (segments.size() == 1 || !afford(body, segments.size() - 1)) return (*this)(body);
    const auto part = [&](const Segment& s) {
      const auto mark = bounds_.mark();
      bounds_.assume(atom >= int_imm(s.first)).assume(atom <= int_imm(s.last));
      Stmt out =
          s.length() == 1 ? steps(clone(named, {{r, int_imm(s.first)}}), v) : step_body(named, r, s, v);
      bounds_.pop(mark);
      return substitute(out, VarMap{{r, atom}});
    };
    return chain(atom, segments, in_order(segments, part));
  }
  Stmt step_body(const Stmt& named, const VarRef& r, const Segment& s, const VarRef& v) {
    bounds_.push(r, Interval::range(s.first, s.last));
    return steps(clone(named, {}), v);
  }

  Expr find_step(const Stmt& body, const VarRef& v) {
    Expr found;
    for_each_sum(body, [&](const Affine& sum) {
      for (const auto& [atom, coef] : sum.terms) {
        if (found || !is_step(atom) || !uses_var(*atom, *v) || uses(atom, inner_)) continue;
        const Interval range = interval_of(atom, bounds_);
        if (!range.lo || !range.hi) continue;
        std::set<int64_t> cuts;
        add_cuts(sum, atom, bounds_, *range.lo, *range.hi, cuts);
        if (!cuts.empty()) found = atom;
      }
    });
    return found;
  }

  // [first, last] cut where comparisons in `body` change.
  std::vector<Segment> cut(const Stmt& body, const VarRef& v, const Segment& all) {
    std::set<int64_t> cuts;
    const auto mark = bounds_.mark();
    bounds_.push(v, Interval::range(all.first, all.last));
    for_each_sum(body, [&](const Affine& sum) { add_cuts(sum, v, bounds_, all.first, all.last, cuts); });
    bounds_.pop(mark);
    std::vector<Segment> out{{all.first, all.last}};
    for (const int64_t c : cuts) {
      out.back().last = c - 1;
      out.push_back({c, all.last});
    }
    out = singles(body, v, out);
    if (out.size() > kMaxSegments) out = {all};
    return out;
  }

  // Segments of few values in which a condition on v stays open, taken value by value.
  std::vector<Segment> singles(const Stmt& body, const VarRef& v, const std::vector<Segment>& segments) {
    if (segments.size() == 1) return segments;
    std::vector<Segment> out;
    for (const Segment& s : segments) {
      if (s.length() > kFewValues || settled(body, v, s))
        out.push_back(s);
      else
        for (int64_t i = s.first; i <= s.last; ++i) out.push_back({i, i});
    }
    return out;
  }

  // Calls f(sum) for each comparison sum <= 0 in the body, with the ranges of inner
  // loops in bounds_ and their variables in inner_.
  template <class F>
  void for_each_sum(const Stmt& s, F&& f) {
    if (!s) return;
    const auto mark = bounds_.mark();
    const size_t depth = inner_.size();
    if (const auto* n = s.as<For>()) {
      bounds_.push_loop(n->var, n->min, n->extent);
      inner_.push_back(n->var.get());
      for_each_sum(n->body, f);
    } else if (const auto* n = s.as<Let>()) {
      if (n->value->type == kIndex) bounds_.push(n->var, n->value, n->value);
      inner_.push_back(n->var.get());
      for_each_sum(n->body, f);
    } else if (const auto* n = s.as<If>()) {
      for_each_comparison(n->condition, [&](const Expr& c) {
        if (const auto sum = at_most_zero(c, bounds_)) f(*sum);
      });
      for_each_sum(n->if_true, f);
      for_each_sum(n->if_false, f);
    } else if (const auto* n = s.as<Seq>()) {
      for (const Stmt& x : n->stmts) for_each_sum(x, f);
    } else if (const auto* n = s.as<Alloc>()) {
      for_each_sum(n->body, f);
    }
    inner_.resize(depth);
    bounds_.pop(mark);
  }

  // Whether every comparison with v is decided in the segment by v alone.
  bool settled(const Stmt& body, const VarRef& v, const Segment& s) {
    bool decided = true;
    const auto mark = bounds_.mark();
    bounds_.push(v, Interval::range(s.first, s.last));
    for_each_sum(body, [&](const Affine& sum) {
      if (sum.coef_of(v) == 0) return;
      const Interval range = interval_of(sum, bounds_);
      decided &= (range.hi && *range.hi <= 0) || (range.lo && *range.lo > 0);
    });
    bounds_.pop(mark);
    return decided;
  }

  // f of every segment, the longest treated first.
  template <class F>
  std::vector<Stmt> in_order(const std::vector<Segment>& segments, F&& f) {
    std::vector<size_t> order(segments.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return segments[a].length() > segments[b].length(); });
    std::vector<Stmt> out(segments.size());
    for (const size_t i : order) out[i] = f(segments[i]);
    return out;
  }

  // ---- deciding conditions outside the loops that do not change them

  Stmt unswitch(const Stmt& s) {
    const auto* f = s.as<For>();
    if (!f) return s;
    std::vector<const Var*> bound{f->var.get()};
    const Expr c = find_fixed(f->body, bound, true);
    if (!c) return s;
    const auto* whole = f->body.as<If>();
    const bool free = whole && whole->condition.same(c) && !whole->if_false;
    if (!free && !afford(f->body, 1)) return s;
    const auto side = [&](bool value) {
      const auto mark = bounds_.mark();
      bounds_.assume(c, value);
      const Stmt body = take_side(f->body, c, value);
      Stmt out = is_empty(body) ? seq({}) : unswitch(for_(f->var, f->min, f->extent, f->mode, body));
      bounds_.pop(mark);
      return out;
    };
    Stmt yes = side(true);
    return if_(c, yes, clone(side(false), {}));
  }

  // A condition below s that uses nothing bound there and may be decided before.
  [[nodiscard]] Expr find_fixed(const Stmt& s, std::vector<const Var*>& bound, bool whole) const {
    if (!s) return nullptr;
    if (const auto* n = s.as<If>()) {
      const auto* b = n->condition.as<Binary>();
      const bool equality = b && (b->op == BinaryOp::eq || b->op == BinaryOp::ne);
      if (!uses(n->condition, bound) && can_be_early(n->condition, bounds_) &&
          (!equality || (whole && !n->if_false)))
        return n->condition;
      if (Expr e = find_fixed(n->if_true, bound, false)) return e;
      return find_fixed(n->if_false, bound, false);
    }
    if (const auto* n = s.as<Seq>()) {
      for (const Stmt& x : n->stmts)
        if (Expr e = find_fixed(x, bound, false)) return e;
      return nullptr;
    }
    if (const auto* n = s.as<For>()) return bound.push_back(n->var.get()), find_fixed(n->body, bound, false);
    if (const auto* n = s.as<Let>()) return bound.push_back(n->var.get()), find_fixed(n->body, bound, false);
    if (const auto* n = s.as<Alloc>()) return find_fixed(n->body, bound, false);
    return nullptr;
  }

  static Stmt take_side(const Stmt& s, const Expr& c, bool value) {
    return rewrite(
        s,
        [&](const If& n) -> Stmt {
          if (!same_expr(n.condition, c)) return nullptr;
          return value ? n.if_true : n.if_false ? n.if_false : seq({});
        },
        [](const Seq& q) { return flat_seq(q); });
  }

  bool afford(const Stmt& body, size_t copies) {
    const int64_t size = std::max<int64_t>(1, count_statements(body));
    work_ -= size * static_cast<int64_t>(copies);
    if (work_ < 0 || size * static_cast<int64_t>(copies) > budget_) return false;
    budget_ -= size * static_cast<int64_t>(copies);
    return true;
  }

  Bounds bounds_;
  std::vector<const Var*> inner_;  // bound inside the loop that is being cut
  int64_t budget_, work_;
};

// Lets that conditions use are put in, so that the comparisons show what they depend on.
Stmt inline_index_lets(const Stmt& body) {
  const auto put_in = [](const Let& l) -> Stmt {
    if (l.value->type != kIndex || reads_memory(l.value)) return nullptr;
    bool asked = false;
    walk<If>(l.body, [&](const If& i) { asked |= uses_var(*i.condition, *l.var); });
    return asked ? substitute(l.body, VarMap{{l.var, l.value}}) : nullptr;
  };
  return rewrite(body, put_in, [](const Seq& q) { return flat_seq(q); });
}

FuncRef run(const FuncRef& f, const PassContext& context) {
  bool branches = false;
  walk<If>(f->body, [&](const If&) { branches = true; });
  if (!branches) return f;
  const Stmt body = Peeler(f, context)(inline_index_lets(f->body));
  return body.same(f->body) ? f : func(f->name, f->params, body);
}

}  // namespace

constinit const Pass passes::peel_tails{"peel_tails", "cut loops where the conditions inside them change",
                                        Form::nested, Form::nested, run};

}  // namespace tc::ir
