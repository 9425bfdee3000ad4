// One result for the device: a reduction and the elementwise stages behind it, or
// elementwise stages alone. Private to lib/codegen/accel.
#pragma once
#include "legalize_detail.h"

namespace tc::accel::detail {

/// What a group is made from.
struct GroupSource {
  const Op* reduce = nullptr;  // null: elementwise stages alone
  BufferRef sums;              // what `reduce` gives
  Tensor result;               // the last stage
  Expr value;                  // of the result in its axes, the stages in between inlined
};
/// How a group reads the rest of the computation.
struct GroupInputs {
  /// The tensor of the new graph that stands for a buffer of the old one.
  std::function<Tensor(const BufferRef&)> plain;
  /// The device result that stands for it, or null.
  std::function<const DeviceOp*(const BufferRef&)> blocked;
  /// A name like this one that no other stage has.
  std::function<std::string(const std::string&)> name;
};
/// The stages of a group; else why the device cannot do it.
[[nodiscard]] Outcome<DeviceOp> make_group(const GroupSource& source, const GroupInputs& inputs,
                                           const isa::MachineConfig& config);
/// The plain tensor of a result, from a tensor blocked as op.out is.
[[nodiscard]] Tensor unpack(const DeviceOp& op, const Tensor& blocked, const isa::MachineConfig& config);
/// Parts of OUT's width that a type has.
[[nodiscard]] int planes_of(DType type, const isa::MachineConfig& config);

}  // namespace tc::accel::detail
