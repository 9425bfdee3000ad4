#include "legalize_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/ir/affine.h"
#include "tc/ir/simplify.h"

namespace tc::accel::detail {

int planes_of(DType type, const isa::MachineConfig& config) {
  return static_cast<int>((type.bits + config.out_bits - 1) / config.out_bits);
}

namespace {

std::string no(std::string why) { return why; }

class Builder {
 public:
  Builder(const GroupSource& source, const GroupInputs& inputs, const isa::MachineConfig& config)
      : source_(source), inputs_(inputs), config_(config), name_(source.result.name()) {
    acc_ = int_type(config.acc_bits);
  }

  Outcome<DeviceOp> build() {
    if (acc_ != kI32) return no("accumulators of less than 32 bits");
    if (auto why = read_axes()) return *why;
    if (auto why = source_.reduce ? reduction() : elementwise()) return *why;
    return epilogue();
  }

 private:
  using Why = std::optional<std::string>;  // why not

  // The axes of the result and of the reduction, in terms of the former.
  Why read_axes() {
    const Op& op = source_.result.op();
    for (size_t i = 0; i < op.axes.size(); ++i) {
      axes_.push_back({op.axes[i], source_.result.extent(static_cast<int>(i))});
      if (axes_.back().extent == 0) return no("an empty result");
    }
    if (axes_.empty()) return no("a result without dimensions");
    if (!source_.reduce) return std::nullopt;
    const auto* r = source_.reduce->values[0].as<ir::Reduce>();
    combiner_ = r->combiner->name;
    ir::VarMap map;
    ir::walk<ir::Load>(source_.value, [&](const ir::Load& l) {
      if (l.buffer.same(source_.sums))
        for (size_t i = 0; i < l.indices.size(); ++i) map[source_.reduce->axes[i]] = l.indices[i];
    });
    for (size_t i = 0; i < r->vars.size(); ++i) {
      const auto lo = ir::as_int(r->mins[i]), n = ir::as_int(r->extents[i]);
      if (!lo || !n || *n == 0) return no("a sum over nothing");
      const VarRef v = ir::var(r->vars[i]->name);
      const bool gone = *n == 1 && in_window(*r, r->vars[i]);
      map[r->vars[i]] = gone ? ir::int_imm(*lo) : *lo == 0 ? Expr(v) : v + ir::int_imm(*lo);
      if (!gone) folded_.push_back({v, *n});
    }
    // loops of one iteration are gone where they would make a window that does not move
    summed_ = canonical(ir::substitute(r->source[0], map));
    return std::nullopt;
  }

  static bool in_window(const ir::Reduce& r, const VarRef& v) {
    bool found = false;
    ir::walk<ir::Load>(r.source[0], [&](const ir::Load& l) {
      for (const Expr& i : l.indices) found |= uses(i, v) && !i.as<ir::Var>();
    });
    return found;
  }
  static Expr canonical(const Expr& e) {
    const Expr inner = ir::map_children(e, [](const Expr& c) { return canonical(c); });
    const auto* l = inner.as<ir::Load>();
    if (!l) return inner;
    std::vector<Expr> indices;
    for (const Expr& i : l->indices) {
      auto sum = ir::to_affine(i);
      indices.push_back(sum ? ir::from_affine(std::move(*sum)) : i);
    }
    return ir::load(l->buffer, std::move(indices));
  }

  [[nodiscard]] std::vector<Dim> all_vars() const {
    std::vector<Dim> out = axes_;
    out.insert(out.end(), folded_.begin(), folded_.end());
    return out;
  }
  [[nodiscard]] std::vector<VarRef> folded_vars() const {
    std::vector<VarRef> out;
    for (const Dim& d : folded_) out.push_back(d.var);
    return out;
  }
  [[nodiscard]] int64_t extent_of(const VarRef& v) const {
    for (const Dim& d : all_vars())
      if (d.var.same(v)) return d.extent;
    return 1;
  }
  [[nodiscard]] Lanes lanes(const VarRef& row, int64_t rows, const VarRef& column, int64_t columns) const {
    return {row, column, rows, columns, row ? extent_of(row) : 1, column ? extent_of(column) : 1};
  }
  [[nodiscard]] Lanes out_lanes() const { return lanes(row_, config_.batch, column_, config_.block_out); }

  // ---- operands

