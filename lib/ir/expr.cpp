#include "tc/ir/expr.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "make.h"
#include "tc/ir/numeric.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

std::string_view to_string(BinaryOp op) {
  static constexpr std::string_view kNames[kNumBinaryOps] = {"+",  "-",  "*", "/",  "%",  "min", "max",
                                                             "==", "!=", "<", "<=", ">",  ">=",  "&&",
                                                             "||", "&",  "|", "^",  "<<", ">>"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view to_string(CallOp op) {
  switch (op) {
#define TC_X(name, n) \
  case CallOp::name:  \
    return #name;
    TC_IR_CALLS(TC_X)
#undef TC_X
  }
  return "?";
}

int num_args(CallOp op) {
  switch (op) {
#define TC_X(name, n) \
  case CallOp::name:  \
    return n;
    TC_IR_CALLS(TC_X)
#undef TC_X
  }
  return 0;
}

std::string_view to_string(Scope scope) {
  static constexpr std::string_view kNames[] = {"global", "stack", "register", "inp",
                                                "wgt",    "acc",   "out",      "uop"};
  return kNames[static_cast<size_t>(scope)];
}

VarRef var(std::string name, DType type) { return VarRef(new Var(std::move(name), type)); }
VarRef size_var(std::string name, int64_t least) {
  TC_ASSERT(least >= 0, "a size that may be negative");
  auto* v = new Var(std::move(name));
  v->least = least;
  return VarRef(v);
}
bool is_of_sizes(const Expr& e) {
  bool only = true;
  walk_all(*e, [&](const Node& n) {
    only = only && n.kind != Kind::Load && (n.kind != Kind::Var || static_cast<const Var&>(n).least);
    return only;
  });
  return only;
}
void collect_sizes(const Expr& e, std::vector<VarRef>& into) {
  walk<Var>(e, [&](const Var& v) {
    const auto same = [&](const VarRef& known) { return known.get() == &v; };
    if (v.least && std::none_of(into.begin(), into.end(), same)) into.emplace_back(&v);
  });
}

Expr broadcast(Expr value, int lanes) {
  if (lanes == 1) return value;
  require_scalar("broadcast", value);
  return make<Broadcast>(std::move(value), lanes);
}

Expr int_imm(int64_t value, DType type) {
  const DType e = type.element();
  TC_ASSERT(e.is_int() || e.is_bool(), "an integer constant of type " + to_string(type));
  return broadcast(Expr(new IntImm(e, wrap(e, value))), type.lanes);
}
Expr float_imm(double value, DType type) {
  const DType e = type.element();
  TC_ASSERT(e.is_float(), "a float constant of type " + to_string(type));
  return broadcast(Expr(new FloatImm(e, round_to(e, value))), type.lanes);
}
Expr bool_imm(bool value) { return int_imm(value, kBool); }
Expr const_of(DType type, double value) {
  return type.is_float() ? float_imm(value, type) : int_imm(float_to_int(type.element(), value), type);
}

std::optional<int64_t> as_int(const Expr& e) {
  if (const auto* i = e.as<IntImm>()) return i->value;
  if (const auto* b = e.as<Broadcast>()) return as_int(b->value);
  return std::nullopt;
}

namespace {

std::optional<double> as_float(const Expr& e) {
  if (const auto* f = e.as<FloatImm>()) return f->value;
  if (const auto* b = e.as<Broadcast>()) return as_float(b->value);
  return std::nullopt;
}

// To a type that holds the values of both, where there is one: a float of 32 bits or more, a wider integer.
std::string how_to_cast(DType a, DType b) {
  if (a.lanes != b.lanes) return "give values of one number of lanes";
  if (a.is_bool() || b.is_bool()) return "compare the one that is no bool: x != 0";
  DType to = a.is_float() != b.is_float() ? (a.is_float() ? a : b) : b.bits > a.bits ? b : a;
  if (to.is_float() && to.bits == 16) to = kF32.with_lanes(to.lanes);
  if (a.is_int() && b.is_int() && a.is_signed() != b.is_signed()) {
    const DType wider[] = {kI16, kI32, kI64};
    const int needed = std::max(a.bits, b.bits) * (a.bits == b.bits || !to.is_signed() ? 2 : 1);
    to = kI64;
    for (const DType t : wider)
      if (t.bits < to.bits && t.bits >= needed) to = t;
  }
  to = to.element();
  const std::string name = to_string(to);
  std::string constant = name;
  std::transform(constant.begin(), constant.end(), constant.begin(),
                 [](char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); });
  const bool both = a.element() != to && b.element() != to;
  return fmt::format("convert {}: cast(\"{}\", x), in C++ cast(k{}, x)",
                     both                ? "both"
                     : a.element() == to ? "the " + to_string(b)
                                         : "the " + to_string(a),
                     name, constant);
}
std::string how_to_choose(DType condition, DType a, DType b) {
  if (!condition.is_bool()) return "compare for the condition: x != 0";
  return a == b ? "give the condition one lane, or as many as the values" : how_to_cast(a, b);
}

void check_binary(BinaryOp op, const Expr& a, const Expr& b) {
  require_value(to_string(op), a);
  require_value(to_string(op), b);
  if (a->type != b->type)
    throw Error("ir.type", fmt::format("`{}` needs two operands of one type", to_string(op)))
        .fact("left", to_string(a->type))
        .fact("right", to_string(b->type))
        .fix(how_to_cast(a->type, b->type));
  const DType t = a->type;
  const bool logic = op == BinaryOp::and_ || op == BinaryOp::or_;
  const bool bits = op >= BinaryOp::bit_and;
  const bool equality = op == BinaryOp::eq || op == BinaryOp::ne;
  const bool ok = logic  ? t.is_bool()
                  : bits ? (t.is_int() || (t.is_bool() && op <= BinaryOp::bit_xor))
                         : equality || !t.is_bool();
  if (!ok)
    throw Error("ir.type", fmt::format("`{}` does not apply to {}", to_string(op), to_string(t)))
        .fix(logic  ? "compare first: x != 0"
             : bits ? "cast to an integer type first"
                    : "cast to an integer type first, or use && and ||");
}

// Results that need no node. Only what is exact for every value.
Expr fold(BinaryOp op, const Expr& a, const Expr& b) {
  const DType t = a->type;
  const DType out = is_compare(op) ? kBool.with_lanes(t.lanes) : t;
  const auto ia = as_int(a), ib = as_int(b);
  if (ia && ib) {
    if (const auto v = fold_int(op, t.element(), *ia, *ib)) return int_imm(*v, out);
    return nullptr;
  }
  const auto fa = as_float(a), fb = as_float(b);
  if (fa && fb)
    return is_compare(op) ? int_imm(fold_compare(op, *fa, *fb), out)
                          : float_imm(fold_float(op, t.element(), *fa, *fb), t);
  if (t.is_float()) {
    if ((op == BinaryOp::mul || op == BinaryOp::div) && fb && *fb == 1.0) return a;
    if (op == BinaryOp::mul && fa && *fa == 1.0) return b;
    return nullptr;
  }
  switch (op) {
    case BinaryOp::add:
      return ib == 0 ? a : ia == 0 ? b : nullptr;
    case BinaryOp::sub:
      return ib == 0 ? a : nullptr;
    case BinaryOp::mul:
      return ib == 1 || ia == 0 ? a : ia == 1 || ib == 0 ? b : nullptr;
    case BinaryOp::div:
      return ib == 1 ? a : nullptr;
    case BinaryOp::mod:
      return ib == 1 ? int_imm(0, t) : nullptr;
    case BinaryOp::and_:
      return ia ? (*ia ? b : a) : ib ? (*ib ? a : b) : nullptr;
    case BinaryOp::or_:
      return ia ? (*ia ? a : b) : ib ? (*ib ? b : a) : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

Expr binary(BinaryOp op, Expr a, Expr b) {
  if (a && b && a->type.lanes != b->type.lanes) {  // a scalar meets a vector
    if (a->type.lanes == 1)
      a = broadcast(a, b->type.lanes);
    else if (b->type.lanes == 1)
      b = broadcast(b, a->type.lanes);
  }
  check_binary(op, a, b);
  if (Expr e = fold(op, a, b)) return e;
  const DType t = is_compare(op) ? kBool.with_lanes(a->type.lanes) : a->type;
  return make<Binary>(t, op, std::move(a), std::move(b));
}

namespace {
Expr dot(std::vector<Expr> args) {
  for (const Expr& a : args) require_value("dot", a);
  const DType c = args[0]->type, a = args[1]->type, b = args[2]->type;
  const auto narrow = [](DType t) { return t.element() == kI8 || t.element() == kU8 || t.element() == kI16; };
  if (c.element() != kI32 || !narrow(a) || !narrow(b))
    throw Error("ir.type", "dot adds products of i8, u8 or i16 to i32")
        .fact("got", fmt::format("{}, {} and {}", to_string(c), to_string(a), to_string(b)))
        .fix("cast the operands");
  if (b.lanes % c.lanes != 0 || (a.lanes != b.lanes && a.lanes != b.lanes / c.lanes))
    throw Error("ir.type", fmt::format("dot of {} groups takes a multiple of {} lanes", c.lanes, c.lanes))
        .fact("got", fmt::format("{}, {} and {}", to_string(c), to_string(a), to_string(b)))
        .fix("give as many lanes on both sides, or those of one group on the first");
  return make<Call>(c, CallOp::dot, std::move(args));
}
}  // namespace

Expr call(CallOp op, std::vector<Expr> args) {
  TC_ASSERT(static_cast<int>(args.size()) == num_args(op), std::string(to_string(op)));
  if (op == CallOp::dot) return dot(std::move(args));
  if (op == CallOp::if_then_else) return if_then_else(args[0], args[1], args[2]);
  if (op == CallOp::assume) return assume(args[0], args[1]);
  for (const Expr& a : args) {
    require_value(to_string(op), a);
    if (a->type != args[0]->type)
      throw Error("ir.type", fmt::format("{} needs arguments of one type", to_string(op)))
          .fact("got", to_string(args[0]->type) + " and " + to_string(a->type))
          .fix(how_to_cast(args[0]->type, a->type));
  }
  const DType t = args[0]->type;
  TC_ASSERT(op != CallOp::bits, "use reinterpret");
  const bool any_number = op == CallOp::neg || op == CallOp::abs || op == CallOp::fma;
  const bool ok = op == CallOp::not_ ? t.is_bool() || t.is_int() : any_number ? !t.is_bool() : t.is_float();
  if (!ok)
    throw Error("ir.type", fmt::format("{} does not apply to {}", to_string(op), to_string(t)))
        .fix(op == CallOp::not_ ? "compare first: x == 0" : "cast to a float type first, e.g. cast(f32, x)");
  if (const auto v = as_int(args[0]); v && op == CallOp::abs)
    return int_imm(*v < 0 && t.is_signed() ? static_cast<int64_t>(0 - static_cast<uint64_t>(*v)) : *v, t);
  if (op == CallOp::neg || op == CallOp::not_) {
    if (const auto v = as_int(args[0]))
      return int_imm(op == CallOp::neg ? static_cast<int64_t>(0 - static_cast<uint64_t>(*v))
                     : t.is_bool()     ? !*v
                                       : ~*v,
                     t);
    if (const auto v = as_float(args[0])) return float_imm(-*v, t);
  }
  return make<Call>(op == CallOp::isnan ? kBool.with_lanes(t.lanes) : t, op, std::move(args));
}

Expr reinterpret(DType type, Expr value) {
  require_value("bits", value);
  if (type.bits != value->type.bits || type.lanes != value->type.lanes)
    throw Error("ir.type", "bits needs types of one width")
        .fact("from", to_string(value->type))
        .fact("to", to_string(type));
  if (type == value->type) return value;
  return make<Call>(type, CallOp::bits, std::vector<Expr>{std::move(value)});
}

Expr select(Expr c, Expr a, Expr b) {
  require_value("select", c);
  require_value("select", a);
  require_value("select", b);
  const int lanes = std::max({c->type.lanes, a->type.lanes, b->type.lanes});
  const auto widen = [&](Expr& e) {
    if (e->type.lanes == 1) e = broadcast(e, lanes);
  };
  if (c->type.lanes != 1 || a->type.lanes != b->type.lanes) widen(c);
  widen(a), widen(b);
  if (!c->type.is_bool() || a->type != b->type || (c->type.lanes != 1 && c->type.lanes != a->type.lanes))
    throw Error("ir.type", "select needs a bool and two values of one type")
        .fact("condition", to_string(c->type))
        .fact("values", to_string(a->type) + " and " + to_string(b->type))
        .fix(how_to_choose(c->type, a->type, b->type));
  if (const auto v = as_int(c)) return *v ? a : b;
  if (a.same(b)) return a;
  const DType t = a->type;
  return make<Select>(t, std::move(c), std::move(a), std::move(b));
}

Expr if_then_else(Expr c, Expr a, Expr b) {
  require_scalar("the condition of if_then_else", c);
  require_value("if_then_else", a);
  require_value("if_then_else", b);
  if (!c->type.is_bool() || a->type != b->type)
    throw Error("ir.type", "if_then_else needs a bool and two values of one type")
        .fact("condition", to_string(c->type))
        .fact("values", to_string(a->type) + " and " + to_string(b->type))
        .fix(how_to_choose(c->type, a->type, b->type));
  if (const auto v = as_int(c)) return *v ? a : b;
  const DType t = a->type;
  return make<Call>(t, CallOp::if_then_else, std::vector<Expr>{std::move(c), std::move(a), std::move(b)});
}

Expr assume(Expr c, Expr value) {
  require_scalar("the condition of assume", c);
  require_value("assume", value);
  if (!c->type.is_bool())
    throw Error("ir.type", "assume needs a bool and a value")
        .fact("condition", to_string(c->type))
        .fix("compare, as in assume(x < n, value)");
  if (is_int(c, 1)) return value;
  const DType t = value->type;
  return make<Call>(t, CallOp::assume, std::vector<Expr>{std::move(c), std::move(value)});
}

Expr cast(DType type, Expr value) {
  require_value("cast", value);
  type = type.with_lanes(value->type.lanes);
  if (type == value->type) return value;
  if (const auto v = as_int(value)) {
    if (!type.is_float()) return int_imm(type.is_bool() ? *v != 0 : *v, type);
    return float_imm(int_to_float(type.element(), value->type.element(), *v), type);
  }
  if (const auto v = as_float(value))
    return type.is_float() ? float_imm(*v, type) : int_imm(float_to_int(type.element(), *v), type);
  return make<Cast>(type, std::move(value));
}

Expr load(BufferRef buffer, std::vector<Expr> indices) {
  TC_ASSERT(buffer, "load from no buffer");
  const int lanes = check_indices(*buffer, indices);
  const DType t = buffer->type.with_lanes(lanes);
  return make<Load>(t, std::move(buffer), std::move(indices));
}

Expr ramp(Expr base, Expr stride, int lanes) {
  require_scalar("ramp", base);
  require_scalar("ramp", stride);
  if (base->type != stride->type || !base->type.is_int())
    throw Error("ir.type", "ramp needs an integer base and stride of one type");
  if (lanes == 1) return base;
  if (is_int(stride, 0)) return broadcast(base, lanes);
  return make<Ramp>(std::move(base), std::move(stride), lanes);
}

Expr vector_reduce(BinaryOp op, Expr value) {
  require_value("vreduce", value);
  const bool logic = op == BinaryOp::and_ || op == BinaryOp::or_;
  const bool number =
      op == BinaryOp::add || op == BinaryOp::mul || op == BinaryOp::min || op == BinaryOp::max;
  if (!(logic && value->type.is_bool()) && !(number && !value->type.is_bool()))
    throw Error("ir.type",
                fmt::format("vreduce does not apply {} to {}", to_string(op), to_string(value->type)));
  if (value->type.lanes == 1) return value;
  return make<VectorReduce>(op, std::move(value));
}

Expr reduce(CombinerRef c, std::vector<Expr> mins, std::vector<Expr> extents, std::vector<VarRef> vars,
            std::vector<Expr> source, int64_t component) {
  TC_ASSERT(c && mins.size() == vars.size() && extents.size() == vars.size(), "reduce");
  if (component < 0 || component >= static_cast<int64_t>(c->results.size()) ||
      source.size() != c->results.size())
    throw Error("ir.type", fmt::format("the combiner {} has {} components, the reduction {}", c->name,
                                       c->results.size(), source.size()));
  for (size_t i = 0; i < source.size(); ++i) {
    require_value("reduce", source[i]);
    if (source[i]->type != c->results[i]->type)
      throw Error("ir.type", fmt::format("the combiner {} takes {}, the reduction gives it {}", c->name,
                                         to_string(c->results[i]->type), to_string(source[i]->type)));
  }
  const DType t = c->results[static_cast<size_t>(component)]->type;
  return make<Reduce>(t, std::move(c), std::move(mins), std::move(extents), std::move(vars),
                      std::move(source), component);
}

BufferRef buffer(std::string name, DType type, std::vector<Expr> shape, Scope scope) {
  auto* b = new Buffer;
  BufferRef ref(b);
  b->name = std::move(name);
  b->type = type;
  b->shape = std::move(shape);
  b->scope = scope;
  for (const Expr& e : b->shape) {
    if (!e || e->type != kIndex)
      throw Error("ir.type", fmt::format("the shape of {} must be of type i64", b->name));
    if (const auto v = as_int(e); v && *v < 0)
      throw Error("ir.shape", fmt::format("the shape of {} has a negative extent {}", b->name, *v));
  }
  detail::finish(b);
  return ref;
}

CombinerRef combiner(std::string name, std::vector<VarRef> lhs, std::vector<VarRef> rhs,
                     std::vector<Expr> results, std::vector<Expr> identity, Expr where) {
  const size_t n = results.size();
  if (n == 0 || lhs.size() != n || rhs.size() != n || identity.size() != n)
    throw Error("ir.type",
                fmt::format("the combiner {} needs as many lhs, rhs, results and identities", name));
  for (size_t i = 0; i < n; ++i)
    if (lhs[i]->type != results[i]->type || rhs[i]->type != results[i]->type ||
        identity[i]->type != results[i]->type)
      throw Error("ir.type", fmt::format("component {} of the combiner {} has more than one type", i, name));
  if (!where) where = bool_imm(true);
  require_scalar("where", where);
  if (!where->type.is_bool())
    throw Error("ir.type", fmt::format("the states of the combiner {} are given by {}, not by a bool", name,
                                       to_string(where->type)));
  auto* c = new Combiner;
  CombinerRef ref(c);
  c->name = std::move(name);
  c->lhs = std::move(lhs);
  c->rhs = std::move(rhs);
  c->results = std::move(results);
  c->identity = std::move(identity);
  c->where = std::move(where);
  detail::finish(c);
  return ref;
}

CombinerRef simple_combiner(BinaryOp op, DType type) {
  const double inf = std::numeric_limits<double>::infinity();
  const VarRef x = var("x", type), y = var("y", type);
  const auto limit = [&](bool least) {
    if (type.is_float()) return float_imm(least ? -inf : inf, type);
    if (!least && type.code == TypeCode::uint && type.bits == 64) return int_imm(-1, type);
    return int_imm(least ? min_of(type) : max_of(type), type);
  };
  const auto one = [&](std::string name, Expr identity) {
    return combiner(std::move(name), {x}, {y}, {binary(op, x, y)}, {std::move(identity)});
  };
  switch (op) {
    case BinaryOp::add:
      return one("sum", const_of(type, 0));
    case BinaryOp::mul:
      return one("prod", const_of(type, 1));
    case BinaryOp::min:
      return one("min", limit(false));
    case BinaryOp::max:
      return one("max", limit(true));
    case BinaryOp::and_:
      return one("all", bool_imm(true));
    case BinaryOp::or_:
      return one("any", bool_imm(false));
    default:
      TC_ASSERT(false, "no such simple combiner");
      return nullptr;
  }
}

Expr operator+(Expr a, Expr b) { return binary(BinaryOp::add, std::move(a), std::move(b)); }
Expr operator-(Expr a, Expr b) { return binary(BinaryOp::sub, std::move(a), std::move(b)); }
Expr operator*(Expr a, Expr b) { return binary(BinaryOp::mul, std::move(a), std::move(b)); }
Expr operator/(Expr a, Expr b) { return binary(BinaryOp::div, std::move(a), std::move(b)); }
Expr operator%(Expr a, Expr b) { return binary(BinaryOp::mod, std::move(a), std::move(b)); }
Expr operator-(Expr a) { return call(CallOp::neg, {std::move(a)}); }
Expr operator<(Expr a, Expr b) { return binary(BinaryOp::lt, std::move(a), std::move(b)); }
Expr operator<=(Expr a, Expr b) { return binary(BinaryOp::le, std::move(a), std::move(b)); }
Expr operator>(Expr a, Expr b) { return binary(BinaryOp::gt, std::move(a), std::move(b)); }
Expr operator>=(Expr a, Expr b) { return binary(BinaryOp::ge, std::move(a), std::move(b)); }
Expr eq(Expr a, Expr b) { return binary(BinaryOp::eq, std::move(a), std::move(b)); }
Expr ne(Expr a, Expr b) { return binary(BinaryOp::ne, std::move(a), std::move(b)); }
Expr logical_and(Expr a, Expr b) { return binary(BinaryOp::and_, std::move(a), std::move(b)); }
Expr logical_or(Expr a, Expr b) { return binary(BinaryOp::or_, std::move(a), std::move(b)); }
Expr logical_not(Expr a) { return call(CallOp::not_, {std::move(a)}); }
Expr min(Expr a, Expr b) { return binary(BinaryOp::min, std::move(a), std::move(b)); }
Expr max(Expr a, Expr b) { return binary(BinaryOp::max, std::move(a), std::move(b)); }

Expr imm_like(const Expr& like, double value) {
  require_value("a number beside an expression", like);
  const DType t = like->type;
  if (!t.is_float() && (value != std::floor(value) || std::abs(value) > 9.0e15 ||
                        wrap(t.element(), static_cast<int64_t>(value)) != static_cast<int64_t>(value)))
    throw Error("ir.type", fmt::format("the number {} is not exact in {}", value, to_string(t)))
        .fix("cast the expression first, e.g. cast(f32, x)");
  return const_of(t, value);
}

}  // namespace tc::ir
