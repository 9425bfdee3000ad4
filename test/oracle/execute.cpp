#include "oracle/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "oracle/access.h"
#include "tc/ir/traverse.h"

namespace tc::test::oracle {
namespace {

using ir::LoopMode;
using Point = std::vector<int64_t>;

size_t at(int i) { return static_cast<size_t>(i); }

/// What a place in memory holds.
struct Cell {
  int64_t element = -1;
  bool complete = false;
  std::vector<int64_t> folded;  // points of the reduction, while not complete
  int writer = -1;              // where in the loops it was last written
  std::vector<int> readers;     // and read since
};

/// The memory of a stage, while it lasts.
struct Storage {
  Point lo;  // first element that it has room for
  std::map<Point, Cell> cells;
};

/// A stage that is being computed: a box of its elements.
struct Run {
  int stage;
  Point lo, size;                      // per dim
  std::vector<int64_t> value, extent;  // per axis
  std::vector<int64_t> inner, whole;   // per relation: extents of its inner axis and its parent
};

/// What is computed of a stage inside a loop: the box of all reads.
struct Need {
  int stage;
  bool any = false;
  Point lo, hi;
};

/// What is known of a stage before anything runs.
struct Compiled {
  std::vector<Access> accesses;
  std::map<Point, size_t> expected;  // points of the reduction by coordinates that rfactor made
  bool is_reduction = false, folds = false;
};

class Executor {
 public:
  Executor(const Model& m, int64_t budget) : m_(m), left_(budget), live_(m.stages.size()) {
    for (size_t i = 0; i < m_.stages.size(); ++i) compiled_.push_back(compile(m_.stages[i]));
  }

  std::optional<Fault> run() {
    try {
      run_all();
      return std::nullopt;
    } catch (const Fault& f) {
      return f;
    }
  }

 private:
  // ---- before

  static void each(const Point& extents, const auto& f) {
    for (const int64_t n : extents)
      if (n <= 0) return;
    Point p(extents.size(), 0);
    for (;;) {
      f(p);
      size_t i = p.size();
      while (i-- > 0) {
        if (++p[i] < extents[i]) break;
        p[i] = 0;
      }
      if (i == static_cast<size_t>(-1)) return;
    }
  }

  static Compiled compile(const Stage& s) {
    Compiled c;
    if (s.inlined || s.is_input) return c;
    std::vector<VarRef> vars = s.vars;
    for (const ReduceAxis& k : s.reduce) vars.push_back(k.var);
    for (const Expr& v : s.values)
      if (const auto* r = v.as<ir::Reduce>())
        for (const Expr& e : r->source) collect_accesses(e, vars, c.accesses);
      else
        collect_accesses(v, vars, c.accesses);
    c.is_reduction = s.reduction() != nullptr;
    c.folds = s.folds();
    if (!c.is_reduction) return c;
    Point extents;
    for (const ReduceAxis& k : s.reduce) extents.push_back(ir::as_int(k.extent).value());
    const std::vector<int64_t> all = s.extents();
    each(extents, [&](const Point& p) { ++c.expected[made_coordinates(s, all, p)]; });
    return c;
  }

  // Where rfactor put this point of the reduction: the coordinates that it made.
  static Point made_coordinates(const Stage& s, const std::vector<int64_t>& extents, const Point& p) {
    std::vector<int64_t> v(s.axes.size(), 0);
    for (size_t k = 0; k < p.size(); ++k) v[s.vars.size() + k] = p[k];
    for (const Relation& r : s.relations) {
      const int64_t inner = std::max<int64_t>(extents[at(r.inner)], 1);
      if (r.kind == Relation::fuse)
        v[at(r.parent)] = v[at(r.outer)] * inner + v[at(r.inner)];
      else
        v[at(r.outer)] = v[at(r.parent)] / inner, v[at(r.inner)] = v[at(r.parent)] % inner;
    }
    Point out;
    for (const Dim& d : s.dims)
      if (d.made) out.push_back(v[at(d.axis)]);
    return out;
  }

  // ---- memory

