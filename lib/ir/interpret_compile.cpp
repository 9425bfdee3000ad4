#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <unordered_set>

#include "interpret_code.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

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

class Compiler {
 public:
  Compiler(const FuncRef& f, bool lazy) : lazy_(lazy) { p.func = f; }

  Program run() {
    const Func& f = *p.func;
    mark_stored(f);
    for (const BufferRef& b : f.params) add_buffer(*b);
    check_params(f);
    if (!lazy_) {
      stmt(f.body);
      emit({.op = Op::end});
    } else {
      shapes(f.body);
      emit({.op = Op::end});
      fragments(f.body);
    }
    // constants go behind the registers
    p.registers = most_;
    const auto place = [&](uint32_t& r) {
      if (r & kConst) r = p.registers + (r & ~kConst);
    };
    for (Instr& i : p.code) place(i.dst), place(i.a), place(i.b), place(i.c);
    for (IndexOperand& o : p.operands) place(o.reg);
    for (Fragment& fragment : p.fragments)
      for (uint32_t& r : fragment.results) place(r);
    return std::move(p);
  }

 private:
  Program p;
  bool lazy_;
  uint32_t next_ = 0, most_ = 0;
  int64_t cost_ = 0;
  const StmtNode* at_ = nullptr;
  std::unordered_map<const Node*, uint32_t> regs_, buffers_;
  std::unordered_map<int64_t, uint32_t> constants_;
  std::unordered_map<const Node*, bool> stored_;
  std::vector<BufferRef> inside_;  // lazy: the buffers of the statement that runs as a whole

  // ---- registers and code
  uint32_t fresh(int lanes) {
    const uint32_t r = next_;
    next_ += static_cast<uint32_t>(lanes);
    if (next_ > kMaxRegisters)
      throw Error("ir.interpret.memory", "the program holds too many values at once");
    most_ = std::max(most_, next_);
    return r;
  }
  int64_t emit(Instr i) {
    cost_ += i.lanes;
    p.code.push_back(i);
    p.stmts.push_back(at_);
    p.loops.push_back(nullptr);
    return static_cast<int64_t>(p.code.size()) - 1;
  }
  int64_t here() const { return static_cast<int64_t>(p.code.size()); }
  static uint16_t lanes(DType t) { return t.lanes; }
  uint32_t constant(Slot s) {
    const auto [it, added] =
        constants_.emplace(std::bit_cast<int64_t>(s), static_cast<uint32_t>(p.constants.size()));
    if (added) p.constants.push_back(s);
    return it->second | kConst;
  }
  uint32_t integer(int64_t v) { return constant({.i = v}); }
  uint32_t number(DType t, double v) {
    Slot s;
    if (rep(t) == Rep::d)
      s.d = v;
    else
      s.f = static_cast<float>(v);
    return constant(s);
  }

  // ---- names
  void mark_stored(const Func& f) {
    walk<Store>(f.body, [&](const Store& s) { stored_[s.buffer.get()] = true; });
    walk<Compute>(f.body, [&](const Compute& c) {
      for (const BufferRef& b : c.buffers) stored_[b.get()] = true;
    });
  }
  uint32_t add_buffer(const Buffer& b) {
    const auto n = static_cast<uint32_t>(p.buffers.size());
    p.buffers.push_back(&b);
    p.stored.push_back(stored_.count(&b) != 0);
    buffers_[&b] = n;
    return n;
  }
  uint32_t buffer(const Buffer& b) const {
    const auto it = buffers_.find(&b);
    if (it == buffers_.end())
      throw Error("ir.interpret.unbound", fmt::format("{} is neither a parameter nor allocated here", b.name))
          .fact("statement", where())
          .fix("make it a parameter, or allocate it around its uses");
    return it->second;
  }
  uint32_t variable(const Var& v) const {
    const auto it = regs_.find(&v);
    if (it == regs_.end())
      throw Error("ir.interpret.unbound", fmt::format("the variable {} has no value here", v.name))
          .fact("statement", where())
          .fix("bind it by a loop or let around the statement, or by the shape of a parameter");
    return it->second;
  }
  std::string where() const {
    if (!at_) return "the parameters";
    const std::string text = to_string(Stmt(at_));
    return text.substr(0, text.find('\n'));
  }

