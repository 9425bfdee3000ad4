// Sums of products for GEMM: which operand is the image and which the weight, and which axes
// are the tiles' rows, columns and depth. As in lib/autotune/spaces, axes are told apart by the
// operands in which they occur: rows in the image alone, columns in the weight alone, depth in both.
#include <algorithm>

#include "legalize_detail.h"

namespace tc::accel::detail {

Expr without_padding(Expr e, std::vector<Expr>& conditions) {
  while (const auto* c = e.as<ir::Call>()) {
    if (c->op != ir::CallOp::if_then_else || !ir::is_int(c->args[2], 0)) break;
    conditions.push_back(c->args[0]);
    const Expr inner = c->args[1];
    e = inner;
  }
  return e;
}

namespace {

struct Factor {
  const ir::Load* load = nullptr;
  std::vector<Expr> conditions;
};

// A load of a signed integer of up to `bits` bits, converted to the type of the sum.
std::optional<Factor> factor_of(Expr e, int64_t bits) {
  Factor f;
  for (e = without_padding(e, f.conditions); e.as<ir::Cast>();) {
    const DType from = e.as<ir::Cast>()->value->type;
    if (!from.is_int() || from.bits > e->type.bits) return std::nullopt;
    const Expr inner = e.as<ir::Cast>()->value;
    e = without_padding(inner, f.conditions);
  }
  f.load = e.as<ir::Load>();
  if (!f.load || !e->type.is_signed() || !e->type.is_int() || e->type.bits > bits) return std::nullopt;
  return f;
}

bool occurs(const ir::Load& l, const VarRef& v) {
  return std::any_of(l.indices.begin(), l.indices.end(), [&](const Expr& i) { return uses(i, v); });
}
// The axis shares no dimension with one that is summed over, `but` aside.
bool alone(const ir::Load& l, const VarRef& v, const std::vector<Dim>& folded, const VarRef& but = {}) {
  return std::none_of(l.indices.begin(), l.indices.end(), [&](const Expr& i) {
    return uses(i, v) && std::any_of(folded.begin(), folded.end(), [&](const Dim& k) {
             return !k.var.same(v) && !(but && but.same(k.var)) && uses(i, k.var);
           });
  });
}

// Part of the lanes that do something.
double filled(int64_t extent, int64_t tile) {
  return static_cast<double>(extent) / static_cast<double>(tiles(extent, tile) * tile);
}
// The axis that fills tiles best; of equal ones the longest.
VarRef best(const std::vector<Dim>& candidates, int64_t tile) {
  const Dim* found = nullptr;
  for (const Dim& d : candidates) {
    const double a = filled(d.extent, tile), b = found ? filled(found->extent, tile) : -1;
    if (a > b || (a == b && d.extent > found->extent)) found = &d;
  }
  return found ? found->var : VarRef();
}

double filled_by(const std::vector<Dim>& dims, const VarRef& v, int64_t tile) {
  for (const Dim& d : dims)
    if (v && d.var.same(v)) return filled(d.extent, tile);
  return filled(1, tile);
}

}  // namespace

Outcome<Contraction> find_contraction(const Expr& source, const std::vector<Dim>& axes,
                                      const std::vector<Dim>& folded, const isa::MachineConfig& config) {
  std::vector<Expr> both;
  const Expr product = without_padding(source, both);
  const auto* b = product.as<ir::Binary>();
  if (!b || b->op != ir::BinaryOp::mul) return std::string("the sum is not one of products");
  const auto x = factor_of(b->a, config.inp_bits), w = factor_of(b->b, config.wgt_bits);
  if (!x || !w) return std::string("a factor is no signed integer of the width of the machine's operands");
  std::vector<Dim> depth, rows, windowed, columns;
  for (const Dim& k : folded)
    if (occurs(*x->load, k.var) && occurs(*w->load, k.var) && alone(*x->load, k.var, folded) &&
        alone(*w->load, k.var, folded))
      depth.push_back(k);
  if (depth.empty()) return std::string("no axis is summed over in both factors");
  Contraction c{x->load, w->load, x->conditions, w->conditions, {}, {}, best(depth, config.block_in), {}};
  for (const Dim& a : axes) {
    const bool in_x = occurs(*x->load, a.var), in_w = occurs(*w->load, a.var);
    if (in_x && !in_w) (alone(*x->load, a.var, folded) ? rows : windowed).push_back(a);
    if (in_w && !in_x && alone(*w->load, a.var, folded)) columns.push_back(a);
  }
  if (config.batch > 1) {
    c.row = c.plain_row = best(rows, config.batch);
    // one image leaves most rows of a tile empty; then neighbouring windows are its rows
    const VarRef other = best(windowed, config.batch);
    if (other && filled_by(windowed, other, config.batch) > 1.5 * filled_by(rows, c.row, config.batch))
      c.row = other;
  }
  c.column = best(columns, config.block_out);
  // a condition on the whole product is padding of the operand whose axes it has
  for (const Expr& e : both) {
    const bool of_weight =
        std::any_of(columns.begin(), columns.end(), [&](const Dim& d) { return uses(e, d.var); });
    (of_weight ? c.weight_conditions : c.image_conditions).push_back(e);
  }
  return c;
}

}  // namespace tc::accel::detail
