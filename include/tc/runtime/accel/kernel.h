// Micro-op kernels: what one GEMM or ALU instruction runs. A kernel is recorded
// micro-op by micro-op, or with up to two loops around them; what is regular in the
// recorded sequence is folded into loops, which cost no room in the micro-op cache.
#pragma once
#include <cstdint>
#include <vector>

#include "tc/isa/insn.h"
#include "tc/support/error.h"

namespace tc::accel {

/// A loop around micro-ops: each iteration adds to the indices.
struct Loop {
  int64_t iterations = 1;
  int64_t dst = 0, src = 0, wgt = 0;
  friend bool operator==(const Loop&, const Loop&) = default;
};

/// Runs, for i of outer, for j of inner, all micro-ops in order, each index as
/// uop + i * outer + j * inner.
struct Kernel {
  Loop outer, inner;
  std::vector<isa::Uop> uops;
  /// Whether it runs no micro-op.
  [[nodiscard]] bool empty() const { return uops.empty() || outer.iterations == 0 || inner.iterations == 0; }
  friend bool operator==(const Kernel&, const Kernel&) = default;
};

/// The most iterations that a loop of an instruction has.
inline constexpr int64_t kMaxIterations = (1 << 14) - 1;

/// A kernel that runs the same indices in the same order with the fewest micro-ops that
/// the loops which are left allow: regular sequences become loops, loops of one
/// iteration are dropped.
[[nodiscard]] Kernel fold(Kernel kernel);

/// Records a kernel. Errors runtime.accel.kernel: a third loop, an end without a begin,
/// a loop that is open at the end, or a loop nest that is not perfect, since
/// instructions have all their micro-ops in the innermost loop.
class KernelRecorder {
 public:
  [[nodiscard]] Check begin_loop(const Loop& loop);
  [[nodiscard]] Check end_loop();
  [[nodiscard]] Check push(const isa::Uop& uop);
  /// The kernel, folded. The recorder is as new then.
  [[nodiscard]] Expected<Kernel> finish();

 private:
  std::vector<Loop> loops_;  // outer first
  size_t open_ = 0;          // of them
  std::vector<isa::Uop> uops_;
};

}  // namespace tc::accel
