#include "leaf_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "tc/ir/print.h"

namespace tc::accel {

using ir::BinaryOp, ir::Expr, ir::Scope;
using Op = AluNode::Op;

namespace {

Error alu_error(const Expr& e, std::string message) {
  return Error("codegen.accel.alu", std::move(message))
      .fact("expression", ir::to_string(e))
      .fact("expected", "+ - * min max of signed integers, shifts, constants, casts")
      .fix("write it with these, or leave the stage to the CPU");
}

// Flattens and compiles expressions; loads of one place are one operand.
class AluMaker {
 public:
  AluMaker(const Buffers& buffers, std::vector<const ir::Load*>& operands)
      : buffers_(buffers), operands_(operands), bits_(buffers.config().acc_bits) {}

  AluExpr make(const Expr& e, int64_t cut) {
    int at = node(e);
    if (cut < bits_)
      while (nodes_[static_cast<size_t>(at)].op == Op::wrap && nodes_[static_cast<size_t>(at)].number >= cut)
        at = nodes_[static_cast<size_t>(at)].a;
    nodes_.resize(static_cast<size_t>(at) + 1);  // a wrap that is not needed stood behind
    return {std::move(nodes_)};
  }

 private:
  static int64_t least(int64_t bits) { return -(int64_t{1} << (bits - 1)); }
  static int64_t greatest(int64_t bits) { return (int64_t{1} << (bits - 1)) - 1; }

  int add(AluNode n, int64_t bits) {
    // What leaves the accumulator wraps; then it can be anything.
    if (n.lo < least(bits_) || n.hi > greatest(bits_)) n.lo = least(bits_), n.hi = greatest(bits_);
    nodes_.push_back(n);
    const int at = static_cast<int>(nodes_.size()) - 1;
    if (n.lo >= least(bits) && n.hi <= greatest(bits)) return at;
    return add({Op::wrap, at, -1, bits, least(bits), greatest(bits)}, bits);
  }
  int number(int64_t value) { return add({Op::number, -1, -1, value, value, value}, bits_); }
  [[nodiscard]] const AluNode& of(int i) const { return nodes_[static_cast<size_t>(i)]; }

  int64_t bits_of(const Expr& e) const {
    if (!e->type.is_int() || !e->type.is_signed() || !e->type.is_scalar() || e->type.bits > bits_)
      throw alu_error(e, fmt::format("the ALU computes in i{}, not in {}", bits_, to_string(e->type)));
    return e->type.bits;
  }

  int node(const Expr& e) {
    if (const auto* c = e.as<ir::Cast>()) return cast(e, *c);
    const int64_t bits = bits_of(e);
    if (const auto* imm = e.as<ir::IntImm>()) return number(imm->value);
    if (const auto* l = e.as<ir::Load>()) return operand(*l, bits);
    if (const auto* b = e.as<ir::Binary>()) return binary(e, *b, bits);
    if (const auto* call = e.as<ir::Call>()) {
      if (call->op == ir::CallOp::neg) return arithmetic(Op::mul, node(call->args[0]), number(-1), bits);
      if (call->op == ir::CallOp::abs) {
        const int x = node(call->args[0]);
        const int minus = arithmetic(Op::mul, node(call->args[0]), number(-1), bits_);
        return arithmetic(Op::max, x, minus, bits);
      }
    }
    throw alu_error(e, "the ALU has no operation for this");
  }

  int cast(const Expr& e, const ir::Cast& c) {
    // The low bits of what is stored do not depend on its sign.
    const bool cut = e->type.is_int() && !e->type.is_signed() && nodes_.empty() && e->type.bits <= bits_;
    const int64_t bits = cut ? e->type.bits : bits_of(e);
    const int at = node(c.value);
    if (of(at).lo >= least(bits) && of(at).hi <= greatest(bits)) return at;
    return add({Op::wrap, at, -1, bits, least(bits), greatest(bits)}, bits);
  }

