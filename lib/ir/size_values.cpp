#include "tc/ir/size_values.h"

#include "tc/ir/numeric.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

std::optional<int64_t> value_of(const Expr& e, const SizeMap& sizes) {
  if (const auto n = as_int(e)) return n;
  if (const auto* v = e.as<Var>()) {
    const auto found = sizes.find(v);
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  }
  if (const auto* s = e.as<Select>()) {
    const auto c = value_of(s->condition, sizes);
    return c ? value_of(*c ? s->if_true : s->if_false, sizes) : std::nullopt;
  }
  const auto* b = e.as<Binary>();
  const auto x = b ? value_of(b->a, sizes) : std::nullopt, y = b ? value_of(b->b, sizes) : std::nullopt;
  if (!x || !y) return std::nullopt;
  int64_t out = 0;
  switch (b->op) {
    case BinaryOp::add:
      return __builtin_add_overflow(*x, *y, &out) ? std::nullopt : std::optional(out);
    case BinaryOp::sub:
      return __builtin_sub_overflow(*x, *y, &out) ? std::nullopt : std::optional(out);
    case BinaryOp::mul:
      return __builtin_mul_overflow(*x, *y, &out) ? std::nullopt : std::optional(out);
    default:
      return fold_int(b->op, b->a->type, *x, *y);
  }
}

namespace {
// Lowered programs may divide by a size of 0 where nothing runs then.
bool divides_by_size(const Expr& e) {
  bool out = false;
  walk<Binary>(
      e, [&](const Binary& b) { out |= (b.op == BinaryOp::div || b.op == BinaryOp::mod) && !as_int(b.b); });
  return out;
}
}  // namespace

Expr unfit_extent(const Func& f, const SizeMap& sizes) {
  constexpr int64_t kMaxBytes = int64_t{1} << 62;
  Expr bad;
  const auto check = [&](const std::vector<Expr>& extents, int64_t bytes) {
    for (const Expr& e : extents) {
      if (bad || !is_of_sizes(e)) continue;
      const auto n = value_of(e, sizes);
      if ((!n && !divides_by_size(e)) || (n && *n > 0 && bytes > kMaxBytes / *n)) bad = e;
      if (n && *n > 0) bytes *= *n;
    }
  };
  const auto shape = [&](const BufferRef& b) { check(b->shape, b->type.bytes()); };
  for (const BufferRef& b : f.params) shape(b);
  walk_all(*f.body, [&](const Node& n) {
    if (n.kind == Kind::Alloc) shape(static_cast<const Alloc&>(n).buffer);
    if (n.kind == Kind::Reduce) check(static_cast<const Reduce&>(n).extents, 1);
    return !bad;
  });
  return bad;
}

}  // namespace tc::ir
