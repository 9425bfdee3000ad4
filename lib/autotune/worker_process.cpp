#include "worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "message.h"

extern char** environ;

namespace tc::autotune {
namespace {

constexpr size_t kErrorTail = 4096;

Error cannot_start(const std::string& worker, int error) {
  return Error("autotune.worker.start", fmt::format("cannot start the worker {}", worker))
      .fact("reason", std::strerror(error))
      .fix("name a tc-worker that may be executed, and check the limits on processes");
}

/// posix_spawn with: own group, signals as at program start, stdin and stdout
/// on /dev/null, stderr and channel as given, no other descriptor.
int spawn_process(const LocalOptions& options, int channel, int errors, pid_t& pid) {
  std::vector<char*> argv = {const_cast<char*>(options.worker.c_str())};
  for (const std::string& a : options.args) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, errors, 2);
  posix_spawn_file_actions_adddup2(&files, channel, kWorkerChannel);
  posix_spawn_file_actions_addclosefrom_np(&files, kWorkerChannel + 1);
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setsigdefault(&attr, &all);
  posix_spawnattr_setpgroup(&attr, 0);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawn(&pid, options.worker.c_str(), &files, &attr, argv.data(), environ);
  posix_spawnattr_destroy(&attr);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

/// A descriptor above the ones that the child's actions overwrite.
int raise_fd(int fd) {
  if (fd < 0 || fd > 16) return fd;
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 17);
  ::close(fd);
  return high;
}

void close_if_open(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

std::string WorkerProcess::Exit::str() const {
  std::string out;
  if (signal != 0) {
    const char* name = ::sigabbrev_np(signal);
    out =
        fmt::format("was killed by {}", name ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal));
  } else {
    out = fmt::format("exited with code {}", code);
  }
  // The last line of stderr is what an abort or a sanitizer leaves behind.
  std::string_view tail = errors;
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.remove_suffix(1);
  if (const size_t line = tail.find_last_of('\n'); line != std::string_view::npos)
    tail.remove_prefix(line + 1);
  if (!tail.empty()) out += fmt::format(" ({})", tail.substr(0, 200));
  return out;
}

bool WorkerProcess::Exit::out_of_memory(int64_t memory_limit) const {
  if (errors.find("bad_alloc") != std::string::npos || errors.find("ut of memory") != std::string::npos)
    return true;
  // The tuner's own SIGKILL is never asked about: this one came from the kernel.
  if (signal == SIGKILL) return true;
  return (signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS) && memory_limit > 0 &&
         peak_bytes > memory_limit / 10 * 8;
}

Expected<std::unique_ptr<WorkerProcess>> WorkerProcess::spawn(const LocalOptions& options) {
  int sockets[2] = {-1, -1}, pipe[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    return cannot_start(options.worker, errno);
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    const int error = errno;
    close_if_open(sockets[0]);
    close_if_open(sockets[1]);
    return cannot_start(options.worker, error);
  }
  int child_channel = raise_fd(sockets[1]), child_errors = raise_fd(pipe[1]);
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess);
  worker->channel_ = sockets[0];
  worker->errors_ = pipe[0];
  ::fcntl(worker->channel_, F_SETFL, O_NONBLOCK);
  ::fcntl(worker->errors_, F_SETFL, O_NONBLOCK);
  const int error = child_channel < 0 || child_errors < 0
                        ? EMFILE
                        : spawn_process(options, child_channel, child_errors, worker->pid_);
  close_if_open(child_channel);
  close_if_open(child_errors);
  if (error != 0) {
    worker->pid_ = -1;
    return cannot_start(options.worker, error);
  }
  worker->send({{"op", "hello"}, {"parent", ::getpid()}, {"memory", options.memory_bytes}});
  return worker;
}

WorkerProcess::~WorkerProcess() {
  end();
  close_if_open(channel_);
  close_if_open(errors_);
}

void WorkerProcess::send(const Json& message) {
  outgoing_ += frame_message(message);
  pump();
}

void WorkerProcess::pump() {
  while (!outgoing_.empty()) {
    const ssize_t n = ::send(channel_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    outgoing_.erase(0, static_cast<size_t>(n));
  }
  char block[1 << 14];
  // Bounded per call, so that a flood cannot hold up the other workers.
  for (int i = 0; i < 64; ++i) {
    const ssize_t n = ::recv(channel_, block, sizeof block, 0);
    if (n == 0) channel_closed_ = true;
    if (n <= 0) break;
    if (incoming_.size() < 2 * kMaxMessage) incoming_.append(block, static_cast<size_t>(n));
  }
  for (int i = 0; i < 64; ++i) {
    const ssize_t n = ::read(errors_, block, sizeof block);
    if (n == 0) errors_closed_ = true;
    if (n <= 0) break;
    error_tail_.append(block, static_cast<size_t>(n));
    if (error_tail_.size() > kErrorTail) error_tail_.erase(0, error_tail_.size() - kErrorTail);
  }
}

std::optional<Expected<Json>> WorkerProcess::next_message() { return take_message(incoming_); }

bool WorkerProcess::ended() const {
  errno = 0;
  siginfo_t info{};
  return pid_ < 0 ||
         (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == pid_) ||
         errno == ECHILD;
}

WorkerProcess::Exit WorkerProcess::end() {
  Exit exit;
  if (pid_ < 0) return exit;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  rusage usage{};
  pid_t reaped;
  do reaped = ::wait4(pid_, &status, 0, &usage);
  while (reaped < 0 && errno == EINTR);
  pump();  // what it said last
  if (reaped == pid_) {
    if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
    const int64_t peak = int64_t{usage.ru_maxrss} * 1024;
    exit.peak_bytes = peak > first_peak_ ? peak : 0;
  }
  exit.errors = error_tail_;
  pid_ = -1;
  return exit;
}

}  // namespace tc::autotune
