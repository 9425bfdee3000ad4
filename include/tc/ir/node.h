// What every IR node is made of: the kind, the reference-counted handle and
// the table of fields from which traversal, rebuilding, comparison, hashing,
// printing and parsing derive. The nodes themselves stand in expr.h and stmt.h.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tc::ir {

/// Every kind of node: X(enumerator and struct name).
// clang-format off
#define TC_IR_NODES(X)                                                                          \
  X(Var) X(IntImm) X(FloatImm) X(Binary) X(Call) X(Select) X(Cast) X(Load) X(Ramp) X(Broadcast) \
  X(VectorReduce) X(Reduce) X(For) X(Store) X(Prefetch) X(Alloc) X(Seq) X(If) X(Let) X(Compute) \
  X(Scan) X(Extern) X(Buffer) X(Combiner) X(Func)
// clang-format on

enum class Kind : uint8_t {
#define TC_X(T) T,
  TC_IR_NODES(TC_X)
#undef TC_X
};
[[nodiscard]] std::string_view to_string(Kind kind);

/// The head of every node. Nodes are immutable once made, and shared freely
/// between threads.
struct Node {
  const Kind kind;
  /// Nodes on the longest path to a leaf; bounded by kMaxDepth, so that
  /// recursion over any IR, however it was made, fits the stack.
  mutable uint16_t depth = 1;
  mutable std::atomic<uint32_t> refs{0};

  explicit Node(Kind k) : kind(k) {}
  Node(const Node& other) : kind(other.kind), depth(other.depth) {}
  Node& operator=(const Node&) = delete;
};
inline constexpr int kMaxDepth = 2000;

/// Destroys a node whose last handle went away.
void destroy(const Node* node);

/// A handle: 8 bytes, counted, never mutable. Equality is identity; see
/// equal.h for structural equality.
template <class T>
class Ref {
 public:
  constexpr Ref() = default;
  constexpr Ref(std::nullptr_t) {}  // NOLINT(implicit)
  explicit Ref(const T* node) : node_(node) { retain(); }
  Ref(const Ref& other) : node_(other.node_) { retain(); }
  Ref(Ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  template <class U, std::enable_if_t<std::is_base_of_v<T, U> && !std::is_same_v<T, U>, int> = 0>
  Ref(const Ref<U>& other) : node_(other.get()) {
    retain();
  }  // NOLINT(implicit)
  Ref& operator=(Ref other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Ref() {
    if (node_ && node_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(node_);
  }

  [[nodiscard]] const T* get() const { return node_; }
  const T& operator*() const { return *node_; }
  const T* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  /// The node as a U, or null where it is of another kind (or there is none).
  template <class U>
  [[nodiscard]] const U* as() const {
    return node_ && node_->kind == U::kKind ? static_cast<const U*>(static_cast<const Node*>(node_))
                                            : nullptr;
  }
  [[nodiscard]] bool same(const Ref& other) const { return node_ == other.node_; }

 private:
  void retain() const {
    if (node_) node_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  const T* node_ = nullptr;
};

/// For unordered containers keyed by identity.
struct RefHash {
  template <class T>
  size_t operator()(const Ref<T>& ref) const {
    return std::hash<const void*>()(ref.get());
  }
};
struct RefSame {
  template <class T>
  bool operator()(const Ref<T>& a, const Ref<T>& b) const {
    return a.same(b);
  }
};

// ---- field tables: use is a child, attr plain data, def binds a variable or
// a buffer in the fields after it.
enum class Role : uint8_t { use, attr, def };
template <Role R, class C, class T>
struct Field {
  static constexpr Role role = R;
  std::string_view name;
  T C::* member;
};
template <class C, class T>
constexpr auto use(std::string_view name, T C::* member) {
  return Field<Role::use, C, T>{name, member};
}
template <class C, class T>
constexpr auto attr(std::string_view name, T C::* member) {
  return Field<Role::attr, C, T>{name, member};
}
template <class C, class T>
constexpr auto def(std::string_view name, T C::* member) {
  return Field<Role::def, C, T>{name, member};
}

/// Calls `f(field, value)` for each field of `node`, in table order.
template <class T, class F>
void for_each_field(const T& node, F&& f) {
  std::apply([&](const auto&... field) { (f(field, node.*(field.member)), ...); }, T::fields());
}

}  // namespace tc::ir
