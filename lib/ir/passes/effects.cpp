#include "effects.h"

namespace tc::ir {

Effects then(const Effects& first, const Effects& second) {
  return {first.may_read | (second.may_read & ~first.must_write),
          first.must_read | (second.must_read & ~first.may_write), first.may_write | second.may_write,
          first.must_write | second.must_write};
}

Effects effects_of(const Expr& e, const SlotMap& slots) {
  Effects out;
  walk<Load>(e, [&](const Load& l) {
    if (const auto it = slots.find(&l); it != slots.end()) out.may_read.set(static_cast<size_t>(it->second));
  });
  out.must_read = out.may_read;
  return out;
}

Effects effects_of(const Stmt& s, const SlotMap& slots, Bounds& bounds) {
  if (!s) return {};
  const Bounds::Mark mark = bounds.mark();
  Effects out;
  switch (s->kind) {
    case Kind::Store: {
      const auto& n = *s.as<Store>();
      for (const Expr& i : n.indices) out = then(out, effects_of(i, slots));
      out = then(out, effects_of(n.value, slots));
      if (const auto it = slots.find(&n); it != slots.end()) {
        Effects write;
        write.may_write.set(static_cast<size_t>(it->second));
        write.must_write = write.may_write;
        out = then(out, write);
      }
      break;
    }
    case Kind::Prefetch:
      for (const Expr& i : s.as<Prefetch>()->indices) out = then(out, effects_of(i, slots));
      break;
    case Kind::For: {
      const auto& n = *s.as<For>();
      const auto least = interval_of(n.extent, bounds).lo;
      bounds.push_loop(n.var, n.min, n.extent);
      Effects body = effects_of(n.body, slots, bounds);
      if (!least || *least < 1) body.must_read.reset(), body.must_write.reset();
      out = then(then(effects_of(n.min, slots), effects_of(n.extent, slots)), body);
      break;
    }
    case Kind::If: {
      const auto& n = *s.as<If>();
      bounds.assume(n.condition, true);
      const Effects a = effects_of(n.if_true, slots, bounds);
      bounds.pop(mark);
      bounds.assume(n.condition, false);
      const Effects b = effects_of(n.if_false, slots, bounds);
      out = then(effects_of(n.condition, slots), {a.may_read | b.may_read, a.must_read & b.must_read,
                                                  a.may_write | b.may_write, a.must_write & b.must_write});
      break;
    }
    case Kind::Let:
      out = then(effects_of(s.as<Let>()->value, slots), effects_of(s.as<Let>()->body, slots, bounds));
      break;
    case Kind::Alloc:
      out = effects_of(s.as<Alloc>()->body, slots, bounds);
      break;
    case Kind::Seq:
      for (const Stmt& x : s.as<Seq>()->stmts) out = then(out, effects_of(x, slots, bounds));
      break;
    default:
      break;
  }
  bounds.pop(mark);
  return out;
}

}  // namespace tc::ir
