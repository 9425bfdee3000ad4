// The steps of a plan.
#include <fmt/format.h>

#include <algorithm>

#include "legalize_detail.h"
#include "tc/codegen/accel_schedule.h"

namespace tc::accel {
namespace {

bool reads(const Tensor& reader, const Tensor& copy) {
  bool found = false;
  ir::walk<ir::Load>(reader.op().values[0],
                     [&](const ir::Load& l) { found |= l.buffer.same(copy.buffer()); });
  return found;
}
// Whether what `reader` reads of `copy` moves with its axis number `axis`.
bool moves(const Tensor& reader, const Tensor& copy, size_t axis) {
  bool found = false;
  ir::walk<ir::Load>(reader.op().values[0], [&](const ir::Load& l) {
    if (l.buffer.same(copy.buffer()))
      for (const Expr& i : l.indices) found |= ir::uses_var(*i, *reader.op().axes[axis]);
  });
  return found;
}

class Planner {
 public:
  Planner(Schedule& s, const DeviceOp& op, const DevicePlan& plan) : s_(s), op_(op), plan_(plan) {}

  void run() {
    tile_result();
    if (op_.sums) place_sums();
    for (size_t c = 0; c < op_.copies.size(); ++c) place_copy(c);
  }

 private:
  // Loops over tiles (those of virtual threads last), then inside a tile; and the axis that each
  // loop over tiles belongs to.
  void tile_result() {
    Stage out = s_[op_.out];
    const auto axes = out.axes();
    const auto tiled = tiled_axes(op_);
    std::vector<Axis> outer(tiled.size()), order, inner;
    std::optional<Axis> thread;
    for (size_t d = 0; d < axes.size(); ++d) {
      const auto at = std::find(tiled.begin(), tiled.end(), static_cast<int>(d));
      if (at == tiled.end()) {
        inner.push_back(axes[d]);
        continue;
      }
      const auto i = static_cast<size_t>(at - tiled.begin());
      const auto [o, in] = out.split(axes[d], plan_.tile[i]);
      outer[i] = o;
      inner.push_back(in);
      if (plan_.thread_axis != static_cast<int>(i)) continue;
      const auto [rest, v] = out.split(o, plan_.threads);
      outer[i] = rest, thread = v;
    }
    for (const int i : plan_.order) {
      loops_.push_back(outer[static_cast<size_t>(i)]);
      loop_axis_.push_back(tiled[static_cast<size_t>(i)]);
    }
    if (thread) {
      loops_.push_back(*thread);
      loop_axis_.push_back(tiled[static_cast<size_t>(plan_.thread_axis)]);
    }
    order = loops_;
    order.insert(order.end(), inner.begin(), inner.end());
    out.reorder(order);
    if (thread) out.vthread(*thread);
    for (size_t d = 0; d < axes.size(); ++d)  // each part of a wide result is another shift
      if (op_.roles[d] == AxisRole::plane) out.unroll(axes[d]);
  }

  // Parts of the contraction outside, then its loops inside a part, the tile, and the lanes.
  void place_sums() {
    Stage sums = s_[op_.sums];
    auto reduce = sums.reduce_axes();
    std::vector<Axis> outside, inside, order, tile = sums.axes();
    const Axis row = tile[tile.size() - 2], column = tile[tile.size() - 1];
    tile.resize(tile.size() - 2);
    std::optional<Axis> depth;
    for (size_t k = 0; k < reduce.size(); ++k) {
      if (static_cast<int>(k) == op_.reduce_column) {
        depth = reduce[k];
      } else if (static_cast<int>(k) == op_.reduce_tiles) {
        const auto [o, i] = sums.split(reduce[k], plan_.depth);
        outside.push_back(o), inside.push_back(i);
      } else {
        (plan_.windows_inside ? inside : outside).push_back(reduce[k]);
      }
    }
    for (const auto* part : {&outside, &inside, &tile}) order.insert(order.end(), part->begin(), part->end());
    order.push_back(row), order.push_back(column);
    if (depth) order.push_back(*depth);
    sums.reorder(order);
    sums.compute_at(s_[op_.out], loops_.back());
    sums.set_scope(Scope::acc);
    if (!outside.empty()) part_ = outside.back();
  }

