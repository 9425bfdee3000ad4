#include "tc/codegen/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <list>
#include <unordered_map>
#include <vector>

#include "fingerprint.h"

namespace tc::codegen {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kMagic = "tc object 1\n";
constexpr std::string_view kSuffix = ".tco";
constexpr size_t kKeyDigits = 32;
constexpr size_t kHeadBytes = kMagic.size() + 2 * (kKeyDigits + 1);

// magic, key, digest of the object, object
std::string entry_bytes(const std::string& key, const std::string& object) {
  return std::string(kMagic) + key + "\n" + digest(object) + "\n" + object;
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// The object of a whole, undamaged entry for `key` that only this user can have written.
std::shared_ptr<const std::string> read_entry(const std::string& path, const std::string& key) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  struct stat info{};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode)) return nullptr;
  if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return nullptr;
  const auto size = static_cast<size_t>(info.st_size);
  if (size < kHeadBytes || size > (1u << 30)) return nullptr;
  std::string head(kHeadBytes, '\0');
  auto object = std::make_shared<std::string>(size - kHeadBytes, '\0');
  if (::pread(file.fd, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) return nullptr;
  if (::pread(file.fd, object->data(), object->size(), kHeadBytes) != static_cast<ssize_t>(object->size()))
    return nullptr;
  if (head != std::string(kMagic) + key + "\n" + digest(*object) + "\n") return nullptr;
  ::futimens(file.fd, nullptr);  // used now: trimming removes what was unused longest
  return object;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// One private file, one rename: readers never see half an entry.
bool write_entry(const std::string& directory, const std::string& path, const std::string& bytes) {
  static std::atomic<uint64_t> counter{0};
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) {
    fs::create_directories(fs::path(directory).parent_path(), ignored);
    ::mkdir(directory.c_str(), 0700);
  }
  const std::string staged =
      directory + "/.stage-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  bool ok = false;
  {
    const Descriptor file{::open(staged.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (file.fd < 0) return false;
    ok = write_all(file.fd, bytes);
  }
  if (ok && ::rename(staged.c_str(), path.c_str()) == 0) return true;
  ::unlink(staged.c_str());
  return false;
}

}  // namespace

// Least recently used first.
struct ObjectCache::Memory {
  struct Entry {
    std::string key;
    std::shared_ptr<const std::string> object;
    std::shared_ptr<const void> loaded;
  };
  std::list<Entry> order;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
  int64_t bytes = 0;

  void add(const std::string& key, std::shared_ptr<const std::string> object,
           std::shared_ptr<const void> loaded, int64_t most) {
    remove(key);
    bytes += static_cast<int64_t>(object->size());
    order.push_back({key, std::move(object), std::move(loaded)});
    by_key[key] = std::prev(order.end());
    while (bytes > most && !order.empty()) remove(std::string(order.front().key));
  }
  void remove(const std::string& key) {
    const auto it = by_key.find(key);
    if (it == by_key.end()) return;
    bytes -= static_cast<int64_t>(it->second->object->size());
    order.erase(it->second);
    by_key.erase(it);
  }
};

ObjectCache::ObjectCache(Options options)
    : options_(std::move(options)), memory_(std::make_unique<Memory>()) {}
ObjectCache::~ObjectCache() = default;

std::string ObjectCache::default_directory() {
  if (const char* own = std::getenv("TC_CACHE_DIR")) return own;
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return std::string(xdg) + "/tc";
  if (const char* home = std::getenv("HOME"); home && *home) return std::string(home) + "/.cache/tc";
  return "";
}

std::shared_ptr<ObjectCache> ObjectCache::shared() {
  static const auto cache = std::make_shared<ObjectCache>(Options{default_directory()});
  return cache;
}

std::string ObjectCache::path_of(const std::string& key) const {
  return options_.directory + "/" + key + std::string(kSuffix);
}

std::optional<ObjectCache::Hit> ObjectCache::find(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = memory_->by_key.find(key); it != memory_->by_key.end()) {
      memory_->order.splice(memory_->order.end(), memory_->order, it->second);
      return Hit{it->second->object, it->second->loaded, false};
    }
  }
  if (options_.directory.empty()) return std::nullopt;
  auto object = read_entry(path_of(key), key);
  if (!object) return std::nullopt;
  return Hit{std::move(object), nullptr, true};
}

void ObjectCache::attach(const std::string& key, std::shared_ptr<const std::string> object,
                         std::shared_ptr<const void> loaded) {
  const std::lock_guard lock(mutex_);
  memory_->add(key, std::move(object), std::move(loaded), options_.max_memory_bytes);
}

void ObjectCache::put(const std::string& key, std::shared_ptr<const std::string> object,
                      std::shared_ptr<const void> loaded) {
  attach(key, object, std::move(loaded));
  if (options_.directory.empty()) return;
  if (!write_entry(options_.directory, path_of(key), entry_bytes(key, *object))) return;
  bool trim = false;
  {
    const std::lock_guard lock(mutex_);
    bytes_since_trim_ += static_cast<int64_t>(object->size());
    trim = !trimmed_once_ || bytes_since_trim_ > options_.max_disk_bytes / 8;
    if (trim) bytes_since_trim_ = 0;
    trimmed_once_ = true;
  }
  if (trim) trim_disk();
}

void ObjectCache::clear_memory() {
  const std::lock_guard lock(mutex_);
  *memory_ = {};
}

// Down to three quarters of the bound, oldest first; other processes may do the
// same at the same time. Staged files that a killed process left go after a day.
void ObjectCache::trim_disk() {
  struct File {
    fs::path path;
    fs::file_time_type used;
    int64_t bytes;
  };
  std::vector<File> files;
  int64_t total = 0;
  std::error_code e;
  for (fs::directory_iterator it(options_.directory, e), end; !e && it != end; it.increment(e)) {
    const std::string name = it->path().filename().string();
    std::error_code gone;
    const auto used = it->last_write_time(gone);
    if (gone) continue;
    if (name.rfind(".stage-", 0) == 0) {
      if (fs::file_time_type::clock::now() - used > std::chrono::hours(24)) fs::remove(it->path(), gone);
      continue;
    }
    if (it->path().extension() != kSuffix) continue;
    const auto bytes = static_cast<int64_t>(it->file_size(gone));
    if (gone) continue;
    files.push_back({it->path(), used, bytes});
    total += bytes;
  }
  if (total <= options_.max_disk_bytes) return;
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& f : files) {
    if (total <= options_.max_disk_bytes / 4 * 3) break;
    std::error_code gone;
    if (fs::remove(f.path, gone)) total -= f.bytes;
  }
}

}  // namespace tc::codegen
