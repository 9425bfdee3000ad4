// What the steps of a schedule do, by their documentation (tc/schedule/schedule.h),
// whether that is legal or not. A second description of schedules, which shares
// nothing with lib/schedule: execute.h runs it and finds what goes wrong.
#pragma once
#include <string>
#include <vector>

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
};

struct Stage {
  std::string name;
  std::vector<BufferRef> buffers;
  std::vector<VarRef> vars;        // of the values; variable i is axis i,
  std::vector<ReduceAxis> reduce;  // and these follow
  std::vector<Expr> values;
  bool is_input = false, is_output = false, inlined = false;
  std::vector<Axis> axes;
  std::vector<Relation> relations;
  std::vector<int> leaves;  // outermost first
  std::vector<Dim> dims;
  std::vector<int64_t> shape;  // per dim
  int at_stage = -1, at_axis = -1, init_at = -1;
  bool has_layout = false;
  std::vector<Piece> layout;
  /// Of a stage that rfactor made: whether the step allowed another order of the fold.
  bool rfactor_reassociates = true;

  [[nodiscard]] const ir::Reduce* reduction() const;  // null where nothing is folded
  /// Whether it has loops that fold.
  [[nodiscard]] bool folds() const;
  [[nodiscard]] int position(int axis) const;  // among the leaves, or -1
  [[nodiscard]] int find(const std::string& axis) const;
  [[nodiscard]] bool is_partial() const;  // made by rfactor
  /// Extents of all axes, when all of it is computed.
  [[nodiscard]] std::vector<int64_t> extents() const;
};

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
