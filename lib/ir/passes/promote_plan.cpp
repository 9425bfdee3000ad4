#include "promote_plan.h"

#include <algorithm>

#include "tc/ir/simplify.h"

namespace tc::ir {

const PlannedSlot* Plan::find(const Node& access) const {
  const auto it = slots.find(&access);
  if (it == slots.end()) return nullptr;
  const auto p = std::find_if(promoted.begin(), promoted.end(),
                              [&](const PlannedSlot& s) { return s.slot == it->second; });
  return p == promoted.end() ? nullptr : &*p;
}

namespace {

using VarSet = std::vector<const Var*>;

bool uses_any(const Expr& e, const VarSet& vars) {
  bool found = false;
  walk<Var>(e, [&](const Var& v) { found |= std::find(vars.begin(), vars.end(), &v) != vars.end(); });
  return found;
}

// Whether `condition` holds in the first iteration of some enclosing loops, and
// what is under it, at these indices of the buffer, ran in that iteration for the
// iteration that now runs: `if ko == 0 { C[y] = 0 }` under `for ko { for y {`.
bool ran_in_first_iteration(const Expr& condition, const Buffer& buffer, const std::vector<Expr>& indices,
                            const Frames& frames) {
  if (reads_memory(condition)) return false;
  VarSet changing;  // what differs between then and now
  VarMap first;
  size_t outermost = frames.size();
  bool ok = true;
  walk<Var>(condition, [&](const Var& v) {
    const auto it = std::find_if(frames.begin(), frames.end(),
                                 [&](const Stmt& s) { return s.as<For>() && s.as<For>()->var.get() == &v; });
    ok &= it != frames.end() && it->as<For>()->mode == LoopMode::serial;
    if (!ok) return;
    outermost = std::min(outermost, static_cast<size_t>(it - frames.begin()));
    first[VarRef(&v)] = it->as<For>()->min;
    changing.push_back(&v);
  });
  if (!ok || changing.empty() || !is_int(simplify(substitute(condition, first)), 1)) return false;
  const auto fixed = [&](const Expr& e) { return !reads_memory(e) && !uses_any(e, changing); };
  for (size_t i = outermost; i < frames.size(); ++i) {
    const Stmt& s = frames[i];
    if (const auto* f = s.as<For>(); f && !(fixed(f->min) && fixed(f->extent))) return false;
    if (const auto* f = s.as<If>(); f && !fixed(f->condition)) return false;
    if (const auto* a = s.as<Alloc>(); a && a->buffer.get() == &buffer) return false;
    if (const auto* l = s.as<Let>(); l && !fixed(l->value)) changing.push_back(l->var.get());
  }
  return std::all_of(indices.begin(), indices.end(), fixed);
}

bool in_bounds(const Buffer& b, const std::vector<Expr>& indices, const Bounds& bounds) {
  for (size_t d = 0; d < indices.size(); ++d) {
    const Interval i = interval_of(indices[d], bounds), n = interval_of(b.shape[d], bounds);
    const bool fits = i.lo && i.hi && n.lo && *i.lo >= 0 && *i.hi < *n.lo;
    if (fits) continue;
    if (indices[d]->type.lanes != 1) return false;
    if (prove(indices[d] < b.shape[d], bounds) != true || prove(indices[d] >= 0, bounds) != true)
      return false;
  }
  return true;
}

class Planner {
 public:
  Planner(const std::vector<Item>& items, const Frames& frames, Bounds& bounds, const PassContext& context)
      : items_(items), frames_(frames), bounds_(bounds), context_(context), touches_(items) {}

  std::vector<Plan> operator()() {
    for (const Touches::OfBuffer& of : touches_.buffers())
      if (of.stored && !of.local && !lives_in_registers(of.buffer)) plan_buffer(of);
    return std::move(plans_);
  }

 private:
  using Touched = std::vector<const Touch*>;

  // Whether some store adds the lanes of a vector to the buffer: then it gains
  // vector accumulators here, whatever becomes of the buffer itself.
  static bool sums_lanes(const BufferRef& b, const Stmt& s) {
    bool found = false;
    walk<Store>(s, [&](const Store& st) {
      if (st.buffer.same(b)) walk<VectorReduce>(st.value, [&](const VectorReduce&) { found = true; });
    });
    return found;
  }

