// The buffers of a device function: its parameters, in memory, and what it allocates in
// scratchpads.
#pragma once
#include <unordered_map>
#include <vector>

#include "tc/ir/stmt.h"
#include "tc/isa/config.h"
#include "tc/support/error.h"

namespace tc::accel {

/// The scratchpads whose places are planned.
enum class Pad : uint8_t { inp, wgt, acc };
inline constexpr int kPads = 3;
[[nodiscard]] std::string_view to_string(Pad pad);
/// Elements of a tile, and tiles that it holds and micro-ops reach.
[[nodiscard]] int64_t tile_elements(const isa::MachineConfig& config, Pad pad);
[[nodiscard]] int64_t depth_of(const isa::MachineConfig& config, Pad pad);

struct BufferInfo {
  ir::BufferRef ref;
  bool global = false;  // a parameter
  Pad pad = Pad::inp;   // of others
  int64_t elements = 1;
  std::vector<int64_t> strides;
  int64_t tile = 0, tiles = 0;  // of a scratchpad's
};

class Buffers {
 public:
  explicit Buffers(const isa::MachineConfig& config) : config_(config) {}
  [[nodiscard]] const isa::MachineConfig& config() const { return config_; }

  /// Errors codegen.accel.scope, codegen.accel.type, codegen.accel.shape.
  int add(const ir::BufferRef& ref, bool global);
  [[nodiscard]] int index(const ir::BufferRef& ref) const;
  [[nodiscard]] const BufferInfo& operator[](int i) const { return all_[static_cast<size_t>(i)]; }
  [[nodiscard]] size_t size() const { return all_.size(); }

 private:
  isa::MachineConfig config_;
  std::vector<BufferInfo> all_;
  std::unordered_map<const ir::Buffer*, int> index_;
};

}  // namespace tc::accel
