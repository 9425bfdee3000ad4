// tensorc: tensor expressions to tuned machine code, from the command line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "declare.h"
#include "output.h"
#include "tc/autotune/measure.h"
#include "tc/support/source_text.h"

namespace tc::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 usage, 3 invalid input, 4 results differ,\n"
    "5 no valid candidate, 130 interrupted after saving. `tensorc workloads` lists\n"
    "what a WORKLOAD can be; `tensorc COMMAND --help` describes a command.";

std::string version() {
  const autotune::BuildStamp stamp = autotune::build_stamp();
  return fmt::format("tensorc {} (LLVM {})", stamp.tc, stamp.llvm);
}

// The options are not understood before they are parsed; an error must still
// come in the form that was asked for.
bool asks_for_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--json") return true;
  return false;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The command that the words name, and how many words that takes.
std::pair<const CLI::App*, int> command_of(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  int n = 1;
  for (; n < argc; ++n) {
    const auto commands = commands_of(*at);
    const auto named = [&](const CLI::App* sub) { return sub->get_name() == argv[n]; };
    const auto sub = std::find_if(commands.begin(), commands.end(), named);
    if (sub == commands.end()) break;
    at = *sub;
  }
  return {at, n};
}

// What was meant, where that is near; of equals one that begins as the word does.
std::string meant(std::string_view word, std::vector<std::string> known) {
  std::stable_partition(known.begin(), known.end(), [&](const std::string& k) { return k[0] == word[0]; });
  const std::string near = nearest(word, known);
  return near.empty() ? "" : fmt::format("did you mean {}? ", near);
}

// CLI11 only says that a command is required, whatever stands in its place, and
// not which option may have been meant.
Error usage_error(const CLI::App& app, const CLI::ParseError& e, int argc, char** argv) {
  const auto [command, first] = command_of(app, argc, argv);
  std::string help;
  for (int i = 1; i < first; ++i) help += fmt::format(" {}", argv[i]);
  help = fmt::format("tensorc{} --help", help);
  std::vector<std::string> known;
  for (const CLI::App* sub : commands_of(*command)) known.push_back(sub->get_name());
  if (!known.empty() && (first == argc || argv[first][0] != '-')) {
    const std::string word = printable(std::string_view(first == argc ? "" : argv[first]).substr(0, 64));
    return Error("cli.usage",
                 word.empty() ? "a command is missing" : fmt::format("there is no command {}", word))
        .fact("commands", fmt::format("{}", fmt::join(known, " ")))
        .fix(meant(word, known) + help);
  }
  for (const CLI::Option* o : command->get_options())
    for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
  for (int i = first; i < argc && e.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError); ++i) {
    const std::string_view word = std::string_view(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (word.starts_with("--") && std::find(known.begin(), known.end(), word) == known.end())
      return Error("cli.usage", fmt::format("there is no option {}", printable(word.substr(0, 64))))
          .fix(meant(word, known) + help);
  }
  return Error("cli.usage", e.what()).fix(help);
}

int failed(const Error& e, bool json) {
  const int exit = exit_of(e);
  print_error(e, json, exit);
  return exit;
}

int run(const Call& call) {
  try {
    return call.run();
  } catch (const Error& e) {
    return failed(e, call.json);
  } catch (const std::bad_alloc&) {
    return failed(Error("cli.memory", "there is not enough memory").fix("use smaller extents"), call.json);
  } catch (const std::length_error&) {
    return failed(
        Error("cli.memory", "a tensor is larger than this machine can address").fix("use smaller extents"),
        call.json);
  } catch (const std::exception& e) {
    return failed(Error("internal.cli", e.what()).fix("please report this with the command that caused it"),
                  call.json);
  }
}

int main(int argc, char** argv) {
  CLI::App app("tc, a tensor compiler", "tensorc");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", version());
  Call call;
  add_compile(app, call);
  add_run(app, call);
  add_tune(app, call);
  add_bench(app, call);
  add_log(app, call);
  add_opt(app, call);
  add_interpret(app, call);
  add_show(app, call);
  add_asm(app, call);
  add_sim(app, call);
  add_workloads(app, call);
  add_doctor(app, call);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    print_error(usage_error(app, e, argc, argv), asks_for_json(argc, argv), kUsage);
    return kUsage;
  }
  const int exit = run(call);
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    print_error(Error("io.write", "cannot write to standard output").fix("make room where it goes to"), false,
                kFailed);
    return exit == kDone ? kFailed : exit;
  }
  return exit;
}

}  // namespace
}  // namespace tc::cli

int main(int argc, char** argv) { return tc::cli::main(argc, argv); }