  // The copy of a packed tensor, made or found; its element for symbolic tiles and lanes.
  Outcome<Expr> operand(const ir::Load& load, const std::vector<Expr>& conditions, const Lanes& lanes,
                        DType packed, DType on_chip, Scope scope, const Expr& row_tile,
                        const Expr& column_tile, const Expr& row, const Expr& column) {
    auto plan = plan_operand(load, conditions, all_vars(), folded_vars(), lanes, packed);
    if (!plan)
      return no(fmt::format("the access to {} is none that tiles can be loaded for", load.buffer->name));
    if (!small_enough(*plan)) return no(fmt::format("{} would be copied many times over", load.buffer->name));
    ir::VarMap at;
    for (size_t i = 0; i < plan->packing.dims.size(); ++i)
      at[plan->packing.dims[i].var] =
          plan->base[i] == 0 ? plan->indices[i]
                             : ir::from_affine(*ir::to_affine(plan->indices[i] - ir::int_imm(plan->base[i])));
    const Packing key = plan->packing;
    const Tensor copy = place(*plan, load.buffer, on_chip, scope);
    return copy.at(packed_index(key, at, row_tile, column_tile, row, column));
  }

  static bool small_enough(const OperandPlan& plan) {
    double have = 4096, want = 1;
    for (const Expr& e : plan.source->shape) have *= static_cast<double>(ir::as_int(e).value_or(1));
    for (const Dim& d : plan.packing.dims) want *= static_cast<double>(d.extent);
    const Lanes& l = plan.packing.lanes;
    want *= static_cast<double>(l.row_extent) * static_cast<double>(l.column_extent);
    return want <= 4 * have;
  }

  Tensor place(OperandPlan& plan, const BufferRef& source, DType on_chip, Scope scope) {
    DeviceCopy c;
    c.scope = scope;
    const DeviceOp* b = scope == Scope::wgt ? nullptr : inputs_.blocked(source);
    if (b && same_blocks(plan.packing, *b)) {
      c.packed = b->out;
    } else {
      const Tensor plain = inputs_.plain(source);
      plan.packing.element =
          ir::load(plain.buffer(), std::vector<Expr>(plan.packing.element.as<ir::Load>()->indices));
      c.packed = pack(plan.packing, inputs_.name(source->name + "_packed"));
    }
    c.copy = copy_of(plan, c.packed, on_chip,
                     inputs_.name(fmt::format("{}_{}", source->name, ir::to_string(scope))));
    op_.copies.push_back(c);
    return c.copy;
  }

  // An earlier result that is blocked as this operand wants it need not be unpacked and packed.
  [[nodiscard]] bool same_blocks(const Packing& p, const DeviceOp& b) const {
    const auto* l = p.element.as<ir::Load>();
    if (b.planes != 1 || p.inside || p.type != b.out.dtype() || p.lanes.columns != config_.block_out ||
        p.lanes.rows != config_.batch)
      return false;
    size_t dim = 0;
    for (size_t d = 0; d < l->indices.size(); ++d) {
      const auto* v = l->indices[d].as<ir::Var>();
      const auto extent = ir::as_int(l->buffer->shape[d]);
      if (!v) return false;
      const VarRef var(v);
      if (static_cast<int>(d) == b.row_dim) {
        if (!p.lanes.row || !p.lanes.row.same(var) || p.lanes.row_extent != extent) return false;
      } else if (static_cast<int>(d) == b.column_dim) {
        if (!p.lanes.column || !p.lanes.column.same(var) || p.lanes.column_extent != extent) return false;
      } else if (dim >= p.dims.size() || !p.dims[dim].var.same(var) || p.dims[dim].extent != extent) {
        return false;
      } else {
        ++dim;
      }
    }
    return dim == p.dims.size();
  }

  // ---- stages

