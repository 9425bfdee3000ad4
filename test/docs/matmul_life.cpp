#include "matmul_life.h"

#include <sstream>
#include <stdexcept>
#include <vector>

#include "tc/codegen/build.h"
#include "tc/ir/print.h"

namespace tc::docs {

namespace {

// The basic block of LLVM's text that has the multiplication: the innermost loop.
std::string innermost_block(const std::string& module) {
  std::istringstream in(module);
  std::string block;
  bool wanted = false;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) {
      if (wanted) return block;
      block.clear();
      continue;
    }
    wanted |= line.find("fmul") != line.npos || line.find("llvm.fma") != line.npos ||
              line.find("llvm.fmuladd") != line.npos;
    block += line + "\n";
  }
  throw std::runtime_error("no multiplication in\n" + module);
}

}  // namespace

std::map<std::string, std::string> life_of_a_matmul() {
  const int64_t n = 64;
  const Tensor A = placeholder({n, n}, kF32, "A"), B = placeholder({n, n}, kF32, "B");
  const ReduceAxis k = reduce_axis(0, n, "k");
  const Tensor C = compute({n, n}, [&](Expr y, Expr x) { return sum(A(y, k) * B(k, x), k); }, "C");

  Schedule s({C});
  const auto [y, x] = s[C].axes<2>();
  const auto [kk] = s[C].reduce_axes<1>();
  const auto t = s[C].tile({y, x}, {2, 8});
  s[C].reorder({t[0], t[1], kk, t[2], t[3]});
  s[C].parallel(t[0]).unroll(t[2]).vectorize(t[3]);

  std::map<std::string, std::string> out;
  out["matmul.schedule"] = s.text();
  BuildOptions options;
  options.name = "matmul";
  // one machine for all readers
  options.target = codegen::Target::parse("cpu -mcpu=haswell").value();
  options.passes.report = [&](const ir::StepReport& step) {
    for (const char* shown : {"vectorize", "unroll", "promote_accumulators"})
      if (step.name == shown && step.changed)
        out["matmul." + std::string(step.name)] = ir::to_string(step.func);
  };
  const TargetForm form = to_target_form(s, {A, B, C}, options).value();
  out["matmul.target"] = ir::to_string(form.func);
  options.passes.report = nullptr;
  const Function f = build(s, {A, B, C}, options).value();
  out["matmul.te"] = f.ir("te");
  out["matmul.nested"] = f.ir("nested");
  out["matmul.llvm"] = innermost_block(f.llvm());
  return out;
}

}  // namespace tc::docs
