// What a plan takes of the scratchpads, and a plan that fits.
#include <algorithm>
#include <numeric>

#include "plan_parts.h"
#include "tc/ir/affine.h"
#include "tc/isa/layout.h"

namespace tc::accel {

namespace detail {

constexpr int64_t kMost = int64_t{1} << 40;
int64_t times(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) || out > kMost ? kMost : out;
}
int64_t plus(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_add_overflow(a, b, &out) || out > kMost ? kMost : out;
}

const ir::Reduce* reduce_of(const DeviceOp& op) {
  return op.sums ? op.sums.op().values[0].as<ir::Reduce>() : nullptr;
}

namespace {

int64_t constant(const Expr& e) { return ir::as_int(e).value_or(1); }

// How many values each variable of a stage takes while a copy is used.
using Extents = std::unordered_map<VarRef, int64_t, ir::RefHash, ir::RefSame>;

// Tiles of the copy that a stage with such extents reads, in each dimension.
std::vector<int64_t> tiles_read(const Op& stage, const Tensor& copy, const Extents& extents) {
  const size_t lanes = 2;
  std::vector<int64_t> most(static_cast<size_t>(copy.ndim()) - lanes, 1);
  const auto& value = stage.values[0];
  ir::walk<ir::Load>(value, [&](const ir::Load& l) {
    if (!l.buffer.same(copy.buffer())) return;
    for (size_t d = 0; d < most.size(); ++d) {
      const int64_t whole = constant(l.buffer->shape[d]);
      int64_t n = 1;
      const auto sum = ir::to_affine(l.indices[d]);
      if (!sum)
        n = whole;
      else
        for (const ir::AffineTerm& t : sum->terms) {
          const auto* v = t.atom.as<ir::Var>();
          const auto at = v ? extents.find(VarRef(v)) : extents.end();
          if (at == extents.end())
            n = whole;
          else
            n = plus(n, times(std::abs(t.coef), at->second - 1));
        }
      most[d] = std::max(most[d], std::min(n, whole));
    }
  });
  return most;
}

// Axes of `stage` with the extents of a tile; dims of out before `skip` are left out.
Extents tile_extents(const DeviceOp& op, const DevicePlan& plan, const Op& stage, bool planes) {
  Extents out;
  const auto tiled = tiled_axes(op);
  size_t at = 0;
  for (size_t d = 0; d < op.roles.size(); ++d) {
    if (op.roles[d] == AxisRole::plane && !planes) continue;
    const VarRef& v = stage.axes[at++];
    const auto found = std::find(tiled.begin(), tiled.end(), static_cast<int>(d));
    out[v] = found == tiled.end() ? op.out.extent(static_cast<int>(d))
                                  : plan.tile[static_cast<size_t>(found - tiled.begin())];
  }
  return out;
}

}  // namespace

bool read_by_sums(const DeviceOp& op, size_t c) {
  bool found = false;
  if (op.sums)
    ir::walk<ir::Load>(op.sums.op().values[0],
                       [&](const ir::Load& l) { found |= l.buffer.same(op.copies[c].copy.buffer()); });
  return found;
}
Keep keep_of(const DeviceOp& op, const DevicePlan& plan, size_t c) {
  if (op.kind == DeviceOp::Kind::gemm && c < 2) return c == 0 ? plan.image : plan.weight;
  return read_by_sums(op, c) ? Keep::part : Keep::stay;
}

int64_t CopyUse::tiles() const { return std::accumulate(box.begin(), box.end(), int64_t{1}, times); }

CopyUse use_of(const DeviceOp& op, const DevicePlan& plan, size_t c) {
  const auto tiled = tiled_axes(op);
  const DeviceCopy& copy = op.copies[c];
  const bool in_sums = read_by_sums(op, c);
  const Op& reader = in_sums ? op.sums.op() : op.out.op();
  Extents e = tile_extents(op, plan, reader, !in_sums);
  const Keep keep = keep_of(op, plan, c);
  if (in_sums) {
    const auto* r = reduce_of(op);
    for (size_t k = 0; k < r->vars.size(); ++k) {
      const bool part = keep == Keep::part && static_cast<int>(k) == op.reduce_tiles;
      const bool lane = static_cast<int>(k) == op.reduce_column;
      const bool single = keep == Keep::part && !plan.windows_inside && !lane && !part;
      e[r->vars[k]] = part ? plan.depth : single ? 1 : constant(r->extents[k]);
    }
  }
  // what stays is shared by the virtual threads where it does not change with their axis
  bool shared = keep == Keep::stay && plan.thread_axis >= 0;
  if (shared) {
    const auto d = static_cast<size_t>(tiled[static_cast<size_t>(plan.thread_axis)]);
    size_t at = 0;  // that axis in the reader, which may have no planes
    for (size_t i = 0; i < d; ++i) at += op.roles[i] != AxisRole::plane || !in_sums;
    ir::walk<ir::Load>(reader.values[0], [&](const ir::Load& l) {
      for (const Expr& i : l.indices)
        shared = shared && !(l.buffer.same(copy.copy.buffer()) && detail::uses(i, reader.axes[at]));
    });
  }
  return {tiles_read(reader, copy.copy, e), shared};
}

int64_t depth_tiles(const DeviceOp& op) {
  const auto* r = reduce_of(op);
  return op.reduce_tiles < 0 ? 1 : constant(r->extents[static_cast<size_t>(op.reduce_tiles)]);
}

int64_t window_elements(const DeviceOp& op) {
  const auto* r = reduce_of(op);
  int64_t n = 1;
  for (size_t k = 0; r && k < r->vars.size(); ++k)
    if (static_cast<int>(k) != op.reduce_tiles && static_cast<int>(k) != op.reduce_column)
      n = times(n, constant(r->extents[k]));
  return n;
}

DevicePlan smallest_plan(const DeviceOp& op) {
  DevicePlan p;
  p.tile.assign(tiled_axes(op).size(), 1);
  p.order.resize(p.tile.size());
  std::iota(p.order.begin(), p.order.end(), 0);
  p.windows_inside = false;
  return p;
}

namespace {

// As AluLowering (alu.cpp) evaluates: an operation overwrites an operand that it computed itself, or
// `own`, which nobody reads again; where both are others' and for numbers of many bits, it takes a tile.
struct AluTemporaries {
  int64_t tiles = 0;  // for one tile of the value
  bool own = false;   // the value lies in a tile that may be overwritten
};
AluTemporaries temporaries(const Expr& e, const Expr& own) {
  if (const auto n = ir::as_int(e)) return {*n < INT16_MIN || *n > INT16_MAX ? 1 : 0, false};
  if (e.as<ir::Load>()) return {0, own && ir::same_expr(e, own)};
  if (const auto* c = e.as<ir::Cast>()) {
    const AluTemporaries x = temporaries(c->value, own);
    return c->type.bits >= c->value->type.bits || x.own ? x : AluTemporaries{x.tiles + 1, true};
  }
  const auto* b = e.as<ir::Binary>();
  if (!b) return {1, true};
  const AluTemporaries x = temporaries(b->a, own), y = temporaries(b->b, own);
  const bool shift = b->op == ir::BinaryOp::shr || b->op == ir::BinaryOp::shl;
  return {x.tiles + y.tiles + !(x.own || (y.own && !shift)), true};
}

// Of the statements that compute for a tile of the result, the most that one takes.
int64_t alu_tiles(const DeviceOp& op) {
  int64_t most = 0;
  if (op.kind == DeviceOp::Kind::reduce) most = temporaries(reduce_of(op)->source[0], {}).tiles;
  Expr value = op.out.op().values[0];
  while (const auto* c = value.as<ir::Cast>()) value = c->value;  // OUT keeps the low bits
  Expr sums;                                                      // read once, they are overwritten
  bool again = op.roles[0] == AxisRole::plane;
  ir::walk<ir::Load>(value, [&](const ir::Load& l) {
    if (!op.sums || !l.buffer.same(op.sums.buffer())) return;
    again = again || sums;
    sums = Expr(&l);
  });
  if (ir::as_int(value)) return std::max<int64_t>(most, 1);
  return std::max(most, temporaries(value, again ? Expr() : sums).tiles);
}

}  // namespace
}  // namespace detail

