// Putting an intrinsic into the place of loops.
#include "tensorize.h"

#include <fmt/format.h>

#include <algorithm>

#include "nest.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"

namespace tc {
namespace {

using ir::int_imm;
using Loop = TensorSite::Loop;

// base + sum of stride * index, where indices may be vectors; sums of ramps are ramps.
Expr place_index(const Expr& base, const std::vector<int64_t>& stride, const std::vector<Expr>& index) {
  Expr sum = base;
  for (size_t d = 0; d < index.size(); ++d) {
    if (stride[d] == 0) continue;
    const Expr n = int_imm(stride[d]);
    const auto *r = index[d].as<ir::Ramp>(), *s = sum.as<ir::Ramp>();
    if (r && s)
      sum = ir::ramp(s->base + r->base * n, s->stride + r->stride * n, r->type.lanes);
    else if (r && sum->type.is_scalar())
      sum = ir::ramp(sum + r->base * n, r->stride * n, r->type.lanes);
    else if (s && index[d]->type.is_scalar())
      sum = ir::ramp(s->base + index[d] * n, s->stride, s->type.lanes);
    else
      sum = sum + index[d] * n;
  }
  return sum;
}

}  // namespace

Check check_tensorized(const ScheduleState& state, int id) {
  const StageState& s = state.stages[static_cast<size_t>(id)];
  const int first = s.leaf_position(s.tensor_axis);
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot tensorize {}: {}", s.name, why))
        .fact("stage", s.name)
        .fact("axis", s.axes[static_cast<size_t>(s.tensor_axis)].name)
        .fact("loops", list_loops(s))
        .fix(std::move(fix));
  };
  if (s.buffers.size() != 1)
    return refuse("schedule.tensorize.outputs", "it computes several tensors",
                  "tensorize a stage of one output");
  for (int p = 0; p < static_cast<int>(s.leaves.size()); ++p) {
    const int axis = s.leaves[static_cast<size_t>(p)];
    const AxisState& a = s.axes[static_cast<size_t>(axis)];
    if (a.mode == ir::LoopMode::vectorized || (p >= first && a.mode != ir::LoopMode::serial))
      return refuse("schedule.tensorize.mode", fmt::format("{} is {}", a.name, ir::to_string(a.mode)),
                    "leave the loops inside serial, and no loop around them vectorized");
    for (const StageState& other : state.stages)
      if (p >= first && other.attach == StageState::at && other.at_stage == id && other.at_axis == axis)
        return refuse("schedule.tensorize.attached", fmt::format("{} is computed inside it", other.name),
                      fmt::format("compute {} at a loop around the intrinsic", other.name));
  }
  return std::nullopt;
}

TensorSite tensor_site(const ScheduleState& state, const Nests& nests, int id) {
  const StageState& s = state.stages[static_cast<size_t>(id)];
  const NestState& n = nests.of(id);
  TensorSite site;
  site.stage = s.name;
  site.axis = s.axes[static_cast<size_t>(s.tensor_axis)].name;
  site.loops_text = list_loops(s);
  for (const ir::VarRange& v : n.enclosing) site.bounds.push(v.var, v.min, v.max);
  for (int p = 0; p < static_cast<int>(s.leaves.size()); ++p) {
    const auto axis = static_cast<size_t>(s.leaves[static_cast<size_t>(p)]);
    site.bounds.push_loop(n.axis_var[axis], int_imm(0), n.axis_extent[axis]);
    if (p < s.leaf_position(s.tensor_axis)) continue;
    const auto extent = ir::as_int(n.axis_extent[axis]);
    if (!extent)
      throw needs_number(
          fmt::format("tensorizing {}", site.axis), s.name, s.axes[axis].name, n.axis_extent[axis],
          fmt::format("split {} by a factor, and tensorize the inner loops", s.axes[axis].name));
    site.loops.push_back({n.axis_var[axis], *extent, s.axes[axis].reduce});
  }
  return site;
}

