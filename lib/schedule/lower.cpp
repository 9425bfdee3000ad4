#include "tc/schedule/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nest.h"
#include "tc/ir/simplify.h"
#include "tc/te/extern.h"
#include "tensorize.h"

namespace tc {
namespace {

using ir::Stmt;

// Makes the nests of all stages, once their regions are known.
class Lowerer {
 public:
  Lowerer(const ScheduleState& state, const Nests& nests)
      : state_(state), nests_(nests), storage_(state.stages.size()), only_new_(state.stages.size()) {
    for (size_t i = 0; i < state_.stages.size(); ++i) make_storage(static_cast<int>(i));
  }

  [[nodiscard]] const std::vector<BufferRef>& storage(int stage) const {
    return storage_[static_cast<size_t>(stage)];
  }

  Stmt run() {
    std::vector<Stmt> nests;
    std::vector<BufferRef> locals;
    std::set<int> scans;
    for (size_t i = 0; i < state_.stages.size(); ++i) {
      const StageState& s = state_.stages[i];
      if (s.is_input || s.attach != StageState::root) continue;
      if (s.scan < 0)
        nests.push_back(nest(static_cast<int>(i)));
      else if (scans.insert(s.scan).second)
        nests.push_back(scan_nest(s.scan));
      if (!s.is_output && !nests_.of(static_cast<int>(i)).one_step)
        for (const BufferRef& b : storage_[i]) locals.push_back(b);
    }
    // allocated just before the first nest that touches it, in order of the stages
    Stmt body = ir::seq(std::move(nests));
    for (auto it = locals.rbegin(); it != locals.rend(); ++it) body = ir::alloc(*it, body);
    return body;
  }

 private:
  void make_storage(int id) {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    if (s.attach == StageState::inlined) return;
    const bool own = s.attach == StageState::at || !s.layout.empty() || !s.align.empty() ||
                     s.scope != Scope::global || nests_.of(id).one_step;
    for (const BufferRef& b : s.buffers)
      storage_[static_cast<size_t>(id)].push_back(
          own ? ir::buffer(b->name, b->type, nests_.storage_shape(id), s.scope) : b);
  }

  // Every read of a stage's tensor, as a read of where it is kept.
  Expr redirect(const Expr& e) const {
    return ir::rewrite(e, [&](const ir::Load& l) -> Expr { return redirected(l); });
  }
  Expr redirected(const ir::Load& l) const {
    const int producer = state_.find(l.buffer.get());
    if (producer < 0) return nullptr;
    const auto& buffers = state_.stages[static_cast<size_t>(producer)].buffers;
    size_t component = 0;
    while (!buffers[component].same(l.buffer)) ++component;
    return ir::load(storage_[static_cast<size_t>(producer)][component],
                    nests_.stored_at(producer, l.indices));
  }

  // && evaluates both sides: what reads memory is behind an `if` of the conditions before it.
  static Stmt guarded(const std::vector<Expr>& conditions, Stmt body) {
    std::vector<Expr> all = {ir::bool_imm(true)};
    for (const Expr& c : conditions) {
      bool reads = false;
      ir::walk<ir::Load>(c, [&](const ir::Load&) { reads = true; });
      if (reads && !ir::is_int(all.back(), 1)) all.push_back(ir::bool_imm(true));
      all.back() = ir::logical_and(all.back(), c);
    }
    for (size_t i = all.size(); i-- > 0;) body = ir::if_(all[i], std::move(body));
    return body;
  }

  [[nodiscard]] std::vector<Expr> own_index(int id, const ir::VarMap* subst = nullptr) const {
    std::vector<Expr> index;
    for (int d = 0; d < state_.stages[static_cast<size_t>(id)].rank(); ++d)
      index.push_back(nests_.index(id, d, subst));
    return nests_.stored_at(id, index);
  }

  Stmt plain_body(int id) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    const ir::VarMap map = nests_.body_map(id);
    std::vector<Stmt> stores;
    for (size_t i = 0; i < s.values.size(); ++i)
      stores.push_back(ir::store(storage(id)[i], own_index(id), redirect(ir::substitute(s.values[i], map))));
    return guarded(guards(id, false), ir::seq(std::move(stores)));
  }

