#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tc/autotune/log.h"

namespace tc::autotune {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // of UTF-8

/// Hands out the lines of a file one by one and never holds more than max_line bytes.
class LineReader {
 public:
  LineReader(int fd, size_t max_line) : fd_(fd), max_line_(max_line) {}

  enum class Got { line, too_long, end, failed };
  /// The next line into `out`, without its newline; `torn` says that it had none.
  Got next(std::string& out, bool& torn) {
    out.clear();
    torn = false;
    bool too_long = false, any = false;
    for (;;) {
      if (at_ == filled_) {
        const ssize_t n = read_some();
        if (n < 0) return Got::failed;
        if (n == 0) {
          torn = any;
          return !any ? Got::end : too_long ? Got::too_long : Got::line;
        }
      }
      any = true;
      const char* start = buffer_ + at_;
      const auto* newline = static_cast<const char*>(std::memchr(start, '\n', filled_ - at_));
      const size_t n = newline ? static_cast<size_t>(newline - start) : filled_ - at_;
      if (out.size() + n > max_line_)
        too_long = true;
      else if (!too_long)
        out.append(start, n);
      at_ += n + (newline ? 1 : 0);
      if (newline) return too_long ? Got::too_long : Got::line;
    }
  }

 private:
  ssize_t read_some() {
    ssize_t n;
    do n = ::read(fd_, buffer_, sizeof buffer_);
    while (n < 0 && errno == EINTR);
    at_ = 0;
    filled_ = n > 0 ? static_cast<size_t>(n) : 0;
    return n;
  }

  int fd_;
  size_t max_line_, at_ = 0, filled_ = 0;
  char buffer_[1 << 16];
};

/// Devices such as /dev/zero have no end; /dev/null is an empty log.
bool is_endless(int fd) {
  struct stat file{}, null{};
  return ::fstat(fd, &file) == 0 && S_ISCHR(file.st_mode) &&
         !(::stat("/dev/null", &null) == 0 && null.st_rdev == file.st_rdev);
}

}  // namespace

std::string BadLine::str() const { return fmt::format("{}:{}: {}", file, line, reason); }

Expected<LogFile> read_log(const std::string& path, const LogLimits& limits) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const bool missing = errno == ENOENT;
    Error error = Error(missing ? "log.missing" : "log.read", fmt::format("cannot read the log {}", path))
                      .fact("reason", std::strerror(errno));
    if (!missing) return std::move(error).fix("name a file of records that may be read");
    return std::move(error).fix(
        "tune into it first (tensorc tune --log, tc.tune(w, log=...)), or build without a log");
  }
  if (is_endless(fd)) {
    ::close(fd);
    return Error("log.read", fmt::format("cannot read the log {}", path))
        .fact("reason", "it is a device")
        .fix("name a file of records");
  }
  LogFile file;
  const auto bad = [&](std::string code, std::string reason) {
    ++file.bad_lines;
    if (file.bad.size() < limits.max_bad)
      file.bad.push_back({path, file.lines, std::move(code), std::move(reason)});
  };
  auto reader = std::make_unique<LineReader>(fd, limits.max_line);
  std::string line;
  Check failed;
  for (bool torn = false;;) {
    const LineReader::Got got = reader->next(line, torn);
    if (got == LineReader::Got::end) break;
    if (got == LineReader::Got::failed) {
      failed = Error("log.read", fmt::format("cannot read the log {}", path))
                   .fact("reason", std::strerror(errno))
                   .fix("copy it to a disk that can be read, or build without a log");
      break;
    }
    ++file.lines;
    if (got == LineReader::Got::too_long) {
      bad("log.size", fmt::format("the line is longer than {} bytes", limits.max_line));
      continue;
    }
    // What editors and other systems add, and what no record begins or ends with.
    if (file.lines == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (file.records.size() >= limits.max_records) {
      bad("log.size",
          fmt::format("the log holds more than {} records; the rest is not read", limits.max_records));
      break;
    }
    Expected<Record> record = record_from_line(line, limits.max_depth);
    if (record)
      file.records.push_back(std::move(record.value()));
    else
      bad(record.error().code(),
          torn ? "the last line is torn: its writer was stopped" : record.error().message());
  }
  ::close(fd);
  if (failed) return *failed;
  return file;
}

}  // namespace tc::autotune
