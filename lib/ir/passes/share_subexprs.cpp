// share_subexprs: what straight-line code computes or loads more than once gets
// a name before its first use.
//
//   T[0] = A[i] * x + B[i]           let A_1: f32 = A[i]
//   T[1] = A[i] * y + B[i]     ->    let B_1: f32 = B[i]
//                                    T[0] = A_1 * x + B_1
//                                    T[1] = A_1 * y + B_1
//
// Statements keep their order. A run ends at a loop or an `if`; what stands in
// those is treated on its own. Loads are the same until a store to their buffer;
// different buffers have no element in common. Values are numbered, once a node.
//
// Each name is a level of nesting, so a long block is taken in groups of statements that
// together have at most kMaxNames lets; a group is a scope, and shares within itself.
//
// Not shared is what values.h does not find worth a name: constants, variables,
// addresses and loads of register slots.
#include <algorithm>
#include <bit>
#include <map>

#include "block.h"
#include "tc/ir/passes.h"
#include "values.h"

namespace tc::ir {

namespace {

constexpr int kMaxNames = 400;  // in a group: each is a level of nesting

/// The values of one run of statements, numbered.
class Values {
 public:
  using Id = int;

  /// The number of an expression's value at this point.
  Id number(const Expr& e) {
    if (const auto it = seen_.find(e.get()); it != seen_.end() && it->second.first == epoch_)
      return it->second.second;
    if (const auto* v = e.as<Var>())
      if (const auto it = named_.find(v); it != named_.end()) return it->second;
    std::vector<Id> args;
    if (!is_guard(e))
      for_each_child(*e, [&](const Node& child, Role) {
        if (child.kind != Kind::Buffer) args.push_back(number(Expr(static_cast<const ExprNode*>(&child))));
      });
    const auto [it, fresh] = ids_.try_emplace(key_of(e, args), static_cast<Id>(values_.size()));
    if (fresh) values_.push_back({e, std::move(args), 0, worth_a_name(e), nullptr});
    seen_[e.get()] = {epoch_, it->second};
    return it->second;
  }

  /// A let: from here on its variable is its value.
  void define(const VarRef& v, Id id) {
    if (at(id).worth) named_[v.get()] = id;
  }
  /// A store: what was loaded from there may have changed.
  void store_to(const Store& s) {
    ++versions_[place(*s.buffer, s.indices)];
    ++epoch_;
  }

  /// Counts a use. What is not worth a name is written again each time, and its operands with it.
  void count(Id id) {
    Value& v = at(id);
    if (++v.uses == 1 || !v.worth)
      for (const Id a : v.args) count(a);
  }

  /// The value in terms of the names that there are; gives one to what is used again, as long as
  /// there are `names` left, by a let in `out`.
  Expr write(Id id, std::vector<Item>& out, int& names) {
    if (at(id).name) return at(id).name;
    const bool name = at(id).worth && at(id).uses > 1 && names > 0;
    if (name) --names;
    Expr e = write_value(id, out, names);
    if (!name) return e;
    at(id).name = var(name_for(at(id).expr), e->type);
    out.push_back(let_head(at(id).name, e));
    return at(id).name;
  }
  /// As above for the value of a let, whose variable becomes its name.
  Item write_let(const VarRef& v, Id id, std::vector<Item>& out, int& names) {
    if (at(id).name) return let_head(v, at(id).name);
    Expr e = write_value(id, out, names);
    if (at(id).worth) at(id).name = v;
    return let_head(v, e);
  }

 private:
  struct Value {
    Expr expr;
    std::vector<Id> args;
    int uses;
    bool worth;
    VarRef name;
  };
  using Key = std::vector<uint64_t>;
  struct KeyHash {
    size_t operator()(const Key& key) const {
      uint64_t h = 1469598103934665603ull;
      for (const uint64_t k : key) h = (h ^ k ^ (h >> 29)) * 0x9e3779b97f4a7c15ull;
      return h ^ (h >> 32);
    }
  };
  Value& at(Id id) { return values_[static_cast<size_t>(id)]; }

