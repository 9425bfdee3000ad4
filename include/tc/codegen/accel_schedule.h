// Schedules of legalised computations: how each device result is cut into tiles that fit the
// scratchpads, in which order they are computed, where operands are kept, and which loop is
// run by virtual threads, so that one loads while another computes.
//
//   for oh.. in ..: for coo..: vthread:              tiles of the result, `order` and `threads`
//     for ko..:                                      `depth` tiles of the contraction at a time
//       X_inp = ..; W_wgt = ..                       here, or further out (Keep)
//       Y_acc += X_inp * W_wgt
//     Y_blocked = epilogue(Y_acc)
#pragma once
#include "tc/codegen/accel.h"
#include "tc/codegen/accel_legalize.h"
#include "tc/schedule/schedule.h"

namespace tc::accel {

/// Where the copy of an operand is made.
enum class Keep : uint8_t {
  part,  // for each part of the contraction
  tile,  // for each tile of the result
  stay   // whenever another part of it is needed: outside all loops that do not change it
};
[[nodiscard]] std::string_view to_string(Keep keep);

/// The decisions for one device result. Its axes are those of DeviceOp::out that are tiles or
/// outer, in order: tiled_axes().
struct DevicePlan {
  std::vector<int64_t> tile;  // how much of each axis one tile of the result has
  std::vector<int> order;     // of the loops over tiles, outermost first
  int thread_axis = -1;       // whose tiles virtual threads take in turns; -1: none
  int64_t threads = 2;
  int64_t depth = 1;           // tiles of the contraction that are loaded at a time
  bool windows_inside = true;  // false: also the window's elements one by one
  Keep image = Keep::part, weight = Keep::part;
  friend bool operator==(const DevicePlan&, const DevicePlan&) = default;
};

/// The axes of op.out that a plan tiles, as positions.
[[nodiscard]] std::vector<int> tiled_axes(const DeviceOp& op);
/// Their extents.
[[nodiscard]] std::vector<int64_t> tiled_extents(const DeviceOp& op);

/// Tiles of the scratchpads that a plan takes, all virtual threads together.
struct Footprint {
  int64_t inp = 0, wgt = 0, acc = 0;
  /// Micro-ops name a tile of INP with as many bits as one of ACC.
  [[nodiscard]] bool fits(const isa::MachineConfig& config) const;
};
[[nodiscard]] Footprint footprint(const DeviceOp& op, const DevicePlan& plan);

/// About how many instructions the program of a plan has: an estimate, of which compile_device makes mostly
/// less than 4 times and, seen with random plans of small networks, up to 6 times as many.
[[nodiscard]] int64_t instructions(const DeviceOp& op, const DevicePlan& plan,
                                   const isa::MachineConfig& config);
/// The longest plan that a legalised computation starts from, by that count: far more than any
/// layer on a machine that computes it well. A program that is too long nevertheless is refused when it is
/// made (codegen.accel.limit), and a default build then runs on the CPU.
inline constexpr int64_t kMaxPlanned = kMaxDeviceInsns / 4;

/// A plan that fits the machine, with virtual threads where there are tiles for them; nothing where not
/// even single tiles fit. Made without measuring: large tiles of the result, then of the contraction.
[[nodiscard]] std::optional<DevicePlan> default_plan(const DeviceOp& op, const isa::MachineConfig& config);

/// Adds the plan's steps to a schedule of the legalised outputs. Throws Error schedule.*.
void schedule_device(Schedule& s, const DeviceOp& op, const DevicePlan& plan);
/// The schedule of a legalised computation, a plan for each of its ops; CPU stages run loop by loop.
/// Error codegen.accel.plan where the plans are not of these ops.
[[nodiscard]] Expected<Schedule> make_schedule(const Legalized& legalized,
                                               const std::vector<DevicePlan>& plans);
/// With default plans. Error codegen.accel.capacity where an op fits in no tiles.
[[nodiscard]] Expected<Schedule> default_schedule(const Legalized& legalized,
                                                  const isa::MachineConfig& config);

}  // namespace tc::accel
