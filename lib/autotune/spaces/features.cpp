// Features of a lowered program for the cost model: of the statement that runs
// most often (and sums over all), never of a schedule's decisions, so that
// points of different spaces and shapes can be compared.
#include <algorithm>
#include <cmath>

#include "rules.h"
#include "tc/ir/affine.h"

namespace tc::autotune {
namespace {

struct Loop {
  const ir::For* node;
  double extent;
};
struct Access {
  const ir::Buffer* buffer;
  std::vector<Expr> indices;
  double bytes;
  std::vector<double> extents;
};
struct Statement {
  std::vector<Loop> loops;
  double count = 1;
  std::vector<Access> accesses;
  double arithmetic = 0, calls = 0;
};

float log2p(double v) { return static_cast<float>(std::log2(1 + std::max(v, 0.0))); }

// The number of different values an index takes while the loops from `depth` on run.
double span_of(const Expr& index, const std::vector<Loop>& loops, size_t depth) {
  double n = 1;
  for (size_t i = depth; i < loops.size(); ++i)
    if (ir::uses_var(*index, *loops[i].node->var)) n *= loops[i].extent;
  return n;
}
double extent_of_dim(const Access& a, size_t d) { return a.extents[d]; }
double footprint(const Access& a, const std::vector<Loop>& loops, size_t depth) {
  double n = a.bytes;
  for (size_t d = 0; d < a.indices.size(); ++d)
    n *= std::min(span_of(a.indices[d], loops, depth), std::max(extent_of_dim(a, d), 1.0));
  return n;
}

struct Collector {
  const std::vector<WorkloadSize>& sizes;
  std::vector<Loop> loops;
  std::vector<Statement> statements;

  void visit(const ir::Stmt& s) {
    if (!s) return;
    if (const auto* f = s.as<ir::For>()) {
      loops.push_back({f, static_cast<double>(std::max<int64_t>(guide(f->extent, sizes), 1))});
      visit(f->body);
      loops.pop_back();
    } else if (const auto* st = s.as<ir::Store>()) {
      add(*st);
    } else if (const auto* q = s.as<ir::Seq>()) {
      for (const auto& x : q->stmts) visit(x);
    } else if (const auto* i = s.as<ir::If>()) {
      visit(i->if_true), visit(i->if_false);
    } else if (const auto* l = s.as<ir::Let>()) {
      visit(l->body);
    } else if (const auto* a = s.as<ir::Alloc>()) {
      visit(a->body);
    }
  }
  Access access(const BufferRef& b, const std::vector<Expr>& indices) const {
    Access a{b.get(), indices, static_cast<double>(b->type.bytes()), {}};
    for (const Expr& e : b->shape) a.extents.push_back(static_cast<double>(guide(e, sizes)));
    return a;
  }
  void add(const ir::Store& st) {
    Statement out;
    out.loops = loops;
    for (const Loop& l : loops) out.count *= l.extent;
    out.accesses.push_back(access(st.buffer, st.indices));
    ir::walk_all(*st.value, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Load) {
        const auto& l = static_cast<const ir::Load&>(n);
        out.accesses.push_back(access(l.buffer, l.indices));
        return false;
      }
      if (n.kind == ir::Kind::Binary) out.arithmetic += 1;
      if (n.kind == ir::Kind::Call) out.calls += 1;
      return true;
    });
    statements.push_back(std::move(out));
  }
};

void add_loops(const Statement& s, Features& f) {
  double by_mode[4] = {1, 1, 1, 1};
  for (const Loop& l : s.loops) {
    // virtual threads are copies of code, as unrolled iterations are
    const auto mode = l.node->mode == ir::LoopMode::vthread ? ir::LoopMode::unrolled : l.node->mode;
    by_mode[static_cast<size_t>(mode)] *= l.extent;
  }
  for (const double v : by_mode) f.push_back(log2p(v));
  double innermost_serial = 1;
  for (auto it = s.loops.rbegin(); it != s.loops.rend(); ++it)
    if (it->node->mode == ir::LoopMode::serial) {
      innermost_serial = it->extent;
      break;
    }
  f.push_back(log2p(innermost_serial));
  f.push_back(log2p(s.count));
  f.push_back(log2p(s.arithmetic));
  f.push_back(log2p(s.calls));
  f.push_back(static_cast<float>(s.loops.size()));
}

