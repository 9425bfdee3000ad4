// How long a plan's program is, and what no plan can make fit. Both are asked before anything is
// lowered, so that a computation too large for the device goes to the CPU at once.
#include <fmt/format.h>

#include <algorithm>

#include "plan_parts.h"
#include "tc/codegen/accel.h"

namespace tc::accel {
namespace {

using detail::times, detail::plus;

// One iteration each: the loops over tiles as schedule_device makes them, outermost first.
struct TileLoop {
  int axis = 0;  // of those that are tiled
  int64_t count = 1;
};
std::vector<TileLoop> tile_loops(const DeviceOp& op, const DevicePlan& plan) {
  const auto extents = tiled_extents(op);
  std::vector<TileLoop> out;
  for (const int i : plan.order) {
    const auto at = static_cast<size_t>(i);
    const int64_t tiles = detail::tiles(extents[at], plan.tile[at]);
    out.push_back({i, i == plan.thread_axis ? detail::tiles(tiles, plan.threads) : tiles});
  }
  if (plan.thread_axis >= 0) out.push_back({plan.thread_axis, plan.threads});
  return out;
}
int64_t all_of(const std::vector<TileLoop>& loops, size_t first) {
  int64_t n = 1;
  for (size_t i = 0; i < first; ++i) n = times(n, loops[i].count);
  return n;
}

// How often a copy that stays is made: in each iteration of the loops down to the last that moves it.
int64_t times_kept(const DeviceOp& op, const std::vector<TileLoop>& loops, size_t c) {
  const bool in_sums = detail::read_by_sums(op, c);
  const Op& reader = in_sums ? op.sums.op() : op.out.op();
  const auto tiled = tiled_axes(op);
  for (size_t i = loops.size(); i-- > 1;) {
    auto axis = static_cast<size_t>(tiled[static_cast<size_t>(loops[i].axis)]);
    if (in_sums && op.roles[0] == AxisRole::plane) --axis;  // sums have no planes
    bool moves = false;
    ir::walk<ir::Load>(reader.values[0], [&](const ir::Load& l) {
      for (const Expr& e : l.indices)
        moves |= l.buffer.same(op.copies[c].copy.buffer()) && detail::uses(e, reader.axes[axis]);
    });
    if (moves) return all_of(loops, i + 1);
  }
  return all_of(loops, std::min<size_t>(1, loops.size()));
}

// Transfers for a box of tiles: what follows each other in memory is a row, and rows at one
// distance are one transfer.
int64_t transfers(const std::vector<int64_t>& box, const std::vector<int64_t>& whole) {
  constexpr int64_t kMaxSize = 0xffff;
  std::vector<int64_t> dims;  // innermost first
  bool follows = false;
  for (size_t d = box.size(); d-- > 0;) {
    if (follows)
      dims.back() = times(dims.back(), box[d]);
    else if (box[d] > 1 || dims.empty())
      dims.push_back(box[d]);
    follows = (follows || d + 1 == box.size()) && box[d] == whole[d];
  }
  int64_t n = 1;
  for (size_t i = 0; i < dims.size(); ++i) n = times(n, i < 2 ? detail::tiles(dims[i], kMaxSize) : dims[i]);
  return n;
}

// Instructions for a nest: two loops are an instruction's own, as many more as UOP holds become micro-ops.
int64_t kernels(std::vector<int64_t> counts, const isa::MachineConfig& config) {
  std::sort(counts.begin(), counts.end(), std::greater<>());
  int64_t n = 1, uops = 1;
  for (size_t i = 2; i < counts.size(); ++i) {
    const int64_t more = times(uops, counts[i]);
    if (more > config.uop_depth)
      n = times(n, counts[i]);
    else
      uops = more;
  }
  return n;
}

int64_t operations(const Expr& e) {
  int64_t n = 0;
  ir::walk<ir::Binary>(e, [&](const ir::Binary& b) { n += b.type != ir::kIndex; });
  return n;
}

// What one part of the contraction takes.
int64_t work_of_part(const DeviceOp& op, const DevicePlan& plan, const isa::MachineConfig& config) {
  const auto* r = detail::reduce_of(op);
  if (!r) return 0;
  const bool products = op.kind == DeviceOp::Kind::reduce && !r->source[0].as<ir::Load>();
  if (products)  // made for one element of the window after the other, beside the sums
    return times(plan.windows_inside ? detail::window_elements(op) : 1,
                 times(kernels(plan.tile, config), operations(r->source[0]) + 3));
  std::vector<int64_t> counts = plan.tile;
  counts.push_back(std::min(plan.depth, detail::depth_tiles(op)));
  for (size_t k = 0; plan.windows_inside && k < r->extents.size(); ++k)
    if (static_cast<int>(k) != op.reduce_tiles && static_cast<int>(k) != op.reduce_column)
      counts.push_back(ir::as_int(r->extents[k]).value_or(1));
  return kernels(std::move(counts), config);
}

}  // namespace

int64_t instructions(const DeviceOp& op, const DevicePlan& plan, const isa::MachineConfig& config) {
  const std::vector<TileLoop> loops = tile_loops(op, plan);
  const int64_t tiles = all_of(loops, loops.size());
  const int64_t parts = times(detail::tiles(detail::depth_tiles(op), plan.depth),
                              plan.windows_inside ? 1 : detail::window_elements(op));
  int64_t n = 0;
  for (size_t c = 0; c < op.copies.size(); ++c) {
    const Keep keep = detail::keep_of(op, plan, c);
    std::vector<int64_t> whole = op.copies[c].packed.extents();
    whole.resize(whole.size() - 2);
    const int64_t often = keep == Keep::part   ? times(tiles, parts)
                          : keep == Keep::tile ? tiles
                                               : times_kept(op, loops, c);
    n = plus(n, times(often, transfers(detail::use_of(op, plan, c).box, whole)));
  }
  std::vector<int64_t> whole;
  for (const int axis : tiled_axes(op)) whole.push_back(op.out.extent(axis));
  const int64_t planes = op.planes;
  const int64_t epilogue = times(kernels(plan.tile, config),
                                 times(planes, operations(op.out.op().values[0]) + (planes > 1 ? 2 : 0)));
  const int64_t of_tile =
      plus(plus(times(parts, work_of_part(op, plan, config)), epilogue + (op.sums ? 1 : 0)),
           times(planes, transfers(plan.tile, whole)));
  return plus(n, times(tiles, of_tile));
}

namespace detail {

std::string why_too_large(const DeviceOp& op, const isa::MachineConfig& config) {
  const Footprint least = footprint(op, smallest_plan(op));
  const struct {
    std::string_view pad;
    int64_t needed, depth, bytes;
  } pads[] = {{"inp", least.inp, config.inp_depth, config.inp_bytes()},
              {"wgt", least.wgt, config.wgt_depth, config.wgt_bytes()},
              {"acc", least.acc, config.acc_depth, config.acc_bytes()}};
  for (const auto& p : pads)
    if (p.needed > p.depth)
      return fmt::format(
          "one tile of the result takes {} tiles of {} bytes in {}; {}_depth is {}, {} would do", p.needed,
          p.bytes, p.pad, p.pad, p.depth, p.needed);
  const auto plan = default_plan(op, config);
  if (!plan)  // there are as many tiles, but micro-ops do not reach them
    return fmt::format("one tile of the result takes {} tiles in inp; with acc_depth {} micro-ops name fewer",
                       least.inp, config.acc_depth);
  if (const int64_t n = instructions(op, *plan, config); n > kMaxPlanned)
    return fmt::format("about {} instructions, and a program may have {}; deeper scratchpads need fewer", n,
                       kMaxPlanned);
  return "";
}

}  // namespace detail
}  // namespace tc::accel