  int operand(const ir::Load& l, int64_t bits) {
    const BufferInfo& b = buffers_[buffers_.index(l.buffer)];
    if (b.global || b.pad != Pad::acc)
      throw Error("codegen.accel.operand", fmt::format("the ALU reads {}, which is kept in {}", b.ref->name,
                                                       b.global ? "memory" : std::string(to_string(b.pad))))
          .fact("stage", b.ref->name)
          .fix(fmt::format(
              "cache_read({}, \"acc\") and compute the copy inside the consumer's tile; the factors "
              "of GEMM go to inp and wgt",
              b.ref->name));
    size_t i = 0;
    const auto same = [&](const ir::Load* other) {
      return other->buffer.same(l.buffer) &&
             std::equal(l.indices.begin(), l.indices.end(), other->indices.begin(), ir::same_expr);
    };
    while (i < operands_.size() && !same(operands_[i])) ++i;
    if (i == operands_.size()) operands_.push_back(&l);
    return add({Op::operand, -1, -1, static_cast<int64_t>(i), least(bits), greatest(bits)}, bits);
  }

  int binary(const Expr& e, const ir::Binary& b, int64_t bits) {
    const auto by = ir::as_int(b.b);
    switch (b.op) {
      case BinaryOp::add:
        return arithmetic(Op::add, node(b.a), node(b.b), bits);
      case BinaryOp::sub:
        return arithmetic(Op::sub, node(b.a), node(b.b), bits);
      case BinaryOp::mul:
        return arithmetic(Op::mul, node(b.a), node(b.b), bits);
      case BinaryOp::min:
        return arithmetic(Op::min, node(b.a), node(b.b), bits);
      case BinaryOp::max:
        return arithmetic(Op::max, node(b.a), node(b.b), bits);
      case BinaryOp::shr:
        return arithmetic(Op::shr, node(b.a), node(b.b), bits);
      case BinaryOp::shl:
        if (by) return arithmetic(Op::shl, node(b.a), number(*by), bits);
        break;
      case BinaryOp::div:  // floors, as an arithmetic shift
        if (by && *by > 0 && std::has_single_bit(static_cast<uint64_t>(*by)))
          return arithmetic(Op::shr, node(b.a), number(std::countr_zero(static_cast<uint64_t>(*by))), bits);
        break;
      default:
        break;
    }
    throw alu_error(e, "the ALU has no operation for this");
  }

  int arithmetic(Op op, int a, int b, int64_t bits) {
    const AluNode x = of(a), y = of(b);
    AluNode n{op, a, b, 0, least(bits_), greatest(bits_)};
    int64_t lo = 0, hi = 0;
    switch (op) {
      case Op::add:
        n.lo = x.lo + y.lo, n.hi = x.hi + y.hi;
        break;
      case Op::sub:
        n.lo = x.lo - y.hi, n.hi = x.hi - y.lo;
        break;
      case Op::mul: {
        const int64_t all[] = {x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi};
        n.lo = *std::min_element(all, all + 4), n.hi = *std::max_element(all, all + 4);
        break;
      }
      case Op::min:
        n.lo = std::min(x.lo, y.lo), n.hi = std::min(x.hi, y.hi);
        break;
      case Op::max:
        n.lo = std::max(x.lo, y.lo), n.hi = std::max(x.hi, y.hi);
        break;
      case Op::shr:
        if (y.op == Op::number && y.number >= 0 && y.number < 64)
          n.lo = x.lo >> y.number, n.hi = x.hi >> y.number;
        else
          n.lo = std::min<int64_t>(x.lo, 0), n.hi = std::max<int64_t>(x.hi, 0);
        break;
      default:
        if (y.number < 31 && !__builtin_mul_overflow(x.lo, int64_t{1} << y.number, &lo) &&
            !__builtin_mul_overflow(x.hi, int64_t{1} << y.number, &hi))
          n.lo = lo, n.hi = hi;
        break;
    }
    return add(n, bits);
  }

