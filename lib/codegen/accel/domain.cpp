#include "domain.h"

#include <algorithm>

#include "tc/ir/print.h"

namespace tc::accel {

Domain::Domain(const Leaf& leaf, std::span<const Condition> conditions, Env& env) : leaf_(leaf), env_(env) {
  for (const Condition& c : conditions)
    bounds_.push_back({&c, c.kind == Condition::Kind::general ? 0 : c.base.eval(env)});
  for (const Linear& e : leaf.extents) {
    extents_.push_back(std::max<int64_t>(e.eval(env), 0));
    if (extents_.back() > kMaxExtent) limit();
  }
}

void Domain::limit() const {
  throw Error("codegen.accel.limit", "one execution of a statement loops too long")
      .fact("stage", leaf_.statement->buffer->name)
      .fact("statement", ir::to_string(ir::Stmt(leaf_.statement)))
      .fix("tile the stage");
}

void Domain::refuse() const {
  throw Error("codegen.accel.lanes", "a condition holds in part of a tile only")
      .fact("stage", leaf_.statement->buffer->name)
      .fact("statement", ir::to_string(ir::Stmt(leaf_.statement)))
      .fix("let extents be multiples of a tile: pad the tensor, and split by factors of its tiles");
}

// Of a sum that lies between lo and hi.
Domain::Truth Domain::decide(const Condition& c, int64_t lo, int64_t hi) {
  switch (c.kind) {
    case Condition::Kind::less:
      return hi < 0 ? Truth::yes : lo >= 0 ? Truth::no : Truth::open;
    case Condition::Kind::equal:
      return lo == 0 && hi == 0 ? Truth::yes : lo > 0 || hi < 0 ? Truth::no : Truth::open;
    case Condition::Kind::unequal:
      return lo > 0 || hi < 0 ? Truth::yes : lo == 0 && hi == 0 ? Truth::no : Truth::open;
    default:
      return Truth::open;
  }
}

Domain::Truth Domain::truth(const Bound& b, const std::vector<Range>& ranges, bool lanes_too) const {
  const Condition& c = *b.condition;
  if (c.kind == Condition::Kind::general) return Truth::open;
  int64_t lo = b.base, hi = b.base;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const int64_t first = c.coefs[i] * ranges[i].lo, last = c.coefs[i] * (ranges[i].hi - 1);
    lo += std::min(first, last), hi += std::max(first, last);
  }
  if (lanes_too) lo += c.lane_lo, hi += c.lane_hi;
  return decide(c, lo, hi);
}

bool Domain::general(const Condition& c, std::span<const int64_t> point) {
  for (const Leaf::Origin& o : leaf_.origins)
    env_[static_cast<size_t>(o.slot)] = point[static_cast<size_t>(o.loop)];
  return c.general->eval(env_) != 0;
}

bool Domain::holds(std::span<const int64_t> point) {
  for (const Bound& b : bounds_) {
    const Condition& c = *b.condition;
    if (c.kind == Condition::Kind::general) {
      if (!general(c, point)) return false;
      continue;
    }
    int64_t value = b.base;
    for (size_t i = 0; i < point.size(); ++i) value += c.coefs[i] * point[i];
    const Truth truth = decide(c, value + c.lane_lo, value + c.lane_hi);
    if (truth == Truth::open) refuse();
    if (truth == Truth::no) return false;
  }
  return true;
}

// Cuts the range of the only loop that `less` still depends on.
bool Domain::narrow(const Bound& b, std::vector<Range>& ranges) {
  const Condition& c = *b.condition;
  if (c.kind != Condition::Kind::less || c.lane_lo != c.lane_hi) return false;
  size_t loop = ranges.size();
  int64_t base = b.base + c.lane_lo;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (c.coefs[i] == 0) continue;
    if (ranges[i].hi - ranges[i].lo == 1) {
      base += c.coefs[i] * ranges[i].lo;
    } else {
      if (loop != ranges.size()) return false;
      loop = i;
    }
  }
  if (loop == ranges.size()) return false;
  Range& r = ranges[loop];
  const int64_t coef = c.coefs[loop];
  if (coef > 0)  // coef * x < -base
    r.hi = std::min(r.hi, ir::floor_div(-base + coef - 1, coef));
  else  // base < -coef * x
    r.lo = std::max(r.lo, ir::floor_div(base, -coef) + 1);
  return true;
}

void Domain::recurse(std::vector<Range> ranges, std::vector<Bound> open, std::span<const size_t> single,
                     const std::function<void(const Box&)>& f) {
  for (bool narrowed = true; narrowed;) {
    narrowed = false;
    for (const Range& r : ranges)
      if (r.lo >= r.hi) return;
    for (size_t i = 0; i < open.size();) {
      Truth t = truth(open[i], ranges, true);
      if (t == Truth::open && narrow(open[i], ranges)) t = Truth::yes, narrowed = true;
      if (t == Truth::no) return;
      if (t == Truth::yes)
        open.erase(open.begin() + static_cast<ptrdiff_t>(i));
      else
        ++i;
      if (narrowed) break;
    }
  }
  const auto is_free = [&](size_t loop) {
    return ranges[loop].hi - ranges[loop].lo > 1 &&
           std::any_of(open.begin(), open.end(),
                       [&](const Bound& b) { return b.condition->depends_on(loop); });
  };
  size_t loop = ranges.size();
  for (size_t i = single.size(); i-- > 0;)
    if (is_free(single[i])) loop = single[i];
  for (size_t i = 0; i < ranges.size() && loop == ranges.size(); ++i)
    if (is_free(i)) loop = i;
  if (loop < ranges.size()) {
    for (int64_t v = ranges[loop].lo; v < ranges[loop].hi; ++v) {
      if (++singled_ > kMaxSingled) limit();
      std::vector<Range> one = ranges;
      one[loop] = {v, v + 1};
      recurse(std::move(one), open, single, f);
    }
    return;
  }
  // What is open now depends on no loop: on lanes, or it is to be evaluated.
  Box box;
  for (const Range& r : ranges) box.first.push_back(r.lo), box.count.push_back(r.hi - r.lo);
  for (const Bound& b : open) {
    if (b.condition->kind != Condition::Kind::general) refuse();
    if (!general(*b.condition, box.first)) return;
  }
  f(box);
}

void Domain::for_each_box(std::span<const size_t> single, const std::function<void(const Box&)>& f) {
  std::vector<Range> ranges;
  for (const int64_t e : extents_) ranges.push_back({0, e});
  recurse(std::move(ranges), bounds_, single, f);
}

}  // namespace tc::accel
