// Runs the loops of a device function with numbers. Virtual threads are contexts: their loops
// run in lock-step, and code without loops is executed for one after the other. So the
// transfers that one thread needs for its next piece of work stand together, before those of the
// next thread, which may have to wait longer.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "domain.h"
#include "tc/codegen/accel.h"
#include "tc/ir/print.h"
#include "trace.h"

namespace tc::accel {
namespace {

struct Context {
  Env env;
  std::vector<int64_t> address;  // of each buffer's place now
  std::vector<bool> fresh;       // buffers that nothing has touched since they were allocated
  int64_t thread = 0;
};

class Walker {
 public:
  Walker(const Tree& tree, const Places& places)
      : tree_(tree), places_(places), executions_(tree.buffers.size()) {}

  std::vector<Entry> run() {
    Context root{Env(tree_.slots.size(), 0), std::vector<int64_t>(tree_.buffers.size(), 0),
                 std::vector<bool>(tree_.buffers.size(), false), 0};
    walk(tree_.root, {&root});
    return std::move(out_);
  }

 private:
  using Contexts = std::vector<Context*>;

  // What an index does wrong it does in some statement, which is named.
  void walk(const Node& n, const Contexts& contexts) {
    try {
      step(n, contexts);
    } catch (const Error& e) {
      const Leaf* leaf = first_leaf(n);
      if (e.code() != "codegen.accel.index" || !leaf || !e.fact_of("statement").empty()) throw;
      throw Error(e).fact("statement", ir::to_string(ir::Stmt(leaf->statement)));
    }
  }
  static const Leaf* first_leaf(const Node& n) {
    if (n.leaf) return n.leaf.get();
    for (const Node& child : n.children)
      if (const Leaf* leaf = first_leaf(child)) return leaf;
    return nullptr;
  }

  void step(const Node& n, const Contexts& contexts) {
    if (contexts.empty()) return;
    if (n.straight && contexts.size() > 1) {
      for (Context* c : contexts) walk(n, {c});
      return;
    }
    switch (n.kind) {
      case Node::Kind::seq:
        return sequence(n, contexts);
      case Node::Kind::loop:
        return n.vthread ? fork(n, contexts) : loop(n, contexts);
      case Node::Kind::branch: {
        Contexts yes, no;
        for (Context* c : contexts) (n.condition->eval(c->env) ? yes : no).push_back(c);
        walk(n.children[0], yes);
        if (n.children.size() > 1) walk(n.children[1], no);
        return;
      }
      case Node::Kind::let:
        for (Context* c : contexts) c->env[static_cast<size_t>(n.slot)] = n.min.eval(c->env);
        return walk(n.children[0], contexts);
      case Node::Kind::alloc:
        for (Context* c : contexts) allocate(n.buffer, *c);
        return walk(n.children[0], contexts);
      case Node::Kind::leaf:
        for (Context* c : contexts) execute(*n.leaf, *c);
        return;
    }
  }

  void sequence(const Node& n, const Contexts& contexts) {
    for (size_t i = 0; i < n.children.size();) {
      if (!n.children[i].straight) {
        walk(n.children[i++], contexts);
        continue;
      }
      size_t end = i + 1;
      while (end < n.children.size() && n.children[end].straight) ++end;
      for (Context* c : contexts)
        for (size_t k = i; k < end; ++k) walk(n.children[k], {c});
      i = end;
    }
  }

  void loop(const Node& n, const Contexts& contexts) {
    std::vector<std::pair<int64_t, int64_t>> ranges;
    int64_t most = 0;
    for (Context* c : contexts) {
      ranges.emplace_back(n.min.eval(c->env), n.extent.eval(c->env));
      most = std::max(most, ranges.back().second);
    }
    for (int64_t i = 0; i < most; ++i) {
      count_step();
      Contexts active;
      for (size_t k = 0; k < contexts.size(); ++k) {
        if (i >= ranges[k].second) continue;
        contexts[k]->env[static_cast<size_t>(n.slot)] = ranges[k].first + i;
        active.push_back(contexts[k]);
      }
      walk(n.children[0], active);
    }
  }

  void fork(const Node& n, const Contexts& contexts) {
    std::vector<Context> made;
    for (const Context* c : contexts)
      for (int64_t i = 0; i < n.extent.constant; ++i) {
        made.push_back(*c);
        made.back().env[static_cast<size_t>(n.slot)] = n.min.constant + i;
        made.back().thread = c->thread * n.extent.constant + i;
      }
    Contexts all;
    for (Context& c : made) all.push_back(&c);
    walk(n.children[0], all);
  }

  void allocate(int buffer, Context& c) {
    int64_t& execution = executions_[static_cast<size_t>(buffer)][c.thread];
    c.address[static_cast<size_t>(buffer)] = places_.address(buffer, c.thread, execution++);
    c.fresh[static_cast<size_t>(buffer)] = true;
  }

