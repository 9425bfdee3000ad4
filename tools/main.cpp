// tensorc: tensor expressions to tuned machine code, from the command line.
#include <fmt/format.h>

#include <cstdio>
#include <new>
#include <stdexcept>

#include "declare.h"
#include "output.h"
#include "tc/autotune/measure.h"

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

int usage_error(const CLI::App& app, const CLI::ParseError& e, bool json) {
  std::string command = "tensorc";
  for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
  print_error(Error("cli.usage", e.what()).fix(command + " --help"), json, kUsage);
  return kUsage;
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
    return failed(Error("cli.memory", "there is not enough memory"), call.json);
  } catch (const std::length_error&) {
    return failed(Error("cli.memory", "a tensor is larger than this machine can address"), call.json);
  } catch (const std::exception& e) {
    return failed(Error("internal.cli", e.what()), call.json);
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
    return usage_error(app, e, asks_for_json(argc, argv));
  }
  const int exit = run(call);
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    print_error(Error("io.write", "cannot write to standard output"), false, kFailed);
    return exit == kDone ? kFailed : exit;
  }
  return exit;
}

}  // namespace
}  // namespace tc::cli

int main(int argc, char** argv) { return tc::cli::main(argc, argv); }
