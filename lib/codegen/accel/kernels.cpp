#include "kernels.h"

#include <algorithm>

namespace tc::accel {
namespace {

Tiles operator+(const Tiles& a, const Tiles& b) { return {a.dst + b.dst, a.src + b.src, a.wgt + b.wgt}; }
Tiles operator*(int64_t n, const Tiles& t) { return {n * t.dst, n * t.src, n * t.wgt}; }
bool not_negative(const Tiles& t) { return t.dst >= 0 && t.src >= 0 && t.wgt >= 0; }

// Loops of one iteration go; those that only fall run backwards; where one goes on at the
// pace of another they are one.
void tidy(Tiles& first, std::vector<Stride>& loops) {
  std::erase_if(loops, [](const Stride& l) { return l.count == 1; });
  for (Stride& l : loops)
    if (const Tiles back = -1 * l.step; !not_negative(l.step) && not_negative(back)) {
      first = first + (l.count - 1) * l.step;
      l.step = back;
    }
  for (bool merged = true; merged;) {
    merged = false;
    for (size_t i = 0; i < loops.size() && !merged; ++i)
      for (size_t j = 0; j < loops.size() && !merged; ++j)
        if (i != j && loops[j].step == loops[i].count * loops[i].step &&
            loops[i].count * loops[j].count <= kMaxIterations) {
          loops[i].count *= loops[j].count;
          loops.erase(loops.begin() + static_cast<ptrdiff_t>(j));
          merged = true;
        }
  }
}

Loop loop_of(const Stride& s) { return {s.count, s.step.dst, s.step.src, s.step.wgt}; }

}  // namespace

Kernel without_source_steps(Kernel kernel) {
  kernel.outer.src = kernel.inner.src = 0;
  return kernel;
}

void make_kernels(Tiles first, std::vector<Stride> loops, const isa::MachineConfig& config,
                  const std::function<void(Kernel)>& f) {
  tidy(first, loops);
  for (size_t i = 0; i < loops.size(); ++i)
    if (loops[i].count > kMaxIterations) {
      const int64_t half = loops[i].count / 2;
      std::vector<Stride> rest = loops;
      loops[i].count = half, rest[i].count -= half;
      make_kernels(first, loops, config, f);
      make_kernels(first + half * loops[i].step, std::move(rest), config, f);
      return;
    }
  // The longest that hardware can run go there.
  std::stable_sort(loops.begin(), loops.end(), [](const Stride& a, const Stride& b) {
    const bool x = not_negative(a.step), y = not_negative(b.step);
    return x != y ? x : a.count > b.count;
  });
  size_t hardware = 0;
  while (hardware < std::min<size_t>(2, loops.size()) && not_negative(loops[hardware].step)) ++hardware;
  int64_t uops = 1;
  for (size_t i = hardware; i < loops.size(); ++i) {
    uops *= loops[i].count;
    if (uops <= config.uop_depth) continue;
    // Too many for UOP: one loop is run here.
    const Stride singled = loops[i];
    loops[i].count = 1;
    for (int64_t n = 0; n < singled.count; ++n) make_kernels(first + n * singled.step, loops, config, f);
    return;
  }
  Kernel kernel;
  if (hardware > 0) kernel.outer = loop_of(loops[0]);
  if (hardware > 1) kernel.inner = loop_of(loops[1]);
  std::vector<Tiles> all = {first};
  for (size_t i = loops.size(); i-- > hardware;) {
    std::vector<Tiles> more;
    more.reserve(all.size() * static_cast<size_t>(loops[i].count));
    for (int64_t n = 0; n < loops[i].count; ++n)
      for (const Tiles& t : all) more.push_back(t + n * loops[i].step);
    all = std::move(more);
  }
  kernel.uops.reserve(all.size());
  for (const Tiles& t : all)
    kernel.uops.push_back(
        {static_cast<uint32_t>(t.dst), static_cast<uint32_t>(t.src), static_cast<uint32_t>(t.wgt)});
  f(std::move(kernel));
}

}  // namespace tc::accel
