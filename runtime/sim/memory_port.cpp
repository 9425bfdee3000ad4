#include "memory_port.h"

#include <algorithm>

namespace tc::sim {

bool MemoryPort::end_burst(int64_t now, Done& done) {
  if (end_ > now) return false;
  end_ = kNever;
  Request& r = queues_[who_].front();
  r.left -= std::min(r.left, burst_);
  if (r.left == 0) {
    r.left = r.row_bytes;
    --r.rows;
  }
  done = {who_, r.rows == 0};
  if (done.last) queues_[who_].pop_front();
  return true;
}

bool MemoryPort::begin_burst(int64_t now) {
  if (end_ != kNever) return false;
  for (size_t i = 1; i <= kRequesters; ++i) {
    const size_t who = (who_ + i) % kRequesters;
    if (queues_[who].empty() || queues_[who].front().ready > now) continue;
    who_ = who;
    const int64_t beats =
        (std::min(queues_[who].front().left, burst_) + bytes_per_cycle_ - 1) / bytes_per_cycle_;
    end_ = now + beats;
    busy_cycles_ += beats;
    return true;
  }
  return false;
}

int64_t MemoryPort::next_event() const {
  if (end_ != kNever) return end_;
  int64_t next = kNever;
  for (const auto& queue : queues_)
    if (!queue.empty()) next = std::min(next, queue.front().ready);
  return next;
}

}  // namespace tc::sim