using detail::times, detail::plus, detail::use_of, detail::CopyUse, detail::depth_tiles;

std::vector<int> tiled_axes(const DeviceOp& op) {
  std::vector<int> out;
  for (size_t d = 0; d < op.roles.size(); ++d)
    if (op.roles[d] == AxisRole::row_tile || op.roles[d] == AxisRole::column_tile ||
        op.roles[d] == AxisRole::outer)
      out.push_back(static_cast<int>(d));
  return out;
}
std::vector<int64_t> tiled_extents(const DeviceOp& op) {
  std::vector<int64_t> out;
  for (const int d : tiled_axes(op)) out.push_back(op.out.extent(d));
  return out;
}

bool Footprint::fits(const isa::MachineConfig& config) const {
  const int64_t named = int64_t{1} << isa::field_widths(config).acc;
  return inp <= std::min(config.inp_depth, named) && wgt <= config.wgt_depth && acc <= config.acc_depth;
}

Footprint footprint(const DeviceOp& op, const DevicePlan& plan) {
  Footprint f;
  const int64_t threads = plan.thread_axis < 0 ? 1 : plan.threads;
  const auto add = [&](Scope scope, int64_t n) {
    int64_t& sum = scope == Scope::inp ? f.inp : scope == Scope::wgt ? f.wgt : f.acc;
    sum = plus(sum, n);
  };
  int64_t n = 1;
  for (const int64_t t : plan.tile) n = times(n, t);
  if (op.sums) add(Scope::acc, times(n, threads));
  // one operation after the other computes for the whole tile
  add(Scope::acc, times(n, detail::alu_tiles(op)));
  for (size_t c = 0; c < op.copies.size(); ++c) {
    const CopyUse use = use_of(op, plan, c);
    add(op.copies[c].scope, times(use.tiles(), use.shared ? 1 : threads));
  }
  return f;
}

