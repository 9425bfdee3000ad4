#include "tc/runtime/accel/kernel.h"

#include <fmt/format.h>

#include <span>
#include <utility>

namespace tc::accel {
namespace {

using isa::Uop;

Loop difference(const Uop& from, const Uop& to, int64_t iterations) {
  return {iterations, int64_t{to.dst} - from.dst, int64_t{to.src} - from.src, int64_t{to.wgt} - from.wgt};
}

// Whether each micro-op is the one `period` before it plus the same step, and no
// index falls: factors are unsigned.
bool repeats(std::span<const Uop> uops, size_t period) {
  const Loop step = difference(uops[0], uops[period], 1);
  if (step.dst < 0 || step.src < 0 || step.wgt < 0) return false;
  for (size_t k = period; k < uops.size(); ++k)
    if (difference(uops[k - period], uops[k], 1) != step) return false;
  return true;
}

// Takes one loop out of a sequence: the one that leaves the fewest micro-ops. Doing
// this twice is best for two loops as well: every longer period is a multiple of the
// shortest, so that its block folds no further than the shortest one's.
Loop take_loop(std::vector<Uop>& uops) {
  const size_t n = uops.size();
  for (size_t period = 1; period <= n / 2; ++period) {
    if (n % period != 0 || n / period > static_cast<size_t>(kMaxIterations) || !repeats(uops, period))
      continue;
    const Loop loop = difference(uops[0], uops[period], static_cast<int64_t>(n / period));
    uops.resize(period);
    return loop;
  }
  return {};
}

Error kernel_error(std::string message) {
  return Error("runtime.accel.kernel", std::move(message))
      .fix("record micro-ops inside at most two loops, each inside the other, or several kernels");
}

}  // namespace

Kernel fold(Kernel kernel) {
  if (kernel.empty()) return {};
  std::vector<Loop> loops;
  for (const Loop& loop : {kernel.outer, kernel.inner})
    if (loop.iterations != 1) loops.push_back(loop);
  while (loops.size() < 2) loops.push_back(take_loop(kernel.uops));
  return {loops[0], loops[1], std::move(kernel.uops)};
}

Check KernelRecorder::begin_loop(const Loop& loop) {
  if (open_ != loops_.size()) return kernel_error("a loop begins behind another; they must be nested");
  if (loops_.size() == 2) return kernel_error("a kernel has at most two loops; this is the third");
  if (!uops_.empty()) return kernel_error("micro-ops stand before a loop; they must be in the innermost one");
  if (loop.iterations < 0 || loop.iterations > kMaxIterations || loop.dst < 0 || loop.src < 0 || loop.wgt < 0)
    return Error("runtime.accel.kernel", "a loop has a number of iterations or a factor out of range")
        .fact("iterations", fmt::format("{}; 0 to {}", loop.iterations, kMaxIterations))
        .fact("factors", fmt::format("dst {}, src {}, wgt {}; not negative", loop.dst, loop.src, loop.wgt))
        .fix("split the loop, or record it backwards");
  loops_.push_back(loop);
  ++open_;
  return std::nullopt;
}

Check KernelRecorder::end_loop() {
  if (open_ == 0) return kernel_error("a loop ends that has not begun");
  --open_;
  return std::nullopt;
}

Check KernelRecorder::push(const Uop& uop) {
  if (open_ != loops_.size())
    return kernel_error("a micro-op stands behind a loop; all must be in the innermost one");
  uops_.push_back(uop);
  return std::nullopt;
}

Expected<Kernel> KernelRecorder::finish() {
  if (open_ != 0) return kernel_error(fmt::format("{} loops of the kernel are still open", open_));
  Kernel kernel;
  if (!loops_.empty()) kernel.outer = loops_[0];
  if (loops_.size() > 1) kernel.inner = loops_[1];
  kernel.uops = std::move(uops_);
  *this = {};
  return fold(std::move(kernel));
}

}  // namespace tc::accel
