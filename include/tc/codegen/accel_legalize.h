// From a computation on plain tensors to one that an accelerator can run: a graph in which
// the device's stages work on tensors blocked into its tiles, and CPU stages pack what they
// read and unpack what they give. Both graphs compute the same, bit by bit.
//
//   X, W i8 -> Y i32 -> Y_out i8      X_packed [ko, n, h, w, batch, block_in]        CPU
//                                     W_packed [no, ko, r, s, block_out, block_in]   CPU
//                                     X_inp (padded copy), W_wgt, bias_acc           copies on the chip
//                                     Y [no, n, h, w, batch, block_out] i32          GEMM, in ACC
//                                     Y_out_blocked [no, n, h, w, batch, block_out]  ALU; stored as i8
//                                     Y_out [n, h, w, k]                             CPU
//
// Tiles are the last two dimensions of a blocked tensor. Rows and columns behind the end of
// the real tensor hold zeros in packed operands, and what nobody reads in results. What the device
// cannot do stays as it is, on the CPU.
#pragma once
#include "tc/isa/config.h"
#include "tc/te/graph.h"

namespace tc::accel {

/// What an axis of a device stage runs over.
enum class AxisRole : uint8_t {
  row_tile,     // tiles of `batch` rows
  column_tile,  // tiles of block_out columns
  outer,        // an axis of the plain computation
  plane,        // parts of a result wider than OUT's elements
  row,          // inside a tile
  column,
};
[[nodiscard]] std::string_view to_string(AxisRole role);

/// A copy on the chip of a packed tensor.
struct DeviceCopy {
  Tensor packed;  // in memory: made by a CPU stage, or by an earlier device stage
  Tensor copy;    // in `scope`; padded with zeros where the computation pads
  Scope scope = Scope::acc;
};

/// One result that the device computes: its stages, for whoever schedules them.
struct DeviceOp {
  enum class Kind : uint8_t {
    gemm,        // sums of products of inp and wgt tiles
    reduce,      // a reduction by the ALU: pooling, depthwise convolution
    elementwise  // ALU alone
  } kind = Kind::elementwise;
  Tensor plain;                    // the stage of the given graph that this computes
  Tensor out;                      // blocked, in memory; its stage holds the epilogue
  Tensor sums;                     // in ACC; none where elementwise
  std::vector<DeviceCopy> copies;  // gemm: image, weight, then those of the epilogue
  std::vector<AxisRole> roles;     // of the axes of out; of sums the same without plane
  /// gemm and reduce: the reduce axes of sums, which of them goes over tiles of the contraction
  /// (-1: none) and that of their columns.
  int reduce_tiles = -1, reduce_column = -1;
  /// Dimensions of plain that are rows and columns of tiles (-1: none), and parts of a wide result.
  int row_dim = -1, column_dim = -1, planes = 1;
};
[[nodiscard]] std::string_view to_string(DeviceOp::Kind kind);

/// A legalised computation.
struct Legalized {
  std::vector<Tensor> args;     // in the order given: the same inputs, new outputs
  std::vector<Tensor> outputs;  // as many as the graph had
  std::vector<DeviceOp> ops;    // in the order in which they run
  /// Reductions, recurrences, externs and int8 stages that stay on the CPU, and why: "softmax: floats".
  std::vector<std::string> left;
};

/// Rewrites the computation of `args` (inputs and outputs in call order, as for to_func) for the
/// machine. Without anything for the device, `ops` is empty and the graph as it was. The result
/// depends on the arguments alone. Errors te.args.* and those of isa::validate.
[[nodiscard]] Expected<Legalized> legalize(const std::vector<Tensor>& args, const isa::MachineConfig& config);

/// The plain result that a tensor blocked like op.out holds: what the CPU's stage behind the op
/// computes. `blocked` has out's type and shape.
[[nodiscard]] Tensor unpacked(const DeviceOp& op, const Tensor& blocked, const isa::MachineConfig& config);

}  // namespace tc::accel
