#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

extern char** environ;

namespace tc::test {
namespace {

int memory_file() { return ::memfd_create("output", MFD_CLOEXEC); }

std::string content(int fd) {
  std::string text;
  char block[4096];
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(fd, block, sizeof block, at);
    if (n <= 0) return text;
    text.append(block, static_cast<size_t>(n));
    at += n;
  }
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& input,
                 const std::map<std::string, std::string>& environment)
    : out_(memory_file()), err_(memory_file()) {
  const int in = memory_file();
  if (::write(in, input.data(), input.size()) < 0 || ::lseek(in, 0, SEEK_SET) < 0)
    throw std::runtime_error("no input");
  std::vector<char*> argv, envp;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  for (std::string& v : variables) envp.push_back(v.data());
  for (char** e = environ; *e; ++e) {
    const std::string name = std::string(*e).substr(0, std::string(*e).find('='));
    if (!environment.contains(name)) envp.push_back(*e);
  }
  envp.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in, 0);
  posix_spawn_file_actions_adddup2(&files, out_, 1);
  posix_spawn_file_actions_adddup2(&files, err_, 2);
  const int error = ::posix_spawn(&pid_, argv[0], &files, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  ::close(in);
  if (error != 0) throw std::runtime_error("cannot start " + command[0]);
}

Process::~Process() {
  if (!done_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
  ::close(out_);
  ::close(err_);
}

void Process::signal(int number) const { ::kill(pid_, number); }

bool Process::running() {
  if (!done_) done_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return !done_;
}

std::string Process::err() const { return content(err_); }

Finished Process::wait() {
  if (!done_) ::waitpid(pid_, &status_, 0);
  done_ = true;
  return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), content(out_), content(err_)};
}

}  // namespace tc::test
