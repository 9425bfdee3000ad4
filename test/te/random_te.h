// Random tensor programs: graphs of a few stages with every kind of access that
// schedules must cope with. The same seed gives the same program everywhere.
//
// Programs are in bounds by construction. With the inputs of random_args
// (integers of magnitude at most 4, in float types too) every value is an
// integer that its type holds exactly, whatever the order of a reduction: the
// generator keeps a bound of each value and clamps what could grow beyond it.
// Compare with ==, not bitwise: the maximum of 0 and -0 may have either sign.
//
// The private parts are in random_te_detail.h.
#pragma once
#include "random_te_detail.h"
#include "tc/ir/print.h"
#include "tc/te/evaluate.h"

namespace tc::test {

struct RandomProgram {
  std::vector<Tensor> args;  // in call order: inputs, then outputs
  std::vector<Tensor> outputs;
  std::string text;  // the seed and the te form
};

/// Errors that the generator could make are errors of the test.
inline RandomProgram random_program(uint64_t seed, const RandomOptions& options = {}) {
  detail::Generator generator(seed, options);
  generator.run();
  RandomProgram p;
  p.args = generator.inputs();
  p.outputs = generator.outputs();
  p.args.insert(p.args.end(), p.outputs.begin(), p.outputs.end());
  p.text = fmt::format("// seed {}\n{}", seed, ir::to_string(to_func(Graph::of(p.outputs), p.args)));
  return p;
}

/// Inputs for which the program is exact; outputs poisoned.
inline std::vector<HostTensor> random_args(const RandomProgram& program, uint64_t seed) {
  return make_args(program.args, seed, Fill::small_integers);
}

}  // namespace tc::test
