#include "oracle/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "oracle/access.h"
#include "tc/ir/traverse.h"

namespace tc::test::oracle {
namespace {

using ir::LoopMode;

Meaning none(std::string why) { return {Meaning::none, std::move(why)}; }
size_t at(int i) { return static_cast<size_t>(i); }

std::string fresh_axis(const Stage& s, const std::string& wanted) {
  std::string name = wanted;
  for (int i = 1; s.find(name) >= 0; ++i) name = fmt::format("{}{}", wanted, i);
  return name;
}

// The plain loops of the dimensions and of the reduction.
void reset_loops(Stage& s) {
  s.axes.clear(), s.relations.clear(), s.leaves.clear(), s.dims.clear();
  for (const VarRef& v : s.vars) {
    s.dims.push_back({static_cast<int>(s.axes.size()), 0, false});
    s.axes.push_back({fresh_axis(s, v->name), false, LoopMode::serial, false});
  }
  for (const ReduceAxis& k : s.reduce)
    s.axes.push_back({fresh_axis(s, k.var->name), true, LoopMode::serial, false});
  if (s.is_input) return;
  for (size_t i = 0; i < s.axes.size(); ++i) s.leaves.push_back(static_cast<int>(i));
}

std::vector<VarRef> vars_for_dims(const Stage& s) {
  std::vector<VarRef> out;
  for (const Dim& d : s.dims)
    out.push_back(ir::var(!d.made ? s.vars[at(d.axis)]->name : s.axes[at(d.axis)].name));
  return out;
}

std::vector<Expr> as_exprs(const std::vector<VarRef>& vars) { return {vars.begin(), vars.end()}; }

}  // namespace

const ir::Reduce* Stage::reduction() const { return values.empty() ? nullptr : values[0].as<ir::Reduce>(); }
bool Stage::folds() const {
  return reduction() && std::any_of(leaves.begin(), leaves.end(), [&](int l) { return axes[at(l)].reduce; });
}
int Stage::position(int axis) const {
  const auto it = std::find(leaves.begin(), leaves.end(), axis);
  return it == leaves.end() ? -1 : static_cast<int>(it - leaves.begin());
}
int Stage::find(const std::string& axis) const {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i].name == axis) return static_cast<int>(i);
  return -1;
}
bool Stage::is_partial() const {
  return std::any_of(dims.begin(), dims.end(), [](const Dim& d) { return d.made; });
}
std::vector<int64_t> Stage::extents() const {
  std::vector<int64_t> out(axes.size(), 0);
  for (size_t i = 0; i < vars.size(); ++i)
    for (size_t d = 0; d < dims.size(); ++d)
      if (!dims[d].made && dims[d].axis == static_cast<int>(i)) out[i] = shape[d];
  for (size_t k = 0; k < reduce.size(); ++k) out[vars.size() + k] = ir::as_int(reduce[k].extent).value();
  for (const Relation& r : relations) {
    if (r.kind == Relation::fuse) {
      out[at(r.parent)] = out[at(r.outer)] * out[at(r.inner)];
      continue;
    }
    const int64_t whole = out[at(r.parent)], other = (whole + r.number - 1) / r.number;
    out[at(r.outer)] = r.kind == Relation::split ? other : r.number;
    out[at(r.inner)] = r.kind == Relation::split ? r.number : other;
  }
  return out;
}

Model::Model(const std::vector<Tensor>& outputs) {
  const Graph g = Graph::of(outputs);
  const auto add = [&](Stage s) {
    for (const Expr& e : s.buffers[0]->shape) s.shape.push_back(ir::as_int(e).value());
    reset_loops(s);
    const std::string wanted = s.name;
    for (int i = 1; find(s.name) >= 0; ++i) s.name = fmt::format("{}_{}", wanted, i);
    order.push_back(static_cast<int>(stages.size()));
    stages.push_back(std::move(s));
  };
  for (const Tensor& t : g.inputs) {
    Stage s;
    s.name = t.name(), s.is_input = true, s.buffers = {t.buffer()};
    for (int i = 0; i < t.ndim(); ++i)
      s.vars.push_back(ir::var(t.ndim() == 2 ? (i ? "x" : "y") : fmt::format("d{}", i)));
    add(std::move(s));
  }
  for (size_t i = 0; i < g.ops.size(); ++i) {
    Stage s;
    s.name = g.ops[i]->name, s.buffers = g.buffers[i], s.vars = g.ops[i]->axes;
    s.reduce = g.ops[i]->reduce_axes(), s.values = g.ops[i]->values;
    for (const Tensor& t : g.outputs)
      for (const BufferRef& b : s.buffers) s.is_output |= t.buffer().same(b);
    add(std::move(s));
  }
}

