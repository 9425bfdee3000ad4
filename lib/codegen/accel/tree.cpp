#include "tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/ir/print.h"

namespace tc::accel {

using ir::Stmt;

namespace {

class TreeMaker {
 public:
  explicit TreeMaker(Tree& tree) : tree_(tree) {}

  Node make(const Stmt& s) {
    const int first = tree_.leaves;
    Node node = make_node(s);
    const auto all = [&](bool Node::* what) {
      return std::all_of(node.children.begin(), node.children.end(),
                         [&](const Node& child) { return child.*what; });
    };
    if (node.leaf)
      node.loads =
          node.leaf->kind == Leaf::Kind::load && tree_.buffers[node.leaf->dst.buffer].pad != Pad::acc;
    node.loads = node.loads && !node.vthread && all(&Node::loads);
    node.straight = node.loads || (node.kind != Node::Kind::loop && all(&Node::straight));
    if (node.straight) keep_through(first);
    return node;
  }

 private:
  Node make_node(const Stmt& s) {
    Node node;
    if (ir::is_empty(s)) return node;
    if (const auto* all = s.as<ir::Seq>()) {
      int first = tree_.leaves;  // of statements that run together
      for (const Stmt& one : all->stmts) {
        node.children.push_back(make(one));
        if (node.children.back().straight)
          keep_through(first);
        else
          first = tree_.leaves;
      }
      return node;
    }
    if (const auto* a = s.as<ir::Alloc>()) return alloc(*a);
    // The outermost loops of a nest that one instruction can take are its own; loops that
    // are in the way of that are run here.
    Check first;
    std::swap(first, refusal_);
    if (auto leaf = make_leaf(s, tree_.buffers, tree_.slots)) {
      if (*leaf) return leaf_node(std::move(*leaf).value());
      if (!first) first = leaf->error();
      if (s.as<ir::Store>()) throw Error(*first);
    }
    refusal_ = first;
    if (const auto* f = s.as<ir::For>())
      node = loop(*f);
    else if (const auto* i = s.as<ir::If>())
      node = branch(*i);
    else if (const auto* l = s.as<ir::Let>())
      node = let(*l);
    else
      throw Error("codegen.accel.statement", "the device has nothing for this statement")
          .fact("statement", ir::to_string(s))
          .fix("leave it to the host; prefetch steps have a meaning there only");
    refusal_.reset();
    return node;
  }

  Node leaf_node(Leaf leaf) {
    Node node;
    node.kind = Node::Kind::leaf;
    leaf.position = tree_.leaves++;
    const auto touch = [&](const Access& a) {
      for (Allocation& x : tree_.allocations)
        if (x.buffer == a.buffer) widen(x, leaf.position, leaf.position);
    };
    touch(leaf.dst);
    for (const Access& a : leaf.operands) touch(a);
    node.leaf = std::make_unique<Leaf>(std::move(leaf));
    return node;
  }

  static void widen(Allocation& a, int first, int last) {
    if (a.last < 0) {
      a.first = first, a.last = last;
    } else {
      a.first = std::min(a.first, first), a.last = std::max(a.last, last);
    }
  }

  // Virtual threads run straight code one after the other: when the last one begins it, the first
  // one is behind it. So what is needed anywhere in it is needed in all of it, from leaf `first` to
  // the newest.
  void keep_through(int first) {
    if (threads_ == 1) return;
    for (Allocation& a : tree_.allocations)
      if (a.last >= first) widen(a, first, tree_.leaves - 1);
  }

  Node loop(const ir::For& f) {
    Node node;
    node.kind = Node::Kind::loop;
    node.slot = tree_.slots.of(*f.var);
    node.min = Linear::compile(f.min, tree_.slots);
    node.extent = Linear::compile(f.extent, tree_.slots);
    node.vthread = f.mode == ir::LoopMode::vthread;
    const int64_t outer = threads_;
    if (node.vthread) {
      if (!node.extent.is_constant() || !node.min.is_constant())
        throw Error("codegen.accel.vthread",
                    fmt::format("the number of virtual threads of {} is no number", f.var->name))
            .fix("split the axis by a factor that divides it");
      if (__builtin_mul_overflow(threads_, std::max<int64_t>(node.extent.constant, 0), &threads_) ||
          threads_ > 65536)
        throw Error("codegen.accel.vthread", fmt::format("{} makes too many virtual threads", f.var->name))
            .fact("extent", std::to_string(node.extent.constant))
            .fix("two or four hide latency");
    }
    const int first = tree_.leaves;
    const size_t outside = tree_.allocations.size();
    node.children.push_back(make(f.body));
    threads_ = outer;
    // What was there before the loop is needed as long as it runs, if at all in it.
    for (size_t i = 0; i < outside; ++i)
      if (tree_.allocations[i].last >= first) widen(tree_.allocations[i], first, tree_.leaves - 1);
    return node;
  }

  Node branch(const ir::If& i) {
    Node node;
    node.kind = Node::Kind::branch;
    node.condition = Scalar::compile(i.condition, tree_.slots);
    const Check refusal = refusal_;
    node.children.push_back(make(i.if_true));
    refusal_ = refusal;
    if (!ir::is_empty(i.if_false)) node.children.push_back(make(i.if_false));
    return node;
  }

  Node let(const ir::Let& l) {
    Node node;
    node.kind = Node::Kind::let;
    node.slot = tree_.slots.of(*l.var);
    node.min = Linear::compile(l.value, tree_.slots);
    node.children.push_back(make(l.body));
    return node;
  }

  Node alloc(const ir::Alloc& a) {
    Node node;
    node.kind = Node::Kind::alloc;
    node.buffer = tree_.buffers.add(a.buffer, false);
    tree_.allocations.push_back({node.buffer, threads_, copies_of(a), 0, -1});
    refusal_.reset();
    node.children.push_back(make(a.body));
    return node;
  }

  // How many places executions of an allocation take in turns: with two, what fills the one
  // need not wait for what uses the other.
  static int64_t copies_of(const ir::Alloc& a) { return a.double_buffer ? 2 : 1; }

  Tree& tree_;
  int64_t threads_ = 1;
  Check refusal_;  // why the nest around is no leaf
};

}  // namespace

Tree make_tree(const ir::FuncRef& func, const isa::MachineConfig& config) {
  Tree tree{Buffers(config), {}, {}, {}, func->params, 0};
  for (const ir::BufferRef& p : func->params) tree.buffers.add(p, true);
  tree.root = TreeMaker(tree).make(func->body);
  return tree;
}

}  // namespace tc::accel
