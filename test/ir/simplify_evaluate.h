// Direct evaluation of expressions on numeric.h, for the property tests of the
// simplifier: written apart from both the simplifier and the interpreter.
#pragma once
#include <cmath>
#include <map>
#include <optional>

#include "tc/ir/numeric.h"
#include "tc/ir/traverse.h"

namespace tc::ir::testing {

struct Scalar {
  int64_t i = 0;
  double f = 0;
};
using Lanes = std::vector<Scalar>;
using Environment = std::map<const Node*, Lanes>;

/// The value of every lane; nothing where it divides by zero.
class Evaluator {
 public:
  explicit Evaluator(const Environment& env) : env_(env) {}

  std::optional<Lanes> operator()(const Expr& e) {
    const size_t n = e->type.lanes;
    if (const auto it = env_.find(e.get()); it != env_.end()) return it->second;
    if (const auto* i = e.as<IntImm>()) return Lanes(n, {i->value, 0});
    if (const auto* f = e.as<FloatImm>()) return Lanes(n, {0, f->value});
    if (const auto* b = e.as<Broadcast>()) {
      const auto v = (*this)(b->value);
      return v ? std::optional(Lanes(n, (*v)[0])) : v;
    }
    if (const auto* r = e.as<Ramp>()) return ramp(*r);
    std::vector<Lanes> args;
    for (const Expr& child : children(e)) {
      auto v = (*this)(child);
      if (!v) return v;
      if (v->size() == 1) v->resize(n, (*v)[0]);
      args.push_back(std::move(*v));
    }
    Lanes out;
    for (size_t lane = 0; lane < n; ++lane) {
      const auto v = lane_of(e, args, lane);
      if (!v) return std::nullopt;
      out.push_back(*v);
    }
    return out;
  }

 private:
  static std::vector<Expr> children(const Expr& e) {
    if (const auto* b = e.as<Binary>()) return {b->a, b->b};
    if (const auto* c = e.as<Call>()) return c->args;
    if (const auto* s = e.as<Select>()) return {s->condition, s->if_true, s->if_false};
    if (const auto* c = e.as<Cast>()) return {c->value};
    throw std::logic_error("not evaluated: " + std::string(to_string(e->kind)));
  }

  static int64_t lane(DType t, int64_t base, int64_t stride, int64_t i) {
    return *fold_int(BinaryOp::add, t, base, *fold_int(BinaryOp::mul, t, stride, wrap(t, i)));
  }
  std::optional<Lanes> ramp(const Ramp& r) {
    const auto base = (*this)(r.base), stride = (*this)(r.stride);
    if (!base || !stride) return std::nullopt;
    Lanes out;
    for (int64_t i = 0; i < r.type.lanes; ++i)
      out.push_back({lane(r.type.element(), (*base)[0].i, (*stride)[0].i, i), 0});
    return out;
  }

  static std::optional<Scalar> lane_of(const Expr& e, const std::vector<Lanes>& a, size_t n) {
    const DType t = e->type.element();
    if (const auto* b = e.as<Binary>()) {
      const DType from = b->a->type.element();
      const Scalar x = a[0][n], y = a[1][n];
      if (from.is_float()) {
        if (is_compare(b->op)) return Scalar{fold_compare(b->op, x.f, y.f), 0};
        return Scalar{0, fold_float(b->op, from, x.f, y.f)};
      }
      const auto v = fold_int(b->op, from, x.i, y.i);
      return v ? std::optional(Scalar{*v, 0}) : std::nullopt;
    }
    if (const auto* c = e.as<Call>()) {
      const Scalar x = a[0][n];
      switch (c->op) {
        case CallOp::neg:
          return t.is_float() ? Scalar{0, -x.f} : Scalar{*fold_int(BinaryOp::sub, t, 0, x.i), 0};
        case CallOp::not_:
          return Scalar{t.is_bool() ? !x.i : wrap(t, ~x.i), 0};
        case CallOp::abs:
          return t.is_float()
                     ? Scalar{0, std::fabs(x.f)}
                     : Scalar{t.is_signed() && x.i < 0 ? *fold_int(BinaryOp::sub, t, 0, x.i) : x.i, 0};
        default:
          throw std::logic_error("not evaluated");
      }
    }
    if (e->kind == Kind::Select) return a[0][n].i ? a[1][n] : a[2][n];
    const DType from = e.as<Cast>()->value->type.element();
    const Scalar x = a[0][n];
    if (t.is_float())
      return Scalar{0, from.is_float() ? round_to(t, x.f) : round_to(t, static_cast<double>(x.i))};
    return Scalar{from.is_float() ? float_to_int(t, x.f) : wrap(t, x.i), 0};
  }

  const Environment& env_;
};

/// Bit for bit, of a NaN only that it is one.
inline bool same_values(DType t, const Lanes& a, const Lanes& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!t.is_float()) {
      if (a[i].i != b[i].i) return false;
    } else if (!(std::isnan(a[i].f) && std::isnan(b[i].f)) &&
               (a[i].f != b[i].f || std::signbit(a[i].f) != std::signbit(b[i].f))) {
      return false;
    }
  }
  return true;
}

}  // namespace tc::ir::testing
