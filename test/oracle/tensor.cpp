#include "oracle/tensor.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/steps.h"
#include "tc/ir/equal.h"
#include "tc/ir/traverse.h"
#include "tc/support/rng.h"
#include "tc/te/evaluate.h"

namespace tc::test::oracle {
namespace {

std::vector<Expr> loads_of(const Expr& e) {
  std::vector<Expr> out;
  ir::walk<ir::Load>(e, [&](const ir::Load& l) {
    const Expr load = ir::load(l.buffer, l.indices);
    if (std::none_of(out.begin(), out.end(), [&](const Expr& x) { return ir::equal(x, load); }))
      out.push_back(load);
  });
  return out;
}

bool is_constant(const Expr& e, const Expr& other) {
  const auto *a = e.as<ir::FloatImm>(), *b = other.as<ir::FloatImm>();
  if (a && b) return a->value == b->value;
  return ir::as_int(e) && ir::as_int(e) == ir::as_int(other);
}

/// What an iteration folds; where a condition fails that folds the identity, nothing.
Expr folded(const Expr& value) {
  const auto* r = value.as<ir::Reduce>();
  if (!r) return value;
  Expr e = r->source[0];
  for (;;) {
    const auto* c = e.as<ir::Call>();
    if (!c || c->op != ir::CallOp::if_then_else || !is_constant(c->args[2], r->combiner->identity[0]))
      return e;
    e = Expr(c->args[1]);
  }
}

/// Whether two expressions of `args` give the same on random values. `a` and `b` are given
/// the arguments as reads of tensors without dimensions; what is left of variables stands
/// for numbers of no importance.
bool agree(const Expr& a, const Expr& b, const std::vector<BufferRef>& args) {
  if (a->type != b->type) return false;
  Rng random(17);
  for (int round = 0; round < 6; ++round) {
    std::vector<HostTensor> values;
    for (const BufferRef& arg : args) {
      values.emplace_back(arg->type, std::vector<int64_t>{});
      values.back().set(0, static_cast<double>(random.between(-9, 9)));
    }
    const auto value_of = [&](const Expr& e) {
      ir::VarMap numbers;
      ir::walk<ir::Var>(
          e, [&](const ir::Var& v) { numbers[VarRef(&v)] = ir::int_imm(random.between(0, 9), v.type); });
      const BufferRef out = ir::buffer("out", e->type, {});
      std::vector<BufferRef> params = args;
      params.push_back(out);
      HostTensor result(e->type, {});
      std::vector<ir::TensorView> views = views_of(values);
      views.push_back(result.view());
      const auto f = ir::func("value", params, ir::compute({out}, {}, {ir::substitute(e, numbers)}));
      if (ir::interpret(f, views)) throw Unjudged("an operation that cannot be tried");
      return result.get(0);
    };
    if (value_of(a) != value_of(b)) return false;
  }
  return true;
}

Expr with_loads(const Expr& e, const std::vector<Expr>& loads, const std::vector<BufferRef>& by) {
  return ir::rewrite(e, [&](const ir::Load& l) -> Expr {
    for (size_t i = 0; i < loads.size(); ++i)
      if (ir::equal(loads[i], ir::load(l.buffer, l.indices))) return ir::load(by[i], {});
    return nullptr;
  });
}

bool same_fold(const ir::Reduce* a, const ir::Reduce* b) {
  if (!a || !b) return !a && !b;
  const ir::Combiner &x = *a->combiner, &y = *b->combiner;
  if (x.results.size() != 1 || y.results.size() != 1 || x.lhs[0]->type != y.lhs[0]->type) return false;
  const DType type = x.lhs[0]->type;
  const std::vector<BufferRef> args = {ir::buffer("l", type, {}), ir::buffer("r", type, {})};
  const auto result = [&](const ir::Combiner& c) {
    return ir::substitute(c.results[0],
                          {{c.lhs[0], ir::load(args[0], {})}, {c.rhs[0], ir::load(args[1], {})}});
  };
  return is_constant(x.identity[0], y.identity[0]) && agree(result(x), result(y), args);
}

/// Calls f with every point of a box; stops where it gives false.
bool each(const Point& extents, const std::function<bool(const Point&)>& f) {
  Point p(extents.size(), 0);
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return true;
  for (;;) {
    if (!f(p)) return false;
    size_t i = p.size();
    while (i > 0 && ++p[i - 1] == extents[i - 1]) p[--i] = 0;
    if (i == 0) return true;
  }
}

}  // namespace

void TensorMatch::differs(const char* what) const {
  throw Fault{fmt::format("{} does not compute what {} does: {}", s_.name, s_.tensor->intrinsic->name, what),
              false};
}

TensorMatch::TensorMatch(const Model& m, int stage) : m_(m), id_(stage), s_(m.stages[at(stage)]) {
  for (int p = s_.position(s_.tensor->axis); p < static_cast<int>(s_.leaves.size()); ++p)
    loops_.push_back(s_.leaves[at(p)]);
  check_modes();
  read_intrinsic(*s_.tensor->intrinsic);
  read_stage();
  const auto* r = s_.tensor->intrinsic->body->body.as<ir::Compute>()->values[0].as<ir::Reduce>();
  if (!same_fold(r, s_.reduction())) differs("another fold");
  bool reorders = false;
  for (size_t a = 0; a < folds_.size(); ++a) reorders |= folds_[a] && axis_extent_[a] != 1;
  if (reorders && !s_.tensor->reassociate && rounds(*s_.reduction()->combiner))
    throw Fault{"an intrinsic folds floats in another order", false};
}

void TensorMatch::check_modes() const {
  for (const int l : s_.leaves) {
    const bool inside = std::find(loops_.begin(), loops_.end(), l) != loops_.end();
    const ir::LoopMode mode = s_.axes[at(l)].mode;
    if (mode == ir::LoopMode::vectorized || (inside && mode != ir::LoopMode::serial))
      differs("loops have modes");
    for (const Stage& o : m_.stages)
      if (inside && o.at_stage == id_ && o.at_axis == l) differs("a stage is computed in its loops");
  }
}

void TensorMatch::read_intrinsic(const Intrinsic& intrinsic) {
  const auto& c = *intrinsic.body->body.as<ir::Compute>();
  const auto* r = c.values[0].as<ir::Reduce>();
  std::vector<VarRef> vars = c.vars;
  for (const Expr& e : c.buffers[0]->shape) axis_extent_.push_back(ir::as_int(e).value());
  folds_.assign(vars.size(), false);
  for (size_t k = 0; r && k < r->vars.size(); ++k) {
    vars.push_back(r->vars[k]), folds_.push_back(true);
    axis_extent_.push_back(ir::as_int(r->extents[k]).value());
  }
  pattern_ = r ? r->source[0] : c.values[0];
  pattern_loads_ = loads_of(pattern_);
  const auto add = [&](const BufferRef& b, const std::vector<Expr>& index) {
    Param p{b->type, {}, Point(index.size(), 0)};
    for (const Expr& e : index) {
      const auto it =
          std::find_if(vars.begin(), vars.end(), [&](const VarRef& v) { return v.get() == e.get(); });
      p.axes.push_back(it == vars.end() ? -1 : static_cast<int>(it - vars.begin()));
    }
    const auto& all = intrinsic.body->params;
    for (size_t i = 0; i < all.size() && !intrinsic.strides.empty(); ++i)
      if (all[i].same(b)) p.want = intrinsic.strides[i];
    params_.push_back(std::move(p));
  };
  for (const Expr& l : pattern_loads_) add(l.as<ir::Load>()->buffer, l.as<ir::Load>()->indices);
  add(c.buffers[0], as_exprs(c.vars));
}

void TensorMatch::read_stage() {
  source_ = folded(s_.values[0]);
  loads_ = loads_of(source_);
  std::vector<VarRef> vars = s_.vars;
  for (const ReduceAxis& k : s_.reduce) vars.push_back(k.var);
  for (const Expr& l : loads_) {
    index_.emplace_back();
    for (const Expr& e : l.as<ir::Load>()->indices) index_.back().emplace_back(e, vars);
  }
}

bool TensorMatch::computes(const std::vector<size_t>& load_of_param) const {
  std::vector<BufferRef> args, operands;
  for (const Expr& l : loads_) args.push_back(ir::buffer("a", l->type, {}));
  for (size_t i = 0; i < load_of_param.size(); ++i) {
    operands.push_back(args[load_of_param[i]]);
    if (operands.back()->type != params_[i].type) return false;
  }
  for (size_t l = 0; l < loads_.size(); ++l)
    if (std::find(load_of_param.begin(), load_of_param.end(), l) == load_of_param.end()) return false;
  return s_.buffers[0]->type == params_.back().type &&
         agree(with_loads(pattern_, pattern_loads_, operands), with_loads(source_, loads_, args), args);
}

void TensorMatch::assign(const Point& extents, const std::vector<size_t>& load_of_param,
                         std::vector<int> chosen) {
  const size_t a = chosen.size();
  if (a == axis_extent_.size()) return candidates_.push_back({std::move(chosen), load_of_param});
  chosen.push_back(-1);
  if (axis_extent_[a] == 1) return assign(extents, load_of_param, std::move(chosen));
  for (size_t l = 0; l < loops_.size(); ++l) {
    if (extents[l] != axis_extent_[a] || s_.axes[at(loops_[l])].reduce != folds_[a] ||
        std::find(chosen.begin(), chosen.end(), static_cast<int>(l)) != chosen.end())
      continue;
    chosen.back() = static_cast<int>(l);
    assign(extents, load_of_param, chosen);
  }
}

void TensorMatch::tile(const Point& extents, Memory& memory, const IterationOf& iteration_of) {
  std::vector<std::pair<bool, int64_t>> wanted, given;
  for (size_t a = 0; a < axis_extent_.size(); ++a)
    if (axis_extent_[a] != 1) wanted.emplace_back(folds_[a], axis_extent_[a]);
  for (size_t l = 0; l < loops_.size(); ++l)
    if (extents[l] != 1) given.emplace_back(s_.axes[at(loops_[l])].reduce, extents[l]);
  std::sort(wanted.begin(), wanted.end()), std::sort(given.begin(), given.end());
  shown_ = true;
  if (wanted != given) return;
  met_ = true;
  if (!std::exchange(assigned_, true)) {
    const Point choices(pattern_loads_.size(), static_cast<int64_t>(loads_.size()));
    (void)each(choices, [&](const Point& choice) {  // an operand may be read twice
      const std::vector<size_t> load_of_param(choice.begin(), choice.end());
      if (computes(load_of_param)) assign(extents, load_of_param, {});
      return true;
    });
  }
  std::erase_if(candidates_, [&](Candidate& c) { return !fits(c, extents, memory, iteration_of); });
  if (candidates_.empty()) differs("other operations or operands");
}

Point TensorMatch::address(size_t param, const Candidate& c, Memory& memory, const Iteration& i) const {
  memory.spend();
  if (param == c.load_of_param.size()) return memory.address(id_, i.coordinates);
  const size_t load = c.load_of_param[param];
  Point index;
  for (const Index& e : index_[load]) index.push_back(e.at(i.values));
  return memory.address(m_.stage_of(loads_[load].as<ir::Load>()->buffer), index);
}

// Whether each operand moves by as much, per step along each of its dimensions, in this
// tile and in those before.
bool TensorMatch::fits(Candidate& c, const Point& extents, Memory& memory,
                       const IterationOf& iteration_of) const {
  const Point zero(loops_.size(), 0);
  const bool first = c.strides.empty();
  if (first) c.strides.resize(params_.size());
  for (size_t p = 0; p < params_.size(); ++p) {
    const Param& param = params_[p];
    const Point base = address(p, c, memory, iteration_of(zero));
    const auto loop_of = [&](size_t d) { return param.axes[d] < 0 ? -1 : c.loop_of_axis[at(param.axes[d])]; };
    for (size_t d = 0; first && d < param.axes.size(); ++d) {
      Point step = zero;
      if (loop_of(d) >= 0) step[at(loop_of(d))] = 1;
      Point stride = address(p, c, memory, iteration_of(step));
      for (size_t b = 0; b < base.size(); ++b) stride[b] -= base[b];
      c.strides[p].push_back(std::move(stride));
    }
    const bool even = each(extents, [&](const Point& loops) {
      Point want = base;
      for (size_t d = 0; d < param.axes.size(); ++d)
        for (size_t b = 0; b < base.size() && loop_of(d) >= 0; ++b)
          want[b] += c.strides[p][d][b] * loops[at(loop_of(d))];
      return address(p, c, memory, iteration_of(loops)) == want;
    });
    if (!even) return false;
  }
  return strides_fit(c, memory);
}

bool TensorMatch::strides_fit(const Candidate& c, Memory& memory) const {
  for (size_t p = 0; p < params_.size(); ++p) {
    const int stage =
        p + 1 == params_.size() ? id_ : m_.stage_of(loads_[c.load_of_param[p]].as<ir::Load>()->buffer);
    const Point steps = memory.steps(stage);
    for (size_t d = 0; d < params_[p].axes.size(); ++d) {
      if (params_[p].want[d] == 0 || params_[p].axes[d] < 0 || axis_extent_[at(params_[p].axes[d])] == 1)
        continue;
      int64_t apart = 0;
      for (size_t b = 0; b < steps.size(); ++b) apart += c.strides[p][d][b] * steps[b];
      if (apart != params_[p].want[d]) return false;
    }
  }
  return true;
}

}  // namespace tc::test::oracle
