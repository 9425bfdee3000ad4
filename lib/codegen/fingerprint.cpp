#include "fingerprint.h"

#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

#include "target_parts.h"
#include "tc/ir/traverse.h"

namespace tc::codegen {

using namespace ir;

namespace {

// Nodes in pre-order: kind, type, plain data, children. A node met again is
// written as the place where it was first, so that shared expressions cost
// their size once; one with a single handle cannot be met again.
class Writer {
 public:
  std::string out;

  void node(const Node& n) {
    if (n.refs.load(std::memory_order_relaxed) > 1) {
      const auto [it, first] = place_.emplace(&n, out.size());
      if (!first) {
        out += '\xff';
        raw(static_cast<uint32_t>(it->second));
        return;
      }
    }
    out += static_cast<char>(n.kind);
    dispatch(n, [&](const auto& m) {
      using T = std::decay_t<decltype(m)>;
      if constexpr (std::is_base_of_v<ExprNode, T>) value(m.type);
      for_each_field(m, [&](const auto& field, const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
          if (T::kKind != Kind::Var && T::kKind != Kind::Buffer) value(v);
        } else {
          (void)field;
          value(v);
        }
      });
    });
  }

 private:
  template <class V>
  void raw(const V& v) {
    char bytes[sizeof(V)];
    std::memcpy(bytes, &v, sizeof(V));
    out.append(bytes, sizeof(V));
  }
  void value(const std::string& s) {
    raw(static_cast<uint32_t>(s.size()));
    out += s;
  }
  void value(DType t) {
    out += static_cast<char>(t.code);
    out += static_cast<char>(t.bits);
    raw(t.lanes);
  }
  template <class T>
  void value(const Ref<T>& r) {
    if (r)
      node(*r);
    else
      out += '\xfe';
  }
  template <class T>
  void value(const std::vector<T>& items) {
    raw(static_cast<uint32_t>(items.size()));
    for (const T& i : items) value(i);
  }
  template <class V, std::enable_if_t<std::is_arithmetic_v<V> || std::is_enum_v<V>, int> = 0>
  void value(V v) {
    raw(v);
  }

  std::unordered_map<const Node*, size_t> place_;
};

}  // namespace

std::string canonical_bytes(const Func& func) {
  Writer w;
  w.node(func);
  return std::move(w.out);
}

std::string cache_key(const Func& func, const AbiSpec& abi, const Target& target, std::string_view compiler) {
  std::string all = fmt::format("tc {} {} llvm {} {}\n{}\n", kCodegenEpoch, compiler, llvm_version(),
                                machine_key(target), abi.workload);
  for (const AbiArg& a : abi.args) {
    for (size_t d = 0; d < a.extents.size(); ++d) all += extent_text(a, d) + ",";
    all += fmt::format("{}\x01{} {} {} {}\n", a.name, to_string(a.type), fmt::join(a.shape, ","), a.is_output,
                       a.alignment);
  }
  for (const VarRef& v : abi.sizes()) all += fmt::format("{} {}\n", v->name, v->least.value_or(0));
  return digest(all + canonical_bytes(func));
}

}  // namespace tc::codegen