  // to_registers will have it whole.
  bool lives_in_registers(const BufferRef& b) const {
    const auto fits = [&](const Stmt& body) {
      return fits_registers(*b, body, context_) && !sums_lanes(b, body);
    };
    const auto own = [&](const Stmt& s) { return s.as<Alloc>() && s.as<Alloc>()->buffer.same(b); };
    for (const Item& i : items_)
      if (i.head && own(i.stmt)) return fits(i.stmt.as<Alloc>()->body);
    const auto f = std::find_if(frames_.begin(), frames_.end(), own);
    return f != frames_.end() && fits(f->as<Alloc>()->body);
  }

  // The longest runs of items whose accesses are slots.
  void plan_buffer(const Touches::OfBuffer& of) {
    Plan group;
    Touched touched;
    const auto finish = [&] {
      if (touched.empty() || accept(group, touched)) return;
      for (const Touch* t : std::exchange(touched, {})) {  // perhaps the loops alone
        Plan alone = start(of.buffer, t->item);
        if (items_[t->item].stmt->kind == Kind::For && extend(alone, *t)) accept(alone, {t});
      }
    };
    for (const Touch& t : of.items) {
      if (!touched.empty()) {
        if (extend(group, t)) {
          touched.push_back(&t);
          continue;
        }
        finish();
        touched.clear();
      }
      group = start(of.buffer, t.item);
      if (extend(group, t)) touched.push_back(&t);
    }
    finish();
  }

  static Plan start(const BufferRef& b, size_t item) {
    Plan p;
    p.buffer = b;
    p.first = p.last = item;
    return p;
  }

  // False leaves slots without accesses behind, which is no harm.
  bool extend(Plan& p, const Touch& t) {
    if (t.barred) return false;
    for (const Access& a : t.accesses) {
      const auto indices = touches_.resolve(*a.indices, p.first);
      const auto slot = indices ? slot_of(*p.buffer, *indices, bounds_) : std::nullopt;
      const int n = slot ? p.table.add(*slot, bounds_) : -1;
      if (n < 0 || n >= kMaxSlots) return false;
      p.slots[a.node] = n;
    }
    p.last = t.item;
    return true;
  }

  Effects effects_of_item(size_t i) {
    const Item& item = items_[i];
    if (!item.head) return effects_of(item.stmt, *slots_, bounds_);
    return item.stmt.as<Let>() ? effects_of(item.stmt.as<Let>()->value, *slots_) : Effects{};
  }

  // Fills in the promoted slots; false where there are none, or too many.
  bool accept(Plan& p, const Touched& touched) {
    slots_ = &p.slots;
    std::vector<Effects> own, rest(touched.size() + 1);
    for (const Touch* t : touched) own.push_back(effects_of_item(t->item));
    for (size_t i = touched.size(); i-- > 0;) rest[i] = then(own[i], rest[i + 1]);
    const SlotSet worth = worthwhile(p, touched);
    std::vector<int> registers(touched.size());             // live at each item
    const int slots = std::min(p.table.size(), kMaxSlots);  // the item that did not fit may have left one
    for (int s = 0; s < slots; ++s) {
      const auto n = static_cast<size_t>(s);
      if (!worth.test(n) || !may_promote(p, n, rest[0])) continue;
      size_t at = 0, last = touched.size() - 1;
      while (!own[at].touches(n)) ++at;
      while (!own[last].touches(n)) --last;
      PlannedSlot planned{
          s, touched[at]->item, touched[last]->item, Entry::none, rest[0].may_write[n], nullptr, 0};
      if (!find_entry(p, n, own[at], rest[at + 1], planned)) continue;
      for (size_t i = at; i <= last; ++i)
        registers[i] += registers_of(p.buffer->type, p.table[s].lanes, context_);
      p.promoted.push_back(planned);
    }
    if (p.promoted.empty() || *std::ranges::max_element(registers) > max_slot_registers(context_))
      return false;
    place(p);
    plan_sums(p, touched);
    plans_.push_back(std::move(p));
    return true;
  }

  // Slots used in a loop, or whose values are written and then used.
  static SlotSet worthwhile(const Plan& p, const Touched& touched) {
    SlotSet out;
    std::vector<int> uses(kMaxSlots);
    for (const Touch* t : touched)
      for (const Access& a : t->accesses) {
        const auto n = static_cast<size_t>(p.slots.at(a.node));
        if (a.in_loop || ++uses[n] > 2) out.set(n);
      }
    return out;
  }

  // Whether loads before and stores after are allowed where only some paths had them.
  bool may_promote(const Plan& p, size_t n, const Effects& whole) {
    const Slot& slot = p.table[static_cast<int>(n)];
    if (!whole.touches(n)) return false;
    if (slot.mixed && !in_bounds(*p.buffer, slot.indices, bounds_)) return false;
    if (whole.may_write[n] && !whole.must_write[n] && in_parallel(p.buffer)) return false;
    return whole.must_write[n] || whole.must_read[n] || in_bounds(*p.buffer, slot.indices, bounds_);
  }

