// What a schedule knows of its stages. Private to lib/schedule.
#pragma once
#include <optional>
#include <unordered_map>

#include "tc/ir/traverse.h"
#include "tc/schedule/intrinsic.h"
#include "tc/schedule/schedule.h"

namespace tc {

struct AxisState {
  std::string name;
  bool reduce = false;
  ir::LoopMode mode = ir::LoopMode::serial;
  bool reassociate = false;
};

/// How axes come from one another: a split has parent -> outer, inner; a fusion
/// outer, inner -> parent, read the other way round.
struct Relation {
  enum Kind { split, parts, fuse } kind;
  int parent, outer, inner;
  int64_t number = 0;
};

/// One dimension of a storage layout: (index[axis] / div) % mod, mod 0 for none.
struct LayoutDim {
  int axis;
  int64_t div = 1, mod = 0;
};

/// Iterations of the loop `axis` ask for what the stage reads of `buffer` later.
struct Hint {
  int axis;
  BufferRef buffer;
  int64_t distance;
};

/// Neighbours along storage dimension `dim` are k * factor + offset elements apart.
struct Alignment {
  int dim;
  int64_t factor, offset;
};

struct StageState {
  std::string name;
  std::vector<BufferRef> buffers;
  std::vector<VarRef> vars;  // of the values, per dimension
  std::vector<ReduceAxis> reduce;
  std::vector<Expr> values;
  bool is_input = false, is_output = false;
  std::vector<AxisState> axes;  // dimensions, reduce axes, then those made by steps
  std::vector<Relation> relations;
  std::vector<int> leaves;  // axis ids, outermost first
  enum Attach { root, inlined, at } attach = root;
  int at_stage = -1, at_axis = -1;
  int init_at = -1;  // axis id
  Scope scope = Scope::global;
  bool double_buffer = false;
  bool rolling = false;
  std::vector<Alignment> align;
  std::vector<Hint> prefetches;
  std::vector<LayoutDim> layout;  // empty: as the axes
  std::string layout_text;
  int tensor_axis = -1;  // axis id: from this loop inward, `intrinsic`
  std::shared_ptr<const Intrinsic> intrinsic;
  std::shared_ptr<const ExternBody> external;  // has no loops; its values only say what it reads
  int scan = -1;  // which recurrence it belongs to: axis 0 is time, and its first loop that of all its stages

  [[nodiscard]] int rank() const { return static_cast<int>(vars.size()); }
  [[nodiscard]] bool has_reduce() const { return !values.empty() && values[0].as<ir::Reduce>() != nullptr; }
  [[nodiscard]] int find_axis(std::string_view n) const;
  [[nodiscard]] int leaf_position(int axis) const;  // -1: not a loop any more
};

struct ScheduleState {
  Graph graph;
  std::vector<StageState> stages;  // producers before consumers; inputs first
  std::vector<Step> steps;
  std::vector<std::shared_ptr<const Intrinsic>> intrinsics;  // those declared

  [[nodiscard]] int find(std::string_view name) const;
  [[nodiscard]] int find(const ir::Buffer* buffer) const;
  /// Stages that read one of `stage`'s buffers.
  [[nodiscard]] std::vector<int> readers(int stage) const;
  /// Whether `inner` is `outer` or computed, at whatever depth, inside it.
  [[nodiscard]] bool inside(int inner, int outer) const;
};

/// Which step did what: each applies itself to the state or tells why not.
Check apply_loop_step(ScheduleState& state, const Step& step);     // steps_loops.cpp
Check apply_place_step(ScheduleState& state, const Step& step);    // steps_place.cpp
Check apply_storage_step(ScheduleState& state, const Step& step);  // steps_storage.cpp
/// Of apply_place_step, in steps_reverse.cpp.
Check reverse_compute_at(ScheduleState& state, int id, Step step);
Check apply_reduce_step(ScheduleState& state, const Step& step);  // steps_reduce.cpp
Check apply_tensorize(ScheduleState& state, const Step& step);    // steps_tensorize.cpp
Check apply_hint_step(ScheduleState& state, const Step& step);    // steps_hints.cpp

/// Lowers and throws the result away: the first error, of lower.* and schedule.tensorize.*.
Check check_lowering(const ScheduleState& state);  // lower.cpp

// Recurrences (scan.cpp).
/// Whether a step leaves the time of every scan in order, and its histories whole.
Check check_scan_step(const ScheduleState& state, const Step& step);
/// Whether a stage of a scan is needed at other times than that at which it is
/// computed: it is an output, or read outside the scan or at an earlier time.
[[nodiscard]] bool keeps_history(const ScheduleState& state, int stage);

/// Whether a step leaves externs, and what they read, as they are (externs.cpp).
Check check_extern_step(const ScheduleState& state, const Step& step);
/// Infers the regions: the first error, of schedule.rolling_buffer.*.
Check check_regions(const ScheduleState& state);  // nest.cpp

// What the step files share.
Expected<int> stage_of(const ScheduleState& state, const std::string& name);
Expected<int> loop_of(const StageState& stage, const std::string& axis, const char* step);
std::string list_loops(const StageState& stage);
/// Whether a loop that reduces has at most one iteration, or its stage folds nothing at all:
/// nothing races there, and no order of a fold changes.
bool folds_once(const StageState& stage, int axis);
/// Whether every stage placed inside a loop is read only inside that loop; else
/// the error that names the first that is not.
Check check_placement(const ScheduleState& state, const Step& step);
/// Whether every prefetch asks for what its stage still reads, and finds it there; else
/// the error that names the first that does not. In steps_hints.cpp.
Check check_prefetches(const ScheduleState& state, const Step& step);
std::string fresh_axis_name(const StageState& stage, const std::string& wanted);
std::string fresh_stage_name(const ScheduleState& state, const std::string& wanted);

// Making stages (stages.cpp).
Expected<Scope> scope_of(const Step& step);
/// The name that the step gives its new stage, made up where it gives none; error
/// schedule.stage.name where it is taken.
Check name_new_stage(const ScheduleState& state, Step& step, const char* suffix);
/// A stage that copies each element of `source`, placed beside it; of no step yet.
StageState copy_stage(const StageState& source, std::string name, Scope scope);
/// Makes the dimensions, then the reduce axes, the loops of the stage.
void reset_loops(StageState& s);
std::vector<VarRef> fresh_vars(const std::vector<VarRef>& like);
/// Stage indices from `at` on move up by one, also where the new stage is placed.
void insert_stage(ScheduleState& state, int at, StageState stage);

/// The tensors that an expression reads.
std::vector<BufferRef> buffers_read(const std::vector<Expr>& values);

}  // namespace tc
