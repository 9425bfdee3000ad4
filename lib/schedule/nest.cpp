#include "nest.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/ir/simplify.h"

namespace tc {

using ir::int_imm;

namespace {

constexpr int64_t kLineBytes = 64;  // of a cache

// Makes dimensions longer until those outside them have the strides asked for, from the
// inside out, as outer strides are products of inner extents.
void pad(std::vector<Alignment> all, std::vector<int64_t>& shape) {
  std::sort(all.begin(), all.end(), [](const Alignment& a, const Alignment& b) { return a.dim > b.dim; });
  for (const Alignment& a : all) {
    const auto d = static_cast<size_t>(a.dim) + 1;
    int64_t inner = 1;
    for (size_t i = d + 1; i < shape.size(); ++i) inner = inner * shape[i] % a.factor;
    // within `factor` steps: an offset is given only where inner is 1
    for (int64_t tries = 0; tries < a.factor && inner * (shape[d] % a.factor) % a.factor != a.offset; ++tries)
      ++shape[d];
  }
}

}  // namespace

Nests::Nests(const ScheduleState& state) : state_(state), nests_(state.stages.size()) {}

Check Nests::infer() {
  for (int i = static_cast<int>(state_.stages.size()) - 1; i >= 0; --i) {
    if (state_.stages[static_cast<size_t>(i)].attach == StageState::inlined) continue;
    if (auto error = infer_region(i)) return error;
    derive_axes(i);
  }
  return std::nullopt;
}

// The loops of `stage` around position `upto` (a count of loops), with those that
// enclose the stage itself before them.
std::vector<ir::VarRange> Nests::loops_of(int stage, int upto) const {
  const NestState& n = nests_[static_cast<size_t>(stage)];
  std::vector<ir::VarRange> out = n.enclosing;
  const auto& leaves = state_.stages[static_cast<size_t>(stage)].leaves;
  for (int p = 0; p < upto; ++p) {
    const auto axis = static_cast<size_t>(leaves[static_cast<size_t>(p)]);
    out.push_back({n.axis_var[axis], int_imm(0), int_imm(std::max<int64_t>(n.axis_extent[axis], 1) - 1)});
  }
  return out;
}

namespace {
// The least (greatest) of two bounds, decided where that can be proved.
Expr either(const Expr& a, const Expr& b, bool least, const ir::Bounds& bounds) {
  if (const auto v = ir::prove(a <= b, bounds)) return *v == least ? a : b;
  if (const auto v = ir::prove(b <= a, bounds)) return *v == least ? b : a;
  return ir::simplify(least ? ir::min(a, b) : ir::max(a, b), bounds);
}
ir::Bounds bounds_of(const std::vector<ir::VarRange>& loops) {
  ir::Bounds b;
  for (const ir::VarRange& v : loops) b.push(v.var, v.min, v.max);
  return b;
}
}  // namespace

// Widens lo..hi by what `reader` reads of `stage` while the `fixed` loops stand still.
Check Nests::read_region(int stage, int reader, const std::vector<ir::VarRange>& fixed, std::vector<Expr>& lo,
                         std::vector<Expr>& hi) const {
  const StageState& q = state_.stages[static_cast<size_t>(reader)];
  const auto all = loops_of(reader, static_cast<int>(q.leaves.size()));
  std::vector<ir::VarRange> moving;
  for (const ir::VarRange& v : all)
    if (std::none_of(fixed.begin(), fixed.end(), [&](const ir::VarRange& f) { return f.var.same(v.var); }))
      moving.push_back(v);
  const ir::Bounds outer = bounds_of(fixed);
  const ir::VarMap map = body_map(reader);
  for (const Expr& value : q.values)
    ir::walk<ir::Load>(value, [&](const ir::Load& l) {
      if (state_.find(l.buffer.get()) != stage) return;
      for (size_t d = 0; d < l.indices.size(); ++d) {
        const auto [least, greatest] =
            ir::symbolic_bounds(ir::simplify(ir::substitute(l.indices[d], map)), moving, outer);
        const bool first = !lo[d] && !hi[d];
        // a bound that is not known, or that depends on memory, is the shape's
        const auto usable = [](const Expr& e) {
          bool loads = false;
          ir::walk<ir::Load>(e, [&](const ir::Load&) { loads = true; });
          return e && !loads;
        };
        const Expr a = usable(least) ? ir::simplify(least, outer) : int_imm(0);
        const Expr b = usable(greatest) ? ir::simplify(greatest, outer) : l.buffer->shape[d] - 1;
        lo[d] = first ? a : either(lo[d], a, true, outer);
        hi[d] = first ? b : either(hi[d], b, false, outer);
      }
    });
  return std::nullopt;
}

Check Nests::infer_region(int id) {
  const StageState& s = state_.stages[static_cast<size_t>(id)];
  NestState& n = nests_[static_cast<size_t>(id)];
  n.one_step = s.scan >= 0 && s.attach == StageState::root && !keeps_history(state_, id);
  const size_t rank = s.vars.size();
  std::vector<int64_t> shape;
  for (const Expr& e : s.buffers[0]->shape) {
    TC_ASSERT(ir::as_int(e), "tensors have constant shapes");
    shape.push_back(*ir::as_int(e));
  }
  n.lo.assign(rank, int_imm(0));
  n.extent = shape;
  n.guard_lo.assign(rank, false);
  n.guard_hi.assign(rank, false);
  if (s.attach != StageState::at) return std::nullopt;

  const StageState& c = state_.stages[static_cast<size_t>(s.at_stage)];
  n.enclosing = loops_of(s.at_stage, c.leaf_position(s.at_axis) + 1);
  std::vector<Expr> lo(rank), hi(rank);
  for (const int r : state_.readers(id))
    if (auto error = read_region(id, r, n.enclosing, lo, hi)) return error;
  const ir::Bounds outer = bounds_of(n.enclosing);
  for (size_t d = 0; d < rank; ++d) {
    if (!lo[d]) continue;  // no reader is left: one that was inlined may have folded away
    const Expr count = ir::simplify(hi[d] - lo[d] + 1, outer);
    const ir::Interval range = ir::interval_of(count, outer);
    if (!range.hi || *range.hi >= shape[d]) continue;  // all of it
    n.lo[d] = lo[d];
    n.extent[d] = std::max<int64_t>(*range.hi, 0);
    const ir::Interval first = ir::interval_of(lo[d], outer);
    n.guard_lo[d] = !first.lo || *first.lo < 0;
    const ir::Interval last = ir::interval_of(ir::simplify(lo[d] + n.extent[d], outer), outer);
    n.guard_hi[d] = !last.hi || *last.hi > shape[d];
  }
  return s.rolling ? infer_roll(id) : std::nullopt;
}

// Which dimension of the window moves with the loop where the stage is computed.
Check Nests::infer_roll(int id) {
  const StageState &s = state_.stages[static_cast<size_t>(id)],
                   &c = state_.stages[static_cast<size_t>(s.at_stage)];
  NestState& n = nests_[static_cast<size_t>(id)];
  const AxisState& axis = c.axes[static_cast<size_t>(s.at_axis)];
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot keep {} in a rolling buffer at {} of {}: {}", s.name, axis.name,
                                   c.name, why))
        .fact("stage", s.name)
        .fact("axis", axis.name)
        .fix(std::move(fix));
  };
  if (axis.mode != ir::LoopMode::serial && axis.mode != ir::LoopMode::unrolled)
    return refuse(
        "schedule.rolling_buffer.mode",
        fmt::format("the loop is {}, and its iterations must follow one another", ir::to_string(axis.mode)),
        fmt::format("split {}, compute {} at the inner loop and give the outer one the mode", axis.name,
                    s.name));
  n.roll_dim = -1;
  if (ir::is_int(n.enclosing.back().max, 0)) return std::nullopt;  // of one window
  const VarRef& v = n.enclosing.back().var;
  const ir::VarMap next{{v, v + 1}};
  const ir::Bounds outer = bounds_of(n.enclosing);
  for (size_t d = 0; d < n.lo.size(); ++d) {
    const auto moved = ir::as_int(ir::simplify(ir::substitute(n.lo[d], next) - n.lo[d], outer));
    const std::string& dim = s.axes[d].name;
    if (!moved || *moved < 0)
      return refuse("schedule.rolling_buffer.window",
                    fmt::format("its window does not move on along {} by as much each time", dim),
                    "take it back, or compute it at another loop");
    if (*moved == 0) continue;
    if (n.roll_dim >= 0)
      return refuse("schedule.rolling_buffer.window",
                    fmt::format("its window moves along {} and {} at once",
                                s.axes[static_cast<size_t>(n.roll_dim)].name, dim),
                    "compute it at a loop over one dimension");
    n.roll_dim = static_cast<int>(d);
    n.roll_step = *moved;
  }
  if (n.roll_dim < 0)
    return refuse("schedule.rolling_buffer.window", "each iteration needs the same part of it",
                  fmt::format("compute it outside {}", axis.name));
  if (n.roll_step >= n.extent[static_cast<size_t>(n.roll_dim)])
    return refuse("schedule.rolling_buffer.window",
                  fmt::format("a window of {} along {} moves by {}, so that nothing of it is kept",
                              n.extent[static_cast<size_t>(n.roll_dim)],
                              s.axes[static_cast<size_t>(n.roll_dim)].name, n.roll_step),
                  "leave the step out: there is nothing that two iterations share");
  return std::nullopt;
}

