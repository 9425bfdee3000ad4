#include "uop_cache.h"

#include <iterator>

namespace tc::accel {

// FNV-1a, a word at a time.
size_t UopCache::Hash::operator()(const std::vector<uint32_t>& words) const {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint32_t word : words) hash = (hash ^ word) * 0x100000001b3u;
  return hash ^ hash >> 32;
}

UopCache::Place UopCache::place(const std::vector<uint32_t>& words) {
  Entry& entry = entries_[words];
  const auto count = static_cast<uint32_t>(words.size());
  if (!entry.known) {
    entry = {static_cast<uint32_t>(pool_.size()), count, true, false, 0};
    pool_.insert(pool_.end(), words.begin(), words.end());
  }
  if (entry.resident) return {entry.sram, entry.pool, false};
  if (count > depth_ - next_) next_ = 0;
  // Those that reach into [next_, next_ + count).
  auto it = residents_.upper_bound(next_);
  if (it != residents_.begin() && std::prev(it)->first + std::prev(it)->second->count > next_) --it;
  while (it != residents_.end() && it->first < next_ + count) {
    it->second->resident = false;
    it = residents_.erase(it);
  }
  entry.resident = true;
  entry.sram = next_;
  residents_.emplace(next_, &entry);
  next_ += count;
  return {entry.sram, entry.pool, true};
}

}  // namespace tc::accel
