// How a computation runs: an ordered list of checked steps over its stages.
//
//   Schedule s({C});
//   auto [y, x] = s[C].axes<2>();  auto [k] = s[C].reduce_axes<1>();
//   auto t = s[C].tile({y, x}, {8, 16});              // yo, xo, yi, xi
//   s[C].reorder({t[0], t[1], k, t[2], t[3]});
//   s[C].vectorize(t[3]);  s[C].parallel(t[0]);
//
// Each call checks that it is legal, appends a step and gives the new axes; an
// illegal call throws an Error (schedule.*) and changes nothing. A schedule
// never changes what is computed; the order in which a reduction of floats is
// folded follows the loops.
#pragma once
#include <array>
#include <memory>

#include "tc/schedule/intrinsic.h"
#include "tc/schedule/step.h"
#include "tc/te/graph.h"

namespace tc {

struct ScheduleState;  // lib/schedule/state.h

/// A loop of a stage: `stage` and `name` say which.
struct Axis {
  std::string stage, name;
  friend bool operator==(const Axis&, const Axis&) = default;
};

class Schedule;

/// One stage of a schedule, for applying steps: what s[C] gives.
class Stage {
 public:
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The axes of the computation, as many as dimensions; and those it reduces over.
  [[nodiscard]] std::vector<Axis> axes() const;
  [[nodiscard]] std::vector<Axis> reduce_axes() const;
  template <size_t N>
  [[nodiscard]] std::array<Axis, N> axes() const {
    return take<N>(axes(), "axes");
  }
  template <size_t N>
  [[nodiscard]] std::array<Axis, N> reduce_axes() const {
    return take<N>(reduce_axes(), "reduce axes");
  }
  /// The loops as they stand now, outermost first.
  [[nodiscard]] std::vector<Axis> leaf_axes() const;
  /// The steps applied to this stage, in order.
  [[nodiscard]] std::vector<Step> steps() const;
  /// The axis of this stage with that name; error schedule.axis.unknown lists the axes.
  [[nodiscard]] Axis axis(std::string_view name) const;
  /// What this stage reduces over as `k`, whatever its loop is called; where `k` is none of
  /// them (its sum was rfactored, or made anew), the one that has its name.
  /// Error schedule.axis.unknown where that is no axis it reduces over either.
  [[nodiscard]] Axis axis(const ReduceAxis& k) const;