ir::Stmt place_program(const FuncRef& program, const std::vector<TensorPart>& parts) {
  const auto part_of = [&](const BufferRef& b) -> const TensorPart* {
    for (size_t i = 0; i < parts.size(); ++i)
      if (program->params[i].same(b)) return &parts[i];
    return nullptr;
  };
  const auto indices = [&](const TensorPart& part, const std::vector<Expr>& index, int lanes) {
    std::vector<Expr> out;
    bool vector = false;
    for (size_t b = 0; b < part.base.size(); ++b) {
      out.push_back(place_index(part.base[b], part.stride[b], index));
      vector |= !out.back()->type.is_scalar();
    }
    // a parameter that stands still in memory is read at one place by all lanes
    if (lanes > 1 && !vector && !out.empty()) out[0] = ir::broadcast(out[0], lanes);
    return out;
  };
  ir::BufferMap fresh;  // a program may be placed more than once
  ir::walk<ir::Alloc>(program->body, [&](const ir::Alloc& a) {
    fresh[a.buffer] = ir::buffer(a.buffer->name, a.buffer->type, a.buffer->shape, a.buffer->scope);
  });
  return ir::rewrite(
      ir::substitute(program->body, fresh),
      [&](const ir::Load& l) -> Expr {
        const TensorPart* part = part_of(l.buffer);
        if (!part) return nullptr;
        const Expr value = ir::load(part->buffer, indices(*part, l.indices, l.type.lanes));
        // of a tensor without dimensions there is no index to broadcast
        return value->type.lanes == l.type.lanes ? value : ir::broadcast(value, l.type.lanes);
      },
      [&](const ir::Store& s) -> ir::Stmt {
        const TensorPart* part = part_of(s.buffer);
        return part ? ir::store(part->buffer, indices(*part, s.indices, s.value->type.lanes), s.value)
                    : nullptr;
      });
}

namespace {
// When the condition holds for all values of the loops; null where that is not found.
Expr for_all_of(const Expr& condition, const std::vector<Loop>& loops, const ir::Bounds& bounds) {
  const auto* b = condition.as<ir::Binary>();
  const bool varies = std::any_of(loops.begin(), loops.end(),
                                  [&](const Loop& l) { return ir::uses_var(*condition, *l.var); });
  if (!varies) return condition;
  if (!b) return nullptr;
  if (b->op == ir::BinaryOp::and_) {
    const Expr x = for_all_of(b->a, loops, bounds), y = for_all_of(b->b, loops, bounds);
    return x && y ? ir::logical_and(x, y) : nullptr;
  }
  if (b->a->type != ir::kIndex) return nullptr;
  Expr least;  // of what must be positive
  if (b->op == ir::BinaryOp::lt) least = b->b - b->a;
  if (b->op == ir::BinaryOp::le) least = b->b - b->a + 1;
  if (b->op == ir::BinaryOp::gt) least = b->a - b->b;
  if (b->op == ir::BinaryOp::ge) least = b->a - b->b + 1;
  if (!least) return nullptr;
  std::vector<ir::VarRange> ranges;
  for (const Loop& l : loops) ranges.push_back({l.var, int_imm(0), int_imm(l.extent - 1)});
  const Expr lo = ir::symbolic_bounds(ir::simplify(least, bounds), ranges, bounds).first;
  return lo ? ir::simplify(lo > int_imm(0), bounds) : nullptr;
}
}  // namespace

ir::Stmt whole_or_loops(const TensorSite& site, const std::vector<Expr>& conditions, const ir::Stmt& whole,
                        ir::Stmt loops, const ir::VarMap& renamed) {
  Expr outside = ir::bool_imm(true), inside = ir::bool_imm(true);
  for (const Expr& c : conditions) {
    const bool varies = std::any_of(site.loops.begin(), site.loops.end(),
                                    [&](const Loop& l) { return ir::uses_var(*c, *l.var); });
    const Expr all = for_all_of(c, site.loops, site.bounds);
    if (!all)
      throw Error(
          "schedule.tensorize.condition",
          fmt::format("a condition of {} changes inside the intrinsic in a way that is not understood",
                      site.stage))
          .fact("stage", site.stage)
          .fact("axis", site.axis)
          .fact("condition", ir::to_string(c))
          .fix("compute what is behind the condition as a stage of its own, e.g. with op.pad");
    Expr& conjunction = varies ? inside : outside;
    conjunction = ir::logical_and(conjunction, all);
  }
  const bool always = ir::is_int(ir::simplify(inside, site.bounds), 1);
  const ir::Stmt tile = ir::substitute(whole, renamed);
  return ir::if_(ir::substitute(outside, renamed),
                 always ? tile : ir::if_(ir::substitute(inside, renamed), tile, std::move(loops)));
}

}  // namespace tc
