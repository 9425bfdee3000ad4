// The worker's side. Everything that bounds a worker is set up here, in the
// worker itself, because posix_spawn cannot.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "message.h"
#include "tc/autotune/record.h"
#include "tc/autotune/worker.h"

namespace tc::autotune {
namespace {

constexpr rlim_t kMaxFile = rlim_t{256} << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitAddressSpace = false;  // sanitizers reserve terabytes
#else
constexpr bool kLimitAddressSpace = true;
#endif

void die_with_the_group(int) { ::kill(0, SIGKILL); }

bool send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(kWorkerChannel, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// The next message, or nothing when the tuner is gone or talks nonsense.
std::optional<Json> receive() {
  static std::string buffer;
  for (;;) {
    if (auto message = take_message(buffer)) {
      if (!*message) return std::nullopt;
      return std::move(message->value());
    }
    char block[1 << 14];
    const ssize_t n = ::recv(kWorkerChannel, block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    buffer.append(block, static_cast<size_t>(n));
  }
}

void set_limit(__rlimit_resource resource, rlim_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return;
  now.rlim_cur = now.rlim_max == RLIM_INFINITY ? value : std::min(value, now.rlim_max);
  ::setrlimit(resource, &now);
}

/// Allows this much more processor time, over all threads: a second fence
/// behind the tuner's clock, for a tuner that is stopped or stuck.
void allow_cpu(double seconds) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  set_limit(RLIMIT_CPU, static_cast<rlim_t>(static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                                            std::ceil(seconds) + 5));
}

/// Runs one phase; what it throws becomes members of the reply.
template <class F>
Json guarded(Status on_error, F&& phase) {
  const auto reply = [](Status status, std::string message) {
    return Json{{"status", to_string(status)}, {"message", std::move(message)}};
  };
  try {
    Json out = phase();
    return out.is_object() ? out : Json::object();
  } catch (const std::bad_alloc&) {
    return reply(Status::out_of_memory, "memory ran out (std::bad_alloc)");
  } catch (const Error& e) {
    const bool illegal = e.kind() == ErrorKind::schedule || e.kind() == ErrorKind::te ||
                         e.kind() == ErrorKind::workload || e.kind() == ErrorKind::autotune;
    return reply(illegal && on_error == Status::build_error ? Status::invalid : on_error, e.str());
  } catch (const std::exception& e) {
    return reply(on_error, e.what());
  } catch (...) {
    return reply(on_error, "something that is no exception was thrown");
  }
}

void merge_into(Json& reply, const Json& part) {
  for (const auto& [key, value] : part.items()) reply[key] = value;
}

bool say(const Json& id, const char* phase, Json extra = Json::object()) {
  extra["id"] = id;
  extra["phase"] = phase;
  return send_all(frame_message(extra));
}

/// One job; false when the tuner is gone.
bool serve_job(Measurer& measurer, const Json& id, const Json& job, double limit_s) {
  allow_cpu(limit_s);
  if (!say(id, "taken")) return false;
  const auto start = std::chrono::steady_clock::now();
  Json reply = Json::object();
  merge_into(reply, guarded(Status::build_error, [&] { return measurer.build(job); }));
  reply["build_s"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!reply.contains("status")) {
    if (!say(id, "built")) return false;
    const auto go = receive();  // the token: nobody else is being timed
    if (!go || go->value("op", "") != "run" || !say(id, "running")) return false;
    merge_into(reply, guarded(Status::run_error, [&] { return measurer.run(job); }));
    if (!reply.contains("status")) reply["status"] = to_string(Status::ok);
  }
  return say(id, "done", std::move(reply));
}

}  // namespace

void worker_main_setup() {
  // SIGTERM, caught, rather than SIGKILL: the handler takes the group along,
  // which the kernel would not. Only a group leader may do that.
  if (::getpgrp() == ::getpid()) ::signal(SIGTERM, die_with_the_group);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kWorkerChannel, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    std::fputs("this program measures candidates for the tuner, which starts it; it does nothing by itself\n",
               stderr);
    std::exit(2);
  }
  ::fcntl(kWorkerChannel, F_SETFD, FD_CLOEXEC);
  const auto hello = receive();
  // The tuner may have died before prctl; then this process has another parent.
  if (!hello || hello->value("op", "") != "hello" || hello->value("parent", int64_t{0}) != ::getppid())
    std::exit(2);
  if (const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC); null >= 0) {
    ::dup2(null, STDOUT_FILENO);
    ::close(null);
  }
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, kMaxFile);
  const auto memory = hello->value("memory", int64_t{0});
  if (memory > 0 && kLimitAddressSpace) set_limit(RLIMIT_AS, static_cast<rlim_t>(memory));
  // If the whole machine runs out, the kernel should take this process first.
  if (std::FILE* f = std::fopen("/proc/self/oom_score_adj", "w")) {
    std::fputs("1000", f);
    std::fclose(f);
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  send_all(frame_message({{"phase", "ready"}, {"peak", int64_t{usage.ru_maxrss} * 1024}}));
}

int worker_serve(Measurer& measurer) {
  while (const auto message = receive()) {
    if (message->value("op", "") != "job" || !message->contains("job")) return 1;
    if (!serve_job(measurer, (*message)["id"], (*message)["job"], message->value("cpu_s", 60.0))) return 0;
  }
  return 0;
}

}  // namespace tc::autotune
