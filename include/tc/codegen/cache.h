// Compiled objects, kept by what they were compiled from: in memory, and on
// disk across processes. Nothing here knows what an object contains.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace tc::codegen {

/// A store of objects on disk with a layer in memory above it. An entry is
/// staged in a private file and published with one rename, so readers see whole
/// entries or none; one that is damaged, truncated, of another key, or that
/// another user may have written, counts as absent and is replaced. Every
/// failure of the disk is silent: a cache that cannot work is no cache.
class ObjectCache {
 public:
  struct Options {
    std::string directory;                 ///< "": no layer on disk
    int64_t max_disk_bytes = 512ll << 20;  ///< beyond it the longest unused entries go
    int64_t max_memory_bytes = 64ll << 20;
  };
  explicit ObjectCache(Options options);
  ~ObjectCache();
  ObjectCache(const ObjectCache&) = delete;
  ObjectCache& operator=(const ObjectCache&) = delete;

  /// The cache of this process: in $TC_CACHE_DIR, else $XDG_CACHE_HOME/tc, else
  /// ~/.cache/tc; TC_CACHE_DIR="" keeps it in memory only.
  [[nodiscard]] static std::shared_ptr<ObjectCache> shared();
  /// Where shared() looks, from the environment as it is now.
  [[nodiscard]] static std::string default_directory();

  struct Hit {
    std::shared_ptr<const std::string> object;
    std::shared_ptr<const void> loaded;  ///< what attach() gave, or null
    bool from_disk = false;
  };
  [[nodiscard]] std::optional<Hit> find(const std::string& key);
  /// Publishes `object` in both layers; `loaded` is kept in memory beside it.
  void put(const std::string& key, std::shared_ptr<const std::string> object,
           std::shared_ptr<const void> loaded);
  /// Keeps `loaded` beside an entry that find() got from the disk.
  void attach(const std::string& key, std::shared_ptr<const std::string> object,
              std::shared_ptr<const void> loaded);
  void clear_memory();

  [[nodiscard]] const Options& options() const { return options_; }
  /// The file of an entry, whether it exists or not.
  [[nodiscard]] std::string path_of(const std::string& key) const;

 private:
  struct Memory;
  void trim_disk();
  Options options_;
  std::unique_ptr<Memory> memory_;
  std::mutex mutex_;
  int64_t bytes_since_trim_ = 0;
  bool trimmed_once_ = false;
};

}  // namespace tc::codegen