Window Nests::window(int stage, int reader, const Hint& hint) const {
  const StageState &s = state_.stages[static_cast<size_t>(stage)],
                   &q = state_.stages[static_cast<size_t>(reader)];
  const auto fixed = loops_of(reader, q.leaf_position(hint.axis) + 1);
  const size_t rank = s.vars.size();
  std::vector<Expr> lo(rank), hi(rank);
  (void)read_region(stage, reader, fixed, lo, hi);
  const VarRef& loop = nests_[static_cast<size_t>(reader)].axis_var[static_cast<size_t>(hint.axis)];
  const ir::VarMap later{{loop, loop + int_imm(hint.distance)}};
  const ir::Bounds outer = bounds_of(fixed);
  Window w;
  for (size_t d = 0; d < rank; ++d) {
    const int64_t shape = ir::as_int(s.buffers[0]->shape[d]).value_or(0);
    const ir::Interval count = ir::interval_of(ir::simplify(hi[d] - lo[d] + 1, outer), outer);
    w.lo.push_back(ir::substitute(lo[d], later));
    w.extent.push_back(std::clamp<int64_t>(count.hi.value_or(shape), 0, shape));
  }
  // neighbours in memory: along the last dimension of the layout
  w.step.assign(rank, 1);
  const int64_t line = std::max<int64_t>(kLineBytes / std::max(s.buffers[0]->type.bytes(), 1), 1);
  if (s.layout.empty() && rank > 0) w.step.back() = line;
  if (!s.layout.empty() && s.layout.back().div == 1) {
    const LayoutDim& last = s.layout.back();
    w.step[static_cast<size_t>(last.axis)] = last.mod != 0 ? std::min(line, last.mod) : line;
  }
  return w;
}