  // Shape, axis names and roles of a result's tiles.
  struct Frame {
    std::vector<int64_t> shape;
    std::vector<std::string> names;
    std::vector<AxisRole> roles;
    std::vector<VarRef> vars;  // what each axis stands for
  };
  [[nodiscard]] Frame frame(int planes) const {
    Frame f;
    const auto add = [&](const VarRef& v, std::string name, int64_t extent, AxisRole role) {
      for (const std::string& n : f.names)
        if (n == name) name += "_" + std::to_string(f.names.size());
      f.vars.push_back(v), f.names.push_back(std::move(name)), f.shape.push_back(extent),
          f.roles.push_back(role);
    };
    if (planes > 1) add(plane_, "plane", planes, AxisRole::plane);
    if (row_) add(row_tile_, row_->name + "o", tiles(extent_of(row_), config_.batch), AxisRole::row_tile);
    if (column_)
      add(column_tile_, column_->name + "o", tiles(extent_of(column_), config_.block_out),
          AxisRole::column_tile);
    for (const Dim& d : axes_)
      if (!(row_ && d.var.same(row_)) && !(column_ && d.var.same(column_)))
        add(d.var, d.var->name, d.extent, AxisRole::outer);
    add(row_in_, "row", config_.batch, AxisRole::row);
    add(column_in_, "column", config_.block_out, AxisRole::column);
    return f;
  }
  static ir::VarMap bind(const Frame& f, const Axes& i) {
    ir::VarMap map;
    for (size_t d = 0; d < i.size(); ++d) map[f.vars[d]] = i[d];
    return map;
  }

  Why reduction() {
    if (combiner_ == "sum") {
      auto c = find_contraction(summed_, axes_, folded_, config_);
      // without an axis for the columns of weights, GEMM would use one of them: then rather the ALU
      if (c && (c.value->column || alu_reduction())) return contraction(*c.value);
      if (c) return std::nullopt;
      gemm_refused_ = c.why;
    }
    return alu_reduction();
  }

  Why contraction(Contraction c) {
    const auto failed = try_contraction(c);
    if (!failed || !c.row || c.row.same(c.plain_row)) return failed;
    op_ = {}, c.row = c.plain_row;
    return try_contraction(c);
  }
  Why try_contraction(const Contraction& c) {
    if (source_.sums->type != acc_) return no("sums in another type than the accumulators'");
    op_.kind = DeviceOp::Kind::gemm;
    row_ = c.row, column_ = c.column;
    const VarRef depth_tile = ir::var(c.depth->name + "o"), depth = ir::var(c.depth->name + "i");
    const auto element = [&](const ir::Load& l, const std::vector<Expr>& conditions, const Lanes& lanes,
                             int64_t bits, Scope scope, const Expr& tile, const Expr& lane) {
      const DType t = int_type(bits);
      return operand(l, conditions, lanes, t, t, scope, tile, depth_tile, lane, depth);
    };
    auto x = element(*c.image, c.image_conditions, lanes(row_, config_.batch, c.depth, config_.block_in),
                     config_.inp_bits, Scope::inp, row_tile_, row_in_);
    if (!x) return x.why;
    auto w =
        element(*c.weight, c.weight_conditions, lanes(column_, config_.block_out, c.depth, config_.block_in),
                config_.wgt_bits, Scope::wgt, column_tile_, column_in_);
    if (!w) return w.why;
    if (op_.copies[0].copy.dtype() != int_type(config_.inp_bits)) return no("an operand of another width");
    std::vector<ReduceAxis> over = {
        reduce_axis(0, tiles(extent_of(c.depth), config_.block_in), depth_tile->name)};
    ir::VarMap fold{{depth_tile, over[0].var}};
    for (const Dim& d : folded_)
      if (!d.var.same(c.depth)) {
        over.push_back(reduce_axis(0, d.extent, d.var->name));
        fold[d.var] = over.back().var;
      }
    over.push_back(reduce_axis(0, config_.block_in, depth->name));
    fold[depth] = over.back().var;
    op_.reduce_tiles = 0, op_.reduce_column = static_cast<int>(over.size()) - 1;
    make_sums(ir::cast(acc_, *x.value) * ir::cast(acc_, *w.value), over, fold);
    return std::nullopt;
  }

