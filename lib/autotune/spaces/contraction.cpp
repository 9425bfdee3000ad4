// Sums of products in register tiles. A tile is `rows` elements of one axis by
// `vectors` vectors of the last axis, all of whose sums stay in registers while
// the reduction runs; the operand that follows the last axis is packed in panels
// as wide as the tile where it is constant. Blocking the reduction does not pay
// on this kind of machine: the panel streams from the second-level cache, and
// the sums would have to be read and written again.
#include <fmt/format.h>
#include <algorithm>

#include "rules.h"
#include "tc/ir/affine.h"

namespace tc::autotune {
namespace {

struct Contraction {
  const StageView* v = nullptr;
  int epilogue = -1;  // the elementwise stage that reads it, or -1
  size_t rank = 0;
  bool depthwise = false;  // every operand follows the last axis
  Tensor panel;            // the operand that follows the last axis, if one only
  int panel_dim = -1;      // its dimension that is the last axis
  bool guarded = false;    // padding: terms under a condition
  bool flat = false;       // rows of all spatial axes are evenly spaced in every operand
};

// An input that may be given in another layout: constant, and of numbers.
bool can_pack(const View& view, const Tensor& t) {
  return view.is_constant(t) &&
         std::all_of(t.shape().begin(), t.shape().end(), [](const Expr& e) { return ir::as_int(e); });
}

bool uses(const Expr& e, const VarRef& v) { return ir::uses_var(*e, *v); }

// Whether a load's offset is the same function of the fused index of the axes `from`..rank-2,
// as for a 1x1 convolution of stride 1: each index is the axis itself, in order.
bool fusable_rows(const Op& op, const ir::Load& l, size_t from) {
  const size_t rank = op.axes.size();
  size_t next = from;
  bool any = false;
  // a size further in would be in the divisors of the fused loop
  for (size_t a = from + 1; a + 1 < rank; ++a)
    if (!ir::as_int(op.shape[a])) return false;
  for (const Expr& e : l.indices) {
    bool mine = false;
    for (size_t a = from; a + 1 < rank; ++a) mine |= uses(e, op.axes[a]);
    if (!mine) continue;
    any = true;
    const auto* v = e.as<ir::Var>();
    if (!v || next + 1 >= rank || !op.axes[next].same(VarRef(v))) return false;
    if (Extent(l.buffer->shape[static_cast<size_t>(&e - l.indices.data())]) != Extent(op.shape[next]))
      return false;
    ++next;
  }
  return !any || next + 1 == rank;
}

std::optional<Contraction> recognise(const View& view, int stage) {
  const StageView& v = view.stages[static_cast<size_t>(stage)];
  const Op& op = *v.op;
  if (v.scan >= 0 || !v.reduces || op.axes.empty() || op.values.size() != 1) return std::nullopt;
  const auto* r = op.values[0].as<ir::Reduce>();
  if (operation_of(*r->combiner) != ir::BinaryOp::add) return std::nullopt;
  Contraction c;
  c.v = &v;
  c.rank = op.axes.size();
  const VarRef& last = op.axes.back();
  int loads = 0, following = 0;
  bool flat = c.rank >= 3, strided = false;  // strided: the last axis is not the operand's last
  ir::walk<ir::Load>(r->source[0], [&](const ir::Load& l) {
    ++loads;
    flat = flat && fusable_rows(op, l, 0);
    for (size_t d = 0; d < l.indices.size(); ++d)
      if (uses(l.indices[d], last)) {
        ++following;
        c.panel = Tensor(l.buffer);
        c.panel_dim = l.indices[d].as<ir::Var>() ? static_cast<int>(d) : -1;
        bool innermost = true;  // save for dimensions of one element
        for (size_t i = d + 1; i < l.indices.size(); ++i)
          innermost = innermost && ir::as_int(l.buffer->shape[i]) == 1;
        strided = strided || !innermost || c.panel_dim < 0;
      }
  });
  ir::walk<ir::Call>(r->source[0],
                     [&](const ir::Call& call) { c.guarded |= call.op == ir::CallOp::if_then_else; });
  if (loads < 2 || following == 0) return std::nullopt;
  c.depthwise = following > 1;
  if (strided && (c.depthwise || c.panel_dim < 0 || !can_pack(view, c.panel))) return std::nullopt;
  c.flat = flat && !c.guarded && !c.depthwise;
  if (!view.is_output(stage)) {
    if (v.readers.size() != 1) return std::nullopt;
    const StageView& e = view.stages[static_cast<size_t>(v.readers[0])];
    if (!e.elementwise || !view.is_output(v.readers[0]) || Shape(e.tensor.shape()) != Shape(v.tensor.shape()))
      return std::nullopt;
    c.epilogue = v.readers[0];
  }
  return c;
}

// Tiles whose sums, one operand's vectors and a splat fit the registers.
std::vector<std::pair<int64_t, int64_t>> register_tiles(int registers, bool depthwise) {
  std::vector<std::pair<int64_t, int64_t>> out;
  if (depthwise)
    return registers >= 32 ? std::vector<std::pair<int64_t, int64_t>>{{7, 2}, {4, 2},  {8, 2}, {14, 1},
                                                                      {7, 1}, {28, 1}, {4, 1}}
                           : std::vector<std::pair<int64_t, int64_t>>{{7, 1}, {4, 1}, {8, 1}, {4, 2}};
  for (const int64_t nv : {3, 4, 2, 6, 1}) {
    const int64_t most = (registers - 1 - nv) / nv;
    if (most < 1) continue;
    out.emplace_back(std::min<int64_t>(most, 28), nv);
    if (most > 6) out.emplace_back(most - 1, nv);
    if (most > 8) out.emplace_back(most - 2, nv), out.emplace_back(8, nv);
  }
  const int64_t wide = registers / 2;  // few rows: the vectors are used once, none is held
  out.emplace_back(1, wide);
  out.emplace_back(1, wide / 2);
  out.emplace_back(2, wide / 2);
  out.emplace_back(3, registers >= 32 ? 6 : 3);
  return out;
}

struct Tile {
  int64_t rows = 1, vectors = 1, lanes = 1;
  int64_t panel = 0;  // elements of a packed panel's width
};

bool is_packed(const Drawing& d, const Contraction& c) {
  return c.panel && c.panel_dim >= 0 && !c.depthwise && can_pack(d.view, c.panel);
}
// Tiles for a panel of so many vectors; those that load least for what they compute first.
std::vector<std::pair<int64_t, int64_t>> tiles_of_panel(std::vector<std::pair<int64_t, int64_t>> tiles,
                                                        int64_t panel) {
  std::erase_if(tiles, [&](const auto& t) { return !fits_panel(t.second, panel); });
  const auto reuse = [](const auto& t) {
    return static_cast<double>(t.first * t.second) / static_cast<double>(t.first + t.second);
  };
  std::stable_sort(tiles.begin(), tiles.end(),
                   [&](const auto& a, const auto& b) { return reuse(a) > reuse(b); });
  return tiles;
}

Tile draw_tile(Drawing& d, const Contraction& c, int64_t rows_extent, int64_t columns, int bits) {
  const int64_t lanes =
      std::max<int64_t>(1, std::min<int64_t>(d.context.target.lanes(bits), std::max<int64_t>(columns, 1)));
  // with sizes every tile may have a tail: rows are not evened out, and one panel suits all tiles
  const bool sized = !d.view.graph->sizes.empty(), packed = is_packed(d, c);
  const int64_t shared = sized && packed ? shared_panel(columns, lanes) : 0;
  auto tiles = register_tiles(d.context.target.num_vector_registers, c.depthwise);
  if (shared) tiles = tiles_of_panel(std::move(tiles), shared);
  std::vector<int64_t> codes;
  const auto fits = [&](int64_t rows, int64_t nv) {
    return rows <= std::max<int64_t>(rows_extent, 1) && (nv - 1) * lanes < columns;
  };
  for (const auto& [rows, nv] : tiles) {
    // even rows: as many tiles, but the last not much smaller than the others
    const int64_t count = (rows_extent + rows - 1) / std::max<int64_t>(rows, 1);
    const int64_t even = count > 0 ? (rows_extent + count - 1) / count : 1;
    const int64_t fit = std::max<int64_t>(1, sized ? std::min(rows, rows_extent) : even);
    int64_t n = nv;
    while (n > 1 && (!fits(1, n) || (shared && !fits_panel(n, shared)))) --n;
    const int64_t code = fit * 100 + n;
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
  }
  const int64_t code = d.choices.option("tile", codes);
  const int64_t vectors = code % 100;
  return {code / 100, vectors, lanes, (shared ? shared : vectors) * lanes};
}

// Tiles the spatial axes of `stage`; gives the loops outside the tile, and inside.
struct TiledLoops {
  std::vector<Axis> outer, inner;  // inner: rows, vectors, lanes
};
TiledLoops tile_stage(Drawing& d, Stage stage, const Contraction& c, const Tile& tile, bool flat,
                      bool panels_outside, int64_t block) {
  std::vector<Axis> axes = stage.axes();
  const Axis column = axes.back();
  axes.pop_back();
  TiledLoops out;
  if (flat) axes = {stage.fuse(axes)};
  const auto [xo, xi] = stage.split(column, tile.vectors * tile.lanes);
  const auto [xv, xl] = stage.split(xi, tile.lanes);
  std::vector<Axis> rows_out;
  std::optional<Axis> rows_in, blocks;
  if (!axes.empty()) {
    Axis row = axes.back();
    axes.pop_back();
    if (block > tile.rows) {
      const auto [bo, bi] = stage.split(row, block);
      blocks = bo, row = bi;
    }
    const auto [yo, yi] = stage.split(row, tile.rows);
    rows_out.push_back(yo);
    rows_in = yi;
  }
  // batch-like axes the panel follows stay outermost
  size_t batch = 0;
  const Op& op = *c.v->op;
  if (!flat && c.panel)
    for (; batch < axes.size(); ++batch) {
      bool follows = false;
      ir::walk<ir::Load>(op.values[0], [&](const ir::Load& l) {
        if (l.buffer.same(c.panel.buffer()))
          for (const Expr& e : l.indices) follows |= uses(e, op.axes[batch]);
      });
      if (!follows) break;
    }
  std::vector<Axis> order(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(batch));
  const std::vector<Axis> images(axes.begin() + static_cast<std::ptrdiff_t>(batch), axes.end());
  if (blocks) order.push_back(*blocks);
  if (panels_outside) order.push_back(xo);
  order.insert(order.end(), images.begin(), images.end());
  order.insert(order.end(), rows_out.begin(), rows_out.end());
  if (!panels_outside) order.push_back(xo);
  out.outer = order;
  if (rows_in) out.inner.push_back(*rows_in);
  out.inner.push_back(xv);
  out.inner.push_back(xl);
  (void)d;
  return out;
}

void finish_modes(Stage stage, const std::vector<Axis>& inner) {
  for (size_t i = 0; i + 1 < inner.size(); ++i) stage.unroll(inner[i]);
  stage.vectorize(inner.back());
}

}  // namespace

std::vector<std::string> panel_layout(const Tensor& t, int dim, int64_t width) {
  std::vector<std::string> names, out;
  for (int i = 0; i < t.ndim(); ++i) names.push_back(t.ndim() == 2 ? (i ? "x" : "y") : fmt::format("d{}", i));
  const std::string& n = names[static_cast<size_t>(dim)];
  out.push_back(fmt::format("{}/{}", n, width));
  for (int i = 0; i < t.ndim(); ++i)
    if (i != dim) out.push_back(names[static_cast<size_t>(i)]);
  out.push_back(fmt::format("{}%{}", n, width));
  return out;
}

bool schedule_contraction(Drawing& d, int id) {
  const auto found = recognise(d.view, id);
  if (!found) return false;
  const Contraction& c = *found;
  const Tensor& t = c.v->tensor;
  const auto rank = static_cast<size_t>(t.ndim());
  const int64_t columns = guide(d, t, rank - 1);
  int64_t rows = 1;
  const bool flat = c.flat && (d.choices.flag("flat", true));
  if (flat)
    for (size_t i = 0; i + 1 < rank; ++i) rows *= guide(d, t, i);
  else if (rank >= 2)
    rows = guide(d, t, rank - 2);
  const Tile tile = draw_tile(d, c, rows, columns, t.dtype().bits);
  const bool panels_outside = d.choices.pick("order", {"panels", "rows"}) == 0;
  const int64_t block = rows > 4 * tile.rows && !c.guarded ? d.choices.option("block", {0, 96, 168}) : 0;

  Stage sum = d.s[t];
  const int64_t rounded = block ? (block + tile.rows - 1) / tile.rows * tile.rows : 0;
  if (is_packed(d, c)) d.s[c.panel].layout(panel_layout(c.panel, c.panel_dim, tile.panel));
  const auto reduce = sum.reduce_axes();
  if (c.epilogue < 0) {
    const TiledLoops loops = tile_stage(d, sum, c, tile, flat, panels_outside, rounded);
    std::vector<Axis> order = loops.outer;
    order.insert(order.end(), reduce.begin(), reduce.end());
    order.insert(order.end(), loops.inner.begin(), loops.inner.end());
    sum.reorder(order);
    if (c.depthwise && !reduce.empty()) sum.unroll(reduce.back());
    finish_modes(sum, loops.inner);
    if (d.context.threads > 1 && !loops.outer.empty()) sum.parallel(loops.outer[0]);
    return true;
  }
  Stage out = d.s[d.view.stages[static_cast<size_t>(c.epilogue)].tensor];
  const TiledLoops loops = tile_stage(d, out, c, tile, flat, panels_outside, rounded);
  std::vector<Axis> order = loops.outer;
  order.insert(order.end(), loops.inner.begin(), loops.inner.end());
  out.reorder(order);
  finish_modes(out, loops.inner);
  if (d.context.threads > 1) out.parallel(loops.outer[0]);
  sum.compute_at(out, loops.outer.back());
  sum.set_scope(Scope::stack);
  auto axes = sum.axes();
  const auto [xv, xl] = sum.split(axes.back(), tile.lanes);
  axes.pop_back();
  std::vector<Axis> inner(axes);
  inner.push_back(xv), inner.push_back(xl);
  std::vector<Axis> all(reduce);
  all.insert(all.end(), inner.begin(), inner.end());
  sum.reorder(all);
  if (c.depthwise && !reduce.empty()) sum.unroll(reduce.back());
  finish_modes(sum, inner);
  return true;
}

}  // namespace tc::autotune
