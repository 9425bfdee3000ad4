#include "tc/ir/interval.h"

#include <algorithm>
#include <limits>

#include "affine_detail.h"
#include "reads_memory.h"
#include "tc/ir/numeric.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

// Bounds as 128-bit numbers, beyond +-kInf unbounded: products of two int64_t fit.
__extension__ typedef __int128 Wide;
constexpr Wide kInf = static_cast<Wide>(1) << 100;
constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();

struct WideRange {
  Wide lo, hi;
};
WideRange widen(const Interval& i) { return {i.lo ? Wide{*i.lo} : -kInf, i.hi ? Wide{*i.hi} : kInf}; }
bool infinite(Wide v) { return v <= -kInf || v >= kInf; }
Interval narrow(const WideRange& r) {
  Interval out;
  if (r.lo >= kMin) out.lo = static_cast<int64_t>(std::min<Wide>(r.lo, kMax));
  if (r.hi <= kMax) out.hi = static_cast<int64_t>(std::max<Wide>(r.hi, kMin));
  if (infinite(r.lo)) out.lo.reset();
  if (infinite(r.hi)) out.hi.reset();
  return out;
}

Wide times(Wide a, Wide b) {
  if (a == 0 || b == 0) return 0;
  if (infinite(a) || infinite(b)) return (a > 0) == (b > 0) ? kInf : -kInf;
  return a * b;
}

Wide floored(Wide a, Wide b) {
  if (infinite(b))
    return infinite(a) ? 0 : a != 0 && (a < 0) != (b < 0) ? -1 : 0;  // the other corners have the rest
  if (infinite(a)) return (a > 0) == (b > 0) ? kInf : -kInf;
  const Wide q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

template <class F>
WideRange corners(const WideRange& a, const WideRange& b, F f) {
  const Wide v[] = {f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo), f(a.hi, b.hi)};
  return {*std::min_element(v, v + 4), *std::max_element(v, v + 4)};
}

}  // namespace

Interval operator+(const Interval& a, const Interval& b) {
  Interval out;
  int64_t v = 0;
  if (a.lo && b.lo && !__builtin_add_overflow(*a.lo, *b.lo, &v)) out.lo = v;
  if (a.hi && b.hi && !__builtin_add_overflow(*a.hi, *b.hi, &v)) out.hi = v;
  return out;
}

Interval operator-(const Interval& a, const Interval& b) {
  Interval out;
  int64_t v = 0;
  if (a.lo && b.hi && !__builtin_sub_overflow(*a.lo, *b.hi, &v)) out.lo = v;
  if (a.hi && b.lo && !__builtin_sub_overflow(*a.hi, *b.lo, &v)) out.hi = v;
  return out;
}

Interval operator*(const Interval& a, const Interval& b) {
  return narrow(corners(widen(a), widen(b), times));
}

Interval operator/(const Interval& a, const Interval& b) {
  // floor(a / b) is monotone in each operand on either side of b = 0
  const WideRange x = widen(a), y = widen(b);
  std::optional<WideRange> out;
  const auto part = [&](Wide lo, Wide hi) {
    if (lo > hi) return;
    const WideRange r = corners(x, {lo, hi}, floored);
    out = out ? WideRange{std::min(out->lo, r.lo), std::max(out->hi, r.hi)} : r;
  };
  part(y.lo, std::min<Wide>(y.hi, -1));
  part(std::max<Wide>(y.lo, 1), y.hi);
  return out ? narrow(*out) : Interval{};
}

Interval operator%(const Interval& a, const Interval& b) {
  if (const auto m = b.single(); m && *m > 0 && a.lo && a.hi && floor_div(*a.lo, *m) == floor_div(*a.hi, *m))
    return Interval::range(floor_mod(*a.lo, *m), floor_mod(*a.hi, *m));
  const WideRange x = widen(a), y = widen(b);
  if (x.lo >= 0 && y.lo > x.hi) return a;
  WideRange r{y.lo < 0 ? y.lo + 1 : 0, y.hi > 0 ? y.hi - 1 : 0};
  if (y.lo > 0 && x.lo >= 0) r.hi = std::min(r.hi, x.hi);
  if (y.lo <= -kInf) r.lo = -kInf;
  if (y.hi >= kInf) r.hi = y.lo > 0 && x.lo >= 0 ? x.hi : kInf;
  return narrow(r);
}

Interval min(const Interval& a, const Interval& b) {
  const WideRange x = widen(a), y = widen(b);
  return narrow({std::min(x.lo, y.lo), std::min(x.hi, y.hi)});
}
Interval max(const Interval& a, const Interval& b) {
  const WideRange x = widen(a), y = widen(b);
  return narrow({std::max(x.lo, y.lo), std::max(x.hi, y.hi)});
}
Interval join(const Interval& a, const Interval& b) {
  const WideRange x = widen(a), y = widen(b);
  return narrow({std::min(x.lo, y.lo), std::max(x.hi, y.hi)});
}
Interval intersect(const Interval& a, const Interval& b) {
  const WideRange x = widen(a), y = widen(b);
  return narrow({std::max(x.lo, y.lo), std::min(x.hi, y.hi)});
}

