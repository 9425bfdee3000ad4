// Stages whose body is a program of the user's own: loops over buffers in the IR's
// nested form, which the interpreter and every back end run as they run the rest.
//
//   const auto f = ir::parse_func("func reverse(A: f32[8], R: f32[8]) { for i in [0, +8) { R[i] = A[7 - i] }
//   }"); Tensor R = extern_func(f.value(), {X})[0];
#pragma once
#include "tc/te/tensor.h"

namespace tc {

/// What an extern does: statements in nested form over buffers of its own, which
/// stand for the tensors that it reads and for its outputs.
struct ExternBody {
  std::vector<BufferRef> reads, writes;  // as they stand in the body
  std::vector<BufferRef> tensors;        // the tensors read, one for each of `reads`
  ir::Stmt body;
};

/// The tensors that `func` computes from `inputs`. Those of its parameters that it
/// stores to are the outputs, named as they are; the others are the inputs, in
/// order. To a schedule it is one opaque stage: it has no loops to split, and
/// nothing is inlined into it or placed inside. It writes every element of its outputs,
/// and reads none before that: tried on small inputs of three seeds where it is little work. Errors:
///   te.extern.form   the function is not in nested form, has vectorized or parallel
///                    loops, symbolic or different output shapes, or no outputs
///   te.extern.input  another number of inputs than parameters that are only read,
///                    or one of another type or shape
///   te.extern.unwritten  an element of an output, or of what it allocates, is read unwritten
///   te.bounds        an access is not shown to stay inside its buffer
[[nodiscard]] std::vector<Tensor> extern_func(const FuncRef& func, const std::vector<Tensor>& inputs);

/// The extern of te form: the body on these output buffers and on the tensors that it reads.
[[nodiscard]] ir::Stmt extern_statement(const ExternBody& body, const std::vector<BufferRef>& outputs);

}  // namespace tc