  /// Cuts `axis` into an outer loop and an inner one of `factor` iterations; where
  /// the factor does not divide, the last, shorter piece becomes a loop of its own.
  /// Requires: a loop without mode or attached stage; factor >= 1, and where only the call
  /// tells the extent at most 2^24 (2^48 in all such pieces of the stage).
  ///   before  for y in 20        after (8)  for yo in 3: for yi in 8: if yo*8 + yi < 20
  std::array<Axis, 2> split(const Axis& axis, int64_t factor);
  /// The same with the number of outer iterations given.
  std::array<Axis, 2> split_parts(const Axis& axis, int64_t parts);
  /// Splits each axis by its factor and orders all the outer loops before all the
  /// inner ones, at the place of the first: outer..., inner.... Any number of axes.
  std::vector<Axis> tile(const std::vector<Axis>& axes, const std::vector<int64_t>& factors);
  /// Makes one loop of two or more adjacent ones, given outermost first.
  /// Requires: all spatial or all reduce.
  ///   before  for h in 7: for w in 9      after  for hw in 63 (h = hw/9, w = hw%9)
  Axis fuse(const std::vector<Axis>& axes);
  /// Puts the named loops, in this order, into the places they hold together.
  /// Requires that a loop at which a stage is computed or a reduction initialised keeps
  /// its place and, in any order, the loops outside it; and what the modes require.
  Stage& reorder(const std::vector<Axis>& axes);
  /// Runs the loop lane by lane in vectors. A reduce axis takes a sum, prod, min or
  /// max; of floats only with `reassociate`, for that changes the order of the sum.
  /// Requires that no loop inside is parallel or vectorized.
  Stage& vectorize(const Axis& axis, bool reassociate = false);
  Stage& unroll(const Axis& axis);  ///< copies of the body, unless they are over 4096 statements: then a loop
  /// Runs iterations on all threads. Requires a spatial axis (a reduction of more than one
  /// term would race), in no parallel or vectorized loop of the stage.
  Stage& parallel(const Axis& axis);
  /// Makes virtual threads of the iterations: their statements take turns, so that one works
  /// while another waits for memory or for its last result; each has what is computed inside
  /// the loop in storage of its own. On a CPU their copies stand interleaved in the body; an
  /// accelerator overlaps the loads of one with the arithmetic of another. Requires an axis as
  /// parallel does, in no vectorized loop of the stage.
  ///   before  for yo in 2: for k: C[yo] += ..
  ///   after   for k: C[0] += ..; C[1] += ..        (after the pass interleave)
  Stage& vthread(const Axis& axis);
  /// Computes this stage inside `consumer`'s loop `axis`, as much as one iteration
  /// of it needs. Requires that nothing outside that loop reads this stage.
  Stage& compute_at(const Stage& consumer, const Axis& axis);
  /// Takes over the loops of `producer`, which this stage alone reads, from the outermost to
  /// `axis`, with their modes, and computes the producer inside them: an epilogue goes into the
  /// tile of its producer. Requires that those loops are spatial, that a dimension of this stage
  /// runs over each of theirs, and that this stage has no steps yet.
  ///   before  for yo: for yi: for k: C ..      after  for yo:
  ///           for y: D[y] = f(C[y])                     for yi: for k: C ..
  ///                                                     for yi: D[..] = f(C[..])
  Stage& reverse_compute_at(const Stage& producer, const Axis& axis);
  Stage& compute_root();
  /// Replaces every read of this stage by its expression. Requires no reduction and
  /// no output, and readers of at most ir::kMaxWritten nodes afterwards.
  Stage& compute_inline();
  /// Where the stage is kept: global (memory, the default) or stack.
  Stage& set_scope(Scope scope);
  /// Stores the stage (or takes the input) with other dimensions: each is an axis,
  /// `axis/n` or `axis%n`, e.g. {"x/16", "y", "x%16"}: panels of 16 columns. Requires
  /// that the dimensions tell every element apart. For an input it is the layout that
  /// the compiled function expects; Lowered::packs has the functions that make it.
  Stage& layout(const std::vector<std::string>& dims);
  /// Keeps this stage, which is computed at a loop, in two places that take turns from one
  /// iteration to the next: the next one can be filled while this one is read. Where loads run
  /// beside arithmetic, on the accelerator, this overlaps them; a CPU needs one place only, and
  /// uses one. Requires a stage that is computed at a loop.
  Stage& double_buffer();
  /// Keeps this stage, of which each iteration of the loop where it is computed needs a window
  /// that moves on, as a ring of that size outside the loop: the first iteration computes a whole
  /// window, the others what is new in theirs. Requires that the loop is serial or unrolled, and
  /// that the window moves along one dimension, by as much each time and less than its size.
  ///   before  for y: for r in 3: T[r] = f(y + r); D[y] = T[0] + T[1] + T[2]
  ///   after   for y: for r in (y == 0 ? 3 : 1): T[.. % 3] = ..; D[y] = T[y % 3] + ..
  Stage& rolling_buffer();
  /// Pads the storage so that neighbours along `dim` (an axis, or a dimension as it was given to
  /// layout) are k * factor + offset elements apart: rows that start on a line of memory, or that
  /// do not all fall into one set of the cache. Requires a stage that is neither input nor output
  /// (copy those with cache_read or cache_write), a dimension that is not the last, and an offset
  /// below the factor, which is 0 unless the dimension is the last but one.
  ///   before  alloc T: f32[7, 16]      after ("y", 8, 1)  alloc T: f32[7, 17]
  Stage& storage_align(const std::string& dim, int64_t factor, int64_t offset = 0);
  /// Asks, in each iteration of `axis`, for what this stage will read of `tensor` (an input or a
  /// stage by its name) `distance` iterations later, so that it is in the cache by then: one
  /// request a line of 64 bytes. Values do not depend on it. Requires that the stage reads the
  /// tensor itself, and that it is not computed inside that loop.
  ///   before  for k: .. B[k, ..]       after (B, 4)  for k: prefetch B[k + 4, ..]; .. B[k, ..]
  Stage& prefetch(const std::string& tensor, const Axis& axis, int64_t distance = 1);
  Stage& prefetch(const Tensor& tensor, const Axis& axis, int64_t distance = 1);
  /// Initialises the reduction inside the loop `axis` (when every reduce loop at or
  /// outside it is in its first iteration) rather than before the outermost reduce loop.
  Stage& init_at(const Axis& axis);
  /// Makes the reduce loop `axis` a spatial one: a new stage, which takes the loops as they stand,
  /// computes one partial result per value of `axis`, in its dimension `position`, and this stage
  /// folds them. Gives the new stage. Floats only with `reassociate`, for that changes the order
  /// of their sum; min, max, argmin and argmax are exact. Where splits leave a shorter last piece
  /// it is filled up with the identity.
  ///   before  for ko: for ki: S += A[..]       after  for ko: for ki: S_rf[ko] += A[..]
  ///                                                   for ko: S += S_rf[ko]
  Stage rfactor(const Axis& axis, int64_t position = 0, bool reassociate = false);
  /// Replaces the loops from `axis` inward by an intrinsic, built in (builtin_intrinsic) or
  /// declared, whose body they must compute: the same operations on accesses that move alike,
  /// whatever the order of loops and operands and however indices are written. Where a shorter
  /// last piece or padding cuts a tile, that tile runs as loops. Requires serial loops with
  /// nothing attached; sums of floats inside the intrinsic `reassociate`.
  ///   before  for xo: for k: for xi in 16: for ki in 4: C[..] += A[..] * B[..]
  ///   after   for xo: for k: C[16 elements] = dot(C[16 elements], A[4 elements], B[64 elements])
  Stage& tensorize(const Axis& axis, const std::string& intrinsic, bool reassociate = false);

