// reverse_compute_at: a stage takes over the outer loops of its producer, which is
// then computed inside them. What it makes is what split, fuse, reorder and
// compute_at make, and is legal where these are.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "nest.h"

namespace tc {
namespace {

using Refuse = std::function<Error(const char* code, const std::string& why, std::string fix)>;

// For each dimension of `producer` the one of `consumer` whose variable indexes it in
// every read, or -1.
std::vector<int> matching_dims(const StageState& consumer, const StageState& producer) {
  std::vector<int> match(static_cast<size_t>(producer.rank()), -2);
  for (const Expr& value : consumer.values)
    ir::walk<ir::Load>(value, [&](const ir::Load& l) {
      if (std::none_of(producer.buffers.begin(), producer.buffers.end(),
                       [&](const BufferRef& b) { return b.same(l.buffer); }))
        return;
      for (size_t d = 0; d < l.indices.size(); ++d) {
        int found = -1;
        for (int q = 0; q < consumer.rank(); ++q)
          if (l.indices[d].get() == consumer.vars[static_cast<size_t>(q)].get()) found = q;
        match[d] = match[d] == -2 || match[d] == found ? found : -1;
      }
    });
  for (size_t d = 0; d < match.size(); ++d)
    if (match[d] == -2) match[d] = -1;
  return match;
}

// The splits and fusions of `s` that its first `count` loops come from, in order.
std::vector<Relation> relations_of_prefix(const StageState& s, int count, std::vector<bool>& needed) {
  needed.assign(s.axes.size(), false);
  for (int p = 0; p < count; ++p) needed[static_cast<size_t>(s.leaves[static_cast<size_t>(p)])] = true;
  std::vector<Relation> out;
  for (auto r = s.relations.rbegin(); r != s.relations.rend(); ++r) {
    const auto at = [&](int a) { return needed[static_cast<size_t>(a)]; };
    if (r->kind == Relation::fuse ? !at(r->parent) : !at(r->outer) && !at(r->inner)) continue;
    if (r->kind == Relation::fuse)
      needed[static_cast<size_t>(r->outer)] = needed[static_cast<size_t>(r->inner)] = true;
    else
      needed[static_cast<size_t>(r->parent)] = true;
    out.insert(out.begin(), *r);
  }
  return out;
}

// Gives `consumer` the loops that the first `count` of `producer` are.
class TakeLoops {
 public:
  TakeLoops(StageState& consumer, StageState& producer, const NestState& nest, Step& step)
      : c_(consumer), p_(producer), nest_(nest), step_(step), own_(producer.axes.size(), -1) {}

  void take(const std::vector<Relation>& relations, const std::vector<int>& match, int count) {
    for (size_t d = 0; d < match.size(); ++d) own_[d] = match[d];
    for (const Relation& r : relations) r.kind == Relation::fuse ? fuse(r) : split(r);
    std::vector<int> prefix;
    for (int p = 0; p < count; ++p) {
      const int theirs = p_.leaves[static_cast<size_t>(p)];
      prefix.push_back(own_[static_cast<size_t>(theirs)]);
      AxisState& axis = p_.axes[static_cast<size_t>(theirs)];
      c_.axes[static_cast<size_t>(prefix.back())].mode = axis.mode;
      axis.mode = ir::LoopMode::serial;
    }
    std::stable_partition(c_.leaves.begin(), c_.leaves.end(),
                          [&](int l) { return std::find(prefix.begin(), prefix.end(), l) != prefix.end(); });
    std::copy(prefix.begin(), prefix.end(), c_.leaves.begin());
  }
  [[nodiscard]] int own(int axis) const { return own_[static_cast<size_t>(axis)]; }

