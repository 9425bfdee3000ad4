// Matching expressions against the rules' left sides and building the right ones.
#include <array>
#include <bit>

#include "simplify_detail.h"
#include "tc/ir/numeric.h"
#include "tc/ir/rules.h"

namespace tc::ir {
namespace {

using Is = PatternNode::Is;

// What letters stand for. Matched expressions outlive the bindings.
struct Bindings {
  std::array<const Expr*, 4> any{}, scalars{};
  std::array<const Expr*, 3> flags{};
  std::array<int64_t, 2> constants{};
  std::array<bool, 2> has_constant{};
  DType type;  // of the constants
};

bool bind(const Expr*& slot, const Expr& e) {
  if (slot) return same_expr(*slot, e);
  slot = &e;
  return true;
}

class Matcher {
 public:
  Matcher(const Rule& rule, Bindings& out) : rule_(rule), out_(out) {}

  bool operator()(int at, const Expr& e) {
    const PatternNode& p = rule_.nodes[static_cast<size_t>(at)];
    switch (p.is) {
      case Is::any:
        return bind(out_.any[p.op], e);
      case Is::flag:
        return e->type.is_bool() && bind(out_.flags[p.op], e);
      case Is::constant:
        return constant(p.op, e);
      case Is::literal:
        return e->type.is_int() && is_int(e, p.value);
      case Is::truth:
        return e->type.is_bool() && is_int(e, p.value);
      case Is::float_literal:
        return float_literal(p, e);
      case Is::binary: {
        const auto* b = e.as<Binary>();
        return b && b->op == static_cast<BinaryOp>(p.op) && (*this)(p.kids[0], b->a) &&
               (*this)(p.kids[1], b->b);
      }
      case Is::call: {
        const auto* c = e.as<Call>();
        return c && c->op == static_cast<CallOp>(p.op) && (*this)(p.kids[0], c->args[0]);
      }
      case Is::select: {
        const auto* s = e.as<Select>();
        return s && (*this)(p.kids[0], s->condition) && (*this)(p.kids[1], s->if_true) &&
               (*this)(p.kids[2], s->if_false);
      }
      case Is::broadcast:
        return e->kind == Kind::Broadcast && (*this)(p.kids[0], e.as<Broadcast>()->value);
      case Is::ramp:
        return e->kind == Kind::Ramp && (*this)(p.kids[0], e.as<Ramp>()->base) &&
               (*this)(p.kids[1], e.as<Ramp>()->stride);
    }
    return false;
  }

 private:
  bool constant(size_t i, const Expr& e) {
    const auto v = e->type.is_int() ? as_int(e) : std::nullopt;
    if (!v || (out_.has_constant[i] && out_.constants[i] != *v)) return false;
    out_.has_constant[i] = true;
    out_.constants[i] = *v;
    out_.type = e->type;
    return true;
  }
  static bool float_literal(const PatternNode& p, const Expr& e) {
    const Expr& v = e->kind == Kind::Broadcast ? e.as<Broadcast>()->value : e;
    const auto* f = v.as<FloatImm>();
    return f && std::bit_cast<uint64_t>(f->value) == std::bit_cast<uint64_t>(p.number);
  }

  const Rule& rule_;
  Bindings& out_;
};

bool is_number(const Rule& r, int at) {
  const PatternNode& p = r.nodes[static_cast<size_t>(at)];
  if (p.is == Is::binary) return is_number(r, p.kids[0]) && is_number(r, p.kids[1]);
  return p.is == Is::constant || p.is == Is::literal;
}

std::optional<int64_t> evaluate(const Rule& r, int at, const Bindings& b, DType type) {
  const PatternNode& p = r.nodes[static_cast<size_t>(at)];
  if (p.is == Is::constant) return b.constants[p.op];
  if (p.is == Is::literal) return p.value;
  const auto x = evaluate(r, p.kids[0], b, type), y = evaluate(r, p.kids[1], b, type);
  return x && y ? fold_int(static_cast<BinaryOp>(p.op), type, *x, *y) : std::nullopt;
}

bool guard_holds(const Rule& r, const Bindings& b) {
  if (r.guard < 0) return true;
  // guards compare signed numbers; those of u64 that are none fail
  if (b.type.code == TypeCode::uint && b.type.bits == 64 && (b.constants[0] < 0 || b.constants[1] < 0))
    return false;
  const auto v = evaluate(r, r.guard, b, kI64);
  return v && *v != 0;
}

// Builds a side of a rule with the makers M.
template <class M>
class Builder {
 public:
  Builder(const Rule& rule, const Bindings& bindings, M& make) : rule_(rule), b_(bindings), make_(make) {}

