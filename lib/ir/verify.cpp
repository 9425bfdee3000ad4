#include "tc/ir/verify.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "tc/ir/equal.h"
#include "tc/ir/numeric.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "verify_register.h"

namespace tc::ir {

std::string_view to_string(Form form) {
  static constexpr std::string_view kNames[] = {"te", "nested", "flat", "target"};
  return kNames[static_cast<size_t>(form)];
}

namespace {

bool in_target(CallOp op) {
  switch (op) {
    case CallOp::neg:
    case CallOp::not_:
    case CallOp::abs:
    case CallOp::sqrt:
    case CallOp::floor:
    case CallOp::ceil:
    case CallOp::round:
    case CallOp::trunc:
    case CallOp::fma:
    case CallOp::bits:
    case CallOp::isnan:
    case CallOp::dot:
      return true;
    default:
      return false;
  }
}

// What one who wrote the function does so that it keeps a rule.
std::string how_to_keep(std::string_view rule) {
  static constexpr std::pair<std::string_view, std::string_view> kFixes[] = {
      {"bound",
       "bind the variable once, by what stands around its uses; a combiner has its own variables only"},
      {"buffer", "make the buffer a parameter, or allocate it once, around all its uses"},
      {"rank", "give one index a dimension, of 32 dimensions at most"},
      {"type", "cast the value, or correct the type that is declared"},
      {"shape", "give every part of the node, and no sequence directly in a sequence"},
      {"te", "write alloc and compute only; a schedule makes the loops and vectors"},
      {"reduce", "compute the reduction into a buffer of its own, and read that"},
      {"order", "compute each buffer once, and before what reads it"},
      {"nested", "lower the function first: tensorc compile --emit ir"},
      {"flat", "run flatten first; the pass lower_guards removes if_then_else"},
      {"loop", "run unroll, and vectorize, first"},
      {"call", "run lower_math first, which expands calls"},
      {"register", "unroll the loops around, so that each access has constant slots of its own"},
  };
  for (const auto& [name, fix] : kFixes)
    if (name == rule) return std::string(fix);
  return "see the rules of the form in tc/ir/verify.h";
}

class Verifier {
 public:
  explicit Verifier(Form form) : form_(form) {}

  void func(const Func& f) {
    for (const BufferRef& p : f.params) {
      require(p, "shape", "a parameter is missing");
      for (const Expr& e : p->shape)
        if (const auto* v = e.as<Var>(); v && !vars_.count(v)) bind(*v);
    }
    for (const BufferRef& p : f.params) define(*p, State::input);
    if (form_ == Form::te) outputs(f);
    require(f.body, "shape", "the function has no body");
    stmt(f.body);
    if (form_ == Form::target)
      registers_.check(
          [&](const StmtNode* at, std::string message) { fail_at(at, "register", std::move(message)); });
  }

 private:
  // te: pending ones may not be read; those of the scan around may
  enum class State : uint8_t { input, pending, scanned, computed };

  Form form_;
  const StmtNode* at_ = nullptr;
  std::unordered_map<const Node*, int> vars_;
  std::unordered_map<const Node*, State> buffers_;
  RegisterAccesses registers_;
  // Expressions are graphs: each node is visited once while what is in scope only grows.
  std::unordered_map<const Node*, uint64_t> seen_;
  uint64_t version_ = 1;

  // ---- errors
  [[noreturn]] void fail_at(const StmtNode* at, std::string_view rule, std::string message,
                            std::string_view fix = "") const {
    Error e = Error("ir.verify." + std::string(rule), std::move(message))
                  .fact("form", std::string(to_string(form_)));
    if (at) {
      const std::string text = to_string(Stmt(at));
      size_t end = 0;  // of a long statement the beginning
      for (int lines = 0; lines < 8 && end != std::string::npos; ++lines)
        end = text.find('\n', end ? end + 1 : 0);
      (void)std::move(e).excerpt(text.substr(0, end));
    }
    throw std::move(e).fix(fix.empty() ? how_to_keep(rule) : std::string(fix));
  }
  [[noreturn]] void fail(std::string_view rule, std::string message) const {
    fail_at(at_, rule, std::move(message));
  }
  template <class... A>
  void require(bool ok, std::string_view rule, fmt::format_string<A...> message, A&&... args) const {
    if (!ok) fail(rule, fmt::format(message, std::forward<A>(args)...));
  }
  template <class T, class... A>
  void require(const Ref<T>& ref, std::string_view rule, fmt::format_string<A...> message,
               A&&... args) const {
    if (!ref) fail(rule, fmt::format(message, std::forward<A>(args)...));
  }
  // An error of a maker, in our words.
  template <class F>
  void as_made(F&& make) const {
    try {
      make();
    } catch (const Error& e) {
      fail(e.code() == "ir.rank" ? "rank" : e.code() == "ir.depth" ? "shape" : "type", e.message());
    }
  }

