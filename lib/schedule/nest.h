// Bound inference: which part of a stage each place needs. Private to lib/schedule.
#pragma once
#include "state.h"
#include "tc/ir/interval.h"

namespace tc {

/// The loops of one stage, once its region is known.
struct NestState {
  std::vector<Expr> lo;                  // per dimension: first index computed, in loops outside the stage
  std::vector<Expr> extent;              // per dimension: how many, a number or made of sizes
  std::vector<bool> guard_lo, guard_hi;  // may lie outside the shape
  int roll_dim = -1;                     // of a rolling buffer: the dimension of the ring
  int64_t roll_step = 0;                 // by how much its window moves each iteration
  std::vector<Expr> axis_extent;         // per axis id, as extent
  std::vector<VarRef> axis_var;          // per axis id; loops only
  std::vector<BufferRef> storage;        // per output: where it is kept
  std::vector<ir::VarRange> enclosing;   // loops around the stage, outermost first
  bool one_step = false;                 // of a scan, and kept for its own time only
};

/// Whether a * b == whole for all sizes: the pieces of a split fill it.
[[nodiscard]] bool fills(const Expr& a, const Expr& b, const Expr& whole);
/// Error schedule.extent: `what` needs a number where the stage has an extent that is none.
[[nodiscard]] Error needs_number(const std::string& what, const std::string& stage, const std::string& axis,
                                 const Expr& extent, std::string fix);

/// What a stage reads of another one's tensor, to be asked for in advance.
struct Window {
  std::vector<Expr> lo;       // per dimension: first index
  std::vector<Expr> extent;   // how many
  std::vector<int64_t> step;  // how many of them a line of memory has
};

class Nests {
 public:
  explicit Nests(const ScheduleState& state);
  /// Infers every stage's region, consumers first. Errors: lower.*.
  Check infer();

  [[nodiscard]] const NestState& of(int stage) const { return nests_[static_cast<size_t>(stage)]; }
  /// The value of an axis (from 0) in terms of loop variables; `subst` replaces those.
  [[nodiscard]] Expr value(int stage, int axis, const ir::VarMap* subst = nullptr) const;
  /// Conditions under which the values of all splits lie inside their axes; only
  /// spatial ones where asked. Plus the shape where the region may exceed it.
  [[nodiscard]] std::vector<Expr> guards(int stage, bool spatial_only,
                                         const ir::VarMap* subst = nullptr) const;
  /// Index of dimension `d`, in terms of loops.
  [[nodiscard]] Expr index(int stage, int d, const ir::VarMap* subst = nullptr) const;
  /// The body's variables -> indices, reduce variables included.
  [[nodiscard]] ir::VarMap body_map(int stage) const;
  /// Rebases and lays out one access to a stage's buffer. An input whose packed shape
  /// would be its own gets a first dimension of 1, so that shapes tell the two apart.
  [[nodiscard]] std::vector<Expr> stored_at(int stage, const std::vector<Expr>& index) const;
  [[nodiscard]] std::vector<Expr> storage_shape(int stage) const;
  /// How many values of dimension `d` are kept.
  [[nodiscard]] Expr kept(int stage, int d) const;
  /// What `reader` reads of `stage` in the iteration of hint.axis that comes hint.distance later.
  [[nodiscard]] Window window(int stage, int reader, const Hint& hint) const;

 private:
  Check infer_region(int stage);
  Check infer_roll(int stage);
  void derive_axes(int stage);
  [[nodiscard]] std::vector<Expr> layout_shape(int stage) const;
  [[nodiscard]] bool looks_plain(int stage) const;
  Check read_region(int stage, int reader, const std::vector<ir::VarRange>& fixed, std::vector<Expr>& lo,
                    std::vector<Expr>& hi) const;
  [[nodiscard]] std::vector<ir::VarRange> loops_of(int stage, int upto) const;

  const ScheduleState& state_;
  std::vector<NestState> nests_;
  std::unordered_map<int, VarRef> time_;  // the loop of each scan
};

}  // namespace tc