  Expr operator()(int at, DType type, bool scalar = false) {
    const PatternNode& p = rule_.nodes[static_cast<size_t>(at)];
    if (is_number(rule_, at)) {
      const auto v = evaluate(rule_, at, b_, type.element());
      TC_ASSERT(v, "the constant of rule " + std::string(rule_.name));
      return int_imm(*v, type);
    }
    const auto kid = [&](int i, DType t) { return (*this)(p.kids[i], t, scalar); };
    switch (p.is) {
      case Is::any:
        return scalar && b_.scalars[p.op] ? *b_.scalars[p.op] : *b_.any[p.op];
      case Is::flag:
        return *b_.flags[p.op];
      case Is::truth:
        return int_imm(p.value, kBool.with_lanes(type.lanes));
      case Is::float_literal:
        return float_imm(p.number, type);
      case Is::binary: {
        const auto op = static_cast<BinaryOp>(p.op);
        const DType t = is_compare(op) ? operand_type(p, type.lanes, scalar) : type;
        const Expr x = kid(0, t), y = kid(1, t);
        return make_.make_binary(op, x, y);
      }
      case Is::call:
        return make_.make_call(static_cast<CallOp>(p.op), kid(0, type));
      case Is::select: {
        const Expr c = kid(0, kBool.with_lanes(type.lanes)), x = kid(1, type), y = kid(2, type);
        return make_.make_select(c, x, y);
      }
      case Is::broadcast:
        return make_.make_broadcast((*this)(p.kids[0], type.element(), true), type.lanes);
      case Is::ramp: {
        const Expr base = (*this)(p.kids[0], type.element(), true),
                   stride = (*this)(p.kids[1], type.element(), true);
        return make_.make_ramp(base, stride, type.lanes);
      }
      default:
        return nullptr;
    }
  }

 private:
  // The type of the operands of a comparison, from the first letter in it.
  DType operand_type(const PatternNode& p, int lanes, bool scalar) const {
    for (const int8_t k : p.kids)
      if (k >= 0)
        if (const auto t = type_of(k, scalar)) return t->with_lanes(lanes);
    return b_.type.with_lanes(lanes);
  }
  std::optional<DType> type_of(int at, bool scalar) const {
    const PatternNode& p = rule_.nodes[static_cast<size_t>(at)];
    if (p.is == Is::any) return (scalar && b_.scalars[p.op] ? *b_.scalars[p.op] : *b_.any[p.op])->type;
    if (p.is == Is::flag || p.is == Is::truth) return kBool;
    for (const int8_t k : p.kids)
      if (k >= 0)
        if (const auto t = type_of(k, scalar)) return t;
    return std::nullopt;
  }

  const Rule& rule_;
  const Bindings& b_;
  M& make_;
};

// The makers of expr.h under the simplifier's names.
struct PlainMakers {
  static Expr make_binary(BinaryOp op, const Expr& a, const Expr& b) { return binary(op, a, b); }
  static Expr make_call(CallOp op, const Expr& a) { return call(op, {a}); }
  static Expr make_select(const Expr& c, const Expr& a, const Expr& b) { return select(c, a, b); }
  static Expr make_broadcast(const Expr& v, int lanes) { return broadcast(v, lanes); }
  static Expr make_ramp(const Expr& b, const Expr& s, int lanes) { return ramp(b, s, lanes); }
};

// Rules by their root operation: binary operations, then calls, then select.
constexpr size_t kRoots = 65;
size_t root_of(Is is, unsigned op) { return is == Is::binary ? op : is == Is::call ? 32 + op : 64; }

const std::array<std::vector<const Rule*>, kRoots>& table() {
  static const auto all = [] {
    std::array<std::vector<const Rule*>, kRoots> out;
    for (const Rule& r : rules()) {
      const PatternNode& p = r.nodes[static_cast<size_t>(r.left)];
      out[root_of(p.is, p.op)].push_back(&r);
    }
    return out;
  }();
  return all;
}

bool in_domain(const Rule& r, const Bindings& b) {
  if (b.any[0]) return applies_to(r.domain, (*b.any[0])->type);
  return !b.has_constant[0] || applies_to(r.domain, b.type);
}

}  // namespace

std::optional<std::pair<Expr, Expr>> instantiate(const Rule& r, const RuleArguments& a) {
  Bindings b;
  for (size_t i = 0; i < 4; ++i) b.any[i] = &a.any[i], b.scalars[i] = &a.scalars[i];
  for (size_t i = 0; i < 3; ++i) b.flags[i] = &a.flags[i];
  for (size_t i = 0; i < 2; ++i) b.constants[i] = a.constants[i];
  b.type = a.type;
  if (!guard_holds(r, b)) return std::nullopt;
  PlainMakers makers;
  Builder<PlainMakers> build(r, b, makers);
  return std::pair{build(r.left, a.type), build(r.right, a.type)};
}

namespace detail {

Expr apply_rules(const Expr& e, Simplifier& s) {
  size_t root = 64;
  if (const auto* b = e.as<Binary>())
    root = root_of(Is::binary, static_cast<unsigned>(b->op));
  else if (const auto* c = e.as<Call>())
    root = root_of(Is::call, static_cast<unsigned>(c->op));
  for (const Rule* r : table()[root]) {
    Bindings b;
    if (!Matcher(*r, b)(r->left, e) || !in_domain(*r, b) || !guard_holds(*r, b)) continue;
    Expr out = Builder<Simplifier>(*r, b, s)(r->right, e->type);
    // a scalar condition may decide between vectors of flags
    return out->type == e->type ? out : broadcast(out, e->type.lanes);
  }
  return nullptr;
}

}  // namespace detail
}  // namespace tc::ir