 private:
  friend class Schedule;
  Stage(Schedule* s, std::string name) : schedule_(s), name_(std::move(name)) {}
  template <size_t N>
  std::array<Axis, N> take(std::vector<Axis> all, const char* what) const {
    if (all.size() != N) wrong_count(all.size(), N, what);
    std::array<Axis, N> out;
    std::move(all.begin(), all.end(), out.begin());
    return out;
  }
  [[noreturn]] void wrong_count(size_t have, size_t wanted, const char* what) const;
  Schedule* schedule_;
  std::string name_;
};

class Schedule {
 public:
  /// One stage per operation that the outputs need, all at root, in order. Stages
  /// are named as their tensors; where two share a name, the later is NAME_1, ...
  explicit Schedule(std::vector<Tensor> outputs);
  Schedule(const Schedule&);
  Schedule& operator=(const Schedule&);
  Schedule(Schedule&&) noexcept;
  Schedule& operator=(Schedule&&) noexcept;
  ~Schedule();

  [[nodiscard]] Stage operator[](const Tensor& t);
  /// By name; error schedule.stage.unknown lists the stages.
  [[nodiscard]] Stage operator[](std::string_view name);
  [[nodiscard]] std::vector<std::string> stages() const;

  /// A copy of `tensor` (a stage or an input) that `readers` read instead (all its
  /// readers if none is named); a stage of its own, at root until placed.
  Stage cache_read(const Tensor& tensor, Scope scope, const std::vector<Stage>& readers = {});
  Stage cache_read(const std::string& stage, Scope scope, const std::vector<Stage>& readers = {});
  /// Computes the stage into a new buffer; the stage itself becomes a copy from it.
  /// Gives the new stage, which has the computation with its loops as they stand and
  /// what is computed inside them. The copy has the plain loops of the dimensions.
  Stage cache_write(const Tensor& tensor, Scope scope);
  Stage cache_write(const std::string& stage, Scope scope);

  /// Makes an intrinsic known to tensorize, by its name; not a step. Error
  /// schedule.tensorize.name where the name is taken.
  void declare(Intrinsic intrinsic);

  /// Applies one step; the error tells why it is illegal, and nothing has changed.
  Check apply(const Step& step);
  /// Applies each; on the first error stops, leaving those before it applied.
  Check apply(const std::vector<Step>& steps);
  [[nodiscard]] const std::vector<Step>& steps() const;
  /// The steps as text, one a line: replays through apply(parse_steps(text)).
  [[nodiscard]] std::string text() const;
  /// The loop nests as they stand, with trip counts: for people. With `costs`, beside
  /// each loop what one run of it computes, and touches of every buffer, for these values of
  /// the sizes (else 1, or the least value); see show.h for a page of HTML. Errors: check_sizes.
  [[nodiscard]] std::string loops(bool costs = true, const SizeValues& sizes = {}) const;

  /// Whether a reduction is vectorized: its lanes do depend on each other, and may, so
  /// that the interpreter must not look for races.
  [[nodiscard]] bool folds_lanes() const;

  [[nodiscard]] const Graph& graph() const;
  [[nodiscard]] const ScheduleState& state() const { return *state_; }

 private:
  friend class Stage;
  std::unique_ptr<ScheduleState> state_;
};

}  // namespace tc
