// What the steps of a schedule do, by their documentation (tc/schedule/schedule.h),
// whether that is legal or not. A second description of schedules, which shares
// nothing with lib/schedule: execute.h runs it and finds what goes wrong.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tc/schedule/intrinsic.h"
#include "tc/schedule/step.h"
#include "tc/te/graph.h"

namespace tc::test::oracle {

struct Axis {
  std::string name;
  bool reduce = false;
  ir::LoopMode mode = ir::LoopMode::serial;
  bool reassociate = false;
};
/// A split has parent -> outer, inner; a fusion outer, inner -> parent.
struct Relation {
  enum Kind { split, parts, fuse } kind;
  int parent, outer, inner;
  int64_t number = 0;
  /// The factor or parts, of a loop of this extent: no more than that has iterations.
  [[nodiscard]] int64_t number_of(int64_t extent) const {
    return std::clamp<int64_t>(number, 1, std::max<int64_t>(extent, 1));
  }
};
/// One coordinate of the elements of a stage: the value of an axis. rfactor makes some of
/// loops, when the axis comes from the first `since` relations.
struct Dim {
  int axis;
  size_t since = 0;
  bool made = false;
};
/// One dimension of the storage: (coordinate / div) % mod, mod 0 for none.
struct Piece {
  int dim;
  int64_t div = 1, mod = 0;
  std::string text;  // as it was written
};
/// Neighbours along a dimension of the storage are k * factor + offset elements apart.
struct Alignment {
  size_t dim;
  int64_t factor, offset;
};
/// Each iteration of the loop asks for what a later one reads of the stage `tensor`.
struct Hint {
  int axis, tensor;
};
/// From the loop `axis` inward an intrinsic runs in the place of the loops.
struct TensorCall {
  int axis;
  std::shared_ptr<const Intrinsic> intrinsic;
  bool reassociate;
};

struct Stage {
  std::string name;
  std::vector<BufferRef> buffers;
  std::vector<VarRef> vars;        // of the values; variable i is axis i,
  std::vector<ReduceAxis> reduce;  // and these follow
  std::vector<Expr> values;
  bool is_input = false, is_output = false, inlined = false;
  bool external = false;  // has no loops, and reads whole tensors; its values only say which
  int scan = -1;          // the recurrence it belongs to: axis 0 is time, the loop that its stages share
  std::vector<Axis> axes;
  std::vector<Relation> relations;
  std::vector<int> leaves;  // outermost first
  std::vector<Dim> dims;
  std::vector<int64_t> shape;  // per dim
  int at_stage = -1, at_axis = -1, init_at = -1;
  bool has_layout = false;
  std::vector<Piece> layout;
  std::vector<Alignment> align;
  bool doubled = false;  // two places, which take turns from one iteration to the next
  bool rolling = false;  // a ring outside the loop, of which each iteration computes what is new
  std::vector<Hint> hints;
  std::optional<TensorCall> tensor;
  /// Of a stage that rfactor made: whether the step allowed another order of the fold.
  bool rfactor_reassociates = true;

  [[nodiscard]] const ir::Reduce* reduction() const;  // null where nothing is folded
  /// Whether it has loops that fold.
  [[nodiscard]] bool folds() const;
  [[nodiscard]] int position(int axis) const;  // among the leaves, or -1
  [[nodiscard]] int find(const std::string& axis) const;
  [[nodiscard]] bool is_partial() const;  // made by rfactor
  /// The dimensions of the storage, as text.
  [[nodiscard]] std::vector<std::string> storage_dims() const;
  /// Extents of all axes, when all of it is computed.
  [[nodiscard]] std::vector<int64_t> extents() const;
};

/// Whether folding floats by it rounds: comparisons alone do not.
[[nodiscard]] bool rounds(const ir::Combiner& c);

/// What became of a step: it did something; it has no meaning here (and must be refused);
/// or the oracle cannot tell.
struct Meaning {
  enum Kind { some, none, unjudged } kind = some;
  std::string why;
};

struct Model {
  std::vector<Stage> stages;  // by id; the order is `order`
  std::vector<int> order;     // producers before consumers

  explicit Model(const std::vector<Tensor>& outputs);
  /// Does it, legal or not; where it has no meaning the model is not changed.
  Meaning apply(const Step& step);

  [[nodiscard]] int find(const std::string& stage) const;  // -1 where there is none, or inlined
  [[nodiscard]] int stage_of(const BufferRef& buffer) const;
  [[nodiscard]] std::vector<int> readers(int stage) const;
  [[nodiscard]] bool inside(int inner, int outer) const;  // or the same
};

}  // namespace tc::test::oracle
