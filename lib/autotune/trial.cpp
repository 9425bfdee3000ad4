#include <fmt/format.h>

#include <cmath>

#include "tc/autotune/tuner.h"

namespace tc::autotune {
namespace {

constexpr size_t kMaxMessage = 2048, kMaxSamples = 4096, kMaxSteps = size_t{1} << 18;

std::string text_member(const Json& json, const char* key, size_t limit) {
  if (!json.contains(key) || !json[key].is_string()) return "";
  return json[key].get<std::string>().substr(0, limit);
}

std::vector<double> samples_of(const Json& reply) {
  std::vector<double> out;
  if (!reply.contains("run_ns") || !reply["run_ns"].is_array()) return out;
  for (const Json& v : reply["run_ns"]) {
    if (!v.is_number() || out.size() == kMaxSamples) return {};
    const auto ns = v.get<double>();
    if (!std::isfinite(ns) || ns <= 0) return {};
    out.push_back(ns);
  }
  return out;
}

std::optional<OutputCheck> check_of(const Json& reply) {
  if (!reply.contains("check") || !reply["check"].is_object()) return std::nullopt;
  const Json& c = reply["check"];
  OutputCheck out;
  out.oracle = text_member(c, "oracle", 256);
  if (c.contains("elements") && c["elements"].is_number_integer())
    out.elements = c["elements"].get<int64_t>();
  if (c.contains("max_err"))
    out.max_err =
        c["max_err"].is_number() ? c["max_err"].get<double>() : std::numeric_limits<double>::infinity();
  out.passed = c.contains("passed") && c["passed"].is_boolean() && c["passed"].get<bool>();
  return out;
}

}  // namespace

Json make_job(const Task& task, const Point& point, uint64_t seed, const JobLimits& limits) {
  return {{"workload", task.workload.text()},
          {"target", to_json(task.target)},
          {"decisions", to_json(point)},
          {"seed", seed},
          {"limits", {{"build_s", limits.build_s}, {"run_s", limits.run_s}}}};
}

Record make_record(const Task& task, const Point& point, const JobResult& result) {
  Record r;
  r.workload = task.workload.text();
  r.workload_hash = task.workload.hash();
  r.target = task.target;
  r.decisions = point;
  r.steps = text_member(result.reply, "steps", kMaxSteps);
  r.status = result.status;
  r.message = result.message.substr(0, kMaxMessage);
  r.build_s = std::isfinite(result.build_s) ? result.build_s : 0;
  r.check = check_of(result.reply);
  r.run_ns = samples_of(result.reply);
  r.ts = utc_now();
  if (!r.ok()) return r;
  if (!r.check || !r.check->passed || r.check->oracle.empty()) {
    r.status = Status::wrong_result;
    r.message = r.check ? fmt::format("the output differs from the oracle by {}", r.check->max_err)
                        : "the worker did not say that it checked the output";
  } else if (r.run_ns.empty()) {
    r.status = Status::bad_reply;
    r.message = "the worker sent no usable samples (run_ns)";
  }
  return r;
}

}  // namespace tc::autotune