  // The place of an allocation is its own from its first use on; before, another one may have it.
  void touch(const Access& a, Context& c) {
    const auto i = static_cast<size_t>(a.buffer);
    if (!c.fresh[i]) return;
    c.fresh[i] = false;
    const BufferInfo& b = tree_.buffers[a.buffer];
    Op op;
    op.kind = Op::Kind::renew;
    op.pad = b.pad;
    op.block = {.sram = c.address[i], .rows = 1, .cols = b.tiles};
    append(std::move(op));
  }

  // A function of few instructions may loop for long.
  void count_step() const {
    if (++steps_ > int64_t{1} << 28)
      throw Error("codegen.accel.limit", "a function of the device runs its loops more than 2^28 times")
          .fix("cut the computation into several functions");
  }
  void append(Entry e) {
    if (out_.size() >= static_cast<size_t>(kMaxDeviceInsns))
      throw Error("codegen.accel.limit",
                  fmt::format("a function of the device becomes more than {} instructions", kMaxDeviceInsns))
          .fix("let more loops run inside instructions, or cut the computation into several functions");
    out_.push_back(std::move(e));
  }

  // ---- leaves

  struct Base {
    int64_t tile = 0;  // at iteration 0 of all loops, from the start of the buffer
    int64_t address = 0;
    int64_t tiles = 0;  // of the buffer
  };

  Base base_of(const Leaf& leaf, const Access& a, int64_t tile, const Context& c) const {
    const BufferInfo& b = tree_.buffers[a.buffer];
    const int64_t element = a.base.eval(c.env);
    if (element % tile != 0)
      throw Error(
          "codegen.accel.tile",
          fmt::format("a tile of {} would begin at element {}, in the middle of one", b.ref->name, element))
          .fact("statement", ir::to_string(ir::Stmt(leaf.statement)))
          .fact("elements of a tile", std::to_string(tile))
          .fix("let the dimensions of a tile be the innermost of the tensor, and begin at its multiples");
    return {element / tile, b.global ? 0 : c.address[static_cast<size_t>(a.buffer)],
            b.global ? b.elements / tile : b.tiles};
  }

  // The tiles of a box, all inside the buffer.
  Grid grid(const Leaf& leaf, const Access& a, const Base& base, const Box& box) const {
    Grid g{base.tile, a.coefs};
    int64_t least = 0, most = 0;
    for (size_t i = 0; i < box.count.size(); ++i) {
      g.first += a.coefs[i] * box.first[i];
      const int64_t way = a.coefs[i] * (box.count[i] - 1);
      (way < 0 ? least : most) += way;
    }
    if (g.first + least < 0 || g.first + most >= base.tiles)
      throw Error("codegen.accel.bounds",
                  fmt::format("{} has {} tiles; tile {} is used", tree_.buffers[a.buffer].ref->name,
                              base.tiles, g.first + least < 0 ? g.first + least : g.first + most))
          .fact("statement", ir::to_string(ir::Stmt(leaf.statement)))
          .fix("guard the access");
    g.first += base.address;
    return g;
  }

  void execute(const Leaf& leaf, Context& c) {
    count_step();
    touch(leaf.dst, c);
    for (const Access& a : leaf.operands) touch(a, c);
    const isa::MachineConfig& config = tree_.buffers.config();
    const BufferInfo& dst = tree_.buffers[leaf.dst.buffer];
    const int64_t dst_tile = dst.global ? tile_elements(config, Pad::acc) : dst.tile;
    const Base to = base_of(leaf, leaf.dst, dst_tile, c);
    std::vector<Base> from;
    for (const Access& a : leaf.operands) {
      const BufferInfo& b = tree_.buffers[a.buffer];
      from.push_back(base_of(leaf, a, b.global ? dst_tile : b.tile, c));
    }
    std::vector<size_t> single;  // of loops that come to one dst again
    if (leaf.kind == Leaf::Kind::gemm || leaf.reduce_op)
      for (size_t i = 0; i < leaf.extents.size(); ++i)
        if (leaf.dst.coefs[i] == 0) single.push_back(i);
    if (leaf.kind == Leaf::Kind::load) return load(leaf, to, from[0], c);
    Domain(leaf, leaf.conditions, c.env).for_each_box(single, [&](const Box& box) {
      check_size(leaf, box);
      AluTask task{&leaf, box.count, grid(leaf, leaf.dst, to, box), {}};
      for (size_t i = 0; i < from.size(); ++i)
        task.operands.push_back(grid(leaf, leaf.operands[i], from[i], box));
      if (leaf.kind == Leaf::Kind::gemm || leaf.kind == Leaf::Kind::reset)
        kernels(task);
      else
        append(std::move(task));
    });
  }

  // Products are only counted; other work is looked at tile by tile.
  static void check_size(const Leaf& leaf, const Box& box) {
    const int most = leaf.kind == Leaf::Kind::gemm ? 28 : 22;
    int64_t size = 1;
    for (const int64_t n : box.count)
      if (__builtin_mul_overflow(size, n, &size) || size > int64_t{1} << most)
        throw Error("codegen.accel.limit",
                    fmt::format("one execution of a statement takes more than 2^{} tiles", most))
            .fact("statement", ir::to_string(ir::Stmt(leaf.statement)))
            .fix("tile the stage");
  }

