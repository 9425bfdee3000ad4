// The invariants of IR, checked between passes. Not a check that a program is
// right: what it computes, and whether its indices stay in bounds, is for the
// interpreter.
//
// Every form:
//   bound      a variable is used only where something binds it, and is not bound again in its own
//              scope; a combiner's results use nothing but its own variables
//   buffer     a buffer is used only where it is a parameter or allocated, and not allocated twice;
//              shapes use what is known there (in parameters: the variables that stand alone in one)
//   rank       as many indices as dimensions, at most 32
//   type       operands, indices, bounds, conditions and values have the types that the makers
//              demand; constants are exact in theirs; at most 4096 lanes
//   shape      no child is missing, no sequence stands in a sequence, no more than kMaxDepth levels
// te:
//   te         only alloc, compute and sequences, and no vectors
//   reduce     a reduction is the whole value of a compute, and the values of a compute with
//              several buffers are components of one or none is a reduction
//   order      each buffer is computed once, before it is read, and parameters computed here are
//              no inputs
// nested:
//   nested     no compute, no reduction
// flat, besides:
//   flat       all buffers have one dimension, and no if_then_else is left
// target, besides:
//   loop       no unrolled and no vectorized loops
//   call       only neg, not_, abs, sqrt, floor, ceil, round, trunc, fma, bits, isnan and dot
//   register   register buffers have a constant shape and are accessed at constants or at ramps of
//              constant base and stride 1, in bounds; two accesses cover the same slots or have none
//              in common, so that each can be one SSA value
#pragma once
#include "tc/ir/stmt.h"

namespace tc::ir {

enum class Form : uint8_t { te, nested, flat, target };
[[nodiscard]] std::string_view to_string(Form form);

/// The first invariant that `f` breaks, as ir.verify.<rule> with the statement;
/// nothing where it keeps them all. Takes any IR, however it was made.
[[nodiscard]] Check verify(const FuncRef& f, Form form);

}  // namespace tc::ir
