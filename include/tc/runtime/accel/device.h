// The accelerator as a device: its memory, programs that run there, and queues that
// record and run. It is simulated (tc/sim); what is asked of it is what a board could do.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "tc/isa/program.h"
#include "tc/runtime/accel/allocator.h"
#include "tc/runtime/accel/stream.h"
#include "tc/runtime/device.h"
#include "tc/sim/run.h"

namespace tc::accel {

/// Bytes to write before a program runs, and to read after it.
struct Write {
  uint64_t address = 0;
  std::span<const uint8_t> bytes;
};
struct Read {
  uint64_t address = 0;
  std::span<uint8_t> bytes;
};

/// One machine with its memory. Any number of devices and of queues on one live beside
/// each other in a process; threads may call all of this at once. A device runs one
/// program at a time, and copies wait for it.
class AccelDevice final : public runtime::Device {
 public:
  static constexpr uint64_t kDefaultDram = uint64_t{64} << 20;
  /// Errors as isa::validate(config), and sim.dram.size for more than 1 GiB.
  [[nodiscard]] static Expected<std::shared_ptr<AccelDevice>> make(const isa::MachineConfig& config,
                                                                   uint64_t dram_bytes = kDefaultDram);

  [[nodiscard]] const isa::MachineConfig& config() const { return config_; }

  [[nodiscard]] std::string_view name() const override { return config_.name; }
  runtime::Status allocate(int64_t bytes, int64_t alignment, uint64_t* address) override;
  runtime::Status free(uint64_t address) override;
  runtime::Status copy_to_device(uint64_t to, const void* from, int64_t bytes) override;
  runtime::Status copy_to_host(void* to, uint64_t from, int64_t bytes) override;
  runtime::Status synchronize() override;
  // The same, with the errors of the compiler's side.
  [[nodiscard]] Expected<uint64_t> allocate(uint64_t bytes, uint64_t alignment);
  [[nodiscard]] Check release(uint64_t address);
  [[nodiscard]] uint64_t memory_used() const;

  /// Writes, runs a program whose addresses are the device's, reads: all or, after an
  /// error, part of it, and nothing of another thread in between. The chip
  /// starts with empty scratchpads and in the device's time, whatever the program's
  /// configuration says of that; segments are written as well. The device is as usable
  /// after an error as before. Errors: runtime.accel.machine (sizes differ),
  /// runtime.device.range (a write, a read, or DMA of an instruction, which is named, lies
  /// in no one block), and those of sim::run.
  [[nodiscard]] Expected<sim::RunResult> run(const isa::Program& program, std::span<const Write> before = {},
                                             std::span<const Read> after = {},
                                             const sim::RunOptions& options = {});

 private:
  AccelDevice(const isa::MachineConfig& config, sim::Dram dram);
  Check check_program(const isa::Program& program) const;
  Check write(const Write& write);

  isa::MachineConfig config_;
  mutable std::mutex mutex_;
  Allocator allocator_;
  sim::Dram dram_;
};

/// A program that has run. sim::chrome_trace and isa::disassemble show it.
struct Completed {
  isa::Program program;
  sim::RunResult result;
};

/// Records a program for a device and runs it. Queues are independent: they share the
/// device's memory and nothing else. One thread at a time uses a queue.
class Queue {
 public:
  [[nodiscard]] static Expected<Queue> make(std::shared_ptr<AccelDevice> device,
                                            size_t max_insns = size_t{1} << 22);

  [[nodiscard]] CommandStream& stream() { return stream_; }
  [[nodiscard]] AccelDevice& device() { return *device_; }

  /// Runs what was recorded, and empties the stream, also after an error. Errors:
  /// those of CommandStream::finish and AccelDevice::run; runtime.device.memory where no
  /// room is left for the micro-ops.
  [[nodiscard]] Expected<Completed> synchronize(const sim::RunOptions& options = {});

 private:
  Queue(std::shared_ptr<AccelDevice> device, CommandStream stream)
      : device_(std::move(device)), stream_(std::move(stream)) {}
  [[nodiscard]] Expected<Completed> run_recorded(const sim::RunOptions& options);
  std::shared_ptr<AccelDevice> device_;
  CommandStream stream_;
};

}  // namespace tc::accel