void Nests::derive_axes(int id) {
  const StageState& s = state_.stages[static_cast<size_t>(id)];
  NestState& n = nests_[static_cast<size_t>(id)];
  n.axis_extent.assign(s.axes.size(), 0);
  for (size_t d = 0; d < s.vars.size(); ++d) n.axis_extent[d] = n.extent[d];
  for (size_t k = 0; k < s.reduce.size(); ++k)
    n.axis_extent[s.vars.size() + k] = ir::as_int(s.reduce[k].extent).value_or(0);
  for (const Relation& r : s.relations) {
    auto& ext = n.axis_extent;
    const auto at = [&](int i) -> int64_t& { return ext[static_cast<size_t>(i)]; };
    const int64_t whole = at(r.parent);
    if (r.kind == Relation::fuse) {
      at(r.parent) = at(r.outer) * at(r.inner);
    } else if (r.kind == Relation::split) {
      at(r.inner) = std::clamp<int64_t>(r.number, 1, std::max<int64_t>(whole, 1));
      at(r.outer) = (whole + at(r.inner) - 1) / at(r.inner);
    } else {
      const int64_t parts = std::clamp<int64_t>(r.number, 1, std::max<int64_t>(whole, 1));
      at(r.inner) = std::max<int64_t>((whole + parts - 1) / parts, 1);
      at(r.outer) = (whole + at(r.inner) - 1) / at(r.inner);
    }
  }
  n.axis_var.resize(s.axes.size());
  for (const int l : s.leaves)
    n.axis_var[static_cast<size_t>(l)] = ir::var(s.axes[static_cast<size_t>(l)].name);
  if (s.scan >= 0 && s.attach == StageState::root)
    n.axis_var[0] = time_.emplace(s.scan, n.axis_var[0]).first->second;
}

Expr Nests::value(int stage, int axis, const ir::VarMap* subst) const {
  const StageState& s = state_.stages[static_cast<size_t>(stage)];
  const NestState& n = nests_[static_cast<size_t>(stage)];
  if (s.leaf_position(axis) >= 0) {
    const VarRef& v = n.axis_var[static_cast<size_t>(axis)];
    if (subst)
      if (const auto it = subst->find(v); it != subst->end()) return it->second;
    return v;
  }
  for (const Relation& r : s.relations) {
    const auto extent = [&](int i) {
      return int_imm(std::max<int64_t>(n.axis_extent[static_cast<size_t>(i)], 1));
    };
    if (r.kind != Relation::fuse && r.parent == axis)
      return value(stage, r.outer, subst) * extent(r.inner) + value(stage, r.inner, subst);
    if (r.kind == Relation::fuse && r.outer == axis) return value(stage, r.parent, subst) / extent(r.inner);
    if (r.kind == Relation::fuse && r.inner == axis) return value(stage, r.parent, subst) % extent(r.inner);
  }
  TC_ASSERT(false, "an axis that is neither a loop nor related to one");
  return nullptr;
}

