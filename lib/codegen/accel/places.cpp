#include "places.h"

#include <fmt/format.h>

#include <algorithm>

namespace tc::accel {
namespace {

Error capacity_error(const Tree& tree, Pad pad, int64_t needed, int64_t depth) {
  Error error("codegen.accel.capacity",
              fmt::format("{} holds {} tiles; the stages in it need {}", to_string(pad), depth, needed));
  for (const Allocation& a : tree.allocations) {
    const BufferInfo& b = tree.buffers[a.buffer];
    if (b.pad != pad || a.last < 0) continue;
    std::string text = fmt::format("{} tiles", b.tiles);
    if (a.threads > 1) text += fmt::format(" x {} virtual threads", a.threads);
    if (a.copies > 1) text += fmt::format(" x {} buffers", a.copies);
    (void)std::move(error).fact(b.ref->name, text);
  }
  return std::move(error).fix(
      "compute the stages at an inner loop, split by smaller factors, or use fewer virtual threads");
}

}  // namespace

Expected<Places> Places::make(const Tree& tree) {
  Places out;
  out.places_.resize(tree.buffers.size());
  const isa::MachineConfig& config = tree.buffers.config();
  out.acc_depth_ = depth_of(config, Pad::acc);
  for (const Pad pad : {Pad::inp, Pad::wgt, Pad::acc}) {
    const int64_t depth = depth_of(config, pad);
    std::vector<Place*> all;
    int64_t total = 0;
    for (const Allocation& a : tree.allocations) {
      const BufferInfo& b = tree.buffers[a.buffer];
      if (b.pad != pad || a.last < 0) continue;
      Place& p = out.places_[static_cast<size_t>(a.buffer)];
      p = {0, b.tiles, a.threads, a.copies, a.first, a.last, pad};
      if (b.tiles > depth || p.size() > depth) return capacity_error(tree, pad, p.size(), depth);
      all.push_back(&p);
      total += p.size();
    }
    // Sharing makes what shares wait for each other, so only where it must be.
    const bool share = total > depth;
    if (share)
      std::stable_sort(all.begin(), all.end(), [](Place* a, Place* b) { return a->size() > b->size(); });
    int64_t& used = out.used_[static_cast<size_t>(pad)];
    for (size_t i = 0; i < all.size(); ++i) {
      Place& p = *all[i];
      if (share) {
        // the lowest address that is free all the time
        std::vector<std::pair<int64_t, int64_t>> taken;
        for (size_t j = 0; j < i; ++j)
          if (all[j]->first <= p.last && p.first <= all[j]->last)
            taken.emplace_back(all[j]->address, all[j]->address + all[j]->size());
        std::sort(taken.begin(), taken.end());
        for (const auto& [begin, end] : taken)
          if (begin < p.address + p.size()) p.address = std::max(p.address, end);
      } else {
        p.address = used;
      }
      used = std::max(used, p.address + p.size());
    }
    if (used > depth) return capacity_error(tree, pad, used, depth);
  }
  return out;
}

std::vector<Places::Gap> Places::free_acc(int position) const {
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (const Place& p : places_)
    if (p.pad == Pad::acc && p.first <= position && position <= p.last)
      taken.emplace_back(p.address, p.address + p.size());
  std::sort(taken.begin(), taken.end());
  std::vector<Gap> gaps;
  int64_t at = 0;
  for (const auto& [begin, end] : taken) {
    if (begin > at) gaps.push_back({at, begin - at});
    at = std::max(at, end);
  }
  if (at < acc_depth_) gaps.push_back({at, acc_depth_ - at});
  return gaps;
}

}  // namespace tc::accel
