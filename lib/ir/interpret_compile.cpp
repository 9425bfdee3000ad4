// Statements: a function as the interpreter's code.
#include <fmt/format.h>

#include <unordered_set>
#include <utility>

#include "interpret_compile.h"
#include "tc/ir/print.h"

namespace tc::ir::interp {
namespace {

class Compiler : ExprCompiler {
 public:
  Compiler(const FuncRef& f, bool lazy) : ExprCompiler(f, lazy) {}

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
};

}  // namespace

Program compile(const FuncRef& f, bool lazy) { return Compiler(f, lazy).run(); }

}  // namespace tc::ir::interp