  void kernels(const AluTask& task) {
    const bool gemm = task.leaf->kind == Leaf::Kind::gemm;
    Tiles first{task.dst.first, task.dst.first, 0};
    if (gemm) first.src = task.operands[0].first, first.wgt = task.operands[1].first;
    std::vector<Stride> loops;
    for (size_t i = 0; i < task.counts.size(); ++i) {
      Stride s{task.counts[i], {task.dst.steps[i], task.dst.steps[i], 0}};
      if (gemm) s.step.src = task.operands[0].steps[i], s.step.wgt = task.operands[1].steps[i];
      if (!gemm && s.step.dst == 0) s.count = 1;  // once is enough
      loops.push_back(s);
    }
    make_kernels(first, std::move(loops), tree_.buffers.config(), [&](Kernel k) {
      Op op;
      op.kind = gemm ? Op::Kind::gemm : Op::Kind::reset;
      op.kernel = gemm ? std::move(k) : without_source_steps(std::move(k));
      op.leaf = task.leaf;
      append(std::move(op));
    });
  }

  void load(const Leaf& leaf, const Base& to, const Base& from, Context& c) {
    std::vector<TileMove> moves;
    Domain padding(leaf, leaf.padding, c.env);
    Domain(leaf, leaf.conditions, c.env).for_each_box({}, [&](const Box& box) {
      check_size(leaf, box);
      const Grid dst = grid(leaf, leaf.dst, to, box);
      std::vector<int64_t> at = box.first;
      // The source may leave its buffer where nothing is copied.
      int64_t source = from.tile, sram = dst.first;
      for (size_t i = 0; i < at.size(); ++i) source += leaf.operands[0].coefs[i] * at[i];
      while (true) {
        const bool copies = padding.holds(at);
        if (copies && (source < 0 || source >= from.tiles)) source_error(leaf, from, source);
        moves.push_back({sram, copies ? source : TileMove::kZeros});
        size_t i = at.size();
        while (i > 0) {
          --i;
          sram += leaf.dst.coefs[i], source += leaf.operands[0].coefs[i];
          if (++at[i] < box.first[i] + box.count[i]) break;
          sram -= leaf.dst.coefs[i] * box.count[i], source -= leaf.operands[0].coefs[i] * box.count[i];
          at[i] = box.first[i];
          if (i == 0) return;
        }
        if (at.empty()) return;
      }
    });
    transfer(leaf, std::move(moves));
  }

  [[noreturn]] void source_error(const Leaf& leaf, const Base& from, int64_t tile) const {
    throw Error("codegen.accel.bounds",
                fmt::format("{} has {} tiles; tile {} is read",
                            tree_.buffers[leaf.operands[0].buffer].ref->name, from.tiles, tile))
        .fact("statement", ir::to_string(ir::Stmt(leaf.statement)))
        .fix("guard the read: if_then_else(inside, A[..], 0)");
  }

  void transfer(const Leaf& leaf, std::vector<TileMove> moves) {
    const BufferInfo& dst = tree_.buffers[leaf.dst.buffer];
    const BufferInfo& from = tree_.buffers[leaf.operands[0].buffer];
    keep_last(moves);
    int64_t width = 0;
    for (const int64_t c : leaf.dst.coefs)
      if (c > 1 && (width == 0 || c < width)) width = c;
    for (const TileBlock& b : make_blocks(std::move(moves), width)) {
      Op op;
      op.kind = Op::Kind::load;
      op.pad = dst.pad;
      op.mem = dst.pad == Pad::inp                                      ? isa::MemId::inp
               : dst.pad == Pad::wgt                                    ? isa::MemId::wgt
               : from.ref->type.bits == tree_.buffers.config().acc_bits ? isa::MemId::acc
                                                                        : isa::MemId::acc8;
      op.block = b;
      op.buffer = leaf.operands[0].buffer;
      op.leaf = &leaf;
      append(std::move(op));
    }
  }

  // Where iterations write one tile again, the last one stays.
  static void keep_last(std::vector<TileMove>& moves) {
    const auto before = [](const TileMove& a, const TileMove& b) { return a.sram < b.sram; };
    if (!std::is_sorted(moves.begin(), moves.end(), before))
      std::stable_sort(moves.begin(), moves.end(), before);
    size_t kept = 0;
    for (const TileMove& m : moves) {
      if (kept > 0 && moves[kept - 1].sram == m.sram) --kept;
      moves[kept++] = m;
    }
    moves.resize(kept);
  }

  const Tree& tree_;
  const Places& places_;
  std::vector<std::map<int64_t, int64_t>> executions_;  // by buffer, by thread
  std::vector<Entry> out_;
  mutable int64_t steps_ = 0;
};

}  // namespace

std::vector<Entry> walk(const Tree& tree, const Places& places) { return Walker(tree, places).run(); }

}  // namespace tc::accel
