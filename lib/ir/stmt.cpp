#include "tc/ir/stmt.h"

#include "make.h"

namespace tc::ir {

std::string_view to_string(LoopMode mode) {
  static constexpr std::string_view kNames[] = {"serial", "parallel", "vectorized", "unrolled", "vthread"};
  return kNames[static_cast<size_t>(mode)];
}

bool is_empty(const Stmt& s) {
  if (!s) return true;
  const auto* q = s.as<Seq>();
  return q && q->stmts.empty();
}

namespace {
// Statements are aggregates over a default-constructed base: fill, then seal.
template <class T, class F>
Stmt make_stmt(F&& fill) {
  auto* node = new T;
  Ref<T> ref(node);
  fill(*node);
  detail::finish(node);
  return ref;
}
}  // namespace

Stmt for_(VarRef var, Expr min, Expr extent, LoopMode mode, Stmt body) {
  require_scalar("the start of a loop", min);
  require_scalar("the extent of a loop", extent);
  TC_REQUIRE(var->type == min->type && var->type == extent->type,
             Error("ir.type", fmt::format("the loop over {} has bounds of another type", var->name)));
  return make_stmt<For>([&](For& f) {
    f.var = std::move(var);
    f.min = std::move(min);
    f.extent = std::move(extent);
    f.mode = mode;
    f.body = body ? std::move(body) : seq({});
  });
}

Stmt store(BufferRef buffer, std::vector<Expr> indices, Expr value) {
  TC_ASSERT(buffer, "store to no buffer");
  require_value("store", value);
  const int lanes = check_indices(*buffer, indices);
  if (value->type.lanes == 1 && lanes != 1) value = broadcast(value, lanes);
  TC_REQUIRE(value->type == buffer->type.with_lanes(lanes),
             Error("ir.type", fmt::format("{} holds {} and is given {}", buffer->name,
                                          to_string(buffer->type.with_lanes(lanes)), to_string(value->type)))
                 .fix("cast the value"));
  return make_stmt<Store>([&](Store& s) {
    s.buffer = std::move(buffer);
    s.indices = std::move(indices);
    s.value = std::move(value);
  });
}

Stmt prefetch(BufferRef buffer, std::vector<Expr> indices) {
  TC_REQUIRE(load(buffer, indices)->type.is_scalar(),
             Error("ir.type", fmt::format("the index of a prefetch of {} is a vector", buffer->name))
                 .fix("prefetch one element a line of memory"));
  return make_stmt<Prefetch>([&](Prefetch& p) {
    p.buffer = std::move(buffer);
    p.indices = std::move(indices);
  });
}

Stmt alloc(BufferRef buffer, Stmt body, bool double_buffer) {
  return make_stmt<Alloc>([&](Alloc& a) {
    a.buffer = std::move(buffer);
    a.double_buffer = double_buffer;
    a.body = body ? std::move(body) : seq({});
  });
}

Stmt seq(std::vector<Stmt> stmts) {
  std::vector<Stmt> flat;
  for (Stmt& s : stmts) {
    if (is_empty(s)) continue;
    if (const auto* q = s.as<Seq>())
      flat.insert(flat.end(), q->stmts.begin(), q->stmts.end());
    else
      flat.push_back(std::move(s));
  }
  if (flat.size() == 1) return flat[0];
  return make_stmt<Seq>([&](Seq& q) { q.stmts = std::move(flat); });
}

Stmt if_(Expr condition, Stmt if_true, Stmt if_false) {
  require_scalar("if", condition);
  TC_REQUIRE(condition->type.is_bool(),
             Error("ir.type", "if needs a bool, not " + to_string(condition->type)).fix("compare: x != 0"));
  if (const auto v = as_int(condition)) {
    Stmt chosen = *v ? if_true : if_false;
    return chosen ? chosen : seq({});
  }
  if (is_empty(if_false)) if_false = nullptr;
  if (is_empty(if_true) && !if_false) return seq({});
  return make_stmt<If>([&](If& i) {
    i.condition = std::move(condition);
    i.if_true = if_true ? std::move(if_true) : seq({});
    i.if_false = std::move(if_false);
  });
}

Stmt let(VarRef var, Expr value, Stmt body) {
  require_value("let", value);
  TC_REQUIRE(var->type == value->type,
             Error("ir.type", fmt::format("{} is {} and is given {}", var->name, to_string(var->type),
                                          to_string(value->type))));
  return make_stmt<Let>([&](Let& l) {
    l.var = std::move(var);
    l.value = std::move(value);
    l.body = body ? std::move(body) : seq({});
  });
}

Stmt compute(std::vector<BufferRef> buffers, std::vector<VarRef> vars, std::vector<Expr> values) {
  TC_REQUIRE(!buffers.empty() && buffers.size() == values.size(),
             Error("ir.type",
                   fmt::format("compute of {} buffers is given {} values", buffers.size(), values.size())));
  const Reduce* first = values[0].as<Reduce>();
  for (size_t i = 0; i < buffers.size(); ++i) {
    require_value("compute", values[i]);
    TC_REQUIRE(values[i]->type == buffers[i]->type,
               Error("ir.type", fmt::format("{} holds {} and is given {}", buffers[i]->name,
                                            to_string(buffers[i]->type), to_string(values[i]->type))));
    TC_REQUIRE(buffers[i]->shape.size() == vars.size(),
               Error("ir.rank", fmt::format("{} has {} dimensions and is computed over {} axes",
                                            buffers[i]->name, buffers[i]->shape.size(), vars.size())));
    const Reduce* r = values[i].as<Reduce>();
    const bool same = (!first && !r) || (first && r && r->combiner.same(first->combiner) &&
                                         r->vars.size() == first->vars.size() &&
                                         (r->vars.empty() || r->vars[0].same(first->vars[0])));
    TC_REQUIRE(same,
               Error("ir.compute", fmt::format("the values of {} and {} are not components of one reduction",
                                               buffers[0]->name, buffers[i]->name))
                   .fix("compute them in separate stages"));
  }
  return make_stmt<Compute>([&](Compute& c) {
    c.buffers = std::move(buffers);
    c.vars = std::move(vars);
    c.values = std::move(values);
  });
}

Stmt scan(Stmt body) {
  const auto refuse = [](std::string what) {
    throw Error("ir.scan", std::move(what)).fix("a scan holds computes, whose first axis is time");
  };
  int count = 0;
  const auto check = [&](const Stmt& s) {
    const auto* c = s.as<Compute>();
    if (!c) refuse(fmt::format("a {} stands in a scan", to_string(s->kind)));
    if (c->vars.empty()) refuse(fmt::format("{} has no axis and stands in a scan", c->buffers[0]->name));
    ++count;
  };
  if (const auto* q = body.as<Seq>())
    for (const Stmt& s : q->stmts) check(s);
  else if (body)
    check(body);
  if (count == 0) refuse("a scan computes nothing");
  return make_stmt<Scan>([&](Scan& s) { s.body = std::move(body); });
}

Stmt extern_(std::vector<BufferRef> writes, std::vector<BufferRef> reads, Stmt body) {
  TC_REQUIRE(!writes.empty(), Error("ir.extern", "an extern computes nothing").fix("name what it writes"));
  std::vector<BufferRef> all = writes;
  all.insert(all.end(), reads.begin(), reads.end());
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      TC_REQUIRE(!all[i].same(all[j]), Error("ir.extern", fmt::format("{} is named twice", all[i]->name))
                                           .fix("name each tensor once: written or read"));
  return make_stmt<Extern>([&](Extern& e) {
    e.writes = std::move(writes);
    e.reads = std::move(reads);
    e.body = body ? std::move(body) : seq({});
  });
}

FuncRef func(std::string name, std::vector<BufferRef> params, Stmt body) {
  auto* f = new Func;
  FuncRef ref(f);
  f->name = std::move(name);
  f->params = std::move(params);
  f->body = body ? std::move(body) : seq({});
  detail::finish(f);
  return ref;
}

}  // namespace tc::ir
