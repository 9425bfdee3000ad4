// contract_fma: a product that is only added to something becomes part of a fused
// multiply-add, which rounds once.
//
//   a * b + c       c + a * b     ->    fma(a, b, c)
//   a * b - c                     ->    fma(a, b, -c)
//   c - a * b                     ->    fma(-a, b, c)
//
// f32 and f64 only. Where both operands are products the first is taken (of a
// difference the second). A product that the expression has more than once stays,
// as it would be computed beside the fma anyway. Off without PassContext::fma.
#include "tc/ir/equal.h"
#include "tc/ir/passes.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

namespace {

bool has_fma(DType t) { return t.is_float() && t.code == TypeCode::float_ && t.bits >= 32; }

const Binary* as_product(const Expr& e) {
  const auto* b = e.as<Binary>();
  return b && b->op == BinaryOp::mul && has_fma(b->type) ? b : nullptr;
}

/// One expression of a statement, whole.
class Contraction {
 public:
  Expr operator()(const Expr& e) {
    if (!e || e->kind == Kind::Var || !has_sum_of_product(e)) return e;
    walk<Binary>(e, [&](const Binary& b) {
      if (b.op == BinaryOp::mul && has_fma(b.type)) ++count_[hash(Expr(&b))];
    });
    return contract(e);
  }

 private:
  static bool has_sum_of_product(const Expr& e) {
    bool found = false;
    walk<Binary>(e, [&](const Binary& b) {
      found |= (b.op == BinaryOp::add || b.op == BinaryOp::sub) && (as_product(b.a) || as_product(b.b));
    });
    return found;
  }

  const Binary* only_product(const Expr& e) {
    const Binary* p = as_product(e);
    return p && count_[hash(e)] == 1 ? p : nullptr;
  }

  Expr contract(const Expr& e) {
    if (const auto* b = e.as<Binary>(); b && b->op == BinaryOp::add) {
      if (const Binary* p = only_product(b->a)) return fma(contract(p->a), contract(p->b), contract(b->b));
      if (const Binary* p = only_product(b->b)) return fma(contract(p->a), contract(p->b), contract(b->a));
    } else if (b && b->op == BinaryOp::sub) {
      if (const Binary* p = only_product(b->b))
        return fma(negated(contract(p->a)), contract(p->b), contract(b->a));
      if (const Binary* p = only_product(b->a))
        return fma(contract(p->a), contract(p->b), negated(contract(b->b)));
    }
    return map_children(e, [&](const Expr& x) { return contract(x); });
  }

  static Expr fma(Expr a, Expr b, Expr c) {
    return call(CallOp::fma, {std::move(a), std::move(b), std::move(c)});
  }
  static Expr negated(Expr e) { return call(CallOp::neg, {std::move(e)}); }

  std::unordered_map<uint64_t, int> count_;  // of each product, by hash
};

Expr contract_expr(const Expr& e) { return Contraction()(e); }

Stmt contract_stmt(const Stmt& s) {
  return map_children(s, overloaded{[](const Expr& e) { return contract_expr(e); },
                                    [](const Stmt& x) { return contract_stmt(x); }});
}

FuncRef run(const FuncRef& f, const PassContext& context) {
  if (!context.fma) return f;
  Stmt body = contract_stmt(f->body);
  return body.same(f->body) ? f : func(f->name, f->params, std::move(body));
}

}  // namespace

constinit const Pass passes::contract_fma{"contract_fma", "use fused multiply-add", Form::nested,
                                          Form::nested, run};

}  // namespace tc::ir
