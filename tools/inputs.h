// What tensorc is given, turned into what tc works on. All of it may be wrong:
// every function throws an Error that says how.
#pragma once
#include <string>
#include <vector>

#include "tc/autotune/api.h"

namespace tc::cli {

/// A whole file, or standard input for "-". Errors io.read, io.size.
[[nodiscard]] std::string read_file(const std::string& path, size_t max_bytes);
/// Replaces the file in one rename. Error io.write.
void write_file(const std::string& path, std::string_view text);

/// Workloads of the command line: each argument is one, or @FILE with one a line
/// (# begins a comment). Words `key=value` belong to the workload before them,
/// so that quotes may be left out.
[[nodiscard]] std::vector<Workload> parse_workloads(const std::vector<std::string>& args);
/// The same for commands that take one.
[[nodiscard]] Workload parse_one_workload(const std::vector<std::string>& args);

/// Where a workload is run: of one with sizes at each of `at`, e.g. m=100 (several sizes as one
/// argument between spaces), else at the values at which it is judged. Error cli.usage.
[[nodiscard]] std::vector<Workload> calls_of(const Workload& workload, const std::vector<std::string>& at);

/// The log; empty for "". Bad lines are noted on stderr.
[[nodiscard]] autotune::Log load_log(const std::string& path);

[[nodiscard]] codegen::Target parse_target(const std::string& text);

/// The worker: $TC_WORKER, else tc-worker beside this executable, or in ../tools
/// (the build tree). Error cli.worker.
[[nodiscard]] std::string find_worker();

/// Threads to use: `wanted`, or the runtime's default for 0. Sets the runtime's number.
/// Error cli.threads where there are fewer CPUs.
int use_threads(int wanted);

/// Error cli.memory where `bytes` are more than the machine, or this process's
/// cgroup, has left.
void require_memory(double bytes);

}  // namespace tc::cli