int Model::find(const std::string& stage) const {
  for (size_t i = 0; i < stages.size(); ++i)
    if (stages[i].name == stage && !stages[i].inlined) return static_cast<int>(i);
  return -1;
}
int Model::stage_of(const BufferRef& buffer) const {
  for (size_t i = 0; i < stages.size(); ++i)
    for (const BufferRef& b : stages[i].buffers)
      if (b.same(buffer)) return static_cast<int>(i);
  throw Unjudged("a buffer of no stage");
}
std::vector<int> Model::readers(int stage) const {
  std::vector<int> out;
  for (const int q : order) {
    bool reads = false;
    for (const Expr& v : stages[at(q)].values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) { reads |= stage_of(l.buffer) == stage; });
    if (reads && !stages[at(q)].inlined) out.push_back(q);
  }
  return out;
}
bool Model::inside(int inner, int outer) const {
  for (; inner >= 0; inner = stages[at(inner)].at_stage)
    if (inner == outer) return true;
  return false;
}

namespace {

// One step on one model. Every function gives why the step has no meaning, if so.
class Apply {
 public:
  Apply(Model& m, const Step& step) : m_(m), step_(step) {}

  Meaning run() {
    id_ = m_.find(step_.stage);
    if (id_ < 0) return none("no such stage");
    switch (step_.kind) {
      case StepKind::split:
        return split();
      case StepKind::fuse:
        return fuse();
      case StepKind::reorder:
        return reorder();
      case StepKind::vectorize:
        return mode(LoopMode::vectorized);
      case StepKind::unroll:
        return mode(LoopMode::unrolled);
      case StepKind::parallel:
        return mode(LoopMode::parallel);
      case StepKind::compute_at:
        return compute_at();
      case StepKind::compute_root:
        return compute_root();
      case StepKind::compute_inline:
        return compute_inline();
      case StepKind::cache_read:
        return cache_read();
      case StepKind::cache_write:
        return cache_write();
      case StepKind::set_scope:
        if (s().is_input || s().is_output) return none("the memory is the caller's");
        return {};
      case StepKind::layout:
        return layout();
      case StepKind::init_at:
        return init_at();
      case StepKind::rfactor:
        return rfactor();
      case StepKind::reverse_compute_at:
        return reverse_compute_at();
      default:
        return {Meaning::unjudged, "a step that the oracle does not know"};
    }
  }

 private:
  Stage& s() { return m_.stages[at(id_)]; }

