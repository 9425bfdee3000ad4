// hoist_guards: the parts of a condition that a loop does not change are decided
// outside it.
//
//   for r in [0, +3) {                                for r in [0, +3) {
//     for s in [0, +3) {                                if h + r >= 1 {
//       if h + r >= 1 && w + s >= 1 {                     for s in [0, +3) {
//         C[h] = C[h] + A[h + r - 1, w + s - 1]    ->       if w + s >= 1 {
//       }                                                     C[h] = C[h] + A[h + r - 1, w + s - 1]
//     }                                                     } } } }
//   }
//
// The `if` must be all that the loop's body does, save for lets and allocs around it.
// With an `else`, it moves whole. Conditions are evaluated where they were not before,
// so those that could be in error there (they read memory, or divide by what may be 0)
// stay: they may be protected by another condition, or by a loop that does not run.
#include <algorithm>

#include "block.h"
#include "clone.h"
#include "tc/ir/passes.h"
#include "values.h"

namespace tc::ir {

namespace {

void conjuncts(const Expr& e, std::vector<Expr>& out) {
  if (const auto* b = e.as<Binary>(); b && b->op == BinaryOp::and_) {
    conjuncts(b->a, out);
    conjuncts(b->b, out);
  } else {
    out.push_back(e);
  }
}
Expr all_of(const std::vector<Expr>& list) {
  Expr out;
  for (const Expr& e : list) out = out ? logical_and(out, e) : e;
  return out;
}

// Whether evaluating it can never be an error.
bool is_safe(const Expr& e) { return cannot_fail(e) && !reads_memory(e); }

/// The `if` that a loop's body consists of, under the heads that enclose it.
struct OnlyIf {
  std::vector<Item> heads;
  const If* branch = nullptr;
};
OnlyIf only_if(const Stmt& body) {
  OnlyIf out{open_block(body), nullptr};
  if (out.heads.empty() || out.heads.back().head) return {};
  out.branch = out.heads.back().stmt.as<If>();
  out.heads.pop_back();
  const bool plain = std::all_of(out.heads.begin(), out.heads.end(), [](const Item& i) { return i.head; });
  return plain ? out : OnlyIf{};
}

Stmt loop_of(const For& f, std::vector<Item> heads, Stmt body) {
  heads.push_back({std::move(body)});
  return for_(f.var, f.min, f.extent, f.mode, close_block(heads));
}

Stmt hoist(const For& f) {
  const OnlyIf only = only_if(f.body);
  if (!only.branch) return nullptr;
  const If& branch = *only.branch;
  const auto moves = [&](const Expr& e) {
    if (!is_safe(e) || uses_var(*e, *f.var)) return false;
    return std::none_of(only.heads.begin(), only.heads.end(), [&](const Item& i) {
      const auto* l = i.stmt.as<Let>();
      return l && uses_var(*e, *l->var);
    });
  };
  if (branch.if_false) {
    if (!moves(branch.condition)) return nullptr;
    return if_(branch.condition, loop_of(f, only.heads, branch.if_true),
               clone(loop_of(f, only.heads, branch.if_false), {}));
  }
  std::vector<Expr> all, outside, inside;
  conjuncts(branch.condition, all);
  for (const Expr& e : all) (moves(e) ? outside : inside).push_back(e);
  if (outside.empty()) return nullptr;
  Stmt body = inside.empty() ? branch.if_true : if_(all_of(inside), branch.if_true);
  return if_(all_of(outside), loop_of(f, only.heads, std::move(body)));
}

// if a { if b { X } } is if a && b { X } where evaluating b needs no protection.
Stmt merge(const If& outer) {
  const auto* inner = outer.if_true.as<If>();
  if (!inner || outer.if_false || inner->if_false || !is_safe(inner->condition)) return nullptr;
  return if_(logical_and(outer.condition, inner->condition), inner->if_true);
}

FuncRef run(const FuncRef& f, const PassContext&) {
  return rewrite_body(f, [](const For& n) { return hoist(n); }, [](const If& n) { return merge(n); });
}

}  // namespace

constinit const Pass passes::hoist_guards{"hoist_guards",
                                          "move conditions out of the loops that do not change them",
                                          Form::nested, Form::nested, run};

}  // namespace tc::ir
