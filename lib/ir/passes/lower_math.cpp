// lower_math: functions that no machine has become polynomials.
//
//   B[i] = exp(A[i])      ->      let m = max(min(A[i], 90.0), -105.0)
//                                 let m_1 = fma(m, 0.72134752, 12582912.0)
//                                 ...
//                                 B[i] = fma(...) * m_4 * m_4
//
// Of f32 and f64, scalars and vectors; f16 and bf16 go through f32. Equal calls
// in one statement are computed once. Bounds on the errors stand in passes.h.
// Behind if_then_else nothing is named, as that would evaluate it always: run
// lower_guards first.
#include <algorithm>

#include "math_emit.h"
#include "tc/ir/affine.h"
#include "tc/ir/passes.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

namespace {

bool is_math(CallOp op) {
  switch (op) {
    case CallOp::exp:
    case CallOp::log:
    case CallOp::rsqrt:
    case CallOp::tanh:
    case CallOp::erf:
    case CallOp::sigmoid:
    case CallOp::pow:
    case CallOp::sin:
    case CallOp::cos:
      return true;
    default:
      return false;
  }
}

bool has_call(const Expr& e, bool (*wanted)(CallOp)) {
  bool found = false;
  walk<Call>(e, [&](const Call& c) { found |= wanted(c.op); });
  return found;
}

Expr emit(const MathEmitter& e, CallOp op, const std::vector<Expr>& x) {
  switch (op) {
    case CallOp::exp:
      return emit_exp(e, x[0]);
    case CallOp::log:
      return emit_log(e, x[0]);
    case CallOp::rsqrt:
      return e.number(1) / call(CallOp::sqrt, {x[0]});
    case CallOp::tanh:
      return emit_tanh(e, x[0]);
    case CallOp::erf:
      return emit_erf(e, x[0]);
    case CallOp::sigmoid:
      return emit_sigmoid(e, x[0]);
    case CallOp::pow:
      return emit_pow(e, x[0], x[1]);
    case CallOp::sin:
      return emit_sin(e, x[0], false);
    case CallOp::cos:
      return emit_sin(e, x[0], true);
    default:
      TC_ASSERT(false, "no such function");
      return nullptr;
  }
}

// Lowers the calls of one statement's own expressions.
class StatementMath {
 public:
  explicit StatementMath(bool fma) : fma_(fma) {}

  Expr operator()(const Expr& e) {
    if (!e || !has_call(e, is_math)) return e;
    named_ = !has_call(e, [](CallOp op) { return op == CallOp::if_then_else; });
    return lower(e);
  }
  // The statement inside the lets that it needs.
  Stmt wrap(Stmt s) const {
    for (auto it = lets_.rbegin(); it != lets_.rend(); ++it) s = let(it->first, it->second, s);
    return s;
  }

 private:
  Expr lower(const Expr& e) {
    const Expr inside =
        map_children(e, overloaded{[&](const Expr& x) { return lower(x); }, [](const Stmt& s) { return s; }});
    const auto* c = inside.as<Call>();
    if (!c || !is_math(c->op)) return inside;
    for (const auto& [call, value] : done_)
      if (same_expr(call, inside)) return value;
    const Expr value = lower_call(*c);
    if (named_) done_.emplace_back(inside, value);
    return value;
  }

  Expr lower_call(const Call& c) {
    const DType t = c.type;
    const DType work = t.bits < 32 ? kF32.with_lanes(t.lanes) : t;
    std::vector<Expr> args;
    for (const Expr& a : c.args) args.push_back(cast(work.element(), a));
    const MathEmitter e(work, fma_, named_ ? &lets_ : nullptr);
    return e.name(cast(t.element(), emit(e, c.op, args)));
  }

  bool fma_, named_ = true;
  Bindings lets_;
  std::vector<std::pair<Expr, Expr>> done_;
};

FuncRef run(const FuncRef& f, const PassContext& context) {
  bool any = false;
  walk<Call>(f->body, [&](const Call& c) { any |= is_math(c.op); });
  if (!any) return f;
  // own expressions of a statement, and the statement made again with them
  const auto lowered = [&](const Stmt& s, auto&& make) -> Stmt {
    StatementMath math(context.fma);
    const Stmt out = make(math);
    return out.same(s) ? nullptr : math.wrap(out);
  };
  return rewrite_body(
      f,
      [&](const Store& s) {
        return lowered(Stmt(&s), [&](StatementMath& math) {
          std::vector<Expr> indices;
          bool same = true;
          for (const Expr& i : s.indices) indices.push_back(math(i)), same &= indices.back().same(i);
          Expr value = math(s.value);
          return same && value.same(s.value) ? Stmt(&s)
                                             : store(s.buffer, std::move(indices), std::move(value));
        });
      },
      [&](const Let& s) {
        return lowered(Stmt(&s), [&](StatementMath& math) {
          Expr value = math(s.value);
          return value.same(s.value) ? Stmt(&s) : let(s.var, std::move(value), s.body);
        });
      },
      [&](const If& s) {
        return lowered(Stmt(&s), [&](StatementMath& math) {
          Expr c = math(s.condition);
          return c.same(s.condition) ? Stmt(&s) : if_(std::move(c), s.if_true, s.if_false);
        });
      },
      [&](const For& s) {
        return lowered(Stmt(&s), [&](StatementMath& math) {
          Expr min = math(s.min), extent = math(s.extent);
          return min.same(s.min) && extent.same(s.extent) ? Stmt(&s)
                                                          : for_(s.var, min, extent, s.mode, s.body);
        });
      });
}

}  // namespace

constinit const Pass passes::lower_math{"lower_math", "replace exp, log, tanh, ... by polynomials",
                                        Form::nested, Form::nested, run};

}  // namespace tc::ir
