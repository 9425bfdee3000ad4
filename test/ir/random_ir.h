// Random IR, valid by construction and executable: indices stay in bounds,
// nothing is read before it is written, divisors are not zero, i64 values stay
// small, and iterations of parallel loops keep to elements of their own. The
// same seed gives the same program. For property tests.
#pragma once
#include <algorithm>
#include <cmath>

#include "tc/ir/stmt.h"
#include "tc/ir/traverse.h"

namespace tc::ir::testing {

struct RandomOptions {
  int stmts = 10;  // at most, in all blocks together
  int expr_depth = 4;
  bool floats = true;
  bool transcendentals = true;  // exp, log, ... whose rounding is the library's
  bool vectors = true;          // ramps, broadcasts, vector reductions
  bool parallel = true;         // loops in mode parallel
  bool vectorized = true;       // loops in mode vectorized
  bool flat = false;            // buffers of one dimension only
};

class RandomIr {
 public:
  explicit RandomIr(uint64_t seed, RandomOptions options = {})
      : opt(options), state_(seed * 0x9e3779b97f4a7c15ull + 1) {}

  /// A function of loops: inputs first, outputs (wholly written) last.
  FuncRef func() {
    std::vector<BufferRef> params = inputs();
    std::vector<Stmt> body;
    for (int64_t i = 0, n = below(2) + 1; i < n; ++i) {
      params.push_back(new_buffer("out", Scope::global, true));
      body.push_back(fill(bufs_.back()));
    }
    budget_ = opt.stmts;
    body.push_back(block(0));
    return ir::func("random", params, seq(std::move(body)));
  }

  /// A function in te form: computes over intermediate tensors.
  FuncRef te_func() {
    RandomOptions all = opt;
    opt.vectors = false;
    std::vector<BufferRef> params = inputs();
    std::vector<Stmt> stages;
    std::vector<BufferRef> middle;
    const int64_t n = below(4) + 1;
    for (int64_t i = 0; i < n; ++i) {
      const bool output = i + 1 == n || below(3) == 0;
      for (const BufferRef& b : stage(stages, output)) (output ? params : middle).push_back(b);
    }
    Stmt body = seq(std::move(stages));
    for (const BufferRef& b : middle) body = alloc(b, body);
    opt = all;
    return ir::func("random_te", params, body);
  }

  /// An expression over what is in scope (nothing, at first): see add().
  Expr expr(DType type, int depth) { return gen(type, depth); }
  void add(const VarRef& v, int64_t least, int64_t greatest) { vars_.push_back({v, least, greatest}); }

  int64_t below(int64_t n) {
    state_ += 0x9e3779b97f4a7c15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<int64_t>((z ^ (z >> 31)) % static_cast<uint64_t>(n));
  }

  RandomOptions opt;

 private:
  struct BufferState {
    BufferRef ref;
    std::vector<int64_t> extents;
    std::vector<Expr> prefix;  // indices that a parallel loop fixed
    bool writable;
  };
  struct VarState {
    VarRef var;
    int64_t least = 0, greatest = -1;  // of an index
  };

  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[static_cast<size_t>(below(static_cast<int64_t>(items.size())))];
  }
  bool chance(int percent) { return below(100) < percent; }

  DType any_type() {
    static const std::vector<DType> floats = {kF32, kF32, kF32, kF64, kF16, kBF16};
    static const std::vector<DType> ints = {kI64, kI32, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool};
    return opt.floats && chance(55) ? pick(floats) : pick(ints);
  }

  // ---- buffers
  BufferRef new_buffer(const std::string& name, Scope scope, bool writable) {
    BufferState b{nullptr, {}, {}, writable};
    const int64_t rank = opt.flat ? 1 : below(4);
    std::vector<Expr> shape;
    for (int64_t d = 0; d < rank; ++d) {
      b.extents.push_back(below(opt.flat ? 16 : 5) + 1);
      shape.push_back(int_imm(b.extents.back()));
    }
    b.ref = buffer(chance(30) ? "T" : name, any_type(), shape, scope);
    bufs_.push_back(b);
    return bufs_.back().ref;
  }
  std::vector<BufferRef> inputs() {
    std::vector<BufferRef> params;
    for (int64_t i = 0, n = below(3) + 1; i < n; ++i)
      params.push_back(new_buffer("in", Scope::global, false));
    return params;
  }
  // Loops that write every element.
  Stmt fill(const BufferState& b) {
    std::vector<VarRef> vars;
    std::vector<Expr> at;
    for (size_t d = 0; d < b.extents.size(); ++d) {
      vars.push_back(var("f"));
      at.push_back(vars.back());
    }
    Stmt s = store(b.ref, at, constant(b.ref->type));
    for (size_t d = b.extents.size(); d-- > 0;)
      s = for_(vars[d], int_imm(0), int_imm(b.extents[d]), LoopMode::serial, s);
    return s;
  }