  // What one iteration of a reduction folds, and when. A source that is the identity
  // where a condition fails (padding) becomes an update under that condition: nothing
  // is added there.
  struct Update {
    std::vector<Expr> conditions, sources;
  };
  Update update_of(int id) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    const auto* r = s.values[0].as<ir::Reduce>();
    const ir::VarMap map = nests_.body_map(id);
    Update u{guards(id, false), {}};
    for (const Expr& e : r->source) u.sources.push_back(redirect(ir::substitute(e, map)));
    while (u.sources.size() == 1) {
      const auto* c = u.sources[0].as<ir::Call>();
      if (!c || c->op != ir::CallOp::if_then_else || !is_identity(*r, c->args[2])) break;
      u.conditions.push_back(c->args[0]);
      u.sources[0] = Expr(c->args[1]);
    }
    return u;
  }

  // Which component of a fold is kept in the i-th buffer of the stage.
  [[nodiscard]] size_t component_of(int id, size_t i) const {
    return static_cast<size_t>(state_.stages[static_cast<size_t>(id)].values[i].as<ir::Reduce>()->component);
  }

  // S[i] = S[i] op source.
  Stmt update_body(int id) const {
    const auto* r = state_.stages[static_cast<size_t>(id)].values[0].as<ir::Reduce>();
    const std::vector<Expr> index = own_index(id);
    const Update u = update_of(id);
    if (storage(id).size() > 1) return guarded(u.conditions, tuple_update(id, *r, index, u.sources));
    ir::VarMap fold{{r->combiner->lhs[0], ir::load(storage(id)[0], index)},
                    {r->combiner->rhs[0], u.sources[0]}};
    return guarded(u.conditions,
                   ir::store(storage(id)[0], index, ir::substitute(r->combiner->results[0], fold)));
  }

  // All components are read before any is written.
  Stmt tuple_update(int id, const ir::Reduce& r, const std::vector<Expr>& index,
                    const std::vector<Expr>& sources) const {
    ir::VarMap fold;
    std::vector<std::pair<VarRef, Expr>> lets;
    for (size_t i = 0; i < sources.size(); ++i) {
      const VarRef old = ir::var(r.combiner->lhs[i]->name, sources[i]->type),
                   add = ir::var(r.combiner->rhs[i]->name, sources[i]->type);
      lets.emplace_back(old, ir::load(storage(id)[i], index));
      lets.emplace_back(add, sources[i]);
      fold[r.combiner->lhs[i]] = old;
      fold[r.combiner->rhs[i]] = add;
    }
    std::vector<Stmt> stores;
    for (size_t i = 0; i < storage(id).size(); ++i)
      stores.push_back(
          ir::store(storage(id)[i], index, ir::substitute(r.combiner->results[component_of(id, i)], fold)));
    Stmt body = ir::seq(std::move(stores));
    for (auto it = lets.rbegin(); it != lets.rend(); ++it) body = ir::let(it->first, it->second, body);
    return body;
  }

  static bool is_identity(const ir::Reduce& r, const Expr& e) {
    const Expr& id = r.combiner->identity[0];
    const auto *a = e.as<ir::FloatImm>(), *b = id.as<ir::FloatImm>();
    if (a && b) return a->value == b->value && std::signbit(a->value) == std::signbit(b->value);
    const auto x = ir::as_int(e), y = ir::as_int(id);
    return x && y && *x == *y;
  }

