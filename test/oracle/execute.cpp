#include "oracle/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "oracle/steps.h"
#include "oracle/tensor.h"

namespace tc::test::oracle {
namespace {

using ir::LoopMode;

/// A stage that is being computed: a box of its elements.
struct Run {
  int stage;
  Point lo, size;                      // per dim
  std::vector<int64_t> value, extent;  // per axis
  std::vector<int64_t> inner, whole;   // per relation: extents of its inner axis and its parent
};

/// What is computed of a stage inside a loop: the box of all reads; of a ring, whose window
/// moves evenly, also of those whose condition fails.
struct Need {
  int stage;
  bool whole;
  bool any = false;
  Point lo, hi;
};

/// A stage that is kept in a ring while a loop runs, and how far it is computed.
struct Ring {
  int stage;
  Storage storage;
  std::optional<int64_t> done;
};

/// What is known of a stage before anything runs.
struct Compiled {
  std::vector<Access> accesses;
  std::map<Point, size_t> expected;  // points of the reduction by coordinates that rfactor made
  bool is_reduction = false, folds = false;
};

class Executor {
 public:
  Executor(const Model& m, int64_t budget) : m_(m), memory_(m, budget) {
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
    if (s.inlined || s.is_input || s.external) return c;
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

  void read(int stage, const Point& coordinates) {
    const Cell& cell = memory_.touch(stage, coordinates, false);
    if (cell.element != memory_.element_number(stage, coordinates))
      throw Fault{fmt::format("{} is read where {}", memory_.name(stage, coordinates),
                              cell.element < 0 ? "nothing was written" : "another element is kept"),
                  false};
    if (!is_complete(stage, cell, coordinates))
      throw Fault{fmt::format("{} is read before it is complete", memory_.name(stage, coordinates)), false};
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

  // ---- running

  void run_all() {
    std::vector<std::unique_ptr<Storage>> lasting;
    for (const int id : m_.order) {
      const Stage& s = m_.stages[at(id)];
      if (s.inlined || (s.at_stage >= 0 && !s.is_output)) continue;
      lasting.push_back(std::make_unique<Storage>(Storage{Point(s.dims.size(), 0), s.shape}));
      memory_.push(id, lasting.back().get());
      if (s.is_input) fill(id);
    }
    for (const int id : m_.order)
      if (m_.stages[at(id)].tensor && !m_.stages[at(id)].inlined) tensors_.emplace(id, TensorMatch(m_, id));
    std::vector<bool> done(m_.stages.size(), false);
    for (const int id : m_.order) {
      const Stage& s = m_.stages[at(id)];
      if (done[at(id)] || s.inlined || s.is_input || s.at_stage >= 0) continue;
      if (s.scan >= 0)
        run_scan(s.scan, done);
      else
        run_stage(id, Point(s.dims.size(), 0), s.shape);
    }
    for (const auto& [id, shares] : shares_)
      if (!shares) throw window_fault(id);
    for (const auto& [id, match] : tensors_)
      if (match.passed_over())
        throw Fault{fmt::format("the loops of {} are not an intrinsic's", m_.stages[at(id)].name), false};
    for (const int id : m_.order)
      if (m_.stages[at(id)].is_output) check_output(id);
  }

  // The stages of a recurrence that are not placed elsewhere, one step of time after the other.
  void run_scan(int scan, std::vector<bool>& done) {
    std::vector<Run> runs;
    std::vector<std::vector<Ring>> rings;
    for (const int id : m_.order) {
      const Stage& s = m_.stages[at(id)];
      if (s.scan != scan || s.inlined || s.at_stage >= 0) continue;
      done[at(id)] = true;
      runs.push_back(start(id, Point(s.dims.size(), 0), s.shape));
    }
    for (Run& r : runs) rings.push_back(make_rings(r, 0, 0));
    for (auto& all : rings)
      for (Ring& ring : all) memory_.push(ring.stage, &ring.storage);
    for (int64_t t = 0; t < runs[0].extent[0]; ++t)
      for (size_t i = 0; i < runs.size(); ++i) {
        runs[i].value[0] = t;
        iteration(runs[i], 0, 0, rings[i]);
      }
    for (const auto& all : rings)
      for (const Ring& ring : all) memory_.pop(ring.stage);
  }

  void fill(int id) {
    const Stage& s = m_.stages[at(id)];
    each(s.shape, [&](const Point& p) {
      Cell& cell = memory_.touch(id, p, true);
      cell.element = memory_.element_number(id, p), cell.complete = true;
    });
  }
  void check_output(int id) {
    const Stage& s = m_.stages[at(id)];
    if (s.inlined) throw Fault{fmt::format("the output {} is not computed", s.name), false};
    memory_.leave(0);
    each(s.shape, [&](const Point& p) { read(id, p); });
  }

  void run_stage(int id, const Point& lo, const Point& size) {
    if (m_.stages[at(id)].external) return run_extern(id);
    Run r = start(id, lo, size);
    loops(r, 0);
  }
  // Reads all of each tensor, and writes all of its own.
  void run_extern(int id) {
    const Stage& s = m_.stages[at(id)];
    for (const Expr& v : s.values) {
      const int stage = m_.stage_of(v.as<ir::Load>()->buffer);
      if (need_ && stage != need_->stage) continue;
      each(m_.stages[at(stage)].shape, [&](const Point& p) { need_ ? widen(*need_, p) : read(stage, p); });
    }
    if (!need_) fill(id);
  }

  Run start(int id, const Point& lo, const Point& size) {
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
        const int64_t whole = e(rel.parent), number = rel.number_of(whole),
                      other = (whole + number - 1) / number;
        e(rel.outer) = rel.kind == Relation::split ? other : number;
        e(rel.inner) = rel.kind == Relation::split ? number : other;
      }
      r.inner.push_back(e(rel.inner)), r.whole.push_back(e(rel.parent));
    }
    return r;
  }