  static int64_t element_number(const Stage& s, const Point& coordinates) {
    int64_t n = 0;
    for (size_t d = 0; d < coordinates.size(); ++d) n = n * s.shape[d] + coordinates[d];
    return n;
  }
  static Point address(const Stage& s, const Storage& storage, const Point& coordinates) {
    Point local = coordinates;
    for (size_t d = 0; d < local.size(); ++d) local[d] -= storage.lo[d];
    if (!s.has_layout) return local;
    Point out;
    for (const Piece& p : s.layout) {
      const int64_t v = local[at(p.dim)] / p.div;
      out.push_back(p.mod > 0 ? v % p.mod : v);
    }
    return out;
  }
  std::string name(int stage, const Point& coordinates) const {
    return fmt::format("{}[{}]", m_.stages[at(stage)].name, fmt::join(coordinates, ", "));
  }

  Storage& storage_of(int stage, const Point& coordinates) {
    if (live_[at(stage)].empty())
      throw Fault{fmt::format("{} is touched where its stage is not computed", name(stage, coordinates)),
                  false};
    return *live_[at(stage)].back();
  }

  Cell& touch(int stage, const Point& coordinates, bool writes) {
    spend();
    Storage& storage = storage_of(stage, coordinates);
    Cell& cell = storage.cells[address(m_.stages[at(stage)], storage, coordinates)];
    bool races = conflict(cell.writer, node_);
    if (writes)
      for (const int r : cell.readers) races |= conflict(r, node_);
    if (races) throw Fault{fmt::format("iterations race on {}", name(stage, coordinates)), false};
    if (writes)
      cell.writer = node_, cell.readers.clear();
    else if (std::find(cell.readers.begin(), cell.readers.end(), node_) == cell.readers.end())
      cell.readers.push_back(node_);
    return cell;
  }

  void read(int stage, const Point& coordinates) {
    const Stage& s = m_.stages[at(stage)];
    const Cell& cell = touch(stage, coordinates, false);
    if (cell.element != element_number(s, coordinates))
      throw Fault{fmt::format("{} is read where {}", name(stage, coordinates),
                              cell.element < 0 ? "nothing was written" : "another element is kept"),
                  false};
    if (!is_complete(stage, cell, coordinates))
      throw Fault{fmt::format("{} is read before it is complete", name(stage, coordinates)), false};
  }
  [[nodiscard]] bool is_complete(int stage, const Cell& cell, const Point& coordinates) const {
    const Compiled& c = compiled_[at(stage)];
    if (cell.complete) return true;
    if (!c.is_reduction) return false;
    Point made;
    for (size_t d = 0; d < coordinates.size(); ++d)
      if (m_.stages[at(stage)].dims[d].made) made.push_back(coordinates[d]);
    const auto it = c.expected.find(made);
    return cell.folded.size() == (it == c.expected.end() ? 0 : it->second);
  }

  // ---- iterations: a tree of those of loops whose iterations run in any order

  struct Node {
    int parent, depth, loop;
  };
  // Whether two accesses stand in different iterations of one run of such a loop.
  [[nodiscard]] bool conflict(int a, int b) const {
    if (a < 0 || a == b) return false;
    const auto up = [&](int& n) { n = nodes_[at(n)].parent; };
    while (nodes_[at(a)].depth > nodes_[at(b)].depth) up(a);
    while (nodes_[at(b)].depth > nodes_[at(a)].depth) up(b);
    if (a == b) return false;
    while (nodes_[at(a)].parent != nodes_[at(b)].parent) up(a), up(b);
    return nodes_[at(a)].loop == nodes_[at(b)].loop;
  }

  void spend() {
    if (--left_ < 0) throw Fault{"too heavy", true};
  }

  // ---- running

  void run_all() {
    nodes_.push_back({-1, 0, -1});
    node_ = 0;
    std::vector<std::unique_ptr<Storage>> lasting;
    for (const int id : m_.order) {
      const Stage& s = m_.stages[at(id)];
      if (s.inlined || (s.at_stage >= 0 && !s.is_output)) continue;
      lasting.push_back(std::make_unique<Storage>());
      lasting.back()->lo.assign(s.dims.size(), 0);
      live_[at(id)].push_back(lasting.back().get());
      if (s.is_input) fill(id);
    }
    for (const int id : m_.order) {
      const Stage& s = m_.stages[at(id)];
      if (s.inlined || s.is_input || s.at_stage >= 0) continue;
      run_stage(id, Point(s.dims.size(), 0), s.shape);
    }
    for (const int id : m_.order)
      if (m_.stages[at(id)].is_output) check_output(id);
  }

