// Operands of device stages: which dimensions are tiles, which are kept for windows
// that move over them, and what the copy on the chip pads.
#include <algorithm>

#include "legalize_detail.h"
#include "tc/ir/simplify.h"

namespace tc::accel::detail {

int64_t tiles(int64_t extent, int64_t tile) { return (extent + tile - 1) / tile; }

bool uses(const Expr& e, const VarRef& v) { return v && ir::uses_var(*e, *v); }

namespace {

Expr index_imm(int64_t v) { return ir::int_imm(v); }

bool has(const Packing& p, const VarRef& lane) {
  return lane && (uses(p.element, lane) || (p.inside && uses(p.inside, lane)));
}

// The variable's value at a lane of a tile.
Expr at_lane(const Expr& tile, int64_t size, const Expr& lane) {
  return size == 1 ? tile : tile * index_imm(size) + lane;
}

Expr all_of(const Expr& a, const Expr& b) { return a ? ir::logical_and(a, b) : b; }

}  // namespace

Tensor pack(const Packing& p, const std::string& name) {
  const bool rows = has(p, p.lanes.row), columns = has(p, p.lanes.column);
  std::vector<int64_t> shape;
  std::vector<std::string> names;
  const auto add = [&](int64_t extent, std::string axis) {
    shape.push_back(extent);
    for (const std::string& n : names)
      if (n == axis) axis += "_" + std::to_string(names.size());
    names.push_back(std::move(axis));
  };
  if (rows) add(tiles(p.lanes.row_extent, p.lanes.rows), p.lanes.row->name + "o");
  if (columns) add(tiles(p.lanes.column_extent, p.lanes.columns), p.lanes.column->name + "o");
  for (const Dim& d : p.dims) add(d.extent, d.var->name);
  add(p.lanes.rows, "row"), add(p.lanes.columns, "column");
  return compute(
      shape,
      [&](const Axes& i) {
        const size_t last = i.size();
        size_t next = 0;
        ir::VarMap map;
        Expr inside;
        const auto lane = [&](const VarRef& v, int64_t size, int64_t extent, const Expr& in_tile) {
          map[v] = at_lane(i[next++], size, in_tile);
          if (extent % size != 0) inside = all_of(inside, map[v] < index_imm(extent));
        };
        if (rows) lane(p.lanes.row, p.lanes.rows, p.lanes.row_extent, i[last - 2]);
        if (columns) lane(p.lanes.column, p.lanes.columns, p.lanes.column_extent, i[last - 1]);
        for (const Dim& d : p.dims) map[d.var] = i[next++];
        if (p.inside) inside = all_of(inside, ir::substitute(p.inside, map));
        const Expr value = ir::cast(p.type, ir::substitute(p.element, map));
        return inside ? if_then_else(inside, value, ir::int_imm(0, p.type)) : value;
      },
      name, names);
}

std::vector<Expr> packed_index(const Packing& p, const ir::VarMap& at, const Expr& row_tile,
                               const Expr& column_tile, const Expr& row, const Expr& column) {
  std::vector<Expr> index;
  if (has(p, p.lanes.row)) index.push_back(row_tile);
  if (has(p, p.lanes.column)) index.push_back(column_tile);
  for (const Dim& d : p.dims) index.push_back(at.at(d.var));
  index.push_back(row), index.push_back(column);
  return index;
}

namespace {

class Planner {
 public:
  Planner(const ir::Load& load, const std::vector<Expr>& conditions, const std::vector<Dim>& vars,
          const std::vector<VarRef>& folded, const Lanes& lanes)
      : load_(load), conditions_(conditions), vars_(vars), folded_(folded) {
    plan_.packing.lanes = lanes;
    for (const Dim& v : vars) bounds_.push(v.var, ir::Interval::range(0, v.extent - 1));
  }

  std::optional<OperandPlan> plan(DType type) {
    std::vector<Expr> indices;
    for (size_t d = 0; d < load_.indices.size(); ++d)
      if (!(is_window(load_.indices[d]) ? window(d, indices) : gather(d, indices))) return std::nullopt;
    if (!conditions_are_padding()) return std::nullopt;
    Packing& p = plan_.packing;
    p.element = ir::load(load_.buffer, indices);
    p.type = type;
    plan_.source = load_.buffer;
    return plan_;
  }

 private:
  [[nodiscard]] bool is_lane(const VarRef& v) const {
    const Lanes& l = plan_.packing.lanes;
    return (l.row && l.row.same(v)) || (l.column && l.column.same(v));
  }
  // A window moves over the dimension: an axis that is summed over is in its index. Where a lane is in
  // it as well, the windows' elements are looked up when packing instead.
  [[nodiscard]] bool is_window(const Expr& e) const {
    const Lanes& l = plan_.packing.lanes;
    if (uses(e, l.row) || uses(e, l.column)) return false;
    return !e.as<ir::Var>() && std::any_of(folded_.begin(), folded_.end(),
                                           [&](const VarRef& v) { return !is_lane(v) && uses(e, v); });
  }