  // The loop of that name; none where it is no loop any more.
  static int loop(const Stage& s, const std::string& name) {
    const int axis = s.find(name);
    return axis >= 0 && s.position(axis) >= 0 ? axis : -1;
  }
  // A loop that has a mode, or on which something hangs, is not replaced by others: which
  // of those would have the mode?
  [[nodiscard]] bool is_plain(int axis) {
    return s().axes[at(axis)].mode == LoopMode::serial && hangs_nothing(axis);
  }
  // Whether a stage is computed at the loop, or the reduction initialised.
  [[nodiscard]] bool hangs_nothing(int axis) {
    if (s().init_at == axis) return false;
    return std::none_of(m_.stages.begin(), m_.stages.end(),
                        [&](const Stage& o) { return o.at_stage == id_ && o.at_axis == axis; });
  }
  // Whether the same loops are around `axis`, in any order.
  static bool keeps_outside(std::vector<int> before, std::vector<int> after, int axis) {
    before.erase(std::find(before.begin(), before.end(), axis), before.end());
    after.erase(std::find(after.begin(), after.end(), axis), after.end());
    std::sort(before.begin(), before.end()), std::sort(after.begin(), after.end());
    return before == after;
  }
  // Lanes hold neither lanes nor threads; threads are not divided again.
  static bool nests_modes(const Stage& s) {
    for (size_t p = 0; p < s.leaves.size(); ++p)
      for (size_t q = p + 1; q < s.leaves.size(); ++q) {
        const LoopMode outer = s.axes[at(s.leaves[p])].mode, inner = s.axes[at(s.leaves[q])].mode;
        if (outer == LoopMode::vectorized && (inner == LoopMode::vectorized || inner == LoopMode::parallel))
          return true;
        if (outer == LoopMode::parallel && inner == LoopMode::parallel) return true;
      }
    return false;
  }
  std::string new_axis(size_t i, const std::string& wanted) {
    return i < step_.into.size() ? step_.into[i] : fresh_axis(s(), wanted);
  }
  [[nodiscard]] bool axis_names_taken(size_t count) {
    std::set<std::string> seen;
    for (const std::string& n : step_.into)
      if (n.empty() || s().find(n) >= 0 || !seen.insert(n).second) return true;
    return !step_.into.empty() && step_.into.size() != count;
  }

  Meaning split() {
    if (step_.axes.size() != 1 || step_.number < 1) return none("one axis, a positive number");
    const int axis = loop(s(), step_.axes[0]);
    if (axis < 0) return none("no such loop");
    if (!is_plain(axis)) return none("the loop has a mode, or something hangs on it");
    if (axis_names_taken(2)) return none("the names are taken");
    const std::string outer = new_axis(0, step_.axes[0] + "o"), inner = new_axis(1, step_.axes[0] + "i");
    const int n = static_cast<int>(s().axes.size());
    const bool reduce = s().axes[at(axis)].reduce;
    s().axes.push_back({outer, reduce, LoopMode::serial, false});
    s().axes.push_back({inner, reduce, LoopMode::serial, false});
    s().relations.push_back({step_.parts ? Relation::parts : Relation::split, axis, n, n + 1, step_.number});
    const auto p = s().leaves.begin() + s().position(axis);
    *p = n;
    s().leaves.insert(p + 1, n + 1);
    return {};
  }

  Meaning fuse() {
    if (step_.axes.size() < 2) return none("two axes or more");
    std::vector<int> ids;
    for (const std::string& n : step_.axes) {
      const int axis = loop(s(), n);
      if (axis < 0) return none("no such loop");
      if (!is_plain(axis)) return none("the loop has a mode, or something hangs on it");
      if (!ids.empty() && s().position(axis) != s().position(ids.back()) + 1)
        return none("not the loop just inside");
      if (!ids.empty() && s().axes[at(axis)].reduce != s().axes[at(ids[0])].reduce)
        return none("a loop is reduced over or not");
      ids.push_back(axis);
    }
    if (axis_names_taken(1)) return none("the name is taken");
    std::string wanted;
    for (const std::string& n : step_.axes) wanted += n;
    const std::string name = new_axis(0, wanted);
    int outer = ids[0];
    for (size_t i = 1; i < ids.size(); ++i) {
      const int made = static_cast<int>(s().axes.size());
      const bool last = i + 1 == ids.size();
      s().axes.push_back({last ? name : fresh_axis(s(), name + "_part"), s().axes[at(outer)].reduce,
                          LoopMode::serial, false});
      s().relations.push_back({Relation::fuse, made, outer, ids[i], 0});
      const auto p = s().leaves.begin() + s().position(outer);
      *p = made;
      s().leaves.erase(p + 1);
      outer = made;
    }
    return {};
  }