  // Axes that may be lanes: no window moves over them.
  [[nodiscard]] std::vector<Dim> lane_candidates(const Expr& e) const {
    std::vector<Dim> out;
    for (const Dim& a : axes_) {
      bool ok = true;
      ir::walk<ir::Load>(e, [&](const ir::Load& l) {
        for (const Expr& i : l.indices)
          ok = ok && !(uses(i, a.var) && std::any_of(folded_.begin(), folded_.end(),
                                                     [&](const Dim& k) { return uses(i, k.var); }));
      });
      if (ok) out.push_back(a);
    }
    return out;
  }
  // Columns go to the axis that fills tiles best; of equal ones to the longest, which
  // is that of channels more often than not; rows to another one.
  void choose_lanes(std::vector<Dim> candidates) {
    const auto take = [&](int64_t tile) {
      const auto better = [&](const Dim& a, const Dim& b) {
        const int64_t wa = tiles(a.extent, tile) * tile * b.extent,
                      wb = tiles(b.extent, tile) * tile * a.extent;
        return wa != wb ? wa > wb : a.extent < b.extent;
      };
      const auto at = std::max_element(candidates.begin(), candidates.end(), better);
      if (at == candidates.end()) return VarRef();
      const VarRef v = at->var;
      candidates.erase(at);
      return v;
    };
    column_ = take(config_.block_out);
    if (config_.batch > 1) row_ = take(config_.batch);
  }

  Why alu_reduction() {
    const auto failed = try_alu_reduction();
    if (failed) op_ = {}, reads_.clear(), conditions_.clear(), row_ = column_ = VarRef();
    return failed;
  }
  Why try_alu_reduction() {
    int reads = 0;
    ir::walk<ir::Load>(summed_, [&](const ir::Load&) { ++reads; });
    // wide sums of products that GEMM does not do take more on the ALU than on the CPU
    const bool wide_products = planes_of(source_.result.dtype(), config_) > 1 && reads > 1;
    if (wide_products || (combiner_ != "sum" && combiner_ != "max" && combiner_ != "min"))
      return no(gemm_refused_.empty() ? "a reduction that neither GEMM nor the ALU does" : gemm_refused_);
    op_.kind = DeviceOp::Kind::reduce;
    choose_lanes(lane_candidates(summed_));
    std::vector<Expr> conditions;
    const Expr term = without_padding(summed_, conditions);
    if (combiner_ != "sum" && !conditions.empty()) return no("a maximum or minimum under a condition");
    conditions_ = conditions;
    const bool wraps = combiner_ == "sum" && source_.sums->type == acc_;
    const auto value = wraps                ? to_alu_low(term, alu())
                       : combiner_ == "sum" ? std::nullopt
                                            : to_alu(term, alu());
    if (!value) return no(refused_.empty() ? "arithmetic that the ALU does not have" : refused_);
    if (!conditions.empty() && !condition_taken_) return no("a condition that is no padding");
    conditions_.clear();
    std::vector<ReduceAxis> over;
    ir::VarMap fold;
    for (const Dim& d : folded_) {
      over.push_back(reduce_axis(0, d.extent, d.var->name));
      fold[d.var] = over.back().var;
    }
    if (over.empty()) {  // a reduction over one element
      over.push_back(reduce_axis(0, 1, "k"));
    }
    make_sums(*value, over, fold);
    reads_.clear();  // the epilogue's copies are its own: they are made elsewhere than those of the sums
    return std::nullopt;
  }

  void make_sums(const Expr& term, const std::vector<ReduceAxis>& over, ir::VarMap fold) {
    const Frame f = frame(1);
    op_.sums = compute(
        f.shape,
        [&](const Axes& i) {
          ir::VarMap map = bind(f, i);
          map.insert(fold.begin(), fold.end());
          const Expr e = ir::substitute(term, map);
          return combiner_ == "max"   ? tc::max(e, over)
                 : combiner_ == "min" ? tc::min(e, over)
                                      : tc::sum(e, over);
        },
        inputs_.name(source_.sums->name + "_acc"), f.names);
    std::vector<Expr> index;
    for (const VarRef& v : f.vars) index.emplace_back(v);
    sums_at_ = op_.sums.at(index);
  }

  Why elementwise() {
    bool arithmetic = false;
    ir::walk_all(*source_.value, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Binary || n.kind == ir::Kind::Call)
        arithmetic |= static_cast<const ir::ExprNode&>(n).type != ir::kIndex;
    });
    if (!arithmetic) return no("a copy");
    choose_lanes(axes_);
    return std::nullopt;
  }

  // ---- the ALU