  // The stage's own loops inside position `from`, over which it is initialised.
  Stmt init_nest(int id, int from, std::vector<Expr> first) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    const auto* r = s.values[0].as<ir::Reduce>();
    ir::VarMap fresh;
    std::vector<std::pair<int, VarRef>> loops;
    size_t outside = 0;  // of them, around a tensorized initialisation
    for (size_t p = static_cast<size_t>(from); p < s.leaves.size(); ++p) {
      if (static_cast<int>(p) == tensor_position(s)) outside = loops.size();
      const int axis = s.leaves[p];
      if (s.axes[static_cast<size_t>(axis)].reduce) continue;
      const VarRef& v = nests_.of(id).axis_var[static_cast<size_t>(axis)];
      loops.emplace_back(axis, ir::var(v->name));
      fresh[v] = loops.back().second;
    }
    std::vector<Stmt> stores;
    for (size_t i = 0; i < s.buffers.size(); ++i) {
      stores.push_back(
          ir::store(storage(id)[i], own_index(id, &fresh), r->combiner->identity[component_of(id, i)]));
    }
    Stmt body = guarded(guards(id, true, &fresh), ir::seq(std::move(stores)));
    const bool tensor = s.intrinsic && s.intrinsic->init;
    for (size_t i = loops.size(); i-- > (tensor ? outside : 0);)
      body = loop(id, loops[i].first, loops[i].second, body);
    if (tensor) body = tensor_init(id, fresh, body);
    for (size_t i = tensor ? outside : 0; i-- > 0;) body = loop(id, loops[i].first, loops[i].second, body);
    return guarded(first, body);
  }

  // Where the loops of a stage end and its intrinsic begins; -1 where there is none.
  static int tensor_position(const StageState& s) {
    return s.intrinsic ? s.leaf_position(s.tensor_axis) : -1;
  }

  // What is computed at the place of an intrinsic, and when.
  [[nodiscard]] std::pair<TensorSite, std::vector<Expr>> site_of(int id) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    TensorSite site = tensor_site(state_, nests_, id);
    site.output = storage(id)[0];
    site.output_index = own_index(id);
    if (const auto* r = s.values[0].as<ir::Reduce>()) {
      Update u = update_of(id);
      site.value = u.sources[0], site.combiner = r->combiner;
      return {std::move(site), std::move(u.conditions)};
    }
    site.value = redirect(ir::substitute(s.values[0], nests_.body_map(id)));
    return {std::move(site), guards(id, false)};
  }

  Stmt tensor_body(int id, int p) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    if (auto error = check_tensorized(state_, id)) throw *std::move(error);
    const auto [site, conditions] = site_of(id);
    const auto parts = match_intrinsic(*s.intrinsic, site).value();
    Stmt loops = s.has_reduce() ? update_body(id) : plain_body(id);
    for (int q = static_cast<int>(s.leaves.size()); q-- > p;) {
      const int axis = s.leaves[static_cast<size_t>(q)];
      loops = loop(id, axis, nests_.of(id).axis_var[static_cast<size_t>(axis)], loops);
    }
    return whole_or_loops(site, conditions, place_program(s.intrinsic->update, parts), loops);
  }

  // The initialisation of one tile; `loops` does the same over the fresh variables.
  Stmt tensor_init(int id, const ir::VarMap& fresh, Stmt loops) const {
    const Intrinsic& intrinsic = *state_.stages[static_cast<size_t>(id)].intrinsic;
    const TensorSite site = site_of(id).first;
    const auto parts = match_intrinsic(intrinsic, site).value();
    return whole_or_loops(site, guards(id, true), place_program(intrinsic.init, parts), std::move(loops),
                          fresh);
  }

  Stmt loop(int id, int axis, const VarRef& var, Stmt body) const {
    const AxisState& a = state_.stages[static_cast<size_t>(id)].axes[static_cast<size_t>(axis)];
    const Expr& extent = nests_.of(id).axis_extent[static_cast<size_t>(axis)];
    const bool any = a.mode == ir::LoopMode::serial || a.mode == ir::LoopMode::parallel;
    if (!any && !ir::as_int(extent))
      throw needs_number(
          fmt::format("{} {} loop", a.mode == ir::LoopMode::unrolled ? "an" : "a", ir::to_string(a.mode)),
          state_.stages[static_cast<size_t>(id)].name, a.name, extent,
          fmt::format("split {} by a factor, and give the inner loop the mode", a.name));
    return ir::for_(var, ir::int_imm(0), extent, a.mode, std::move(body));
  }

  // Position of the outermost reduce loop, or the number of loops.
  static int first_reduce(const StageState& s) {
    int p = 0;
    while (p < static_cast<int>(s.leaves.size()) &&
           !s.axes[static_cast<size_t>(s.leaves[static_cast<size_t>(p)])].reduce)
      ++p;
    return p;
  }

  Stmt nest(int id) { return build(id, 0); }

  // The loop over time around one step of each stage of a scan. It stands where the
  // first of them does: what the others need from outside comes before that one.
  Stmt scan_nest(int scan) {
    std::vector<Stmt> steps;
    std::vector<BufferRef> locals;
    int last = -1;
    for (size_t i = 0; i < state_.stages.size(); ++i) {
      const StageState& s = state_.stages[i];
      if (s.scan != scan || s.attach != StageState::root) continue;
      last = static_cast<int>(i);
      steps.push_back(with_attached(last, 0, build(last, 1)));
      if (nests_.of(last).one_step)
        for (const BufferRef& b : storage_[i]) locals.push_back(b);
    }
    Stmt body = ir::seq(std::move(steps));
    for (auto it = locals.rbegin(); it != locals.rend(); ++it) body = ir::alloc(*it, body);
    body = loop(last, 0, nests_.of(last).axis_var[0], std::move(body));
    for (size_t i = 0; i < state_.stages.size(); ++i)  // those placed have a loop of their own
      if (const StageState& s = state_.stages[i]; s.scan == scan && s.attach == StageState::root)
        body = with_rings(static_cast<int>(i), 0, std::move(body));
    return body;
  }

  // The body of an extern, on what is kept where.
  Stmt extern_body(int id) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    const Stmt whole = extern_statement(*s.external, s.buffers);
    return ir::rewrite(
        whole.as<ir::Extern>()->body, [&](const ir::Load& l) -> Expr { return redirected(l); },
        [&](const ir::Store& st) -> Stmt {
          for (size_t i = 0; i < s.buffers.size(); ++i)
            if (s.buffers[i].same(st.buffer))
              return ir::store(storage(id)[i], nests_.stored_at(id, st.indices), st.value);
          return nullptr;
        });
  }

  Stmt build(int id, int p) {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    if (s.external) return extern_body(id);
    const int n = static_cast<int>(s.leaves.size());
    Stmt body;
    if (p == tensor_position(s)) {
      body = tensor_body(id, p);
    } else if (p == n) {
      body = s.has_reduce() ? update_body(id) : plain_body(id);
    } else {
      const int axis = s.leaves[static_cast<size_t>(p)];
      Stmt inner = with_attached(id, axis, build(id, p + 1));
      body = loop(id, axis, nests_.of(id).axis_var[static_cast<size_t>(axis)], std::move(inner));
      body = with_rings(id, axis, std::move(body));
    }
    return s.has_reduce() ? with_init(id, p, std::move(body)) : body;
  }

  // The initialisation, if this is its place: before the loop at position p.
  Stmt with_init(int id, int p, Stmt body) const {
    const StageState& s = state_.stages[static_cast<size_t>(id)];
    const int q = first_reduce(s);
    int at = s.init_at >= 0 ? std::max(s.leaf_position(s.init_at) + 1, q) : q;
    for (int i = q; i < at; ++i)  // inside a loop that never runs, nothing would be initialised
      if (!Extent(nests_.of(id).axis_extent[static_cast<size_t>(s.leaves[static_cast<size_t>(i)])])
               .at_least(1))
        at = q;
    if (tensor_position(s) >= 0) at = std::min(at, tensor_position(s));
    if (p != at) return body;
    std::vector<Expr> first;
    for (int i = q; i < p; ++i) {
      const int axis = s.leaves[static_cast<size_t>(i)];
      if (s.axes[static_cast<size_t>(axis)].reduce)
        first.push_back(ir::eq(nests_.of(id).axis_var[static_cast<size_t>(axis)], ir::int_imm(0)));
    }
    return ir::seq({init_nest(id, p, first), body});
  }

  Stmt with_attached(int id, int axis, Stmt body) {
    std::vector<Stmt> nests;
    std::vector<std::pair<BufferRef, bool>> locals;  // whether in two places
    for (size_t i = 0; i < state_.stages.size(); ++i) {
      const StageState& s = state_.stages[i];
      if (s.attach != StageState::at || s.at_stage != id || s.at_axis != axis) continue;
      if (s.rolling) {  // its storage is outside the loop
        nests.push_back(rolling_nest(static_cast<int>(i), nests_.of(id).axis_var[static_cast<size_t>(axis)]));
        continue;
      }
      nests.push_back(nest(static_cast<int>(i)));
      for (const BufferRef& b : storage_[i]) locals.emplace_back(b, s.double_buffer);
    }
    for (const Hint& h : state_.stages[static_cast<size_t>(id)].prefetches)
      if (h.axis == axis) nests.push_back(prefetches(id, h));
    nests.push_back(std::move(body));
    body = ir::seq(std::move(nests));
    for (auto it = locals.rbegin(); it != locals.rend(); ++it) body = ir::alloc(it->first, body, it->second);
    return body;
  }

  // The whole window in the first iteration, then what is new in it.
  Stmt rolling_nest(int id, const VarRef& loop) {
    Stmt whole = nest(id);
    if (nests_.of(id).roll_dim < 0) return whole;  // the loop runs once
    only_new_[static_cast<size_t>(id)] = true;
    Stmt rest = nest(id);
    only_new_[static_cast<size_t>(id)] = false;
    return ir::if_(ir::eq(loop, ir::int_imm(0)), std::move(whole), with_own_memory(rest));
  }
  // A second copy of loops allocates buffers of its own: passes tell buffers apart by identity.
  static Stmt with_own_memory(const Stmt& loops) {
    ir::BufferMap own;
    ir::walk<ir::Alloc>(loops, [&](const ir::Alloc& a) {
      const ir::Buffer& b = *a.buffer;
      own[a.buffer] = ir::buffer(b.name, b.type, b.shape, b.scope);
    });
    return own.empty() ? loops : ir::substitute(loops, own);
  }
  // The rings of the stages that are computed in iterations of this loop.
  Stmt with_rings(int id, int axis, Stmt loop) const {
    for (size_t i = state_.stages.size(); i-- > 0;) {
      const StageState& s = state_.stages[i];
      if (!s.rolling || s.at_stage != id || s.at_axis != axis) continue;
      for (auto b = storage_[i].rbegin(); b != storage_[i].rend(); ++b) loop = ir::alloc(*b, loop);
    }
    return loop;
  }
  [[nodiscard]] std::vector<Expr> guards(int id, bool spatial_only, const ir::VarMap* subst = nullptr) const {
    std::vector<Expr> out = nests_.guards(id, spatial_only, subst);
    const NestState& n = nests_.of(id);
    if (only_new_[static_cast<size_t>(id)])
      out.push_back(nests_.value(id, n.roll_dim, subst) >=
                    n.extent[static_cast<size_t>(n.roll_dim)] - n.roll_step);
    return out;
  }

  // One request a line of what a later iteration of the loop reads.
  Stmt prefetches(int id, const Hint& hint) const {
    const int stage = state_.find(hint.buffer.get());
    const Window window = nests_.window(stage, id, hint);
    const auto& buffers = state_.stages[static_cast<size_t>(stage)].buffers;
    size_t component = 0;
    while (!buffers[component].same(hint.buffer)) ++component;
    std::vector<std::pair<VarRef, Expr>> loops;
    std::vector<Expr> index;
    for (size_t d = 0; d < window.lo.size(); ++d) {
      const int64_t step = window.step[d];
      loops.emplace_back(ir::var("p"), (window.extent[d] + (step - 1)) / ir::int_imm(step));
      index.push_back(window.lo[d] + Expr(loops.back().first) * step);
    }
    Stmt body = ir::prefetch(storage(stage)[component], nests_.stored_at(stage, index));
    for (size_t d = loops.size(); d-- > 0;)
      body = ir::for_(loops[d].first, ir::int_imm(0), loops[d].second, ir::LoopMode::serial, body);
    return body;
  }

  const ScheduleState& state_;
  const Nests& nests_;
  std::vector<std::vector<BufferRef>> storage_;
  std::vector<bool> only_new_;  // by stage: rolling, after the first iteration
};

