// Visiting and rebuilding IR, from the field tables alone.
#pragma once
#include <unordered_map>

#include "tc/ir/stmt.h"

namespace tc::ir {

/// Calls f(const T&) with the node's own type.
template <class F>
decltype(auto) dispatch(const Node& node, F&& f) {
  switch (node.kind) {
#define TC_X(T) \
  case Kind::T: \
    return f(static_cast<const T&>(node));
    TC_IR_NODES(TC_X)
#undef TC_X
  }
  __builtin_unreachable();
}

namespace detail {
template <class T>
inline constexpr bool is_ref = false;
template <class T>
inline constexpr bool is_ref<Ref<T>> = true;
template <class T>
inline constexpr bool is_ref_vector = false;
template <class T>
inline constexpr bool is_ref_vector<std::vector<Ref<T>>> = true;

// Calls f(Ref) on each child node of a field's value.
template <class V, class F>
void for_each_ref(const V& value, F&& f) {
  if constexpr (is_ref<V>) {
    if (value) f(value);
  } else if constexpr (is_ref_vector<V>) {
    for (const auto& item : value)
      if (item) f(item);
  }
}
}  // namespace detail

/// Calls f(const Node&, Role) on each direct child: used nodes and defined
/// variables and buffers, in table order. A buffer that a Load, Store or
/// Compute names is not entered by it.
template <class F>
void for_each_child(const Node& node, F&& f) {
  dispatch(node, [&](const auto& n) {
    for_each_field(n, [&](const auto& field, const auto& value) {
      detail::for_each_ref(value, [&](const auto& ref) { f(static_cast<const Node&>(*ref), field.role); });
    });
  });
}

/// Pre-order visit of `root` and all below it. `f` may return bool: false does
/// not descend. Enters a buffer's shape only where the buffer is defined.
template <class F>
void walk_all(const Node& root, F&& f) {
  if constexpr (std::is_same_v<decltype(f(root)), bool>) {
    if (!f(root)) return;
  } else {
    f(root);
  }
  for_each_child(root, [&](const Node& child, Role role) {
    if (child.kind == Kind::Buffer && role != Role::def) return;
    walk_all(child, f);
  });
}

/// Pre-order visit of the nodes of type T: walk<Load>(stmt, [](const Load& l) {...}).
template <class T, class R, class F>
void walk(const Ref<R>& root, F&& f) {
  if (!root) return;
  walk_all(*root, [&](const Node& node) {
    if (node.kind == T::kKind) f(static_cast<const T&>(node));
  });
}

namespace detail {
template <class F>
Expr map_ref(const Expr& child, F&& f) {
  return child ? f(child) : child;
}
template <class F>
Stmt map_ref(const Stmt& child, F&& f) {
  return child ? f(child) : child;
}
template <class F>
VarRef map_ref(const VarRef& child, F&&) {
  return child;
}
template <class F>
BufferRef map_ref(const BufferRef& child, F&&) {
  return child;
}
template <class F>
CombinerRef map_ref(const CombinerRef& child, F&&) {
  return child;
}

template <class V, class F>
bool map_field(const V& value, V& out, F&& f) {
  bool changed = false;
  if constexpr (is_ref<V>) {
    out = map_ref(value, f);
    changed = !out.same(value);
  } else if constexpr (is_ref_vector<V>) {
    for (size_t i = 0; i < value.size(); ++i) {
      auto item = map_ref(value[i], f);
      if (!item.same(value[i])) {
        out[i] = std::move(item);
        changed = true;
      }
    }
  }
  return changed;
}
void finish(const Node* node);  // sets the depth; error ir.depth

template <class T, class F>
Ref<T> map_children_of(const T& node, F&& f) {
  // most rewrites leave most nodes alone: find out before copying
  T* copy = nullptr;
  Ref<T> hold;
  for_each_field(node, [&](const auto& field, const auto& value) {
    using V = std::decay_t<decltype(value)>;
    if constexpr (std::decay_t<decltype(field)>::role == Role::use && (is_ref<V> || is_ref_vector<V>)) {
      V mapped = value;
      if (!map_field(value, mapped, f)) return;
      if (!copy) hold = Ref<T>(copy = new T(node));
      copy->*(field.member) = std::move(mapped);
    }
  });
  if (!copy) return Ref<T>(&node);
  finish(copy);
  return hold;
}
}  // namespace detail

/// The same node with f applied to each used expression and statement (not to
/// variables it defines, buffers or combiners); the same pointer where f
/// changed nothing. f takes Expr -> Expr and Stmt -> Stmt. Types are kept as
/// they are: use the makers of expr.h where a child's type may change. A sequence
/// stays flat, and loses its empty statements, where f gives sequences.
template <class F>
Expr map_children(const Expr& e, F&& f) {
  return dispatch(*e, [&](const auto& n) -> Expr {
    using T = std::decay_t<decltype(n)>;
    if constexpr (std::is_base_of_v<ExprNode, T>)
      return detail::map_children_of(n, f);
    else
      return e;
  });
}
template <class F>
Stmt map_children(const Stmt& s, F&& f) {
  return dispatch(*s, [&](const auto& n) -> Stmt {
    using T = std::decay_t<decltype(n)>;
    if constexpr (std::is_same_v<T, Seq>) {  // f may give sequences, which do not nest
      std::vector<Stmt> items;
      bool changed = false;
      for (const Stmt& item : n.stmts) items.push_back(f(item)), changed |= !items.back().same(item);
      return changed ? seq(std::move(items)) : s;
    } else if constexpr (std::is_base_of_v<StmtNode, T>) {
      return detail::map_children_of(n, f);
    } else {
      return s;
    }
  });
}

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

namespace detail {
template <class H>
struct Rewriter {
  H& handlers;
  Expr operator()(const Expr& e) const { return apply<Expr>(map_children(e, *this)); }
  Stmt operator()(const Stmt& s) const { return apply<Stmt>(map_children(s, *this)); }
  template <class R>
  R apply(const R& r) const {
    H& h = handlers;
    return dispatch(*r, [&h, &r](const auto& n) -> R {
      using T = std::decay_t<decltype(n)>;
      if constexpr (std::is_invocable_v<H&, const T&>) {
        if constexpr (std::is_convertible_v<std::invoke_result_t<H&, const T&>, R>) {
          R out = h(n);
          return out ? out : r;
        }
      }
      return r;
    });
  }
};
}  // namespace detail

/// Bottom-up rewrite with typed lambdas; a lambda is given a node whose
/// children are rewritten already and returns its replacement, or null to keep
/// it. Nothing changed: the same pointer comes back.
///   rewrite(body, [&](const Load& l) -> Expr { ... }, [&](const For& f) -> Stmt { ... });
template <class R, class... F>
[[nodiscard]] R rewrite(const R& root, F... f) {
  if (!root) return root;
  overloaded<F...> handlers{f...};
  return detail::Rewriter<overloaded<F...>>{handlers}(root);
}
template <class... F>
[[nodiscard]] FuncRef rewrite_body(const FuncRef& fn, F... f) {
  Stmt body = rewrite(fn->body, f...);
  return body.same(fn->body) ? fn : func(fn->name, fn->params, body);
}

using VarMap = std::unordered_map<VarRef, Expr, RefHash, RefSame>;
using BufferMap = std::unordered_map<BufferRef, BufferRef, RefHash, RefSame>;
/// Replaces free variables; expressions are rebuilt through the makers, so
/// constants fold. Types may change lanes (a scalar variable by a vector)
/// only where every operation can follow: use the vectoriser for that.
[[nodiscard]] Expr substitute(const Expr& e, const VarMap& map);
[[nodiscard]] Stmt substitute(const Stmt& s, const VarMap& map);
/// Renames buffers in loads, stores, allocs and computes.
[[nodiscard]] Stmt substitute(const Stmt& s, const BufferMap& map);
/// Rebuilds one expression node from new children through the makers.
[[nodiscard]] Expr rebuild(const ExprNode& node, std::span<const Expr> children);
[[nodiscard]] bool uses_var(const Node& root, const Var& v);

}  // namespace tc::ir
