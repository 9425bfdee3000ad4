#include "tc/ir/print.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <memory>
#include <ostream>
#include <unordered_set>

#include "tc/ir/equal.h"
#include "tc/ir/traverse.h"
#include "words.h"

namespace tc::ir {
namespace {

using text::kAtom;
using text::kUnary;
using text::precedence;

// `hint` as an identifier: letters, digits, _ and dots between words.
std::string as_identifier(std::string_view hint) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string out;
  for (size_t i = 0; i < hint.size() && i < 200; ++i) {
    const char c = hint[i];
    if (letter(c) || (digit(c) && !out.empty()))
      out += c;
    else if (digit(c))
      (out += '_') += c;
    else if (c == '.' && !out.empty() && i + 1 < hint.size() && i + 1 < 200 && letter(hint[i + 1]))
      out += c;
    else
      out += '_';
  }
  return out.empty() ? "v" : out;
}

// Names of the variables and buffers that are live where the printer stands.
class Names {
 public:
  // Names `node` until release(); returns what it was called before.
  std::string define(const Node& node, std::string_view hint) {
    std::string& slot = names_[&node];
    std::string before = std::move(slot);
    const std::string base = as_identifier(hint);
    std::string name = base;
    for (int n = 1; text::is_reserved(name) || used_.count(name); ++n) name = fmt::format("{}_{}", base, n);
    used_.insert(name);
    names_[&node] = std::move(name);
    return before;
  }
  void release(const Node& node, std::string before) {
    used_.erase(names_[&node]);
    if (before.empty())
      names_.erase(&node);
    else
      names_[&node] = std::move(before);
  }
  const std::string& of(const Node& node, std::string_view hint) {
    const auto it = names_.find(&node);
    if (it != names_.end()) return it->second;
    define(node, hint);
    return names_[&node];
  }

 private:
  std::unordered_map<const Node*, std::string> names_;
  std::unordered_set<std::string> used_;
};

// Names everything that `root` uses without defining it, so that no bound name
// inside can be mistaken for it.
void name_free(const Node& root, Names& names, std::unordered_map<const Node*, int>& bound) {
  std::vector<const Node*> defined;
  for_each_child(root, [&](const Node& child, Role role) {
    if (role == Role::def) {
      if (child.kind == Kind::Buffer) name_free(child, names, bound);
      ++bound[&child];
      defined.push_back(&child);
    } else if (child.kind == Kind::Var || child.kind == Kind::Buffer) {
      const auto it = bound.find(&child);
      if (it != bound.end() && it->second > 0) return;
      (void)names.of(child, child.kind == Kind::Var ? static_cast<const Var&>(child).name
                                                    : static_cast<const Buffer&>(child).name);
    } else {
      name_free(child, names, bound);
    }
  });
  for (const Node* n : defined) --bound[n];
}

std::string float_text(DType type, double v) {
  const bool negative = std::signbit(v);
  if (std::isnan(v)) {
    const auto u = std::bit_cast<uint64_t>(v);
    const std::string sign = negative ? "-" : "";
    return (u << 1 >> 1) == 0x7ff8000000000000u ? sign + "nan"
                                                : fmt::format("{}nan({:#x})", sign, u << 1 >> 1);
  }
  if (std::isinf(v)) return negative ? "-inf" : "inf";
  std::string digits = type.bits == 64 ? fmt::format("{}", v) : fmt::format("{}", static_cast<float>(v));
  if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
  return digits;
}

bool is_literal(const ExprNode& e) { return e.kind == Kind::IntImm || e.kind == Kind::FloatImm; }

int precedence_of(const ExprNode& e) {
  if (e.kind == Kind::Binary) {
    const int p = precedence(static_cast<const Binary&>(e).op);
    return p ? p : kAtom;
  }
  if (e.kind == Kind::Call) {
    const auto& c = static_cast<const Call&>(e);
    if (c.args.size() != 1 || !c.args[0]) return kAtom;
    if (c.op == CallOp::not_ || (c.op == CallOp::neg && !is_literal(*c.args[0]))) return kUnary;
  }
  return kAtom;
}

// A statement without what it defines: some pass got it wrong.
bool lacks_definition(const Node& n) {
  if (n.kind == Kind::For) return !static_cast<const For&>(n).var;
  if (n.kind == Kind::Let) return !static_cast<const Let&>(n).var;
  return n.kind == Kind::Alloc && !static_cast<const Alloc&>(n).buffer;
}

// "sum" where the combiner is the one that the name stands for, or "".
std::string_view simple_name(const Combiner& c) {
  if (c.results.size() != 1) return "";
  const auto* b = c.results[0].as<Binary>();
  if (!b || b->a.get() != c.lhs[0].get() || b->b.get() != c.rhs[0].get()) return "";
  for (const auto& [name, op] : text::kSimpleCombiners) {
    if (op != b->op) continue;
    const bool logic = op == BinaryOp::and_ || op == BinaryOp::or_;
    if (b->type.lanes != 1 || logic != b->type.is_bool()) return "";
    return equal(c.identity[0], simple_combiner(op, b->type)->identity[0]) ? name : "";
  }
  return "";
}

class Printer {
 public:
  std::string out;
  Names names;