  // ---- statements
  Stmt block(int depth) {
    std::vector<Stmt> items;
    for (int64_t i = 0, n = below(3) + 1; i < n && budget_ > 0; ++i) items.push_back(stmt(depth));
    return seq(std::move(items));
  }
  Stmt stmt(int depth) {
    --budget_;
    const int64_t kind = depth > 4 ? 0 : below(10);
    if (kind < 4) return random_store();
    if (kind < 7) return loop(depth);
    if (kind == 7) {
      Expr c = gen(kBool, 2);
      Stmt a = block(depth + 1);
      return if_(c, a, chance(50) ? block(depth + 1) : Stmt());
    }
    const auto bufs = bufs_;
    const auto vars = vars_;
    Stmt s;
    if (kind == 8) {
      const bool index = chance(50);
      const int64_t n = below(8) + 1;
      Expr value = index ? integer(1, 2) % n : gen(any_type(), 2);
      const VarRef v = var(chance(50) ? "x" : "p", value->type);
      vars_.push_back(index ? VarState{v, 0, n - 1} : VarState{v, 0, -1});
      s = let(v, value, block(depth + 1));
    } else {
      static const std::vector<Scope> scopes = {Scope::global, Scope::stack, Scope::register_};
      const BufferRef b = new_buffer("acc", pick(scopes), true);
      Stmt first = fill(bufs_.back());
      s = alloc(b, seq({first, block(depth + 1)}), chance(20));
    }
    bufs_ = bufs;
    vars_ = vars;
    return s;
  }
  Stmt loop(int depth) {
    std::vector<LoopMode> modes = {LoopMode::serial, LoopMode::serial, LoopMode::unrolled};
    if (opt.parallel) modes.insert(modes.end(), {LoopMode::parallel, LoopMode::vthread});
    if (opt.vectorized) modes.push_back(LoopMode::vectorized);
    const LoopMode mode = pick(modes);
    const auto bufs = bufs_;
    const auto vars = vars_;
    const int64_t extent = below(20) == 0 ? 0 : below(5) + 1, least = chance(70) ? 0 : below(6) - 2;
    const VarRef v = var(chance(50) ? "x" : "y");
    if (mode != LoopMode::serial && mode != LoopMode::unrolled) own_elements(v, least, extent);
    vars_.push_back({v, least, least + extent - 1});
    Stmt s = for_(v, int_imm(least), int_imm(extent), mode, block(depth + 1));
    bufs_ = bufs;
    vars_ = vars;
    return s;
  }
  // Iteration v keeps to slice v - least of some buffers; others are only read.
  void own_elements(const VarRef& v, int64_t least, int64_t extent) {
    for (BufferState& b : bufs_) {
      const size_t d = b.prefix.size();
      if (b.writable && d < b.extents.size() && b.extents[d] >= extent && chance(80))
        b.prefix.push_back(Expr(v) - least);
      else
        b.writable = false;
    }
  }
  Stmt random_store() {
    std::vector<BufferState> writable;
    for (const BufferState& b : bufs_)
      if (b.writable) writable.push_back(b);
    if (!bufs_.empty() && chance(8)) {  // of an element that need not be there
      const BufferState& hinted = pick(bufs_);
      std::vector<Expr> at;
      while (at.size() < hinted.extents.size()) at.push_back(integer(1, 2));
      return prefetch(hinted.ref, at);
    }
    if (writable.empty()) return seq({});
    const BufferState& b = pick(writable);
    int lanes = 1;
    std::vector<Expr> at = indices(b, opt.vectors && chance(30) ? 1 + static_cast<int>(below(4)) : 1, lanes);
    return store(b.ref, at, gen(b.ref->type.with_lanes(lanes), opt.expr_depth));
  }