// Whether every place of the layout stands for the index that its pieces add up to.
bool is_sum_of_pieces(const StageState& s) {
  for (int axis = 0; axis < s.rank(); ++axis) {
    std::vector<LayoutDim> pieces;
    for (const LayoutDim& d : s.layout)
      if (d.axis == axis) pieces.push_back(d);
    std::sort(pieces.begin(), pieces.end(), [](const LayoutDim& a, const LayoutDim& b) {
      return a.div != b.div ? a.div < b.div : a.mod != 0 && b.mod == 0;
    });
    int64_t covered = 1;
    for (const LayoutDim& p : pieces) {
      if (p.div != covered) return false;
      covered = p.mod == 0 ? -1 : covered * p.mod;
    }
  }
  return true;
}

// Of a layout in which there are places that stand for nothing: zeros, then each element
// into its place.
FuncRef scatter_func(const StageState& s, const BufferRef& plain, const BufferRef& packed) {
  const auto loops = [](const BufferRef& over, const char* name, std::vector<VarRef>& vars) {
    for (size_t i = 0; i < over->shape.size(); ++i) vars.push_back(ir::var(fmt::format("{}{}", name, i)));
    return [&over, &vars](Stmt body) {
      for (size_t i = vars.size(); i-- > 0;)
        body = ir::for_(vars[i], ir::int_imm(0), over->shape[i], ir::LoopMode::serial, std::move(body));
      return body;
    };
  };
  std::vector<VarRef> all, own;
  const auto over_packed = loops(packed, "i", all), over_plain = loops(plain, "d", own);
  std::vector<Expr> place(packed->shape.size() - s.layout.size(), ir::int_imm(0));
  for (const LayoutDim& d : s.layout) {
    Expr e = own[static_cast<size_t>(d.axis)] / ir::int_imm(d.div);
    place.push_back(d.mod != 0 ? e % ir::int_imm(d.mod) : e);
  }
  const Stmt zero = ir::store(packed, {all.begin(), all.end()}, ir::const_of(plain->type, 0)),
             element = ir::store(packed, place, ir::load(plain, {own.begin(), own.end()}));
  return ir::simplify(
      ir::func("pack_" + s.name, {plain, packed}, ir::seq({over_packed(zero), over_plain(element)})));
}

