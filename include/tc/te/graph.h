// A computation as a whole: its operations in order, and its text form, which
// is a Func in te form (docs/ir.md).
#pragma once
#include "tc/te/tensor.h"

namespace tc {

/// The operations that `outputs` need, producers before consumers.
struct Graph {
  std::vector<Tensor> inputs;  // placeholders, in order of first use
  std::vector<Tensor> outputs;
  std::vector<std::shared_ptr<const Op>> ops;   // computes only, in topological order; a scan as its stages
  std::vector<std::vector<BufferRef>> buffers;  // ops[i]'s outputs; those nobody holds are made up
  /// Which scan ops[i] belongs to, or -1. The ops of one stand together, in the order
  /// of a step, and read each other's buffers.
  std::vector<int> scans;

  static Graph of(std::vector<Tensor> outputs);
};

/// The computation as a function of `args` (inputs and outputs, in call order),
/// in te form. Every input and output of the graph must be among the args
/// (te.args.missing), each once (te.args.twice), nothing else (te.args.unused).
[[nodiscard]] FuncRef to_func(const Graph& graph, const std::vector<Tensor>& args, std::string name = "main");
/// Values of sizes.
using SizeValues = std::vector<std::pair<VarRef, int64_t>>;

/// The other way: tensors made from a te-form function. Gives all params, in order.
struct ParsedGraph {
  std::vector<Tensor> args;
  std::vector<Tensor> outputs;
};
[[nodiscard]] Expected<ParsedGraph> from_func(const FuncRef& te_func);

/// The outputs of an operation (a compute, a scan or an extern) on other tensors, in the order of
/// Op::output_names: `input` gives, for each tensor that it reads, one of the same shape and type.
[[nodiscard]] std::vector<Tensor> with_inputs(const Op& op,
                                              const std::function<Tensor(const BufferRef&)>& input);
/// The computation for some values of its sizes: tensors anew, in the order of `args`, with numbers
/// where those sizes stood; other sizes stay. Errors: those of to_func, from_func and check_sizes.
[[nodiscard]] ParsedGraph bind_sizes(const std::vector<Tensor>& args, const SizeValues& sizes);
/// The sizes of a computation, in the order in which the inputs among `args` name them.
[[nodiscard]] std::vector<VarRef> sizes_of(const std::vector<Tensor>& args);
/// Whether `values` are values that these sizes can have; else te.size.unknown or te.shape.negative.
Check check_sizes(const std::vector<VarRef>& sizes, const SizeValues& values);

/// Floating-point operations of one evaluation (multiply, add, compare: one
/// each; a function of an element: one), for these values of its sizes.
[[nodiscard]] double count_flops(const Graph& graph, const SizeValues& sizes = {});

}  // namespace tc
