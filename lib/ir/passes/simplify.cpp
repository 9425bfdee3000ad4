// simplify: the simplifier of simplify.h over a whole function.
//
//   for i in [0, +1) { A[i * 8 + i % 8] = x }    ->    A[0] = x
#include "tc/ir/simplify.h"

#include "tc/ir/passes.h"

namespace tc::ir {

namespace {
FuncRef run(const FuncRef& f, const PassContext&) { return tc::ir::simplify(f); }
}  // namespace

constinit const Pass passes::simplify{"simplify",
                                      "canonical index arithmetic, provable conditions, trivial loops",
                                      Form::nested, Form::nested, run};

}  // namespace tc::ir