  [[nodiscard]] bool flat() const { return form_ == Form::flat || form_ == Form::target; }

  // ---- scope
  void bind(const Var& v) {
    require(++vars_[&v] == 1, "bound", "the variable {} is bound again in its own scope", v.name);
  }
  void unbind(const Var& v) {
    if (--vars_[&v] == 0) vars_.erase(&v);
    ++version_;
  }
  void define(const Buffer& b, State state) {
    require(buffers_.emplace(&b, state).second, "buffer", "the buffer {} is defined twice", b.name);
    require(b.shape.size() <= kMaxRank, "rank", "{} has {} dimensions, more than {}", b.name, b.shape.size(),
            kMaxRank);
    require(b.type.is_scalar() && b.type.bits != 0, "type", "the buffer {} holds vectors", b.name);
    for (const Expr& e : b.shape) {
      require(e, "shape", "an extent of {} is missing", b.name);
      require(e->type == kIndex, "type", "an extent of {} is {}, not i64", b.name, to_string(e->type));
      const auto n = as_int(e);
      require(!n || *n >= 0, "type", "{} has a negative extent", b.name);
      expr(e);
    }
    require(!flat() || b.shape.size() == 1, "flat", "{} has {} dimensions", b.name, b.shape.size());
    if (form_ == Form::target && b.scope == Scope::register_) {
      require(as_int(b.shape[0]).has_value(), "register",
              "the register buffer {} has an extent that is no constant", b.name);
      registers_.define(b);
    }
  }
  void outputs(const Func& f) {
    const auto pending = [&](const std::vector<BufferRef>& written) {
      for (const BufferRef& b : written)
        if (const auto it = buffers_.find(b.get()); it != buffers_.end()) it->second = State::pending;
    };
    walk<Compute>(f.body, [&](const Compute& c) { pending(c.buffers); });
    walk<Extern>(f.body, [&](const Extern& x) { pending(x.writes); });
  }
  void use(const Buffer& b) const {
    require(buffers_.count(&b) != 0, "buffer", "{} is used where it is neither a parameter nor allocated",
            b.name);
  }

