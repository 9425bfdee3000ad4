// Steps that change the loops of one stage.
#include "oracle/steps.h"

#include <algorithm>
#include <set>

namespace tc::test::oracle {

using ir::LoopMode;

namespace {
// Whether the same loops are around `axis`, in any order.
bool keeps_outside(std::vector<int> before, std::vector<int> after, int axis) {
  before.erase(std::find(before.begin(), before.end(), axis), before.end());
  after.erase(std::find(after.begin(), after.end(), axis), after.end());
  std::sort(before.begin(), before.end()), std::sort(after.begin(), after.end());
  return before == after;
}
// Lanes hold neither lanes nor threads; threads are not divided again.
bool nests_modes(const Stage& s) {
  for (size_t p = 0; p < s.leaves.size(); ++p)
    for (size_t q = p + 1; q < s.leaves.size(); ++q) {
      const LoopMode outer = s.axes[at(s.leaves[p])].mode, inner = s.axes[at(s.leaves[q])].mode;
      if (outer == LoopMode::vectorized && inner != LoopMode::serial && inner != LoopMode::unrolled)
        return true;
      if (outer == LoopMode::parallel && inner == LoopMode::parallel) return true;
    }
  return false;
}
}  // namespace

// A loop that has a mode, or on which something hangs, is not replaced by others: which
// of those would have the mode?
bool Apply::is_plain(int axis) {
  const bool asks =
      std::any_of(s().hints.begin(), s().hints.end(), [&](const Hint& h) { return h.axis == axis; });
  return s().axes[at(axis)].mode == LoopMode::serial && !is_place(axis) && !asks &&
         !(s().tensor && s().tensor->axis == axis);
}

// Whether a stage is computed at the loop, or the reduction initialised: which loops are
// outside it says how much, and how often.
bool Apply::is_place(int axis) {
  return s().init_at == axis || std::any_of(m_.stages.begin(), m_.stages.end(), [&](const Stage& o) {
           return o.at_stage == id_ && o.at_axis == axis;
         });
}

// All stages of a recurrence share the loop over time, which runs in order.
bool Apply::names_time() {
  switch (step_.kind) {
    case StepKind::compute_at:
    case StepKind::reverse_compute_at:  // these name loops of another stage,
    case StepKind::init_at:             // and these change none
    case StepKind::prefetch:
    case StepKind::storage_align:
      return false;
    default:
      return s().scan >= 0 &&
             std::find(step_.axes.begin(), step_.axes.end(), s().axes[0].name) != step_.axes.end();
  }
}

std::string Apply::new_axis(size_t i, const std::string& wanted) {
  return i < step_.into.size() ? step_.into[i] : fresh_axis(s(), wanted);
}

bool Apply::axis_names_taken(size_t count) {
  std::set<std::string> seen;
  for (const std::string& n : step_.into)
    if (n.empty() || s().find(n) >= 0 || !seen.insert(n).second) return true;
  return !step_.into.empty() && step_.into.size() != count;
}

Meaning Apply::split() {
  if (step_.axes.size() != 1 || step_.number < 1) return none("one axis, a positive number");
  const int axis = loop_of(s(), step_.axes[0]);
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

Meaning Apply::fuse() {
  if (step_.axes.size() < 2) return none("two axes or more");
  std::vector<int> ids;
  for (const std::string& n : step_.axes) {
    const int axis = loop_of(s(), n);
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
    s().axes.push_back(
        {last ? name : fresh_axis(s(), name + "_part"), s().axes[at(outer)].reduce, LoopMode::serial, false});
    s().relations.push_back({Relation::fuse, made, outer, ids[i], 0});
    const auto p = s().leaves.begin() + s().position(outer);
    *p = made;
    s().leaves.erase(p + 1);
    outer = made;
  }
  return {};
}

Meaning Apply::reorder() {
  if (s().is_input || s().external) return none("it has no loops");
  std::vector<int> ids, places;
  for (const std::string& n : step_.axes) {
    const int axis = loop_of(s(), n);
    if (axis < 0 || std::find(ids.begin(), ids.end(), axis) != ids.end())
      return none("no such loop, or twice");
    ids.push_back(axis), places.push_back(s().position(axis));
  }
  std::sort(places.begin(), places.end());
  const std::vector<int> before = s().leaves;
  for (size_t i = 0; i < ids.size(); ++i) s().leaves[at(places[i])] = ids[i];
  for (const int l : before)
    if (is_place(l) && !keeps_outside(before, s().leaves, l))
      return none("what hangs on a loop was placed in the loops around it");
  if (nests_modes(s())) return none("modes do not nest so");
  return {};
}

Meaning Apply::mode(LoopMode m) {
  const int axis = step_.axes.size() == 1 ? loop_of(s(), step_.axes[0]) : -1;
  if (axis < 0) return none("no such loop");
  if (s().axes[at(axis)].mode != LoopMode::serial) return none("it has a mode");
  s().axes[at(axis)].mode = m;
  s().axes[at(axis)].reassociate = step_.reassociate;
  if (nests_modes(s())) return none("modes do not nest so");
  return {};
}

}  // namespace tc::test::oracle