Expr Nests::index(int stage, int d, const ir::VarMap* subst) const {
  return nests_[static_cast<size_t>(stage)].lo[static_cast<size_t>(d)] + value(stage, d, subst);
}

std::vector<Expr> Nests::guards(int stage, bool spatial_only, const ir::VarMap* subst) const {
  const StageState& s = state_.stages[static_cast<size_t>(stage)];
  const NestState& n = nests_[static_cast<size_t>(stage)];
  std::vector<Expr> out;
  for (const Relation& r : s.relations) {
    if (r.kind == Relation::fuse || (spatial_only && s.axes[static_cast<size_t>(r.parent)].reduce)) continue;
    const auto extent = [&](int i) { return n.axis_extent[static_cast<size_t>(i)]; };
    if (extent(r.outer) * extent(r.inner) != extent(r.parent))
      out.push_back(value(stage, r.parent, subst) < int_imm(extent(r.parent)));
  }
  for (int d = 0; d < s.rank(); ++d) {
    if (n.guard_lo[static_cast<size_t>(d)]) out.push_back(index(stage, d, subst) >= int_imm(0));
    if (n.guard_hi[static_cast<size_t>(d)])
      out.push_back(index(stage, d, subst) < s.buffers[0]->shape[static_cast<size_t>(d)]);
  }
  return out;
}

ir::VarMap Nests::body_map(int stage) const {
  const StageState& s = state_.stages[static_cast<size_t>(stage)];
  ir::VarMap map;
  for (int d = 0; d < s.rank(); ++d) map[s.vars[static_cast<size_t>(d)]] = index(stage, d);
  for (size_t k = 0; k < s.reduce.size(); ++k)
    map[s.reduce[k].var] = s.reduce[k].min + value(stage, s.rank() + static_cast<int>(k));
  return map;
}

std::vector<Expr> Nests::stored_at(int stage, const std::vector<Expr>& index) const {
  const StageState& s = state_.stages[static_cast<size_t>(stage)];
  const NestState& n = nests_[static_cast<size_t>(stage)];
  std::vector<Expr> local, out;
  for (size_t d = 0; d < index.size(); ++d) {
    if (static_cast<int>(d) == n.roll_dim)
      local.push_back(index[d] % int_imm(n.extent[d]));
    else
      local.push_back(s.attach == StageState::at ? index[d] - n.lo[d] : index[d]);
  }
  if (n.one_step) local[0] = int_imm(0);
  if (s.layout.empty()) return local;
  if (looks_plain(stage)) out.push_back(int_imm(0));
  for (const LayoutDim& d : s.layout) {
    Expr e = local[static_cast<size_t>(d.axis)];
    if (d.div != 1) e = e / int_imm(d.div);
    if (d.mod != 0) e = e % int_imm(d.mod);
    out.push_back(std::move(e));
  }
  return out;
}

std::vector<int64_t> Nests::layout_shape(int stage) const {
  std::vector<int64_t> out;
  for (const LayoutDim& d : state_.stages[static_cast<size_t>(stage)].layout) {
    const int64_t e = kept(stage, d.axis);
    out.push_back(d.mod != 0 ? d.mod : (e + d.div - 1) / d.div);
  }
  return out;
}

bool Nests::looks_plain(int stage) const {
  return state_.stages[static_cast<size_t>(stage)].is_input &&
         layout_shape(stage) == nests_[static_cast<size_t>(stage)].extent;
}

std::vector<Expr> Nests::storage_shape(int stage) const {
  const bool plain = state_.stages[static_cast<size_t>(stage)].layout.empty();
  std::vector<Expr> out;
  if (!plain && looks_plain(stage)) out.push_back(int_imm(1));
  std::vector<int64_t> shape;
  if (plain)
    for (int d = 0; d < state_.stages[static_cast<size_t>(stage)].rank(); ++d)
      shape.push_back(kept(stage, d));
  else
    shape = layout_shape(stage);
  pad(state_.stages[static_cast<size_t>(stage)].align, shape);
  for (const int64_t e : shape) out.push_back(int_imm(e));
  return out;
}

int64_t Nests::kept(int stage, int d) const {
  const NestState& n = nests_[static_cast<size_t>(stage)];
  return n.one_step && d == 0 ? 1 : n.extent[static_cast<size_t>(d)];
}

Check check_regions(const ScheduleState& state) { return Nests(state).infer(); }

}  // namespace tc
