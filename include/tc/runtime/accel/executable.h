// A compiled program on a device, called with arguments by name: what is left of the
// compiler once a program was saved (tc/isa/program.h has the file).
#pragma once
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tc/runtime/accel/device.h"

namespace tc::accel {

/// The bytes of an argument, laid out as its region says.
struct Input {
  std::string_view name;
  std::span<const uint8_t> bytes;
};
struct Output {
  std::string_view name;
  std::span<uint8_t> bytes;
};

/// Holds one block of the device's memory, in which the program has its addresses.
/// Several threads may run it at once: a run is one step of the device.
class Executable {
 public:
  /// Takes memory for the program and writes its segments. Errors: those of
  /// isa::validate; runtime.accel.machine; sim.dram, for an instruction that leaves the
  /// program's own memory; runtime.device.memory.
  [[nodiscard]] static Expected<Executable> load(std::shared_ptr<AccelDevice> device,
                                                 const isa::Program& program);
  /// The same from the bytes of a file; also the errors of isa::load.
  [[nodiscard]] static Expected<Executable> load(std::shared_ptr<AccelDevice> device, std::string_view file);
  /// Several programs of one machine on a device of their own, with room for all.
  [[nodiscard]] static Expected<std::vector<Executable>> load_all(std::span<const isa::Program> programs);
  Executable(Executable&& other) noexcept = default;
  Executable& operator=(Executable&& other) noexcept = default;

  /// The inputs and outputs, with their types and shapes; addresses count from the
  /// program's own 0.
  [[nodiscard]] std::span<const isa::Region> arguments() const { return arguments_; }

  /// Runs on these inputs. The result is a function of them alone: what the program
  /// itself writes has its first contents again before. Every input is needed; outputs
  /// may be left out. Errors: runtime.accel.argument (one is missing, unknown, given twice
  /// or has another size), and those of AccelDevice::run.
  [[nodiscard]] Expected<sim::RunResult> run(std::span<const Input> inputs, std::span<const Output> outputs,
                                             const sim::RunOptions& options = {}) const;

 private:
  /// A block of a device, given back at the end.
  struct Block {
    std::shared_ptr<AccelDevice> device;
    uint64_t address = 0;
    Block(std::shared_ptr<AccelDevice> d, uint64_t a) : device(std::move(d)), address(a) {}
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { (void)device->release(address); }
  };
  Executable() = default;
  [[nodiscard]] Expected<const isa::Region*> argument(std::string_view name, isa::RegionKind kind,
                                                      size_t bytes) const;

  std::unique_ptr<Block> block_;
  isa::Program program_;  // at its place in the device; segments are there
  std::vector<isa::Region> arguments_;
  struct Contents {
    uint64_t address;
    std::vector<uint8_t> bytes;
  };
  std::vector<Contents> first_;  // of what the program writes
};

}  // namespace tc::accel
