#include "leaf.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "leaf_parts.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"

namespace tc::accel {

using ir::Expr, ir::Stmt;

bool same_tiles(const Access& a, const Access& b) {
  const auto same_linear = [](const Linear& x, const Linear& y) {
    if (x.constant != y.constant || x.terms.size() != y.terms.size() || !x.rest.empty() || !y.rest.empty())
      return false;
    return std::all_of(x.terms.begin(), x.terms.end(), [&](const Linear::Term& t) {
      return std::any_of(y.terms.begin(), y.terms.end(),
                         [&](const Linear::Term& u) { return u.slot == t.slot && u.coef == t.coef; });
    });
  };
  return a.buffer == b.buffer && a.coefs == b.coefs && same_linear(a.base, b.base);
}

namespace {

// A loop of the nest whose values are 0 to extent - 1.
struct NestLoop {
  ir::VarRef var;
  Expr extent;
};

// A nest as expressions of its loops; lets are gone.
struct Nest {
  std::vector<NestLoop> loops;
  std::vector<Expr> conditions;
  const ir::Store* statement = nullptr;
  std::vector<Expr> index;
  Expr value;

  void substitute(const ir::VarMap& map) {
    for (Expr& e : conditions) e = ir::substitute(e, map);
    for (Expr& e : index) e = ir::substitute(e, map);
    value = ir::substitute(value, map);
  }
};

// Nothing where this is no chain of loops, conditions and lets down to one store.
std::optional<Nest> nest_of(const Stmt& s) {
  Nest nest;
  ir::VarMap map;
  const auto resolved = [&](const Expr& e) { return map.empty() ? e : ir::substitute(e, map); };
  Stmt at = s;
  while (true) {
    if (const auto* f = at.as<ir::For>()) {
      const Expr min = resolved(f->min);
      nest.loops.push_back({f->var, resolved(f->extent)});
      if (!ir::is_int(min, 0)) {
        nest.loops.back().var = ir::var(f->var->name);
        map[f->var] = min + nest.loops.back().var;
      }
      at = f->body;
    } else if (const auto* i = at.as<ir::If>(); i && ir::is_empty(i->if_false)) {
      nest.conditions.push_back(resolved(i->condition));
      at = i->if_true;
    } else if (const auto* l = at.as<ir::Let>()) {
      map[l->var] = resolved(l->value);
      at = l->body;
    } else if (const auto* store = at.as<ir::Store>()) {
      nest.statement = store;
      for (const Expr& e : store->indices) nest.index.push_back(resolved(e));
      nest.value = resolved(store->value);
      return nest;
    } else {
      return std::nullopt;
    }
  }
}

// The divisor of some v / n or v % n, of a loop v that it divides: loops that were fused.
std::optional<std::pair<size_t, int64_t>> fused_loop(const Nest& nest) {
  std::optional<std::pair<size_t, int64_t>> found;
  const auto look = [&](const ir::Binary& b) {
    const auto by = ir::as_int(b.b);
    if (found || !by || *by < 2 || (b.op != ir::BinaryOp::div && b.op != ir::BinaryOp::mod)) return;
    for (size_t i = 0; i < nest.loops.size(); ++i) {
      const auto extent = ir::as_int(nest.loops[i].extent);
      if (extent && *extent % *by == 0 && *extent > *by && ir::uses_var(*b.a, *nest.loops[i].var)) {
        found = {i, *by};
        return;
      }
    }
  };
  for (const Expr& e : nest.index) ir::walk<ir::Binary>(e, look);
  for (const Expr& e : nest.conditions) ir::walk<ir::Binary>(e, look);
  ir::walk<ir::Binary>(nest.value, look);
  return found;
}

// Splits loops until quotients and remainders of them are gone, or no divisor helps.
void unfuse(Nest& nest) {
  for (int round = 0; round < 12; ++round) {
    const auto at = fused_loop(nest);
    if (!at) return;
    const auto [i, by] = *at;
    const NestLoop old = nest.loops[i];
    const NestLoop outer{ir::var(old.var->name + "o"), ir::int_imm(*ir::as_int(old.extent) / by)};
    const NestLoop inner{ir::var(old.var->name + "i"), ir::int_imm(by)};
    nest.loops[i] = outer;
    nest.loops.insert(nest.loops.begin() + static_cast<ptrdiff_t>(i) + 1, inner);
    nest.substitute({{old.var, outer.var * ir::int_imm(by) + inner.var}});
    ir::Bounds bounds;
    for (const NestLoop& l : nest.loops) bounds.push_loop(l.var, ir::int_imm(0), l.extent);
    for (Expr& e : nest.conditions) e = ir::simplify(e, bounds);
    for (Expr& e : nest.index) e = ir::simplify(e, bounds);
    nest.value = ir::simplify(nest.value, bounds);
  }
}

Expr flat_index(const BufferInfo& buffer, const std::vector<Expr>& index) {
  Expr flat = ir::int_imm(0);
  for (size_t d = 0; d < index.size(); ++d) flat = flat + index[d] * ir::int_imm(buffer.strides[d]);
  return flat;
}

// Makes the leaf of a nest: first accesses with a coefficient for every loop, then
// the loops are told apart.
class Maker {
 public:
  Maker(const Nest& nest, Buffers& buffers, Slots& slots)
      : nest_(nest), buffers_(buffers), slots_(slots), store_(*nest.statement) {}