  void place_copy(size_t c) {
    const DeviceCopy& copy = op_.copies[c];
    Stage stage = s_[copy.copy];
    const bool in_sums = op_.sums && reads(op_.sums, copy.copy);
    const bool operand = op_.kind == DeviceOp::Kind::gemm && c < 2;
    const Keep keep = !operand ? (in_sums ? Keep::part : Keep::stay) : c == 0 ? plan_.image : plan_.weight;
    if (keep == Keep::part && in_sums && part_)
      stage.compute_at(s_[op_.sums], *part_);
    else
      stage.compute_at(s_[op_.out],
                       keep == Keep::stay ? loops_[stays_at(copy.copy, in_sums)] : loops_.back());
    stage.set_scope(copy.scope);
  }

  // The innermost loop over tiles with which the copy changes; the first where none does.
  [[nodiscard]] size_t stays_at(const Tensor& copy, bool in_sums) const {
    for (size_t i = loops_.size(); i-- > 1;) {
      auto axis = static_cast<size_t>(loop_axis_[i]);
      if (in_sums)  // sums have no planes
        axis -= static_cast<size_t>(std::count(
            op_.roles.begin(), op_.roles.begin() + static_cast<std::ptrdiff_t>(axis), AxisRole::plane));
      if (moves(in_sums ? op_.sums : op_.out, copy, axis)) return i;
    }
    return 0;
  }

  Schedule& s_;
  const DeviceOp& op_;
  const DevicePlan& plan_;
  std::vector<Axis> loops_;
  std::vector<int> loop_axis_;
  std::optional<Axis> part_;
};

}  // namespace

std::string_view to_string(Keep keep) {
  static constexpr std::string_view kNames[] = {"part", "tile", "stay"};
  return kNames[static_cast<size_t>(keep)];
}

void schedule_device(Schedule& s, const DeviceOp& op, const DevicePlan& plan) { Planner(s, op, plan).run(); }

Expected<Schedule> make_schedule(const Legalized& l, const std::vector<DevicePlan>& plans) {
  const auto bad = [](std::string what) {
    return Error("codegen.accel.plan", std::move(what)).fix("make a plan for each op, of its axes");
  };
  if (plans.size() != l.ops.size())
    return bad(fmt::format("{} plans for {} device results", plans.size(), l.ops.size()));
  for (size_t i = 0; i < plans.size(); ++i) {
    const auto extents = tiled_extents(l.ops[i]);
    const DevicePlan& p = plans[i];
    std::vector<int> order = p.order;
    std::sort(order.begin(), order.end());
    bool ok = p.tile.size() == extents.size() && order.size() == extents.size() && p.depth >= 1 &&
              p.threads >= 2 && p.thread_axis < static_cast<int>(extents.size());
    for (size_t k = 0; ok && k < extents.size(); ++k) ok = p.tile[k] >= 1 && order[k] == static_cast<int>(k);
    if (!ok)
      return bad(
          fmt::format("the plan of {} does not go with its {} axes", l.ops[i].plain.name(), extents.size()));
  }
  try {
    Schedule s(l.outputs);
    for (size_t i = 0; i < plans.size(); ++i) schedule_device(s, l.ops[i], plans[i]);
    return s;
  } catch (const Error& e) {
    return e;
  }
}

Expected<Schedule> default_schedule(const Legalized& l, const isa::MachineConfig& config) {
  std::vector<DevicePlan> plans;
  for (const DeviceOp& op : l.ops) {
    auto plan = default_plan(op, config);
    if (!plan)
      return Error("codegen.accel.capacity",
                   fmt::format("not even single tiles of {} fit the machine", op.plain.name()))
          .fact("inp", std::to_string(config.inp_depth))
          .fact("wgt", std::to_string(config.wgt_depth))
          .fact("acc", std::to_string(config.acc_depth))
          .fix("use a machine with deeper scratchpads, or the CPU");
    plans.push_back(std::move(*plan));
  }
  return make_schedule(l, plans);
}

}  // namespace tc::accel