  void fill(int id) {
    const Stage& s = m_.stages[at(id)];
    each(s.shape, [&](const Point& p) {
      Cell& cell = touch(id, p, true);
      cell.element = element_number(s, p), cell.complete = true;
    });
  }
  void check_output(int id) {
    const Stage& s = m_.stages[at(id)];
    if (s.inlined) throw Fault{fmt::format("the output {} is not computed", s.name), false};
    node_ = 0;
    each(s.shape, [&](const Point& p) { read(id, p); });
  }

  void run_stage(int id, const Point& lo, const Point& size) {
    const Stage& s = m_.stages[at(id)];
    Run r{id, lo, size, std::vector<int64_t>(s.axes.size(), 0), std::vector<int64_t>(s.axes.size(), 0),
          {}, {}};
    for (size_t k = 0; k < s.reduce.size(); ++k)
      r.extent[s.vars.size() + k] = ir::as_int(s.reduce[k].extent).value();
    for (size_t i = 0; i <= s.relations.size(); ++i) {
      for (size_t d = 0; d < s.dims.size(); ++d)
        if (s.dims[d].since == i) r.extent[at(s.dims[d].axis)] = size[d];
      if (i == s.relations.size()) break;
      const Relation& rel = s.relations[i];
      const auto e = [&](int axis) -> int64_t& { return r.extent[at(axis)]; };
      if (rel.kind == Relation::fuse) {
        e(rel.parent) = e(rel.outer) * e(rel.inner);
      } else {
        const int64_t other = (e(rel.parent) + rel.number - 1) / rel.number;
        e(rel.outer) = rel.kind == Relation::split ? other : rel.number;
        e(rel.inner) = rel.kind == Relation::split ? rel.number : other;
      }
      r.inner.push_back(e(rel.inner)), r.whole.push_back(e(rel.parent));
    }
    loops(r, 0);
  }

  // From the values of the loops to those of all axes; false outside the domain.
  bool derive(const Run& r, bool spatial_only, std::vector<int64_t>& v, Point& coordinates) const {
    const Stage& s = m_.stages[at(r.stage)];
    v = r.value;
    coordinates.assign(s.dims.size(), 0);
    for (size_t i = s.relations.size();; --i) {
      for (size_t d = 0; d < s.dims.size(); ++d) {
        if (s.dims[d].since != i) continue;
        int64_t& value = v[at(s.dims[d].axis)];
        if (value >= r.size[d]) return false;
        coordinates[d] = value += r.lo[d];
      }
      if (i == 0) return true;
      const Relation& rel = s.relations[i - 1];
      const int64_t inner = std::max<int64_t>(r.inner[i - 1], 1);
      if (rel.kind == Relation::fuse) {
        v[at(rel.outer)] = v[at(rel.parent)] / inner, v[at(rel.inner)] = v[at(rel.parent)] % inner;
        continue;
      }
      const int64_t parent = v[at(rel.outer)] * inner + v[at(rel.inner)];
      v[at(rel.parent)] = parent;
      if (!(spatial_only && s.axes[at(rel.parent)].reduce) && parent >= r.whole[i - 1]) return false;
    }
  }

  // Where the reduction is initialised: how many loops are around that.
  [[nodiscard]] int init_position(const Run& r) const {
    const Stage& s = m_.stages[at(r.stage)];
    const int n = static_cast<int>(s.leaves.size());
    if (!compiled_[at(r.stage)].folds) return n;
    int first = 0;
    while (!s.axes[at(s.leaves[at(first)])].reduce) ++first;
    const int place = s.init_at < 0 ? first : std::max(s.position(s.init_at) + 1, first);
    for (int p = first; p < place; ++p)
      if (r.extent[at(s.leaves[at(p)])] == 0) return first;  // a loop that never runs initialises nothing
    return place;
  }
  [[nodiscard]] bool in_first_fold(const Run& r, int upto) const {
    const Stage& s = m_.stages[at(r.stage)];
    for (int p = 0; p < upto; ++p)
      if (s.axes[at(s.leaves[at(p)])].reduce && r.value[at(s.leaves[at(p)])] != 0) return false;
    return true;
  }

