// What tensorize puts in the place of loops: an instruction, or a piece of code that
// is better than loops. An intrinsic is declared by small programs in IR text: what
// it computes, and statements that compute it.
//
//   const Intrinsic dot = make_intrinsic("dot",
//       "func dot(A: u8[4], B: i8[8, 4], C: i32[8]) {"
//       "  compute C[i] = sum(cast(i32, A[k]) * cast(i32, B[i, k]), k in [0, +4)) }",
//       "func update(A: u8[4], B: i8[8, 4], C: i32[8]) {"
//       "  C[ramp(0, 1, 8)] = dot(C[ramp(0, 1, 8)], A[ramp(0, 1, 4)],"
//       "                         B[ramp(0, 1, 32) / 4, ramp(0, 1, 32) % 4]) }").value();
//
// The statements are ordinary IR on the operands, so that the interpreter, the
// passes and the code generators need not know intrinsics; a new instruction is a
// call of the IR (CallOp) at most.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tc/ir/stmt.h"
#include "tc/support/error.h"

namespace tc {

/// The last parameter of each program is the output, those before it are the inputs;
/// all programs have the same parameters, of constant shapes. A parameter in another
/// scope than global stands for tensors in that scope only.
struct Intrinsic {
  std::string name;
  ir::FuncRef body;    // te form, one compute: the meaning
  ir::FuncRef update;  // nested form: folds the body into the output, or writes it where nothing is reduced
  ir::FuncRef init;    // nested form: the identity into the output; null: loops do it
  /// By parameter and dimension: how far apart neighbours must be in memory, in elements;
  /// 0 for anywhere. Empty: anywhere.
  std::vector<std::vector<int64_t>> strides;
};

/// The intrinsic of these programs. Requires that the body reads every input at indices
/// that are each one of its axes (or 0 where the extent is 1), and writes its output in the
/// order of its axes; and that the statements compute what the body does, which is tried on
/// random values, the ends of the types and numbers next to the constants of the programs.
/// Errors: intrinsic.name, intrinsic.body, intrinsic.params, intrinsic.strides,
/// intrinsic.differs, and ir.* of the texts.
[[nodiscard]] Expected<Intrinsic> make_intrinsic(std::string name, ir::FuncRef body, ir::FuncRef update,
                                                 ir::FuncRef init = nullptr,
                                                 std::vector<std::vector<int64_t>> strides = {});
[[nodiscard]] Expected<Intrinsic> make_intrinsic(std::string name, std::string_view body,
                                                 std::string_view update, std::string_view init = "",
                                                 std::vector<std::vector<int64_t>> strides = {});

/// One that comes with tc, for any numbers in the names:
///   dot_u8_i8_16x4  C[16] += A[4] * B[16, 4] in i32, of groups of 2 or 4 products of i8, u8 or i16:
///                   the dot products of AVX-512 VNNI, or multiply-adds; B and C without gaps
///   gemm_f32_6x16x1 C[6, 16] += A[6, 1] * B[1, 16], of any number type: the inner tile of a
///                   matrix product, straight code over rows of vectors, which keeps C in registers
/// Error schedule.tensorize.intrinsic for other names.
[[nodiscard]] Expected<Intrinsic> builtin_intrinsic(std::string_view name);

}  // namespace tc
