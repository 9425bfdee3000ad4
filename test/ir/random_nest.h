// Random reduction nests: initialised or not, guarded or not, in blocks, unrolled,
// scalar, in lanes or summed over lanes. Unlike those of random_ir.h they are of the
// shape that the passes on accumulators look for; some are in error. For property tests.
#pragma once
#include "ir/random_ir.h"

namespace tc::ir::testing {

class RandomNest {
 public:
  explicit RandomNest(uint64_t seed) : random_(seed) {}

  FuncRef func() {
    const int64_t lanes = pick({1, 1, 4, 8});
    const VarRef ko = var("ko"), y = var("y"), k = var("k"), r = var("r"), u = var("u");
    const int64_t blocks = random_.below(3) + 1, rows = random_.below(3) + 1, inner = random_.below(4),
                  copies = random_.below(3) + 1;
    std::vector<Stmt> out;
    // the tile: rows u of C[y, u, lanes]; or of a buffer of its own, T[u, lanes], that is copied there
    const bool local = chance(30);
    const Expr last =
        lanes > 1 ? ramp(int_imm(0), int_imm(1), static_cast<int>(lanes)) : int_imm(random_.below(2));
    const std::vector<Expr> in_c{chance(80) ? Expr(y) : int_imm(0), Expr(u), last}, in_t{Expr(u), last};
    const std::vector<Expr>& at = local ? in_t : in_c;
    tile_ = local ? buffer("T", kF32, {int_imm(3), int_imm(8)}, Scope::stack) : c_;
    const auto over_rows = [&](const Stmt& s) {
      return for_(u, int_imm(0), int_imm(copies), chance(70) ? LoopMode::unrolled : LoopMode::serial, s);
    };
    const DType type = kF32.with_lanes(static_cast<int>(lanes));
    // in one block alone, or in all but the first: what is initialised there may not be read elsewhere
    const bool part = chance(20), later = part && !local && chance(70);
    if (part || chance(90)) {
      Stmt init = over_rows(store(tile_, at, float_imm(chance(80) ? 0 : 3, type)));
      if (part)
        init = if_(later ? eq(ko, int_imm(1)) : eq(ko, int_imm(0)), init);
      else if (chance(40))
        init = if_(chance(90) ? eq(ko, int_imm(0)) : Expr(ko) < 1, init);
      else if (chance(20))
        init = if_(Expr(y) < 1, init, over_rows(store(tile_, at, float_imm(1, type))));
      out.push_back(init);
    }
    Stmt body = update(at, ko, y, k, r, type);
    if (chance(30)) body = seq({body, update(at, ko, y, k, r, type)});
    if (chance(20)) {  // one element of the vector, the first or the last
      std::vector<Expr> one = at;
      if (lanes > 1) one.back() = int_imm(chance(50) ? lanes - 1 : 0);
      body = seq({body, store(d_, {Expr(y)}, load(tile_, one))});
    }
    body = over_rows(body);
    if (chance(40)) body = if_(Expr(k) + y >= 1, body);
    body = for_(k, int_imm(0), chance(10) ? load(n_, {int_imm(0)}) : int_imm(inner), LoopMode::serial, body);
    if (chance(40)) body = if_(Expr(r) + y < 4, body);
    if (chance(60))
      body = for_(r, int_imm(0), int_imm(2), LoopMode::serial, body);
    else
      body = let(r, Expr(y) * 1 + 0, body);
    out.push_back(body);
    if (chance(40)) out.push_back(over_rows(store(tile_, at, max(load(tile_, at), float_imm(1, type)))));
    if (chance(20)) out.push_back(over_rows(store(d_, {Expr(y)}, load(c_, {int_imm(0), u, int_imm(0)}))));
    if (local) out.push_back(over_rows(store(c_, in_c, load(tile_, in_t))));
    if (part) {
      const std::vector<Stmt> rest(out.begin() + 1, out.end());
      out = {out[0], if_(later ? Expr(ko) >= 1 : eq(ko, int_imm(0)), seq(rest))};
    }
    Stmt tile = seq(std::move(out));
    if (local) tile = alloc(tile_, tile);
    Stmt all = for_(y, int_imm(0), int_imm(rows), chance(30) ? LoopMode::parallel : LoopMode::serial, tile);
    all = for_(ko, int_imm(0), int_imm(blocks), LoopMode::serial, all);
    return ir::func("nest", {a_, n_, c_, d_}, all);
  }

 private:
  bool chance(int percent) { return random_.below(100) < percent; }
  int64_t pick(std::initializer_list<int64_t> of) {
    return of.begin()[random_.below(static_cast<int64_t>(of.size()))];
  }

  // C[..] = C[..] op something
  Stmt update(const std::vector<Expr>& at, const VarRef& ko, const VarRef& y, const VarRef& k,
              const VarRef& r, DType type) {
    const auto a = [&](int lanes) {
      Expr last = chance(50) ? Expr(k) : Expr(r) + Expr(ko);
      if (lanes > 1) last = ramp(last, int_imm(1), lanes);
      return load(a_, {Expr(y), std::move(last)});
    };
    const BinaryOp op = chance(70) ? BinaryOp::add : chance(50) ? BinaryOp::max : BinaryOp::min;
    Expr old = load(tile_, at);
    if (type.lanes == 1 && chance(50)) {
      old = binary(op, old, vector_reduce(op, a(4) * a(4)));
      if (chance(30)) old = binary(op, old, vector_reduce(op, a(2)));
      return store(tile_, at, chance(30) ? binary(op, old, a(1)) : old);
    }
    const Expr x = chance(50) ? broadcast(a(1), type.lanes) : a(type.lanes);
    return store(tile_, at, chance(90) ? binary(op, old, x * a(type.lanes)) : x);
  }

  RandomIr random_;
  BufferRef a_ = buffer("A", kF32, {int_imm(3), int_imm(16)}), n_ = buffer("n", kI64, {int_imm(1)});
  BufferRef tile_, c_ = buffer("C", kF32, {int_imm(3), int_imm(3), int_imm(8)}),
                   d_ = buffer("D", kF32, {int_imm(3)});
};

}  // namespace tc::ir::testing