  void root(const Node& node) {
    std::unordered_map<const Node*, int> bound;
    if (node.kind == Kind::Func)  // a bare variable in a parameter's shape is defined there, in order
      for (const BufferRef& p : static_cast<const Func&>(node).params) name_free(*p, names, bound);
    name_free(node, names, bound);
  }

  // Broken IR prints too, since the verifier shows it.
  void expr(const Expr& ref, int at_least = 0) {
    if (!ref) return void(out += "<null>");
    const ExprNode& e = *ref;
    const bool parens = precedence_of(e) < at_least;
    if (parens) out += '(';
    switch (e.kind) {
      case Kind::Var:
        name(static_cast<const Var&>(e));
        break;
      case Kind::IntImm:
        int_imm(static_cast<const IntImm&>(e));
        break;
      case Kind::FloatImm:
        float_imm(static_cast<const FloatImm&>(e));
        break;
      case Kind::Binary:
        binary(static_cast<const Binary&>(e));
        break;
      case Kind::Call:
        call(static_cast<const Call&>(e));
        break;
      case Kind::Reduce: {
        const auto& r = static_cast<const Reduce&>(e);
        reduction(r);
        if (r.combiner->results.size() != 1) out += fmt::format(".{}", r.component);
        break;
      }
      default:
        dispatch(e, [&](const auto& n) { by_syntax(n); });
    }
    if (parens) out += ')';
  }

  // The lines of a block's inside.
  void body(const Stmt& s) {
    if (!s) return;
    if (lacks_definition(*s)) {
      line();
      out += "<broken " + std::string(to_string(s->kind)) + ">";
      return;
    }
    if (const auto* q = s.as<Seq>()) {
      for (size_t i = 0; i < q->stmts.size(); ++i) {
        const Stmt& item = q->stmts[i];
        // an alloc or let that does not reach the end of its block needs one of its own
        const bool own = i + 1 < q->stmts.size() && (item.as<Alloc>() || item.as<Let>());
        if (own) {
          line();
          block(item);
        } else {
          body(item);
        }
      }
    } else if (const auto* a = s.as<Alloc>()) {
      Defined d(*this, *a->buffer, a->buffer->name);
      line();
      out += "alloc ";
      buffer(*a->buffer);
      if (a->double_buffer) out += " double_buffer";
      body(a->body);
    } else if (const auto* l = s.as<Let>()) {
      Defined d(*this, *l->var, l->var->name);
      line();
      out += "let ";
      declare(*l->var);
      out += " = ";
      expr(l->value);
      body(l->body);
    } else {
      line();
      stmt(s);
    }
  }

  void func(const Func& f) {
    out += "func " + as_identifier(f.name) + "(";
    for (const BufferRef& p : f.params) names.define(*p, p->name);
    in_params_ = true;
    for (size_t i = 0; i < f.params.size(); ++i) {
      if (i) out += ", ";
      buffer(*f.params[i]);
    }
    in_params_ = false;
    out += ") ";
    block(f.body);
  }

  void buffer(const Buffer& b) { by_syntax(b); }

 private:
  int indent_ = 0;
  bool in_params_ = false;
  std::unordered_set<const Var*> sizes_;

  struct Defined {
    Printer& p;
    const Node& node;
    std::string before;
    Defined(Printer& printer, const Node& n, std::string_view hint)
        : p(printer), node(n), before(p.names.define(n, hint)) {}
    Defined(const Defined&) = delete;
    ~Defined() { p.names.release(node, std::move(before)); }
  };
  using Scoped = std::vector<std::unique_ptr<Defined>>;
  void define_all(Scoped& scope, const std::vector<VarRef>& vars) {
    for (const VarRef& v : vars) scope.push_back(std::make_unique<Defined>(*this, *v, v->name));
  }

