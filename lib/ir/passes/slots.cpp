#include "slots.h"

#include "tc/ir/simplify.h"

namespace tc::ir {

namespace {

// first + lane * stride of one index; nothing for other vectors.
struct Line {
  Affine first;
  int64_t stride = 0;
};
std::optional<Line> line_of(const Expr& index) {
  const auto* r = index.as<Ramp>();
  const auto* b = index.as<Broadcast>();
  const auto stride = r ? as_int(r->stride) : std::optional<int64_t>(0);
  auto first = to_affine(r ? r->base : b ? b->value : index);
  if (!stride || !first) return std::nullopt;
  return Line{std::move(*first), *stride};
}

// (x / c) * c + x % c and the like become x again.
bool normalize(Affine& sum, const Bounds& bounds) {
  bool plain = true;
  for (const AffineTerm& t : sum.terms) plain &= t.atom->kind == Kind::Var;
  if (plain) return true;
  auto simple = to_affine(simplify(from_affine(sum), bounds));
  if (simple) sum = std::move(*simple);
  return simple.has_value();
}

// Whether two ways to write one address are one in every dimension: A[0, x] and
// A[1, x - 4] are not, where rows have 4 elements.
bool same_indices(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  for (size_t d = 0; d < a.size(); ++d) {
    auto x = line_of(a[d]);
    const auto y = line_of(b[d]);
    if (!x || !y || x->stride != y->stride || !x->first.add(y->first, -1)) return false;
    if (!x->first.is_constant() || x->first.constant != 0) return false;
  }
  return true;
}

int64_t least(const Slot& s) { return s.stride < 0 ? s.stride * (s.lanes - 1) : 0; }
int64_t greatest(const Slot& s) { return s.stride > 0 ? s.stride * (s.lanes - 1) : 0; }

}  // namespace

std::optional<Slot> slot_of(const Buffer& buffer, const std::vector<Expr>& indices, const Bounds& bounds) {
  Slot out;
  out.indices = indices;
  int64_t step = 1;
  for (size_t d = indices.size(); d-- > 0;) {
    const auto line = line_of(indices[d]);
    int64_t stride = 0;
    if (!line || !out.first.add(line->first, step)) return std::nullopt;
    if (__builtin_mul_overflow(line->stride, step, &stride) ||
        __builtin_add_overflow(out.stride, stride, &out.stride))
      return std::nullopt;
    out.lanes = std::max<int>(out.lanes, indices[d]->type.lanes);
    const auto extent = d > 0 ? as_int(buffer.shape[d]) : std::optional<int64_t>(1);
    if (!extent || __builtin_mul_overflow(step, *extent, &step)) return std::nullopt;
  }
  if (out.lanes > 1 && (out.stride == 0 || std::abs(out.stride) > INT32_MAX)) return std::nullopt;
  if (!normalize(out.first, bounds)) return std::nullopt;
  return out;
}

int SlotTable::add(const Slot& slot, const Bounds& bounds) {
  for (Family& f : families_) {
    Affine difference = slot.first;
    if (!difference.add(f.terms, -1) || !difference.is_constant()) continue;
    const int known = place(f, slot);
    if (known != size()) return known;
    if (families_.size() > 1 && !apart_from_others(slot, &f, bounds)) return -1;
    f.at.emplace(slot.first.constant, size());
    slots_.push_back(slot);
    return known;
  }
  if (!apart_from_others(slot, nullptr, bounds)) return -1;
  Affine terms = slot.first;
  terms.constant = 0;
  families_.push_back({std::move(terms), {{slot.first.constant, size()}}});
  slots_.push_back(slot);
  return size() - 1;
}

// The number of the equal slot, size() where it meets none, -1 where it meets another.
int SlotTable::place(Family& family, const Slot& slot) {
  const int64_t at = slot.first.constant;
  const auto next = family.at.lower_bound(at);
  if (next != family.at.end() && next->first == at) {
    Slot& other = slots_[static_cast<size_t>(next->second)];
    if (other.lanes != slot.lanes || other.stride != slot.stride) return -1;
    other.mixed |= !same_indices(other.indices, slot.indices);
    return next->second;
  }
  // slots of a family do not meet, so only the neighbours count while all strides have one sign
  const auto meets = [&](const std::pair<const int64_t, int>& x) {
    const Slot& o = (*this)[x.second];
    return at + least(slot) <= x.first + greatest(o) && x.first + least(o) <= at + greatest(slot);
  };
  if (next != family.at.end() && meets(*next)) return -1;
  if (next != family.at.begin() && meets(*std::prev(next))) return -1;
  return size();
}

bool SlotTable::apart_from_others(const Slot& slot, const Family* own, const Bounds& bounds) const {
  for (const Family& f : families_) {
    if (&f == own) continue;
    for (const auto& [at, i] : f.at) {
      const Slot& other = (*this)[i];
      Affine difference = slot.first;
      if (!difference.add(other.first, -1)) return false;
      const Interval range = interval_of(from_affine(std::move(difference)), bounds);
      const bool above = range.lo && *range.lo > greatest(other) - least(slot);
      const bool below = range.hi && *range.hi < least(other) - greatest(slot);
      if (!above && !below) return false;
    }
  }
  return true;
}

bool fits_registers(const Buffer& buffer, const Stmt& body, const PassContext& context) {
  for (const Expr& extent : buffer.shape)
    if (!as_int(extent)) return false;
  SlotTable slots;
  bool ok = true;
  int registers = 0;
  const auto access = [&](const std::vector<Expr>& indices) {
    const auto slot = slot_of(buffer, indices, {});
    const int before = slots.size();
    ok = slot && slot->first.is_constant() && (slot->lanes == 1 || slot->stride == 1) &&
         slots.add(*slot, {}) >= 0;
    if (ok && slots.size() > before) registers += registers_of(buffer.type, slot->lanes, context);
    ok &= registers <= max_slot_registers(context);
  };
  const auto visit = [&](const auto& self, const Node& n, bool shared) -> void {
    if (!ok) return;
    if (n.kind == Kind::For) shared |= static_cast<const For&>(n).mode != LoopMode::serial;
    const auto* l = n.kind == Kind::Load ? static_cast<const Load*>(&n) : nullptr;
    const auto* s = n.kind == Kind::Store ? static_cast<const Store*>(&n) : nullptr;
    if ((l && l->buffer.get() == &buffer) || (s && s->buffer.get() == &buffer)) {
      if (shared)
        ok = false;
      else
        access(l ? l->indices : s->indices);
    }
    for_each_child(n, [&](const Node& child, Role) {
      if (child.kind != Kind::Buffer) self(self, child, shared);
    });
  };
  visit(visit, *body, false);
  return ok;
}

}  // namespace tc::ir