  Expr write_value(Id id, std::vector<Item>& out, int& names) {
    const Expr e = at(id).expr;
    const std::vector<Id>& args = at(id).args;
    if (args.empty()) return e;
    std::vector<Expr> children;
    bool changed = false;
    size_t i = 0;
    for_each_child(*e, [&](const Node& child, Role) {
      if (child.kind == Kind::Buffer) return;
      children.push_back(write(args[i++], out, names));
      changed |= children.back().get() != &child;
    });
    return changed ? rebuild(*e, children) : e;
  }

  static std::pair<const Buffer*, int64_t> place(const Buffer& b, const std::vector<Expr>& indices) {
    if (b.scope != Scope::register_ || indices.size() != 1) return {&b, 0};
    const auto* r = indices[0].as<Ramp>();
    return {&b, as_int(r ? r->base : indices[0]).value_or(0)};
  }

  Key key_of(const Expr& e, const std::vector<Id>& args) {
    const DType t = e->type;
    Key key{static_cast<uint64_t>(e->kind) << 48 | static_cast<uint64_t>(t.code) << 32 |
            static_cast<uint64_t>(t.bits) << 16 | t.lanes};
    const auto add = [&](auto x) { key.push_back(static_cast<uint64_t>(x)); };
    switch (e->kind) {
      case Kind::IntImm:
        add(e.as<IntImm>()->value);
        break;
      case Kind::FloatImm:
        add(std::bit_cast<uint64_t>(e.as<FloatImm>()->value));
        break;
      case Kind::Binary:
        add(e.as<Binary>()->op);
        break;
      case Kind::Call:
        add(e.as<Call>()->op);
        if (is_guard(e)) add(reinterpret_cast<uintptr_t>(e.get())), add(epoch_);
        break;
      case Kind::VectorReduce:
        add(e.as<VectorReduce>()->op);
        break;
      case Kind::Load:
        add(reinterpret_cast<uintptr_t>(e.as<Load>()->buffer.get()));
        add(versions_[place(*e.as<Load>()->buffer, e.as<Load>()->indices)]);
        break;
      case Kind::Var:
        add(reinterpret_cast<uintptr_t>(e.get()));
        break;
      default:
        break;
    }
    for (const Id a : args) add(a);
    return key;
  }

  std::vector<Value> values_;
  std::unordered_map<Key, Id, KeyHash> ids_;
  std::unordered_map<const ExprNode*, std::pair<uint64_t, Id>> seen_;  // in which epoch
  std::unordered_map<const Var*, Id> named_;
  std::map<std::pair<const Buffer*, int64_t>, uint64_t> versions_;
  uint64_t epoch_ = 0;
};

class Sharing {
 public:
  explicit Sharing(const Stmt& body) {
    walk<Let>(body, [&](const Let& l) { ++bindings_[l.var.get()]; });
  }

  Stmt block(const Stmt& s) {
    if (is_empty(s)) return s;
    std::vector<Item> group, out;
    int lets = 0;        // in the group
    bool scope = false;  // whether the group can be one: it has no head, which reaches to the end of `s`
    const auto finish = [&](bool last) {
      std::vector<Item> done = share_group(group, kMaxNames - lets);
      if (scope && !last)
        out.push_back({close_block(done)});
      else
        out.insert(out.end(), done.begin(), done.end());
      group.clear();
      lets = 0;
    };
    for (const Item& i : open_block(s)) {
      const int more = i.head ? 1 : heads_in(i.stmt);
      if (!group.empty() && lets + more > kMaxNames) finish(false);
      scope = group.empty() ? !i.head : scope && !i.head;
      lets += more;
      open(i, group);
    }
    finish(true);
    return close_block(out);
  }

 private:
  std::vector<Item> share_group(const std::vector<Item>& items, int names) {
    std::vector<Item> out;
    for (size_t i = 0; i < items.size();) {
      size_t end = i;  // of the run: what ends it still has expressions in it
      while (end < items.size() && is_straight(items[end])) ++end;
      if (end < items.size()) ++end;
      share(std::span(items).subspan(i, end - i), out, names);
      i = end;
    }
    return out;
  }