namespace {
// The first part's load is waited for and the last one's work hides nothing: parts are small, but
// long enough for what each costs.
constexpr int64_t kPartCycles = 1024;
int64_t cycles_of_part(const DeviceOp& op, const DevicePlan& plan) {
  int64_t n = plan.windows_inside ? detail::window_elements(op) : 1;
  for (const int64_t t : plan.tile) n = times(n, t);
  return n;
}

// The largest size with which the plan fits, `whole` in as few and even pieces as that allows; 1 fits.
int64_t largest(const DevicePlan& plan, int64_t whole, const std::function<bool(const DevicePlan&)>& fits,
                const std::function<void(DevicePlan&, int64_t)>& set) {
  int64_t low = 1, high = std::max<int64_t>(whole, 1);
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    DevicePlan q = plan;
    set(q, middle);
    if (fits(q))
      low = middle;
    else
      high = middle - 1;
  }
  return detail::tiles(std::max<int64_t>(whole, 1), detail::tiles(std::max<int64_t>(whole, 1), low));
}
}  // namespace

namespace {

// Cycles, roughly: parts whose load and product overlap, the ALU's work, and the first load.
double estimate(const DeviceOp& op, const DevicePlan& plan, const isa::MachineConfig& config) {
  const auto extents = tiled_extents(op);
  double tiles = 1, work = 1, parts = 1;  // work: of all tiles, those cut short as far as they go
  for (size_t i = 0; i < extents.size(); ++i) {
    tiles *= static_cast<double>(detail::tiles(extents[i], plan.tile[i]));
    work *= static_cast<double>(extents[i]);
  }
  parts = static_cast<double>(detail::tiles(depth_tiles(op), plan.depth));
  const double results = work;
  double one = 1;
  for (const int64_t t : plan.tile) one *= static_cast<double>(t);
  const double gemm =
      results * static_cast<double>(cycles_of_part(op, plan)) / one * static_cast<double>(depth_tiles(op));
  const auto bytes = [&](double n) { return n / static_cast<double>(config.dram_bytes_per_cycle); };
  double load = 0;
  for (size_t c = 0; c < 2; ++c) {
    const auto n = static_cast<double>(use_of(op, plan, c).tiles());
    load += static_cast<double>(config.dram_latency) +
            std::max(n, bytes(n * static_cast<double>(c == 0 ? config.inp_bytes() : config.wgt_bytes())));
  }
  int64_t operations = 1;  // and the reset
  ir::walk<ir::Binary>(op.out.op().values[0], [&](const ir::Binary& b) { operations += b.type == kI32; });
  const double alu = results * static_cast<double>(operations * config.alu_cycles());
  const double store = bytes(results * static_cast<double>(config.out_bytes()));
  const double loads = load * tiles * parts;
  if (plan.thread_axis < 0) return loads + gemm + alu + store;
  return std::max({loads + store, std::max(gemm, loads) + alu}) + load;
}

DevicePlan grown(const DeviceOp& op, DevicePlan p, const std::vector<int64_t>& extents, int fixed,
                 const std::function<bool(const DevicePlan&)>& fits) {
  // from the innermost axis on, as much of each as fits, in even pieces
  for (size_t i = extents.size(); i-- > 0;) {
    if (static_cast<int>(i) == fixed) continue;
    const int64_t whole =
        static_cast<int>(i) == p.thread_axis ? detail::tiles(extents[i], p.threads) : extents[i];
    p.tile[i] = largest(p, whole, fits, [&](DevicePlan& q, int64_t n) { q.tile[i] = n; });
  }
  const int64_t most = largest(p, depth_tiles(op), fits, [](DevicePlan& q, int64_t n) { q.depth = n; });
  p.depth = std::min(most, detail::tiles(kPartCycles, cycles_of_part(op, p)));
  return p;
}

}  // namespace

