#include "progress.h"

#include <fmt/format.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>

#include "output.h"

namespace tc::cli {
namespace {

constexpr double kTerminalInterval = 0.2;

volatile std::sig_atomic_t g_stopped = 0;
void on_signal(int) { g_stopped = 1; }
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

std::string histogram(const std::map<autotune::Status, int64_t>& statuses) {
  std::string out;
  for (const auto& [status, n] : statuses)
    if (n > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, autotune::to_string(status));
  return out;
}

ProgressLine::ProgressLine(const Workload& workload, double interval_s, bool accel)
    : name_(workload.text()),
      flops_(workload.build().flops),
      accel_(accel),
      interval_s_(interval_s),
      width_(terminal_width()) {
  if (width_ > 0) interval_s_ = kTerminalInterval;
  last_.best_ns = std::numeric_limits<double>::infinity();
}

std::string ProgressLine::text() const {
  const double elapsed = seconds(Clock::now() - begin_);
  std::string best = "none yet";
  if (std::isfinite(last_.best_ns))
    best = fmt::format("{} ({} {})", cost_text(last_.best_ns, accel_), speed_text(flops_ / last_.best_ns),
                       accel_ ? "operations a cycle" : "GFLOP/s");
  std::string out = fmt::format("{}/{} trials  best {}", last_.done, last_.trials, best);
  if (last_.measured > 0)
    out += fmt::format("  {} trials/s  {}", speed_text(static_cast<double>(last_.measured) / elapsed),
                       histogram(statuses_));
  return last_.finals ? out + "  finals" : out;
}

void ProgressLine::update(const autotune::Progress& progress) {
  last_ = progress;
  if (progress.last && !progress.finals) ++statuses_[progress.last->status];
  last_.last = nullptr;  // it does not outlive the call
  tick();
}

void ProgressLine::tick() {
  if (seconds(Clock::now() - shown_) < interval_s_) return;
  shown_ = Clock::now();
  show();
}

void ProgressLine::show() {
  if (width_ == 0) {
    note(fmt::format("{}: {}", name_, text()));
    return;
  }
  std::string line =
      fmt::format("{}  {}", text(), name_);  // what changes comes first, for the end may be cut
  if (line.size() >= static_cast<size_t>(width_)) line.resize(static_cast<size_t>(width_) - 1);
  fmt::print(stderr, "\r\x1b[K{}", line);
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (width_ == 0) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

StopOnSignal::StopOnSignal() {
  g_stopped = 0;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (const int s : kSignals) sigaction(s, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads the progress may go; tuning goes on
}
StopOnSignal::~StopOnSignal() {
  std::signal(SIGPIPE, SIG_DFL);
  for (const int s : kSignals) std::signal(s, SIG_DFL);
}
bool StopOnSignal::stopped() { return g_stopped != 0; }

}  // namespace tc::cli
