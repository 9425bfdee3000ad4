// What the stages of a model hold while it runs: every place says which element it
// keeps and, of a reduction, which points were folded into it. Notes who touched a place
// last, and so finds iterations that race.
#pragma once
#include <map>

#include "oracle/execute.h"

namespace tc::test::oracle {

using Point = std::vector<int64_t>;

/// What a place in memory holds.
struct Cell {
  int64_t element = -1;
  bool complete = false;
  std::vector<int64_t> folded;  // points of the reduction, while not complete
  int writer = -1;              // where in the loops it was last written
  std::vector<int> readers;     // and read since
};

/// The memory of a stage, while it lasts.
struct Storage {
  Point lo, size;     // first element that it has room for, and how many
  int ring_dim = -1;  // of a ring: the dimension that goes around
  std::map<Point, Cell> cells = {};
};

class Memory {
 public:
  Memory(const Model& m, int64_t budget) : m_(m), left_(budget), live_(m.stages.size()) {}

  void spend() {
    if (--left_ < 0) throw Fault{"too heavy", true};
  }
  /// The innermost storage of a stage is that which is read and written.
  void push(int stage, Storage* storage) { live_[static_cast<size_t>(stage)].push_back(storage); }
  void pop(int stage) { live_[static_cast<size_t>(stage)].pop_back(); }
  [[nodiscard]] bool lives(int stage) const { return !live_[static_cast<size_t>(stage)].empty(); }
  /// Where an element is kept: one number a dimension of the storage; and how far apart
  /// neighbours along each of these are, in elements.
  [[nodiscard]] Point address(int stage, const Point& coordinates) const;
  [[nodiscard]] Point steps(int stage) const;

  /// The place of an element, as an access of the iteration that runs now.
  Cell& touch(int stage, const Point& coordinates, bool writes);
  [[nodiscard]] int64_t element_number(int stage, const Point& coordinates) const;
  [[nodiscard]] std::string name(int stage, const Point& coordinates) const;

  /// Iterations of a loop which run in any order: each is a node below the one that ran
  /// before. `leave` goes back there.
  [[nodiscard]] int here() const { return node_; }
  [[nodiscard]] int new_loop() { return next_loop_++; }
  void enter(int outer, int loop);
  void leave(int outer) { node_ = outer; }

 private:
  struct Node {
    int parent, depth, loop;
  };
  [[nodiscard]] bool conflict(int a, int b) const;
  [[nodiscard]] const Storage& storage_of(int stage, const Point& coordinates) const;

  const Model& m_;
  int64_t left_;
  std::vector<std::vector<Storage*>> live_;  // per stage, innermost last
  std::vector<Node> nodes_{{-1, 0, -1}};
  int node_ = 0, next_loop_ = 0;
};

}  // namespace tc::test::oracle
