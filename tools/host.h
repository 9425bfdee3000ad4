// What the machine and the limits around this process are.
#pragma once
#include <string>
#include <vector>

namespace tc::cli {

/// As the kernel names it; "" where it does not.
[[nodiscard]] std::string cpu_model();
/// CPUs of this process's affinity mask.
[[nodiscard]] std::vector<int> allowed_cpus();
/// CPUs' worth of time that the cgroup allows; 0 where it sets no limit.
[[nodiscard]] double cgroup_cpus();
/// Bytes that the cgroup allows in all; 0 where it sets no limit.
[[nodiscard]] double cgroup_memory();
/// Bytes that can still be had: the machine's, or what is left of the cgroup's.
[[nodiscard]] double available_memory();
/// Files of the shared libraries loaded into this process.
[[nodiscard]] std::vector<std::string> loaded_libraries();

/// Binds the calling thread to the first CPU of the mask it had when made, and
/// lets it go again.
class BoundToOneCpu {
 public:
  BoundToOneCpu();
  ~BoundToOneCpu();
  BoundToOneCpu(const BoundToOneCpu&) = delete;
  BoundToOneCpu& operator=(const BoundToOneCpu&) = delete;
  void bind(bool on);

 private:
  std::vector<int> all_;
};

}  // namespace tc::cli