  // ---- statements
  void stmt(const Stmt& s) {
    require(s, "shape", "a statement is missing");
    const StmtNode* before = std::exchange(at_, s.get());
    require(s->depth <= kMaxDepth, "shape", "the program is nested too deeply");
    if (form_ == Form::te)
      require(s->kind == Kind::Seq || s->kind == Kind::Alloc || s->kind == Kind::Compute ||
                  s->kind == Kind::Scan || s->kind == Kind::Extern,
              "te", "te form has no statement {}", to_string(s->kind));
    else
      require(s->kind != Kind::Compute && s->kind != Kind::Scan && s->kind != Kind::Extern, "nested",
              "a {} is left",
              s->kind == Kind::Compute ? "compute"
              : s->kind == Kind::Scan  ? "scan"
                                       : "extern");
    switch (s->kind) {
      case Kind::Seq:
        for (const Stmt& item : s.as<Seq>()->stmts) {
          require(item, "shape", "a statement is missing");
          require(item->kind != Kind::Seq, "shape", "a sequence stands in a sequence");
          stmt(item);
        }
        break;
      case Kind::For:
        loop(*s.as<For>());
        break;
      case Kind::Store:
        store(*s.as<Store>());
        break;
      case Kind::Prefetch: {
        const auto* p = s.as<Prefetch>();
        require(p->buffer, "shape", "a prefetch has no buffer");
        require(address(*p->buffer, p->indices) == 1, "type", "a prefetch of {} is at a vector of indices",
                p->buffer->name);
        break;
      }
      case Kind::Alloc: {
        const auto* a = s.as<Alloc>();
        require(a->buffer, "shape", "an alloc has no buffer");
        define(*a->buffer, form_ == Form::te ? State::pending : State::input);
        stmt(a->body);
        buffers_.erase(a->buffer.get());
        ++version_;
        break;
      }
      case Kind::If: {
        const auto* i = s.as<If>();
        value(i->condition);
        require(i->condition->type == kBool, "type", "the condition of an if is {}",
                to_string(i->condition->type));
        stmt(i->if_true);
        if (i->if_false) stmt(i->if_false);
        break;
      }
      case Kind::Let: {
        const auto* l = s.as<Let>();
        value(l->value);
        require(l->var, "shape", "a let has no variable");
        require(l->var->type == l->value->type, "type", "{} is {} and is given {}", l->var->name,
                to_string(l->var->type), to_string(l->value->type));
        bind(*l->var);
        stmt(l->body);
        unbind(*l->var);
        break;
      }
      case Kind::Compute:
        compute(*s.as<Compute>());
        break;
      case Kind::Scan:
        scan(*s.as<Scan>());
        break;
      case Kind::Extern:
        external(*s.as<Extern>());
        break;
      default:
        fail("shape", fmt::format("{} stands as a statement", to_string(s->kind)));
    }
    at_ = before;
  }
  void loop(const For& f) {
    require(f.var, "shape", "a loop has no variable");
    value(f.min);
    value(f.extent);
    const DType t = f.var->type;
    require(t.is_int() && t.is_scalar() && f.min->type == t && f.extent->type == t, "type",
            "the loop over {}: {} starts at {} and has extent {}", f.var->name, to_string(t),
            to_string(f.min->type), to_string(f.extent->type));
    if (form_ == Form::target)
      require(f.mode == LoopMode::serial || f.mode == LoopMode::parallel, "loop", "the loop over {} is {}",
              f.var->name, to_string(f.mode));
    bind(*f.var);
    stmt(f.body);
    unbind(*f.var);
  }
  void store(const Store& s) {
    require(s.buffer, "shape", "a store has no buffer");
    value(s.value);
    const int lanes = indices(*s.buffer, s.indices);
    require(s.value->type == s.buffer->type.with_lanes(lanes), "type", "{} holds {} and is given {}",
            s.buffer->name, to_string(s.buffer->type.with_lanes(lanes)), to_string(s.value->type));
  }
  int indices(const Buffer& b, const std::vector<Expr>& at) {
    const int lanes = address(b, at);
    if (form_ == Form::target && b.scope == Scope::register_)
      registers_.access(b, at[0], at_, [&](std::string message) { fail("register", std::move(message)); });
    return lanes;
  }
  int address(const Buffer& b, const std::vector<Expr>& at) {
    use(b);
    require(at.size() == b.shape.size(), "rank", "{} has {} dimensions and is accessed with {} indices",
            b.name, b.shape.size(), at.size());
    int lanes = 1;
    for (const Expr& e : at) {
      value(e);
      require(e->type.element() == kIndex && (e->type.lanes == 1 || lanes == 1 || e->type.lanes == lanes),
              "type", "an index of {} is {}", b.name, to_string(e->type));
      lanes = std::max<int>(lanes, e->type.lanes);
    }
    return lanes;
  }

