// Recurrences over time: tensors whose elements at one time are computed from
// those at earlier times.
//
//   Tensor h = scan_state({T, n}, kF32, "h");
//   Tensor next = compute({T, n}, [&](Expr t, Expr i) { return h(t - 1, i) + X(t, i); }, "H");
//   Tensor H = scan({X0}, {next}, {h})[0];                                      // X0: [1, n]
//
// The first axis of everything inside is time, which runs in order: no step may
// split, reorder or parallelise it, while the other axes are as free as anywhere.
#pragma once
#include "tc/te/tensor.h"

namespace tc {

/// One operation of a scan. Buffers of the scan stand in `values` as they do in
/// `buffers`; the tensors outside have buffers of their own (Graph ties them).
struct ScanStage {
  std::string name;
  std::vector<VarRef> axes;  // time first
  std::vector<Expr> values;
  std::vector<BufferRef> buffers;
};
/// All operations of a scan, in the order of one step of time.
struct ScanBody {
  std::vector<ScanStage> stages;
};

/// What stands for a history in the updates of a scan: a placeholder of its shape, time
/// first. Reads of stages that depend on it are checked when the scan is made.
[[nodiscard]] Tensor scan_state(const Shape& shape, DType type = kF32, std::string name = "h");

/// The recurrence in which tensor i is init[i] at the first times, as many as
/// init[i] has, and update[i] from then on; `state[i]` stands in the updates for
/// that tensor. Gives the tensors, whole histories, named as the updates.
///
/// init[i] is [d, ...], state[i] (from scan_state) and update[i] are [T, ...], of one
/// type; d is the same for all. Every stage between states and updates is part of
/// the scan, has time as its first axis, and is read at its own time only; states
/// are read at earlier times only. Outside of the scan its stages are unknown.
/// Errors:
///   te.scan.count   the lists have different lengths, or are empty
///   te.scan.state   a state is not from scan_state, or is given twice
///   te.scan.shape   shapes or types do not go together
///   te.scan.time    a stage of the scan has no time as its first axis, or is read
///                   at another time than its own
///   te.scan.future  a state is not shown to be read at an earlier time
///   te.scan.init    an initial value depends on the states
///   te.scan.nested  a scan inside a scan
///   te.scan.open    (of anything else) a stage that depends on a state is used outside its scan
/// and te.bounds, where a read goes back further than the initial values.
[[nodiscard]] std::vector<Tensor> scan(const std::vector<Tensor>& init, const std::vector<Tensor>& update,
                                       const std::vector<Tensor>& state);
/// The same of one state.
[[nodiscard]] Tensor scan(const Tensor& init, const Tensor& update, const Tensor& state);

}  // namespace tc