  AluContext alu() {
    return {[this](const ir::Load& l) { return read(l); }, [this](int64_t v) { return number(v); }};
  }
  Expr read(const ir::Load& l) {
    if (source_.sums && l.buffer.same(source_.sums)) return sums_at_;
    for (const auto& [key, e] : reads_)
      if (ir::same_expr(key, Expr(&l))) return e;
    const DType packed = l.type.bits == 8 && l.type.is_signed() ? kI8 : acc_;
    std::vector<Expr> mine;  // of a product of two reads the conditions pad the one that has their axes
    for (const Expr& c : conditions_)
      if (concerns(c, l)) mine.push_back(c), condition_taken_ = true;
    auto e =
        operand(l, mine, out_lanes(), packed, acc_, Scope::acc, row_tile_, column_tile_, row_in_, column_in_);
    if (!e) {
      refused_ = e.why;
      return Expr();
    }
    reads_.emplace_back(Expr(&l), *e.value);
    return *e.value;
  }
  // The condition speaks of all the windows of this read, and of no other variable.
  [[nodiscard]] bool concerns(const Expr& condition, const ir::Load& l) const {
    for (const Dim& v : all_vars()) {
      if (!uses(condition, v.var)) continue;
      bool window = false;
      for (const Expr& i : l.indices) window |= uses(i, v.var) && !i.as<ir::Var>();
      if (!window) return false;
    }
    return true;
  }
  // A tile that holds one number.
  Expr number(int64_t v) {
    DeviceCopy c;
    c.packed = compute({config_.batch, config_.block_out}, [&](const Axes&) { return ir::int_imm(v, acc_); },
                       inputs_.name(name_ + "_number"), {"row", "column"});
    c.copy = compute({config_.batch, config_.block_out}, [&](const Axes& i) { return c.packed.at(i); },
                     inputs_.name(name_ + "_number_acc"), {"row", "column"});
    op_.copies.push_back(c);
    return c.copy(row_in_, column_in_);
  }

  // Terms of a sum that change with one axis at most (a bias, the half that rounding adds) are added
  // up on the CPU: i32 wraps, so that the order does not matter.
  Expr gather_biases(const Expr& e) {
    const auto* b = e.as<ir::Binary>();
    if (!b || b->op != ir::BinaryOp::add || b->type != kI32)
      return ir::map_children(e, [&](const Expr& c) { return c->type == ir::kIndex ? c : gather_biases(c); });
    std::vector<Expr> terms, rest, small;
    flatten(e, terms);
    VarRef axis;
    bool loads = false;
    for (const Expr& t : terms) {
      VarRef own;
      bool many = false, load = false;
      for (const Dim& d : axes_)
        if (uses(t, d.var)) many = many || own, own = d.var;
      ir::walk<ir::Load>(t, [&](const ir::Load&) { load = true; });
      const bool fits = !many && (!own || !axis || axis.same(own)) && (!load || own);
      if (fits && own) axis = own;
      loads |= fits && load;
      (fits ? small : rest).push_back(fits ? t : gather_biases(t));
    }
    Expr out;
    const auto add = [&](const Expr& t) { out = out ? out + t : t; };
    for (const Expr& t : rest) add(t);
    if (!loads || small.size() < 2 || rest.empty()) {
      for (const Expr& t : small) add(t);
      return out;
    }
    const Tensor bias = compute({extent_of(axis)},
                                [&](const Axes& i) {
                                  Expr sum;
                                  for (const Expr& t : small) sum = sum ? sum + t : t;
                                  return ir::substitute(on_plain(sum), {{axis, i[0]}});
                                },
                                inputs_.name(name_ + "_bias"), {axis->name});
    add(bias(axis));
    return out;
  }
  static void flatten(const Expr& e, std::vector<Expr>& terms) {
    const auto* b = e.as<ir::Binary>();
    if (!b || b->op != ir::BinaryOp::add) return terms.push_back(e);
    flatten(b->a, terms), flatten(b->b, terms);
  }
  Expr on_plain(const Expr& e) {
    const Expr inner = ir::map_children(e, [&](const Expr& c) { return on_plain(c); });
    const auto* l = inner.as<ir::Load>();
    return l ? ir::load(inputs_.plain(l->buffer).buffer(), l->indices) : inner;
  }

  static bool reads(const Expr& e, const Tensor& t) {
    bool found = false;
    ir::walk<ir::Load>(e, [&](const ir::Load& l) { found |= l.buffer.same(t.buffer()); });
    return found;
  }
  // Operands that the simplified arithmetic does not need: x * 0.
  void forget_unread(const Expr& value) {
    std::erase_if(op_.copies, [&](const DeviceCopy& c) {
      return !reads(value, c.copy) && !(op_.sums && reads(op_.sums.op().values[0], c.copy));
    });
  }

