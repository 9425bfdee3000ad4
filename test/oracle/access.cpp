#include "oracle/access.h"

#include <algorithm>

#include "tc/ir/traverse.h"

namespace tc::test::oracle {

using ir::BinaryOp;

Index::Index(const Expr& e, const std::vector<VarRef>& vars) { root_ = add(e, vars); }

int Index::add(const Expr& e, const std::vector<VarRef>& vars) {
  Node n{};
  if (const auto* i = e.as<ir::IntImm>()) {
    n = {Node::imm, {}, i->value};
  } else if (const auto* v = e.as<ir::Var>()) {
    const auto it = std::find_if(vars.begin(), vars.end(), [&](const VarRef& x) { return x.get() == v; });
    if (it == vars.end()) throw Unjudged("a variable that is no axis");
    n = {Node::slot, {}, it - vars.begin()};
  } else if (const auto* b = e.as<ir::Binary>(); b && !b->a->type.is_float()) {
    n = {Node::binary, b->op, 0, add(b->a, vars), add(b->b, vars)};
  } else if (const auto* c = e.as<ir::Cast>(); c && !e->type.is_float() && !c->value->type.is_float()) {
    return add(c->value, vars);  // extents are small: nothing wraps
  } else if (const auto* s = e.as<ir::Select>()) {
    n = {Node::choose, {}, 0, add(s->condition, vars), add(s->if_true, vars), add(s->if_false, vars)};
  } else if (const auto* call = e.as<ir::Call>(); call && call->op == ir::CallOp::if_then_else) {
    n = {Node::choose, {}, 0, add(call->args[0], vars), add(call->args[1], vars), add(call->args[2], vars)};
  } else if (call && (call->op == ir::CallOp::neg || call->op == ir::CallOp::not_)) {
    n = {call->op == ir::CallOp::neg ? Node::negate : Node::invert, {}, 0, add(call->args[0], vars)};
  } else {
    throw Unjudged("an index or condition that depends on memory");
  }
  nodes_.push_back(n);
  return static_cast<int>(nodes_.size()) - 1;
}

int64_t Index::at(const std::vector<int64_t>& slots) const { return eval(root_, slots); }

int64_t Index::eval(int node, const std::vector<int64_t>& slots) const {
  const Node& n = nodes_[static_cast<size_t>(node)];
  switch (n.op) {
    case Node::imm:
      return n.value;
    case Node::slot:
      return slots[static_cast<size_t>(n.value)];
    case Node::negate:
      return -eval(n.a, slots);
    case Node::invert:
      return eval(n.a, slots) == 0;
    case Node::choose:
      return eval(eval(n.a, slots) != 0 ? n.b : n.c, slots);
    case Node::binary:
      break;
  }
  const int64_t a = eval(n.a, slots), b = eval(n.b, slots);
  switch (n.binary_op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::sub:
      return a - b;
    case BinaryOp::mul:
      return a * b;
    case BinaryOp::div:
      return ir::floor_div(a, b);
    case BinaryOp::mod:
      return ir::floor_mod(a, b);
    case BinaryOp::min:
      return std::min(a, b);
    case BinaryOp::max:
      return std::max(a, b);
    case BinaryOp::eq:
      return a == b;
    case BinaryOp::ne:
      return a != b;
    case BinaryOp::lt:
      return a < b;
    case BinaryOp::le:
      return a <= b;
    case BinaryOp::gt:
      return a > b;
    case BinaryOp::ge:
      return a >= b;
    case BinaryOp::and_:
      return a != 0 && b != 0;
    case BinaryOp::or_:
      return a != 0 || b != 0;
    default:
      throw Unjudged("bits of an index");
  }
}

namespace {
using Conditions = std::vector<std::pair<Index, bool>>;

void collect(const ir::Node& node, const std::vector<VarRef>& vars, const Conditions& when,
             std::vector<Access>& out) {
  if (node.kind == ir::Kind::Call) {
    const auto& call = static_cast<const ir::Call&>(node);
    if (call.op == ir::CallOp::if_then_else) {
      collect(*call.args[0], vars, when, out);
      for (const bool side : {true, false}) {
        Conditions inner = when;
        inner.emplace_back(Index(call.args[0], vars), side);
        collect(*call.args[side ? 1 : 2], vars, inner, out);
      }
      return;
    }
  }
  if (node.kind == ir::Kind::Load) {
    const auto& load = static_cast<const ir::Load&>(node);
    Access a{load.buffer, {}, when};
    for (const Expr& e : load.indices) a.index.emplace_back(e, vars);
    out.push_back(std::move(a));
    return;
  }
  ir::for_each_child(node, [&](const ir::Node& child, ir::Role) {
    if (child.kind != ir::Kind::Buffer) collect(child, vars, when, out);
  });
}
}  // namespace

void collect_accesses(const Expr& e, const std::vector<VarRef>& vars, std::vector<Access>& out) {
  collect(*e, vars, {}, out);
}

}  // namespace tc::test::oracle