  Meaning reorder() {
    if (s().is_input) return none("an input has no loops");
    std::vector<int> ids, places;
    for (const std::string& n : step_.axes) {
      const int axis = loop(s(), n);
      if (axis < 0 || std::find(ids.begin(), ids.end(), axis) != ids.end())
        return none("no such loop, or twice");
      ids.push_back(axis), places.push_back(s().position(axis));
    }
    std::sort(places.begin(), places.end());
    const std::vector<int> before = s().leaves;
    for (size_t i = 0; i < ids.size(); ++i) s().leaves[at(places[i])] = ids[i];
    for (const int l : before)
      if (!hangs_nothing(l) && !keeps_outside(before, s().leaves, l))
        return none("what hangs on a loop was placed in the loops around it");
    if (nests_modes(s())) return none("modes do not nest so");
    return {};
  }

  Meaning mode(LoopMode m) {
    const int axis = step_.axes.size() == 1 ? loop(s(), step_.axes[0]) : -1;
    if (axis < 0) return none("no such loop");
    if (s().axes[at(axis)].mode != LoopMode::serial) return none("it has a mode");
    s().axes[at(axis)].mode = m;
    s().axes[at(axis)].reassociate = step_.reassociate;
    if (nests_modes(s())) return none("modes do not nest so");
    return {};
  }

  Meaning compute_at() {
    if (step_.axes.size() != 2 || s().is_input) return none("an input is computed nowhere");
    const int consumer = m_.find(step_.axes[0]);
    const int axis = consumer < 0 ? -1 : loop(m_.stages[at(consumer)], step_.axes[1]);
    if (axis < 0) return none("no such loop");
    if (m_.inside(consumer, id_)) return none("a stage inside itself");
    s().at_stage = consumer, s().at_axis = axis;
    return {};
  }
  Meaning compute_root() {
    if (s().is_input) return none("an input is computed nowhere");
    s().at_stage = s().at_axis = -1;
    return {};
  }

