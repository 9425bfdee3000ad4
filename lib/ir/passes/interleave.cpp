// interleave: virtual threads take turns, statement by statement, so that one works
// while another waits for its result.
//
//   for v in [0, +2) vthread {              alloc T: f32[2, 4]
//     alloc T: f32[4]                       for i in [0, +4) {
//     for i in [0, +4) {                      T[0, i] = A[0, i]
//       T[i] = A[v, i]               ->       T[1, i] = A[1, i]
//     }                                     }
//     B[v] = T[3]                           B[0] = T[0, 3]
//   }                                       B[1] = T[1, 3]
//
// What is allocated inside gets a first dimension: each thread its own. A loop, condition or
// named value that is the same for all threads stands once; what differs is repeated, one thread
// after the other. Threads do not touch what others write, so that any order in which each keeps
// its own is right: hence a loop whose extent is not a constant, or whose copies would be more
// than PassContext::max_unrolled statements, becomes serial.
#include <unordered_set>

#include "clone.h"
#include "tc/ir/parse.h"
#include "tc/ir/passes.h"

namespace tc::ir {

namespace {

Stmt as_serial(const For& f) { return for_(f.var, f.min, f.extent, LoopMode::serial, f.body); }

// The body of one loop over all its threads.
class Threads {
 public:
  Threads(const For& f, int64_t count) : threads_(static_cast<size_t>(count)) {
    differs_.insert(f.var.get());
    for (int64_t t = 0; t < count; ++t)
      threads_[static_cast<size_t>(t)][f.var] = f.min + int_imm(t, f.var->type);
  }

  Stmt operator()(const Stmt& s) {
    switch (s->kind) {
      case Kind::Seq: {
        std::vector<Stmt> out;
        for (const Stmt& item : s.as<Seq>()->stmts) out.push_back((*this)(item));
        return seq(std::move(out));
      }
      case Kind::For: {
        const auto& n = *s.as<For>();
        if (differs(n.min) || differs(n.extent)) return copies(s);
        return for_(n.var, n.min, n.extent, n.mode, (*this)(n.body));
      }
      case Kind::If: {
        const auto& n = *s.as<If>();
        if (differs(n.condition)) return copies(s);
        return if_(n.condition, (*this)(n.if_true), n.if_false ? (*this)(n.if_false) : nullptr);
      }
      case Kind::Let:
        return named(*s.as<Let>());
      case Kind::Alloc:
        return allocated(s);
      default:
        return copies(s);
    }
  }

 private:
  // Whether the threads may have different values of it.
  [[nodiscard]] bool differs(const Expr& e) const {
    bool out = false;
    walk_all(*e, [&](const Node& n) {
      const auto* load = n.kind == Kind::Load ? static_cast<const Load*>(&n) : nullptr;
      out |= differs_.count(load ? static_cast<const Node*>(load->buffer.get()) : &n) != 0;
    });
    return out;
  }

  Stmt copies(const Stmt& s) const {
    std::vector<Stmt> out;
    for (size_t t = 0; t < threads_.size(); ++t) out.push_back(in_own_storage(t, clone(s, threads_[t])));
    return seq(std::move(out));
  }

  // What it is in thread t, in the storage of its own.
  template <class R>
  [[nodiscard]] R in_own_storage(size_t t, const R& r) const {
    return rewrite(
        r,
        [&](const Load& n) -> Expr {
          const BufferRef own = shared(n.buffer);
          return own ? load(own, at(t, n.indices)) : nullptr;
        },
        [&](const Store& n) -> Stmt {
          const BufferRef own = shared(n.buffer);
          return own ? store(own, at(t, n.indices), n.value) : nullptr;
        },
        [&](const Prefetch& n) -> Stmt {
          const BufferRef own = shared(n.buffer);
          return own ? prefetch(own, at(t, n.indices)) : nullptr;
        });
  }
  [[nodiscard]] BufferRef shared(const BufferRef& b) const {
    const auto it = storage_.find(b);
    return it == storage_.end() ? nullptr : it->second;
  }
  static std::vector<Expr> at(size_t thread, std::vector<Expr> indices) {
    indices.insert(indices.begin(), int_imm(static_cast<int64_t>(thread)));
    return indices;
  }

  Stmt allocated(const Stmt& s) {
    const auto& n = *s.as<Alloc>();
    const Buffer& b = *n.buffer;
    bool each = b.shape.size() >= static_cast<size_t>(kMaxRank);  // no room for a dimension
    for (const Expr& extent : b.shape) each |= differs(extent);
    if (each) return copies(s);
    std::vector<Expr> shape = b.shape;
    shape.insert(shape.begin(), int_imm(static_cast<int64_t>(threads_.size())));
    BufferRef all = buffer(b.name, b.type, std::move(shape), b.scope);
    storage_[n.buffer] = all;
    differs_.insert(n.buffer.get());
    return alloc(all, (*this)(n.body), n.double_buffer);
  }

  Stmt named(const Let& n) {
    if (!differs(n.value)) return let(n.var, n.value, (*this)(n.body));
    differs_.insert(n.var.get());
    std::vector<std::pair<VarRef, Expr>> lets;
    for (size_t t = 0; t < threads_.size(); ++t) {
      const Expr value = in_own_storage(t, substitute(n.value, threads_[t]));
      if (as_int(value)) {  // a constant now: no need to name it
        threads_[t][n.var] = value;
        continue;
      }
      lets.emplace_back(var(n.var->name, n.var->type), value);
      threads_[t][n.var] = lets.back().first;
    }
    Stmt body = (*this)(n.body);
    for (size_t i = lets.size(); i-- > 0;) body = let(lets[i].first, lets[i].second, body);
    return body;
  }

  std::vector<VarMap> threads_;  // by thread: its values of what differs
  std::unordered_set<const Node*> differs_;
  BufferMap storage_;
};

Stmt take_turns(const For& f, int64_t limit) {
  const auto extent = as_int(f.extent);
  if (!extent) return as_serial(f);
  if (*extent <= 0) return seq({});
  if (*extent > limit || *extent * std::max<int64_t>(1, count_statements(f.body)) > limit)
    return as_serial(f);
  return Threads(f, *extent)(f.body);
}

FuncRef run(const FuncRef& func, const PassContext& context) {
  return rewrite_body(
      func,
      [&](const For& f) -> Stmt {
        return f.mode == LoopMode::vthread ? take_turns(f, context.max_unrolled) : nullptr;
      },
      [](const Seq& q) { return flat_seq(q); });
}

}  // namespace

constinit const Pass passes::interleave{"interleave", "let virtual threads take turns", Form::nested,
                                        Form::nested, run};

}  // namespace tc::ir