  Leaf make() {
    leaf_.statement = &store_;
    for (const NestLoop& l : nest_.loops) {
      slot_.push_back(slots_.of(*l.var));
      for (const NestLoop& other : nest_.loops)
        if (ir::uses_var(*l.extent, *other.var))
          throw refusal("codegen.accel.loop", "the length of a loop depends on another loop of the statement")
              .fix("give the loops extents of their own, and guard what is outside");
    }
    const Meaning meaning = meaning_of(store_.buffer, nest_.index, nest_.value, buffers_);
    leaf_.kind = meaning.kind;
    leaf_.expr = meaning.expr, leaf_.reduce_op = meaning.reduce_op, leaf_.reduced = meaning.reduced;
    dst_ = raw_access(store_.buffer, nest_.index);
    for (const ir::Load* l : meaning.operands) operands_.push_back(raw_access(l->buffer, l->indices));
    tell_apart();
    check_lanes();
    leaf_.dst = access(dst_);
    for (const Raw& r : operands_) leaf_.operands.push_back(access(r));
    for (const Expr& e : nest_.conditions) add_conditions(e, leaf_.conditions);
    for (const Expr& e : meaning.conditions) add_conditions(e, leaf_.conditions);
    for (const Expr& e : meaning.padding) add_conditions(e, leaf_.padding);
    return std::move(leaf_);
  }

 private:
  // Elements: base + sum of coefs * loops of the nest. `tile` is how many a tile has.
  struct Raw {
    int buffer;
    Linear base;
    std::vector<int64_t> coefs;
    int64_t tile;
  };
  // A loop of the nest: value = tile part * lanes + lane.
  struct Parts {
    int64_t lanes = 1;
    int tile_loop = -1;
  };

  [[nodiscard]] Error refusal(const char* code, std::string message) const {
    return Error(code, std::move(message)).fact("stage", store_.buffer->name).fact("statement", text());
  }
  [[noreturn]] void refuse(const char* code, std::string message) const {
    throw refusal(code, std::move(message));
  }
  [[nodiscard]] std::string text() const { return ir::to_string(Stmt(&store_)); }

  Linear take_loops(const Expr& e, std::vector<int64_t>& coefs, const char* what) {
    Linear sum = Linear::compile(e, slots_);
    coefs.assign(slot_.size(), 0);
    for (size_t i = 0; i < slot_.size(); ++i)
      if (!sum.take(slot_[i], coefs[i]))
        throw Error("codegen.accel.index",
                    fmt::format("{} does not step evenly with the loop {}", what, nest_.loops[i].var->name))
            .fact("stage", store_.buffer->name)
            .fact("index", ir::to_string(e))
            .fix("split the loop where the index jumps, or leave it outside the tile");
    return sum;
  }

  Raw raw_access(const ir::BufferRef& buffer, const std::vector<Expr>& index) {
    Raw raw;
    raw.buffer = buffers_.index(buffer);
    raw.base = take_loops(flat_index(buffers_[raw.buffer], index), raw.coefs, "an index");
    const BufferInfo& info = buffers_[raw.buffer];
    // In memory a tile has as many elements as in the scratchpad that it comes from or goes to.
    raw.tile = info.global ? 0 : info.tile;
    return raw;
  }

