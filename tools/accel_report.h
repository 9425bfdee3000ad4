// What a run on the accelerator did, for people and as JSON: sim, run and bench share it.
#pragma once
#include <string>

#include "arguments.h"
#include "command.h"

namespace tc::cli {

[[nodiscard]] Json counters_json(const sim::Counters& counters);
/// The same of a run, with its segments.
[[nodiscard]] Json profile_json(const Profile& profile);

/// A timed run of a function that is bound to its arguments.
[[nodiscard]] Profile timed_run(const BoundKernel& kernel);
/// Runs again in `count` random legal orders, comparing with the reference each time: the first
/// difference, or "".
[[nodiscard]] std::string check_orders(const BoundKernel& kernel, int count, uint64_t seed);

}  // namespace tc::cli
