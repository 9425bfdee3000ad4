// hoist_invariants: what a loop does not change is computed before it.
//
//   for po in [0, +8) {                             for po in [0, +8) {
//     for k in [0, +64) {                             let t: i64 = po / 7
//       C[po] = C[po] + A[po / 7 * 9 + k] * w[2] ->   let w_1: f32 = w[2]
//     }                                               for k in [0, +64) {
//   }                                                   C[po] = C[po] + A[t * 9 + k] * w_1 } }
//
// From the inside out, so that a value ends where the last variable that it depends
// on is bound. Taken are the largest expressions that are worth a name (values.h).
// Sums and products of i64 stay, as addresses keep one form that code generation
// knows: it splits (t * 9 + k) * 4 into a base for each loop and a constant offset.
// What it cannot split is taken out here: divisions, remainders, minima, and loads.
//
// - A load moves if the loop surely runs, the load does not stand under an `if`, and
//   nothing in the loop stores to its buffer. So does what divides by no constant.
// - From under an `if` only index arithmetic moves, as the rest may never be needed.
// - Loads of vectors move only while registers are left beside the loop's accumulators;
//   beyond that loading again is cheaper than spilling.
// - Out of a parallel loop nothing moves: it would have to be handed to every thread.
#include <algorithm>
#include <unordered_set>

#include "block.h"
#include "slots.h"
#include "tc/ir/equal.h"
#include "tc/ir/passes.h"
#include "values.h"

namespace tc::ir {

namespace {

constexpr size_t kMaxHoisted = 200;  // from one loop: each is a level of nesting
constexpr size_t kMaxNamed = 600;    // from the loops of one block, as each encloses what follows
constexpr int kTemporaries = 4;      // registers that the loop's own arithmetic needs

using NodeSet = std::unordered_set<const Node*>;

/// Names of values, by hash.
using Names = std::unordered_map<uint64_t, std::vector<std::pair<Expr, VarRef>>>;

Expr find_name(const Names& names, uint64_t hash, const Expr& e) {
  const auto it = names.find(hash);
  if (it == names.end()) return nullptr;
  for (const auto& [known, name] : it->second)
    if (equal(known, e)) return name;
  return nullptr;
}

/// One loop, whose inner loops are done.
class LoopHoist {
 public:
  /// `outer`: what has names before the loop already; `limit`: of the values to hoist.
  LoopHoist(const For& f, bool runs, const Names& outer, size_t limit, const PassContext& context)
      : runs_(runs), outer_(outer), limit_(limit), context_(context) {
    bound_.insert(f.var.get());
    std::map<std::pair<const Node*, int64_t>, int> slots;
    walk_all(*f.body, [&](const Node& n) {
      if (n.kind == Kind::For) bound_.insert(static_cast<const For&>(n).var.get());
      if (n.kind == Kind::Let) bound_.insert(static_cast<const Let&>(n).var.get());
      if (n.kind == Kind::Alloc) stored_.insert(static_cast<const Alloc&>(n).buffer.get());
      if (n.kind != Kind::Store) return;
      const auto& s = static_cast<const Store&>(n);
      stored_.insert(s.buffer.get());
      if (s.buffer->scope != Scope::register_ || s.value->type.lanes == 1) return;
      const auto slot = slot_of(*s.buffer, s.indices, {});
      slots[{s.buffer.get(), slot ? slot->first.constant : 0}] =
          registers_of(s.value->type, s.value->type.lanes, context);
    });
    registers_ = context.vector_registers - kTemporaries;
    for (const auto& [slot, n] : slots) registers_ -= n;
  }

  /// The body without what `hoisted` computes.
  Stmt body(const Stmt& s) {
    std::vector<Item> out;
    for (const Item& i : open_block(s)) {
      const auto* l = i.stmt.as<Let>();
      if (!l || !i.head) {
        out.push_back({statement(i, false), i.head});
      } else if (invariant(l->value) && movable(l->value, false) && room(l->value)) {
        hoisted.push_back(i);
        bound_.erase(l->var.get());
      } else {
        out.push_back(let_head(l->var, take(l->value, false)));
      }
    }
    return close_block(out);
  }

  std::vector<Item> hoisted;