  void line() {
    if (!out.empty()) out += '\n';
    out.append(static_cast<size_t>(indent_) * 2, ' ');
  }
  void block(const Stmt& s) {
    out += '{';
    ++indent_;
    body(s);
    --indent_;
    line();
    out += '}';
  }
  void name(const Var& v) { out += names.of(v, v.name); }
  void name(const Buffer& b) { out += names.of(b, b.name); }
  void declare(const Var& v) {
    name(v);
    out += ": " + to_string(v.type);
  }

  void stmt(const Stmt& s) {
    switch (s->kind) {
      case Kind::For: {
        const auto& f = static_cast<const For&>(*s);
        Defined d(*this, *f.var, f.var->name);
        by_syntax(f);
        break;
      }
      case Kind::If: {
        const auto& i = static_cast<const If&>(*s);
        out += "if ";
        expr(i.condition);
        out += ' ';
        block(i.if_true);
        if (!i.if_false) break;
        out += " else ";
        if (i.if_false.as<If>())
          stmt(i.if_false);
        else
          block(i.if_false);
        break;
      }
      case Kind::Store:
        by_syntax(static_cast<const Store&>(*s));
        break;
      case Kind::Prefetch:
        by_syntax(static_cast<const Prefetch&>(*s));
        break;
      case Kind::Compute:
        compute(static_cast<const Compute&>(*s));
        break;
      case Kind::Scan:
        by_syntax(static_cast<const Scan&>(*s));
        break;
      case Kind::Extern:
        by_syntax(static_cast<const Extern&>(*s));
        break;
      default:
        block(s);
    }
  }

  void compute(const Compute& c) {
    Scoped scope;
    define_all(scope, c.vars);
    out += "compute ";
    for (size_t i = 0; i < c.buffers.size(); ++i) {
      if (i) out += ", ";
      name(*c.buffers[i]);
      out += '[';
      value(c.vars);
      out += ']';
    }
    out += " = ";
    bool one_reduction = true, in_order = true;
    for (size_t i = 0; i < c.values.size(); ++i) {
      const auto* r = c.values[i].as<Reduce>();
      one_reduction &= r != nullptr;
      in_order &=
          r && r->component == static_cast<int64_t>(i) && r->combiner->results.size() == c.values.size();
    }
    if (!one_reduction || c.values.size() == 1) return value(c.values);
    reduction(*c.values[0].as<Reduce>());
    if (in_order) return;
    out += ".(";
    for (size_t i = 0; i < c.values.size(); ++i)
      out += fmt::format("{}{}", i ? ", " : "", c.values[i].as<Reduce>()->component);
    out += ')';
  }

  // A reduction without its component.
  void reduction(const Reduce& r) {
    if (const std::string_view simple = simple_name(*r.combiner); !simple.empty()) {
      out += simple;
    } else {
      out += "reduce ";
      combiner(*r.combiner);
      out += " of ";
    }
    Scoped scope;
    define_all(scope, r.vars);
    out += '(';
    value(r.source);
    for (size_t i = 0; i < r.vars.size(); ++i) {
      out += ", ";
      name(*r.vars[i]);
      out += " in [";
      expr(r.mins[i]);
      out += ", +";
      expr(r.extents[i]);
      out += ')';
    }
    out += ')';
  }
  void combiner(const Combiner& c) {
    Scoped scope;
    define_all(scope, c.lhs);
    define_all(scope, c.rhs);
    by_syntax(c);
    if (is_int(c.where, 1)) return;
    out += " where ";
    expr(c.where);
  }

  void int_imm(const IntImm& i) {
    if (i.type.is_bool())
      out += i.value ? "true" : "false";
    else if (i.type == kI64)
      out += fmt::format("{}", i.value);
    else if (i.type == kU64)
      out += fmt::format("u64({})", static_cast<uint64_t>(i.value));
    else
      out += fmt::format("{}({})", to_string(i.type), i.value);
  }
  void float_imm(const FloatImm& f) {
    const std::string digits = float_text(f.type, f.value);
    out += f.type == kF32 ? digits : fmt::format("{}({})", to_string(f.type), digits);
  }
  void binary(const Binary& b) {
    const int p = precedence(b.op);
    if (!p) {
      out += fmt::format("{}(", to_string(b.op));
      expr(b.a);
      out += ", ";
      expr(b.b);
      out += ')';
      return;
    }
    expr(b.a, is_compare(b.op) ? p + 1 : p);  // comparisons do not chain
    out += fmt::format(" {} ", to_string(b.op));
    expr(b.b, p + 1);
  }
  void call(const Call& c) {
    if (precedence_of(c) == kUnary) {
      out += c.op == CallOp::neg ? '-' : c.type.is_bool() ? '!' : '~';
      return expr(c.args[0], kUnary);
    }
    if (c.op != CallOp::bits || c.args.empty()) return by_syntax(c);
    out += fmt::format("bits({}, ", to_string(c.type.element()));
    expr(c.args[0]);
    out += ')';
  }

