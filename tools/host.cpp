#include "host.h"

#include <link.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

namespace tc::cli {
namespace {

// The first line of a file under /proc or /sys, "" where it cannot be read.
std::string line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The value after `key` in a file of "key : value" lines.
std::string value_of(const std::string& path, std::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t at = line.find_first_not_of(" \t:", line.find(':'));
    return at == std::string::npos ? "" : line.substr(at);
  }
  return "";
}

// Of the process's cgroup and those above it; version 2, else version 1's root.
std::vector<std::string> cgroups() {
  std::ifstream in("/proc/self/cgroup");
  std::string own;
  for (std::string line; std::getline(in, line);)
    if (line.rfind("0::", 0) == 0) own = line.substr(3);
  std::vector<std::string> out;
  while (own.size() > 1) {
    out.push_back("/sys/fs/cgroup" + own);
    own.erase(own.rfind('/'));
  }
  out.push_back("/sys/fs/cgroup");
  return out;
}

// The number on a line, or infinity ("max", nothing, the huge number that means none).
double limit_of(const std::string& line) {
  char* end = nullptr;
  const double v = std::strtod(line.c_str(), &end);
  return end == line.c_str() || v <= 0 || v > 1e18 ? std::numeric_limits<double>::infinity() : v;
}

}  // namespace

std::string cpu_model() { return value_of("/proc/cpuinfo", "model name"); }

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> out;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) out.push_back(i);
  return out;
}

double cgroup_cpus() {
  double least = std::numeric_limits<double>::infinity();
  for (const std::string& group : cgroups()) {
    std::istringstream v2(line_of(group + "/cpu.max"));
    std::string quota;
    double period = 0;
    if (v2 >> quota >> period && period > 0) least = std::min(least, limit_of(quota) / period);
  }
  const double period = limit_of(line_of("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  least = std::min(least, limit_of(line_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")) / period);
  return least < 1e6 ? least : 0;
}

double cgroup_memory() {
  double least = limit_of(line_of("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  for (const std::string& group : cgroups())
    least = std::min(least, limit_of(line_of(group + "/memory.max")));
  return least < 1e18 ? least : 0;
}

double available_memory() {
  double left = std::strtod(value_of("/proc/meminfo", "MemAvailable").c_str(), nullptr) * 1024;
  const auto less = [&](const std::string& group, const char* limit, const char* used) {
    const double max = limit_of(line_of(group + limit));
    if (max < 1e18)
      left = std::min(left, std::max(0.0, max - std::strtod(line_of(group + used).c_str(), nullptr)));
  };
  for (const std::string& group : cgroups()) less(group, "/memory.max", "/memory.current");
  less("/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes");
  return left;
}

std::vector<std::string> loaded_libraries() {
  std::vector<std::string> out;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        if (info->dlpi_name && *info->dlpi_name == '/')
          static_cast<std::vector<std::string>*>(to)->push_back(info->dlpi_name);
        return 0;
      },
      &out);
  return out;
}

BoundToOneCpu::BoundToOneCpu() : all_(allowed_cpus()) {}
BoundToOneCpu::~BoundToOneCpu() { bind(false); }
void BoundToOneCpu::bind(bool on) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : all_) {
    CPU_SET(cpu, &set);
    if (on) break;
  }
  sched_setaffinity(0, sizeof set, &set);  // where it is refused, times are noisier and no more
}

}  // namespace tc::cli
