#include "tc/runtime/device.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "text.h"

namespace tc::runtime {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 47;

template <class... Values>
Status refusal(const char* code, const char* fix, const char* format, Values... values) {
  Text text;
  text.append("error[%s]: ", code);
  text.append(format, values...);
  text.append("\n  fix  %s", fix);
  return {code, text.c_str()};
}

unsigned long long shown(uint64_t address) { return address; }
long long shown(int64_t number) { return number; }

class CpuDevice final : public Device {
 public:
  ~CpuDevice() override {
    for (const auto& [address, block] : blocks_) std::free(block.memory);
  }

  [[nodiscard]] std::string_view name() const override { return "cpu"; }

  Status allocate(int64_t bytes, int64_t alignment, uint64_t* address) override {
    if (bytes < 0 || bytes > kMaxBytes || alignment < 1 || alignment > kMaxBytes)
      return refusal("runtime.device.size",
                     "give 0 or more bytes, 2^47 at most, and an alignment of 1 or more",
                     "%lld bytes with alignment %lld cannot be allocated", shown(bytes), shown(alignment));
    // malloc aligns to powers of two; any other alignment takes room to move in.
    const auto step = static_cast<uint64_t>(alignment);
    void* memory = std::malloc(static_cast<size_t>(bytes) + static_cast<size_t>(alignment));
    if (memory == nullptr)
      return refusal("runtime.device.memory", "give blocks back, or use smaller tensors",
                     "there is no memory for %lld bytes", shown(bytes));
    const uint64_t begin = (reinterpret_cast<uint64_t>(memory) + step - 1) / step * step;
    try {
      const std::lock_guard lock(mutex_);
      blocks_.emplace(begin, Block{memory, static_cast<uint64_t>(bytes)});
    } catch (const std::bad_alloc&) {
      std::free(memory);
      return refusal("runtime.device.memory", "give blocks back, or use smaller tensors",
                     "there is no memory for %lld bytes", shown(bytes));
    }
    *address = begin;
    return {};
  }

  Status free(uint64_t address) override {
    const std::lock_guard lock(mutex_);
    const auto block = blocks_.find(address);
    if (block == blocks_.end())
      return refusal("runtime.device.free", "free each address that allocate gave once",
                     "no block of the cpu begins at 0x%llx", shown(address));
    std::free(block->second.memory);
    blocks_.erase(block);
    return {};
  }

  Status copy_to_device(uint64_t to, const void* from, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    Status status = check(to, bytes);
    if (status.ok() && bytes > 0) std::memcpy(reinterpret_cast<void*>(to), from, static_cast<size_t>(bytes));
    return status;
  }

  Status copy_to_host(void* to, uint64_t from, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    Status status = check(from, bytes);
    if (status.ok() && bytes > 0) std::memcpy(to, reinterpret_cast<void*>(from), static_cast<size_t>(bytes));
    return status;
  }

  Status synchronize() override { return {}; }

 private:
  struct Block {
    void* memory;
    uint64_t bytes;
  };

  [[nodiscard]] Status check(uint64_t address, int64_t bytes) const {
    if (bytes == 0) return {};
    auto block = blocks_.upper_bound(address);
    if (bytes > 0 && block != blocks_.begin()) {
      --block;
      const uint64_t offset = address - block->first;
      if (offset <= block->second.bytes && static_cast<uint64_t>(bytes) <= block->second.bytes - offset)
        return {};
    }
    return refusal("runtime.device.range", "access fewer bytes, or allocate a larger block",
                   "%lld bytes from 0x%llx on do not lie inside one allocated block of the cpu", shown(bytes),
                   shown(address));
  }

  std::mutex mutex_;
  std::map<uint64_t, Block> blocks_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device() { return std::make_unique<CpuDevice>(); }

}  // namespace tc::runtime
