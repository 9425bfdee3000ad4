#include "cpus.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tc::runtime {
namespace {

/// Reads a small file as text; false if there is none.
bool read_text(const char* path, char* text, size_t capacity) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, text, capacity - 1);
  close(file);
  text[size > 0 ? size : 0] = '\0';
  return size > 0;
}

int cpus_of(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return 0;
  const long long cpus = (quota - 1) / period + 1;
  return cpus > INT_MAX ? 0 : static_cast<int>(cpus);
}

/// The limit that one cgroup directory states; 0: none.
int limit_of_directory(const char* directory) {
  char path[PATH_MAX + 32], text[128];
  long long quota = 0, period = 0;
  snprintf(path, sizeof path, "%s/cpu.max", directory);
  if (read_text(path, text, sizeof text)) {
    return sscanf(text, "%lld %lld", &quota, &period) == 2 ? cpus_of(quota, period) : 0;  // "max 100000"
  }
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
  if (!read_text(path, text, sizeof text)) return 0;
  quota = atoll(text);
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
  if (!read_text(path, text, sizeof text)) return 0;
  return cpus_of(quota, atoll(text));
}

/// The tightest limit from root/relative up to root; 0: none.
int limit_of_path(const char* root, const char* relative) {
  char directory[PATH_MAX];
  const int length = snprintf(directory, sizeof directory, "%s%s", root, relative);
  if (length < 0 || static_cast<size_t>(length) >= sizeof directory) return 0;
  const size_t root_length = strlen(root);
  int tightest = 0;
  for (;;) {
    const int limit = limit_of_directory(directory);
    if (limit > 0 && (tightest == 0 || limit < tightest)) tightest = limit;
    char* slash = strrchr(directory, '/');
    if (slash == nullptr || static_cast<size_t>(slash - directory) < root_length) return tightest;
    *slash = '\0';
  }
}

bool names_cpu_controller(const char* controllers, const char* end) {
  for (const char* name = controllers; name < end;) {
    const char* comma = static_cast<const char*>(memchr(name, ',', static_cast<size_t>(end - name)));
    const char* stop = comma != nullptr ? comma : end;
    if (stop - name == 3 && memcmp(name, "cpu", 3) == 0) return true;
    name = stop + 1;
  }
  return false;
}

}  // namespace

int list_cpus(uint16_t* cpus, int capacity) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  // The process's mask is that of its first thread: a caller that has bound
  // itself must not confine the pool to its own CPU.
  if (sched_getaffinity(getpid(), sizeof mask, &mask) != 0) return 0;
  int count = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && count < capacity; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus[count++] = static_cast<uint16_t>(cpu);
  }
  return count;
}

int count_cpus() {
  uint16_t cpus[CPU_SETSIZE];
  const int count = list_cpus(cpus, CPU_SETSIZE);
  if (count > 0) return count;
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

int cgroup_cpu_limit() {
  // Lines "ID:CONTROLLERS:PATH"; version 2 is the line "0::PATH".
  char lines[8192];
  if (!read_text("/proc/self/cgroup", lines, sizeof lines)) return 0;
  int tightest = 0;
  for (char *line = lines, *next; line != nullptr && *line != '\0'; line = next) {
    next = strchr(line, '\n');
    if (next != nullptr) *next++ = '\0';
    const char* controllers = strchr(line, ':');
    const char* path = controllers != nullptr ? strchr(controllers + 1, ':') : nullptr;
    if (path == nullptr) continue;
    int limit = 0;
    if (path == controllers + 1) {
      limit = limit_of_path("/sys/fs/cgroup", path + 1);
    } else if (names_cpu_controller(controllers + 1, path)) {
      limit = limit_of_path("/sys/fs/cgroup/cpu", path + 1);
      if (limit == 0) limit = limit_of_path("/sys/fs/cgroup/cpu,cpuacct", path + 1);
    }
    if (limit > 0 && (tightest == 0 || limit < tightest)) tightest = limit;
  }
  return tightest;
}

}  // namespace tc::runtime
