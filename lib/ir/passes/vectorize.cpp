// vectorize: loops marked so become vector operations, statement by statement.
//
//   for i in [0, +8) vectorized {              C[ramp(x * 8, 1, 8)] = A[ramp(x * 8, 1, 8)] + broadcast(b[0],
//   8)
//     C[x * 8 + i] = A[x * 8 + i] + b[0]  ->   s[0] = s[0] + vreduce(+, A[ramp(x * 8, 1, 8)])
//     s[0] = s[0] + A[x * 8 + i]
//   }
//
// Lanes come in chunks: the greatest power of two that fills a vector register
// with the body's widest element type, then smaller powers of two, so that 13
// floats are 8 + 4 + 1. Up to kJam chunks share one copy of the inner loops; more
// become a serial loop over whole vectors. Buffers allocated in the body gain an
// innermost dimension of lanes.
//
// What the check of vectorize_check.cpp does not allow becomes a serial loop:
// an `if` or a bound that depends on the lane, dependences between lanes,
// vectors in the body already, an extent that is not a constant.
#include "clone.h"
#include "lane_sums.h"
#include "lanes.h"
#include "tc/ir/passes.h"
#include "vectorize_check.h"

namespace tc::ir {

namespace {

constexpr int kJam = 8;

struct Chunk {
  int64_t offset;
  int lanes;
};

// n lanes as vectors of `widest` lanes and a tail of smaller powers of two.
std::vector<Chunk> chunks_of(int64_t n, int widest) {
  std::vector<Chunk> out;
  int64_t at = 0;
  for (int lanes = widest; at < n;) {
    while (lanes > n - at) lanes /= 2;
    out.push_back({at, lanes});
    at += lanes;
  }
  return out;
}

class Widener {
 public:
  Widener(const LaneFacts& facts, std::vector<Chunk> chunks)
      : facts_(facts), chunks_(std::move(chunks)), vars_(chunks_.size()) {}

  // `body` for all lanes, the lane variable starting at min.
  Stmt operator()(const VarRef& lane, const Expr& min, const Stmt& body) {
    for (size_t c = 0; c < chunks_.size(); ++c)
      vars_[c][lane] =
          ramp(min + int_imm(chunks_[c].offset, lane->type), int_imm(1, lane->type), chunks_[c].lanes);
    return widen(body);
  }

 private:
  Stmt widen(const Stmt& s) {
    switch (s->kind) {
      case Kind::Seq: {
        std::vector<Stmt> out;
        for (const Stmt& x : s.as<Seq>()->stmts) out.push_back(widen(x));
        return seq(std::move(out));
      }
      case Kind::For: {
        const auto& n = *s.as<For>();
        return for_(n.var, uniform(n.min), uniform(n.extent), n.mode, widen(n.body));
      }
      case Kind::If: {
        const auto& n = *s.as<If>();
        return if_(uniform(n.condition), widen(n.if_true), n.if_false ? widen(n.if_false) : nullptr);
      }
      case Kind::Alloc: {
        const auto& n = *s.as<Alloc>();
        std::vector<Expr> shape = n.buffer->shape;
        shape.push_back(int_imm(chunks_.back().offset + chunks_.back().lanes));
        const BufferRef b = buffer(n.buffer->name, n.buffer->type, std::move(shape), n.buffer->scope);
        local_[n.buffer] = b;
        return alloc(b, widen(n.body), n.double_buffer);
      }
      case Kind::Let:
        return widen_let(*s.as<Let>());
      case Kind::Store:
        return widen_store(*s.as<Store>());
      case Kind::Prefetch:
        return of_first_lanes(*s.as<Prefetch>());
      default:
        TC_ASSERT(false, "not a statement of nested form");
        return s;
    }
  }

  Stmt widen_let(const Let& n) {
    if (!facts_.varying.contains(n.var.get())) return let(n.var, uniform(n.value), widen(n.body));
    std::vector<std::pair<VarRef, Expr>> named;
    for (size_t c = 0; c < chunks_.size(); ++c) {
      Expr value = expr(n.value, c);
      if (value->kind != Kind::Ramp && value->kind != Kind::Broadcast) {
        VarRef v = var(n.var->name, value->type);
        named.emplace_back(v, std::exchange(value, v));
      }
      vars_[c][n.var] = value;
    }
    Stmt body = widen(n.body);
    for (auto it = named.rbegin(); it != named.rend(); ++it) body = let(it->first, it->second, body);
    return body;
  }

  Stmt widen_store(const Store& s) {
    if (facts_.reductions.contains(&s)) return widen_reduction(s);
    std::vector<Stmt> out;
    for (size_t c = 0; c < chunks_.size(); ++c) {
      std::vector<Expr> indices = all(s.indices, c);
      Expr value = expr(s.value, c);
      const BufferRef target = locate(s.buffer, indices, c);
      const bool wide =
          std::any_of(indices.begin(), indices.end(), [](const Expr& i) { return i->type.lanes != 1; });
      if (!wide && value->type.lanes != 1) indices.at(0) = broadcast(indices[0], value->type.lanes);
      out.push_back(store(target, std::move(indices), std::move(value)));
      if (!wide && chunks_[c].lanes != 1) break;  // alike in all lanes: once is enough
    }
    return seq(std::move(out));
  }

