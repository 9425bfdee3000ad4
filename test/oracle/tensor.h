// Whether loops compute what an intrinsic does, found by trying: the operations on random
// values, and where each operand lies in every iteration.
#pragma once
#include <functional>

#include "oracle/access.h"
#include "oracle/memory.h"

namespace tc::test::oracle {

/// The loops of one stage against its intrinsic. The ways to see the one in the other
/// that fit all tiles shown so far are kept; with none left, Fault is thrown.
class TensorMatch {
 public:
  TensorMatch(const Model& m, int stage);

  /// What the stage computes in one iteration of the inner loops: the values of its axes,
  /// and which element.
  struct Iteration {
    Point values, coordinates;
  };
  using IterationOf = std::function<Iteration(const Point& loops)>;
  /// One tile, of inner loops of these extents. One of other extents than the intrinsic's
  /// is passed over: it runs as loops.
  void tile(const Point& extents, Memory& memory, const IterationOf& iteration_of);
  /// Whether there were tiles, and none that the intrinsic computes.
  [[nodiscard]] bool passed_over() const { return shown_ && !met_; }

 private:
  struct Param {  // of the intrinsic
    DType type;
    std::vector<int> axes;  // by dimension; -1: of one element
    Point want;             // strides, 0 for any
  };
  struct Candidate {
    std::vector<int> loop_of_axis;  // -1: an axis of one iteration
    std::vector<size_t> load_of_param;
    std::vector<std::vector<Point>> strides = {};  // by parameter and dimension, once known
  };

  void check_modes() const;
  void read_intrinsic(const Intrinsic& intrinsic);
  void read_stage();
  [[nodiscard]] bool computes(const std::vector<size_t>& load_of_param) const;
  void assign(const Point& extents, const std::vector<size_t>& load_of_param, std::vector<int> chosen);
  [[nodiscard]] bool fits(Candidate& c, const Point& extents, Memory& memory,
                          const IterationOf& iteration_of) const;
  [[nodiscard]] Point address(size_t param, const Candidate& c, Memory& memory, const Iteration& i) const;
  [[nodiscard]] bool strides_fit(const Candidate& c, Memory& memory) const;
  [[noreturn]] void differs(const char* what) const;

  const Model& m_;
  int id_;
  const Stage& s_;
  std::vector<int> loops_;     // axes of the stage, from the intrinsic inward
  Point axis_extent_;          // of the intrinsic
  std::vector<bool> folds_;    // whether it reduces over them
  std::vector<Param> params_;  // the output is the last
  Expr pattern_, source_;      // what is folded, or written
  std::vector<Expr> pattern_loads_, loads_;
  std::vector<std::vector<Index>> index_;  // of each load
  std::vector<Candidate> candidates_;
  bool assigned_ = false, shown_ = false, met_ = false;
};

}  // namespace tc::test::oracle
