// The command tensorc: what its subcommands share. Each subcommand is a file
// cmd_NAME.cpp and a line of the table in main.cpp. Data goes to stdout,
// progress and errors to stderr; with --json one JSON object goes to stdout,
// errors included.
#pragma once
#include <functional>

#include "tc/autotune/json.h"
#include "tc/support/error.h"

namespace CLI {
class App;
}

namespace tc::cli {

using autotune::Json;

/// What tensorc exits with.
enum Exit : int {
  kDone = 0,
  kFailed = 1,         // tc or the machine could not do it
  kUsage = 2,          // the command line is wrong
  kInvalidInput = 3,   // a workload, log, target or IR text is wrong
  kResultsDiffer = 4,  // what was computed differs from the reference
  kNoCandidate = 5,    // no trial of the tuner was valid
  kInterrupted = 130,  // stopped by a signal, after saving
};

/// The subcommand that was chosen, ready to run.
struct Call {
  bool json = false;
  std::function<int()> run;  // gives an Exit; may throw Error
};

void add_compile(CLI::App& app, Call& call);
void add_run(CLI::App& app, Call& call);
void add_opt(CLI::App& app, Call& call);
void add_interpret(CLI::App& app, Call& call);
void add_tune(CLI::App& app, Call& call);
void add_log(CLI::App& app, Call& call);
void add_bench(CLI::App& app, Call& call);
void add_asm(CLI::App& app, Call& call);
void add_sim(CLI::App& app, Call& call);
void add_doctor(CLI::App& app, Call& call);
void add_show(CLI::App& app, Call& call);
void add_workloads(CLI::App& app, Call& call);

}  // namespace tc::cli