  Outcome<DeviceOp> epilogue() {
    const DType type = source_.result.dtype();
    const int planes = planes_of(type, config_);
    const auto value = to_alu_low(gather_biases(source_.value), alu());
    if (!value) return no(refused_.empty() ? "arithmetic that the ALU does not have" : refused_);
    forget_unread(*value);
    if (op_.copies.empty() || (op_.sums && !reads(*value, op_.sums)))
      return no("a result that does not depend on what it reads");
    const Frame f = frame(planes);
    const DType stored = int_type(config_.out_bits);
    op_.plain = source_.result;
    op_.roles = f.roles;
    op_.out = compute(
        f.shape,
        [&](const Axes& i) {
          Expr e = ir::substitute(*value, bind(f, i));
          if (planes > 1)
            e = ir::binary(ir::BinaryOp::shr, e, ir::cast(acc_, i[0] * ir::int_imm(config_.out_bits)));
          return ir::cast(stored, e);
        },
        inputs_.name(name_ + "_blocked"), f.names);
    op_.planes = planes;
    for (size_t d = 0; d < axes_.size(); ++d) {
      if (row_ && axes_[d].var.same(row_)) op_.row_dim = static_cast<int>(d);
      if (column_ && axes_[d].var.same(column_)) op_.column_dim = static_cast<int>(d);
    }
    return op_;
  }

  const GroupSource& source_;
  const GroupInputs& inputs_;
  const isa::MachineConfig& config_;
  std::string name_, combiner_, refused_, gemm_refused_;
  DType acc_;
  std::vector<Dim> axes_, folded_;
  Expr summed_, sums_at_;
  VarRef row_, column_;  // axes of the result that are lanes
  const VarRef row_tile_ = ir::var("ro"), column_tile_ = ir::var("co"), row_in_ = ir::var("ri"),
               column_in_ = ir::var("ci"), plane_ = ir::var("plane");
  std::vector<Expr> conditions_;
  bool condition_taken_ = false;
  std::vector<std::pair<Expr, Expr>> reads_;
  DeviceOp op_;
};

}  // namespace

Outcome<DeviceOp> make_group(const GroupSource& source, const GroupInputs& inputs,
                             const isa::MachineConfig& config) {
  try {
    return Builder(source, inputs, config).build();
  } catch (const Error& e) {
    return std::string(e.message());
  }
}

Tensor unpack(const DeviceOp& b, const Tensor& blocked, const isa::MachineConfig& config) {
  const Tensor& plain = b.plain;
  std::vector<std::string> names;
  for (const VarRef& v : plain.op().axes) names.push_back(v->name);
  const DType type = plain.dtype();
  return compute(
      plain.extents(),
      [&](const Axes& i) {
        const auto dim = [&](int d) { return i[static_cast<size_t>(d)]; };
        std::vector<Expr> index;
        const auto tile = [&](int d, int64_t size) {
          if (d >= 0) index.push_back(size == 1 ? dim(d) : dim(d) / ir::int_imm(size));
        };
        const auto lane = [&](int d, int64_t size) {
          index.push_back(d < 0 || size == 1 ? ir::int_imm(0) : dim(d) % ir::int_imm(size));
        };
        if (b.planes > 1) index.push_back(ir::int_imm(0));
        tile(b.row_dim, config.batch), tile(b.column_dim, config.block_out);
        for (int d = 0; d < plain.ndim(); ++d)
          if (d != b.row_dim && d != b.column_dim) index.push_back(dim(d));
        lane(b.row_dim, config.batch), lane(b.column_dim, config.block_out);
        if (b.planes == 1) return ir::cast(type, blocked.at(index));
        Expr value;
        for (int p = 0; p < b.planes; ++p) {
          index[0] = ir::int_imm(p);
          Expr part = ir::cast(kI32, blocked.at(index));
          if (p + 1 < b.planes)
            part = ir::binary(ir::BinaryOp::bit_and, part,
                              ir::int_imm((int64_t{1} << config.out_bits) - 1, kI32));
          if (p > 0) part = ir::binary(ir::BinaryOp::shl, part, ir::int_imm(p * config.out_bits, kI32));
          value = value ? ir::binary(ir::BinaryOp::bit_or, value, part) : part;
        }
        return ir::cast(type, value);
      },
      plain.name(), names);
}

}  // namespace tc::accel::detail
