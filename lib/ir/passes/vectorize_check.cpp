// The rule. Running a body statement by statement over all lanes, instead of
// lane by lane, keeps its meaning if no two lanes touch the same element of a
// buffer that the body writes. That is shown in one dimension of the buffer:
// every index there is s * lane + r + t, s and r alike in all accesses, r fixed
// while the body runs, and the values of t span less than |s|.
// Exceptions: a single store outside inner loops (lanes write in order), a store
// that is the same in every lane, and reductions, which may be reassociated.
// Buffers allocated in the body get a copy a lane, and need no proof.
#include "vectorize_check.h"

#include <algorithm>

#include "../reads_memory.h"
#include "tc/ir/affine.h"
#include "tc/ir/interval.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

namespace {

struct Access {
  const std::vector<Expr>* indices;
  const Store* store = nullptr;  // null: a load
  bool in_loop = false;
};

bool associative(BinaryOp op) {
  return op == BinaryOp::add || op == BinaryOp::mul || op == BinaryOp::min || op == BinaryOp::max;
}

class LaneCheck {
 public:
  LaneCheck(const For& loop, LaneFacts& facts) : loop_(loop), facts_(facts) {
    facts_.varying.insert(loop.var.get());
  }

  bool body(const Stmt& s) {
    switch (s->kind) {
      case Kind::Seq: {
        for (const Stmt& x : s.as<Seq>()->stmts)
          if (!body(x)) return false;
        return true;
      }
      case Kind::For:
        return inner_loop(*s.as<For>());
      case Kind::If: {
        const auto& n = *s.as<If>();
        return read(n.condition) && !varies(n.condition) && body(n.if_true) &&
               (!n.if_false || body(n.if_false));
      }
      case Kind::Let: {
        const auto& n = *s.as<Let>();
        if (!read(n.value)) return false;
        if (varies(n.value))
          facts_.varying.insert(n.var.get());
        else
          inner_.insert(n.var.get());
        if (n.value->type == kIndex) lets_[n.var] = substitute(n.value, lets_);
        return body(n.body);
      }
      case Kind::Alloc: {
        const auto& n = *s.as<Alloc>();
        for (const Expr& e : n.buffer->shape)
          if (!read(e) || varies(e)) return false;
        local_.insert(n.buffer.get());
        widen_to(n.buffer->type);
        return body(n.body);
      }
      case Kind::Store:
        return store(*s.as<Store>());
      case Kind::Prefetch:
        return std::all_of(s.as<Prefetch>()->indices.begin(), s.as<Prefetch>()->indices.end(),
                           [&](const Expr& i) { return read(i); });
      default:
        return false;
    }
  }

  bool memory() {
    for (const auto& [buffer, accesses] : accesses_)
      if (!independent(accesses)) return false;
    return true;
  }

 private:
  bool inner_loop(const For& f) {
    if (!read(f.min) || !read(f.extent) || varies(f.min) || varies(f.extent)) return false;
    inner_.insert(f.var.get());
    bounds_.push_loop(f.var, f.min, f.extent);  // variables are distinct: nothing to pop
    ++depth_;
    const bool ok = body(f.body);
    --depth_;
    return ok;
  }

  bool store(const Store& s) {
    for (const Expr& i : s.indices)
      if (!read(i)) return false;
    if (!read(s.value)) return false;
    widen_to(s.buffer->type);
    if (!local_.contains(s.buffer.get())) accesses_[s.buffer.get()].push_back({&s.indices, &s, depth_ > 0});
    return true;
  }

  // Notes the loads below e; false where e is beyond the vectoriser.
  bool read(const Expr& e) {
    bool ok = true;
    walk_all(*e, [&](const Node& node) {
      if (node.kind == Kind::Load) {
        const auto& l = static_cast<const Load&>(node);
        widen_to(l.buffer->type);
        if (!local_.contains(l.buffer.get()))
          accesses_[l.buffer.get()].push_back({&l.indices, nullptr, depth_ > 0});
      } else if (node.kind == Kind::Call) {
        const auto& c = static_cast<const Call&>(node);
        if (c.op == CallOp::if_then_else && varies(c.args[0])) ok = false;
      } else if (node.kind == Kind::Cast) {
        if (const DType t = static_cast<const Cast&>(node).type; t != kIndex) widen_to(t);
      } else if (node.kind == Kind::Reduce) {
        ok = false;
      }
      if (static_cast<const ExprNode&>(node).type.lanes != 1) ok = false;
      return ok;
    });
    return ok;
  }

