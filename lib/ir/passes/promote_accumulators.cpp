// promote_accumulators: elements that a loop reads and writes at places which do
// not change in it stay in registers while it runs.
//
//   C[y, ramp(0, 1, 8)] = broadcast(0.0, 8)         alloc C_acc: f32[1, 8] register
//   for k in [0, +64) {                             C_acc[0, ramp(0, 1, 8)] = broadcast(0.0, 8)
//     C[y, ramp(0, 1, 8)] =                         for k in [0, +64) {
//         C[y, ramp(0, 1, 8)] + a[k]          ->      C_acc[0, ramp(0, 1, 8)] = C_acc[0, ramp(0, 1, 8)] +
//         a[k]
//   }                                               }
//                                                   C[y, ramp(0, 1, 8)] = C_acc[0, ramp(0, 1, 8)]
//
// The unit is a run of statements of one block, loops among them, whose accesses
// to a buffer are slots: the same elements or others altogether. Outer blocks are
// tried first, so that a value stays in its register over a whole nest; a block
// without loops gains where it uses what it has just stored.
// - An old value is loaded where it is needed, and only where the program surely
//   read it or wrote it before: never from memory that may be uninitialised.
//   `if ko == 0 { C = 0 }` becomes `if ko == 0 { acc = 0 } else { acc = C }`.
// - Under an `if` inside the run the address must be shown to be in bounds, as
//   loads and stores around the run are unconditional.
// - s = s + vreduce(+, e) in a loop becomes a vector accumulator for each such
//   statement (as registers allow) and one vreduce after the loop. The loop of lanes
//   was marked for reassociation. With min and max of floats, where a NaN is among
//   the operands or 0.0 and -0.0 are, another one of them may be the result than before.
#include "promote_plan.h"
#include "tc/ir/passes.h"

namespace tc::ir {

namespace {

Expr register_value(const BufferRef& b, int place) {
  std::vector<Expr> at{int_imm(place)};
  if (b->shape.size() == 2)
    at.push_back(ramp(int_imm(0), int_imm(1), static_cast<int>(*as_int(b->shape[1]))));
  return load(b, std::move(at));
}
Stmt set_register(const Expr& reg, Expr value) {
  return store(reg.as<Load>()->buffer, reg.as<Load>()->indices, std::move(value));
}

/// Rewrites the items of one block as the plans say.
class Promotion {
 public:
  Promotion(const std::vector<Item>& items, std::vector<Plan> plans, const PassContext& context)
      : items_(items), plans_(std::move(plans)), context_(context), edits_(items.size()) {}

  std::vector<Item> operator()() {
    for (const Plan& p : plans_) {
      add_slots(p);
      add_sums(p);
    }
    std::vector<Item> out;
    for (size_t i = 0; i < items_.size(); ++i) {
      for (const BufferRef& b : edits_[i].allocs) out.push_back(alloc_head(b));
      for (const Stmt& s : edits_[i].before) out.push_back({s});
      active_.clear();
      for (const Plan& p : plans_)
        if (p.first <= i && i <= p.last) active_.push_back(&p);
      out.push_back({edit(items_[i], edits_[i]), items_[i].head});
      for (const Stmt& s : edits_[i].after) out.push_back({s});
    }
    return out;
  }

 private:
  struct Edits {  // of one item
    std::vector<BufferRef> allocs;
    std::vector<Stmt> before, if_true, if_false, after;
  };
  /// A lane sum's vector accumulators, one a term.
  struct Chains {
    LaneSum sum;
    std::vector<Expr> accs;
  };

  void add_slots(const Plan& p) {
    const Buffer* last = nullptr;
    for (const PlannedSlot& s : p.promoted) {
      if (s.reg.get() != last && s.place == 0) edits_[p.first].allocs.push_back(s.reg);
      last = s.reg.get();
      const Expr reg = register_value(s.reg, s.place);
      const std::vector<Expr>& at = p.table[s.slot].indices;
      Edits& e = edits_[s.item];
      if (s.entry != Entry::none) {
        const Stmt bring = set_register(reg, load(p.buffer, at));
        (s.entry == Entry::before    ? e.before
         : s.entry == Entry::if_true ? e.if_true
                                     : e.if_false)
            .push_back(bring);
      }
      if (s.stored) edits_[s.last].after.push_back(store(p.buffer, at, reg));
    }
  }

  // Before the stores of add_slots come those that finish the sums.
  void add_sums(const Plan& p) {
    for (const PlannedSum& s : p.sums) {
      const auto slot = std::find_if(p.promoted.begin(), p.promoted.end(),
                                     [&](const PlannedSlot& x) { return x.slot == s.slot; });
      const Expr total = register_value(slot->reg, slot->place);
      const size_t budget =
          std::max<size_t>(1, static_cast<size_t>(context_.vector_registers) / 2 / p.sums.size());
      std::map<int, std::vector<Expr>> accs;  // by lanes
      std::map<int, size_t> next;
      for (const Store* st : s.stores) {
        Chains chains{*lane_sum_of(*st, p.slots), {}};
        for (const Expr& e : chains.sum.vectors) {
          std::vector<Expr>& of = accs[e->type.lanes];
          const size_t n = next[e->type.lanes]++;
          if (n < budget) of.push_back(add_chain(p, s, e->type));
          chains.accs.push_back(of[n % of.size()]);
        }
        chains_[st] = std::move(chains);
      }
      Expr value = total;
      for (auto& [lanes, of] : accs) value = binary(s.op, value, vector_reduce(s.op, combine_tree(s.op, of)));
      auto& after = edits_[s.item].after;
      after.insert(after.begin(), set_register(total, value));
    }
  }