Interval interval_of(DType type) {
  if (type.is_float()) return {};
  if (type.is_bool()) return Interval::range(0, 1);
  if (type.bits == 64) return type.is_signed() ? Interval{} : Interval{0, std::nullopt};
  return Interval::range(min_of(type.element()), max_of(type.element()));
}

namespace {

// One walk over an expression, cut short after a number of nodes so that its
// cost does not grow with the expression.
class Walk {
 public:
  explicit Walk(const Bounds& bounds) : bounds_(bounds) {}

  Interval operator()(const Expr& e) {
    if (e->type.is_float() || --budget_ < 0) return interval_of(e->type);
    switch (e->kind) {
      case Kind::Var:
        return bounds_.range(*e.as<Var>());
      case Kind::IntImm:
        return constant(*e.as<IntImm>());
      case Kind::Binary:
        return binary(*e.as<Binary>());
      case Kind::Call:
        return call(*e.as<Call>());
      case Kind::Select:
        return select(*e.as<Select>());
      case Kind::Cast:
        return cast(*e.as<Cast>());
      case Kind::Broadcast:
        return (*this)(e.as<Broadcast>()->value);
      case Kind::Ramp: {
        const auto& r = *e.as<Ramp>();
        return fit(e->type, (*this)(r.base) + (*this)(r.stride) * Interval::range(0, e->type.lanes - 1));
      }
      case Kind::VectorReduce:
        return vector_reduce(*e.as<VectorReduce>());
      default:
        return interval_of(e->type);
    }
  }

 private:
  static Interval constant(const IntImm& i) {
    if (i.type.code == TypeCode::uint && i.type.bits == 64 && i.value < 0) return {kMax, std::nullopt};
    return Interval::of(i.value);
  }

  // `i` was computed without overflow: index arithmetic has none, other types wrap.
  static Interval fit(DType type, const Interval& i) {
    if (type.element() == kIndex) return i;
    const Interval all = interval_of(type);
    const bool fits =
        (!all.lo || (i.lo && *i.lo >= *all.lo)) && (all.hi ? i.hi && *i.hi <= *all.hi : i.hi.has_value());
    return fits ? i : all;
  }

  Interval binary(const Binary& b) {
    const DType t = b.type;
    if (is_compare(b.op))
      return b.a->type.is_float() ? interval_of(t) : compare(b.op, (*this)(b.a), (*this)(b.b));
    if (t.element() == kIndex && b.op <= BinaryOp::mul && b.type.lanes == 1) return sum(b);
    const Interval x = (*this)(b.a), y = (*this)(b.b);
    switch (b.op) {
      case BinaryOp::add:
        return unless_it_wraps(Expr(&b), fit(t, x + y));
      case BinaryOp::sub:
        return unless_it_wraps(Expr(&b), fit(t, x - y));
      case BinaryOp::mul:
        return unless_it_wraps(Expr(&b), fit(t, x * y));
      case BinaryOp::div:
        return fit(t, x / y);
      case BinaryOp::mod:
        return fit(t, x % y);
      case BinaryOp::and_:
      case BinaryOp::min:
        return min(x, y);
      case BinaryOp::or_:
      case BinaryOp::max:
        return max(x, y);
      default:
        return bits(b, x, y);
    }
  }

  // Sums cancel: x + y - x is y, whatever is known of x.
  Interval sum(const Binary& b) {
    Affine a;
    if (!detail::collect_affine(Expr(&b), 1, a)) return {};
    Interval out = Interval::of(a.constant);
    for (const AffineTerm& t : a.terms) out = out + term(t.atom) * Interval::of(t.coef);
    return unless_it_wraps(Expr(&b), out);
  }
  // What goes beyond i64 on one side comes back on the other, where it is no index.
  [[nodiscard]] Interval unless_it_wraps(const Expr& e, const Interval& i) const {
    if (e->type.element() != kIndex || (i.lo && i.hi) || (!i.lo && !i.hi)) return i;
    return may_be_data(e, bounds_) ? Interval{} : i;
  }
  Interval term(const Expr& atom) {
    const auto* m = detail::as_binary(atom, BinaryOp::mul);
    if (!m) return (*this)(atom);
    budget_ -= 2;
    return m->a.same(m->b) ? square((*this)(m->a)) : term(m->a) * term(m->b);
  }
  static Interval square(const Interval& i) { return intersect(i * i, {0, std::nullopt}); }

