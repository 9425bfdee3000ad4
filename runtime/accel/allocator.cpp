#include "tc/runtime/accel/allocator.h"

#include <fmt/format.h>

#include <algorithm>

namespace tc::accel {

Allocator::Allocator(uint64_t bytes) : size_(bytes) { add_free(0, bytes); }

void Allocator::add_free(uint64_t address, uint64_t bytes) {
  if (bytes == 0) return;
  free_.emplace(address, bytes);
  by_size_.emplace(bytes, address);
}

void Allocator::remove_free(std::map<uint64_t, uint64_t>::iterator piece) {
  by_size_.erase({piece->second, piece->first});
  free_.erase(piece);
}

Expected<uint64_t> Allocator::allocate(uint64_t bytes, uint64_t alignment) {
  if (alignment == 0)
    return Error("runtime.device.size", "a block cannot have alignment 0").fix("give 1 for any address");
  const uint64_t taken = std::max<uint64_t>(bytes, 1);
  for (auto it = by_size_.lower_bound({taken, 0}); it != by_size_.end(); ++it) {
    const auto [piece_bytes, piece] = *it;
    const uint64_t skip = (alignment - piece % alignment) % alignment;
    if (skip > piece_bytes - taken) continue;
    remove_free(free_.find(piece));
    add_free(piece, skip);
    add_free(piece + skip + taken, piece_bytes - skip - taken);
    blocks_.emplace(piece + skip, Block{bytes, taken});
    used_ += taken;
    return piece + skip;
  }
  return Error("runtime.device.memory",
               fmt::format("there is no room for {} bytes with alignment {}", bytes, alignment))
      .fact("memory", fmt::format("{} bytes", size_))
      .fact("free", fmt::format("{} bytes, the largest piece {}", size_ - used_, largest_free()))
      .fix("free blocks, or make the device with more memory");
}

Check Allocator::free(uint64_t address) {
  const auto block = blocks_.find(address);
  if (block == blocks_.end())
    return Error("runtime.device.free", fmt::format("no block begins at {:#x}", address))
        .fix("free each address that allocate gave once");
  uint64_t begin = address, bytes = block->second.taken;
  used_ -= bytes;
  blocks_.erase(block);
  const auto after = free_.lower_bound(begin);
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == begin) {
      begin = before->first;
      bytes += before->second;
      remove_free(before);
    }
  }
  if (after != free_.end() && after->first == begin + bytes) {
    bytes += after->second;
    remove_free(after);
  }
  add_free(begin, bytes);
  return std::nullopt;
}

Check Allocator::check(uint64_t address, uint64_t bytes) const {
  if (bytes == 0) return std::nullopt;
  auto block = blocks_.upper_bound(address);
  Error error("runtime.device.range",
              fmt::format("{} bytes from {:#x} on do not lie inside one allocated block", bytes, address));
  (void)std::move(error).fix("access fewer bytes, or allocate a larger block");
  if (block == blocks_.begin()) return error;
  --block;
  const uint64_t offset = address - block->first;
  if (offset <= block->second.bytes && bytes <= block->second.bytes - offset) return std::nullopt;
  return std::move(error).fact("block before",
                               fmt::format("{} bytes from {:#x} on", block->second.bytes, block->first));
}

}  // namespace tc::accel
