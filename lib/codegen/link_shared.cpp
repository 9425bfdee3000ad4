// Linking a shared library by running a linker. The library refers to the
// runtime's functions, and says so: it needs libtc_runtime.so, which the loader takes
// from the process where it is loaded already, from beside the library, or from the
// tc that made it.
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tc/codegen/export.h"
#include "tc/runtime/c_api.h"

extern char** environ;

namespace tc::codegen {

namespace {

struct Run {
  bool started = false;
  int status = 0;
  std::string output;
  [[nodiscard]] bool succeeded() const { return started && WIFEXITED(status) && WEXITSTATUS(status) == 0; }
};

// Runs a program found on PATH with its output in `log`.
Run run_program(const std::vector<std::string>& words, const std::string& log) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  Run out;
  pid_t pid = 0;
  out.started = ::posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&files);
  if (!out.started) return out;
  while (::waitpid(pid, &out.status, 0) < 0 && errno == EINTR) {
  }
  std::ifstream in(log);
  std::stringstream text;
  text << in.rdbuf();
  out.output = text.str().substr(0, 4000);
  ::unlink(log.c_str());
  return out;
}

// The directory of this tc's libtc_runtime.so; "" where it has none to offer.
std::string runtime_directory() {
  namespace fs = std::filesystem;
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&tc_parallel_for), &self) == 0 || self.dli_fname == nullptr) return "";
  std::error_code e;
  const fs::path file = fs::canonical(self.dli_fname, e);
  if (e) return "";
  fs::path directory = file.parent_path();
  if (!file.filename().string().starts_with("libtc_runtime.so")) directory /= "lib";  // it is inside: a wheel
  const bool there = fs::exists(directory / TC_RUNTIME_SONAME, e);
  return there && directory.string().find(':') == std::string::npos ? directory.string() : "";
}

// The command that links `inputs` to `output`, its options spelled for a linker or for a
// compiler that calls one.
std::vector<std::string> command(const std::string& linker, const std::vector<std::string>& inputs,
                                 const std::string& output, const std::string& soname) {
  const bool driver =
      linker == "cc" || linker.find("gcc") != std::string::npos || linker.find("clang") != std::string::npos;
  const std::string directory = runtime_directory();
  std::vector<std::string> words = {linker, "-shared", "-o", output};
  if (driver) words.emplace_back("-nostdlib");
  for (const std::string& option :
       {std::string("-soname=") + soname, std::string("--no-as-needed"), std::string("--enable-new-dtags"),
        "-rpath=$ORIGIN" + (directory.empty() ? "" : ":" + directory)})
    words.push_back((driver ? "-Wl," : "") + option);
  words.insert(words.end(), inputs.begin(), inputs.end());
  return words;
}

}  // namespace

Check link_shared(const std::string& object_file, const std::string& output, const std::string& soname) {
  std::vector<std::string> candidates = {"ld.lld", "ld.lld-19", "ld", "cc"};
  if (const char* chosen = std::getenv("TC_LINKER"); chosen && *chosen) candidates = {chosen};
  // What is needed is told by linking with it. Its name is all that matters, so that a
  // stand-in will do where the runtime itself is inside of whatever runs this.
  const std::string stand_in = output + ".runtime";
  std::string tried;
  for (const std::string& linker : candidates) {
    Run run = run_program(command(linker, {object_file}, stand_in, TC_RUNTIME_SONAME), output + ".log");
    if (run.succeeded())
      run = run_program(command(linker, {object_file, stand_in}, output, soname), output + ".log");
    ::unlink(stand_in.c_str());
    if (run.succeeded()) return std::nullopt;
    tried += (tried.empty() ? "" : ", ") + linker;
    // posix_spawnp of glibc reports a missing program by failing, other shells by 127
    if (!run.started || (WIFEXITED(run.status) && WEXITSTATUS(run.status) == 127)) continue;
    return Error("codegen.export.linker", fmt::format("{} could not link {}", linker, soname))
        .fact("linker", linker)
        .fact("output", run.output)
        .fix("set TC_LINKER to another linker, or export the object and link it yourself");
  }
  return Error("codegen.export.linker", "there is no linker to make a shared library with")
      .fact("tried", tried)
      .fix("install lld or binutils, set TC_LINKER, or export without the shared library");
}

}  // namespace tc::codegen