  // The dimension is kept; the copy on the chip has what lies around it as zeros.
  bool window(size_t d, std::vector<Expr>& indices) {
    const Expr& e = load_.indices[d];
    const ir::Interval range = ir::interval_of(e, bounds_);
    const auto extent = ir::as_int(load_.buffer->shape[d]);
    if (!range.lo || !range.hi || !extent || *range.hi - *range.lo > (int64_t{1} << 31)) return false;
    const VarRef v = ir::var(dim_name(d));
    plan_.packing.dims.push_back({v, *extent});
    const int64_t base = std::min<int64_t>(*range.lo, 0);
    plan_.indices.push_back(e);
    plan_.base.push_back(base);
    plan_.extent.push_back(*range.hi - base + 1);
    plan_.padded = plan_.padded || base < 0 || *range.hi >= *extent;
    indices.emplace_back(v);
    return true;
  }

  // The dimension is looked up when packing: the packed tensor has the axes that its index uses.
  bool gather(size_t d, std::vector<Expr>& indices) {
    const Expr& e = load_.indices[d];
    if (e->kind != ir::Kind::Var && !ir::interval_of(e, bounds_).lo) return false;
    for (const Dim& v : vars_) {
      if (!uses(e, v.var) || is_lane(v.var)) continue;
      const bool known = std::any_of(plan_.packing.dims.begin(), plan_.packing.dims.end(),
                                     [&](const Dim& x) { return x.var.same(v.var); });
      if (known) continue;
      plan_.packing.dims.push_back(v);
      plan_.indices.emplace_back(v.var);
      plan_.base.push_back(0);
      plan_.extent.push_back(v.extent);
    }
    const auto extent = ir::as_int(load_.buffer->shape[d]);
    if (!extent) return false;
    if (!ir::interval_of(e, bounds_).within(0, *extent - 1)) {
      Expr& inside = plan_.packing.inside;
      for (const Expr& c : {e >= index_imm(0), e < index_imm(*extent)}) inside = all_of(inside, c);
    }
    indices.push_back(e);
    return true;
  }

  // The read happens exactly where it lies inside the tensor, so that zeros around the tensor
  // are what the conditions mean. That it lies inside where they hold is so in every graph.
  bool conditions_are_padding() {
    ir::Bounds inside = bounds_;
    for (size_t d = 0; d < load_.indices.size(); ++d) {
      inside.assume(load_.indices[d] >= index_imm(0));
      inside.assume(load_.indices[d] < load_.buffer->shape[d]);
    }
    return std::all_of(conditions_.begin(), conditions_.end(),
                       [&](const Expr& c) { return holds(c, inside); });
  }
  static bool holds(const Expr& c, const ir::Bounds& inside) {
    if (const auto* b = c.as<ir::Binary>(); b && b->op == ir::BinaryOp::and_)
      return holds(b->a, inside) && holds(b->b, inside);
    return ir::prove(c, inside) == true;
  }

  [[nodiscard]] std::string dim_name(size_t d) const {
    for (const Dim& v : vars_)  // the spatial axis of the window
      if (uses(load_.indices[d], v.var) &&
          std::none_of(folded_.begin(), folded_.end(), [&](const VarRef& f) { return f.same(v.var); }))
        return v.var->name;
    return "d" + std::to_string(d);
  }

  const ir::Load& load_;
  const std::vector<Expr>& conditions_;
  const std::vector<Dim>& vars_;
  const std::vector<VarRef>& folded_;
  ir::Bounds bounds_;
  OperandPlan plan_;
};

}  // namespace

std::optional<OperandPlan> plan_operand(const ir::Load& load, const std::vector<Expr>& conditions,
                                        const std::vector<Dim>& vars, const std::vector<VarRef>& folded,
                                        const Lanes& lanes, DType type) {
  // the device's transfers are known when the program is made: where memory says what to read, they are not
  bool from_memory = false;
  const auto look = [&](const Expr& e) {
    ir::walk<ir::Load>(e, [&](const ir::Load&) { from_memory = true; });
  };
  for (const Expr& e : load.indices) look(e);
  for (const Expr& e : conditions) look(e);
  if (from_memory) return std::nullopt;
  return Planner(load, conditions, vars, folded, lanes).plan(type);
}

Tensor copy_of(const OperandPlan& plan, const Tensor& packed, DType type, const std::string& name) {
  const std::vector<int64_t> from = packed.extents();
  std::vector<int64_t> shape = from;
  const size_t dims = plan.packing.dims.size(), first = from.size() - dims - 2;
  for (size_t d = 0; d < dims; ++d) shape[first + d] = plan.extent[d];
  std::vector<std::string> names;
  for (const VarRef& v : packed.op().axes) names.push_back(v->name);
  return compute(
      shape,
      [&](const Axes& i) {
        Axes index = i;
        Expr inside;
        for (size_t d = 0; d < dims; ++d) {
          const size_t at = first + d;
          index[at] = plan.base[d] == 0 ? i[at] : i[at] + index_imm(plan.base[d]);
          if (plan.base[d] < 0) inside = all_of(inside, i[at] >= index_imm(-plan.base[d]));
          if (plan.base[d] + plan.extent[d] > from[at])
            inside = all_of(inside, i[at] < index_imm(from[at] - plan.base[d]));
        }
        const Expr value = ir::cast(type, packed.at(index));
        return inside ? if_then_else(inside, value, ir::int_imm(0, type)) : value;
      },
      name, names);
}

}  // namespace tc::accel::detail