  // ---- te
  void compute(const Compute& c) {
    require(!c.buffers.empty() && c.buffers.size() == c.values.size(), "shape",
            "a compute of {} buffers has {} values", c.buffers.size(), c.values.size());
    const Reduce* first = c.values[0].as<Reduce>();
    for (const VarRef& v : c.vars) {
      require(v, "shape", "an axis is missing");
      require(v->type == kIndex, "type", "the axis {} is {}", v->name, to_string(v->type));
      bind(*v);
    }
    for (size_t i = 0; i < c.values.size(); ++i) {
      const BufferRef& b = c.buffers[i];
      require(b, "shape", "a compute has no buffer");
      require(c.values[i], "shape", "a value is missing");
      use(*b);
      require(b->shape.size() == c.vars.size(), "rank", "{} has {} dimensions and is computed over {} axes",
              b->name, b->shape.size(), c.vars.size());
      for (size_t d = 0; d < b->shape.size(); ++d)
        if (!equal(b->shape[d], c.buffers[0]->shape[d]))
          fail_at(at_, "type",
                  fmt::format("{} and {} are computed together and have different shapes", c.buffers[0]->name,
                              b->name),
                  "declare them of one shape, or compute each by itself");
      require(c.values[i]->type == b->type, "type", "{} holds {} and is given {}", b->name,
              to_string(b->type), to_string(c.values[i]->type));
      const Reduce* r = c.values[i].as<Reduce>();
      require(!r == !first && (!r || same_fold(*first, *r)), "reduce",
              "the values of {} and {} are not components of one reduction", c.buffers[0]->name, b->name);
      if (r)
        reduction(*r);
      else
        expr(c.values[i]);
    }
    for (const VarRef& v : c.vars) unbind(*v);
    for (const BufferRef& b : c.buffers) {
      State& state = buffers_.at(b.get());
      require(state == State::pending || state == State::scanned, "order", "{} is computed twice", b->name);
      state = State::computed;
      ++version_;
    }
  }
  void scan(const Scan& s) {
    as_made([&] { (void)ir::scan(s.body); });
    const Buffer* first = nullptr;
    walk<Compute>(s.body, [&](const Compute& c) {
      for (const BufferRef& b : c.buffers) {
        require(b, "shape", "a compute has no buffer");
        use(*b);
        State& state = buffers_.at(b.get());
        require(state == State::pending, "order", "{} is computed twice", b->name);
        state = State::scanned;
        if (!first) first = b.get();
        if (b->shape.empty() || !equal(b->shape[0], first->shape[0]))
          fail_at(at_, "type",
                  fmt::format("{} and {} are computed over one time and have different first extents",
                              first->name, b->name),
                  "give all that a scan computes as many times: the same first dimension");
      }
    });
    ++version_;
    stmt(s.body);
  }
  // Its body is in nested form, and knows only what is declared.
  void external(const Extern& x) {
    as_made([&] { (void)ir::extern_(x.writes, x.reads, x.body); });
    for (const BufferRef& b : x.writes) {
      use(*b);
      require(buffers_.at(b.get()) == State::pending, "order", "{} is computed twice", b->name);
    }
    for (const BufferRef& b : x.reads) {
      use(*b);
      require(buffers_.at(b.get()) != State::pending, "order", "{} is read before it is computed", b->name);
    }
    walk<Store>(x.body, [&](const Store& s) {
      for (const BufferRef& b : x.reads)
        require(!b.same(s.buffer), "order", "{} is declared as read and is written", b->name);
    });
    auto outer = std::exchange(buffers_, {});
    for (const BufferRef& b : x.writes) buffers_[b.get()] = State::input;
    for (const BufferRef& b : x.reads) buffers_[b.get()] = State::input;
    form_ = Form::nested;
    ++version_;
    stmt(x.body);
    form_ = Form::te;
    buffers_ = std::move(outer);
    for (const BufferRef& b : x.writes) buffers_.at(b.get()) = State::computed;
    ++version_;
  }
  // The same fold, perhaps of another component.
  static bool same_fold(const Reduce& a, const Reduce& b) {
    if (a.component == b.component) return equal(Expr(&a), Expr(&b));
    auto* copy = new Reduce(b);
    const Expr hold(copy);
    copy->component = a.component;
    copy->type = a.type;
    return equal(Expr(&a), hold);
  }
  void reduction(const Reduce& r) {
    require(r.combiner, "shape", "a reduction has no combiner");
    const size_t n = r.vars.size();
    require(r.mins.size() == n && r.extents.size() == n, "shape",
            "a reduction has {} axes, {} starts and {} extents", n, r.mins.size(), r.extents.size());
    for (const auto* list : {&r.mins, &r.extents})
      for (const Expr& e : *list) {
        value(e);
        require(e->type == kIndex, "type", "a bound of a reduction is {}", to_string(e->type));
      }
    combiner(*r.combiner);
    for (const VarRef& v : r.vars) {
      require(v, "shape", "an axis is missing");
      require(v->type == kIndex, "type", "the axis {} is {}", v->name, to_string(v->type));
      bind(*v);
    }
    for (const Expr& e : r.source) value(e);
    as_made([&] {
      const Expr made = reduce(r.combiner, r.mins, r.extents, r.vars, r.source, r.component);
      require(made->type == r.type, "type", "a reduction of {} claims to be {}", to_string(made->type),
              to_string(r.type));
    });
    for (const VarRef& v : r.vars) unbind(*v);
  }
  void combiner(const Combiner& c) {
    for (const auto* list : {&c.lhs, &c.rhs})
      for (const VarRef& v : *list) require(v, "shape", "a variable of the combiner {} is missing", c.name);
    for (const auto* list : {&c.results, &c.identity})
      for (const Expr& e : *list) require(e, "shape", "a part of the combiner {} is missing", c.name);
    require(c.where, "shape", "a part of the combiner {} is missing", c.name);
    as_made([&] { (void)ir::combiner(c.name, c.lhs, c.rhs, c.results, c.identity, c.where); });
    auto outer = std::exchange(vars_, {});
    ++version_;
    for (const Expr& e : c.identity) expr(e);
    for (const VarRef& v : c.lhs) bind(*v);
    expr(c.where);
    for (const VarRef& v : c.rhs) bind(*v);
    for (const Expr& e : c.results) expr(e);
    vars_ = std::move(outer);
    ++version_;
  }

