#include "tc/runtime/accel/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "dma_span.h"
#include "tc/isa/assembler.h"

namespace tc::accel {

using runtime::Status;

namespace {

Status status_of(const Check& error) { return error ? Status{error->code(), error->str()} : Status{}; }

}  // namespace

AccelDevice::AccelDevice(const isa::MachineConfig& config, sim::Dram dram)
    : config_(config), allocator_(dram.size()), dram_(std::move(dram)) {}

Expected<std::shared_ptr<AccelDevice>> AccelDevice::make(const isa::MachineConfig& config,
                                                         uint64_t dram_bytes) {
  if (Check error = isa::validate(config)) return *error;
  Expected<sim::Dram> dram = sim::Dram::make(dram_bytes);
  if (!dram) return dram.error();
  return std::shared_ptr<AccelDevice>(new AccelDevice(config, std::move(dram).value()));
}

// ---- memory

Expected<uint64_t> AccelDevice::allocate(uint64_t bytes, uint64_t alignment) {
  const std::lock_guard lock(mutex_);
  return allocator_.allocate(bytes, alignment);
}

Check AccelDevice::release(uint64_t address) {
  const std::lock_guard lock(mutex_);
  return allocator_.free(address);
}

uint64_t AccelDevice::memory_used() const {
  const std::lock_guard lock(mutex_);
  return allocator_.used();
}

Status AccelDevice::allocate(int64_t bytes, int64_t alignment, uint64_t* address) {
  if (bytes < 0 || alignment < 1)
    return status_of(Error("runtime.device.size",
                           fmt::format("{} bytes with alignment {} cannot be allocated", bytes, alignment))
                         .fix("give 0 or more bytes and an alignment of 1 or more"));
  const Expected<uint64_t> block = allocate(static_cast<uint64_t>(bytes), static_cast<uint64_t>(alignment));
  if (!block) return status_of(block.error());
  *address = block.value();
  return {};
}

Status AccelDevice::free(uint64_t address) { return status_of(release(address)); }

Status AccelDevice::copy_to_device(uint64_t to, const void* from, int64_t bytes) {
  if (bytes < 0)
    return status_of(
        Error("runtime.device.range", "a copy cannot have a negative size").fix("give 0 or more bytes"));
  const std::lock_guard lock(mutex_);
  return status_of(write({to, {static_cast<const uint8_t*>(from), static_cast<size_t>(bytes)}}));
}

Status AccelDevice::copy_to_host(void* to, uint64_t from, int64_t bytes) {
  if (bytes < 0)
    return status_of(
        Error("runtime.device.range", "a copy cannot have a negative size").fix("give 0 or more bytes"));
  const std::lock_guard lock(mutex_);
  if (Check error = allocator_.check(from, static_cast<uint64_t>(bytes))) return status_of(error);
  if (bytes > 0) std::memcpy(to, dram_.bytes().data() + from, static_cast<size_t>(bytes));
  return {};
}

Status AccelDevice::synchronize() {
  const std::lock_guard lock(mutex_);  // held while a program runs
  return {};
}

Check AccelDevice::write(const Write& write) {
  if (Check error = allocator_.check(write.address, write.bytes.size())) return error;
  if (!write.bytes.empty())
    std::memcpy(dram_.bytes().data() + write.address, write.bytes.data(), write.bytes.size());
  return std::nullopt;
}

// ---- programs

// There is no other protection of what belongs to other queues.
Check AccelDevice::check_program(const isa::Program& program) const {
  if (!isa::same_encoding(program.config, config_))
    return Error("runtime.accel.machine", "the program is made for a machine of other sizes")
        .fact("program", isa::name_beside(program.config, config_))
        .fact("device", isa::name_beside(config_, program.config))
        .fact("differ in", isa::encoding_differences(program.config, config_))
        .fix("make the program for this machine, or load it into its own");
  for (size_t i = 0; i < program.insns.size(); ++i) {
    const auto span = dma_span(program.insns[i], config_);
    if (!span) continue;
    if (Check error = allocator_.check(span->begin, span->end - span->begin))
      return std::move(*error)
          .fact("at", fmt::format("instruction {}", i))
          .fact("insn", isa::disassemble(program.insns[i]))
          .fix("allocate the memory of a program, and keep it until it has run");
  }
  return std::nullopt;
}

Expected<sim::RunResult> AccelDevice::run(const isa::Program& program, std::span<const Write> before,
                                          std::span<const Read> after, const sim::RunOptions& options) {
  const std::lock_guard lock(mutex_);
  if (Check error = check_program(program)) return *error;
  for (const Read& read : after)
    if (Check error = allocator_.check(read.address, read.bytes.size())) return *error;
  for (const isa::Segment& segment : program.segments)
    if (Check error = write({segment.address, segment.bytes})) return *error;
  for (const Write& w : before)
    if (Check error = write(w)) return *error;
  Expected<sim::RunResult> result = [&] {
    if (program.config == config_) return sim::run(program, dram_, options);
    isa::Program own = program;
    own.config = config_;
    return sim::run(own, dram_, options);
  }();
  if (!result) return result;
  for (const Read& read : after)
    if (!read.bytes.empty())
      std::memcpy(read.bytes.data(), dram_.bytes().data() + read.address, read.bytes.size());
  return result;
}

// ---- queues

Expected<Queue> Queue::make(std::shared_ptr<AccelDevice> device, size_t max_insns) {
  Expected<CommandStream> stream = CommandStream::make(device->config(), max_insns);
  if (!stream) return stream.error();
  return Queue(std::move(device), std::move(stream).value());
}

Expected<Completed> Queue::synchronize(const sim::RunOptions& options) {
  Expected<Completed> completed = run_recorded(options);
  stream_.clear();
  return completed;
}

Expected<Completed> Queue::run_recorded(const sim::RunOptions& options) {
  const auto bytes = static_cast<uint64_t>(stream_.uop_bytes());
  const Expected<uint64_t> uops = device_->allocate(bytes, isa::MachineConfig::uop_bytes());
  if (!uops) return uops.error();
  Expected<Completed> completed = [&]() -> Expected<Completed> {
    Expected<isa::Program> program =
        stream_.finish(static_cast<int64_t>(uops.value()), static_cast<int64_t>(uops.value() + bytes));
    if (!program) return program.error();
    Expected<sim::RunResult> result = device_->run(program.value(), {}, {}, options);
    if (!result) return result.error();
    return Completed{std::move(program).value(), std::move(result).value()};
  }();
  TC_ASSERT(!device_->release(uops.value()));
  return completed;
}

}  // namespace tc::accel
