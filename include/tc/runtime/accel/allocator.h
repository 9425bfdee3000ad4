// Which bytes of a memory are taken: best fit, with neighbours merged when they are
// free. It holds no memory itself, so that it serves a device's DRAM as well as the
// addresses of a program that is being compiled.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "tc/support/error.h"

namespace tc::accel {

/// Not for use from several threads at once.
class Allocator {
 public:
  /// Addresses 0 to bytes - 1.
  explicit Allocator(uint64_t bytes);

  /// The address of a new block, a multiple of `alignment`: the smallest free place that
  /// holds it. A block of 0 bytes takes one. Errors runtime.device.size (the alignment is
  /// 0), runtime.device.memory (with what is free, in all and in one piece).
  [[nodiscard]] Expected<uint64_t> allocate(uint64_t bytes, uint64_t alignment = 1);
  /// Error runtime.device.free where no block begins at the address.
  [[nodiscard]] Check free(uint64_t address);
  /// That bytes lie in one block; 0 bytes lie anywhere. Error runtime.device.range.
  [[nodiscard]] Check check(uint64_t address, uint64_t bytes) const;

  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] uint64_t used() const { return used_; }
  [[nodiscard]] size_t blocks() const { return blocks_.size(); }
  /// The largest free piece.
  [[nodiscard]] uint64_t largest_free() const { return by_size_.empty() ? 0 : by_size_.rbegin()->first; }

 private:
  struct Block {
    uint64_t bytes;  // as asked for
    uint64_t taken;  // at least 1
  };
  void add_free(uint64_t address, uint64_t bytes);
  void remove_free(std::map<uint64_t, uint64_t>::iterator piece);

  uint64_t size_, used_ = 0;
  std::map<uint64_t, Block> blocks_;                 // by address
  std::map<uint64_t, uint64_t> free_;                // address -> bytes; no two touch
  std::set<std::pair<uint64_t, uint64_t>> by_size_;  // the same as (bytes, address)
};

}  // namespace tc::accel
