// The CPU's Measurer: builds one candidate, compares it with the reference
// and times it. Runs inside an expendable worker process.
#pragma once
#include <memory>

#include "tc/autotune/record.h"
#include "tc/autotune/worker.h"
#include "tc/codegen/target.h"

namespace tc::autotune {

/// A machine as a record has it, for `threads` threads; of an accelerator its sizes alone count.
[[nodiscard]] RecordTarget record_target(const codegen::Target& target, int threads);
[[nodiscard]] BuildStamp build_stamp();

/// Jobs are {workload, target, decisions, seed}. The reply to build has the steps; that
/// to run the samples (run_ns: one per timed batch, per call) and the check:
/// elements drawn by the seed, corners among them, compared with te evaluation on
/// two sets of inputs, every element of the outputs written; of a bucket for all values that
/// Workload::judged() says, and a sample is the mean of one call for each.
[[nodiscard]] std::unique_ptr<Measurer> make_cpu_measurer();

/// main() of a worker executable: set-up and serving.
int cpu_worker_main();

}  // namespace tc::autotune
