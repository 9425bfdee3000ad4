// Linking a shared library by running a linker. The library refers to the
// runtime's four functions, which whatever loads it brings along.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tc/codegen/export.h"

extern char** environ;

namespace tc::codegen {

namespace {

struct Run {
  bool started = false;
  int status = 0;
  std::string output;
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

}  // namespace

Check link_shared(const std::string& object_file, const std::string& output, const std::string& soname) {
  std::vector<std::string> candidates = {"ld.lld", "ld.lld-19", "ld", "cc"};
  if (const char* chosen = std::getenv("TC_LINKER"); chosen && *chosen) candidates = {chosen};
  std::string tried;
  for (const std::string& linker : candidates) {
    const bool driver = linker == "cc" || linker.find("gcc") != std::string::npos ||
                        linker.find("clang") != std::string::npos;
    std::vector<std::string> words = {linker, "-shared", "-o", output, object_file};
    if (driver)
      words.insert(words.end(), {"-Wl,-soname," + soname, "-nostdlib"});
    else
      words.insert(words.end(), {"-soname", soname});
    const Run run = run_program(words, output + ".log");
    if (run.started && WIFEXITED(run.status) && WEXITSTATUS(run.status) == 0) return std::nullopt;
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