  // ---- from the node tables: the syntax string with each {field} filled in.
  template <class T>
  void by_syntax(const T& node) {
    std::string_view rest = T::syntax;
    while (!rest.empty()) {
      const size_t open = rest.find('{');
      out += rest.substr(0, open);
      if (open == std::string_view::npos) break;
      const bool braces = rest.substr(open).starts_with("{{");
      const size_t start = open + (braces ? 2 : 1), end = rest.find('}', start);
      field(node, rest.substr(start, end - start), braces);
      rest.remove_prefix(end + (braces ? 2 : 1));
    }
  }
  template <class T>
  void field(const T& node, std::string_view wanted, bool braces) {
    if constexpr (std::is_base_of_v<ExprNode, T>) {
      if (wanted == "type") out += to_string(node.type.element());
      if (wanted == "lanes") out += fmt::format("{}", node.type.lanes);
    }
    for_each_field(node, [&](const auto& field, const auto& v) {
      using V = std::decay_t<decltype(v)>;
      if (field.name != wanted) return;
      if constexpr (std::is_same_v<V, Stmt>)
        braces ? block(v) : body(v);
      else if constexpr (std::is_same_v<V, std::string>)
        out += std::is_same_v<T, Buffer> ? names.of(node, v) : as_identifier(v);
      else if constexpr (std::is_same_v<T, Buffer> && std::is_same_v<V, std::vector<Expr>>)
        list(v, [&](const Expr& e) { in_params_ ? param_extent(e) : expr(e); });
      else if constexpr (std::is_same_v<T, Combiner> && std::is_same_v<V, std::vector<VarRef>>)
        list(v, [&](const VarRef& var) { declare(*var); });
      else
        value(v);
    });
  }
  template <class V, class F>
  void list(const V& items, F&& print) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) out += ", ";
      print(items[i]);
    }
  }
  // Where a size stands alone for the first time, its least value is told.
  void param_extent(const Expr& e) {
    expr(e);
    const auto* v = e.as<Var>();
    if (v && v->least && sizes_.insert(v).second && *v->least > 0) out += fmt::format(" >= {}", *v->least);
  }
  void value(const Expr& e) { expr(e); }
  void value(const Stmt& s) { body(s); }
  void value(const VarRef& v) { v ? name(*v) : void(out += "<null>"); }
  void value(const BufferRef& b) { b ? name(*b) : void(out += "<null>"); }
  void value(const CombinerRef& c) { c ? combiner(*c) : void(out += "<null>"); }
  void value(DType t) { out += to_string(t); }
  void value(BinaryOp op) { out += to_string(op); }
  void value(CallOp op) { out += to_string(op); }
  void value(int64_t v) { out += fmt::format("{}", v); }
  // what is usual is left out, with the space before it or the one after
  void value(LoopMode m) { m == LoopMode::serial ? out.pop_back() : (void)(out += to_string(m)); }
  void value(Scope s) { s == Scope::global ? out.pop_back() : (void)(out += to_string(s)); }
  template <class T>
  void value(const std::vector<Ref<T>>& items) {
    list(items, [&](const Ref<T>& item) { value(item); });
  }
};

}  // namespace

std::string to_string(const Expr& e) {
  if (!e) return "<null>";
  Printer p;
  p.root(*e);
  p.expr(e);
  return std::move(p.out);
}
std::string to_string(const Stmt& s) {
  if (!s) return "<null>";
  Printer p;
  p.root(*s);
  p.body(s);
  return std::move(p.out);
}
std::string to_string(const FuncRef& f) {
  if (!f) return "<null>";
  Printer p;
  p.root(*f);
  p.func(*f);
  return std::move(p.out);
}
std::string to_string(const BufferRef& b) {
  if (!b) return "<null>";
  Printer p;
  p.root(*b);
  p.buffer(*b);
  return std::move(p.out);
}

std::ostream& operator<<(std::ostream& out, const Expr& e) { return out << to_string(e); }
std::ostream& operator<<(std::ostream& out, const Stmt& s) { return out << to_string(s); }
std::ostream& operator<<(std::ostream& out, const FuncRef& f) { return out << to_string(f); }
void PrintTo(const Expr& e, std::ostream* out) { *out << to_string(e); }
void PrintTo(const Stmt& s, std::ostream* out) { *out << to_string(s); }
void PrintTo(const FuncRef& f, std::ostream* out) { *out << to_string(f); }

}  // namespace tc::ir
