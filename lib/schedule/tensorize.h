// Finding an intrinsic in the loops of a stage, and putting it into their place. Accesses
// are compared as sums of the loops' variables, after simplification, so that it does not
// matter how an index was written, which dimensions stand still, and in which order loops
// run. Private to lib/schedule.
#pragma once
#include "state.h"
#include "tc/ir/interval.h"

namespace tc {

/// The place: the loops from the tensorized axis inward and what they do.
struct TensorSite {
  struct Loop {
    VarRef var;
    int64_t extent;
    bool reduce;
  };
  std::string stage, axis;
  std::vector<Loop> loops;
  BufferRef output;
  std::vector<Expr> output_index;
  Expr value;                // what is stored, or folded by the combiner
  ir::CombinerRef combiner;  // null: nothing is reduced
  ir::Bounds bounds;         // of all loops
  std::string loops_text;    // for messages
};

/// A parameter of the intrinsic as a part of a tensor: element i of the parameter is
/// buffer[base + stride * i], dimension by dimension.
struct TensorPart {
  BufferRef buffer;
  std::vector<Expr> base;
  std::vector<std::vector<int64_t>> stride;  // by dimension of the buffer, of the parameter
};

/// One part per parameter. Errors: schedule.tensorize.loops, .match, .strides and .scope.
[[nodiscard]] Expected<std::vector<TensorPart>> match_intrinsic(const Intrinsic& intrinsic,
                                                                const TensorSite& site);

/// The statements of a program of the intrinsic on the parts.
[[nodiscard]] ir::Stmt place_program(const ir::FuncRef& program, const std::vector<TensorPart>& parts);

/// The first reason why the loops of a tensorized stage cannot be replaced: schedule.tensorize.mode,
/// .attached and .outputs.
[[nodiscard]] Check check_tensorized(const ScheduleState& state, int stage);

class Nests;
/// The place of a tensorized stage; what is stored there is for the caller to fill in.
[[nodiscard]] TensorSite tensor_site(const ScheduleState& state, const Nests& nests, int stage);

/// `whole` where all conditions hold for every iteration of the loops that it stands for,
/// else `loops`, in which they are tested one by one. Variables of `whole` and of the
/// conditions are `renamed`, those of `loops` are so already. Throws schedule.tensorize.condition.
[[nodiscard]] ir::Stmt whole_or_loops(const TensorSite& site, const std::vector<Expr>& conditions,
                                      const ir::Stmt& whole, ir::Stmt loops, const ir::VarMap& renamed = {});

}  // namespace tc
