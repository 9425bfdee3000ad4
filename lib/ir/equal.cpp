#include "tc/ir/equal.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

// Bound names are numbered as they are met; free ones compare by identity.
using Numbering = std::unordered_map<const Node*, int64_t>;

template <class V>
uint64_t hash_attr(const V& v) {
  if constexpr (std::is_same_v<V, std::string>) {
    uint64_t h = 1469598103934665603ull;
    for (const char c : v) h = (h ^ static_cast<uint8_t>(c)) * 1099511628211ull;
    return h;
  } else if constexpr (std::is_same_v<V, double>) {
    return std::bit_cast<uint64_t>(v);
  } else if constexpr (std::is_same_v<V, DType>) {
    return static_cast<uint64_t>(v.code) << 32 | static_cast<uint64_t>(v.bits) << 16 | v.lanes;
  } else {
    return static_cast<uint64_t>(v);
  }
}
template <class V>
bool equal_attr(const V& a, const V& b) {
  if constexpr (std::is_same_v<V, double>)
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
  else
    return a == b;
}
uint64_t mix(uint64_t h, uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
  h *= 0xff51afd7ed558ccdull;
  return h ^ (h >> 32);
}
// Names of variables, buffers and functions do not count; a combiner's does not either.
template <class T>
inline constexpr bool ignores_name = std::is_same_v<T, Var> || std::is_same_v<T, Buffer> ||
                                     std::is_same_v<T, Func> || std::is_same_v<T, Combiner>;

// The extents that parameters' shapes name: variables that stand alone there
// are bound by the function. Calls f(parameter, dimension, variable).
template <class F>
void for_each_symbol(const Func& fn, F&& f) {
  for (size_t i = 0; i < fn.params.size(); ++i)
    for (size_t d = 0; d < fn.params[i]->shape.size(); ++d)
      if (const auto* v = fn.params[i]->shape[d].as<Var>()) f(i, d, *v);
}
// The sizes in an extent, in order of appearance.
std::vector<const Var*> sizes_in(const Expr& e) {
  std::vector<const Var*> out;
  walk<Var>(e, [&](const Var& v) {
    if (v.least) out.push_back(&v);
  });
  return out;
}

struct Comparer {
  Numbering left, right;
  int64_t count = 0;  // not left.size(): a variable may be bound again, in another place

  bool named(const Node& a, const Node& b) {
    const auto x = left.find(&a), y = right.find(&b);
    if (x == left.end() || y == right.end()) return x == left.end() && y == right.end() && &a == &b;
    return x->second == y->second;
  }
  bool define(const Node& a, const Node& b) {
    const int64_t n = count++;
    bool same = a.kind == b.kind;
    if (same && a.kind == Kind::Var)
      same = static_cast<const Var&>(a).type == static_cast<const Var&>(b).type;
    if (same && a.kind == Kind::Buffer)
      same = fields(static_cast<const Buffer&>(a), static_cast<const Buffer&>(b));
    left.insert_or_assign(&a, n);
    right.insert_or_assign(&b, n);
    return same;
  }
  bool node(const Node& a, const Node& b) {
    if (a.kind != b.kind) return false;
    if (a.kind == Kind::Var || a.kind == Kind::Buffer) return named(a, b);
    return dispatch(a, [&](const auto& x) {
      using T = std::decay_t<decltype(x)>;
      const auto& y = static_cast<const T&>(b);
      if constexpr (std::is_base_of_v<ExprNode, T>)
        if (x.type != y.type) return false;
      if constexpr (std::is_same_v<T, Func>) define_symbols(x, y);
      return fields(x, y);
    });
  }
  void define_symbols(const Func& a, const Func& b) {
    if (a.params.size() != b.params.size()) return;
    for_each_symbol(a, [&](size_t i, size_t d, const Var& v) {
      if (d >= b.params[i]->shape.size()) return;
      const auto* w = b.params[i]->shape[d].as<Var>();
      if (w && v.least.value_or(0) == w->least.value_or(0) && !left.count(&v) && !right.count(w))
        (void)define(v, *w);
    });
    // what a flat function's shapes name without any that stands alone, and so without its least value
    std::unordered_set<const Var*> alone;
    for (const Func* f : {&a, &b})
      for_each_symbol(*f, [&](size_t, size_t, const Var& v) { alone.insert(&v); });
    for (size_t i = 0; i < a.params.size(); ++i)
      for (size_t d = 0; d < std::min(a.params[i]->shape.size(), b.params[i]->shape.size()); ++d) {
        const auto x = sizes_in(a.params[i]->shape[d]), y = sizes_in(b.params[i]->shape[d]);
        for (size_t n = 0; n < std::min(x.size(), y.size()); ++n)
          if (!left.count(x[n]) && !right.count(y[n]) && !alone.count(x[n]) && !alone.count(y[n]))
            (void)define(*x[n], *y[n]);
      }
  }
  template <class T>
  bool fields(const T& a, const T& b) {
    bool same = true;
    for_each_field(a, [&](const auto& field, const auto& x) {
      if (!same || (field.name == "name" && ignores_name<T>)) return;
      same = value<std::decay_t<decltype(field)>::role>(x, b.*(field.member));
    });
    return same;
  }
  template <Role R, class V>
  bool value(const V& x, const V& y) {
    if constexpr (detail::is_ref<V>) {
      if (!x || !y) return !x && !y;
      return R == Role::def ? define(*x, *y) : node(*x, *y);
    } else if constexpr (detail::is_ref_vector<V>) {
      if (x.size() != y.size()) return false;
      for (size_t i = 0; i < x.size(); ++i)
        if (!value<R>(x[i], y[i])) return false;
      return true;
    } else {
      return equal_attr(x, y);
    }
  }
};