  // A let in the middle of a block is opened if that is no other binding of its variable: it may
  // reach to the end of the group.
  void open(const Item& i, std::vector<Item>& out) const {
    if (opens(i))
      for (const Item& inner : open_block(i.stmt)) open(inner, out);
    else
      out.push_back(i);
  }
  int heads_in(const Stmt& s) const {
    if (!opens({s})) return 0;
    int n = 0;
    for (const Item& i : open_block(s)) n += i.head ? 1 : heads_in(i.stmt);
    return n;
  }
  bool opens(const Item& item) const {
    if (item.head || !item.stmt.as<Let>()) return false;
    for (const Item& i : open_block(item.stmt))
      if (i.head && (!i.stmt.as<Let>() || bindings_.at(i.stmt.as<Let>()->var.get()) > 1)) return false;
    return true;
  }

  static bool is_straight(const Item& i) {
    return i.head || i.stmt->kind == Kind::Store || i.stmt->kind == Kind::Prefetch;
  }

  // The expressions that a statement evaluates in its place.
  static std::vector<Expr> roots(const Item& i) {
    if (const auto* s = i.stmt.as<Store>()) {
      std::vector<Expr> out = s->indices;
      out.push_back(s->value);
      return out;
    }
    if (const auto* p = i.stmt.as<Prefetch>()) return p->indices;
    if (const auto* l = i.stmt.as<Let>(); l && i.head) return {l->value};
    if (const auto* f = i.stmt.as<For>()) return {f->min, f->extent};
    if (const auto* c = i.stmt.as<If>()) return {c->condition};
    return {};
  }

  void share(std::span<const Item> run, std::vector<Item>& out, int& names) {
    Values values;
    std::vector<std::vector<Values::Id>> ids;
    for (const Item& i : run) {
      std::vector<Values::Id>& of = ids.emplace_back();
      for (const Expr& e : roots(i)) of.push_back(values.number(e));
      if (i.head && i.stmt.as<Let>()) values.define(i.stmt.as<Let>()->var, of[0]);
      if (i.stmt.as<Store>()) values.store_to(*i.stmt.as<Store>());
    }
    for (const auto& of : ids)
      for (const Values::Id id : of) values.count(id);
    for (size_t i = 0; i < run.size(); ++i) {
      const auto* l = run[i].stmt.as<Let>();
      if (l && run[i].head) {
        Item named = values.write_let(l->var, ids[i][0], out, names);
        out.push_back(std::move(named));
        continue;
      }
      std::vector<Expr> exprs;
      for (const Values::Id id : ids[i]) exprs.push_back(values.write(id, out, names));
      out.push_back({with_roots(run[i], exprs), run[i].head});
    }
  }

  Stmt with_roots(const Item& i, const std::vector<Expr>& e) {
    if (i.head) return i.stmt;
    if (const auto* s = i.stmt.as<Store>()) {
      bool same = s->value.same(e.back());
      for (size_t d = 0; d < s->indices.size(); ++d) same &= s->indices[d].same(e[d]);
      return same ? i.stmt : store(s->buffer, {e.begin(), e.end() - 1}, e.back());
    }
    if (const auto* p = i.stmt.as<Prefetch>())
      return std::equal(e.begin(), e.end(), p->indices.begin(), RefSame()) ? i.stmt : prefetch(p->buffer, e);
    if (const auto* f = i.stmt.as<For>()) {
      const Stmt body = block(f->body);
      return body.same(f->body) && e[0].same(f->min) && e[1].same(f->extent)
                 ? i.stmt
                 : for_(f->var, e[0], e[1], f->mode, body);
    }
    if (const auto* c = i.stmt.as<If>()) {
      const Stmt yes = block(c->if_true), no = c->if_false ? block(c->if_false) : nullptr;
      return e[0].same(c->condition) && yes.same(c->if_true) && no.same(c->if_false) ? i.stmt
                                                                                     : if_(e[0], yes, no);
    }
    return block(i.stmt);  // a scope of its own
  }

  std::unordered_map<const Var*, int> bindings_;
};

FuncRef run(const FuncRef& f, const PassContext&) {
  Stmt body = Sharing(f->body).block(f->body);
  return body.same(f->body) ? f : func(f->name, f->params, std::move(body));
}

}  // namespace

constinit const Pass passes::share_subexprs{"share_subexprs",
                                            "name what straight-line code computes more than once",
                                            Form::nested, Form::nested, run};

}  // namespace tc::ir
