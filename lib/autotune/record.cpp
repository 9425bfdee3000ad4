#include "tc/autotune/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>

namespace tc::autotune {
namespace {

constexpr std::array<std::string_view, 13> kStatusNames = {
    "ok",        "invalid",   "build_error",   "build_timeout", "run_timeout",
    "run_error", "crash",     "out_of_memory", "wrong_result",  "flaky",
    "bad_reply", "cancelled", "unknown"};

std::vector<std::string> sorted(std::vector<std::string> v) {
  std::sort(v.begin(), v.end());
  return v;
}

}  // namespace

std::string_view to_string(Status status) { return kStatusNames[static_cast<size_t>(status)]; }

Status status_from(std::string_view text) {
  const auto it = std::find(kStatusNames.begin(), kStatusNames.end(), text);
  return it == kStatusNames.end() ? Status::unknown : static_cast<Status>(it - kStatusNames.begin());
}

std::string why_not(const RecordTarget& record, const RecordTarget& host) {
  if (record.kind != host.kind) return fmt::format("it is for {}, not {}", record.kind, host.kind);
  if (record.triple != host.triple) return fmt::format("it is for {}, not {}", record.triple, host.triple);
  for (const std::string& feature : record.isa)
    if (std::find(host.isa.begin(), host.isa.end(), feature) == host.isa.end())
      return fmt::format("it needs {}, which {} lacks", feature, host.cpu.empty() ? "the target" : host.cpu);
  if (record.kind == "accel")  // every size and time counts: one that is not said may be another one
    for (const std::string& field : host.isa)
      if (const std::string key = field.substr(0, field.find('=') + 1); std::none_of(
              record.isa.begin(), record.isa.end(), [&](const std::string& f) { return f.starts_with(key); }))
        return fmt::format("it does not say the machine's {}", key.substr(0, key.size() - 1));
  if (record.threads != host.threads)
    return fmt::format("it was tuned for {} threads, not {}", record.threads, host.threads);
  return "";
}

bool applies_to(const RecordTarget& record, const RecordTarget& host) {
  return why_not(record, host).empty();
}

bool same_machine(const RecordTarget& a, const RecordTarget& b) {
  return a.kind == b.kind && a.triple == b.triple && a.cpu == b.cpu && a.threads == b.threads &&
         sorted(a.isa) == sorted(b.isa);
}

double Record::cost() const { return ok() ? median(run_ns) : std::numeric_limits<double>::infinity(); }

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::infinity();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms % 1000);
}

}  // namespace tc::autotune