  bool varies(const Expr& e) const {
    bool found = false;
    walk_all(*e, [&](const Node& node) {
      if (node.kind == Kind::Var) found |= facts_.varying.contains(static_cast<const Var*>(&node));
      if (node.kind == Kind::Load) found |= local_.contains(static_cast<const Load&>(node).buffer.get());
      return !found;
    });
    return found;
  }
  bool any_varies(const std::vector<Expr>& list) const {
    return std::any_of(list.begin(), list.end(), [&](const Expr& e) { return varies(e); });
  }

  bool independent(const std::vector<Access>& accesses) {
    const auto is_store = [](const Access& a) { return a.store != nullptr; };
    const auto stores = std::count_if(accesses.begin(), accesses.end(), is_store);
    if (stores == 0) return true;
    const Access& only = *std::find_if(accesses.begin(), accesses.end(), is_store);
    if (accesses.size() == 1) {
      const bool index = any_varies(*only.indices);
      if (index && !only.in_loop) return true;
      if (!index && !varies(only.store->value)) return true;
    }
    if (stores == 1 && accesses.size() == 2 && !any_varies(*only.indices) && reduction_operand(*only.store)) {
      facts_.reductions.insert(only.store);
      return true;
    }
    for (size_t d = 0; d < only.indices->size(); ++d)
      if (separated(accesses, d)) return true;
    return false;
  }

  // The rule at the head of this file, for dimension d.
  bool separated(const std::vector<Access>& accesses, size_t d) const {
    std::optional<int64_t> stride;
    Affine fixed;
    Interval span;
    for (const Access& a : accesses) {
      const auto sum = to_affine(substitute((*a.indices)[d], lets_));
      if (!sum) return false;
      const int64_t s = sum->coef_of(loop_.var);
      Affine outer;
      Interval rest = Interval::of(sum->constant);
      for (const auto& [atom, coef] : sum->terms) {
        if (atom.get() == loop_.var.get()) continue;
        if (varies(atom) || reads_memory(atom)) return false;
        if (!uses_inner(atom)) {
          if (!outer.add(atom, coef)) return false;
        } else {
          rest = rest + interval_of(atom, bounds_) * Interval::of(coef);
        }
      }
      if (!stride) {
        stride = s, fixed = outer, span = rest;
      } else {
        if (*stride != s || !outer.add(fixed, -1) || !outer.is_constant()) return false;
        span = join(span, rest);
      }
    }
    return stride && *stride != 0 && span.lo && span.hi && *span.hi - *span.lo < std::abs(*stride);
  }

  bool uses_inner(const Expr& e) const {
    bool found = false;
    walk<Var>(e, [&](const Var& v) { found |= inner_.contains(&v); });
    return found;
  }
  void widen_to(DType t) { facts_.widest_bits = std::max<int>(facts_.widest_bits, t.bits); }

  const For& loop_;
  LaneFacts& facts_;
  std::unordered_set<const Buffer*> local_;
  std::unordered_set<const Var*> inner_;  // bound in the body, alike in all lanes
  VarMap lets_;
  Bounds bounds_;
  std::unordered_map<const Buffer*, std::vector<Access>> accesses_;
  int depth_ = 0;
};

bool reads(const Expr& e, const Buffer* buffer) {
  bool found = false;
  walk<Load>(e, [&](const Load& l) { found |= l.buffer.get() == buffer; });
  return found;
}

}  // namespace

Expr reduction_operand(const Store& store) {
  const auto* b = store.value.as<Binary>();
  if (!b || !associative(b->op)) return nullptr;
  const auto is_target = [&](const Expr& e) {
    const auto* l = e.as<Load>();
    if (!l || !l->buffer.same(store.buffer)) return false;
    for (size_t i = 0; i < l->indices.size(); ++i)
      if (!same_expr(l->indices[i], store.indices[i])) return false;
    return true;
  };
  for (const Expr& i : store.indices)
    if (reads(i, store.buffer.get())) return nullptr;
  if (is_target(b->a) && !reads(b->b, store.buffer.get())) return b->b;
  if (is_target(b->b) && !reads(b->a, store.buffer.get())) return b->a;
  return nullptr;
}

LaneFacts lane_facts(const For& loop) {
  LaneFacts facts;
  LaneCheck check(loop, facts);
  facts.ok = check.body(loop.body) && check.memory();
  return facts;
}

}  // namespace tc::ir
