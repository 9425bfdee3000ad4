// Random computations on tiles under random schedules, for random machines.
#pragma once
#include <memory>
#include <string>

#include "run_device.h"
#include "tc/support/rng.h"

namespace tc::accel::test {

struct Case {
  isa::MachineConfig config;
  std::vector<Tensor> args;
  std::unique_ptr<Schedule> schedule;
  std::string threads;  // the loop that becomes virtual threads, or ""
  std::string about;
};

/// A case of that seed: a matmul, convolution, pooling, depthwise convolution or elementwise computation
/// with an epilogue. Steps that turn out illegal are left out.
[[nodiscard]] Case random_case(uint64_t seed);

/// The function with one of its loops in virtual threads.
[[nodiscard]] FuncRef with_threads(const FuncRef& func, const std::string& loop);

}  // namespace tc::accel::test