 private:
  int add(int theirs) {
    const size_t next = made_++;
    const std::string name = next < step_.into.size()
                                 ? step_.into[next]
                                 : fresh_axis_name(c_, p_.axes[static_cast<size_t>(theirs)].name);
    if (next >= step_.into.size()) step_.into.push_back(name);
    c_.axes.push_back({name, false, {}, false});
    return own_[static_cast<size_t>(theirs)] = static_cast<int>(c_.axes.size()) - 1;
  }
  // The producer's region will be that of one iteration, so a split into parts is kept as
  // the split by a factor that it was of the whole.
  void split(const Relation& r) {
    const Expr& inner_extent = nest_.axis_extent[static_cast<size_t>(r.inner)];
    if (r.kind != Relation::split && !ir::as_int(inner_extent))
      throw needs_number("reverse_compute_at around a loop of a split into parts", p_.name,
                         p_.axes[static_cast<size_t>(r.parent)].name, inner_extent, "split it by a factor");
    const int64_t factor =
        r.kind == Relation::split ? r.number : std::max<int64_t>(*ir::as_int(inner_extent), 1);
    for (Relation& theirs : p_.relations)
      if (theirs.parent == r.parent && theirs.kind == Relation::parts)
        theirs.kind = Relation::split, theirs.number = factor;
    const int parent = own(r.parent), outer = add(r.outer), inner = add(r.inner);
    c_.relations.push_back({Relation::split, parent, outer, inner, factor});
    const int p = c_.leaf_position(parent);
    c_.leaves[static_cast<size_t>(p)] = outer;
    c_.leaves.insert(c_.leaves.begin() + p + 1, inner);
  }
  void fuse(const Relation& r) {
    const int outer = own(r.outer), inner = own(r.inner), parent = add(r.parent);
    c_.relations.push_back({Relation::fuse, parent, outer, inner, 0});
    c_.leaves[static_cast<size_t>(c_.leaf_position(outer))] = parent;
    c_.leaves.erase(c_.leaves.begin() + c_.leaf_position(inner));
  }

