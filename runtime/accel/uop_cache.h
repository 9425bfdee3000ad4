// Which micro-ops the UOP scratchpad holds while a stream is recorded. Kernels are
// known by their contents, wherever they were recorded. The scratchpad is filled as a
// ring: what is loaded overwrites what was loaded longest ago.
//
// Overwriting is safe without tokens: micro-op loads and the GEMM and ALU instructions
// that read micro-ops all run on compute, which runs one instruction after the other in
// program order, so a kernel's last use is done before a later load begins; and
// no other unit touches UOP.
// Private to runtime/accel.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace tc::accel {

class UopCache {
 public:
  explicit UopCache(int64_t depth) : depth_(static_cast<uint32_t>(depth)) {}

  struct Place {
    uint32_t sram, pool;  // first micro-op in the scratchpad and in the pool
    bool load;            // it is not there yet
  };
  /// Room for a kernel of 1 to depth micro-ops.
  Place place(const std::vector<uint32_t>& words);

  /// All kernels, each once: what DRAM must hold.
  [[nodiscard]] const std::vector<uint32_t>& pool() const { return pool_; }

 private:
  struct Entry {
    uint32_t pool = 0, count = 0;
    bool known = false, resident = false;
    uint32_t sram = 0;
  };
  struct Hash {
    size_t operator()(const std::vector<uint32_t>& words) const;
  };
  uint32_t depth_, next_ = 0;
  std::vector<uint32_t> pool_;
  std::unordered_map<std::vector<uint32_t>, Entry, Hash> entries_;
  std::map<uint32_t, Entry*> residents_;  // by place; entries do not move
};

}  // namespace tc::accel
