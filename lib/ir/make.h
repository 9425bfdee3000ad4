// What the makers of expressions and statements share. Private to lib/ir.
#pragma once
#include <fmt/format.h>

#include "tc/ir/traverse.h"

namespace tc::ir {

template <class T, class... A>
Ref<T> make(A&&... args) {
  Ref<T> node(new T(std::forward<A>(args)...));
  detail::finish(node.get());
  return node;
}

inline void require_value(std::string_view where, const Expr& e) {
  TC_REQUIRE(e, Error("ir.type", fmt::format("{} is given no expression", where)));
}
inline void require_scalar(std::string_view where, const Expr& e) {
  require_value(where, e);
  TC_REQUIRE(e->type.lanes == 1,
             Error("ir.type", fmt::format("{} needs a scalar, not {}", where, to_string(e->type))));
}
/// As many indices as dimensions, all integers of type i64; the lanes of the access.
inline int check_indices(const Buffer& buffer, const std::vector<Expr>& indices) {
  TC_REQUIRE(indices.size() == buffer.shape.size(),
             Error("ir.rank", fmt::format("{} has {} dimensions and is read or written with {} indices",
                                          buffer.name, buffer.shape.size(), indices.size()))
                 .fix("give one index a dimension"));
  int lanes = 1;
  for (const Expr& i : indices) {
    require_value("an index", i);
    TC_REQUIRE(i->type.element() == kIndex,
               Error("ir.type", fmt::format("an index of {} has type {}", buffer.name, to_string(i->type)))
                   .fix("cast it: cast(i64, x)"));
    if (i->type.lanes != 1) {
      TC_REQUIRE(lanes == 1 || lanes == i->type.lanes,
                 Error("ir.type", fmt::format("indices of {} have different numbers of lanes", buffer.name)));
      lanes = i->type.lanes;
    }
  }
  return lanes;
}

}  // namespace tc::ir