  // Whether iterations of an enclosing loop that run at once share the buffer.
  bool in_parallel(const BufferRef& b) const {
    bool parallel = false;
    for (const Stmt& s : frames_) {
      if (s.as<For>()) parallel |= s.as<For>()->mode != LoopMode::serial;
      if (s.as<Alloc>() && s.as<Alloc>()->buffer.same(b)) parallel = false;
    }
    const auto own = [&](const Item& i) {
      return i.head && i.stmt.as<Alloc>() && i.stmt.as<Alloc>()->buffer.same(b);
    };
    return parallel && std::none_of(items_.begin(), items_.end(), own);
  }

  // Where the old value of slot n is loaded; false where it need not be there to load.
  bool find_entry(const Plan& p, size_t n, const Effects& own, const Effects& rest, PlannedSlot& out) {
    if (own.kills(n)) return true;
    const Item& item = items_[out.item];
    if (const auto* f = item.stmt.as<If>();
        f && !item.head && !effects_of(f->condition, p.slots).may_read[n]) {
      const Effects yes = branch(f->if_true, f->condition, true),
                    no = branch(f->if_false, f->condition, false);
      const auto brings = [&](const Effects& other, bool condition, Entry entry) {
        out.entry = entry;
        return then(other, rest).must_read[n] ||
               ran_before(p, n, condition ? f->condition : logical_not(f->condition));
      };
      if (yes.kills(n)) return brings(no, true, Entry::if_false);
      if (no.kills(n)) return brings(yes, false, Entry::if_true);
    }
    out.entry = Entry::before;
    return then(own, rest).must_read[n];
  }

  Effects branch(const Stmt& s, const Expr& condition, bool value) {
    const Bounds::Mark mark = bounds_.mark();
    bounds_.assume(condition, value);
    const Effects out = effects_of(s, *slots_, bounds_);
    bounds_.pop(mark);
    return out;
  }

  bool ran_before(const Plan& p, size_t n, const Expr& condition) const {
    Frames frames = frames_;
    for (size_t i = 0; i < p.first; ++i)
      if (items_[i].head) frames.push_back(items_[i].stmt);
    return ran_in_first_iteration(condition, *p.buffer, p.table[static_cast<int>(n)].indices, frames);
  }

  // One register buffer for each number of lanes.
  static void place(Plan& p) {
    std::map<int, int> count;
    for (PlannedSlot& s : p.promoted) s.place = count[p.table[s.slot].lanes]++;
    std::map<int, BufferRef> buffers;
    for (const auto& [lanes, n] : count) {
      std::vector<Expr> shape{int_imm(n)};
      if (lanes > 1) shape.push_back(int_imm(lanes));
      buffers[lanes] = buffer(p.buffer->name + "_acc", p.buffer->type, std::move(shape), Scope::register_);
    }
    for (PlannedSlot& s : p.promoted) s.reg = buffers[p.table[s.slot].lanes];
  }

  // Loops that do nothing to a slot but add vectors to it.
  static void plan_sums(Plan& p, const Touched& touched) {
    for (const PlannedSlot& s : p.promoted) {
      for (const Touch* t : touched) {
        PlannedSum sum{t->item, s.slot, BinaryOp::add, {}};
        size_t accesses = 0;
        bool ok = true;
        for (const Access& a : t->accesses) {
          if (p.slots.at(a.node) != s.slot) continue;
          ++accesses;
          if (a.node->kind != Kind::Store) continue;
          const auto* store = static_cast<const Store*>(a.node);
          const auto form = a.in_loop ? lane_sum_of(*store, p.slots) : std::nullopt;
          ok &= form && (sum.stores.empty() || form->op == sum.op);
          if (ok) sum.op = form->op;
          sum.stores.push_back(store);
        }
        // a load for each store: the one that the sum starts with
        if (ok && !sum.stores.empty() && accesses == 2 * sum.stores.size()) p.sums.push_back(std::move(sum));
      }
    }
  }

  const std::vector<Item>& items_;
  const Frames& frames_;
  Bounds& bounds_;
  const PassContext& context_;
  Touches touches_;
  const SlotMap* slots_ = nullptr;
  std::vector<Plan> plans_;
};

}  // namespace

std::vector<Plan> plan_promotions(const std::vector<Item>& items, const Frames& frames, Bounds& bounds,
                                  const PassContext& context) {
  return Planner(items, frames, bounds, context)();
}

}  // namespace tc::ir