  const Buffers& buffers_;
  std::vector<const ir::Load*>& operands_;
  int64_t bits_;
  std::vector<AluNode> nodes_;
};

// A value that is a copy of memory where all of some conditions hold, and zero elsewhere.
const ir::Load* copied(Expr value, std::vector<Expr>& padding) {
  while (true) {
    if (const auto* c = value.as<ir::Cast>(); c && c->type.is_int() && c->type.is_signed() &&
                                              c->value->type.is_int() && c->value->type.is_signed() &&
                                              c->value->type.bits <= c->type.bits) {
      value = c->value;
      continue;
    }
    Expr condition, a, b;
    if (const auto* s = value.as<ir::Select>())
      condition = s->condition, a = s->if_true, b = s->if_false;
    else if (const auto* c = value.as<ir::Call>(); c && c->op == ir::CallOp::if_then_else)
      condition = c->args[0], a = c->args[1], b = c->args[2];
    else
      return value.as<ir::Load>();
    const bool inverted = ir::is_int(a, 0);
    if (!inverted && !ir::is_int(b, 0)) return nullptr;
    padding.push_back(inverted ? ir::logical_not(condition) : condition);
    value = inverted ? b : a;
  }
}

void check_copy(const ir::Buffer& dst, const ir::Load& from, const Buffers& buffers) {
  const isa::MachineConfig& c = buffers.config();
  const ir::DType type = from.buffer->type;
  const bool acc = dst.scope == Scope::acc;
  const int64_t bits = dst.scope == Scope::inp ? c.inp_bits : c.wgt_bits;
  const bool fits = type.is_int() && type.is_signed() &&
                    (acc ? type.bits == 8 || type.bits == c.acc_bits : type.bits == bits);
  if (fits) return;
  throw Error("codegen.accel.type",
              fmt::format("a load brings {} to {}, not {}",
                          acc ? fmt::format("i8 or i{}", c.acc_bits) : fmt::format("i{}", bits),
                          ir::to_string(dst.scope), to_string(type)))
      .fact("stage", dst.name)
      .fact("from", from.buffer->name)
      .fix("cast on the CPU before the copy");
}

// A product of which one factor alone is where GEMM reads it.
[[noreturn]] void half_a_product(const ir::BufferRef& dst, const Expr& a, const Expr& b, bool has_inp) {
  std::vector<Expr> ignored;
  const Scope there = has_inp ? Scope::inp : Scope::wgt, missing = has_inp ? Scope::wgt : Scope::inp;
  const ir::Load *x = copied(a, ignored), *y = copied(b, ignored);
  if (x->buffer->scope != there) std::swap(x, y);
  throw Error(
      "codegen.accel.operand",
      fmt::format("GEMM multiplies what is kept in inp by what is kept in wgt; {} is in {}, {} in {}",
                  x->buffer->name, to_string(x->buffer->scope), y->buffer->name, to_string(y->buffer->scope)))
      .fact("stage", dst->name)
      .fix(fmt::format("cache_read({}, \"{}\") and compute the copy inside the consumer's tile",
                       y->buffer->name, to_string(missing)));
}

// acc[..] + inp[..] * wgt[..], in any order and with casts: the loads of inp and wgt. A factor
// that is zero elsewhere, as padding is, gives conditions.
bool product(const ir::BufferRef& dst, const std::vector<Expr>& index, const Expr& value, Meaning& m) {
  const auto* sum = value.as<ir::Binary>();
  if (!sum || sum->op != BinaryOp::add) return false;
  const auto is_dst = [&](const Expr& e) {
    const auto* l = e.as<ir::Load>();
    return l && l->buffer.same(dst) &&
           std::equal(index.begin(), index.end(), l->indices.begin(), l->indices.end(), ir::same_expr);
  };
  const Expr other = is_dst(sum->a) ? sum->b : is_dst(sum->b) ? sum->a : Expr();
  const auto* mul = other.as<ir::Binary>();
  if (!mul || mul->op != BinaryOp::mul) return false;
  const ir::Load *inp = nullptr, *wgt = nullptr;
  for (const Expr& factor : {mul->a, mul->b}) {
    const ir::Load* l = copied(factor, m.conditions);
    if (!l) return false;
    if (l->buffer->scope == Scope::inp) inp = l;
    if (l->buffer->scope == Scope::wgt) wgt = l;
  }
  if (!inp != !wgt) half_a_product(dst, mul->a, mul->b, inp != nullptr);
  m.operands = {inp, wgt};
  return inp && wgt;
}

std::optional<Op> reduce_op(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
      return Op::add;
    case BinaryOp::mul:
      return Op::mul;
    case BinaryOp::min:
      return Op::min;
    case BinaryOp::max:
      return Op::max;
    default:
      return std::nullopt;
  }
}

Meaning alu_meaning(const ir::BufferRef& dst, const std::vector<Expr>& index, const Expr& value,
                    const Buffers& buffers) {
  Meaning m{Leaf::Kind::alu, {}, {}, {}, {}, {}, {}};
  m.expr = alu_expr(value, buffers.config().acc_bits, buffers, m.operands);
  // dst = op(dst, rest), for loops that come to one tile again. Only where nothing is cut off
  // may the operations of different iterations be taken in any order.
  const auto* b = value.as<ir::Binary>();
  const auto op = b ? reduce_op(b->op) : std::nullopt;
  if (!op || m.expr.nodes.back().op != *op) return m;
  for (const auto& [self, rest] : {std::pair(b->a, b->b), std::pair(b->b, b->a)}) {
    const auto* l = self.as<ir::Load>();
    if (!l || !l->buffer.same(dst) ||
        !std::equal(index.begin(), index.end(), l->indices.begin(), l->indices.end(), ir::same_expr))
      continue;
    m.reduce_op = op;
    m.reduced = alu_expr(rest, buffers.config().acc_bits, buffers, m.operands);
    return m;
  }
  return m;
}

Meaning store_meaning(const ir::BufferRef& dst, const Expr& value, const Buffers& buffers) {
  const int64_t bits = buffers.config().out_bits;
  if (!dst->type.is_int() || dst->type.bits != bits)
    throw Error("codegen.accel.type", fmt::format("a store writes i{}, not {}", bits, to_string(dst->type)))
        .fact("stage", dst->name)
        .fix(fmt::format("cast to i{} on the device, as the last operation", bits));
  Meaning m{Leaf::Kind::store, {}, {}, {}, {}, {}, {}};
  m.expr = alu_expr(value, bits, buffers, m.operands);
  return m;
}

}  // namespace