  static Interval compare(BinaryOp op, const Interval& a, const Interval& b) {
    const Interval d = a - b;
    const auto decide = [](bool yes, bool no) {
      return yes ? Interval::of(1) : no ? Interval::of(0) : Interval::range(0, 1);
    };
    const bool lt = a.hi && b.lo && *a.hi < *b.lo, gt = a.lo && b.hi && *a.lo > *b.hi;
    const bool le = a.hi && b.lo && *a.hi <= *b.lo, ge = a.lo && b.hi && *a.lo >= *b.hi;
    switch (op) {
      case BinaryOp::lt:
        return decide(lt, ge);
      case BinaryOp::le:
        return decide(le, gt);
      case BinaryOp::gt:
        return decide(gt, le);
      case BinaryOp::ge:
        return decide(ge, lt);
      case BinaryOp::eq:
        return decide(d == Interval::of(0), lt || gt);
      default:
        return decide(lt || gt, d == Interval::of(0));
    }
  }

  [[nodiscard]] Interval bits(const Binary& b, const Interval& x, const Interval& y) const {
    const DType t = b.type;
    const auto n = y.single();
    const bool positive = x.lo && *x.lo >= 0 && y.lo && *y.lo >= 0;
    switch (b.op) {
      case BinaryOp::bit_and:
        if (y.lo && *y.lo >= 0)
          return intersect({0, y.hi}, x.lo && *x.lo >= 0 ? Interval{0, x.hi} : Interval{});
        return x.lo && *x.lo >= 0 ? Interval{0, x.hi} : interval_of(t);
      case BinaryOp::bit_or:
      case BinaryOp::bit_xor: {
        if (t.is_bool() || !positive || !x.hi || !y.hi) return interval_of(t);
        const uint64_t top = static_cast<uint64_t>(*x.hi) | static_cast<uint64_t>(*y.hi);
        return Interval::range(0, static_cast<int64_t>(top ? ~uint64_t{0} >> __builtin_clzll(top) : 0));
      }
      case BinaryOp::shl:
        return n && *n >= 0 && *n < 62 ? unless_it_wraps(Expr(&b), fit(t, x * Interval::of(int64_t{1} << *n)))
                                       : interval_of(t);
      case BinaryOp::shr:
        if (n && *n >= 0 && *n < 62) return fit(t, x / Interval::of(int64_t{1} << *n));
        return x.lo && *x.lo >= 0 ? Interval{0, x.hi} : interval_of(t);
      default:
        return interval_of(t);
    }
  }

  Interval call(const Call& c) {
    switch (c.op) {
      case CallOp::neg:
        return unless_it_wraps(Expr(&c), fit(c.type, Interval::of(0) - (*this)(c.args[0])));
      case CallOp::not_:
        return c.type.is_bool()     ? Interval::of(1) - (*this)(c.args[0])
               : c.type.is_signed() ? Interval::of(-1) - (*this)(c.args[0])
                                    : interval_of(c.type);
      case CallOp::abs: {
        const Interval x = (*this)(c.args[0]);
        if (x.lo == kMin && c.type.element() == kIndex) return {};  // whose absolute value it is itself
        return unless_it_wraps(Expr(&c), fit(c.type, max(max(x, Interval::of(0) - x), Interval::of(0))));
      }
      case CallOp::fma:
        return unless_it_wraps(Expr(&c),
                               fit(c.type, (*this)(c.args[0]) * (*this)(c.args[1]) + (*this)(c.args[2])));
      default:
        return interval_of(c.type);
    }
  }

  Interval select(const Select& s) {
    const Interval c = (*this)(s.condition);
    if (c.is_true()) return (*this)(s.if_true);
    if (c.is_false()) return (*this)(s.if_false);
    return join((*this)(s.if_true), (*this)(s.if_false));
  }

  Interval cast(const Cast& c) {
    if (c.value->type.is_float()) return interval_of(c.type);
    const Interval x = (*this)(c.value);
    if (!c.type.is_bool())
      return c.type.element() == kIndex && c.value->type.code == TypeCode::uint && !x.hi ? Interval{}
                                                                                         : fit(c.type, x);
    if (x == Interval::of(0)) return x;
    return x.contains(0) ? Interval::range(0, 1) : Interval::of(1);
  }

  Interval vector_reduce(const VectorReduce& r) {
    const Interval x = (*this)(r.value);
    if (r.op == BinaryOp::mul) return interval_of(r.type);
    if (r.op != BinaryOp::add) return x;
    return unless_it_wraps(Expr(&r), fit(r.type, x * Interval::of(r.value->type.lanes)));
  }

  const Bounds& bounds_;
  int budget_ = 256;
};

}  // namespace

Interval interval_of(const Expr& e, const Bounds& bounds) { return Walk(bounds)(e); }

}  // namespace tc::ir
