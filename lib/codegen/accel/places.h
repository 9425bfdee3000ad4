// Where allocations are in their scratchpads. Every allocation has one place a virtual
// thread and copy, at an address that is fixed; allocations that never matter at the same time
// may share, and do where there is no room otherwise.
#pragma once
#include "tree.h"

namespace tc::accel {

class Places {
 public:
  /// Error codegen.accel.capacity with what the stages need and what there is.
  [[nodiscard]] static Expected<Places> make(const Tree& tree);

  /// The place of the n-th execution of an allocation in a thread.
  [[nodiscard]] int64_t address(int buffer, int64_t thread, int64_t execution) const {
    const Place& p = places_[static_cast<size_t>(buffer)];
    return p.address + (thread * p.copies + execution % p.copies) * p.tiles;
  }
  /// Tiles up to the last one that is taken.
  [[nodiscard]] int64_t used(Pad pad) const { return used_[static_cast<size_t>(pad)]; }

  /// Stretches of ACC that no allocation has while a leaf runs: for intermediate results.
  struct Gap {
    int64_t first, count;
  };
  [[nodiscard]] std::vector<Gap> free_acc(int position) const;

 private:
  struct Place {
    int64_t address = 0, tiles = 0, threads = 1, copies = 1;
    int first = 0, last = -1;
    Pad pad = Pad::inp;
    [[nodiscard]] int64_t size() const { return tiles * threads * copies; }
  };
  std::vector<Place> places_;  // by buffer
  int64_t used_[kPads] = {};
  int64_t acc_depth_ = 0;
};

}  // namespace tc::accel
