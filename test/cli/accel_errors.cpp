// Devices, command streams and compiled programs of the accelerator used wrongly.
#include "error_cases.h"
#include "tc/isa/assembler.h"
#include "tc/runtime/accel/device.h"
#include "tc/runtime/accel/executable.h"

namespace tc::test {
namespace {

using accel::AccelDevice, accel::CommandStream, accel::Executable, accel::Kernel;
using isa::MemId, isa::Unit;

const Kernel kOne{{}, {}, {{0, 0, 0}}};

std::shared_ptr<AccelDevice> device() { return AccelDevice::make({}, 1 << 16).value(); }

ErrorCase on_device(std::string code, std::string doing, std::function<runtime::Status(AccelDevice&)> run) {
  return {std::move(code), std::move(doing), [run = std::move(run)] {
            const auto d = device();
            if (const runtime::Status s = run(*d); !s.ok()) throw ErrorText{s.text};
          }};
}

ErrorCase on_stream(std::string code, std::string doing, std::function<Check(CommandStream&)> run) {
  return {std::move(code), std::move(doing), [run = std::move(run)] {
            CommandStream s = CommandStream::make({}, 20).value();
            if (const Check e = run(s)) throw *e;
          }};
}

// C = A, of 16 bytes each.
Executable copy() {
  return Executable::load(device(),
                          isa::assemble(".dram 64\n.region A input 0 16 i8 16\n.region C output 16 16 i8 "
                                        "16\n.code\nfinish\n")
                              .value())
      .value();
}

ErrorCase argument(std::string doing, std::vector<std::string> names, size_t bytes) {
  return {"runtime.accel.argument", std::move(doing), [names = std::move(names), bytes] {
            const std::vector<uint8_t> a(bytes);
            std::vector<accel::Input> inputs;
            for (const std::string& name : names) inputs.push_back({name, a});
            (void)copy().run(inputs, {}).value();
          }};
}

}  // namespace

ErrorFamily accel_errors() {
  return {"runtime_accel",
          {
              on_device("runtime.device.size", "allocate -1 bytes",
                        [](AccelDevice& d) {
                          uint64_t at = 0;
                          return d.allocate(-1, 1, &at);
                        }),
              on_device("runtime.device.memory", "allocate 1 MiB of a device of 64 KiB",
                        [](AccelDevice& d) {
                          uint64_t at = 0;
                          return d.allocate(int64_t{1} << 20, 64, &at);
                        }),
              on_device("runtime.device.free", "free an address twice",
                        [](AccelDevice& d) {
                          uint64_t at = 0;
                          (void)d.allocate(16, 16, &at);
                          (void)d.free(at);
                          return d.free(at);
                        }),
              on_device("runtime.device.range", "copy 17 bytes into a block of 16",
                        [](AccelDevice& d) {
                          uint64_t at = 0;
                          (void)d.allocate(16, 16, &at);
                          const uint8_t bytes[17] = {};
                          return d.copy_to_device(at, bytes, 17);
                        }),
              on_stream("runtime.accel.align", "s.load({.mem = MemId::inp, .dram = 12, .cols = 1})",
                        [](CommandStream& s) { return s.load({.mem = MemId::inp, .dram = 12, .cols = 1}); }),
              on_stream("runtime.accel.mem", "s.load({.mem = MemId::uop, .cols = 1})",
                        [](CommandStream& s) { return s.load({.mem = MemId::uop, .cols = 1}); }),
              on_stream("runtime.accel.pad", "s.load({.cols = 0, .pad_left = 1})",
                        [](CommandStream& s) { return s.load({.cols = 0, .pad_left = 1}); }),
              {"runtime.accel.kernel", "a kernel with a third loop",
               [] {
                 accel::KernelRecorder r;
                 for (int i = 0; i < 3; ++i)
                   if (const Check e = r.begin_loop({2})) throw *e;
               }},
              on_stream("runtime.accel.uops", "an ALU kernel of more micro-ops in loops than UOP holds",
                        [](CommandStream& s) {
                          Kernel k{{2}, {2}, {}};
                          const size_t depth = isa::MachineConfig().uop_depth;
                          for (uint32_t i = 0; i <= depth; ++i) k.uops.push_back({i * i % 64, i % 64, 0});
                          return s.alu(isa::AluOp::add, k);
                        }),
              on_stream("runtime.accel.token", "s.push(Unit::load, Unit::store)",
                        [](CommandStream& s) { return s.push(Unit::load, Unit::store); }),
              {"runtime.accel.token", "a push without a pop, at the end of the stream",
               [] {
                 CommandStream s = CommandStream::make({}).value();
                 (void)s.push(Unit::load, Unit::compute);
                 (void)s.finish(0, 64).value();
               }},
              on_stream("runtime.accel.limit", "more instructions than the stream was made for",
                        [](CommandStream& s) {
                          Check e;
                          for (int i = 0; i < 100 && !e; ++i) e = s.load({.cols = 1});
                          return e;
                        }),
              {"runtime.accel.machine", "load a program for blocks of 32 into a device with blocks of 16",
               [] {
                 isa::Program p = isa::assemble(".config block_in=32 block_out=32\n.code\nfinish\n").value();
                 (void)Executable::load(device(), p).value();
               }},
              argument("run without the input", {}, 16),
              argument("run with an input B", {"A", "B"}, 16),
              argument("run with 12 bytes for A", {"A"}, 12),
          }};
}

}  // namespace tc::test