  // ---- expressions
  void value(const Expr& e) {
    require(e, "shape", "an expression is missing");
    expr(e);
  }
  void expr(const Expr& e) {
    uint64_t& seen = seen_[e.get()];
    if (seen == version_) return;
    seen = version_;
    require(e->depth <= kMaxDepth, "shape", "an expression is nested too deeply");
    require(e->type.lanes >= 1 && e->type.lanes <= kMaxLanes, "type", "a vector has {} lanes", e->type.lanes);
    require(form_ != Form::te || e->type.lanes == 1, "te", "te form has no vectors");
    switch (e->kind) {
      case Kind::Var:
        // flat shapes are products, and say no more which dimension gives a size: its caller does
        require(vars_.count(e.get()) != 0 || (flat() && e.as<Var>()->least), "bound",
                "the variable {} is not bound here", e.as<Var>()->name);
        return;
      case Kind::IntImm: {
        const bool ok = e->type.is_scalar() && !e->type.is_float() &&
                        wrap(e->type, e.as<IntImm>()->value) == e.as<IntImm>()->value;
        return require(ok, "type", "the constant {} is not a value of {}", e.as<IntImm>()->value,
                       to_string(e->type));
      }
      case Kind::FloatImm: {
        const double v = e.as<FloatImm>()->value;
        const bool ok =
            e->type.is_scalar() && e->type.is_float() && (std::isnan(v) || round_to(e->type, v) == v);
        return require(ok, "type", "the constant {} is not a value of {}", v, to_string(e->type));
      }
      case Kind::Load: {
        const auto* l = e.as<Load>();
        require(l->buffer, "shape", "a load has no buffer");
        const int lanes = indices(*l->buffer, l->indices);
        require(e->type == l->buffer->type.with_lanes(lanes), "type", "a load from {} of {} claims to be {}",
                l->buffer->name, to_string(l->buffer->type.with_lanes(lanes)), to_string(e->type));
        const auto it = buffers_.find(l->buffer.get());
        return require(it->second != State::pending, "order", "{} is read before it is computed",
                       l->buffer->name);
      }
      case Kind::Reduce:
        fail(form_ == Form::te ? "reduce" : "nested",
             form_ == Form::te ? "a reduction is not the whole value of a compute" : "a reduction is left");
      default:
        break;
    }
    operation(e);
  }
  // What has only expressions as children: they, then the types as the maker demands.
  void operation(const Expr& e) {
    std::vector<Expr> children;
    bool missing = false;
    dispatch(*e, [&](const auto& node) {
      for_each_field(node, [&](const auto&, const auto& v) {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, Expr>) children.push_back(v);
        if constexpr (std::is_same_v<V, std::vector<Expr>>)
          children.insert(children.end(), v.begin(), v.end());
      });
    });
    for (const Expr& c : children) missing |= !c;
    require(!missing && !children.empty(), "shape", "an operand of {} is missing", to_string(e->kind));
    if (const auto* c = e.as<Call>()) {
      require(static_cast<int>(c->args.size()) == num_args(c->op), "shape", "{} has {} arguments",
              to_string(c->op), c->args.size());
      require(form_ != Form::target || in_target(c->op), "call", "{} is no call of the target",
              to_string(c->op));
      require(form_ == Form::te || c->op != CallOp::assume, "nested",
              "an assume is left, which stands in te form only");
      require(form_ != Form::flat || c->op != CallOp::if_then_else, "flat", "an if_then_else is left");
    }
    for (const Expr& c : children) expr(c);
    // makers widen scalars; a node must not rely on it
    const bool same_lanes = e->kind == Kind::Binary || e->kind == Kind::Select;
    if (same_lanes)
      require(children[children.size() - 2]->type == children.back()->type, "type",
              "the operands of {} are {} and {}", to_string(e->kind),
              to_string(children[children.size() - 2]->type), to_string(children.back()->type));
    as_made([&] {
      const Expr made = rebuild(*e, children);
      require(made->type == e->type, "type", "{} of {} claims to be {}", to_string(e->kind),
              to_string(made->type), to_string(e->type));
    });
  }
};

}  // namespace

Check verify(const FuncRef& f, Form form) {
  try {
    TC_REQUIRE(f, Error("ir.verify.shape", "there is no function"));
    Verifier(form).func(*f);
    return std::nullopt;
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc::ir