  Expr add_chain(const Plan& p, const PlannedSum& s, DType type) {
    const BufferRef b = buffer(p.buffer->name + "_lanes", p.buffer->type, {int_imm(1), int_imm(type.lanes)},
                               Scope::register_);
    edits_[s.item].allocs.push_back(b);
    const Expr reg = register_value(b, 0);
    edits_[s.item].before.push_back(set_register(reg, identity_of(s.op, type)));
    return reg;
  }

  Stmt edit(const Item& item, const Edits& e) {
    if (const auto* l = item.stmt.as<Let>(); l && item.head) return let(l->var, apply(l->value), seq({}));
    if (item.head) return item.stmt;
    if (e.if_true.empty() && e.if_false.empty()) return apply(item.stmt);
    const auto* f = item.stmt.as<If>();
    const auto side = [&](std::vector<Stmt> loads, const Stmt& s) {
      if (s) loads.push_back(apply(s));
      return seq(std::move(loads));
    };
    const Stmt no = side(e.if_false, f->if_false);
    return if_(apply(f->condition), side(e.if_true, f->if_true), is_empty(no) ? nullptr : no);
  }

  const PlannedSlot* find(const Node& access) const {
    for (const Plan* p : active_)
      if (const PlannedSlot* s = p->find(access)) return s;
    return nullptr;
  }

  Expr apply(const Expr& e) {
    if (e->kind == Kind::Load)
      if (const PlannedSlot* s = find(*e)) return register_value(s->reg, s->place);
    return map_children(e, [&](const Expr& x) { return apply(x); });
  }

  Stmt apply(const Stmt& s) {
    if (const auto* st = s.as<Store>()) {
      if (const auto it = chains_.find(st); it != chains_.end()) return apply_sum(*st, it->second);
      if (const PlannedSlot* p = find(*st))
        return set_register(register_value(p->reg, p->place), apply(st->value));
    }
    if (const auto* q = s.as<Seq>()) {
      std::vector<Stmt> out;
      for (const Stmt& x : q->stmts) out.push_back(apply(x));
      return std::equal(out.begin(), out.end(), q->stmts.begin(), RefSame()) ? s : seq(std::move(out));
    }
    return map_children(
        s, overloaded{[&](const Expr& x) { return apply(x); }, [&](const Stmt& x) { return apply(x); }});
  }

  Stmt apply_sum(const Store& s, const Chains& c) {
    std::vector<Stmt> out;
    for (size_t i = 0; i < c.accs.size(); ++i)
      out.push_back(set_register(c.accs[i], binary(c.sum.op, c.accs[i], apply(c.sum.vectors[i]))));
    const PlannedSlot* p = find(s);
    Expr value = register_value(p->reg, p->place);
    for (const Expr& e : c.sum.rest) value = binary(c.sum.op, value, apply(e));
    if (!c.sum.rest.empty()) out.push_back(set_register(register_value(p->reg, p->place), value));
    return seq(std::move(out));
  }

  const std::vector<Item>& items_;
  std::vector<Plan> plans_;
  const PassContext& context_;
  std::vector<Edits> edits_;
  std::vector<const Plan*> active_;
  std::unordered_map<const Node*, Chains> chains_;
};

/// Walks down, block by block.
class Promoter {
 public:
  explicit Promoter(const PassContext& context) : context_(context) {}

  Stmt block(const Stmt& s) {
    if (is_empty(s)) return s;
    const Bounds::Mark mark = bounds_.mark();
    const size_t depth = frames_.size();
    std::vector<Item> items = open_block(s);
    for (const Item& i : items)
      if (const auto* l = i.stmt.as<Let>();
          l && i.head && l->value->type == kIndex && !reads_memory(l->value))
        bounds_.push(l->var, l->value, l->value);
    if (std::vector<Plan> plans = plan_promotions(items, frames_, bounds_, context_); !plans.empty())
      items = Promotion(items, std::move(plans), context_)();
    for (Item& i : items) {
      if (i.head)
        frames_.push_back(i.stmt);
      else
        i.stmt = inside(i.stmt);
    }
    frames_.resize(depth);
    bounds_.pop(mark);
    return close_block(items);
  }

 private:
  // A statement that is not a block's head.
  Stmt inside(const Stmt& s) {
    if (s->kind == Kind::Store || s->kind == Kind::Prefetch) return s;
    if (s->kind == Kind::Let || s->kind == Kind::Alloc) return block(s);
    const Bounds::Mark mark = bounds_.mark();
    frames_.push_back(s);
    Stmt out = s;
    if (const auto* f = s.as<For>()) {
      bounds_.push_loop(f->var, f->min, f->extent);
      const Stmt body = block(f->body);
      if (!body.same(f->body)) out = for_(f->var, f->min, f->extent, f->mode, body);
    } else if (const auto* c = s.as<If>()) {
      bounds_.assume(c->condition, true);
      const Stmt yes = block(c->if_true);
      bounds_.pop(mark);
      bounds_.assume(c->condition, false);
      const Stmt no = c->if_false ? block(c->if_false) : nullptr;
      if (!yes.same(c->if_true) || !no.same(c->if_false)) out = if_(c->condition, yes, no);
    }
    frames_.pop_back();
    bounds_.pop(mark);
    return out;
  }

  const PassContext& context_;
  Bounds bounds_;
  Frames frames_;
};

FuncRef run(const FuncRef& f, const PassContext& context) {
  Stmt body = Promoter(context).block(f->body);
  return body.same(f->body) ? f : func(f->name, f->params, std::move(body));
}

}  // namespace

constinit const Pass passes::promote_accumulators{
    "promote_accumulators", "keep what a loop accumulates in registers", Form::nested, Form::nested, run};

}  // namespace tc::ir
