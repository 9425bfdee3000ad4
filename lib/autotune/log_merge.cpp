#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unordered_set>

#include "tc/autotune/log.h"

namespace tc::autotune {
namespace {

Error failed(std::string_view what, const std::string& path) {
  return Error("log.write", fmt::format("cannot {} {}", what, path))
      .fact("reason", std::strerror(errno))
      .fix("name a file in a folder that may be written, on a disk with room");
}

/// Writes `text` beside `path` and renames it into place.
Check replace_file(const std::string& path, std::string_view text) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return failed("write beside", path);
  bool good = ::fchmod(fd, 0644) == 0;
  while (good && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) text.remove_prefix(static_cast<size_t>(n));
  }
  good = good && ::fdatasync(fd) == 0;
  ::close(fd);
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0) return std::nullopt;
  const Error error = failed("write", path);
  ::unlink(temporary.c_str());
  return error;
}

}  // namespace

Expected<MergedLog> merged_log(std::span<const std::string> inputs, const LogLimits& limits) {
  MergedLog out;
  std::unordered_set<std::string> seen;
  for (const std::string& path : inputs) {
    Expected<LogFile> file = read_log(path, limits);
    if (!file) return file.error();
    const std::vector<BadLine>& bad = file.value().bad;
    out.report.bad.insert(out.report.bad.end(), bad.begin(), bad.end());
    for (const Record& r : file.value().records) {
      if (!seen.insert(r.kind + "/" + r.id).second) {
        ++out.report.duplicates;
        continue;
      }
      out.text += to_line(r) + "\n";
      ++out.report.written;
    }
  }
  return out;
}

Expected<MergeReport> merge_logs(std::span<const std::string> inputs, const std::string& output,
                                 const LogLimits& limits) {
  // Held to the end, so that a writer of the output appends to the old file
  // before it is read or to the new one after, never to one that vanishes.
  const int lock = ::open(output.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return failed("open", output);
  if (::flock(lock, LOCK_EX) != 0) {
    ::close(lock);
    return failed("lock", output);
  }
  Expected<MergedLog> merged = merged_log(inputs, limits);
  const Check error = merged ? replace_file(output, merged.value().text) : merged.error();
  ::close(lock);
  if (error) return *error;
  return std::move(merged.value().report);
}

}  // namespace tc::autotune
