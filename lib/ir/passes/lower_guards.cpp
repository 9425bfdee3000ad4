// lower_guards: if_then_else becomes the statement `if`.
//
//   B[i] = if_then_else(i < 3, A[i], 0.0)    ->    if i < 3 { B[i] = A[i] } else { B[i] = 0.0 }
//
// An expression that several guards of one condition stand in is decided once.
// Guards are taken from the outside in, so that nothing is evaluated that was
// protected. A statement under more than kMaxConditions different conditions
// would need 2^n copies: its guarded values go through temporaries instead. A prefetch
// at a guarded index is left out.
#include <algorithm>

#include "clone.h"
#include "tc/ir/affine.h"
#include "tc/ir/passes.h"

namespace tc::ir {

namespace {

constexpr size_t kMaxConditions = 3;

const Call* as_guard(const Node& node) {
  if (node.kind != Kind::Call) return nullptr;
  const auto& c = static_cast<const Call&>(node);
  return c.op == CallOp::if_then_else ? &c : nullptr;
}

bool has_guard(const Expr& e) {
  bool found = false;
  walk_all(*e, [&](const Node& n) { return !(found |= as_guard(n) != nullptr); });
  return found;
}

// The guards that are evaluated whatever happens and whose condition has none of its own.
void free_guards(const Expr& e, std::vector<Expr>& out) {
  if (!e) return;
  if (const Call* guard = as_guard(*e)) {
    if (has_guard(guard->args[0])) return free_guards(guard->args[0], out);
    out.push_back(e);
    return;
  }
  for_each_child(*e, [&](const Node& child, Role role) {
    if (role == Role::use && child.kind != Kind::Buffer && child.kind != Kind::Combiner)
      free_guards(Expr(static_cast<const ExprNode*>(&child)), out);
  });
}

// The expressions that a statement evaluates before anything below it runs.
std::vector<Expr> own_exprs(const Stmt& s) {
  switch (s->kind) {
    case Kind::Store: {
      std::vector<Expr> out = s.as<Store>()->indices;
      out.push_back(s.as<Store>()->value);
      return out;
    }
    case Kind::Let:
      return {s.as<Let>()->value};
    case Kind::If:
      return {s.as<If>()->condition};
    case Kind::For:
      return {s.as<For>()->min, s.as<For>()->extent};
    case Kind::Alloc:
      return s.as<Alloc>()->buffer->shape;
    default:
      return {};
  }
}

Stmt with_own(const Stmt& s, const std::vector<Expr>& e) {
  switch (s->kind) {
    case Kind::Store:
      return store(s.as<Store>()->buffer, {e.begin(), e.end() - 1}, e.back());
    case Kind::Let:
      return let(s.as<Let>()->var, e[0], s.as<Let>()->body);
    case Kind::If:
      return if_(e[0], s.as<If>()->if_true, s.as<If>()->if_false);
    case Kind::For:
      return for_(s.as<For>()->var, e[0], e[1], s.as<For>()->mode, s.as<For>()->body);
    default:
      TC_ASSERT(false, "an extent of an allocation is guarded");
      return s;
  }
}

// e where `condition` is known to be `value`: guards by it are decided.
Expr decide(const Expr& e, const Expr& condition, bool value) {
  if (const Call* guard = as_guard(*e); guard && same_expr(guard->args[0], condition))
    return decide(guard->args[value ? 1 : 2], condition, value);
  std::vector<Expr> children;
  bool changed = false;
  for_each_child(*e, [&](const Node& child, Role role) {
    if (role != Role::use || child.kind == Kind::Buffer || child.kind == Kind::Combiner) return;
    const Expr old(static_cast<const ExprNode*>(&child));
    children.push_back(decide(old, condition, value));
    changed |= !children.back().same(old);
  });
  return changed ? rebuild(*e, children) : e;
}

Expr replace(const Expr& e, const Expr& old, const Expr& by) {
  return rewrite(e, [&](const Call& c) -> Expr { return same_expr(Expr(&c), old) ? by : nullptr; });
}

Stmt lower(const Stmt& s);

// Both sides of the first condition, each with what is left of the guards.
Stmt branch(const Stmt& s, const std::vector<Expr>& exprs, const Expr& condition) {
  const auto side = [&](bool value) {
    std::vector<Expr> out;
    for (const Expr& e : exprs) out.push_back(decide(e, condition, value));
    return lower(with_own(s, out));
  };
  return if_(condition, side(true), clone(side(false), {}));
}

// alloc t;  if c { t[0] = a } else { t[0] = b };  s with t[0] for the guards
Stmt through_memory(const Stmt& s, std::vector<Expr> exprs, const std::vector<Expr>& guards) {
  std::vector<std::pair<BufferRef, Stmt>> temps;
  for (const Expr& guard : guards) {
    const BufferRef t = buffer("guarded", guard->type.element(), {int_imm(guard->type.lanes)}, Scope::stack);
    const Expr at = ramp(int_imm(0), int_imm(1), guard->type.lanes);
    const Call& c = *as_guard(*guard);
    bool used = false;
    for (Expr& e : exprs) {
      Expr next = replace(e, guard, load(t, {at}));
      used |= !next.same(e);
      e = next;
    }
    if (!used) continue;  // equal to one before
    temps.emplace_back(t, if_(c.args[0], lower(store(t, {at}, c.args[1])), lower(store(t, {at}, c.args[2]))));
  }
  Stmt out = lower(with_own(s, exprs));
  for (auto it = temps.rbegin(); it != temps.rend(); ++it) out = alloc(it->first, seq({it->second, out}));
  return out;
}

// `s` has no guards but in its own expressions.
Stmt lower(const Stmt& s) {
  const std::vector<Expr> exprs = own_exprs(s);
  std::vector<Expr> guards, conditions;
  for (const Expr& e : exprs) free_guards(e, guards);
  if (guards.empty()) return s;
  for (const Expr& g : guards) {
    const Expr& c = as_guard(*g)->args[0];
    if (std::none_of(conditions.begin(), conditions.end(), [&](const Expr& x) { return same_expr(x, c); }))
      conditions.push_back(c);
  }
  if (conditions.size() > kMaxConditions) return through_memory(s, exprs, guards);
  return branch(s, exprs, conditions[0]);
}

FuncRef run(const FuncRef& func, const PassContext&) {
  return rewrite_body(
      func, [](const Store& s) { return lower(Stmt(&s)); }, [](const Let& s) { return lower(Stmt(&s)); },
      [](const If& s) { return lower(Stmt(&s)); }, [](const For& s) { return lower(Stmt(&s)); },
      [](const Alloc& s) { return lower(Stmt(&s)); },
      [](const Prefetch& s) -> Stmt {  // a hint is not worth a branch
        return std::any_of(s.indices.begin(), s.indices.end(), has_guard) ? seq({}) : nullptr;
      },
      [](const Seq& q) { return flat_seq(q); });
}

}  // namespace

constinit const Pass passes::lower_guards{"lower_guards", "turn if_then_else into if statements",
                                          Form::nested, Form::nested, run};

}  // namespace tc::ir
