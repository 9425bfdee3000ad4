#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tc/autotune/log.h"

namespace tc::autotune {
namespace {

Error failed(const char* code, std::string_view what, const std::string& path) {
  return Error(code, fmt::format("cannot {} the log {}", what, path))
      .fact("reason", std::strerror(errno))
      .fix("name a file in a folder that may be written, on a disk with room");
}

/// The file's advisory lock, for one append. Waiting is bounded by other
/// writers' single writes; a killed writer's lock goes with it.
class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {
    while (::flock(fd_, LOCK_EX) != 0)
      if (errno != EINTR) {
        fd_ = -1;
        return;
      }
  }
  ~FileLock() {
    if (fd_ >= 0) ::flock(fd_, LOCK_UN);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  [[nodiscard]] bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

int open_log(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// Reads the bytes after the last newline; `start` is where they begin.
bool read_tail(int fd, off_t size, std::string& tail, off_t& start) {
  char block[1 << 14];
  tail.clear();
  for (start = size; start > 0;) {
    const auto want = static_cast<size_t>(std::min<off_t>(start, sizeof block));
    if (::pread(fd, block, want, start - static_cast<off_t>(want)) != static_cast<ssize_t>(want))
      return false;
    for (size_t i = want; i > 0; --i)
      if (block[i - 1] == '\n') {
        tail.insert(0, block + i, want - i);
        start -= static_cast<off_t>(want - i);
        return true;
      }
    tail.insert(0, block, want);
    start -= static_cast<off_t>(want);
  }
  return true;
}

}  // namespace

LogWriter::LogWriter(LogWriter&& o) noexcept
    : path_(std::move(o.path_)), fd_(std::exchange(o.fd_, -1)), warnings_(std::move(o.warnings_)) {}

LogWriter& LogWriter::operator=(LogWriter&& o) noexcept {
  std::swap(path_, o.path_);
  std::swap(fd_, o.fd_);
  std::swap(warnings_, o.warnings_);
  return *this;
}

LogWriter::~LogWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Expected<LogWriter> LogWriter::open(const std::string& path) {
  const int fd = open_log(path);
  if (fd < 0) return failed("log.open", "open", path);
  LogWriter writer(path, fd);
  const FileLock lock(fd);
  if (!lock.held()) return failed("log.open", "lock", path);
  if (Check e = writer.set_torn_tail_aside()) return *e;
  return writer;
}

/// A merge replaces the file by a rename: go on with the new one.
Check LogWriter::reopen_if_replaced() {
  struct stat open_file{}, named{};
  if (::fstat(fd_, &open_file) == 0 && ::stat(path_.c_str(), &named) == 0 &&
      open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev)
    return std::nullopt;
  const int fd = open_log(path_);
  if (fd < 0) return failed("log.open", "reopen", path_);
  ::close(std::exchange(fd_, fd));
  return std::nullopt;
}

/// Holding the lock, a file that does not end in a newline was left by a writer
/// that was stopped in its write. If only the newline is missing it is added.
Check LogWriter::set_torn_tail_aside() {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) return failed("log.open", "inspect", path_);
  char last = '\n';
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode))  // a pipe would block the reader
    return Error("log.open", fmt::format("cannot open the log {}", path_))
        .fact("reason", "it is no regular file");
  if (info.st_size == 0 || !S_ISREG(info.st_mode) ||
      (::pread(fd_, &last, 1, info.st_size - 1) == 1 && last == '\n'))
    return std::nullopt;
  std::string tail;
  off_t start = 0;
  if (!read_tail(fd_, info.st_size, tail, start)) return failed("log.open", "read", path_);
  if (record_from_line(tail)) {
    if (!write_all(fd_, "\n")) return failed("log.write", "write to", path_);
    return std::nullopt;
  }
  const std::string aside = path_ + ".torn";
  const int torn = open_log(aside);
  if (torn < 0) return failed("log.open", "open", aside);
  const bool saved = write_all(torn, tail + "\n") && ::fdatasync(torn) == 0;
  ::close(torn);
  if (!saved) return failed("log.write", "write to", aside);
  if (::ftruncate(fd_, start) != 0) return failed("log.write", "repair", path_);
  warnings_.push_back(
      fmt::format("the last line of {} was torn ({} bytes); it was moved to {}", path_, tail.size(), aside));
  return std::nullopt;
}

Check LogWriter::append(const Record& record) {
  const std::string line = to_line(record) + "\n";
  // A merge may replace the file between the look and the lock; then look again.
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (Check e = reopen_if_replaced()) return e;
    const int fd = fd_;
    const FileLock lock(fd);
    if (!lock.held()) return failed("log.write", "lock", path_);
    struct stat open_file{}, named{};
    if (::fstat(fd, &open_file) != 0 || ::stat(path_.c_str(), &named) != 0 ||
        open_file.st_ino != named.st_ino)
      continue;
    if (Check e = set_torn_tail_aside()) return e;
    if (::fstat(fd, &open_file) != 0) return failed("log.write", "inspect", path_);
    ssize_t n;
    do n = ::write(fd, line.data(), line.size());
    while (n < 0 && errno == EINTR);
    if (n != static_cast<ssize_t>(line.size())) {
      Error error = failed("log.write", "write to", path_);
      if (n >= 0)
        error = Error("log.write", fmt::format("the disk under {} is full", path_))
                    .fix("make room, or log elsewhere");
      // Leave no half line behind; if this fails too, the next open repairs it.
      if (n > 0 && ::ftruncate(fd, open_file.st_size) != 0) return error;
      return error;
    }
    if (::fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS) return failed("log.write", "flush", path_);
    return std::nullopt;
  }
  return Error("log.write", fmt::format("{} is being replaced over and over", path_))
      .fix("let one program merge or edit the log at a time");
}

}  // namespace tc::autotune