  // ---- indices
  // Those of an element, or of `wanted` of them in a row where they fit.
  std::vector<Expr> indices(const BufferState& b, int wanted, int& lanes) {
    std::vector<Expr> at = b.prefix;
    lanes = 1;
    while (at.size() < b.extents.size()) {
      const int64_t n = b.extents[at.size()];
      const bool last = at.size() + 1 == b.extents.size();
      if (last && wanted > 1 && n >= wanted) {
        lanes = wanted;
        const int64_t room = n - wanted;
        at.push_back(ramp(index(room + 1), int_imm(1), wanted));
      } else {
        at.push_back(index(n));
      }
    }
    return at;
  }
  // In [0, n).
  Expr index(int64_t n) {
    std::vector<VarState> fit;
    for (const VarState& v : vars_)
      if (v.greatest >= v.least && v.least >= 0 && v.greatest < n) fit.push_back(v);
    switch (below(6)) {
      case 0:
        return int_imm(below(n));
      case 1:
        return integer(1, 2) % n;
      case 2:
        return min(max(integer(1, 2), int_imm(0)), int_imm(n - 1));
      default:
        break;
    }
    if (fit.empty()) return chance(50) ? int_imm(below(n)) : integer(1, 1) % n;
    const VarState& v = pick(fit);
    const int64_t room = n - 1 - v.greatest;
    return room > 0 && chance(50) ? Expr(v.var) + (below(room) + 1) : Expr(v.var);
  }
  // A small i64 (of any sign), or a vector of them.
  Expr integer(int lanes, int depth) {
    const DType t = kI64.with_lanes(lanes);
    std::vector<VarState> known;
    for (const VarState& v : vars_)
      if (v.greatest >= v.least) known.push_back(v);
    if (depth <= 0 || chance(20)) {
      if (lanes > 1 && chance(50)) return ramp(integer(1, 0), int_imm(below(5) - 2), lanes);
      return broadcast(!known.empty() && chance(80) ? Expr(pick(known).var) : int_imm(below(21) - 10), lanes);
    }
    const auto operand = [&] { return integer(lanes, depth - 1); };
    const auto number = [&] { return int_imm(below(9) + 1, t); };
    switch (below(14)) {
      case 0:
      case 1:
      case 2: {
        Expr a = operand();
        return a + operand();
      }
      case 3: {
        Expr a = operand();
        return a - operand();
      }
      case 4:
      case 5: {
        Expr a = operand();
        return a * number();
      }
      case 6: {
        Expr a = operand();
        return a / (chance(70) ? number() : -number());
      }
      case 7: {
        Expr a = operand();
        return a % (chance(70) ? number() : -number());
      }
      case 8: {
        Expr a = operand();
        return min(a, operand());
      }
      case 9: {
        Expr a = operand();
        return max(a, operand());
      }
      case 10: {
        Expr c = gen(kBool.with_lanes(lanes), depth - 1), a = operand();
        return select(c, a, operand());
      }
      case 11:
        return cast(kI64, gen(kI16.with_lanes(lanes), depth - 1));
      case 12: {
        Expr a = operand();
        return binary(pick(kBitOps), a, operand());
      }
      default: {
        Expr e = load_of(t);
        return e ? e % 97 : operand();
      }
    }
  }

