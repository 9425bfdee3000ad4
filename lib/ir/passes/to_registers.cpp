// to_registers: a small buffer whose every access is at a constant place lives in
// registers.
//
//   alloc T: f32[2, 8] stack                      alloc T: f32[2, 8] register
//   T[0, ramp(0, 1, 8)] = A[ramp(0, 1, 8)]  ->    T[0, ramp(0, 1, 8)] = A[ramp(0, 1, 8)]
//   B[ramp(0, 1, 8)] = T[0, ramp(0, 1, 8)]        B[ramp(0, 1, 8)] = T[0, ramp(0, 1, 8)]
//
// Two accesses must cover the same elements or none in common, and none may stand
// in a parallel loop within the allocation. At most as many slots as registers, four
// times over. A buffer that is indexed by a loop stays whole in memory, even if
// other accesses of it are constant: unroll the loop.
#include "slots.h"
#include "tc/ir/passes.h"

namespace tc::ir {

namespace {

BufferRef in_registers(const Buffer& b) { return buffer(b.name, b.type, b.shape, Scope::register_); }

FuncRef run(const FuncRef& f, const PassContext& context) {
  BufferMap moved;
  walk<Alloc>(f->body, [&](const Alloc& a) {
    const Scope scope = a.buffer->scope;
    if ((scope == Scope::stack || scope == Scope::global) && fits_registers(*a.buffer, a.body, context))
      moved[a.buffer] = in_registers(*a.buffer);
  });
  if (moved.empty()) return f;
  const Stmt body = rewrite(f->body, [&](const Prefetch& p) -> Stmt {  // a register is nowhere to fetch from
    return moved.count(p.buffer) ? seq({}) : nullptr;
  });
  return func(f->name, f->params, substitute(body, moved));
}

}  // namespace

constinit const Pass passes::to_registers{
    "to_registers", "put small buffers with constant indices in registers", Form::nested, Form::nested, run};

}  // namespace tc::ir