  Meaning compute_inline() {
    if (s().is_input) return none("an input has no expression");
    if (s().reduction() && s().is_partial()) return {Meaning::unjudged, "partial results as an expression"};
    if (s().reduction()) return none("a reduction is no expression");
    for (const Stage& o : m_.stages)
      if (o.at_stage == id_) return none("its loops are the place of another stage");
    for (const int r : m_.readers(id_))
      for (Expr& v : m_.stages[at(r)].values)
        v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
          for (size_t c = 0; c < s().buffers.size(); ++c) {
            if (!s().buffers[c].same(l.buffer)) continue;
            ir::VarMap map;
            for (size_t i = 0; i < s().vars.size(); ++i) map[s().vars[i]] = l.indices[i];
            return ir::substitute(s().values[c], map);
          }
          return nullptr;
        });
    s().inlined = true;
    s().at_stage = s().at_axis = -1;
    return {};
  }

  // ---- new stages

  [[nodiscard]] bool stage_name_taken() const {
    if (step_.into.size() > 1) return true;
    return step_.into.size() == 1 && std::any_of(m_.stages.begin(), m_.stages.end(),
                                                 [&](const Stage& s) { return s.name == step_.into[0]; });
  }
  [[nodiscard]] std::string new_stage(const char* suffix) const {
    if (!step_.into.empty()) return step_.into[0];
    std::string name = step_.stage + suffix;
    for (int i = 1; m_.find(name) >= 0; ++i) name = fmt::format("{}{}_{}", step_.stage, suffix, i);
    return name;
  }
  static std::vector<BufferRef> buffers_like(const Stage& s, const std::string& name,
                                             const std::vector<int64_t>& shape) {
    std::vector<BufferRef> out;
    std::vector<Expr> extents;
    for (const int64_t n : shape) extents.push_back(ir::int_imm(n));
    for (const BufferRef& b : s.buffers) out.push_back(ir::buffer(name, b->type, extents));
    return out;
  }
  int insert(Stage made, size_t place) {
    m_.stages.push_back(std::move(made));
    const int id = static_cast<int>(m_.stages.size()) - 1;
    m_.order.insert(m_.order.begin() + static_cast<std::ptrdiff_t>(place), id);
    return id;
  }
  [[nodiscard]] size_t place_of(int id) const {
    return static_cast<size_t>(std::find(m_.order.begin(), m_.order.end(), id) - m_.order.begin());
  }

  Meaning cache_read() {
    const std::vector<int> all = m_.readers(id_);
    std::vector<int> chosen;
    for (const std::string& n : step_.names) {
      const int r = m_.find(n);
      if (std::find(all.begin(), all.end(), r) == all.end()) return none("it does not read that");
      chosen.push_back(r);
    }
    if (step_.names.empty()) chosen = all;
    if (chosen.empty()) return none("nothing reads it");
    if (stage_name_taken()) return none("the name is taken");
    Stage copy;
    copy.name = new_stage("_r");
    copy.vars = vars_for_dims(s());
    copy.shape = s().shape;
    copy.buffers = buffers_like(s(), copy.name, s().shape);
    for (const BufferRef& b : s().buffers) copy.values.push_back(ir::load(b, as_exprs(copy.vars)));
    copy.at_stage = s().at_stage, copy.at_axis = s().at_axis;
    reset_loops(copy);
    for (const int r : chosen)
      for (Expr& v : m_.stages[at(r)].values)
        v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
          for (size_t c = 0; c < copy.buffers.size(); ++c)
            if (s().buffers[c].same(l.buffer)) return ir::load(copy.buffers[c], l.indices);
          return nullptr;
        });
    size_t place = place_of(id_) + 1;
    while (place < m_.order.size() && m_.stages[at(m_.order[place])].is_input) ++place;
    insert(std::move(copy), place);
    return {};
  }

  // The computation of the stage with its loops, and what is placed in them, as a stage before it.
  // The stage itself has variables of its own now, and neither values nor a reduction.
  int take_computation(const std::string& name) {
    Stage made = s();
    made.name = name;
    made.is_output = false;
    made.layout.clear(), made.has_layout = false;  // the storage stays where it was
    made.buffers = buffers_like(s(), name, s().shape);
    s().vars = vars_for_dims(s());
    s().reduce.clear(), s().values.clear();
    s().init_at = -1;
    const int id = insert(std::move(made), place_of(id_));
    for (Stage& o : m_.stages)
      if (o.at_stage == id_) o.at_stage = id;
    return id;
  }

  Meaning cache_write() {
    if (s().is_input) return none("nothing writes an input");
    if (stage_name_taken()) return none("the name is taken");
    const int made = take_computation(new_stage("_w"));
    for (const BufferRef& b : m_.stages[at(made)].buffers)
      s().values.push_back(ir::load(b, as_exprs(s().vars)));
    reset_loops(s());
    return {};
  }

  Meaning rfactor() {
    if (s().is_input || step_.axes.size() != 1 || !s().folds()) return none("nothing is folded");
    const int axis = loop(s(), step_.axes[0]);
    if (axis < 0 || !s().axes[at(axis)].reduce) return none("not a loop that folds");
    if (step_.number < 0 || step_.number > static_cast<int64_t>(s().dims.size()))
      return none("no such position");
    if (stage_name_taken()) return none("the name is taken");
    const int64_t extent = s().extents()[at(axis)];
    const auto* r = s().reduction();
    const ir::CombinerRef combiner = r->combiner;
    const auto position = static_cast<std::ptrdiff_t>(step_.number);
    const std::string axis_name = s().axes[at(axis)].name;
    const int id = take_computation(new_stage("_rf"));
    Stage& made = m_.stages[at(id)];
    made.axes[at(axis)].reduce = false;
    if (!made.folds()) made.init_at = -1;
    made.dims.insert(made.dims.begin() + position, Dim{axis, made.relations.size(), true});
    made.shape.insert(made.shape.begin() + position, extent);
    made.buffers = buffers_like(made, made.name, made.shape);
    const ReduceAxis k{ir::var(axis_name), ir::int_imm(0), ir::int_imm(extent)};
    std::vector<Expr> index = as_exprs(s().vars);
    index.insert(index.begin() + position, k.var);
    std::vector<Expr> sources;
    for (const BufferRef& b : made.buffers) sources.push_back(ir::load(b, index));
    s().reduce = {k};
    for (size_t i = 0; i < sources.size(); ++i)
      s().values.push_back(
          ir::reduce(combiner, {k.min}, {k.extent}, {k.var}, sources, static_cast<int64_t>(i)));
    reset_loops(s());
    made.rfactor_reassociates = step_.reassociate;
    return {};
  }

  // ---- storage and initialisation

  Meaning layout() {
    if (s().is_output) return none("the memory is the caller's");
    std::vector<Piece> pieces;
    for (const std::string& text : step_.names) {
      const size_t cut = std::min(text.find_first_of("/%"), text.size());
      Piece piece{-1, 1, 0};
      for (size_t d = 0; d < s().dims.size(); ++d)
        if (s().axes[at(s().dims[d].axis)].name == text.substr(0, cut)) piece.dim = static_cast<int>(d);
      if (piece.dim < 0) return none("no such dimension");
      for (size_t i = cut; i < text.size();) {
        int64_t n = 0;
        const auto [p, error] = std::from_chars(text.data() + i + 1, text.data() + text.size(), n);
        if (error != std::errc() || n < 1) return none("no such dimension");
        (text[i] == '/' ? piece.div : piece.mod) = n;
        i = static_cast<size_t>(p - text.data());
      }
      pieces.push_back(piece);
    }
    s().layout = std::move(pieces);
    s().has_layout = true;
    return {};
  }

  Meaning init_at() {
    if (s().is_input || !s().folds()) return none("nothing is folded");
    const int axis = step_.axes.size() == 1 ? loop(s(), step_.axes[0]) : -1;
    if (axis < 0) return none("no such loop");
    s().init_at = axis;
    return {};
  }

  // ---- reverse_compute_at

  // For each dimension of `p` the one of this stage that has the same value in every read.
  std::vector<int> matching_dims(int p) {
    const Stage& producer = m_.stages[at(p)];
    std::vector<std::vector<bool>> same(producer.dims.size(), std::vector<bool>(s().vars.size(), true));
    std::vector<VarRef> vars = s().vars;
    std::vector<int64_t> extents = s().shape;
    for (const ReduceAxis& k : s().reduce)
      vars.push_back(k.var), extents.push_back(ir::as_int(k.extent).value());
    std::vector<Access> all;
    for (const Expr& v : s().values)
      if (const auto* r = v.as<ir::Reduce>())
        for (const Expr& e : r->source) collect_accesses(e, vars, all);
      else
        collect_accesses(v, vars, all);
    std::vector<int64_t> slots(vars.size(), 0);
    const bool empty = std::find(extents.begin(), extents.end(), 0) != extents.end();
    for (bool more = !empty; more;) {
      std::vector<int64_t> values = slots;
      for (size_t k = 0; k < s().reduce.size(); ++k)
        values[s().vars.size() + k] += ir::as_int(s().reduce[k].min).value();
      for (const Access& a : all) {
        if (m_.stage_of(a.buffer) != p || !a.happens(values)) continue;
        for (size_t d = 0; d < producer.dims.size(); ++d)
          for (size_t q = 0; q < s().vars.size(); ++q)
            if (a.index[d].at(values) != values[q]) same[d][q] = false;
      }
      more = false;
      for (size_t i = slots.size(); i-- > 0 && !more;)
        if (++slots[i] < extents[i])
          more = true;
        else
          slots[i] = 0;
    }
    std::vector<int> out(producer.dims.size(), -1);
    for (size_t d = 0; d < out.size(); ++d)
      for (size_t q = 0; q < s().vars.size(); ++q)
        if (out[d] < 0 && same[d][q] && s().shape[q] == producer.shape[d] &&
            std::find(out.begin(), out.end(), static_cast<int>(q)) == out.end())
          out[d] = static_cast<int>(q);
    return out;
  }

  Meaning reverse_compute_at() {
    if (s().is_input || step_.axes.size() != 2) return none("an input is computed nowhere");
    const int p = m_.find(step_.axes[0]);
    if (p < 0 || m_.stages[at(p)].is_input) return none("no such stage");
    const int axis = loop(m_.stages[at(p)], step_.axes[1]);
    if (axis < 0) return none("no such loop");
    const std::vector<int> readers = m_.readers(p);
    if (std::find(readers.begin(), readers.end(), id_) == readers.end()) return none("it does not read that");
    if (m_.inside(p, id_)) return none("it is computed there already");
    for (const Axis& a : s().axes)
      if (a.mode != LoopMode::serial) return none("the stage has steps already");
    for (const Stage& o : m_.stages)
      if (o.at_stage == id_) return none("the stage has steps already");
    if (!s().relations.empty() || s().init_at >= 0) return none("the stage has steps already");
    if (m_.stages[at(p)].is_partial() || s().is_partial())
      return {Meaning::unjudged, "loops of partial results"};
    return take_loops(p, axis);
  }

  Meaning take_loops(int p, int axis) {
    Stage& producer = m_.stages[at(p)];
    const auto count = at(producer.position(axis) + 1);
    std::vector<bool> needed(producer.axes.size(), false);
    for (size_t i = 0; i < count; ++i) {
      if (producer.axes[at(producer.leaves[i])].reduce) return none("a loop that folds has no dimension");
      needed[at(producer.leaves[i])] = true;
    }
    std::vector<Relation> relations;
    for (auto r = producer.relations.rbegin(); r != producer.relations.rend(); ++r) {
      if (r->kind == Relation::fuse ? !needed[at(r->parent)] : !needed[at(r->outer)] && !needed[at(r->inner)])
        continue;
      if (r->kind == Relation::fuse)
        needed[at(r->outer)] = needed[at(r->inner)] = true;
      else
        needed[at(r->parent)] = true;
      relations.insert(relations.begin(), *r);
    }
    const std::vector<int> match = matching_dims(p);
    std::vector<int> own(producer.axes.size(), -1);
    for (size_t d = 0; d < match.size(); ++d) {
      if (needed[d] && match[d] < 0) return none("no dimension runs over it");
      own[d] = match[d];
    }
    size_t made = 0;
    const auto add = [&](int theirs) {
      const std::string name =
          made < step_.into.size() ? step_.into[made] : fresh_axis(s(), producer.axes[at(theirs)].name);
      ++made;
      s().axes.push_back({name, false, LoopMode::serial, false});
      return own[at(theirs)] = static_cast<int>(s().axes.size()) - 1;
    };
    for (const Relation& r : relations) {
      if (r.kind == Relation::fuse) {
        const int outer = own[at(r.outer)], inner = own[at(r.inner)], parent = add(r.parent);
        s().relations.push_back({r.kind, parent, outer, inner, 0});
        s().leaves[at(s().position(outer))] = parent;
        s().leaves.erase(s().leaves.begin() + s().position(inner));
      } else {
        const int parent = own[at(r.parent)], outer = add(r.outer), inner = add(r.inner);
        s().relations.push_back({r.kind, parent, outer, inner, r.number});
        const auto place = s().leaves.begin() + s().position(parent);
        *place = outer;
        s().leaves.insert(place + 1, inner);
      }
    }
    std::vector<int> order;
    for (size_t i = 0; i < count; ++i) {
      Axis& theirs = producer.axes[at(producer.leaves[i])];
      order.push_back(own[at(producer.leaves[i])]);
      s().axes[at(order.back())].mode = theirs.mode;
      theirs.mode = LoopMode::serial;
    }
    for (const int l : s().leaves)
      if (std::find(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), l) ==
          order.begin() + static_cast<std::ptrdiff_t>(count))
        order.push_back(l);
    s().leaves = order;
    producer.at_stage = id_, producer.at_axis = own[at(axis)];
    return {};
  }

  Model& m_;
  const Step& step_;
  int id_ = -1;
};

}  // namespace

Meaning Model::apply(const Step& step) {
  Model trial = *this;
  const Meaning m = Apply(trial, step).run();
  if (m.kind == Meaning::some) *this = std::move(trial);
  return m;
}

}  // namespace tc::test::oracle
