// unroll: loops marked so become copies of their body, in order.
//
//   for i in [0, +2) unrolled {             A[0] = B[0]
//     A[i] = B[i]                    ->     A[1] = B[1]
//   }
//
// A loop whose extent is not a constant, or whose copies would be more than
// PassContext::max_unrolled statements, becomes serial.
#include "clone.h"
#include "tc/ir/passes.h"

namespace tc::ir {

namespace {

Stmt as_serial(const For& f) { return for_(f.var, f.min, f.extent, LoopMode::serial, f.body); }

Stmt copies(const For& f, int64_t limit) {
  const auto extent = as_int(f.extent);
  if (!extent) return as_serial(f);
  if (*extent <= 0) return seq({});
  if (*extent > limit || *extent * std::max<int64_t>(1, count_statements(f.body)) > limit)
    return as_serial(f);
  std::vector<Stmt> out;
  for (int64_t i = 0; i < *extent; ++i)
    out.push_back(clone(f.body, {{f.var, f.min + int_imm(i, f.var->type)}}));
  return seq(std::move(out));
}

FuncRef run(const FuncRef& func, const PassContext& context) {
  return rewrite_body(
      func,
      [&](const For& f) -> Stmt {
        return f.mode == LoopMode::unrolled ? copies(f, context.max_unrolled) : nullptr;
      },
      [](const Seq& q) { return flat_seq(q); });
}

}  // namespace

constinit const Pass passes::unroll{"unroll", "replace unrolled loops by copies of their bodies",
                                    Form::nested, Form::nested, run};

}  // namespace tc::ir