  StageState& c_;
  StageState& p_;
  const NestState& nest_;
  Step& step_;
  std::vector<int> own_;  // axis of the producer -> axis of the consumer
  size_t made_ = 0;
};

Check check_stages(const ScheduleState& state, int id, int producer, const Refuse& refuse) {
  const StageState &c = state.stages[static_cast<size_t>(id)],
                   &p = state.stages[static_cast<size_t>(producer)];
  const auto readers = state.readers(producer);
  if (std::find(readers.begin(), readers.end(), id) == readers.end())
    return refuse("schedule.reverse_compute_at.reader", fmt::format("{} does not read {}", c.name, p.name),
                  "name a stage that it reads");
  for (const int r : readers)
    if (r != id)
      return refuse("schedule.reverse_compute_at.reader",
                    fmt::format("{} reads {} too", state.stages[static_cast<size_t>(r)].name, p.name),
                    "inline the other readers, or place them with compute_at");
  if (p.is_output)
    return refuse("schedule.reverse_compute_at.output", fmt::format("{} is an output", p.name),
                  "an output is computed at root: cache_write it first, then name the cache");
  if (state.inside(producer, id))
    return refuse("schedule.reverse_compute_at.inside",
                  fmt::format("{} is computed inside {} already", p.name, c.name),
                  "leave the step out, or compute_root the producer first");
  const bool moded = std::any_of(c.axes.begin(), c.axes.end(),
                                 [](const AxisState& a) { return a.mode != ir::LoopMode::serial; });
  bool attached = c.init_at >= 0 || c.intrinsic || !c.prefetches.empty();
  for (const StageState& s : state.stages) attached |= s.attach == StageState::at && s.at_stage == id;
  if (!c.relations.empty() || moded || attached)
    return refuse("schedule.reverse_compute_at.late",
                  fmt::format("the loops of {} are scheduled already", c.name),
                  fmt::format("apply it first, then schedule the loops of {} that are left", c.name));
  return std::nullopt;
}

Check check_loops(const StageState& c, const StageState& p, int count, const std::vector<bool>& needed,
                  const std::vector<int>& match, const Refuse& refuse) {
  for (int i = 0; i < count; ++i) {
    const AxisState& a = p.axes[static_cast<size_t>(p.leaves[static_cast<size_t>(i)])];
    if (a.reduce)
      return refuse("schedule.reverse_compute_at.reduce",
                    fmt::format("{} is not complete inside the reduce loop {}", p.name, a.name),
                    "reorder the reduce loops further in, or name a loop outside them");
    if (a.mode == ir::LoopMode::vectorized)
      return refuse("schedule.compute_at.vectorized", fmt::format("{} is vectorized", a.name),
                    "name a loop outside the vectorized one");
    for (const Hint& h : p.prefetches)
      if (h.axis == p.leaves[static_cast<size_t>(i)])
        return refuse("schedule.axis.attached", fmt::format("{} is prefetched at {}", h.buffer->name, a.name),
                      "reverse_compute_at first, then prefetch");
  }
  for (int d = 0; d < p.rank(); ++d) {
    if (!needed[static_cast<size_t>(d)]) continue;
    const int q = match[static_cast<size_t>(d)];
    const bool twice = q >= 0 && std::count(match.begin(), match.end(), q) > 1;
    const auto extent = [](const StageState& s, int dim) {
      return Extent(s.buffers[0]->shape[static_cast<size_t>(dim)]);
    };
    if (q < 0 || twice || extent(c, q) != extent(p, d))
      return refuse("schedule.reverse_compute_at.access",
                    fmt::format("no dimension of {} runs over {} of {} as it is", c.name,
                                p.axes[static_cast<size_t>(d)].name, p.name),
                    fmt::format("tile {} itself and compute {} at its loop", c.name, p.name));
  }
  return std::nullopt;
}

Check check_names(const StageState& c, const Step& step, size_t count) {
  std::vector<std::string> seen;
  for (const std::string& n : step.into) {
    if (n.empty() || c.find_axis(n) >= 0 || std::find(seen.begin(), seen.end(), n) != seen.end())
      return Error("schedule.axis.name", fmt::format("{} has an axis `{}` already", c.name, n))
          .fact("stage", c.name)
          .fix("name the new axes otherwise");
    seen.push_back(n);
  }
  if (!step.into.empty() && step.into.size() != count)
    return Error("schedule.axis.name", fmt::format("{} makes {} axes, {} names are given",
                                                   to_string(step.kind), count, step.into.size()))
        .fact("stage", c.name)
        .fix(fmt::format("give {} with into=, or leave into= out",
                         count == 1 ? "one name" : "a name for each"));
  return std::nullopt;
}

}  // namespace

Check reverse_compute_at(ScheduleState& state, int id, Step step) {
  if (step.axes.size() != 2)
    return Error("schedule.parse",
                 "reverse_compute_at names the stage, its producer and the producer's axis");
  const auto found = stage_of(state, step.axes[0]);
  if (!found) return found.error();
  const int producer = found.value();
  StageState &c = state.stages[static_cast<size_t>(id)], &p = state.stages[static_cast<size_t>(producer)];
  const Refuse refuse = [&](const char* code, const std::string& why, std::string fix) {
    return Error(code,
                 fmt::format("cannot compute {} around {} of {}: {}", c.name, step.axes[1], p.name, why))
        .fact("stage", c.name)
        .fact("axis", step.axes[1])
        .fact("loops of " + p.name, list_loops(p))
        .fix(std::move(fix));
  };
  if (p.is_input)
    return Error("schedule.stage.input",
                 fmt::format("cannot compute {} around a loop of {}: it is an input", c.name, p.name))
        .fact("stage", c.name)
        .fix("copy it with cache_read, and name the copy");
  const auto axis = loop_of(p, step.axes[1], "reverse compute at");
  if (!axis) return axis.error();
  if (auto error = check_stages(state, id, producer, refuse)) return error;
  const int count = p.leaf_position(axis.value()) + 1;
  std::vector<bool> needed;
  const auto relations = relations_of_prefix(p, count, needed);
  const auto match = matching_dims(c, p);
  if (auto error = check_loops(c, p, count, needed, match, refuse)) return error;
  size_t names = 0;
  for (const Relation& r : relations) names += r.kind == Relation::fuse ? 1 : 2;
  if (auto error = check_names(c, step, names)) return error;

  Nests nests(state);  // for the extents of the producer's loops
  if (auto error = nests.infer()) return error;
  TakeLoops taken(c, p, nests.of(producer), step);
  taken.take(relations, match, count);
  p.attach = StageState::at;
  p.at_stage = id;
  p.at_axis = taken.own(axis.value());
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

}  // namespace tc