// The function that makes a packed argument from a plain one, in nested form:
// padding is zero, the innermost dimension in vectors, the outermost in parallel.
FuncRef pack_func(const StageState& s, const BufferRef& plain, const BufferRef& packed) {
  if (!is_sum_of_pieces(s)) return scatter_func(s, plain, packed);
  std::vector<VarRef> vars;
  const size_t extra = packed->shape.size() - s.layout.size();  // a first dimension of 1
  std::vector<Expr> place(extra, ir::int_imm(0));
  std::vector<Expr> index(plain->shape.size(), ir::int_imm(0));
  for (size_t i = 0; i < s.layout.size(); ++i) {
    vars.push_back(ir::var(fmt::format("i{}", i)));
    place.push_back(vars.back());
    Expr& e = index[static_cast<size_t>(s.layout[i].axis)];
    e = e + vars[i] * ir::int_imm(s.layout[i].div);
  }
  Expr inside = ir::bool_imm(true);
  for (size_t d = 0; d < index.size(); ++d) inside = ir::logical_and(inside, index[d] < plain->shape[d]);
  Stmt body = ir::store(packed, place,
                        ir::if_then_else(inside, ir::load(plain, index), ir::const_of(plain->type, 0)));
  for (size_t i = vars.size(); i-- > 0;) {
    const auto mode = i == 0                 ? ir::LoopMode::parallel
                      : i + 1 == vars.size() ? ir::LoopMode::vectorized
                                             : ir::LoopMode::serial;
    body = ir::for_(vars[i], ir::int_imm(0), packed->shape[i + extra], mode, body);
  }
  return ir::simplify(ir::func("pack_" + s.name, {plain, packed}, body));
}

}  // namespace