// Working sets from four depths outwards against the caches, and reuse.
void add_memory(const Statement& s, const codegen::Target& t, Features& f) {
  const size_t n = s.loops.size();
  for (const size_t back : {size_t{2}, size_t{3}, size_t{4}, size_t{5}, size_t{6}}) {
    const size_t depth = n > back ? n - back : 0;
    double total = 0, runs = 1;
    for (const Access& a : s.accesses) total += footprint(a, s.loops, depth);
    for (size_t i = depth; i < n; ++i) runs *= s.loops[i].extent;
    f.push_back(log2p(total));
    f.push_back(static_cast<float>(total / static_cast<double>(std::max<int64_t>(t.l1_bytes, 1)) > 1));
    f.push_back(static_cast<float>(total / static_cast<double>(std::max<int64_t>(t.l2_bytes, 1)) > 1));
    f.push_back(log2p(runs * std::max(s.arithmetic, 1.0) / std::max(total, 1.0)));
  }
}

void add_accesses(const Statement& s, Features& f) {
  for (size_t k = 0; k < 4; ++k) {
    if (k >= s.accesses.size()) {
      f.insert(f.end(), 6, 0.f);
      continue;
    }
    const Access& a = s.accesses[k];
    double inner_stride = 0, serial_stride = 0;
    for (auto it = s.loops.rbegin(); it != s.loops.rend(); ++it) {
      double stride = 0, pitch = 1;
      for (size_t d = a.indices.size(); d-- > 0;) {
        const auto step = ir::constant_stride_of(a.indices[d], *it->node->var);
        stride += std::abs(static_cast<double>(step.value_or(7))) * pitch;
        pitch *= std::max(extent_of_dim(a, d), 1.0);
      }
      if (it == s.loops.rbegin()) inner_stride = stride;
      if (it->node->mode == ir::LoopMode::serial) {
        serial_stride = stride;
        break;
      }
    }
    const double unique = footprint(a, s.loops, 0);
    f.push_back(log2p(inner_stride));
    f.push_back(log2p(serial_stride));
    f.push_back(log2p(unique));
    f.push_back(log2p(s.count * a.bytes / std::max(unique, 1.0)));
    f.push_back(static_cast<float>(a.buffer->scope == Scope::stack));
    f.push_back(log2p(footprint(a, s.loops, s.loops.size() > 3 ? s.loops.size() - 3 : 0)));
  }
}

}  // namespace

Features features_of(const FuncRef& nested, const codegen::Target& target,
                     const std::vector<WorkloadSize>& sizes) {
  Collector c{sizes, {}, {}};
  c.visit(nested->body);
  Features f;
  double work = 0, tail = 0;
  for (const Statement& s : c.statements) work += s.count * (s.arithmetic + s.calls * 4 + 1);
  f.push_back(log2p(work));
  f.push_back(log2p(static_cast<double>(c.statements.size())));
  std::stable_sort(c.statements.begin(), c.statements.end(), [](const Statement& a, const Statement& b) {
    return a.count * (a.arithmetic + 4 * a.calls + 1) > b.count * (b.arithmetic + 4 * b.calls + 1);
  });
  if (!c.statements.empty()) {
    add_loops(c.statements[0], f);
    add_memory(c.statements[0], target, f);
    add_accesses(c.statements[0], f);
    for (size_t i = 1; i < c.statements.size(); ++i) tail += c.statements[i].count;
    f.push_back(log2p(tail));
  }
  if (c.statements.size() > 1) add_loops(c.statements[1], f);
  f.resize(kNumFeatures, 0.f);
  return f;
}

}  // namespace tc::autotune
