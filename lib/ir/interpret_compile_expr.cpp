// Expressions and what they need: registers, code, names, the loops of reductions.
#include <fmt/format.h>

#include <bit>
#include <utility>

#include "interpret_compile.h"
#include "tc/ir/print.h"

namespace tc::ir::interp {
namespace {

enum class Rep : uint8_t { i, f, d };
Rep rep(DType t) { return !t.is_float() ? Rep::i : t.bits == 64 ? Rep::d : Rep::f; }
bool is_half(DType t) { return t.is_float() && t.bits == 16; }
bool is_u64(DType t) { return t.element() == kU64; }
constexpr uint32_t kMaxRegisters = 1u << 24;

Op by_rep(DType t, Op i, Op f, Op d) { return rep(t) == Rep::i ? i : rep(t) == Rep::f ? f : d; }

// The opcode of a binary operation on operands of type `t`.
Op arithmetic(BinaryOp op, DType t) {
  using B = BinaryOp;
  if (op == B::mod) return by_rep(t, Op::mod_i, Op::mod_f, Op::mod_d);
  if (op == B::and_ || op == B::bit_and) return Op::and_i;
  if (op == B::or_ || op == B::bit_or) return Op::or_i;
  if (op == B::bit_xor) return Op::xor_i;
  if (op == B::shl) return Op::shl_i;
  if (op == B::shr) return Op::shr_i;
  const auto at = static_cast<int>(op);
  const auto offset = [&](Op add, bool has_mod) {
    return static_cast<Op>(static_cast<int>(add) + at - (!has_mod && op > B::mod));
  };
  return by_rep(t, offset(Op::add_i, true), offset(Op::add_f, false), offset(Op::add_d, false));
}

}  // namespace

uint32_t ExprCompiler::fresh(int lanes) {
  const uint32_t r = next_;
  next_ += static_cast<uint32_t>(lanes);
  if (next_ > kMaxRegisters) throw Error("ir.interpret.memory", "the program holds too many values at once");
  most_ = std::max(most_, next_);
  return r;
}

int64_t ExprCompiler::emit(Instr i) {
  cost_ += i.lanes;
  p.code.push_back(i);
  p.stmts.push_back(at_);
  p.loops.push_back(nullptr);
  return static_cast<int64_t>(p.code.size()) - 1;
}

uint32_t ExprCompiler::constant(Slot s) {
  const auto [it, added] =
      constants_.emplace(std::bit_cast<int64_t>(s), static_cast<uint32_t>(p.constants.size()));
  if (added) p.constants.push_back(s);
  return it->second | kConst;
}

uint32_t ExprCompiler::number(DType t, double v) {
  Slot s;
  if (rep(t) == Rep::d)
    s.d = v;
  else
    s.f = static_cast<float>(v);
  return constant(s);
}

uint32_t ExprCompiler::buffer(const Buffer& b) const {
  const auto it = buffers_.find(&b);
  if (it == buffers_.end())
    throw Error("ir.interpret.unbound", fmt::format("{} is neither a parameter nor allocated here", b.name))
        .fact("statement", where())
        .fix("make it a parameter, or allocate it around its uses");
  return it->second;
}

uint32_t ExprCompiler::variable(const Var& v) const {
  const auto it = regs_.find(&v);
  if (it == regs_.end())
    throw Error("ir.interpret.unbound", fmt::format("the variable {} has no value here", v.name))
        .fact("statement", where())
        .fix("bind it by a loop or let around the statement, or by the shape of a parameter");
  return it->second;
}

std::string ExprCompiler::where() const {
  if (!at_) return "the parameters";
  const std::string text = to_string(Stmt(at_));
  return text.substr(0, text.find('\n'));
}

LoopCode ExprCompiler::begin_loop(const Var& v, uint32_t min, uint32_t extent, LoopMode mode) {
  const uint32_t r = fresh(1);
  TC_REQUIRE(regs_.emplace(&v, r).second,
             Error("ir.interpret.unbound", fmt::format("the variable {} is bound twice", v.name)));
  const int64_t begin = emit({.op = Op::for_begin,
                              .aux = static_cast<uint8_t>(mode),
                              .type = v.type,
                              .dst = r,
                              .a = min,
                              .b = extent});
  p.loops.back() = &v;
  return {&v, r, begin, std::exchange(cost_, 1)};
}

void ExprCompiler::end_loop(const LoopCode& l) {
  const int64_t cost = std::exchange(cost_, l.cost_before);
  emit({.op = Op::for_next,
        .type = l.var->type,
        .dst = l.reg,
        .imm = std::min<int64_t>(cost, INT32_MAX) << 32 | (l.begin + 1)});
  p.code[static_cast<size_t>(l.begin)].imm = here();
  regs_.erase(l.var);
}

std::vector<uint32_t> ExprCompiler::reduction(const Reduce& r) {
  std::vector<uint32_t> acc;
  for (const Expr& e : r.combiner->identity) acc.push_back(copy(expr(e), e->type));
  std::vector<uint32_t> mins, extents;
  for (size_t d = 0; d < r.vars.size(); ++d)
    mins.push_back(expr(r.mins[d])), extents.push_back(expr(r.extents[d]));
  fold(r, 0, mins, extents, acc);
  return acc;
}

void ExprCompiler::fold(const Reduce& r, size_t d, const std::vector<uint32_t>& mins,
                        const std::vector<uint32_t>& extents, const std::vector<uint32_t>& acc) {
  if (d < r.vars.size()) {
    const uint32_t mark = next_;
    loop(*r.vars[d], mins[d], extents[d], LoopMode::serial, [&] { fold(r, d + 1, mins, extents, acc); });
    next_ = mark;
    return;
  }
  const Combiner& c = *r.combiner;
  std::vector<uint32_t> results;
  for (size_t i = 0; i < c.lhs.size(); ++i) {
    regs_[c.rhs[i].get()] = expr(r.source[i]);
    regs_[c.lhs[i].get()] = acc[i];
  }
  for (const Expr& e : c.results)
    results.push_back(copy(expr(e), e->type));  // all before any accumulator changes
  for (size_t i = 0; i < acc.size(); ++i) emit({.op = Op::mov, .dst = acc[i], .a = results[i]});
  for (size_t i = 0; i < c.lhs.size(); ++i) regs_.erase(c.lhs[i].get()), regs_.erase(c.rhs[i].get());
}

uint32_t ExprCompiler::copy(uint32_t r, DType t) {
  const uint32_t dst = fresh(t.lanes);
  emit({.op = Op::mov, .lanes = lanes(t), .dst = dst, .a = r});
  return dst;
}

uint32_t ExprCompiler::expr(const Expr& e) {
  switch (e->kind) {
    case Kind::Var:
      return variable(*e.as<Var>());
    case Kind::IntImm:
      return integer(e.as<IntImm>()->value);
    case Kind::FloatImm:
      return number(e->type, e.as<FloatImm>()->value);
    case Kind::Reduce:
      return reduction(*e.as<Reduce>())[static_cast<size_t>(e.as<Reduce>()->component)];
    default:
      break;
  }
  const uint32_t dst = fresh(e->type.lanes), mark = next_;
  operation(e, dst);
  next_ = mark;
  return dst;
}

void ExprCompiler::operation(const Expr& e, uint32_t dst) {
  const uint16_t n = lanes(e->type);
  switch (e->kind) {
    case Kind::Binary: {
      const auto* b = e.as<Binary>();
      const uint32_t x = expr(b->a), y = expr(b->b);
      return binary(b->op, b->a->type, n, dst, x, y);
    }
    case Kind::Call:
      return call(*e.as<Call>(), dst);
    case Kind::Select: {
      const auto* s = e.as<Select>();
      const uint32_t c = expr(s->condition), x = expr(s->if_true), y = expr(s->if_false);
      emit({.op = Op::select,
            .aux = s->condition->type.lanes != 1,
            .lanes = n,
            .dst = dst,
            .a = x,
            .b = y,
            .c = c});
      return;
    }
    case Kind::Cast:
      return convert(e.as<Cast>()->value->type, e->type, dst, expr(e.as<Cast>()->value));
    case Kind::Load:
      return load(*e.as<Load>(), dst);
    case Kind::Ramp: {
      const uint32_t x = expr(e.as<Ramp>()->base), y = expr(e.as<Ramp>()->stride);
      emit({.op = Op::ramp, .lanes = n, .dst = dst, .a = x, .b = y});
      return wrapped(e->type, n, dst);
    }
    case Kind::Broadcast: {
      const uint32_t x = expr(e.as<Broadcast>()->value);
      emit({.op = Op::spread, .lanes = n, .dst = dst, .a = x});
      return;
    }
    case Kind::VectorReduce:
      return vector_reduce(*e.as<VectorReduce>(), dst);
    default:
      TC_ASSERT(false, "no such expression");
  }
}

// Integers narrower than a slot are brought back into their range.
void ExprCompiler::wrapped(DType t, uint16_t n, uint32_t r) {
  if (t.is_int() && t.bits < 64) emit({.op = Op::wrap, .lanes = n, .type = t.element(), .dst = r, .a = r});
}

void ExprCompiler::rounded(DType t, uint16_t n, uint32_t r) {
  if (is_half(t)) emit({.op = Op::round, .lanes = n, .type = t.element(), .dst = r, .a = r});
}

void ExprCompiler::binary(BinaryOp op, DType t, uint16_t n, uint32_t dst, uint32_t x, uint32_t y) {
  using B = BinaryOp;
  const bool any_sign = op == B::add || op == B::sub || op == B::mul || op == B::eq || op == B::ne ||
                        (op >= B::and_ && op <= B::bit_xor);
  if (is_u64(t) && !any_sign) {
    emit({.op = Op::other_i,
          .aux = static_cast<uint8_t>(op),
          .lanes = n,
          .type = t.element(),
          .dst = dst,
          .a = x,
          .b = y});
    return;
  }
  emit({.op = arithmetic(op, t), .lanes = n, .type = t.element(), .dst = dst, .a = x, .b = y});
  if (is_compare(op) || op == B::min || op == B::max) return;
  wrapped(t, n, dst);
  if (op != B::mod) rounded(t, n, dst);
}

void ExprCompiler::vector_reduce(const VectorReduce& r, uint32_t dst) {
  const DType t = r.value->type.element();
  const uint32_t source = expr(r.value);
  if (source & kConst) return (void)emit({.op = Op::mov, .dst = dst, .a = source});
  const uint32_t work = fresh(r.value->type.lanes);
  emit({.op = Op::mov, .lanes = lanes(r.value->type), .dst = work, .a = source});
  for (int n = r.value->type.lanes; n > 1; n = (n + 1) / 2) {
    const int half = (n + 1) / 2;
    binary(r.op, t, static_cast<uint16_t>(n - half), work, work, work + static_cast<uint32_t>(half));
  }
  emit({.op = Op::mov, .dst = dst, .a = work});
}

int64_t ExprCompiler::indices(const std::vector<Expr>& at) {
  std::vector<IndexOperand> regs;
  for (const Expr& e : at) regs.push_back({expr(e), e->type.lanes != 1});
  const auto start = static_cast<int64_t>(p.operands.size());
  p.operands.insert(p.operands.end(), regs.begin(), regs.end());
  return start;
}

void ExprCompiler::load(const Load& l, uint32_t dst) {
  const uint32_t b = buffer(*l.buffer);
  // what the statement that runs as a whole writes or allocates is in memory
  const bool own =
      std::any_of(inside_.begin(), inside_.end(), [&](const BufferRef& x) { return x.same(l.buffer); });
  const bool computed = lazy_ && !own && (stored_.count(l.buffer.get()) || b >= p.func->params.size());
  if (computed && !p.computed.count(l.buffer.get()))
    throw Error("ir.interpret.uninitialized", fmt::format("{} is read before it is computed", l.buffer->name))
        .fact("statement", where());
  const int64_t at = indices(l.indices);
  emit({.op = computed ? Op::demand : Op::load,
        .lanes = lanes(l.type),
        .type = l.buffer->type,
        .dst = dst,
        .b = b,
        .imm = at});
}

void ExprCompiler::convert(DType from, DType to, uint32_t dst, uint32_t x) {
  const uint16_t n = lanes(to);
  const auto one = [&](Op op, DType type) {
    emit({.op = op, .lanes = n, .type = type.element(), .dst = dst, .a = x});
  };
  if (rep(from) == Rep::i) {
    if (to.is_bool()) return one(Op::int_to_bool, to);
    if (rep(to) == Rep::i) return one(Op::wrap, to);
    emit({.op = rep(to) == Rep::f ? Op::int_to_f : Op::int_to_d,
          .aux = from.code == TypeCode::uint,
          .lanes = n,
          .type = to.element(),
          .dst = dst,
          .a = x});
    return;
  }
  if (rep(to) == Rep::i) return one(rep(from) == Rep::f ? Op::f_to_int : Op::d_to_int, to);
  if (rep(from) == rep(to))
    return one(is_half(to) && from.element() != to.element() ? Op::round : Op::mov, to);
  one(rep(from) == Rep::f ? Op::f_to_d : Op::d_to_f, to);
}

void ExprCompiler::call(const Call& c, uint32_t dst) {
  const DType t = c.args[0]->type;
  const uint16_t n = lanes(c.type);
  if (c.op == CallOp::if_then_else) return choose(c, dst);
  if (c.op == CallOp::assume) {
    emit({.op = Op::assume, .a = expr(c.args[0]), .imm = static_cast<int64_t>(p.assertions.size())});
    p.assertions.push_back(c.args[0]);
    emit({.op = Op::mov, .lanes = n, .dst = dst, .a = expr(c.args[1])});
    return;
  }
  uint32_t x[3] = {};
  for (size_t i = 0; i < c.args.size(); ++i) x[i] = expr(c.args[i]);
  const auto one = [&](Op op) {
    emit({.op = op,
          .aux = static_cast<uint8_t>(c.op),
          .lanes = n,
          .type = t.element(),
          .dst = dst,
          .a = x[0],
          .b = x[1],
          .c = x[2]});
  };
  switch (c.op) {
    case CallOp::neg:
      one(by_rep(t, Op::neg_i, Op::neg_f, Op::neg_d));
      return wrapped(t, n, dst);
    case CallOp::abs:
      one(by_rep(t, t.is_signed() ? Op::abs_i : Op::mov, Op::abs_f, Op::abs_d));
      return wrapped(t, n, dst);
    case CallOp::not_:
      one(t.is_bool() ? Op::not_b : Op::not_i);
      return wrapped(t, n, dst);
    case CallOp::isnan:
      return one(by_rep(t, Op::mov, Op::isnan_f, Op::isnan_d));
    case CallOp::fma:
      one(by_rep(t, Op::fma_i, Op::fma_f, Op::fma_d));
      wrapped(t, n, dst);
      return rounded(t, n, dst);
    case CallOp::pow:
      one(by_rep(t, Op::mov, Op::pow_f, Op::pow_d));
      return rounded(t, n, dst);
    case CallOp::dot: {  // lanes of the operands, in imm
      const int64_t lanes_of[] = {c.args[1]->type.lanes, c.args[2]->type.lanes};
      one(Op::dot);
      p.code.back().imm = lanes_of[0] << 32 | lanes_of[1];
      return wrapped(t, n, dst);
    }
    case CallOp::bits:  // the type to read as, in imm
      p.code[static_cast<size_t>(
                 emit({.op = Op::bits, .lanes = n, .type = c.type.element(), .dst = dst, .a = x[0]}))]
          .imm = static_cast<int64_t>(t.code) << 8 | t.bits;
      return;
    default:
      one(by_rep(t, Op::mov, Op::math_f, Op::math_d));
      return rounded(t, n, dst);
  }
}

// Evaluates only the side chosen.
void ExprCompiler::choose(const Call& c, uint32_t dst) {
  const uint32_t condition = expr(c.args[0]);
  const int64_t skip = emit({.op = Op::jump_if_not, .a = condition});
  const auto side = [&](const Expr& e) {
    const uint32_t r = expr(e);
    emit({.op = Op::mov, .lanes = lanes(c.type), .dst = dst, .a = r});
  };
  side(c.args[1]);
  const int64_t leave = emit({.op = Op::jump});
  p.code[static_cast<size_t>(skip)].imm = here();
  side(c.args[2]);
  p.code[static_cast<size_t>(leave)].imm = here();
}

}  // namespace tc::ir::interp
