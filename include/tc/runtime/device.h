// Memory of a device as the host sees it: what the CPU and the accelerator share.
// Running programs differs and is not here: tc/runtime/module.h and
// tc/runtime/accel/device.h.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "tc/runtime/status.h"

namespace tc::runtime {

/// One device. Calls from several threads are allowed; each is done when it returns.
/// A call that is refused changes nothing.
class Device {
 public:
  virtual ~Device() = default;
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// "cpu", or the name of the machine.
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// A block of memory; its address is a multiple of `alignment`, which need not be a
  /// power of two. The contents are undefined. A block of 0 bytes has an address of its
  /// own, too. Errors: runtime.device.size (negative bytes, an alignment that is not
  /// positive or too large), runtime.device.memory (too little left, with the numbers).
  virtual Status allocate(int64_t bytes, int64_t alignment, uint64_t* address) = 0;
  /// Gives a block back. Error runtime.device.free where no block begins there: it was
  /// given back before, or was never allocated here.
  virtual Status free(uint64_t address) = 0;

  // Copies of bytes that lie in one block; of 0 bytes anywhere.
  // Error runtime.device.range.
  virtual Status copy_to_device(uint64_t to, const void* from, int64_t bytes) = 0;
  virtual Status copy_to_host(void* to, uint64_t from, int64_t bytes) = 0;

  /// Returns when everything that was begun before is done.
  virtual Status synchronize() = 0;
};

/// The memory of the process: addresses are pointers.
[[nodiscard]] std::unique_ptr<Device> make_cpu_device();

}  // namespace tc::runtime
