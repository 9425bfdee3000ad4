// A worker that misbehaves on command: job["act"] names the misdeed. Without
// one, the decisions stand for a program whose time is a formula.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "tc/autotune/worker.h"

using tc::Error;
using tc::autotune::Json;

namespace {

Json answer(double ns, bool passed = true) {
  return {{"run_ns", {ns, ns * 1.02, ns * 0.98}},
          {"check",
           {{"oracle", "formula"}, {"elements", 64}, {"max_err", passed ? 0.0 : 3.5}, {"passed", passed}}}};
}

void eat_memory() {
  std::vector<char*> kept;
  for (;;) {
    kept.push_back(new char[16 << 20]);
    std::memset(kept.back(), 1, 16 << 20);
  }
}
void eat_memory_and_terminate() noexcept { eat_memory(); }

void flood(int fd) {
  const std::string block(1 << 16, 'x');
  for (int i = 0; i < 400; ++i)
    if (::write(fd, block.data(), block.size()) < 0) return;
}

void write_where_nothing_is() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

void leave_grandchild() {
  if (::fork() == 0)
    for (;;) ::pause();
}

[[noreturn]] void loop_for_ever() {
  for (volatile bool on = true; on;) {
  }
  std::abort();
}

class Fake : public tc::autotune::Measurer {
 public:
  Json build(const Json& job) override {
    const std::string act = job.value("act", "");
    if (act == "build_segv") ::raise(SIGSEGV);
    if (act == "build_loop") loop_for_ever();
    if (act == "build_error") throw Error("codegen.test", "the compiler gave up");
    if (act == "build_illegal") throw Error("schedule.test", "that is not legal");
    if (act == "build_claims_ok") return {{"status", "ok"}};
    if (act == "not_an_object") return Json::array({1, 2});
    return {{"steps", "split y 8; vectorize x"}};
  }

  Json run(const Json& job) override {
    const std::string act = job.value("act", "");
    if (!job.contains("decisions")) return misbehave(act);
    const Json& d = job["decisions"];
    const auto at = [&](const char* name) { return d.contains(name) ? d[name].get<double>() : 0.0; };
    const double ns = 1000 * (1 + (at("x") - 11) * (at("x") - 11) + (at("y") - 5) * (at("y") - 5));
    switch (static_cast<int>(at("kind"))) {
      case 1:
        ::raise(SIGSEGV);
        break;
      case 2:
        return answer(1, false);  // wrong and fast
      case 3:
        return {{"run_ns", {0.5}}};  // fast, and nobody looked
      case 4:
        return {{"status", "wrong_result"}, {"message", "y[3] is 7, not 8"}, {"run_ns", {1.0}}};
      case 5:
        throw Error("runtime.test", "the kernel refused");
      default:
        break;
    }
    return answer(ns);
  }

 private:
  static Json misbehave(const std::string& act) {
    if (act == "segv") write_where_nothing_is();
    if (act == "abort") {
      std::fputs("some noise\nassertion failed: x > 0\n", stderr);
      std::abort();
    }
    if (act == "loop") loop_for_ever();
    if (act == "memory") eat_memory();
    if (act == "memory_abort") eat_memory_and_terminate();
    if (act == "flood") flood(1);
    if (act == "flood_stderr") flood(2);
    if (act == "exit0") std::_Exit(0);
    if (act == "grandchild" || act == "grandchild_crash") leave_grandchild();
    if (act == "grandchild_crash") ::raise(SIGSEGV);
    if (act == "grandchild_loop") {
      leave_grandchild();
      loop_for_ever();
    }
    if (act == "close_channel") {
      ::close(3);
      loop_for_ever();
    }
    if (act == "garbage") {
      const std::string bytes(64, '\xff');
      ::send(3, bytes.data(), bytes.size(), 0);
    }
    if (act == "not_json") ::send(3, "\x05\0\0\0hello", 9, 0);
    if (act == "odd_status") return {{"status", "excellent"}};
    if (act == "stop_itself") ::raise(SIGSTOP);
    if (act == "ask_to_die") ::raise(SIGKILL);
    return answer(1000);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--never-starts") return 7;
  tc::autotune::worker_main_setup();
  ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would catch it and exit politely
  Fake fake;
  return tc::autotune::worker_serve(fake);
}
