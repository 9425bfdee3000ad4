// How a subcommand declares itself; only the cmd_*.cpp include this, because
// the option parser's header is large.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>

#include "command.h"

namespace tc::cli {

/// Defines the subcommand `name`: its options live as long as the call, `setup`
/// declares them and `run` gets them. Adds --json.
template <class Options, class Setup, class Run>
CLI::App* add_command(CLI::App& app, Call& call, const char* name, const char* summary, Setup setup,
                      Run run) {
  CLI::App* sub = app.add_subcommand(name, summary);
  auto options = std::make_shared<Options>();
  setup(*sub, *options);
  sub->add_flag("--json", call.json, "One JSON object on standard output");
  sub->callback(
      [options, &call, run] { call.run = [options, &call, run] { return run(*options, call.json); }; });
  return sub;
}

}  // namespace tc::cli