std::optional<DevicePlan> default_plan(const DeviceOp& op, const isa::MachineConfig& config) {
  const auto extents = tiled_extents(op);
  const auto tiled = tiled_axes(op);
  DevicePlan p = detail::smallest_plan(op);
  const auto fits = [&](const DevicePlan& q) { return footprint(op, q).fits(config); };
  if (!fits(p)) return std::nullopt;
  p.windows_inside = true;
  if (!fits(p)) p.windows_inside = false;
  // the longest axis is shared by the threads; half of it at most is one tile
  std::vector<int> axes;
  for (size_t i = 0; i < extents.size(); ++i)
    if (extents[i] > 1) axes.push_back(static_cast<int>(i));
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) {
    return extents[static_cast<size_t>(a)] > extents[static_cast<size_t>(b)];
  });
  std::erase_if(axes, [&](int axis) {
    DevicePlan q = p;
    q.thread_axis = axis;
    return !fits(q);
  });
  if (axes.empty()) axes.push_back(-1);
  p.thread_axis = axes[0];
  DevicePlan best = grown(op, p, extents, -1, fits);
  if (op.kind != DeviceOp::Kind::gemm) return best;
  // more columns load less of the image, and fewer less of the weights
  double least = estimate(op, best, config);
  for (const int axis : axes)
    for (size_t column = 0; column < extents.size(); ++column) {
      if (op.roles[static_cast<size_t>(tiled[column])] != AxisRole::column_tile) continue;
      p.thread_axis = axis;
      const int64_t whole =
          static_cast<int>(column) == axis ? detail::tiles(extents[column], p.threads) : extents[column];
      for (int64_t size = whole;; size = detail::tiles(size, 2)) {
        DevicePlan q = p;
        q.tile[column] = size;
        if (fits(q)) {
          q = grown(op, q, extents, static_cast<int>(column), fits);
          if (const double cycles = estimate(op, q, config); cycles < 0.99 * least) least = cycles, best = q;
        }
        if (size <= 1) break;
      }
    }
  return best;
}

}  // namespace tc::accel
