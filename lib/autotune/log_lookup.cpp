#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "tc/autotune/log.h"

namespace tc::autotune {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// The best of some records of one workload that all apply, or null. Of those of several
/// code generators the newest one's that has any that is ok.
const Record* best_of(std::vector<const Record*> records) {
  int64_t newest = 0;
  for (const Record* r : records)
    if (r->ok()) newest = std::max(newest, r->build.code);
  std::erase_if(records, [&](const Record* r) { return r->build.code != newest; });
  // The last final record of a point speaks for it: it may also withdraw it.
  std::unordered_map<Point, const Record*, PointHash> finals;
  for (const Record* r : records)
    if (r->kind == "final") finals[r->decisions] = r;
  const Record *trial = nullptr, *final_best = nullptr;
  for (const Record* r : records) {
    if (r->kind != "trial" || !r->ok()) continue;
    const auto it = finals.find(r->decisions);
    if (it != finals.end() && !it->second->ok()) continue;
    if (!trial || r->cost() < trial->cost()) trial = r;
  }
  for (const Record* r : records) {
    const auto it = finals.find(r->decisions);
    if (it != finals.end() && it->second == r && r->ok() && (!final_best || r->cost() < final_best->cost()))
      final_best = r;
  }
  if (!final_best) return trial;
  // A trial faster than every finalist's trial was made after the finals.
  const bool newer = trial && !finals.contains(trial->decisions);
  return newer ? trial : final_best;
}

}  // namespace

std::string_view to_string(Lookup::Source source) {
  switch (source) {
    case Lookup::Source::tuned:
      return "tuned";
    case Lookup::Source::nearest:
      return "nearest";
    default:
      return "default";
  }
}

Log::Log(std::vector<Record> records) : records_(std::move(records)) {
  for (size_t i = 0; i < records_.size(); ++i) by_workload_[records_[i].workload_hash].push_back(i);
}

Expected<Log> Log::load(std::span<const std::string> paths, const LogLimits& limits) {
  std::vector<Record> records;
  std::vector<BadLine> bad;
  for (const std::string& path : paths) {
    Expected<LogFile> file = read_log(path, limits);
    if (!file) return file.error();
    std::move(file.value().records.begin(), file.value().records.end(), std::back_inserter(records));
    std::move(file.value().bad.begin(), file.value().bad.end(), std::back_inserter(bad));
  }
  Log log(std::move(records));
  log.bad_ = std::move(bad);
  return log;
}

const Record* Log::best(const WorkloadKey& workload, const RecordTarget& host,
                        const RecordFilter& usable) const {
  const auto it = by_workload_.find(workload.hash());
  if (it == by_workload_.end()) return nullptr;
  // Times of different machines do not compare: choose a machine first, the
  // host's own cpu, else the one that uses the most of what the host has.
  std::map<std::string, std::vector<const Record*>> machines;
  std::map<std::string, size_t> features;
  for (const size_t i : it->second) {
    const Record& r = records_[i];
    if (!applies_to(r.target, host) || (usable && !usable(r))) continue;
    machines[r.target.cpu].push_back(&r);
    features[r.target.cpu] = std::max(features[r.target.cpu], r.target.isa.size());
  }
  const Record* best = nullptr;
  size_t most = 0;
  for (const auto& [cpu, records] : machines) {
    const Record* r = best_of(records);
    if (!r) continue;
    if (cpu == host.cpu) return r;
    if (!best || features[cpu] > most) {
      best = r;
      most = features[cpu];
    }
  }
  return best;
}

Lookup Log::lookup(const WorkloadKey& workload, const RecordTarget& host, const WorkloadDistance& distance,
                   const RecordFilter& usable) const {
  if (const Record* r = best(workload, host, usable))
    return {Lookup::Source::tuned, *r, r->cost(),
            fmt::format("the fastest of this workload's records that apply to this machine ({})", r->id)};
  // Why the exact workload gave nothing is the first thing a user asks.
  std::string missing = "the log has no record of this workload";
  if (const auto it = by_workload_.find(workload.hash()); it != by_workload_.end()) {
    missing = "every trial of this workload failed";
    for (const size_t i : it->second)
      if (usable && !usable(records_[i]))
        missing = "no record of this workload is usable";
      else if (const std::string reason = why_not(records_[i].target, host); !reason.empty())
        missing = "this workload's record does not apply: " + reason;
  }
  const Record* nearest = nullptr;
  double least = kNever;
  for (const auto& [hash, indices] : by_workload_) {
    const WorkloadKey other(records_[indices.front()].workload);
    if (hash == workload.hash()) continue;
    const auto d = distance(workload, other);
    if (!d || *d >= least) continue;
    if (const Record* r = best(other, host, usable)) {
      nearest = r;
      least = *d;
    }
  }
  if (!nearest)
    return {Lookup::Source::default_schedule, std::nullopt, 0, missing + ", and none of a similar one"};
  return {Lookup::Source::nearest, *nearest, nearest->cost(),
          fmt::format("{}; the nearest is {} (distance {:.2f})", missing, nearest->workload, least)};
}

std::vector<TaskStats> Log::stats() const {
  std::vector<TaskStats> out;
  for (const Record& r : records_) {
    const auto same = [&](const TaskStats& s) {
      return s.workload == r.workload && same_machine(s.target, r.target);
    };
    auto it = std::find_if(out.begin(), out.end(), same);
    if (it == out.end()) it = out.insert(out.end(), {r.workload, r.target, 0, {}, kNever});
    if (r.kind != "trial") continue;
    ++it->trials;
    ++it->statuses[r.status];
  }
  for (TaskStats& s : out) {
    std::vector<const Record*> mine;
    for (const Record& r : records_)
      if (s.workload == r.workload && same_machine(s.target, r.target)) mine.push_back(&r);
    if (const Record* r = best_of(mine)) s.best_ns = r->cost();
  }
  return out;
}

}  // namespace tc::autotune