struct Hasher {
  Numbering bound;
  int64_t count = 0;

  uint64_t define(const Node& n) {
    uint64_t h = static_cast<uint64_t>(n.kind);
    if (n.kind == Kind::Var) h = mix(h, hash_attr(static_cast<const Var&>(n).type));
    if (n.kind == Kind::Buffer) h = mix(h, fields(static_cast<const Buffer&>(n)));
    bound.insert_or_assign(&n, count++);
    return h;
  }
  uint64_t node(const Node& n) {
    if (n.kind == Kind::Var || n.kind == Kind::Buffer) {
      const auto it = bound.find(&n);
      return it == bound.end() ? std::hash<const void*>()(&n) : mix(17, static_cast<uint64_t>(it->second));
    }
    return dispatch(n, [&](const auto& x) {
      using T = std::decay_t<decltype(x)>;
      uint64_t h = mix(31, static_cast<uint64_t>(T::kKind));
      if constexpr (std::is_same_v<T, Func>)
        for_each_symbol(x, [&](size_t, size_t, const Var& v) {
          if (!bound.count(&v)) (void)define(v);
        });
      if constexpr (std::is_same_v<T, Func>)
        for (const BufferRef& p : x.params)
          for (const Expr& e : p->shape)
            for (const Var* v : sizes_in(e))
              if (!bound.count(v)) (void)define(*v);
      if constexpr (std::is_base_of_v<ExprNode, T>) h = mix(h, hash_attr(x.type));
      return mix(h, fields(x));
    });
  }
  template <class T>
  uint64_t fields(const T& n) {
    uint64_t h = 7;
    for_each_field(n, [&](const auto& field, const auto& v) {
      if (field.name == "name" && ignores_name<T>) return;
      h = mix(h, value<std::decay_t<decltype(field)>::role>(v));
    });
    return h;
  }
  template <Role R, class V>
  uint64_t value(const V& v) {
    if constexpr (detail::is_ref<V>) {
      if (!v) return 3;
      return R == Role::def ? define(*v) : node(*v);
    } else if constexpr (detail::is_ref_vector<V>) {
      uint64_t h = v.size();
      for (const auto& item : v) h = mix(h, value<R>(item));
      return h;
    } else {
      return hash_attr(v);
    }
  }
};

template <class T>
bool equal_refs(const Ref<T>& a, const Ref<T>& b) {
  if (!a || !b) return !a && !b;
  return a.same(b) || Comparer().node(*a, *b);
}

}  // namespace

bool equal(const Expr& a, const Expr& b) { return equal_refs(a, b); }
bool equal(const Stmt& a, const Stmt& b) { return equal_refs(a, b); }
bool equal(const FuncRef& a, const FuncRef& b) { return equal_refs(a, b); }
uint64_t hash(const Expr& e) { return e ? Hasher().node(*e) : 3; }
uint64_t hash(const Stmt& s) { return s ? Hasher().node(*s) : 3; }
uint64_t hash(const FuncRef& f) { return f ? Hasher().node(*f) : 3; }

}  // namespace tc::ir