  // From the values of the loops to those of all axes; false outside the domain.
  enum class Domain { whole, spatial, any };
  bool derive(const Run& r, Domain domain, std::vector<int64_t>& v, Point& coordinates) const {
    const Stage& s = m_.stages[at(r.stage)];
    v = r.value;
    coordinates.assign(s.dims.size(), 0);
    for (size_t i = s.relations.size();; --i) {
      for (size_t d = 0; d < s.dims.size(); ++d) {
        if (s.dims[d].since != i) continue;
        int64_t& value = v[at(s.dims[d].axis)];
        if (domain != Domain::any && value >= r.size[d]) return false;
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
      const bool asked =
          domain == Domain::whole || (domain == Domain::spatial && !s.axes[at(rel.parent)].reduce);
      if (asked && parent >= r.whole[i - 1]) return false;
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
    memory_.spend();
    const Stage& s = m_.stages[at(r.stage)];
    if (!need_ && s.tensor && p == s.position(s.tensor->axis)) check_tensor(r, p);
    if (!need_ && compiled_[at(r.stage)].is_reduction && p == init_position(r) && in_first_fold(r, p))
      init(r, p);
    if (p == static_cast<int>(s.leaves.size())) return body(r);
    const int axis = s.leaves[at(p)];
    const Axis& a = s.axes[at(axis)];
    const bool any_order =
        !need_ &&
        (a.mode == LoopMode::parallel || a.mode == LoopMode::vectorized || a.mode == LoopMode::vthread) &&
        !folds_in_lanes(s, a, is_empty(r.stage) ? 0 : r.extent[at(axis)]);
    std::vector<Ring> rings;
    if (!need_) rings = make_rings(r, p, axis);
    for (Ring& ring : rings) memory_.push(ring.stage, &ring.storage);
    const int outer = memory_.here(), loop = memory_.new_loop();
    for (int64_t i = 0; i < r.extent[at(axis)]; ++i) {
      r.value[at(axis)] = i;
      if (any_order) memory_.enter(outer, loop);
      iteration(r, p, axis, rings);
    }
    memory_.leave(outer);
    for (const Ring& ring : rings) memory_.pop(ring.stage);
    r.value[at(axis)] = 0;
  }

  // The tile of this run, whose inner loops an intrinsic replaces: what each of their
  // iterations computes, whether it is inside the domain or not.
  void check_tensor(const Run& r, int p) {
    const Stage& s = m_.stages[at(r.stage)];
    const std::vector<int> inner(s.leaves.begin() + p, s.leaves.end());
    Point extents;
    for (const int l : inner) extents.push_back(r.extent[at(l)]);
    tensors_.at(r.stage).tile(extents, memory_, [&](const Point& values) {
      Run one = r;
      for (size_t i = 0; i < inner.size(); ++i) one.value[at(inner[i])] = values[i];
      TensorMatch::Iteration out;
      (void)derive(one, Domain::any, out.values, out.coordinates);
      for (size_t k = 0; k < s.reduce.size(); ++k)
        out.values[s.vars.size() + k] += ir::as_int(s.reduce[k].min).value();
      out.values.resize(s.vars.size() + s.reduce.size());
      return out;
    });
  }

  // Whether nothing is folded at all.
  [[nodiscard]] bool is_empty(int stage) const {
    const Point& shape = m_.stages[at(stage)].shape;
    return compiled_[at(stage)].expected.empty() || std::find(shape.begin(), shape.end(), 0) != shape.end();
  }
  // A vectorized reduction of one component by one operator: lanes fold apart and are
  // combined at the end. Of floats that is another order of the fold.
  static bool folds_in_lanes(const Stage& s, const Axis& a, int64_t terms) {
    if (a.mode != LoopMode::vectorized || !a.reduce) return false;
    const ir::Combiner& c = *s.reduction()->combiner;
    const auto* b = c.results.size() == 1 ? c.results[0].as<ir::Binary>() : nullptr;
    const auto is = [](const Expr& e, const VarRef& v) { return e.get() == v.get(); };
    if (!b || !((is(b->a, c.lhs[0]) && is(b->b, c.rhs[0])) || (is(b->a, c.rhs[0]) && is(b->b, c.lhs[0]))))
      return false;
    using enum ir::BinaryOp;
    if (b->op != add && b->op != mul && b->op != min && b->op != max && b->op != and_ && b->op != or_)
      return false;
    if (rounds(c) && !a.reassociate && terms > 1) throw Fault{"lanes fold floats in another order", false};
    return true;
  }
  std::vector<int> placed_at(int stage, int axis) const {
    std::vector<int> out;
    for (const int id : m_.order)
      if (m_.stages[at(id)].at_stage == stage && m_.stages[at(id)].at_axis == axis) out.push_back(id);
    return out;
  }

  void iteration(Run& r, int p, int axis, std::vector<Ring>& rings) {
    const std::vector<int> placed = placed_at(r.stage, axis);
    for (const Hint& h : m_.stages[at(r.stage)].hints)
      if (!need_ && h.axis == axis && !memory_.lives(h.tensor))
        throw Fault{fmt::format("{} is asked for where it is not kept", m_.stages[at(h.tensor)].name), false};
    std::vector<std::unique_ptr<Storage>> own;
    std::vector<int> made;
    for (size_t i = 0; i < placed.size(); ++i) {
      Need n = window_of(placed, i, r, p);
      const Stage& s = m_.stages[at(placed[i])];
      const auto ring =
          std::find_if(rings.begin(), rings.end(), [&](const Ring& x) { return x.stage == placed[i]; });
      if (ring != rings.end()) {
        only_new(*ring, n);
      } else if (!need_ && !s.is_output) {
        own.push_back(std::make_unique<Storage>(Storage{n.any ? n.lo : Point(s.dims.size(), 0), size_of(n)}));
        memory_.push(placed[i], own.back().get());
        made.push_back(placed[i]);
      }
      if (n.any) run_box(placed[i], n);
    }
    loops(r, p + 1);
    for (const int id : made) memory_.pop(id);
  }
  static Point size_of(const Need& n) {
    Point size;
    for (size_t d = 0; d < n.lo.size(); ++d) size.push_back(n.hi[d] - n.lo[d] + 1);
    return size;
  }
  void run_box(int id, Need n) {
    for (size_t d = 0; d < n.lo.size() && !(need_ && need_->whole); ++d) {  // windows may begin in padding
      n.lo[d] = std::max<int64_t>(n.lo[d], 0), n.hi[d] = std::min(n.hi[d], m_.stages[at(id)].shape[d] - 1);
      if (n.lo[d] > n.hi[d]) return;
    }
    run_stage(id, n.lo, size_of(n));
  }

  // What the rest of this iteration reads of placed[i]: found by running it without memory.
  Need need_of(const std::vector<int>& placed, size_t i, Run& r, int p) {
    Need mine{placed[i], m_.stages[at(placed[i])].rolling || (need_ && need_->whole), false, {}, {}};
    Need* const outer = std::exchange(need_, &mine);
    for (size_t j = i + 1; j < placed.size(); ++j) {
      const Need theirs = window_of(placed, j, r, p);
      if (theirs.any) run_box(placed[j], theirs);
    }
    loops(r, p + 1);
    need_ = outer;
    return mine;
  }

  // Of a ring, all of those dimensions that do not roll because some iteration needs them whole.
  Need window_of(const std::vector<int>& placed, size_t i, Run& r, int p) {
    Need n = need_of(placed, i, r, p);
    const auto it = whole_.find(n.stage);
    for (size_t d = 0; d < n.lo.size() && it != whole_.end(); ++d)
      if (it->second[d]) n.lo[d] = 0, n.hi[d] = m_.stages[at(n.stage)].shape[d] - 1;
    return n;
  }

  // ---- rings

  // Of each stage that is kept in a ring while this loop runs, the windows that its
  // iterations need. These have to move along one dimension, by as much each time, and to
  // share something.
  std::vector<Ring> make_rings(Run& r, int p, int axis) {
    std::vector<Ring> rings;
    const std::vector<int> placed = placed_at(r.stage, axis);
    for (size_t i = 0; i < placed.size(); ++i) {
      const Stage& s = m_.stages[at(placed[i])];
      if (!s.rolling) continue;
      std::vector<Need> windows;
      for (int64_t v = 0; v < r.extent[at(axis)]; ++v) {
        r.value[at(axis)] = v;
        if (Need n = need_of(placed, i, r, p); n.any) windows.push_back(std::move(n));
      }
      r.value[at(axis)] = 0;
      rings.push_back(ring_of(placed[i], windows));
    }
    return rings;
  }
  [[nodiscard]] Fault window_fault(int id) const {
    return {fmt::format("the window of {} does not move on", m_.stages[at(id)].name), false};
  }
  Ring ring_of(int id, const std::vector<Need>& windows) {
    const Stage& s = m_.stages[at(id)];
    Ring ring{id, {Point(s.dims.size(), 0), s.shape}, std::nullopt};
    std::vector<bool>& whole = whole_[id];
    whole.assign(s.dims.size(), false);
    const auto fault = [&] { return window_fault(id); };
    for (size_t d = 0; d < s.dims.size() && windows.size() > 1; ++d) {
      const int64_t step = windows[1].lo[d] - windows[0].lo[d];
      int64_t size = 0;
      bool even = true;
      for (size_t i = 0; i < windows.size(); ++i) {
        size = std::max(size, windows[i].hi[d] - windows[i].lo[d] + 1);
        even &= i == 0 || windows[i].lo[d] - windows[i - 1].lo[d] == step;
      }
      whole[d] = size >= s.shape[d];
      if (whole[d] || (even && step == 0)) continue;
      if (!even || step < 0 || ring.storage.ring_dim >= 0) throw fault();
      shares_.try_emplace(id, false).first->second |= step < size;
      ring.storage.ring_dim = static_cast<int>(d);
      ring.storage.size[d] = size;
    }
    if (windows.size() > 1 && ring.storage.ring_dim < 0) throw fault();
    return ring;
  }
  // Leaves of a window what the iterations before did not compute.
  static void only_new(Ring& ring, Need& n) {
    if (!n.any || ring.storage.ring_dim < 0) return;
    const auto d = at(ring.storage.ring_dim);
    if (ring.done) n.lo[d] = std::max(n.lo[d], *ring.done + 1);
    ring.done = n.hi[d];
  }

  // ---- elements

  void init(Run& r, int p) {
    const Stage& s = m_.stages[at(r.stage)];
    if (p < static_cast<int>(s.leaves.size())) {
      const int axis = s.leaves[at(p)];
      const Axis& a = s.axes[at(axis)];
      const int outer = memory_.here(), loop = memory_.new_loop();
      const int64_t saved = r.value[at(axis)], n = a.reduce ? 1 : r.extent[at(axis)];
      for (int64_t i = 0; i < n; ++i) {
        r.value[at(axis)] = i;
        if (!a.reduce && a.mode != LoopMode::serial && a.mode != LoopMode::unrolled)
          memory_.enter(outer, loop);
        init(r, p + 1);
      }
      memory_.leave(outer);
      r.value[at(axis)] = saved;
      return;
    }
    std::vector<int64_t> v;
    Point coordinates;
    if (!derive(r, Domain::spatial, v, coordinates)) return;
    Cell& cell = memory_.touch(r.stage, coordinates, true);
    cell.element = memory_.element_number(r.stage, coordinates);
    cell.complete = false;
    cell.folded.clear();
  }

  void body(const Run& r) {
    const Stage& s = m_.stages[at(r.stage)];
    std::vector<int64_t> v;
    Point coordinates;
    if (!derive(r, Domain::whole, v, coordinates)) return;
    Point point;
    for (size_t k = 0; k < s.reduce.size(); ++k) {
      int64_t& value = v[s.vars.size() + k];
      point.push_back(value);
      value += ir::as_int(s.reduce[k].min).value();
    }
    for (const Access& a : compiled_[at(r.stage)].accesses) {
      memory_.spend();
      const int stage = m_.stage_of(a.buffer);
      if (need_ && stage != need_->stage) continue;
      if (!(need_ && need_->whole) && !a.happens(v)) continue;
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
    Cell& cell = memory_.touch(stage, coordinates, true);
    const int64_t element = memory_.element_number(stage, coordinates);
    if (!compiled_[at(stage)].is_reduction) {
      cell.element = element, cell.complete = true;
      return;
    }
    if (cell.element != element)
      throw Fault{fmt::format("{} is folded into before it is initialised", memory_.name(stage, coordinates)),
                  false};
    int64_t number = 0;
    for (size_t k = 0; k < point.size(); ++k)
      number = number * ir::as_int(s.reduce[k].extent).value() + point[k];
    if (std::find(cell.folded.begin(), cell.folded.end(), number) != cell.folded.end())
      throw Fault{fmt::format("a term is folded into {} twice", memory_.name(stage, coordinates)), false};
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
  Memory memory_;
  std::vector<Compiled> compiled_;
  std::map<int, TensorMatch> tensors_;
  std::map<int, bool> shares_;              // of stages in rings: whether two windows had something in common
  std::map<int, std::vector<bool>> whole_;  // of stages in rings: dimensions
  Need* need_ = nullptr;
};

}  // namespace

std::optional<Fault> execute(const Model& model, int64_t budget) { return Executor(model, budget).run(); }

}  // namespace tc::test::oracle