AluExpr alu_expr(const Expr& value, int64_t cut, const Buffers& buffers,
                 std::vector<const ir::Load*>& operands) {
  return AluMaker(buffers, operands).make(value, cut);
}

Meaning meaning_of(const ir::BufferRef& dst, const std::vector<Expr>& index, const Expr& value,
                   const Buffers& buffers) {
  const BufferInfo& info = buffers[buffers.index(dst)];
  if (info.global) return store_meaning(dst, value, buffers);
  std::vector<Expr> padding;
  const ir::Load* from = copied(value, padding);
  if (from && buffers[buffers.index(from->buffer)].global) {
    check_copy(*dst, *from, buffers);
    return {Leaf::Kind::load, {from}, std::move(padding), {}, {}, {}, {}};
  }
  if (info.pad != Pad::acc)
    throw Error("codegen.accel.operand",
                fmt::format("{} is computed, and kept in {}, which only copies from memory fill", dst->name,
                            to_string(info.pad)))
        .fact("stage", dst->name)
        .fact("value", ir::to_string(value))
        .fix(fmt::format(
            "keep {0} in global or acc, and let its readers take a copy: cache_read {0} scope={1}", dst->name,
            to_string(info.pad)));
  if (ir::is_int(value, 0)) return {Leaf::Kind::reset, {}, {}, {}, {}, {}, {}};
  Meaning m{Leaf::Kind::gemm, {}, {}, {}, {}, {}, {}};
  if (product(dst, index, value, m)) {
    if (dst->type.bits != buffers.config().acc_bits)
      throw Error("codegen.accel.type", fmt::format("products are summed in i{}, not in {}",
                                                    buffers.config().acc_bits, to_string(dst->type)))
          .fact("stage", dst->name)
          .fix("cast both factors to the accumulator's type");
    return m;
  }
  return alu_meaning(dst, index, value, buffers);
}

}  // namespace tc::accel