Check check_lowering(const ScheduleState& state) {
  try {
    Nests nests(state);
    if (auto error = nests.infer()) return error;
    (void)Lowerer(state, nests).run();
    return std::nullopt;
  } catch (const Error& e) {
    return e;
  }
}

Expected<Lowered> lower(const Schedule& schedule, const std::vector<Tensor>& args, const std::string& name) {
  try {
    (void)to_func(schedule.graph(), args, name);  // the rules for arguments
    const ScheduleState& state = schedule.state();
    Nests nests(state);
    if (auto error = nests.infer()) return *error;
    Lowerer lowerer(state, nests);
    Lowered out;
    std::vector<BufferRef> params;
    for (size_t i = 0; i < args.size(); ++i) {
      const int stage = state.find(args[i].buffer().get());
      const StageState& s = state.stages[static_cast<size_t>(stage)];
      if (!s.is_input && !s.is_output)
        return Error("lower.args", fmt::format("{} is an intermediate and is given as an argument", s.name))
            .fix("make it an output of the schedule, or leave it out");
      size_t component = 0;
      while (!s.buffers[component].same(args[i].buffer())) ++component;
      params.push_back(lowerer.storage(stage)[component]);
      if (s.is_input && !s.layout.empty()) {
        Pack pack{static_cast<int>(i), s.layout_text, pack_func(s, args[i].buffer(), params.back()), {}};
        for (const Expr& e : params.back()->shape) pack.shape.push_back(*ir::as_int(e));
        out.packs.push_back(std::move(pack));
      }
    }
    ir::Stmt body = lowerer.run();
    // outputs that are components nobody asked for are kept locally
    for (const StageState& s : state.stages)
      if (s.is_output)
        for (const BufferRef& b : s.buffers)
          if (std::none_of(params.begin(), params.end(), [&](const BufferRef& p) { return p.same(b); }))
            body = ir::alloc(b, body);
    out.func = ir::simplify(ir::func(name, params, body));
    return out;
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc
