// What a plan takes, part by part. Private to lib/codegen/accel.
#pragma once
#include "legalize_detail.h"
#include "tc/codegen/accel_schedule.h"

namespace tc::accel::detail {

// Sizes are the user's and may be any; what is beyond every machine need not be exact.
[[nodiscard]] int64_t times(int64_t a, int64_t b);
[[nodiscard]] int64_t plus(int64_t a, int64_t b);

/// The reduction of op.sums, or null.
[[nodiscard]] const ir::Reduce* reduce_of(const DeviceOp& op);
/// Tiles of the contraction.
[[nodiscard]] int64_t depth_tiles(const DeviceOp& op);
/// Elements of the windows that are summed over: the reduce axes but those of the contraction.
[[nodiscard]] int64_t window_elements(const DeviceOp& op);

/// Whether the sums read copy number `c`; else the epilogue does.
[[nodiscard]] bool read_by_sums(const DeviceOp& op, size_t c);
/// Where the plan makes copy number `c`.
[[nodiscard]] Keep keep_of(const DeviceOp& op, const DevicePlan& plan, size_t c);

/// What copy number `c` holds at a time.
struct CopyUse {
  std::vector<int64_t> box;  // tiles in each of its dimensions
  bool shared = false;       // by the virtual threads
  [[nodiscard]] int64_t tiles() const;
};
[[nodiscard]] CopyUse use_of(const DeviceOp& op, const DevicePlan& plan, size_t c);

/// Single tiles of everything, one element of a window after the other.
[[nodiscard]] DevicePlan smallest_plan(const DeviceOp& op);

/// Why the device cannot have the op, whatever the plan: the number that does not fit and what would.
/// "" where it can.
[[nodiscard]] std::string why_too_large(const DeviceOp& op, const isa::MachineConfig& config);

}  // namespace tc::accel::detail