  // ---- parameters
  void check_params(const Func& f) {
    for (uint32_t i = 0; i < f.params.size(); ++i)
      for (uint32_t d = 0; d < f.params[i]->shape.size(); ++d)
        if (const auto* v = f.params[i]->shape[d].as<Var>(); v && !regs_.count(v)) {
          regs_[v] = fresh(1);
          p.symbols.push_back({regs_[v], i, d, v});
        }
    const auto given = [&](const Var& v) {
      if (!v.least || regs_.count(&v)) return;
      regs_[&v] = fresh(1);
      p.symbols.push_back({regs_[&v], Program::Symbol::kNoParam, 0, &v});
    };
    for (const BufferRef& b : f.params)
      for (const Expr& e : b->shape) walk<Var>(e, given);
    std::unordered_set<const Node*> seen;  // expressions may be shared many times over
    if (f.body)
      walk_all(*f.body, [&](const Node& n) {
        if (!seen.insert(&n).second) return false;
        if (n.kind == Kind::Var) given(static_cast<const Var&>(n));
        return true;
      });
    for (uint32_t i = 0; i < f.params.size(); ++i)
      for (uint32_t d = 0; d < f.params[i]->shape.size(); ++d)
        emit({.op = Op::check_extent, .a = expr(f.params[i]->shape[d]), .b = i, .imm = d});
  }

  // ---- statements
  void stmt(const Stmt& s) {
    if (!s) return;
    const StmtNode* before = std::exchange(at_, s.get());
    const uint32_t mark = next_;
    switch (s->kind) {
      case Kind::Seq:
        for (const Stmt& item : s.as<Seq>()->stmts) stmt(item);
        break;
      case Kind::Alloc: {
        if (!inside_.empty()) inside_.push_back(s.as<Alloc>()->buffer);
        alloc(*s.as<Alloc>()->buffer);
        stmt(s.as<Alloc>()->body);
        buffers_.erase(s.as<Alloc>()->buffer.get());
        break;
      }
      case Kind::Let: {
        const auto* l = s.as<Let>();
        const uint32_t r = expr(l->value);
        const auto outer = regs_.find(l->var.get());
        TC_REQUIRE(outer == regs_.end(), Error("ir.interpret.unbound",
                                               fmt::format("the variable {} is bound twice", l->var->name)));
        regs_[l->var.get()] = r;
        stmt(l->body);
        regs_.erase(l->var.get());
        break;
      }
      case Kind::For: {
        const auto* f = s.as<For>();
        loop(*f->var, expr(f->min), expr(f->extent), f->mode, [&] { stmt(f->body); });
        break;
      }
      case Kind::If:
        if_stmt(*s.as<If>());
        break;
      case Kind::Store: {
        const auto* st = s.as<Store>();
        const uint32_t b = buffer(*st->buffer);
        const uint32_t value = expr(st->value);
        const int64_t at = indices(st->indices);
        emit({.op = Op::store,
              .lanes = lanes(st->value->type),
              .type = st->buffer->type,
              .a = value,
              .b = b,
              .imm = at});
        break;
      }
      case Kind::Prefetch:  // nothing happens; what its index reads is checked
        (void)buffer(*s.as<Prefetch>()->buffer);
        for (const Expr& i : s.as<Prefetch>()->indices) (void)expr(i);
        break;
      case Kind::Compute:
        compute(*s.as<Compute>());
        break;
      case Kind::Scan:
        scan(*s.as<Scan>());
        break;
      case Kind::Extern:
        stmt(s.as<Extern>()->body);
        break;
      default:
        TC_ASSERT(false, "no such statement");
    }
    next_ = mark;
    at_ = before;
  }
  void alloc(const Buffer& b) {
    const uint32_t n = add_buffer(b);
    const int64_t at = indices(b.shape);
    emit({.op = Op::alloc,
          .aux = inside_.empty() ? uint8_t{0} : uint8_t{1},
          .type = b.type,
          .b = n,
          .imm = at});
  }
  void if_stmt(const If& i) {
    const uint32_t c = expr(i.condition);
    const int64_t skip = emit({.op = Op::jump_if_not, .a = c});
    stmt(i.if_true);
    if (!i.if_false) {
      p.code[static_cast<size_t>(skip)].imm = here();
      return;
    }
    const int64_t leave = emit({.op = Op::jump});
    p.code[static_cast<size_t>(skip)].imm = here();
    stmt(i.if_false);
    p.code[static_cast<size_t>(leave)].imm = here();
  }
  // A loop costs, for each iteration, the code inside it but not that of inner loops.
  template <class F>
  void loop(const Var& v, uint32_t min, uint32_t extent, LoopMode mode, F&& body) {
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
    const int64_t before = std::exchange(cost_, 1);
    body();
    const int64_t cost = std::exchange(cost_, before);
    emit({.op = Op::for_next,
          .type = v.type,
          .dst = r,
          .imm = std::min<int64_t>(cost, INT32_MAX) << 32 | (begin + 1)});
    p.code[static_cast<size_t>(begin)].imm = here();
    regs_.erase(&v);
  }

