// Structural comparison and the canonical order of atoms.
#include <bit>

#include "tc/ir/affine.h"
#include "tc/ir/equal.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

int sign(auto a, auto b) { return a < b ? -1 : b < a ? 1 : 0; }

int compare_types(DType a, DType b) {
  const auto key = [](DType t) { return static_cast<int>(t.code) << 24 | t.bits << 16 | t.lanes; };
  return sign(key(a), key(b));
}

int compare_lists(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  if (a.size() != b.size()) return sign(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    if (const int c = compare_exprs(a[i], b[i])) return c;
  return 0;
}

int compare_named(const std::string& x, const std::string& y, const void* a, const void* b) {
  if (const int c = x.compare(y)) return c;
  return std::less<const void*>()(a, b) ? -1 : 1;
}

int compare_calls(const Call& x, const Call& y) {
  if (const int c = sign(x.op, y.op)) return c;
  return compare_lists(x.args, y.args);
}

int compare_binaries(const Binary& x, const Binary& y) {
  if (const int c = sign(x.op, y.op)) return c;
  if (const int c = compare_exprs(x.a, y.a)) return c;
  return compare_exprs(x.b, y.b);
}

// Two different nodes of one kind, type and depth.
int compare_contents(const Expr& a, const Expr& b) {
  switch (a->kind) {
    case Kind::Var:
      return compare_named(a.as<Var>()->name, b.as<Var>()->name, a.get(), b.get());
    case Kind::IntImm:
      return sign(a.as<IntImm>()->value, b.as<IntImm>()->value);
    case Kind::FloatImm:
      return sign(std::bit_cast<uint64_t>(a.as<FloatImm>()->value),
                  std::bit_cast<uint64_t>(b.as<FloatImm>()->value));
    case Kind::Binary:
      return compare_binaries(*a.as<Binary>(), *b.as<Binary>());
    case Kind::Call:
      return compare_calls(*a.as<Call>(), *b.as<Call>());
    case Kind::Select: {
      const auto &x = *a.as<Select>(), &y = *b.as<Select>();
      if (const int c = compare_exprs(x.condition, y.condition)) return c;
      if (const int c = compare_exprs(x.if_true, y.if_true)) return c;
      return compare_exprs(x.if_false, y.if_false);
    }
    case Kind::Cast:
      return compare_exprs(a.as<Cast>()->value, b.as<Cast>()->value);
    case Kind::Load: {
      const auto &x = *a.as<Load>(), &y = *b.as<Load>();
      if (!x.buffer.same(y.buffer))
        return compare_named(x.buffer->name, y.buffer->name, x.buffer.get(), y.buffer.get());
      return compare_lists(x.indices, y.indices);
    }
    case Kind::Ramp: {
      const auto &x = *a.as<Ramp>(), &y = *b.as<Ramp>();
      if (const int c = compare_exprs(x.base, y.base)) return c;
      return compare_exprs(x.stride, y.stride);
    }
    case Kind::Broadcast:
      return compare_exprs(a.as<Broadcast>()->value, b.as<Broadcast>()->value);
    case Kind::VectorReduce: {
      const auto &x = *a.as<VectorReduce>(), &y = *b.as<VectorReduce>();
      if (const int c = sign(x.op, y.op)) return c;
      return compare_exprs(x.value, y.value);
    }
    default:  // Reduce binds variables; it is rare, and never part of an index
      if (equal(a, b)) return 0;
      return std::less<const void*>()(a.get(), b.get()) ? -1 : 1;
  }
}

}  // namespace

int compare_exprs(const Expr& a, const Expr& b) {
  if (a.same(b)) return 0;
  if (a->depth != b->depth) return a->depth > b->depth ? -1 : 1;
  if (a->kind != b->kind) return sign(a->kind, b->kind);
  if (a->type != b->type) return compare_types(a->type, b->type);
  return compare_contents(a, b);
}

bool same_expr(const Expr& a, const Expr& b) {
  if (a.same(b)) return true;
  if (a->kind != b->kind || a->depth != b->depth || a->kind == Kind::Var) return false;
  return a->type == b->type && compare_contents(a, b) == 0;
}

}  // namespace tc::ir