  // The first lane's element stands for those beside it, each chunk for itself.
  Stmt of_first_lanes(const Prefetch& p) {
    std::vector<Stmt> out;
    for (size_t c = 0; c < chunks_.size(); ++c) {
      std::vector<Expr> indices = all(p.indices, c);
      const BufferRef b = locate(p.buffer, indices, c);
      bool known = true, varies = false;
      for (Expr& i : indices) {
        varies |= i->type.lanes != 1;
        if (const auto* r = i.as<Ramp>())
          i = r->base;
        else
          i = uniform_value(i);
        known &= static_cast<bool>(i);
      }
      if (known) out.push_back(prefetch(b, std::move(indices)));  // what is scattered is no line of memory
      if (!varies) break;
    }
    return seq(std::move(out));
  }

  // Chunks of equal width are combined lane by lane before the one reduction.
  Stmt widen_reduction(const Store& s) {
    const BinaryOp op = s.value.as<Binary>()->op;
    const Expr operand = reduction_operand(s);
    Expr total = load(s.buffer, all(s.indices, 0));
    for (size_t c = 0; c < chunks_.size();) {
      const int lanes = chunks_[c].lanes;
      Expr sum;
      for (; c < chunks_.size() && chunks_[c].lanes == lanes; ++c) {
        Expr e = expr(operand, c);
        if (e->type.lanes != lanes) e = broadcast(e, lanes);
        // a lane that held NaN would hide those it is combined with
        if (!sum && e->type.is_float() && (op == BinaryOp::min || op == BinaryOp::max))
          sum = identity_of(op, e->type);
        sum = sum ? binary(op, sum, e) : e;
      }
      total = binary(op, total, vector_reduce(op, sum));
    }
    return store(s.buffer, all(s.indices, 0), total);
  }

  // Adds the lane to the indices of a buffer that has one copy a lane.
  BufferRef locate(const BufferRef& b, std::vector<Expr>& indices, size_t c) const {
    const auto it = local_.find(b);
    if (it == local_.end()) return b;
    indices.push_back(ramp(int_imm(chunks_[c].offset), int_imm(1), chunks_[c].lanes));
    return it->second;
  }

  std::vector<Expr> all(const std::vector<Expr>& list, size_t c) {
    std::vector<Expr> out;
    for (const Expr& e : list) out.push_back(expr(e, c));
    return out;
  }
  Expr uniform(const Expr& e) {
    Expr out = uniform_value(expr(e, 0));
    TC_ASSERT(out, "a value that depends on the lane");
    return out;
  }

  Expr expr(const Expr& e, size_t c) {
    if (const auto* v = e.as<Var>()) {
      const auto it = vars_[c].find(VarRef(v));
      return it == vars_[c].end() ? e : it->second;
    }
    std::vector<Expr> children;
    int lanes = 1;
    for_each_child(*e, [&](const Node& child, Role) {
      if (child.kind == Kind::Buffer) return;
      children.push_back(expr(Expr(static_cast<const ExprNode*>(&child)), c));
      lanes = std::max<int>(lanes, children.back()->type.lanes);
    });
    switch (e->kind) {
      case Kind::Load: {
        const BufferRef b = locate(e.as<Load>()->buffer, children, c);
        return load(b, std::move(children));
      }
      case Kind::Binary:
        return lanes_binary(e.as<Binary>()->op, children[0], children[1]);
      case Kind::Call: {
        const size_t first = e.as<Call>()->op == CallOp::if_then_else ? 1 : 0;
        for (size_t i = first; i < children.size(); ++i)
          if (children[i]->type.lanes != lanes) children[i] = broadcast(children[i], lanes);
        return rebuild(*e, children);
      }
      default:
        return children.empty() ? e : rebuild(*e, children);
    }
  }

  const LaneFacts& facts_;
  std::vector<Chunk> chunks_;
  std::vector<VarMap> vars_;  // of each chunk
  BufferMap local_;
};

Stmt as_serial(const For& f) { return for_(f.var, f.min, f.extent, LoopMode::serial, f.body); }

Stmt widen_loop(const For& f, const PassContext& context) {
  const auto extent = as_int(f.extent);
  if (!extent) return as_serial(f);
  if (*extent <= 0) return seq({});
  if (*extent == 1) return clone(f.body, {{f.var, f.min}});
  const LaneFacts facts = lane_facts(f);
  int widest = 1;
  while (widest * 2 * facts.widest_bits <= context.vector_bits) widest *= 2;
  if (!facts.ok || widest == 1) return as_serial(f);
  if (*extent <= int64_t{widest} * kJam)
    return Widener(facts, chunks_of(*extent, widest))(f.var, f.min, f.body);

  const int64_t blocks = *extent / widest, tail = *extent % widest;
  const VarRef block = var(f.var->name + "_o", f.var->type);
  const Expr start = f.min + block * int_imm(widest, block->type);
  const Stmt main = Widener(facts, {{0, widest}})(f.var, start, f.body);
  std::vector<Stmt> out{
      for_(block, int_imm(0, block->type), int_imm(blocks, block->type), LoopMode::serial, main)};
  if (tail != 0) {
    const Expr last = f.min + int_imm(blocks * widest, block->type);
    out.push_back(clone(Widener(facts, chunks_of(tail, widest))(f.var, last, f.body), {}));
  }
  return seq(std::move(out));
}

FuncRef run(const FuncRef& func, const PassContext& context) {
  return rewrite_body(
      func,
      [&](const For& f) -> Stmt { return f.mode == LoopMode::vectorized ? widen_loop(f, context) : nullptr; },
      [](const Seq& q) { return flat_seq(q); });
}

}  // namespace

constinit const Pass passes::vectorize{"vectorize", "replace vectorized loops by vector operations",
                                       Form::nested, Form::nested, run};

}  // namespace tc::ir