  // ---- te form
  void compute(const Compute& c) { axes(c, 0); }
  void axes(const Compute& c, size_t d) {
    if (d < c.vars.size()) {
      const uint32_t extent = expr(c.buffers[0]->shape[d]);
      return loop(*c.vars[d], integer(0), extent, LoopMode::serial, [&] { axes(c, d + 1); });
    }
    const std::vector<uint32_t> results = values(c);
    const std::vector<Expr> at(c.vars.begin(), c.vars.end());
    for (size_t i = 0; i < c.buffers.size(); ++i) {
      const uint32_t b = buffer(*c.buffers[i]);
      emit({.op = Op::store, .type = c.buffers[i]->type, .a = results[i], .b = b, .imm = indices(at)});
    }
  }
  // One loop over time, whose variable is the first axis of each compute.
  void scan(const Scan& s) {
    std::vector<const Compute*> computes;
    walk<Compute>(s.body, [&](const Compute& c) { computes.push_back(&c); });
    const Var& time = *computes[0]->vars[0];
    loop(time, integer(0), expr(computes[0]->buffers[0]->shape[0]), LoopMode::serial, [&] {
      const uint32_t now = regs_.at(&time);
      for (const Compute* c : computes) {
        const uint32_t mark = next_;
        regs_[c->vars[0].get()] = now;
        axes(*c, 1);
        if (c->vars[0].get() != &time) regs_.erase(c->vars[0].get());
        next_ = mark;
      }
    });
  }
  std::vector<uint32_t> values(const Compute& c) {
    std::vector<uint32_t> out;
    const auto* first = c.values[0].as<Reduce>();
    const bool shared = first && std::all_of(c.values.begin(), c.values.end(), [&](const Expr& e) {
                          return same_fold(*first, e.as<Reduce>());
                        });
    if (!shared) {
      for (const Expr& e : c.values) out.push_back(expr(e));
      return out;
    }
    const std::vector<uint32_t> all = reduction(*first);
    for (const Expr& e : c.values) out.push_back(all[static_cast<size_t>(e.as<Reduce>()->component)]);
    return out;
  }
  // Whether two reductions fold the same values, so that one pass gives both.
  static bool same_fold(const Reduce& a, const Reduce* b) {
    const auto same = [](const auto& x, const auto& y) { return x.same(y); };
    const auto all = [&](const auto& x, const auto& y) {
      return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
    };
    return b && a.combiner.same(b->combiner) && all(a.source, b->source) && all(a.vars, b->vars) &&
           all(a.mins, b->mins) && all(a.extents, b->extents);
  }
  std::vector<uint32_t> reduction(const Reduce& r) {
    std::vector<uint32_t> acc;
    for (const Expr& e : r.combiner->identity) acc.push_back(copy(expr(e), e->type));
    std::vector<uint32_t> mins, extents;
    for (size_t d = 0; d < r.vars.size(); ++d)
      mins.push_back(expr(r.mins[d])), extents.push_back(expr(r.extents[d]));
    fold(r, 0, mins, extents, acc);
    return acc;
  }
  void fold(const Reduce& r, size_t d, const std::vector<uint32_t>& mins,
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
  uint32_t copy(uint32_t r, DType t) {
    const uint32_t dst = fresh(t.lanes);
    emit({.op = Op::mov, .lanes = lanes(t), .dst = dst, .a = r});
    return dst;
  }
  // Lazy: extents of all buffers, then the code of each compute's elements.
  void shapes(const Stmt& s) {
    if (const auto* q = s.as<Seq>()) {
      for (const Stmt& item : q->stmts) shapes(item);
    } else if (const auto* a = s.as<Alloc>()) {
      at_ = a;
      alloc(*a->buffer);
      shapes(a->body);
    } else if (!s.as<Compute>() && !s.as<Scan>() && !s.as<Extern>()) {
      throw Error("ir.interpret.args", "single elements are evaluated only of functions in te form")
          .fact("statement", to_string(s).substr(0, to_string(s).find('\n')));
    }
  }
  void fragments(const Stmt& s) {
    if (const auto* q = s.as<Seq>()) {
      for (const Stmt& item : q->stmts) fragments(item);
    } else if (const auto* a = s.as<Alloc>()) {
      fragments(a->body);
    } else if (const auto* c = s.as<Compute>()) {
      // the registers of each compute are its own: one may run in the middle of another
      at_ = c;
      next_ = most_;
      Fragment f{.buffer = c->buffers[0].get(), .entry = here(), .cost = 0, .vars = {}, .results = {}};
      for (const VarRef& v : c->vars) f.vars.push_back(regs_[v.get()] = fresh(1));
      cost_ = 1;
      f.results = values(*c);
      f.cost = cost_;
      emit({.op = Op::end});
      for (const VarRef& v : c->vars) regs_.erase(v.get());
      for (uint32_t i = 0; i < c->buffers.size(); ++i)
        p.computed[c->buffers[i].get()] = {static_cast<uint32_t>(p.fragments.size()), i};
      p.fragments.push_back(std::move(f));
    } else if (const auto* scan = s.as<Scan>()) {
      std::vector<BufferRef> written;
      walk<Compute>(scan->body, [&](const Compute& c) {
        written.insert(written.end(), c.buffers.begin(), c.buffers.end());
      });
      whole(s, written);
    } else if (const auto* x = s.as<Extern>()) {
      whole(s, x->writes);
    }
  }
  // A statement that runs as a whole when the first of its elements is asked for.
  void whole(const Stmt& s, const std::vector<BufferRef>& written) {
    next_ = most_;
    Whole w{.entry = here(), .written = {}};
    for (const BufferRef& b : written) w.written.push_back(buffers_.at(b.get()));
    inside_ = written;
    stmt(s);
    emit({.op = Op::end});
    for (const BufferRef& b : written) {
      next_ = most_;
      Fragment f{.buffer = b.get(), .entry = here(), .cost = 1, .vars = {}, .results = {}, .whole = 0};
      f.whole = static_cast<int>(p.wholes.size());
      std::vector<Expr> at;
      std::vector<VarRef> index;
      for (size_t d = 0; d < b->shape.size(); ++d) {
        index.push_back(var("i"));
        at.emplace_back(index.back());
        f.vars.push_back(regs_[index.back().get()] = fresh(1));
      }
      f.results = {expr(ir::load(b, at))};
      emit({.op = Op::end});
      for (const VarRef& v : index) regs_.erase(v.get());
      p.computed[b.get()] = {static_cast<uint32_t>(p.fragments.size()), 0};
      p.fragments.push_back(std::move(f));
    }
    inside_.clear();
    p.wholes.push_back(std::move(w));
  }

  // ---- expressions. The result's register: a new one, or that of a variable or constant.
  uint32_t expr(const Expr& e) {
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
  void operation(const Expr& e, uint32_t dst) {
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
  void wrapped(DType t, uint16_t n, uint32_t r) {
    if (t.is_int() && t.bits < 64) emit({.op = Op::wrap, .lanes = n, .type = t.element(), .dst = r, .a = r});
  }
  void rounded(DType t, uint16_t n, uint32_t r) {
    if (is_half(t)) emit({.op = Op::round, .lanes = n, .type = t.element(), .dst = r, .a = r});
  }
  void binary(BinaryOp op, DType t, uint16_t n, uint32_t dst, uint32_t x, uint32_t y) {
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
  void vector_reduce(const VectorReduce& r, uint32_t dst) {
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
  int64_t indices(const std::vector<Expr>& at) {
    std::vector<IndexOperand> regs;
    for (const Expr& e : at) regs.push_back({expr(e), e->type.lanes != 1});
    const auto start = static_cast<int64_t>(p.operands.size());
    p.operands.insert(p.operands.end(), regs.begin(), regs.end());
    return start;
  }
  void load(const Load& l, uint32_t dst) {
    const uint32_t b = buffer(*l.buffer);
    // what the statement that runs as a whole writes or allocates is in memory
    const bool own =
        std::any_of(inside_.begin(), inside_.end(), [&](const BufferRef& x) { return x.same(l.buffer); });
    const bool computed = lazy_ && !own && (stored_.count(l.buffer.get()) || b >= p.func->params.size());
    if (computed && !p.computed.count(l.buffer.get()))
      throw Error("ir.interpret.uninitialized",
                  fmt::format("{} is read before it is computed", l.buffer->name))
          .fact("statement", where());
    const int64_t at = indices(l.indices);
    emit({.op = computed ? Op::demand : Op::load,
          .lanes = lanes(l.type),
          .type = l.buffer->type,
          .dst = dst,
          .b = b,
          .imm = at});
  }
  void convert(DType from, DType to, uint32_t dst, uint32_t x) {
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
  void call(const Call& c, uint32_t dst) {
    const DType t = c.args[0]->type;
    const uint16_t n = lanes(c.type);
    if (c.op == CallOp::if_then_else) return choose(c, dst);
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
  void choose(const Call& c, uint32_t dst) {
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
};

}  // namespace

Program compile(const FuncRef& f, bool lazy) { return Compiler(f, lazy).run(); }

}  // namespace tc::ir::interp