 private:
  Stmt statement(const Item& i, bool guarded) {
    if (i.head) {
      const auto* l = i.stmt.as<Let>();
      return l ? let(l->var, take(l->value, guarded), seq({})) : i.stmt;
    }
    if (i.stmt->kind == Kind::Store || i.stmt->kind == Kind::Prefetch)  // no statements below it
      return map_children(i.stmt, overloaded{[&](const Expr& e) { return take(e, guarded); },
                                             [](const Stmt& s) { return s; }});
    if (const auto* f = i.stmt.as<For>()) {
      const Expr min = take(f->min, guarded), extent = take(f->extent, guarded);
      return min.same(f->min) && extent.same(f->extent) ? i.stmt
                                                        : for_(f->var, min, extent, f->mode, f->body);
    }
    if (const auto* c = i.stmt.as<If>()) {
      const Expr condition = take(c->condition, guarded);
      const Stmt yes = branch(c->if_true), no = c->if_false ? branch(c->if_false) : nullptr;
      return condition.same(c->condition) && yes.same(c->if_true) && no.same(c->if_false)
                 ? i.stmt
                 : if_(condition, yes, no);
    }
    return scope(i.stmt, guarded);
  }
  Stmt branch(const Stmt& s) { return scope(s, true); }
  Stmt scope(const Stmt& s, bool guarded) {
    std::vector<Item> items = open_block(s);
    for (Item& i : items) i.stmt = statement(i, guarded);
    return close_block(items);
  }
  // The expression with its invariant parts named.
  Expr take(const Expr& e, bool guarded) {
    if (worth_a_name(e) && e->type != kBool && invariant(e) && movable(e, guarded)) {
      const uint64_t h = hash(e);
      if (Expr known = find_name(outer_, h, e)) return known;
      if (Expr known = find_name(named_, h, e)) return known;
      if (room(e)) {
        const VarRef v = var(name_for(e), e->type);
        hoisted.push_back(let_head(v, e));
        named_[h].emplace_back(e, v);
        return v;
      }
    }
    if (is_guard(e)) return e;
    return map_children(e, [&](const Expr& x) { return take(x, guarded); });
  }

  bool invariant(const Expr& e) const {
    bool ok = true;
    walk_all(*e, [&](const Node& n) {
      if (n.kind == Kind::Var) ok &= !bound_.contains(&n);
      if (n.kind == Kind::Load) ok &= !stored_.contains(static_cast<const Load&>(n).buffer.get());
      return ok;
    });
    return ok;
  }

  bool movable(const Expr& e, bool guarded) const {
    const bool pure = cannot_fail(e) && !reads_memory(e);
    return guarded ? pure && e->type.element() == kIndex : pure || runs_;
  }

  // Counts the registers that loads take.
  bool room(const Expr& e) {
    if (hoisted.size() >= limit_) return false;
    const auto* b = e.as<Broadcast>();
    if (e->type.lanes == 1 || (e->kind != Kind::Load && !(b && b->value->kind == Kind::Load))) return true;
    const int n = registers_of(e->type, e->type.lanes, context_);
    if (n > registers_) return false;
    registers_ -= n;
    return true;
  }

  const bool runs_;
  const Names& outer_;
  const size_t limit_;
  const PassContext& context_;
  NodeSet bound_, stored_;
  int registers_ = 0;
  Names named_;
};

class Hoister {
 public:
  explicit Hoister(const PassContext& context) : context_(context) {}

  Stmt block(const Stmt& s) {
    std::vector<Item> out;
    Names names;
    size_t room = kMaxNamed;
    const Bounds::Mark mark = bounds_.mark();
    for (const Item& i : open_block(s)) {
      if (i.head) {
        const auto* l = i.stmt.as<Let>();
        if (l && l->value->type == kIndex && !reads_memory(l->value))
          bounds_.push(l->var, l->value, l->value);
        out.push_back(i);
      } else {
        statement(i.stmt, out, names, room);
      }
    }
    bounds_.pop(mark);
    return close_block(out);
  }

 private:
  void statement(const Stmt& s, std::vector<Item>& out, Names& names, size_t& room) {
    const Bounds::Mark mark = bounds_.mark();
    if (const auto* f = s.as<For>()) {
      const auto least = interval_of(f->extent, bounds_).lo;
      bounds_.push_loop(f->var, f->min, f->extent);
      const Stmt body = block(f->body);
      Stmt loop = body.same(f->body) ? s : for_(f->var, f->min, f->extent, f->mode, body);
      if (f->mode == LoopMode::serial) {
        LoopHoist hoist(*loop.as<For>(), least && *least >= 1, names, std::min(kMaxHoisted, room), context_);
        const Stmt rest = hoist.body(body);
        for (const Item& i : hoist.hoisted) {  // of loads a store may make others
          const auto* l = i.stmt.as<Let>();
          if (!reads_memory(l->value)) names[hash(l->value)].emplace_back(l->value, l->var);
        }
        out.insert(out.end(), hoist.hoisted.begin(), hoist.hoisted.end());
        room -= hoist.hoisted.size();
        if (!rest.same(body)) loop = for_(f->var, f->min, f->extent, f->mode, rest);
      }
      out.push_back({loop});
    } else if (const auto* c = s.as<If>()) {
      bounds_.assume(c->condition, true);
      const Stmt yes = block(c->if_true);
      bounds_.pop(mark);
      bounds_.assume(c->condition, false);
      const Stmt no = c->if_false ? block(c->if_false) : nullptr;
      out.push_back({yes.same(c->if_true) && no.same(c->if_false) ? s : if_(c->condition, yes, no)});
    } else {
      out.push_back({s->kind == Kind::Store || s->kind == Kind::Prefetch ? s : block(s)});
    }
    bounds_.pop(mark);
  }

  const PassContext& context_;
  Bounds bounds_;
};

FuncRef run(const FuncRef& f, const PassContext& context) {
  Stmt body = Hoister(context).block(f->body);
  return body.same(f->body) ? f : func(f->name, f->params, std::move(body));
}

}  // namespace

constinit const Pass passes::hoist_invariants{
    "hoist_invariants", "compute before a loop what it does not change", Form::nested, Form::nested, run};

}  // namespace tc::ir
