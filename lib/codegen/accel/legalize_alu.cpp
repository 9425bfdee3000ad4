// Integer expressions in terms of what the ALU does: i32 add, sub, mul, min, max and shifts.
// The range of every value is followed, so that what changes nothing (a clip to a range that
// relu has reached already, a conversion that fits) costs no micro-op.
#include "legalize_detail.h"
#include "tc/ir/numeric.h"

namespace tc::accel::detail {
namespace {

using ir::BinaryOp, ir::Interval;

constexpr int64_t kLeast = INT32_MIN, kGreatest = INT32_MAX;

// A value of the computation as the ALU holds it.
struct Value {
  Expr e;  // i32
  int64_t lo = kLeast, hi = kGreatest;
};
Expr imm(int64_t v) { return ir::int_imm(v, kI32); }
Value constant(int64_t v) { return {imm(v), v, v}; }

bool is_narrow_int(DType t) { return t.is_scalar() && t.is_int() && t.bits <= 32; }

class Translator {
 public:
  explicit Translator(const AluContext& context) : context_(context) {}

  // The exact value of `e`.
  std::optional<Value> value(const Expr& e) {
    auto v = low(e);
    return v ? fit(std::move(*v), e->type) : std::nullopt;
  }

  // A value that is e's modulo 2^bits of its type.
  std::optional<Value> low(const Expr& e) {
    if (!is_narrow_int(e->type) || (e->type.bits == 32 && !e->type.is_signed())) return std::nullopt;
    if (const auto v = ir::as_int(e)) return constant(*v);
    if (const auto* l = e.as<ir::Load>()) {
      const Expr r = context_.read(*l);
      if (!r) return std::nullopt;
      return Value{r, ir::min_of(e->type), ir::max_of(e->type)};
    }
    if (const auto* c = e.as<ir::Cast>()) return converted(*c);
    if (const auto* c = e.as<ir::Call>()) return called(*c);
    if (const auto* b = e.as<ir::Binary>()) return binary(*b);
    return std::nullopt;
  }

 private:
  std::optional<Value> converted(const ir::Cast& c) {
    if (!is_narrow_int(c.value->type)) return std::nullopt;
    // a narrower or equal type keeps the low bits; a wider one needs the value
    return c.type.bits <= c.value->type.bits ? low(c.value) : value(c.value);
  }

  std::optional<Value> called(const ir::Call& c) {
    const auto x = c.args.size() == 1 ? value(c.args[0]) : std::nullopt;
    if (!x) return std::nullopt;
    const Value minus = wrapped(x->e * imm(-1), -x->hi, -x->lo);
    if (c.op == ir::CallOp::neg) return minus;
    if (c.op == ir::CallOp::abs) return larger(*x, minus);
    return std::nullopt;
  }

  std::optional<Value> binary(const ir::Binary& b) {
    const bool modular = b.op == BinaryOp::add || b.op == BinaryOp::sub || b.op == BinaryOp::mul;
    auto x = modular ? low(b.a) : value(b.a), y = modular ? low(b.b) : value(b.b);
    if (!x || !y) return std::nullopt;
    const auto cx = ir::as_int(x->e), cy = ir::as_int(y->e);
    switch (b.op) {
      case BinaryOp::add:
        return sum(*x, *y);
      case BinaryOp::sub:
        if (cy && *cy != kLeast) return sum(*x, constant(-*cy));
        return wrapped(x->e - wide(*y), x->lo - y->hi, x->hi - y->lo);
      case BinaryOp::mul: {
        const auto [lo, hi] = std::minmax({x->lo * y->lo, x->lo * y->hi, x->hi * y->lo, x->hi * y->hi});
        return wrapped(cx ? y->e * wide(*x) : x->e * wide(*y), lo, hi);
      }
      case BinaryOp::min:
        return smaller(*x, *y);
      case BinaryOp::max:
        return larger(*x, *y);
      case BinaryOp::shr:
        return cy && *cy >= 0 && *cy < b.type.bits ? std::optional(shifted(*x, *cy)) : std::nullopt;
      case BinaryOp::shl:
        if (!cy || *cy < 0 || *cy >= b.type.bits) return std::nullopt;
        return wrapped(ir::binary(BinaryOp::shl, x->e, imm(*cy)), x->lo * (int64_t{1} << *cy),
                       x->hi * (int64_t{1} << *cy));
      case BinaryOp::div:  // floors, as the shift does
        if (!cy || *cy <= 0 || (*cy & (*cy - 1)) != 0) return std::nullopt;
        return shifted(*x, __builtin_ctzll(static_cast<uint64_t>(*cy)));
      default:
        return std::nullopt;
    }
  }

  Value sum(const Value& x, const Value& y) {
    if (ir::is_int(y.e, 0)) return x;
    if (ir::is_int(x.e, 0)) return y;
    return wrapped(ir::as_int(x.e) ? y.e + wide(x) : x.e + wide(y), x.lo + y.lo, x.hi + y.hi);
  }
  static Value shifted(const Value& x, int64_t bits) {
    return bits == 0 ? x : Value{ir::binary(BinaryOp::shr, x.e, imm(bits)), x.lo >> bits, x.hi >> bits};
  }
  Value larger(const Value& x, const Value& y) {
    if (x.lo >= y.hi) return x;
    if (y.lo >= x.hi) return y;
    return {ir::as_int(x.e) ? ir::max(y.e, wide(x)) : ir::max(x.e, wide(y)), std::max(x.lo, y.lo),
            std::max(x.hi, y.hi)};
  }
  Value smaller(const Value& x, const Value& y) {
    if (x.hi <= y.lo) return x;
    if (y.hi <= x.lo) return y;
    return {ir::as_int(x.e) ? ir::min(y.e, wide(x)) : ir::min(x.e, wide(y)), std::min(x.lo, y.lo),
            std::min(x.hi, y.hi)};
  }
  // An operand that is a number of more bits than an instruction holds is read from ACC.
  Expr wide(const Value& v) {
    const auto c = ir::as_int(v.e);
    return c && (*c < INT16_MIN || *c > INT16_MAX) ? context_.constant(*c) : v.e;
  }
  static Value wrapped(Expr e, int64_t lo, int64_t hi) {
    if (const auto c = ir::as_int(e)) return constant(*c);
    if (lo < kLeast || hi > kGreatest) lo = kLeast, hi = kGreatest;
    return {std::move(e), lo, hi};
  }
  // Sign-extended from its type, where it may not fit it.
  static std::optional<Value> fit(Value v, DType t) {
    if (v.lo >= ir::min_of(t) && v.hi <= ir::max_of(t)) return v;
    if (const auto c = ir::as_int(v.e)) return constant(ir::wrap(t, *c));
    if (!t.is_signed()) return std::nullopt;
    const Expr bits = imm(32 - t.bits);
    return Value{ir::binary(BinaryOp::shr, ir::binary(BinaryOp::shl, v.e, bits), bits), ir::min_of(t),
                 ir::max_of(t)};
  }

  const AluContext& context_;
};

}  // namespace

std::optional<Expr> to_alu(const Expr& e, const AluContext& context) {
  const auto v = Translator(context).value(e);
  return v ? std::optional(v->e) : std::nullopt;
}
std::optional<Expr> to_alu_low(const Expr& e, const AluContext& context) {
  const auto v = Translator(context).low(e);
  return v ? std::optional(v->e) : std::nullopt;
}

}  // namespace tc::accel::detail
