#include "tc/ir/size_values.h"

#include "tc/ir/numeric.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

namespace {

class Evaluator {
 public:
  explicit Evaluator(const SizeMap& sizes) : sizes_(sizes) {}
  bool overflow = false;  // some part left 64 bits

  std::optional<int64_t> operator()(const Expr& e) {
    if (const auto n = as_int(e)) return n;
    if (const auto* v = e.as<Var>()) {
      const auto found = sizes_.find(v);
      return found == sizes_.end() ? std::nullopt : std::optional(found->second);
    }
    if (const auto* s = e.as<Select>()) return choose(s->condition, s->if_true, s->if_false);
    if (const auto* b = e.as<Binary>()) return binary(*b);
    if (const auto* c = e.as<Call>()) return call(*c);
    if (const auto* c = e.as<Cast>(); c && !c->type.is_float() && !c->value->type.is_float()) {
      const auto x = (*this)(c->value);
      return x && c->type.is_bool() ? std::optional<int64_t>(*x != 0)
             : x                    ? std::optional(wrap(c->type, *x))
                                    : x;
    }
    return std::nullopt;
  }

 private:
  std::optional<int64_t> choose(const Expr& condition, const Expr& a, const Expr& b) {
    const auto c = (*this)(condition);
    return c ? (*this)(*c ? a : b) : std::nullopt;
  }
  std::optional<int64_t> call(const Call& c) {
    if (c.op == CallOp::if_then_else) return choose(c.args[0], c.args[1], c.args[2]);
    const auto x = c.op == CallOp::neg || c.op == CallOp::abs || c.op == CallOp::not_ ? (*this)(c.args[0])
                                                                                      : std::nullopt;
    if (!x) return std::nullopt;
    if (c.op == CallOp::not_) return c.type.is_bool() ? !*x : ~*x;
    if (c.op == CallOp::abs && *x >= 0) return x;
    int64_t out = 0;
    const bool wraps = __builtin_sub_overflow(int64_t{0}, *x, &out);
    overflow |= wraps;
    return wraps ? std::nullopt : std::optional(out);
  }
  std::optional<int64_t> binary(const Binary& b) {
    const auto x = (*this)(b.a), y = (*this)(b.b);
    if (!x || !y) return std::nullopt;
    int64_t out = 0;
    bool wraps = false;
    switch (b.op) {
      case BinaryOp::add:
        wraps = __builtin_add_overflow(*x, *y, &out);
        break;
      case BinaryOp::sub:
        wraps = __builtin_sub_overflow(*x, *y, &out);
        break;
      case BinaryOp::mul:
        wraps = __builtin_mul_overflow(*x, *y, &out);
        break;
      case BinaryOp::shl:
        if (*y < 0 || *y > 62) return std::nullopt;
        wraps = __builtin_mul_overflow(*x, int64_t{1} << *y, &out);
        break;
      default:
        return fold_int(b.op, b.a->type, *x, *y);
    }
    overflow |= wraps;
    return wraps ? std::nullopt : std::optional(out);
  }

  const SizeMap& sizes_;
};

}  // namespace

std::optional<int64_t> value_of(const Expr& e, const SizeMap& sizes) { return Evaluator(sizes)(e); }

Expr unfit_extent(const Func& f, const SizeMap& sizes) {
  constexpr int64_t kMaxBytes = int64_t{1} << 62;
  Expr bad;
  const auto check = [&](const std::vector<Expr>& extents, int64_t bytes) {
    for (const Expr& e : extents) {
      if (bad || !is_of_sizes(e)) continue;
      Evaluator value(sizes);
      const auto n = value(e);
      if (value.overflow || (n && *n > 0 && bytes > kMaxBytes / *n)) bad = e;
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