  void loops(Run& r, int p) {
    spend();
    const Stage& s = m_.stages[at(r.stage)];
    if (!need_ && compiled_[at(r.stage)].is_reduction && p == init_position(r) && in_first_fold(r, p))
      init(r, p);
    if (p == static_cast<int>(s.leaves.size())) return body(r);
    const int axis = s.leaves[at(p)];
    const Axis& a = s.axes[at(axis)];
    const bool any_order =
        !need_ &&
        (a.mode == LoopMode::parallel || a.mode == LoopMode::vectorized || a.mode == LoopMode::vthread) &&
        !folds_in_lanes(s, a, r.extent[at(axis)]);
    const int outer = node_, loop = next_loop_++;
    for (int64_t i = 0; i < r.extent[at(axis)]; ++i) {
      r.value[at(axis)] = i;
      if (any_order) {
        nodes_.push_back({outer, nodes_[at(outer)].depth + 1, loop});
        node_ = static_cast<int>(nodes_.size()) - 1;
      }
      iteration(r, p, axis);
    }
    node_ = outer;
    r.value[at(axis)] = 0;
  }

  // A vectorized reduction of one component by one operator: lanes fold apart and are
  // combined at the end. Of floats that is another order of the fold.
  static bool folds_in_lanes(const Stage& s, const Axis& a, int64_t extent) {
    if (a.mode != LoopMode::vectorized || !a.reduce) return false;
    const ir::Combiner& c = *s.reduction()->combiner;
    const auto* b = c.results.size() == 1 ? c.results[0].as<ir::Binary>() : nullptr;
    const auto is = [](const Expr& e, const VarRef& v) { return e.get() == v.get(); };
    if (!b || !((is(b->a, c.lhs[0]) && is(b->b, c.rhs[0])) || (is(b->a, c.rhs[0]) && is(b->b, c.lhs[0]))))
      return false;
    using enum ir::BinaryOp;
    if (b->op != add && b->op != mul && b->op != min && b->op != max && b->op != and_ && b->op != or_)
      return false;
    if (rounds(c) && !a.reassociate && extent > 1) throw Fault{"lanes fold floats in another order", false};
    return true;
  }
  // Whether folding floats by it rounds: comparisons alone do not.
  static bool rounds(const ir::Combiner& c) {
    bool rounds = false;
    for (const Expr& e : c.results)
      ir::walk_all(*e, [&](const ir::Node& n) {
        const auto* b = n.kind == ir::Kind::Binary ? &static_cast<const ir::Binary&>(n) : nullptr;
        rounds |= b && b->type.is_float() && b->op != ir::BinaryOp::min && b->op != ir::BinaryOp::max;
        rounds |= n.kind == ir::Kind::Call && static_cast<const ir::Call&>(n).type.is_float();
      });
    return rounds;
  }

  std::vector<int> placed_at(int stage, int axis) const {
    std::vector<int> out;
    for (const int id : m_.order)
      if (m_.stages[at(id)].at_stage == stage && m_.stages[at(id)].at_axis == axis) out.push_back(id);
    return out;
  }

  void iteration(Run& r, int p, int axis) {
    const std::vector<int> placed = placed_at(r.stage, axis);
    std::vector<std::unique_ptr<Storage>> own;
    std::vector<int> made;
    for (size_t i = 0; i < placed.size(); ++i) {
      const Need n = need_of(placed, i, r, p);
      Storage* storage = nullptr;
      if (!need_ && !m_.stages[at(placed[i])].is_output) {
        own.push_back(std::make_unique<Storage>());
        storage = own.back().get();
        storage->lo = n.any ? n.lo : Point(m_.stages[at(placed[i])].dims.size(), 0);
        live_[at(placed[i])].push_back(storage);
        made.push_back(placed[i]);
      }
      if (n.any) run_box(placed[i], n);
    }
    loops(r, p + 1);
    for (const int id : made) live_[at(id)].pop_back();
  }
  void run_box(int id, const Need& n) {
    Point size;
    for (size_t d = 0; d < n.lo.size(); ++d) size.push_back(n.hi[d] - n.lo[d] + 1);
    run_stage(id, n.lo, size);
  }

  // What the rest of this iteration reads of placed[i]: found by running it without memory.
  Need need_of(const std::vector<int>& placed, size_t i, Run& r, int p) {
    Need mine{placed[i], false, {}, {}};
    Need* const outer = std::exchange(need_, &mine);
    for (size_t j = i + 1; j < placed.size(); ++j) {
      const Need theirs = need_of(placed, j, r, p);
      if (theirs.any) run_box(placed[j], theirs);
    }
    loops(r, p + 1);
    need_ = outer;
    return mine;
  }

