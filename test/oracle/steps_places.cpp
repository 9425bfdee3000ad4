// Steps that say where a stage is computed.
#include "oracle/steps.h"

#include <algorithm>

#include "oracle/access.h"

namespace tc::test::oracle {

using ir::LoopMode;

Meaning Apply::compute_at() {
  if (step_.axes.size() != 2 || s().is_input) return none("an input is computed nowhere");
  const int consumer = m_.find(step_.axes[0]);
  const int axis = consumer < 0 ? -1 : loop_of(m_.stages[at(consumer)], step_.axes[1]);
  if (axis < 0) return none("no such loop");
  if (m_.inside(consumer, id_)) return none("a stage inside itself");
  s().at_stage = consumer, s().at_axis = axis;
  return {};
}

Meaning Apply::compute_root() {
  if (s().is_input) return none("an input is computed nowhere");
  if (s().doubled || s().rolling) return none("it is kept for the iterations of a loop");
  s().at_stage = s().at_axis = -1;
  return {};
}

Meaning Apply::init_at() {
  if (s().is_input || !s().folds()) return none("nothing is folded");
  const int axis = step_.axes.size() == 1 ? loop_of(s(), step_.axes[0]) : -1;
  if (axis < 0) return none("no such loop");
  s().init_at = axis;
  return {};
}

// For each dimension of `p` the one of this stage that has the same value in every read.
std::vector<int> Apply::matching_dims(int p) {
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

Meaning Apply::reverse_compute_at() {
  if (s().is_input || s().external || step_.axes.size() != 2) return none("it has no loops");
  const int p = m_.find(step_.axes[0]);
  if (p < 0 || m_.stages[at(p)].is_input) return none("no such stage");
  const int axis = loop_of(m_.stages[at(p)], step_.axes[1]);
  if (axis < 0) return none("no such loop");
  const std::vector<int> readers = m_.readers(p);
  if (std::find(readers.begin(), readers.end(), id_) == readers.end()) return none("it does not read that");
  if (m_.inside(p, id_)) return none("it is computed there already");
  for (const Axis& a : s().axes)
    if (a.mode != LoopMode::serial) return none("the stage has steps already");
  for (const Stage& o : m_.stages)
    if (o.at_stage == id_) return none("the stage has steps already");
  if (!s().relations.empty() || s().init_at >= 0 || s().tensor || !s().hints.empty())
    return none("the stage has steps already");
  if (m_.stages[at(p)].is_partial() || s().is_partial())
    return {Meaning::unjudged, "loops of partial results"};
  return take_loops(p, axis);
}

Meaning Apply::take_loops(int p, int axis) {
  Stage& producer = m_.stages[at(p)];
  const auto count = at(producer.position(axis) + 1);
  std::vector<bool> needed(producer.axes.size(), false);
  for (size_t i = 0; i < count; ++i) {
    if (producer.axes[at(producer.leaves[i])].reduce) return none("a loop that folds has no dimension");
    for (const Hint& h : producer.hints)
      if (h.axis == producer.leaves[i]) return none("something is asked for at the loop");
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
  if (s().scan >= 0 && (s().leaves[0] != 0 || s().axes[0].mode != LoopMode::serial))
    return none("time runs in order");
  producer.at_stage = id_, producer.at_axis = own[at(axis)];
  return {};
}

}  // namespace tc::test::oracle