  // The shortest piece of each loop after which all accesses are at the same lane again.
  void tell_apart() {
    const int64_t pad_tile = dst_.tile != 0 ? dst_.tile : tile_elements(buffers_.config(), Pad::acc);
    if (dst_.tile == 0) dst_.tile = pad_tile;
    for (Raw& r : operands_)
      if (r.tile == 0) r.tile = pad_tile;
    for (size_t i = 0; i < nest_.loops.size(); ++i) {
      int64_t period = 1;
      const auto widen = [&](const Raw& r) {
        period = std::lcm(period, r.tile / std::gcd(r.tile, r.coefs[i] % r.tile));
      };
      widen(dst_);
      for (const Raw& r : operands_) widen(r);
      Parts parts;
      const auto extent = ir::as_int(nest_.loops[i].extent);
      if (period > 1 && !extent)
        refuse("codegen.accel.lanes",
               fmt::format("the loop {} runs inside a tile, but its length is no number",
                           nest_.loops[i].var->name));
      if (period == 1 || (extent && *extent <= 0)) {
        never_ = never_ || (extent && *extent <= 0);
        parts.tile_loop = add_tile_loop(Linear::compile(nest_.loops[i].extent, slots_));
        leaf_.origins.push_back({slot_[i], parts.tile_loop});
      } else if (period >= *extent) {
        parts.lanes = *extent;
      } else if (*extent % period == 0) {
        parts.lanes = period;
        parts.tile_loop = add_tile_loop(Linear{*extent / period, {}, {}});
      } else {
        throw lanes_error(fmt::format("the loop {} of {} iterations ends inside a tile; {} make one",
                                      nest_.loops[i].var->name, *extent, period));
      }
      parts_.push_back(parts);
    }
  }
  int add_tile_loop(Linear extent) {
    leaf_.extents.push_back(std::move(extent));
    return static_cast<int>(leaf_.extents.size()) - 1;
  }

  [[nodiscard]] Error lanes_error(std::string message) const {
    const isa::MachineConfig& c = buffers_.config();
    return Error("codegen.accel.lanes", std::move(message))
        .fact("stage", store_.buffer->name)
        .fact("statement", text())
        .fact("tiles", fmt::format("inp {} x {}, wgt {} x {}, acc {} x {}", c.batch, c.block_in, c.block_out,
                                   c.block_in, c.batch, c.block_out))
        .fix(
            "give the tensor the rows and columns of a tile as its last two dimensions, and reorder their "
            "loops "
            "innermost, without cutting them; a build of a workload does that by itself");
  }

  // Calls f(offsets) for each lane: what it adds to dst and to each operand.
  template <class F>
  void for_each_lane(F&& f) const {
    std::vector<int64_t> at(parts_.size(), 0), offset(operands_.size() + 1);
    while (true) {
      for (size_t j = 0; j < offset.size(); ++j) {
        const Raw& r = j == 0 ? dst_ : operands_[j - 1];
        offset[j] = 0;
        for (size_t i = 0; i < at.size(); ++i) offset[j] += r.coefs[i] * at[i];
      }
      if (!f(std::as_const(offset))) return;
      size_t i = at.size();
      while (i > 0 && ++at[i - 1] >= parts_[i - 1].lanes) at[--i] = 0;
      if (i == 0) return;
    }
  }

  // The lanes must do exactly what the hardware does with a tile.
  void check_lanes() {
    const isa::MachineConfig& c = buffers_.config();
    const bool gemm = leaf_.kind == Leaf::Kind::gemm;
    const int64_t lanes_wanted = gemm ? c.batch * c.block_out * c.block_in : dst_.tile;
    if (never_) return;
    int64_t lanes = 1;
    for (const Parts& p : parts_)
      if (__builtin_mul_overflow(lanes, p.lanes, &lanes) || lanes > lanes_wanted) break;
    if (lanes != lanes_wanted)
      throw lanes_error(fmt::format("the innermost loops run over {} elements; a tile {} {}", lanes,
                                    gemm ? "of a product has" : "has", lanes_wanted));
    std::vector<bool> seen(static_cast<size_t>(lanes_wanted));
    bool right = true;
    for_each_lane([&](const std::vector<int64_t>& at) {
      int64_t lane = at[0];
      if (gemm) {
        const int64_t b = at[0] / c.block_out, o = at[0] % c.block_out, k = at[1] % c.block_in;
        right = at[0] >= 0 && at[1] == b * c.block_in + k && at[2] == o * c.block_in + k && at[1] >= 0;
        lane = (b * c.block_out + o) * c.block_in + k;
      } else {
        for (size_t j = 1; j < at.size(); ++j) right = right && at[j] == lane;
      }
      right = right && lane >= 0 && lane < lanes_wanted && !seen[static_cast<size_t>(lane)];
      if (right) seen[static_cast<size_t>(lane)] = true;
      return right;
    });
    if (!right)
      throw lanes_error(
          gemm ? "the innermost loops multiply tiles otherwise than acc[b, o] += inp[b, i] * wgt[o, i]"
               : "the innermost loops do not take the elements of a tile one for one");
  }

