#include "nest.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tc/ir/print.h"
#include "tc/ir/simplify.h"

namespace tc {

using ir::int_imm;

namespace {

constexpr int64_t kLineBytes = 64;  // of a cache

// Makes dimensions longer until those outside them have the strides asked for, from the
// inside out, as outer strides are products of inner extents.
void pad(std::vector<Alignment> all, const StageState& s, std::vector<Expr>& extents) {
  if (all.empty()) return;
  std::vector<int64_t> shape;  // an extent that is no number is outside of all that are aligned
  for (size_t d = 0; d < extents.size(); ++d) {
    const auto n = ir::as_int(extents[d]);
    for (const Alignment& a : all)
      if (!n && static_cast<int>(d) > a.dim)
        throw needs_number(fmt::format("storage_align of {}", s.name), s.name, "", extents[d],
                           "align a dimension inside which all extents are numbers");
    shape.push_back(n.value_or(0));
  }
  std::sort(all.begin(), all.end(), [](const Alignment& a, const Alignment& b) { return a.dim > b.dim; });
  for (const Alignment& a : all) {
    const auto d = static_cast<size_t>(a.dim) + 1;
    int64_t inner = 1;
    for (size_t i = d + 1; i < shape.size(); ++i) inner = inner * shape[i] % a.factor;
    // within `factor` steps: an offset is given only where inner is 1
    for (int64_t tries = 0; tries < a.factor && inner * (shape[d] % a.factor) % a.factor != a.offset; ++tries)
      ++shape[d];
  }
  for (size_t d = 0; d < extents.size(); ++d)
    if (ir::as_int(extents[d])) extents[d] = int_imm(shape[d]);
}

Expr at_least_1(const Expr& e) {
  if (const auto n = ir::as_int(e)) return int_imm(std::max<int64_t>(*n, 1));
  return Extent(e).at_least(1) ? e : ir::max(e, int_imm(1));
}

// whole / number, rounded up.
Expr ceil_div(const Expr& whole, int64_t number) {
  if (const auto n = ir::as_int(whole)) return int_imm((*n + number - 1) / number);
  return ir::simplify((whole + int_imm(number - 1)) / int_imm(number));
}

}  // namespace

bool fills(const Expr& a, const Expr& b, const Expr& whole) {
  const auto x = ir::as_int(a), y = ir::as_int(b), n = ir::as_int(whole);
  if (x && y && n) return *x * *y == *n;
  return ir::is_int(ir::simplify(a * b - whole), 0);
}

Error needs_number(const std::string& what, const std::string& stage, const std::string& axis,
                   const Expr& extent, std::string fix) {
  Error e("schedule.extent",
          fmt::format("{} needs an extent that is a number, and {} is known at the call only", what,
                      ir::to_string(extent)));
  (void)std::move(e).fact("stage", stage);
  if (!axis.empty()) (void)std::move(e).fact("axis", axis);
  return std::move(e).fact("extent", ir::to_string(extent)).fix(std::move(fix));
}

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
    const auto number = ir::as_int(n.axis_extent[axis]);
    out.push_back({n.axis_var[axis], int_imm(0),
                   number ? int_imm(std::max<int64_t>(*number, 1) - 1)
                          : ir::simplify(n.axis_extent[axis] - int_imm(1))});
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
  const std::vector<Expr>& shape = s.buffers[0]->shape;
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
    const auto whole = ir::as_int(shape[d]);
    if (range.hi && !(whole && *range.hi >= *whole)) {
      n.extent[d] = int_imm(std::max<int64_t>(*range.hi, 0));
    } else if (!range.hi && !whole && ir::is_of_sizes(count) && ir::prove(count >= shape[d], outer) != true) {
      n.extent[d] = Extent(count).at_least(0) ? count : ir::max(count, int_imm(0));
    } else {
      continue;  // all of it
    }
    n.lo[d] = lo[d];
    const ir::Interval first = ir::interval_of(lo[d], outer);
    n.guard_lo[d] = (!first.lo || *first.lo < 0) && (whole || ir::prove(lo[d] >= int_imm(0), outer) != true);
    const Expr end = ir::simplify(lo[d] + n.extent[d], outer);
    const ir::Interval last = ir::interval_of(end, outer);
    n.guard_hi[d] = whole ? !last.hi || *last.hi > *whole : ir::prove(end <= shape[d], outer) != true;
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
  const VarRef& v = n.enclosing.back().var;
  const ir::VarMap next{{v, v + 1}};
  const ir::Bounds outer = bounds_of(n.enclosing);
  n.roll_dim = -1;
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
  const auto window = ir::as_int(n.extent[static_cast<size_t>(n.roll_dim)]);
  if (!window)
    return needs_number(fmt::format("the rolling buffer of {}", s.name), s.name, axis.name,
                        n.extent[static_cast<size_t>(n.roll_dim)],
                        "compute it at an inner loop, where its window has a number of elements");
  if (n.roll_step >= *window)
    return refuse("schedule.rolling_buffer.window",
                  fmt::format("a window of {} along {} moves by {}, so that nothing of it is kept", *window,
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
    const Expr& shape = s.buffers[0]->shape[d];
    const int64_t most = ir::as_int(shape).value_or(std::numeric_limits<int64_t>::max());
    const ir::Interval count = ir::interval_of(ir::simplify(hi[d] - lo[d] + 1, outer), outer);
    w.lo.push_back(ir::substitute(lo[d], later));
    w.extent.push_back(count.hi ? int_imm(std::clamp<int64_t>(*count.hi, 0, most)) : shape);
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
  n.axis_extent.assign(s.axes.size(), int_imm(0));
  for (size_t d = 0; d < s.vars.size(); ++d) n.axis_extent[d] = n.extent[d];
  for (size_t k = 0; k < s.reduce.size(); ++k) n.axis_extent[s.vars.size() + k] = s.reduce[k].extent;
  for (const Relation& r : s.relations) {
    auto& ext = n.axis_extent;
    const auto at = [&](int i) -> Expr& { return ext[static_cast<size_t>(i)]; };
    const auto whole = ir::as_int(at(r.parent));
    if (r.kind == Relation::fuse) {
      at(r.parent) = ir::simplify(at(r.outer) * at(r.inner));
    } else if (!whole) {  // pieces of the size asked for, or as many as asked for
      at(r.inner) = r.kind == Relation::split ? int_imm(r.number) : ceil_div(at(r.parent), r.number);
      at(r.outer) = r.kind == Relation::split ? ceil_div(at(r.parent), r.number) : int_imm(r.number);
    } else {
      int64_t inner = std::clamp<int64_t>(r.number, 1, std::max<int64_t>(*whole, 1));
      if (r.kind == Relation::parts) inner = std::max<int64_t>((*whole + inner - 1) / inner, 1);
      at(r.inner) = int_imm(inner);
      at(r.outer) = int_imm((*whole + inner - 1) / inner);
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
    // where the loops do not run a quotient may still be computed
    const auto extent = [&](int i) { return at_least_1(n.axis_extent[static_cast<size_t>(i)]); };
    if (r.kind != Relation::fuse && r.parent == axis) {
      const Expr& inner = n.axis_extent[static_cast<size_t>(r.inner)];
      return value(stage, r.outer, subst) * (ir::as_int(inner) ? extent(r.inner) : inner) +
             value(stage, r.inner, subst);
    }
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
    if (!fills(extent(r.outer), extent(r.inner), extent(r.parent)))
      out.push_back(value(stage, r.parent, subst) < extent(r.parent));
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
      local.push_back(index[d] % n.extent[d]);
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

std::vector<Expr> Nests::layout_shape(int stage) const {
  std::vector<Expr> out;
  for (const LayoutDim& d : state_.stages[static_cast<size_t>(stage)].layout)
    out.push_back(d.mod != 0 ? int_imm(d.mod) : ceil_div(kept(stage, d.axis), d.div));
  return out;
}

bool Nests::looks_plain(int stage) const {
  if (!state_.stages[static_cast<size_t>(stage)].is_input) return false;
  const auto packed = layout_shape(stage);
  const auto& plain = nests_[static_cast<size_t>(stage)].extent;
  return packed.size() == plain.size() &&
         std::equal(packed.begin(), packed.end(), plain.begin(), &ir::same_expr);
}

std::vector<Expr> Nests::storage_shape(int stage) const {
  const StageState& s = state_.stages[static_cast<size_t>(stage)];
  if (s.is_input && !s.layout.empty())
    for (const Expr& e : s.buffers[0]->shape)
      if (!ir::as_int(e))
        throw needs_number(fmt::format("a layout of the input {}", s.name), s.name, "", e,
                           "lay out a copy: cache_read it, and give the layout to the copy");
  std::vector<Expr> out, shape;
  if (!s.layout.empty() && looks_plain(stage)) out.push_back(int_imm(1));
  if (s.layout.empty())
    for (int d = 0; d < s.rank(); ++d) shape.push_back(kept(stage, d));
  else
    shape = layout_shape(stage);
  pad(s.align, s, shape);
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

Expr Nests::kept(int stage, int d) const {
  const NestState& n = nests_[static_cast<size_t>(stage)];
  return n.one_step && d == 0 ? int_imm(1) : n.extent[static_cast<size_t>(d)];
}

Check check_regions(const ScheduleState& state) { return Nests(state).infer(); }

}  // namespace tc