  // ---- expressions
  Expr constant(DType t) {
    if (t.is_bool()) return int_imm(below(2), t);
    if (t.is_int()) return int_imm(chance(90) || t.element() == kI64 ? below(21) - 10 : below(INT64_MAX), t);
    if (chance(95)) return float_imm(static_cast<double>(below(41) - 20) / (chance(70) ? 1.0 : 8.0), t);
    static const std::vector<double> odd = {1e-3,  -0.0, 1e30, HUGE_VAL, -HUGE_VAL, 3.1415926535897931,
                                            1e-300};
    return float_imm(pick(odd), t);
  }
  Expr load_of(DType t) {
    std::vector<BufferState> fit;
    for (const BufferState& b : bufs_)
      if (b.ref->type == t.element()) fit.push_back(b);
    if (fit.empty()) return nullptr;
    const BufferState& b = pick(fit);
    int lanes = 1;
    std::vector<Expr> at = indices(b, t.lanes, lanes);
    if (lanes == t.lanes) return load(b.ref, at);
    if (b.prefix.size() < b.extents.size() && chance(50)) {  // gather
      at.back() = integer(t.lanes, 1) % int_imm(b.extents.back(), kI64.with_lanes(t.lanes));
      if (at.back()->type.lanes == t.lanes) return load(b.ref, at);
    }
    return broadcast(load(b.ref, indices(b, 1, lanes)), t.lanes);
  }
  Expr leaf(DType t) {
    if (chance(60))
      if (Expr e = load_of(t)) return t.element() == kI64 ? e % 97 : e;
    std::vector<VarState> fit;
    for (const VarState& v : vars_)
      if (v.var->type == t.element()) fit.push_back(v);
    if (!fit.empty() && chance(60)) return broadcast(pick(fit).var, t.lanes);
    return constant(t);
  }
  Expr gen(DType t, int depth) {
    if (depth <= 0 || chance(12)) return leaf(t);
    if (opt.vectors && t.is_scalar() && chance(4)) return reduced(t, depth);
    if (t.is_bool()) return boolean(t.lanes, depth);
    if (t.element() == kI64) return integer(t.lanes, depth);
    if (chance(10)) {
      Expr c = gen(kBool.with_lanes(chance(50) ? t.lanes : 1), depth - 1), a = gen(t, depth - 1);
      return select(c, a, gen(t, depth - 1));
    }
    if (chance(12)) return converted(t, depth);
    return t.is_float() ? floating(t, depth) : wrapping(t, depth);
  }
  Expr reduced(DType t, int depth) {
    static const std::vector<BinaryOp> number = {BinaryOp::add, BinaryOp::mul, BinaryOp::min, BinaryOp::max};
    const int lanes = static_cast<int>(below(5)) + 2;
    if (t == kI64) return vector_reduce(BinaryOp::max, integer(lanes, depth - 1));
    return vector_reduce(t.is_bool() ? (chance(50) ? BinaryOp::and_ : BinaryOp::or_) : pick(number),
                         gen(t.with_lanes(lanes), depth - 1));
  }
  Expr converted(DType t, int depth) {
    DType from = any_type();
    for (const DType same : {kF32, kI32, kU32, kF16, kI16, kU16, kBF16, kI8, kU8})
      if (same.bits == t.bits && same != t.element() && chance(20))
        return reinterpret(t, gen(same.with_lanes(t.lanes), depth - 1));
    if (from == kI64 && t.is_bool()) from = kI32;
    return cast(t, gen(from.with_lanes(t.lanes), depth - 1));
  }
  Expr boolean(int lanes, int depth) {
    const DType t = kBool.with_lanes(lanes);
    const auto operand = [&] { return gen(t, depth - 1); };
    switch (below(8)) {
      case 0: {
        Expr a = operand();
        return logical_and(a, operand());
      }
      case 1: {
        Expr a = operand();
        return logical_or(a, operand());
      }
      case 2:
        return logical_not(operand());
      case 3: {
        Expr a = operand();
        return binary(pick(kBitOps), a, operand());
      }
      case 4:
        if (opt.floats) return call(CallOp::isnan, {gen(kF32.with_lanes(lanes), depth - 1)});
        [[fallthrough]];
      default:
        break;
    }
    DType of = any_type().with_lanes(lanes);
    if (of.is_bool()) of = kI64.with_lanes(lanes);
    Expr a = gen(of, depth - 1);
    return binary(static_cast<BinaryOp>(static_cast<int>(BinaryOp::eq) + below(6)), a, gen(of, depth - 1));
  }
  Expr wrapping(DType t, int depth) {
    const auto operand = [&] { return gen(t, depth - 1); };
    const auto number = [&] { return int_imm(below(9) + 1, t); };
    Expr a = operand();
    switch (below(12)) {
      case 0:
      case 1:
        return a + operand();
      case 2:
        return a - operand();
      case 3:
        return a * operand();
      case 4:
        return a / number();
      case 5:
        return a % number();
      case 6:
        return binary(chance(50) ? BinaryOp::min : BinaryOp::max, a, operand());
      case 7:
        return binary(pick(kBitOps), a, operand());
      case 8:
        return binary(chance(50) ? BinaryOp::shl : BinaryOp::shr, a, int_imm(below(t.bits), t));
      case 9:
        return call(chance(50) ? CallOp::neg : CallOp::abs, {a});
      case 10:
        return logical_not(a);
      default: {
        Expr b = operand();
        return call(CallOp::fma, {a, b, operand()});
      }
    }
  }
  Expr floating(DType t, int depth) {
    const auto operand = [&] { return gen(t, depth - 1); };
    static const std::vector<CallOp> exact = {CallOp::neg,  CallOp::abs,   CallOp::sqrt, CallOp::floor,
                                              CallOp::ceil, CallOp::round, CallOp::trunc};
    static const std::vector<CallOp> library = {CallOp::exp, CallOp::log,     CallOp::rsqrt, CallOp::tanh,
                                                CallOp::erf, CallOp::sigmoid, CallOp::sin,   CallOp::cos};
    Expr a = operand();
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return a + operand();
      case 3:
        return a - operand();
      case 4:
      case 5:
        return a * operand();
      case 6:
        return a / operand();
      case 7:
        return binary(chance(50) ? BinaryOp::min : BinaryOp::max, a, operand());
      case 8:
        return call(pick(exact), {a});
      case 9: {
        Expr b = operand();
        return call(CallOp::fma, {a, b, operand()});
      }
      case 10:
        return chance(20) ? a % operand() : a;
      default:
        if (!opt.transcendentals) return a;
        return chance(15) ? call(CallOp::pow, {a, operand()}) : call(pick(library), {a});
    }
  }

  // ---- te
  // One compute; the buffers it defines.
  std::vector<BufferRef> stage(std::vector<Stmt>& out, bool output) {
    const auto vars = vars_;
    std::vector<VarRef> axes;
    const BufferRef first = new_buffer(output ? "out" : "mid", Scope::global, false);
    BufferState state = bufs_.back();
    bufs_.pop_back();  // not to be read by its own value
    for (const int64_t n : state.extents) {
      axes.push_back(var(chance(50) ? "x" : "i"));
      vars_.push_back({axes.back(), 0, n - 1});
    }
    const auto more = [&](const char* name, DType t) {
      BufferState s = state;
      s.ref = buffer(name, t, first->shape, Scope::global);
      return s;
    };
    std::vector<BufferState> made = {state};
    std::vector<Expr> values;
    if (chance(45)) {
      values = reduction(first->type);
      if (values.size() == 2) made.push_back(more("arg", values[1]->type));
    } else {
      values = {gen(first->type, opt.expr_depth)};
      if (chance(20)) {
        made.push_back(more("also", any_type()));
        values.push_back(gen(made.back().ref->type, 2));
      }
    }
    vars_ = vars;
    std::vector<BufferRef> refs;
    for (const BufferState& b : made) {
      refs.push_back(b.ref);
      bufs_.push_back(b);
    }
    const bool reduces = values[0].as<Reduce>() != nullptr;
    if (refs.size() == 1 && !reduces && chance(10)) {
      out.push_back(external(refs[0], axes, state.extents, values[0]));
    } else {
      out.push_back(compute(refs, axes, values));
      if (!axes.empty() && chance(15)) out.back() = scan(out.back());
    }
    return refs;
  }
  // The same elements by loops.
  static Stmt external(const BufferRef& to, const std::vector<VarRef>& axes,
                       const std::vector<int64_t>& extents, const Expr& value) {
    std::vector<BufferRef> reads;
    walk<Load>(value, [&](const Load& l) {
      if (std::none_of(reads.begin(), reads.end(), [&](const BufferRef& b) { return b.same(l.buffer); }))
        reads.push_back(l.buffer);
    });
    Stmt body = store(to, {axes.begin(), axes.end()}, value);
    for (size_t d = axes.size(); d-- > 0;)
      body = for_(axes[d], int_imm(0), int_imm(extents[d]), LoopMode::serial, body);
    return extern_({to}, reads, body);
  }
  std::vector<Expr> reduction(DType t) {
    std::vector<VarRef> vars;
    std::vector<Expr> mins, extents;
    for (int64_t i = 0, n = below(3) + 1; i < n; ++i) {
      const int64_t least = chance(80) ? 0 : below(5) - 2, extent = chance(90) ? below(4) + 1 : 0;
      vars.push_back(var(chance(70) ? "k" : "x"));
      mins.push_back(int_imm(least));
      extents.push_back(int_imm(extent));
      vars_.push_back({vars.back(), least, least + extent - 1});
    }
    static const std::vector<BinaryOp> number = {BinaryOp::add, BinaryOp::mul, BinaryOp::min, BinaryOp::max};
    if (t != kBool && t != kI64 && chance(30)) {  // the greatest element and where it is
      const VarRef v = var("v", t), w = var("w", t), i = var("i"), j = var("j");
      const CombinerRef c =
          combiner("argmax", {v, i}, {w, j}, {select(Expr(w) > v, w, v), select(Expr(w) > v, j, i)},
                   {constant(t), int_imm(-1)}, chance(30) ? Expr(v) > constant(t) : nullptr);
      const std::vector<Expr> source = {gen(t, 2), Expr(vars[0])};
      return {reduce(c, mins, extents, vars, source, 0), reduce(c, mins, extents, vars, source, 1)};
    }
    const BinaryOp op = t.is_bool() ? (chance(50) ? BinaryOp::and_ : BinaryOp::or_)
                        : t == kI64 ? BinaryOp::max
                                    : pick(number);
    return {reduce(simple_combiner(op, t), mins, extents, vars, {gen(t, 3)})};
  }

  static inline const std::vector<BinaryOp> kBitOps = {BinaryOp::bit_and, BinaryOp::bit_or,
                                                       BinaryOp::bit_xor};
  uint64_t state_;
  int budget_ = 0;
  std::vector<BufferState> bufs_;
  std::vector<VarState> vars_;
};

}  // namespace tc::ir::testing