  Access access(const Raw& r) const {
    Access a{r.buffer, r.base, std::vector<int64_t>(leaf_.extents.size(), 0)};
    for (size_t i = 0; i < parts_.size(); ++i)
      if (parts_[i].tile_loop >= 0)
        a.coefs[static_cast<size_t>(parts_[i].tile_loop)] = r.coefs[i] * parts_[i].lanes / r.tile;
    return a;
  }

  void add_conditions(const Expr& e, std::vector<Condition>& out) {
    const auto* b = e.as<ir::Binary>();
    if (b && b->op == ir::BinaryOp::and_) {
      add_conditions(b->a, out);
      add_conditions(b->b, out);
      return;
    }
    if (ir::is_int(e, 1)) return;
    out.push_back(condition(e));
  }

  Condition condition(const Expr& e) {
    using ir::BinaryOp;
    Condition c;
    const auto* b = e.as<ir::Binary>();
    if (b && ir::is_compare(b->op) && b->a->type == ir::kIndex) {
      c.kind = b->op == BinaryOp::eq   ? Condition::Kind::equal
               : b->op == BinaryOp::ne ? Condition::Kind::unequal
                                       : Condition::Kind::less;
      const bool swapped = b->op == BinaryOp::gt || b->op == BinaryOp::ge;
      Expr f = swapped ? b->b - b->a : b->a - b->b;
      if (b->op == BinaryOp::le || b->op == BinaryOp::ge) f = f - 1;
      std::vector<int64_t> coefs(slot_.size());
      c.base = Linear::compile(f, slots_);
      bool affine = true;
      for (size_t i = 0; i < slot_.size(); ++i) affine = affine && c.base.take(slot_[i], coefs[i]);
      if (affine) {
        c.coefs.assign(leaf_.extents.size(), 0);
        for (size_t i = 0; i < parts_.size(); ++i) {
          if (parts_[i].tile_loop >= 0)
            c.coefs[static_cast<size_t>(parts_[i].tile_loop)] = coefs[i] * parts_[i].lanes;
          (coefs[i] < 0 ? c.lane_lo : c.lane_hi) += coefs[i] * (parts_[i].lanes - 1);
        }
        return c;
      }
    }
    c = {};
    c.general = Scalar::compile(e, slots_);
    c.uses.assign(leaf_.extents.size(), false);
    for (size_t i = 0; i < slot_.size(); ++i) {
      if (!c.general->uses(slot_[i])) continue;
      if (parts_[i].lanes != 1)
        throw lanes_error(fmt::format("the condition {} may hold in part of a tile", ir::to_string(e)));
      c.uses[static_cast<size_t>(parts_[i].tile_loop)] = true;
    }
    return c;
  }

  const Nest& nest_;
  Buffers& buffers_;
  Slots& slots_;
  const ir::Store& store_;
  Leaf leaf_;
  std::vector<int> slot_;
  Raw dst_{};
  std::vector<Raw> operands_;
  std::vector<Parts> parts_;
  bool never_ = false;  // a loop has no iterations
};

}  // namespace

std::optional<Expected<Leaf>> make_leaf(const Stmt& statement, Buffers& buffers, Slots& slots) {
  std::optional<Nest> nest = nest_of(statement);
  if (!nest) return std::nullopt;
  try {
    unfuse(*nest);
    return Expected<Leaf>(Maker(*nest, buffers, slots).make());
  } catch (const Error& e) {
    return Expected<Leaf>(e);
  }
}

}  // namespace tc::accel