  // ---- elements

  void init(Run& r, int p) {
    const Stage& s = m_.stages[at(r.stage)];
    if (p < static_cast<int>(s.leaves.size())) {
      const int axis = s.leaves[at(p)];
      const Axis& a = s.axes[at(axis)];
      const int outer = node_, loop = next_loop_++;
      const int64_t saved = r.value[at(axis)], n = a.reduce ? 1 : r.extent[at(axis)];
      for (int64_t i = 0; i < n; ++i) {
        r.value[at(axis)] = i;
        if (!a.reduce && (a.mode == LoopMode::parallel || a.mode == LoopMode::vectorized)) {
          nodes_.push_back({outer, nodes_[at(outer)].depth + 1, loop});
          node_ = static_cast<int>(nodes_.size()) - 1;
        }
        init(r, p + 1);
      }
      node_ = outer;
      r.value[at(axis)] = saved;
      return;
    }
    std::vector<int64_t> v;
    Point coordinates;
    if (!derive(r, true, v, coordinates)) return;
    Cell& cell = touch(r.stage, coordinates, true);
    cell.element = element_number(s, coordinates);
    cell.complete = false;
    cell.folded.clear();
  }

  void body(const Run& r) {
    const Stage& s = m_.stages[at(r.stage)];
    std::vector<int64_t> v;
    Point coordinates;
    if (!derive(r, false, v, coordinates)) return;
    Point point;
    for (size_t k = 0; k < s.reduce.size(); ++k) {
      int64_t& value = v[s.vars.size() + k];
      point.push_back(value);
      value += ir::as_int(s.reduce[k].min).value();
    }
    for (const Access& a : compiled_[at(r.stage)].accesses) {
      spend();
      const int stage = m_.stage_of(a.buffer);
      if ((need_ && stage != need_->stage) || !a.happens(v)) continue;
      Point index;
      for (const Index& e : a.index) index.push_back(e.at(v));
      if (need_)
        widen(*need_, index);
      else
        read(stage, index);
    }
    if (!need_) write(r.stage, coordinates, point);
  }

  static void widen(Need& n, const Point& index) {
    if (!std::exchange(n.any, true)) return (void)(n.lo = n.hi = index);
    for (size_t d = 0; d < index.size(); ++d)
      n.lo[d] = std::min(n.lo[d], index[d]), n.hi[d] = std::max(n.hi[d], index[d]);
  }

  void write(int stage, const Point& coordinates, const Point& point) {
    const Stage& s = m_.stages[at(stage)];
    Cell& cell = touch(stage, coordinates, true);
    const int64_t element = element_number(s, coordinates);
    if (!compiled_[at(stage)].is_reduction) {
      cell.element = element, cell.complete = true;
      return;
    }
    if (cell.element != element)
      throw Fault{fmt::format("{} is folded into before it is initialised", name(stage, coordinates)), false};
    int64_t number = 0;
    for (size_t k = 0; k < point.size(); ++k)
      number = number * ir::as_int(s.reduce[k].extent).value() + point[k];
    if (std::find(cell.folded.begin(), cell.folded.end(), number) != cell.folded.end())
      throw Fault{fmt::format("a term is folded into {} twice", name(stage, coordinates)), false};
    cell.folded.push_back(number);
    check_order(stage);
  }

  // Several partial results are folded apart; a float sum of them needs leave to be.
  void check_order(int stage) {
    const Stage& s = m_.stages[at(stage)];
    if (s.rfactor_reassociates || !s.is_partial()) return;
    if (!rounds(*s.reduction()->combiner)) return;
    if (compiled_[at(stage)].expected.size() > 1)
      throw Fault{"partial results fold floats in another order", false};
  }

  const Model& m_;
  int64_t left_;
  std::vector<Compiled> compiled_;
  std::vector<std::vector<Storage*>> live_;  // per stage, innermost last
  std::vector<Node> nodes_;
  int node_ = 0, next_loop_ = 0;
  Need* need_ = nullptr;
};

}  // namespace

std::optional<Fault> execute(const Model& model, int64_t budget) { return Executor(model, budget).run(); }

}  // namespace tc::test::oracle
